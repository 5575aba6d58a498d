// Package auth says who somebody is: it checks passwords and tokens, issues and
// ends grants, and keeps the guessing of either slow.
//
// [Authority] is the whole of it for the transports. It knows no HTTP and no
// MQTT: the api turns its answers into OAuth's JSON, the hooks into CONNACK
// codes. What a known person may do is not asked here, only how much of it a
// credential carries ([social.Scopes]).
//
// Everything remembered is bounded, and right without being told only for
// minutes: whoever follows the journal of rights calls [Authority.Ended] and
// [Authority.Forget], and those make it exact. The package starts no
// goroutines; hashing runs on the callers', a few at once.
package auth
