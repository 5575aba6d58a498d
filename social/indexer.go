package social

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// SearchEntry is a post as the index has it.
type SearchEntry struct {
	PostRef
	At      time.Time
	Author  PersonKey // 0 where a space speaks
	Sort    Sort
	Private bool
	Words   []string // in their order
	Tags    []string // folded, without the sign
}

// SearchLag is a stream of which more was posted than is indexed.
type SearchLag struct {
	Stream StreamKey
	Head   uint64
	At     uint64 // up to here it was read
}

// SearchRange is a part of a stream: After < seq <= To.
type SearchRange struct {
	Stream    StreamKey
	After, To uint64
}

// SearchPut is what was read of the log and what follows from it.
type SearchPut struct {
	Entries []SearchEntry // each post once
	Gone    []PostRef     // no longer to be found
	// Read is up to where streams are done with.
	Read map[StreamKey]uint64
}

// SearchBehind is how far the index is behind the log.
type SearchBehind struct {
	Posts  uint64
	Oldest time.Time // when the first of them was posted; zero: there is none
}

// SearchIndexStore keeps the index. Errors are KindUnavailable where the store is
// away. Lists of arguments are a few hundred long at most.
type SearchIndexStore interface {
	// BeginSearch says which version of the index is being written. Where the store
	// has another one all streams are to be read again; what is indexed is found
	// until it is.
	BeginSearch(ctx context.Context, version string) (again bool, err error)
	// SearchLags are the given streams' state; SearchLagging lists streams that are
	// not indexed to their end, in the order of their keys after the given one. It
	// looks at all streams.
	SearchLags(ctx context.Context, streams []StreamKey) ([]SearchLag, error)
	SearchLagging(ctx context.Context, after StreamKey, limit int) ([]SearchLag, error)
	// SearchLog reads entries of several streams, private ones too, without their readers.
	SearchLog(ctx context.Context, ranges []SearchRange) ([]Post, error)
	// SearchObjects finds posts by their ids, likewise, in no order; what is not there
	// is left out.
	SearchObjects(ctx context.Context, ids []ID) ([]Post, error)
	// PutSearch commits in one transaction. Repeats do no harm.
	PutSearch(ctx context.Context, put SearchPut) error
	SearchBehind(ctx context.Context) (SearchBehind, error)
}

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
// only. One of them works on a store.
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
				x.log.Warn("what is posted cannot be indexed for search; trying again", "err", err)
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
			w.log.Info("the index of search is being made again", "version", w.words.Version())
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

// index reads what is new in these streams, a fair part of each, and writes it.
func (w *indexing) index(ctx context.Context, streams []StreamKey) (int, error) {
	if len(streams) == 0 {
		return 0, nil
	}
	lags, err := w.store.SearchLags(ctx, streams)
	if err != nil || len(lags) == 0 {
		return 0, err
	}
	put := SearchPut{Read: map[StreamKey]uint64{}}
	var ranges []SearchRange
	var more []StreamKey
	slices.SortFunc(lags, func(a, b SearchLag) int { return cmp.Compare(a.Head-a.At, b.Head-b.At) })
	room := uint64(max(w.Batch, 1)) //nolint:gosec // positive
	for i, l := range lags {
		if _, _, known := w.dir.spaceOfStream(l.Stream); !known {
			continue // too new for this directory; it is found again
		}
		if _, searched := w.searched(l.Stream); !searched {
			put.Read[l.Stream] = l.Head
			continue
		}
		part := max(room/uint64(len(lags)-i), 1) //nolint:gosec // positive
		to := min(l.Head, l.At+part)
		if to < l.Head {
			more = append(more, l.Stream)
		}
		room -= min(room, to-l.At)
		ranges = append(ranges, SearchRange{l.Stream, l.At, to})
		put.Read[l.Stream] = to
	}
	posts, err := w.store.SearchLog(ctx, ranges)
	if err != nil {
		return 0, err
	}
	if err := w.derive(ctx, posts, &put); err != nil {
		return 0, err
	}
	if err := w.store.PutSearch(ctx, put); err != nil {
		return 0, err
	}
	w.again(more)
	w.indexed.Add(uint64(len(put.Entries)))
	return len(posts), nil
}

// searched tells whether there is anything to find in a stream, and what.
func (x *Indexer) searched(stream StreamKey) (Sort, bool) {
	key, channel, ok := x.dir.spaceOfStream(stream)
	if !ok {
		return SortNone, false
	}
	space := x.dir.SpaceByKey(key)
	switch {
	case space.Deleted:
		return SortNone, false
	case channel == ChannelComments:
		return SortComment, true
	case channel != ChannelMessages:
		return SortNone, false
	case space.Kind == KindConversation:
		return SortMessage, true
	}
	return SortActivity, true
}

// derive works out what follows from entries of the log. What an edit or a removal is
// about is read as it is now.
func (w *indexing) derive(ctx context.Context, posts []Post, put *SearchPut) error {
	latest := make(map[PostRef]*Post, len(posts))
	var ids []ID
	for i := range posts {
		p := &posts[i]
		switch {
		case p.Counts():
			latest[p.Ref()] = p
		case (p.Type == TypeUpdate || p.Type == TypeDelete) && !p.Object.IsZero() && !slices.Contains(ids, p.Object):
			ids = append(ids, p.Object)
		}
	}
	if len(ids) > 0 {
		objects, err := w.store.SearchObjects(ctx, ids)
		if err != nil {
			return err
		}
		for i := range objects {
			latest[objects[i].Ref()] = &objects[i]
		}
	}
	for ref, p := range latest {
		sort, searched := w.searched(p.Stream)
		if !searched || !p.Removed.IsZero() {
			put.Gone = append(put.Gone, ref)
			continue
		}
		put.Entries = append(put.Entries, w.entry(p, sort))
	}
	return nil
}

func (x *Indexer) entry(p *Post, sort Sort) SearchEntry {
	e := SearchEntry{PostRef: p.Ref(), At: p.Published, Author: p.Author, Sort: sort, Private: p.Private, Words: x.words.Words(p.searchText())}
	if p.AsSpace {
		e.Author = 0
	}
	for _, tag := range p.Hashtags() {
		if tag = x.words.Tag(tag); tag != "" {
			e.Tags = append(e.Tags, tag)
		}
	}
	return e
}
