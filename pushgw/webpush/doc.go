// Package webpush sends pushes to browsers, through the push service that each
// browser chose: RFC 8030 for the request, RFC 8291 for the encryption, RFC 8292
// (VAPID) for who sends it.
//
// Where a push goes is what somebody wrote into a registration, so [Allow] says
// which hosts may be asked at all, and addresses inside of the operator's network
// are refused when the connection is made, after the name was looked up. Nothing
// is redirected and no proxy is asked.
//
// It knows neither the queue nor the rules. It starts no goroutines but those of
// its connections, which [Sender.Close] ends.
package webpush
