package social

import "time"

// Replay is the remembered answer to a write that carried an idempotency key.
type Replay struct {
	Person PersonKey
	Key    [32]byte // hash of the client's key
	Digest [32]byte // of the method, path and body
	Status int      // of the answer; 0 while the first request is still at work
	Sealed []byte   // the answer, encrypted by its maker: it may hold a secret
	At     time.Time
}
