package social

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The bounds of the markers' queue. Clients may send a receipt for each message
// they get, and each commit of markers takes its turn with the commits of posts:
// so there is a pause between two of them, in which receipts pile up and those
// of one person in one stream become one. A lone receipt does not wait.
const (
	markerBatch   = 500
	markerWaiting = 1 << 16 // answers that are owed; beyond, receipts are refused as unavailable
	markerPause   = 20 * time.Millisecond
)

// MarkerAudience is where moved markers go. It must not block.
type MarkerAudience interface {
	// AnnounceMarker tells the person's own devices, and with all whoever reads in
	// the space.
	AnnounceMarker(space *Space, m Marker, all bool)
}

// Markers are the use cases on how far people have read.
type Markers struct {
	dir                         *Directory
	store                       MarkerStore
	heads                       Announced
	to                          MarkerAudience
	members                     int
	logger                      *slog.Logger
	now                         func() time.Time
	wake                        chan struct{} // capacity 1
	receipts, batches, failures atomic.Uint64

	mu     sync.Mutex // guards all below
	queue  []*waitingMove
	byKey  map[markerKey]*waitingMove // the same
	owed   int
	closed bool
}

type markerKey struct {
	stream StreamKey
	person PersonKey
}

// waitingMove is all that one person said of one stream since the last commit.
type waitingMove struct {
	space SpaceKey
	move  MarkerMove
	done  []func(Marker, error)
}

// NewMarkers makes the use cases. Others see how far somebody has read only in
// contexts of at most so many members.
func NewMarkers(dir *Directory, store MarkerStore, heads Announced, to MarkerAudience, members int, logger *slog.Logger, now func() time.Time) *Markers {
	return &Markers{
		dir: dir, store: store, heads: heads, to: to, members: members, logger: logger, now: now,
		wake: make(chan struct{}, 1), byKey: map[markerKey]*waitingMove{},
	}
}

// Move moves the actor's marker of a context's messages as far as r says: not
// beyond the head and never back, so that what comes late or twice does no harm.
// It never blocks; done is called exactly once with the marker that holds: at
// once where the context is not the actor's to read (KindNotFound) or too much
// waits (KindUnavailable), else after the commit. done must not block.
func (ms *Markers) Move(a Actor, at Where, r Receipt, done func(Marker, error)) {
	sight, err := ms.readable(a, at)
	if err != nil {
		done(Marker{}, err)
		return
	}
	q := sight.progressOf(ChannelMessages, a.Person)
	key := markerKey{q.Stream, q.Person}
	ms.mu.Lock()
	if ms.closed || ms.owed >= markerWaiting {
		ms.mu.Unlock()
		ms.failures.Add(1)
		done(Marker{}, &Error{Kind: KindUnavailable, Safe: "The server has more to store than it can; try again shortly.", RetryAfter: time.Second})
		return
	}
	w := ms.byKey[key]
	if w == nil {
		w = &waitingMove{space: sight.Space.Key, move: MarkerMove{ProgressQuery: q}}
		ms.byKey[key] = w
		ms.queue = append(ms.queue, w)
	}
	w.move.Delivered, w.move.Read = max(w.move.Delivered, r.Delivered), max(w.move.Read, r.Read)
	w.done = append(w.done, done)
	ms.owed++
	ms.mu.Unlock()
	ms.nudge()
}

// MoveNow is Move for callers that wait. The commit goes on when ctx ends first.
func (ms *Markers) MoveNow(ctx context.Context, a Actor, w Where, r Receipt) (Marker, error) {
	type answer struct {
		m   Marker
		err error
	}
	ch := make(chan answer, 1)
	ms.Move(a, w, r, func(m Marker, err error) { ch <- answer{m, err} })
	select {
	case o := <-ch:
		return o.m, o.err
	case <-ctx.Done():
		return Marker{}, Unavailable(context.Cause(ctx))
	}
}

// MarkerStats counts since the start; Waiting is now.
type MarkerStats struct {
	Receipts, Batches, Failures uint64
	Waiting                     int
}

// Stats is for metrics.
func (ms *Markers) Stats() MarkerStats {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	return MarkerStats{Receipts: ms.receipts.Load(), Batches: ms.batches.Load(), Failures: ms.failures.Load(), Waiting: ms.owed}
}

