package social

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// What is remembered of streams: the first question about one reads so many of its
// last entries, one about somebody who is further behind up to tailMost; who is
// further behind than that is worked out by the store. An entry takes 48 bytes.
const (
	tailFirst = 32
	tailMost  = 512
	tailTotal = 1 << 19 // entries of all streams; beyond, those nobody asked about lately are forgotten
	// tailLife is after what time a stream is read anew: what retention has taken
	// away, nobody tells.
	tailLife = 5 * time.Minute
)

// Tail is what a store reads of the end of a stream.
type Tail struct {
	Epoch   string
	Head    uint64
	Entries []TailEntry // in order of seq
}

// TailEntry is what decides whether a post is unread.
type TailEntry struct {
	Seq     uint64
	Author  PersonKey
	Counts  bool // see Post.Counts
	Removed bool
	Private bool
	Readers []PersonKey // of a private one, beside its author
}

// TailStore is what Tails ask.
type TailStore interface {
	MarkerStore
	// Tails reads the entries with the last n seqs of each of these streams; what
	// retention took away is missing. Streams that do not exist are left out.
	Tails(ctx context.Context, streams []StreamKey, n int) (map[StreamKey]Tail, error)
	// SetMarkers reads markers as they were set, by primary key: of what nobody
	// set there is none. persons[i] is of streams[i].
	SetMarkers(ctx context.Context, streams []StreamKey, persons []PersonKey) ([]SetMarker, error)
}

// SetMarker is a stored marker, and the head of the stream when it was set.
type SetMarker struct {
	Marker
	Head uint64
}

// Tails are a MarkerStore that answers how far people have got from the ends of
// streams in memory: the one behind it is asked for markers only, and about who is
// far behind. It has to be told of every entry of the streams of messages, in order
// of seq.
//
// Cost: an entry of a stream that nobody asked about, one look-up; a question,
// the steps from the head back to the marker.
type Tails struct {
	MarkerStore // what Progress is not
	store       TailStore
	now         func() time.Time

	mu    sync.RWMutex // guards the maps, not what they point to
	young map[StreamKey]*tailOf
	old   map[StreamKey]*tailOf // asked about before the last time that there were too many
	size  int                   // the most entries that young may come to

	hits, misses, stored, evicted atomic.Uint64
}

// TailStats are figures of what is remembered.
type TailStats struct {
	Streams int    // that are remembered
	Hits    uint64 // questions that were answered at once
	Misses  uint64 // the others, for which streams were read
	Stored  uint64 // of these, those that the store had to work out
	Evicted uint64 // streams that were forgotten for want of room
}

// Stats never blocks for long.
func (ts *Tails) Stats() TailStats {
	ts.mu.RLock()
	streams := len(ts.young) + len(ts.old)
	ts.mu.RUnlock()
	return TailStats{streams, ts.hits.Load(), ts.misses.Load(), ts.stored.Load(), ts.evicted.Load()}
}

// tailOf is the end of one stream.
type tailOf struct {
	until time.Time
	most  int // entries are let go of beyond

	mu      sync.Mutex // guards all below
	loading bool
	spoiled bool // something before the entries changed while they were read
	epoch   string
	from    uint64 // all entries after it are here, as far as they exist
	head    uint64
	entries []TailEntry
}

// NewTails makes them, empty.
func NewTails(store TailStore, now func() time.Time) *Tails {
	return &Tails{MarkerStore: store, store: store, now: now, young: map[StreamKey]*tailOf{}, old: map[StreamKey]*tailOf{}}
}

