package social

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// How counters are told: what happens is gathered for countersPause, and each
// person is told at most once in countersEvery.
const (
	countersPause = 100 * time.Millisecond
	countersEvery = 800 * time.Millisecond
	// countersAsk bounds how much the store is asked at a time, and
	// countersPatience is how long somebody who has come waits for its own question.
	countersAsk      = 500
	countersPatience = time.Second
)

// CountersAudience is where counters go. It must not block.
type CountersAudience interface {
	// Covered tells whether anybody here is subscribed to a channel of the scope.
	Covered(scope Scope, c Channel) bool
	AnnounceCounts(person PersonKey, c Counts)
}

// Counters keep up how much is unread for those who are connected and subscribed
// to it. The store is asked when somebody begins to be, and about one person in
// one space where a marker moved, a membership changed or a post was removed; new
// posts are counted in memory.
//
// Cost: a post, one look-up where nobody is told; else, at most ten times a second, a
// few steps for each of the space's readers. A reader costs about 100 bytes for
// each space that it belongs to. Whoever is not connected costs nothing.
type Counters struct {
	dir    *Directory
	store  MarkerStore
	to     CountersAudience
	logger *slog.Logger
	now    func() time.Time
	wake   chan struct{} // capacity 1

	told, asked, failures atomic.Uint64

	mu      sync.Mutex // guards readers and what they hold, and rooms
	readers map[PersonKey]*reader
	rooms   map[SpaceKey]map[PersonKey]struct{}
	removed map[SpaceKey]struct{}  // where posts were removed
	recount map[SpaceKey]time.Time // when readers were counted anew for that last

	in      sync.Mutex             // guards all below; below mu, and held for a moment only: posts wait for it
	came    map[SpaceKey]*arrivals // an entry for each room
	again   map[Member]struct{}    // to be counted anew
	spaces  map[SpaceKey]struct{}  // whose readers all are
	hearing map[PersonKey]struct{} // who may have subscribed
}

// NewCounters makes the use cases.
func NewCounters(dir *Directory, store MarkerStore, to CountersAudience, logger *slog.Logger, now func() time.Time) *Counters {
	return &Counters{
		dir: dir, store: store, to: to, logger: logger, now: now, wake: make(chan struct{}, 1),
		readers: map[PersonKey]*reader{}, rooms: map[SpaceKey]map[PersonKey]struct{}{}, removed: map[SpaceKey]struct{}{}, recount: map[SpaceKey]time.Time{},
		came: map[SpaceKey]*arrivals{}, again: map[Member]struct{}{}, spaces: map[SpaceKey]struct{}{}, hearing: map[PersonKey]struct{}{},
	}
}

func (cs *Counters) nudge() {
	select {
	case cs.wake <- struct{}{}:
	default:
	}
}

// Posted notes an entry of a space's messages; it never blocks for long.
func (cs *Counters) Posted(space *Space, p *Post) {
	cs.in.Lock()
	a := cs.came[space.Key]
	if a != nil {
		a.note(p)
	}
	cs.in.Unlock()
	if a != nil {
		cs.nudge()
	}
}

// Moved notes that a person's marker has moved.
func (cs *Counters) Moved(space SpaceKey, person PersonKey) {
	cs.in.Lock()
	_, heard := cs.came[space]
	if heard {
		cs.again[Member{space, person}] = struct{}{}
	}
	cs.in.Unlock()
	if heard {
		cs.nudge()
	}
}

// Subscribed notes that the person may have subscribed to its counters.
func (cs *Counters) Subscribed(person PersonKey) {
	cs.in.Lock()
	cs.hearing[person] = struct{}{}
	cs.in.Unlock()
	cs.nudge()
}

// Follow is a listener of the directory.
func (cs *Counters) Follow(delta Delta) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.in.Lock()
	defer cs.in.Unlock()
	for _, m := range delta.Members {
		if cs.readers[m.Person] != nil && cs.dir.SpaceByKey(m.Space).Kind != KindWall {
			cs.again[m] = struct{}{}
		}
	}
	for _, space := range delta.Spaces {
		if cs.rooms[space] != nil {
			cs.spaces[space] = struct{}{}
		}
	}
	for _, person := range delta.People {
		if r := cs.readers[person]; r != nil {
			for space := range r.spaces {
				cs.again[Member{space, person}] = struct{}{}
			}
		}
	}
	cs.nudge()
}

