// Package pushgw tells devices that are not connected what happened: through
// Apple (APNs), Google (FCM) and the push services of browsers (Web Push).
//
// Nothing here is written by whoever posts. A worker reads the log from a durable
// position of its own and keeps one waiting row per person and stream, however
// much is posted; when a row is due, everything that decides is asked again: may
// the person still read, has it read, has this device acknowledged. Only then a
// [Message] is made for each device, and handed to a [Sender]; its [Answer] says
// what becomes of the row and of the device.
package pushgw
