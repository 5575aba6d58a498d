// Package api is the REST interface under /v1: it decodes a request, calls one
// use case of package social or auth, and encodes the answer. What somebody may
// do is decided there and not here; this package knows HTTP, OpenAPI 3.1 and
// RFC 9457 problem details, and imports neither SQL nor MQTT.
//
// routes.go shows every route on one screen. What all of them share (who asks,
// limits, bodies, idempotency keys, problems) is done once around them, in the
// files named after it.
//
// The package starts no goroutines; handlers run on the HTTP server's.
package api
