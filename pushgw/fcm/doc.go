// Package fcm sends pushes through Firebase Cloud Messaging, to the Android app.
//
// Google's library builds and checks the message; the rest of it is kept out of
// the way. It would try a request that failed up to four times more, asleep in
// the middle of a call, and so send twice what Google had accepted when the
// answer was lost, for FCM knows no keys of repeats. Here a call of Send is one
// request: the transport keeps the answer for itself, and shows the library
// nothing that it would repeat. It also asks for the one scope that sending
// needs, where the library by itself asks for six.
//
// It knows neither the queue nor the rules. It starts no goroutines but those of
// its connections, which [Sender.Close] ends.
package fcm
