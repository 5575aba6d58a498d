package social

import (
	"context"
	"time"
)

// VAPIDStore keeps the private key that a site signs Web Pushes with.
type VAPIDStore interface {
	// KeepVAPID keeps made if there is no key yet, and returns the one that is kept:
	// of several servers that start at once, all get the same.
	KeepVAPID(ctx context.Context, made Secret, now time.Time) (Secret, error)
}