// readable finds a space that the actor may read.
func (ms *Markers) readable(a Actor, w Where) (Sight, error) {
	if err := a.refuseActing(); err != nil {
		return Sight{}, err
	}
	sight, err := ms.dir.SeeAt(a, w)
	if err == nil && !sight.May.Has(Read) {
		err = Errorf(KindNotFound, "There is nothing in %q that is yours to read.", clip(w.Name))
	}
	return sight, err
}

// progressOf asks how far the person whose sight it is has got.
func (s Sight) progressOf(c Channel, person PersonKey) ProgressQuery {
	return ProgressQuery{Stream: s.Space.Stream(c), Person: person, Base: s.Joined[c], Floor: s.Floor[c]}
}

func (ms *Markers) nudge() {
	select {
	case ms.wake <- struct{}{}:
	default:
	}
}

// Serve commits what is moved until ctx ends; then it accepts no more, commits
// what waits and returns, in bounded time.
func (ms *Markers) Serve(ctx context.Context) {
	work := context.WithoutCancel(ctx) // what was accepted is committed even while the server stops
	pause := time.NewTimer(0)
	defer pause.Stop()
	for ctx.Err() == nil {
		select {
		case <-ms.wake:
		case <-ctx.Done():
			continue
		}
		within, cancel := context.WithTimeout(work, appendWithin)
		if ms.commitNext(within) {
			ms.nudge()
		}
		cancel()
		pause.Reset(markerPause)
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
	ms.mu.Lock()
	ms.closed = true
	ms.mu.Unlock()
	within, cancel := context.WithTimeout(work, appendWithin)
	defer cancel()
	for ms.commitNext(within) {
	}
}

// take moves the next batch out of the queue; more tells whether others wait.
func (ms *Markers) take() (batch []*waitingMove, more bool) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	n := min(len(ms.queue), markerBatch)
	batch = slices.Clone(ms.queue[:n])
	ms.queue = slices.Delete(ms.queue, 0, n)
	for _, w := range batch {
		delete(ms.byKey, markerKey{w.move.Stream, w.move.Person})
		ms.owed -= len(w.done)
	}
	return batch, len(ms.queue) > 0
}

// commitNext commits one batch, tells of what moved and answers; false when
// nothing more waits.
func (ms *Markers) commitNext(ctx context.Context) bool {
	batch, more := ms.take()
	if len(batch) == 0 {
		return false
	}
	moves := make([]MarkerMove, len(batch))
	for i, w := range batch {
		moves[i] = w.move
	}
	moved, err := ms.store.MoveMarkers(ctx, moves, ms.now())
	ms.batches.Add(1)
	if err != nil {
		ms.logger.WarnContext(ctx, "read markers cannot be stored; clients are asked to send them again", "markers", len(batch), "err", err)
	}
	for i, w := range batch {
		var m MarkerMoved
		if err == nil {
			m = moved[i]
		}
		if m.Moved {
			space := ms.dir.SpaceByKey(w.space)
			ms.to.AnnounceMarker(space, m.Marker, ms.open(space, m.Person))
		}
		if n := uint64(len(w.done)); err != nil {
			ms.failures.Add(n)
		} else {
			ms.receipts.Add(n)
		}
		for _, done := range w.done {
			done(m.Marker, err)
		}
	}
	return more
}

// open tells whether others may see how far the person has read in the space.
func (ms *Markers) open(space *Space, person PersonKey) bool {
	if !space.Receipts || space.Deleted {
		return false
	}
	members, isOne := ms.dir.membership(space.Key, person)
	p, ok := ms.dir.PersonByKey(person)
	switch {
	case !ok || !isOne || p.Reserved:
		return false
	case space.Kind == KindConversation: // its participants know each other
		return true
	}
	return members <= ms.members && !p.Roles.Has(RoleHidden)
}

