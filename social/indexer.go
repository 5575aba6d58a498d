package social

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// IndexerConfig is how an indexer works.
type IndexerConfig struct {
	Batch int // posts indexed in one transaction
	// Rest is how long it rests after a batch, in times of what that took.
	Rest float64
	// Hurry is how many posts a second are so many that publishing goes before
	// indexing: until there are fewer it rests nine times as long as it works.
	Hurry float64
}

const (
	indexPause    = 100 * time.Millisecond // in which posts gather
	indexRetry    = time.Second            // after the store failed
	indexSweep    = time.Minute            // how often is looked for what nobody told of
	indexMeasure  = 10 * time.Second       // how often is measured how far behind it is
	indexStreams  = 200                    // streams that one batch reads from
	indexTodo     = 20_000                 // streams that are kept in mind; of more, all are looked at again
	indexHurried  = 9
	indexRestMost = 2 * time.Second
)

// Indexer reads the log and keeps the index that Searches find posts by. What is
// posted waits in the log, so that a restart, or a store that was away, costs time
// only. One of them works on a store; where a command beside the server indexes too, they
// do the same work twice.
type Indexer struct {
	IndexerConfig
	dir   *Directory
	store SearchIndexStore
	words Lexicon
	log   *slog.Logger
	now   func() time.Time
	wake  chan struct{} // capacity 1

	posted, indexed, failures, behind atomic.Uint64
	oldest                            atomic.Int64 // Unix ns; 0: nothing is behind

	mu    sync.Mutex // guards all below; held for a moment only: posts wait for it
	grown map[StreamKey]struct{}
	sweep bool // all streams are to be looked at
}

// NewIndexer makes an indexer; it works while Serve runs.
func NewIndexer(config IndexerConfig, dir *Directory, store SearchIndexStore, words Lexicon, log *slog.Logger, now func() time.Time) *Indexer {
	return &Indexer{
		IndexerConfig: config, dir: dir, store: store, words: words, log: log, now: now,
		wake: make(chan struct{}, 1), grown: map[StreamKey]struct{}{}, sweep: true,
	}
}

// Posted notes that a stream of posts has grown. It never blocks for long, and
// nothing is lost where the note is.
func (x *Indexer) Posted(stream StreamKey) {
	x.posted.Add(1)
	x.mu.Lock()
	if len(x.grown) < indexTodo {
		x.grown[stream] = struct{}{}
	} else {
		x.sweep = true
	}
	x.mu.Unlock()
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// IndexerStats are an indexer's figures.
type IndexerStats struct {
	Indexed, Failures, Behind uint64
	Lag                       time.Duration // since the first post was made that is not indexed
}

// Stats are from the last measurement, some seconds ago.
func (x *Indexer) Stats() IndexerStats {
	s := IndexerStats{Indexed: x.indexed.Load(), Failures: x.failures.Load(), Behind: x.behind.Load()}
	if at := x.oldest.Load(); at != 0 {
		s.Lag = max(0, x.now().Sub(time.Unix(0, at)))
	}
	return s
}

// Serve indexes until ctx ends.
func (x *Indexer) Serve(ctx context.Context) {
	w := &indexing{Indexer: x}
	wait := time.NewTimer(0)
	defer wait.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		rest, err := w.step(ctx)
		if err != nil && ctx.Err() == nil {
			x.failures.Add(1)
			if !failing {
				x.log.WarnContext(ctx, "what is posted cannot be indexed for search; trying again", "err", err)
			}
			rest = indexRetry
		}
		failing = err != nil
		if rest > 0 || err != nil {
			wait.Reset(rest)
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-x.wake:
			wait.Reset(indexPause)
		case <-time.After(indexPause * 10):
			wait.Reset(0)
		}
	}
}

// CatchUp indexes all that was posted before, and returns then. Not beside Serve.
func (x *Indexer) CatchUp(ctx context.Context) error {
	w := &indexing{Indexer: x}
	x.mu.Lock()
	x.sweep = true
	x.mu.Unlock()
	for {
		rest, err := w.step(ctx)
		if err != nil || rest == 0 {
			return err
		}
	}
}