// Posted notes an entry of a stream of messages; it never blocks for long.
func (ts *Tails) Posted(p *Post) {
	ts.mu.RLock()
	t := ts.young[p.Stream]
	if t == nil {
		t = ts.old[p.Stream]
	}
	ts.mu.RUnlock()
	if t == nil {
		return
	}
	if p.Type == TypeDelete {
		// Seldom enough: it is read anew when somebody asks.
		ts.forget(p.Stream, t)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.Seq <= t.head && !t.loading {
		return
	}
	t.append(TailEntry{Seq: p.Seq, Author: p.Author, Counts: p.Counts(), Private: p.Private, Readers: p.To})
}

// append adds an entry, and lets go of the older half where there are too many.
func (t *tailOf) append(e TailEntry) {
	t.head = max(t.head, e.Seq)
	if half := t.most / 2; len(t.entries) >= t.most && t.loading {
		t.spoiled, t.entries = true, nil // what would be let go of may not be in what is read
	} else if len(t.entries) >= t.most {
		t.from = t.entries[half-1].Seq
		t.entries = slices.Delete(t.entries, 0, half)
	}
	t.entries = append(t.entries, e)
}

// forget lets go of a stream.
func (ts *Tails) forget(stream StreamKey, t *tailOf) {
	t.mu.Lock()
	t.spoiled = true
	t.mu.Unlock()
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.young[stream] == t {
		delete(ts.young, stream)
	}
	if ts.old[stream] == t {
		delete(ts.old, stream)
	}
}

// Progress is MarkerStore's.
func (ts *Tails) Progress(ctx context.Context, of []ProgressQuery) ([]Progress, error) {
	if len(of) == 0 {
		return nil, nil
	}
	set, err := ts.markers(ctx, of)
	if err != nil {
		return nil, err
	}
	out := make([]Progress, len(of))
	unknown, short, far := ts.answer(of, all(len(of)), set, out, ts.tail)
	misses := len(unknown) + len(short) + len(far)
	ts.misses.Add(uint64(misses))         //nolint:gosec // not below 0
	ts.hits.Add(uint64(len(of) - misses)) //nolint:gosec // likewise
	for _, n := range []int{tailFirst, tailMost} {
		if n == tailMost {
			unknown, short = short, nil
		}
		fresh, err := ts.load(ctx, of, unknown, n)
		if err != nil {
			return nil, err
		}
		missing, more, beyond := ts.answer(of, unknown, set, out, func(s StreamKey) *tailOf { return fresh[s] })
		short, far = append(short, more...), slices.Concat(far, missing, beyond)
	}
	return out, ts.ask(ctx, of, append(far, short...), out)
}

func all(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func (ts *Tails) markers(ctx context.Context, of []ProgressQuery) (map[markerKey]SetMarker, error) {
	out := make(map[markerKey]SetMarker, len(of))
	var streams []StreamKey
	var persons []PersonKey
	for _, q := range of {
		if q.Set != nil {
			out[markerKey{q.Stream, q.Person}] = *q.Set
		} else {
			streams, persons = append(streams, q.Stream), append(persons, q.Person)
		}
	}
	if len(streams) == 0 {
		return out, nil
	}
	found, err := ts.store.SetMarkers(ctx, streams, persons)
	if err != nil {
		return nil, err
	}
	for _, m := range found {
		out[markerKey{m.Stream, m.Person}] = m
	}
	return out, nil
}

// answer answers those of the questions that it can by the tails that find gives.
// Of the others it says of which there is no tail, of which a longer one would
// tell, and of which none would.
func (ts *Tails) answer(of []ProgressQuery, which []int, set map[markerKey]SetMarker, out []Progress, find func(StreamKey) *tailOf) (unknown, short, far []int) {
	for _, i := range which {
		q := of[i]
		t := find(q.Stream)
		if t == nil {
			unknown = append(unknown, i)
			continue
		}
		p, wants := t.progress(q, set[markerKey{q.Stream, q.Person}])
		switch {
		case wants == 0:
			out[i] = p
		case wants <= tailMost:
			short = append(short, i)
		default:
			far = append(far, i)
		}
	}
	return unknown, short, far
}

// tail finds a stream's, and keeps it a while longer.
func (ts *Tails) tail(stream StreamKey) *tailOf {
	ts.mu.RLock()
	t, again := ts.young[stream], false
	if t == nil {
		t, again = ts.old[stream], true
	}
	ts.mu.RUnlock()
	if t == nil || ts.now().After(t.until) {
		return nil
	}
	if again {
		ts.mu.Lock()
		if ts.old[stream] == t {
			delete(ts.old, stream)
			ts.putLocked(stream, t)
		}
		ts.mu.Unlock()
	}
	return t
}

// putLocked keeps a tail.
func (ts *Tails) putLocked(stream StreamKey, t *tailOf) {
	if ts.size += t.most; ts.size > tailTotal/2 {
		ts.evicted.Add(uint64(len(ts.old)))
		ts.old, ts.young, ts.size = ts.young, map[StreamKey]*tailOf{}, t.most
	}
	ts.young[stream] = t
}

// load reads the last n entries of the streams of these questions. Those that do
// not exist, or changed too much meanwhile, are left out.
func (ts *Tails) load(ctx context.Context, of []ProgressQuery, which []int, n int) (map[StreamKey]*tailOf, error) {
	if len(which) == 0 {
		return nil, nil
	}
	fresh := make(map[StreamKey]*tailOf, len(which))
	streams := make([]StreamKey, 0, len(which))
	until := ts.now().Add(tailLife)
	ts.mu.Lock()
	for _, i := range which {
		if stream := of[i].Stream; fresh[stream] == nil {
			t := &tailOf{loading: true, most: 2 * n, until: until}
			fresh[stream] = t
			streams = append(streams, stream)
			delete(ts.old, stream)
			ts.putLocked(stream, t) // what is posted from here on comes to it
		}
	}
	ts.mu.Unlock()
	slices.Sort(streams)
	found, err := ts.store.Tails(ctx, streams, n)
	for stream, t := range fresh {
		read, there := found[stream]
		if !there || !t.take(read, n) {
			ts.forget(stream, t)
			delete(fresh, stream)
		}
	}
	return fresh, err
}

// take puts what the store has before what was posted meanwhile; false where that
// cannot be told apart any more.
func (t *tailOf) take(read Tail, n int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	posted := t.entries
	t.loading, t.epoch, t.head = false, read.Epoch, max(t.head, read.Head)
	t.entries = read.Entries
	if read.Head > uint64(n) { //nolint:gosec // small
		t.from = read.Head - uint64(n) //nolint:gosec // small
	}
	for _, e := range posted {
		if e.Seq > read.Head {
			t.entries = append(t.entries, e)
		}
	}
	return !t.spoiled
}

// progress works out an answer, or else says how many entries from the head that
// takes.
func (t *tailOf) progress(q ProgressQuery, m SetMarker) (p Progress, wants uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	base, since := max(m.Read, q.Base), max(m.Head, q.Base)
	switch {
	case t.loading:
		return p, tailMost + 1 // somebody else does; the store is as quick
	case base < t.from:
		return p, t.head - base
	}
	p = Progress{Marker: m.Marker, Epoch: t.epoch, Head: max(t.head, m.Head)}
	p.Stream, p.Person = q.Stream, q.Person
	p.Read = base
	oldest := p.Head + 1
	for _, e := range slices.Backward(t.entries) {
		if e.Seq <= base && p.Last != 0 {
			break
		}
		if !e.Counts || e.Removed || e.Seq <= q.Floor || !e.shownTo(q.Person) {
			continue
		}
		if p.Last == 0 {
			p.Last = e.Seq
		}
		if e.Seq > base && e.Author != q.Person {
			p.Unread++
			oldest = e.Seq
		}
	}
	if p.Last == 0 && t.from > q.Floor {
		return Progress{}, uint64(len(t.entries)) + 1 // it may lie further back
	}
	p.Read = max(p.Read, t.posted(q.Person, since, oldest))
	p.Delivered = max(m.Delivered, p.Read)
	return p, 0
}

// posted is the last post of a person's own after since and before the oldest
// unread one; 0 for none. Whether it lives does not matter.
func (t *tailOf) posted(person PersonKey, since, before uint64) uint64 {
	for _, e := range slices.Backward(t.entries) {
		switch {
		case e.Seq <= since:
			return 0
		case e.Seq < before && e.Counts && e.Author == person:
			return e.Seq
		}
	}
	return 0
}

func (e *TailEntry) shownTo(person PersonKey) bool {
	return !e.Private || e.Author == person || slices.Contains(e.Readers, person)
}

// ask asks the store for what memory does not tell.
func (ts *Tails) ask(ctx context.Context, of []ProgressQuery, which []int, out []Progress) error {
	if len(which) == 0 {
		return nil
	}
	ts.stored.Add(uint64(len(which)))
	queries := make([]ProgressQuery, len(which))
	for i, at := range which {
		queries[i] = of[at]
	}
	found, err := ts.store.Progress(ctx, queries)
	if err != nil {
		return err
	}
	for i, at := range which {
		out[at] = found[i]
	}
	return nil
}