// Visible lists the markers of a context's messages that the actor may see now:
// its own, and others' where the context lets members see them; only such as
// somebody has set. nil where it may not read there.
func (ms *Markers) Visible(ctx context.Context, a Actor, space SpaceKey) ([]Marker, error) {
	sight, _ := ms.dir.look(a, space)
	if sight.Space == nil || !sight.May.Has(Read) {
		return nil, nil
	}
	ask := []ProgressQuery{sight.progressOf(ChannelMessages, a.Person)}
	if sight.Space.Receipts {
		most := ms.members
		if sight.Space.Kind == KindConversation {
			most = math.MaxInt
		}
		for _, m := range ms.dir.membersUpTo(space, most) {
			if m.Person != a.Person && ms.open(sight.Space, m.Person) {
				ask = append(ask, ProgressQuery{Stream: sight.Space.Stream(ChannelMessages), Person: m.Person, Base: m.Heads[ChannelMessages]})
			}
		}
	}
	found, err := ms.store.Progress(ctx, ask)
	if err != nil {
		return nil, err
	}
	var out []Marker
	for _, p := range found {
		if !p.At.IsZero() {
			out = append(out, p.Marker)
		}
	}
	return out, nil
}

// Overview is a space that the actor belongs to, and how far it got there.
type Overview struct {
	Sight
	Progress       // zero where it may not read
	Post     *Post // the last one that it may see; nil for none
	Interest Interest
}

// Overviews lists the actor's contexts in order of id, after the given one, of
// those that the changes show. more says whether there are others.
func (ms *Markers) Overviews(ctx context.Context, a Actor, after string, limit int, c *Changes) (list []Overview, more bool, err error) {
	sights, more := c.page(after, limit)
	list, err = ms.overviews(ctx, a, sights, c.marks)
	return list, more, err
}

// page is the first of the spaces that the changes show, in order of id after the
// given one. Most of many are only compared with the last one of the page.
func (c *Changes) page(after string, limit int) (page []Sight, more bool) {
	byID := func(a, b *Sight) int { return strings.Compare(a.Space.ID, b.Space.ID) }
	first := make([]*Sight, 0, limit+1)
	for i := range c.sights {
		s := &c.sights[i]
		full := len(first) > limit
		if s.Space.ID <= after || full && s.Space.ID > first[limit].Space.ID || !c.Shows(s.Space.Key) {
			continue
		}
		if full {
			first = first[:limit]
		}
		at, _ := slices.BinarySearchFunc(first, s, byID)
		first = slices.Insert(first, at, s)
	}
	if more = len(first) > limit; more {
		first = first[:limit]
	}
	page = make([]Sight, len(first))
	for i, s := range first {
		page[i] = *s
	}
	return page, more
}

// overviews adds to what the actor sees how far it got there, and what it wants to be
// told; marks are nil where they have to be read.
func (ms *Markers) overviews(ctx context.Context, a Actor, sights []Sight, marks map[SpaceKey]SpaceMark) (list []Overview, err error) {
	if marks == nil {
		spaces := make([]*Space, len(sights))
		for i := range sights {
			spaces[i] = sights[i].Space
		}
		if marks, err = ms.store.SpaceMarks(ctx, a.Person, spaces, ms.now()); err != nil {
			return nil, err
		}
	}
	list = make([]Overview, 0, len(sights))
	ask := make([]ProgressQuery, 0, len(sights))
	of := make([]int, 0, len(sights)) // the places in list that ask is about
	for i, s := range sights {
		mark := marks[s.Space.Key]
		list = append(list, Overview{Sight: s})
		if a.Creator == 0 {
			list[i].Interest = mark.Interest
		}
		if s.May.Has(Read) {
			q := s.progressOf(ChannelMessages, a.Person)
			q.Set = &mark.SetMarker
			ask, of = append(ask, q), append(of, i)
		}
	}
	found, err := ms.store.Progress(ctx, ask)
	if err != nil {
		return nil, err
	}
	for i, p := range found {
		list[of[i]].Progress = p
	}
	return list, ms.addLast(ctx, list)
}

// addLast reads the last posts.
func (ms *Markers) addLast(ctx context.Context, list []Overview) error {
	var streams []StreamKey
	var seqs []uint64
	of := map[StreamKey]*Overview{}
	for i := range list {
		if o := &list[i]; o.Last != 0 {
			streams, seqs = append(streams, o.Stream), append(seqs, o.Last)
			of[o.Stream] = o
		}
	}
	if len(streams) == 0 {
		return nil
	}
	posts, err := ms.store.PostsAt(ctx, streams, seqs)
	for i := range posts {
		of[posts[i].Stream].Post = &posts[i]
	}
	return err
}