// Of is what the person has not read, and has it told from now on when that
// changes. It asks the store for who is not told yet. Errors are
// KindUnavailable.
func (cs *Counters) Of(ctx context.Context, person PersonKey) (Counts, error) {
	cs.mu.Lock()
	r := cs.readers[person]
	if r != nil && r.unknown == 0 {
		defer cs.mu.Unlock()
		r.again = r.again || r.counts != r.told // which the others have
		return r.counts, nil
	}
	ask := cs.watchLocked(person)
	cs.mu.Unlock()
	if err := cs.count(ctx, ask); err != nil {
		return Counts{}, err
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if r = cs.readers[person]; r == nil {
		return Counts{}, nil // it has gone meanwhile
	}
	return r.counts, nil
}

// watchLocked begins to tell a person its counters, and gives the questions for
// the store. Posts are noted from here on, before it is asked.
func (cs *Counters) watchLocked(person PersonKey) []ask {
	r := cs.readers[person]
	if r == nil {
		r = &reader{since: cs.now(), spaces: map[SpaceKey]tally{}}
		cs.readers[person] = r
	}
	var out []ask
	for _, s := range cs.dir.readsIn(person) {
		if !r.spaces[s.Space.Key].known {
			out = append(out, cs.enterLocked(person, r, s))
		}
	}
	r.begin() // who belongs to nothing has read all
	return out
}

// ask is a question about one person in one space.
type ask struct {
	space SpaceKey
	query ProgressQuery
}

// enterLocked notes that a reader belongs to a space.
func (cs *Counters) enterLocked(person PersonKey, r *reader, s Sight) ask {
	key := s.Space.Key
	if _, there := r.spaces[key]; !there {
		r.set(key, tally{kind: s.Space.Kind})
		if cs.rooms[key] == nil {
			cs.rooms[key] = map[PersonKey]struct{}{}
			cs.in.Lock()
			cs.came[key] = newArrivals()
			cs.in.Unlock()
		}
		cs.rooms[key][person] = struct{}{}
	}
	return ask{key, s.progressOf(ChannelMessages, person)}
}

// exitLocked notes that it does not.
func (cs *Counters) exitLocked(person PersonKey, r *reader, space SpaceKey) {
	r.drop(space)
	delete(cs.rooms[space], person)
	if len(cs.rooms[space]) == 0 {
		delete(cs.rooms, space)
		delete(cs.removed, space)
		delete(cs.recount, space)
		cs.in.Lock()
		delete(cs.came, space)
		cs.in.Unlock()
	}
}

// forgetLocked ends telling a person.
func (cs *Counters) forgetLocked(person PersonKey, r *reader) {
	for space := range r.spaces {
		cs.exitLocked(person, r, space)
	}
	delete(cs.readers, person)
}

// count asks the store and takes its answers. It blocks for the store.
func (cs *Counters) count(ctx context.Context, asks []ask) error {
	for len(asks) > 0 {
		n := min(len(asks), countersAsk)
		queries := make([]ProgressQuery, n)
		for i := range queries {
			queries[i] = asks[i].query
		}
		found, err := cs.store.Progress(ctx, queries)
		if err != nil {
			cs.failures.Add(1)
			return err
		}
		cs.asked.Add(uint64(n)) //nolint:gosec // not negative
		cs.mu.Lock()
		for i, p := range found {
			r := cs.readers[queries[i].Person]
			if r == nil {
				continue
			}
			t, there := r.spaces[asks[i].space]
			if there && p.Head < t.head { // posts crossed the question
				cs.in.Lock()
				cs.again[Member{asks[i].space, queries[i].Person}] = struct{}{}
				cs.in.Unlock()
				cs.nudge()
			}
			if there && (!t.known || p.Head >= t.head) {
				r.set(asks[i].space, tally{kind: t.kind, known: true, unread: p.Unread, head: p.Head})
			}
		}
		cs.mu.Unlock()
		asks = asks[n:]
	}
	return nil
}

// CountersStats counts since the start; Readers is now.
type CountersStats struct {
	Readers  int    // people who are told their counters
	Told     uint64 // messages
	Asked    uint64 // questions about one person in one space that the store was asked
	Failures uint64 // attempts to ask it that did not work
}

// Stats is for metrics.
func (cs *Counters) Stats() CountersStats {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return CountersStats{Readers: len(cs.readers), Told: cs.told.Load(), Asked: cs.asked.Load(), Failures: cs.failures.Load()}
}

// readsIn lists the contexts and conversations that a person belongs to and
// reads.
func (d *Directory) readsIn(person PersonKey) []Sight {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var out []Sight
	for key := range d.mine[person] {
		if pl := d.spaces[key]; pl != nil && pl.space.Kind != KindWall {
			if s, _ := d.sightLocked(Actor{Person: person}, pl, false); s.May.Has(Read) {
				out = append(out, s)
			}
		}
	}
	return out
}
