package social

import (
	"context"
	"time"
)

const (
	reachWithin = 10 * time.Second
	reachPage   = 1000 // streams
)

// Reach returns when Serve, here or elsewhere, has read all that was posted before the
// call, so that what was removed is in the index no longer. KindUnavailable where that
// takes more than some seconds. It looks at all streams.
func (x *Indexer) Reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, reachWithin, Errorf(KindUnavailable, "The index of search is far behind."))
	defer cancel()
	behind := map[StreamKey]uint64{} // where it is to be
	for after, n := StreamKey(0), reachPage; n == reachPage; {
		list, err := x.store.SearchLagging(ctx, after, reachPage)
		if err != nil {
			return err
		}
		for _, l := range list {
			behind[l.Stream], after = l.Head, l.Stream
		}
		n = len(list)
	}
	tick := time.NewTicker(indexPause / 2)
	defer tick.Stop()
	for len(behind) > 0 {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		if err := x.reached(ctx, behind); err != nil {
			return err
		}
	}
	return nil
}

// reached takes out what was read meanwhile, of some.
func (x *Indexer) reached(ctx context.Context, behind map[StreamKey]uint64) error {
	some := make([]StreamKey, 0, indexStreams)
	for stream := range behind {
		if some = append(some, stream); len(some) == indexStreams {
			break
		}
	}
	lags, err := x.store.SearchLags(ctx, some)
	if err != nil {
		return err
	}
	still := map[StreamKey]bool{}
	for _, l := range lags {
		still[l.Stream] = l.At < behind[l.Stream]
	}
	for _, stream := range some {
		if !still[stream] {
			delete(behind, stream)
		}
	}
	return nil
}
