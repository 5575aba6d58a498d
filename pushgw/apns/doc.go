// Package apns sends pushes to Apple's devices over HTTP/2, with provider tokens
// signed from a .p8 key.
//
// Apple's service punishes what a plain HTTP client does: a cold connection that
// is given more than one push is closed, each refused push narrows its connection
// to one stream, and a provider token that changes often is refused. So the
// connections are kept in a pool of its own, a new one takes a single push until
// that was accepted, and there is one token per key in the whole process.
//
// It starts no goroutines of its own but those of its connections, which end with
// [Sender.Close].
package apns
