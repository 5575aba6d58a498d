package auth

import (
	"context"
	"errors"
	"sync"
)

// flights lets callers who ask the same at the same time share one answer. The
// first one works, on its own goroutine; the others wait for it. Their number
// is that of the connections and requests, which are bounded elsewhere.
type flights[K comparable, V any] struct {
	mu     sync.Mutex // guards flying
	flying map[K]*flight[V]
}

type flight[V any] struct {
	done   chan struct{}
	value  V // and what follows: readable once done is closed
	err    error
	gaveUp bool // the worker's own caller went away
}

var errAborted = errors.New("the one who asked first did not finish")

// do answers with what work returns, whoever called it. Where the worker gave
// up because its own caller went away, somebody who still waits works anew.
func (f *flights[K, V]) do(ctx context.Context, k K, work func() (V, error)) (V, error) {
	for {
		f.mu.Lock()
		other, flying := f.flying[k]
		if !flying {
			return f.lead(ctx, k, work)
		}
		f.mu.Unlock()
		select {
		case <-other.done:
		case <-ctx.Done():
			var zero V
			return zero, tooSlow(ctx.Err())
		}
		if !other.gaveUp {
			return other.value, other.err
		}
	}
}

// lead is called with the lock held and gives it up.
func (f *flights[K, V]) lead(ctx context.Context, k K, work func() (V, error)) (V, error) {
	own := &flight[V]{done: make(chan struct{}), err: errAborted} // stays so if work panics
	if f.flying == nil {
		f.flying = map[K]*flight[V]{}
	}
	f.flying[k] = own
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.flying, k)
		f.mu.Unlock()
		close(own.done)
	}()
	own.value, own.err = work()
	own.gaveUp = own.err != nil && ctx.Err() != nil
	return own.value, own.err
}
