package social

import (
	"context"
	"errors"
	"time"
)

const (
	// looseLife is how long a file waits for the post that it is to hang on.
	looseLife = 24 * time.Hour
	// sweepEvery is how soon what a removed post had is removed: nobody reads it any
	// more from the moment of the removal on.
	sweepEvery = 2 * time.Second
	// sweepMost bounds what one turn removes.
	sweepMost = 200
)

// Serve removes the files of posts that are gone, and what was uploaded and never
// posted, until ctx ends.
func (as *Attachments) Serve(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := as.SweepAll(ctx); err != nil && ctx.Err() == nil {
			as.log.WarnContext(ctx, "removing files did not work; trying again", "err", err)
		}
	}
}

// SweepAll removes all files that are to go.
func (as *Attachments) SweepAll(ctx context.Context) error {
	for {
		if n, err := as.Sweep(ctx); err != nil || n < sweepMost {
			return err
		}
	}
}

// Sweep removes some of the files that are to go, and tells how many. The bytes go
// first: a row without them is found again, bytes without a row never are.
func (as *Attachments) Sweep(ctx context.Context) (int, error) {
	now := as.now()
	ids, err := as.store.RemovedAttachments(ctx, now.Add(-looseLife), now, sweepMost)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	var gone []ID
	var errs []error
	for _, id := range ids {
		err := errors.Join(as.blobs.RemoveAll(ctx, roomAttachments, id), as.blobs.RemoveAll(ctx, RoomThumbnails, id))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		gone = append(gone, id)
	}
	if len(gone) > 0 {
		errs = append(errs, as.store.ForgetAttachments(ctx, gone))
		as.removed.Add(uint64(len(gone)))
	}
	return len(ids), errors.Join(errs...)
}
