package broker

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"rambla/social"
)

// How the keeper writes.
const (
	keeperBatch  = 256              // writes in one transaction
	keeperWithin = 30 * time.Second // for one transaction
	keeperRetry  = 250 * time.Millisecond
)

// keeper writes sessions to the store, many in one transaction and in the order
// in which they were handed over, so that a claim reads what the session's last
// connection saved.
type keeper struct {
	store social.SessionStore
	log   *slog.Logger
	now   func() time.Time
	wake  chan struct{} // capacity 1

	// queue is bounded by what hands over: one save of each session at a time, its
	// last one, and one claim of each connection that is not in yet.
	mu    sync.Mutex // guards queue and over
	queue []keeping
	over  bool
}

// keeping is one write on its way.
type keeping struct {
	write social.SessionWrite
	// done is called once, by the keeper's goroutine, and must not wait for the
	// keeper; nil = nobody waits.
	done func(social.SessionWritten, error)
	// lasting: the write is tried again while the store is away. Others fail with it.
	lasting bool
}

func newKeeper(store social.SessionStore, log *slog.Logger, now func() time.Time) *keeper {
	return &keeper{store: store, log: log, now: now, wake: make(chan struct{}, 1)}
}

// submit hands a write over; it never waits. false: the keeper has stopped, and
// done is not called.
func (k *keeper) submit(w keeping) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.over {
		return false
	}
	k.queue = append(k.queue, w)
	select {
	case k.wake <- struct{}{}:
	default:
	}
	return true
}

func errStopping() error {
	return social.Errorf(social.KindUnavailable, "The server is shutting down.")
}

// do hands a write over and waits for it.
func (k *keeper) do(ctx context.Context, w social.SessionWrite) (social.SessionWritten, error) {
	type answer struct {
		out social.SessionWritten
		err error
	}
	ch := make(chan answer, 1)
	var settled atomic.Bool // by the answer, or by its coming too late
	accepted := k.submit(keeping{write: w, done: func(out social.SessionWritten, err error) {
		ch <- answer{out, err}
		if !settled.CompareAndSwap(false, true) && err == nil && out.Claimed != nil {
			k.giveUp(out.Claimed)
		}
	}})
	if !accepted {
		return social.SessionWritten{}, errStopping()
	}
	var a answer
	select {
	case a = <-ch:
	case <-ctx.Done():
		if settled.CompareAndSwap(false, true) {
			return social.SessionWritten{}, context.Cause(ctx)
		}
		a = <-ch
	}
	if a.err == nil {
		a.err = a.out.Err
	}
	return a.out, a.err
}

// giveUp lets go of a session that was claimed for a connection that is no more:
// it is absent from now on.
func (k *keeper) giveUp(claimed *social.SessionClaimed) {
	save := &social.SessionSave{ID: claimed.Session.ID, Fence: claimed.Session.Fence, Left: k.now()}
	k.submit(keeping{write: social.SessionWrite{Save: save}, lasting: true})
}

// run writes until ctx ends, and then what was handed over before, for
// keeperWithin at most.
func (k *keeper) run(ctx context.Context) {
	for {
		select {
		case <-k.wake:
			k.drain(ctx)
		case <-ctx.Done():
			k.finish(context.WithoutCancel(ctx))
			return
		}
	}
}

func (k *keeper) finish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, keeperWithin)
	defer cancel()
	k.mu.Lock()
	k.over = true
	k.mu.Unlock()
	k.drain(ctx)
}

// drain writes until nothing waits, or ctx ends while the store is away.
func (k *keeper) drain(ctx context.Context) {
	for {
		k.mu.Lock()
		n := min(len(k.queue), keeperBatch)
		batch := k.queue[:n:n]
		k.queue = k.queue[n:]
		if len(k.queue) == 0 {
			k.queue = nil
		}
		k.mu.Unlock()
		if n == 0 {
			return
		}
		if left := k.commit(ctx, batch); len(left) > 0 && !k.pause(ctx, left) {
			return
		}
	}
}

// pause puts writes back in front and waits a little; false once ctx ended.
func (k *keeper) pause(ctx context.Context, left []keeping) bool {
	k.mu.Lock()
	k.queue = append(left, k.queue...)
	k.mu.Unlock()
	timer := time.NewTimer(keeperRetry)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		k.log.ErrorContext(ctx, "positions of sessions could not be saved", "sessions", len(left))
		return false
	}
}

// commit writes a batch and returns what has to be tried again.
func (k *keeper) commit(ctx context.Context, batch []keeping) (left []keeping) {
	writes := make([]social.SessionWrite, len(batch))
	for i := range batch {
		writes[i] = batch[i].write
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), keeperWithin)
	defer cancel()
	out, err := k.store.WriteSessions(within, writes, k.now())
	passing := true
	if err != nil {
		err = fmt.Errorf("write sessions: %w", err)
		passing = social.KindOf(err) == social.KindUnavailable
		k.log.DebugContext(ctx, "sessions were not saved", "sessions", len(batch), "err", err)
	}
	switch half := len(batch) / 2; {
	case passing:
	case half > 0: // one that can never be written must not keep the others back
		return append(k.commit(ctx, batch[:half]), k.commit(ctx, batch[half:])...)
	default:
		k.log.ErrorContext(ctx, "a session cannot be saved", "err", err)
	}
	for i, w := range batch {
		switch {
		case err != nil && passing && w.lasting:
			left = append(left, w)
		case w.done == nil:
		case err != nil:
			w.done(social.SessionWritten{}, err)
		default:
			w.done(out[i], nil)
		}
	}
	return left
}

// depth is how many writes wait.
func (k *keeper) depth() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.queue)
}
