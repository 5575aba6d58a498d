package social

import (
	"context"
	"time"
)

// indexing is the worker's own state.
type indexing struct {
	*Indexer
	begun         time.Time // when the store was last asked whether all is to be indexed again
	swept         time.Time
	measured      time.Time
	counted       time.Time // when posts were counted last
	count         uint64    // how many there were
	hurried       bool
	sweepingAfter StreamKey
}

// step indexes a batch. rest is how long to wait for the next one; 0: until
// something comes.
func (w *indexing) step(ctx context.Context) (rest time.Duration, err error) {
	now := w.now()
	if now.Sub(w.begun) >= indexSweep {
		again, err := w.store.BeginSearch(ctx, w.words.Version())
		if err != nil {
			return 0, err
		}
		if again {
			w.log.InfoContext(ctx, "the index of search is being made again", "version", w.words.Version())
			w.swept = time.Time{}
		}
		w.begun = now
	}
	if now.Sub(w.measured) >= indexMeasure {
		if err := w.measure(ctx, now); err != nil {
			return 0, err
		}
	}
	if err := w.look(ctx, now); err != nil {
		return 0, err
	}
	streams := w.take()
	n, err := w.index(ctx, streams)
	if err != nil {
		w.again(streams)
		return 0, err
	}
	w.mu.Lock()
	left := len(w.grown) > 0 || w.sweep
	w.mu.Unlock()
	if !left {
		return 0, nil
	}
	return max(time.Millisecond, w.rest(w.now().Sub(now), n)), nil
}

// rest is how long to leave the store to others after a batch.
func (w *indexing) rest(took time.Duration, n int) time.Duration {
	now, posted := w.now(), w.posted.Load()
	if since := now.Sub(w.counted); since >= time.Second/4 {
		w.hurried = float64(posted-w.count)/since.Seconds() > w.Hurry
		w.counted, w.count = now, posted
	}
	factor := w.Rest
	if w.hurried {
		factor = indexHurried
	}
	if n == 0 {
		factor = 0
	}
	return min(time.Duration(float64(took)*factor), indexRestMost)
}

// look finds streams that nobody told of, some at a time.
func (w *indexing) look(ctx context.Context, now time.Time) error {
	w.mu.Lock()
	w.sweep = w.sweep || now.Sub(w.swept) >= indexSweep
	look := w.sweep && len(w.grown) < indexTodo/2
	w.mu.Unlock()
	if !look {
		return nil
	}
	lags, err := w.store.SearchLagging(ctx, w.sweepingAfter, indexTodo/4)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range lags {
		w.grown[l.Stream] = struct{}{}
		w.sweepingAfter = l.Stream
	}
	if len(lags) < indexTodo/4 {
		w.sweep, w.swept, w.sweepingAfter = false, now, 0
	}
	return nil
}

func (w *indexing) measure(ctx context.Context, now time.Time) error {
	b, err := w.store.SearchBehind(ctx)
	if err != nil {
		return err
	}
	w.measured = now
	w.behind.Store(b.Posts)
	w.oldest.Store(0)
	if !b.Oldest.IsZero() {
		w.oldest.Store(b.Oldest.UnixNano())
	}
	return nil
}

// take takes some of the streams that have grown.
func (w *indexing) take() []StreamKey {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []StreamKey
	for stream := range w.grown {
		if len(out) == indexStreams {
			break
		}
		out = append(out, stream)
		delete(w.grown, stream)
	}
	return out
}

// again notes streams once more.
func (w *indexing) again(streams []StreamKey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range streams {
		w.grown[s] = struct{}{}
	}
}
