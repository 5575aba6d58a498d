package social

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// How presence is told: what changes is gathered for presencePause, and each
// person's status and each space's number at most once in presenceEvery.
const (
	presencePause = 100 * time.Millisecond
	presenceEvery = time.Second
	presenceStale = 2 * time.Second // the age of the rights beyond which nothing is told
	// newsMost bounds how many memberships wait for their people to be told of
	// each other; those beyond learn of it with the next change.
	newsMost = 1 << 16
)

// PresenceAudience is where presence goes. It must not block.
type PresenceAudience interface {
	// Covered tells whether anybody here is subscribed to a channel of the scope.
	Covered(scope Scope, c Channel) bool
	// AnnouncePresence tells on the person's own topic: those of only, or with nil
	// all but the person itself.
	AnnouncePresence(p Presence, only []PersonKey)
	// AnnounceAttendance tells how many are there; only as above.
	AnnounceAttendance(space *Space, online int, only []PersonKey)
	// AnnounceAttendee tells on the space's topic of the person.
	AnnounceAttendee(space *Space, p Presence, only []PersonKey)
}

// Presences are the use cases on who is there. They know the connections of
// this process, and nothing is stored but when people were last seen: so nobody
// stays online who is not.
//
// Cost: a connection that comes or goes costs one look-up for each space of its
// person, and a message where somebody is subscribed. A space that is watched
// costs, once a second while it changes, the smaller of its members and of all
// who are connected.
type Presences struct {
	dir     *Directory
	store   SeenStore
	to      PresenceAudience
	members int
	grace   time.Duration
	logger  *slog.Logger
	now     func() time.Time
	wake    chan struct{} // capacity 1

	told, merged, dropped, failures atomic.Uint64

	mu      sync.Mutex // guards all below; above the directory's
	here    map[PersonKey]*attendee
	leaving []leaving              // in order of time
	changed map[PersonKey]bool     // who is to be told of; true: to others too
	spaces  map[SpaceKey]bool      // whose number is to be told
	counted map[SpaceKey]time.Time // when it was told last, of those that are watched
	news    []Member               // memberships that began or ended
	unsaved map[PersonKey]time.Time
}

// attendee is somebody who is there, or was a moment ago.
type attendee struct {
	connections int
	own         Status    // what it says of itself
	gone        bool      // the last connection went, and the grace is over
	left        time.Time // when it went
	seen        time.Time // when others last saw it, where that is known here
	toldAt      time.Time
	listed      bool // spaces were told that it is there
}

// status is what the person itself sees.
func (at *attendee) status() Status {
	if at.gone {
		return StatusOffline
	}
	return at.own
}

// leaving is a last connection that went.
type leaving struct {
	person PersonKey
	at     time.Time
}

// NewPresences makes the use cases. Who is there is told in contexts of at most
// so many members; others only tell how many. Whoever comes back within the grace
// was never away.
func NewPresences(dir *Directory, store SeenStore, to PresenceAudience, members int, grace time.Duration, logger *slog.Logger, now func() time.Time) *Presences {
	return &Presences{
		dir: dir, store: store, to: to, members: members, grace: grace, logger: logger, now: now,
		wake: make(chan struct{}, 1),
		here: map[PersonKey]*attendee{}, changed: map[PersonKey]bool{}, spaces: map[SpaceKey]bool{},
		counted: map[SpaceKey]time.Time{}, unsaved: map[PersonKey]time.Time{},
	}
}

func (ps *Presences) nudge() {
	select {
	case ps.wake <- struct{}{}:
	default:
	}
}

// Came notes a connection of the person; it never blocks. Each is to be followed
// by Left.
func (ps *Presences) Came(person PersonKey) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	at := ps.here[person]
	if at == nil {
		at = &attendee{own: StatusOnline, gone: true}
		ps.here[person] = at
	}
	at.connections++
	if at.gone {
		at.gone = false
		ps.changeLocked(person, at.own.shown() != StatusOffline)
	}
}

// Left notes that a connection is over; it never blocks.
func (ps *Presences) Left(person PersonKey) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	at := ps.here[person]
	if at == nil || at.connections == 0 {
		return
	}
	if at.connections--; at.connections == 0 {
		at.left = ps.now()
		ps.leaving = append(ps.leaving, leaving{person, at.left})
		ps.nudge()
	}
}

// Say sets what the actor says of itself, for all its connections and those to
// come, until this process ends.
func (ps *Presences) Say(a Actor, s Status) error {
	if err := a.RequireSelf(true); err != nil {
		return err
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	at := ps.here[a.Person]
	if at == nil {
		if s == StatusOnline {
			return nil
		}
		at = &attendee{gone: true, own: StatusOnline}
		ps.here[a.Person] = at
	}
	if at.own == s {
		return nil
	}
	was := at.status().shown()
	at.own = s
	if at.gone {
		return nil
	}
	if is := s.shown(); was != StatusOffline && is == StatusOffline {
		ps.seenLocked(a.Person, at, ps.now())
	}
	ps.changeLocked(a.Person, was != s.shown())
	return nil
}

// changeLocked has a person's status told.
func (ps *Presences) changeLocked(person PersonKey, others bool) {
	if _, waits := ps.changed[person]; waits {
		ps.merged.Add(1)
	}
	ps.changed[person] = ps.changed[person] || others
	ps.nudge()
}

// seenLocked notes when others saw the person last.
func (ps *Presences) seenLocked(person PersonKey, at *attendee, when time.Time) {
	at.seen = when
	ps.unsaved[person] = when
}

// Follow tells those whom a change of the directory shows to each other; it is a
// listener of the directory, behind the one that changes rights.
func (ps *Presences) Follow(delta Delta) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, person := range delta.People {
		if ps.here[person] != nil {
			ps.changeLocked(person, true)
		}
	}
	for _, m := range delta.Members {
		if ps.here[m.Person] == nil && ps.dir.SpaceByKey(m.Space).Kind == KindContext {
			continue // neither seen nor seeing
		}
		if len(ps.news) >= newsMost {
			ps.dropped.Add(1)
			continue
		}
		ps.news = append(ps.news, m)
	}
	if len(ps.news) > 0 {
		ps.nudge()
	}
}

// Of is the person's presence as the actor sees it; may is false where it does
// not. Errors are KindUnavailable: it is not known when the person was last seen.
func (ps *Presences) Of(ctx context.Context, a Actor, person PersonKey) (p Presence, may bool, err error) {
	if !ps.dir.SeesPresence(a, person) {
		return Presence{}, false, nil
	}
	list, err := ps.look(ctx, []PersonKey{person}, a.Person)
	return list[0], true, err
}

// look gives the presences of people, in their order, self as it is; all but when
// they were last seen with an error too.
func (ps *Presences) look(ctx context.Context, people []PersonKey, self PersonKey) ([]Presence, error) {
	out := make([]Presence, len(people))
	var unknown []PersonKey
	ps.mu.Lock()
	for i, person := range people {
		out[i].Person = person
		if at := ps.here[person]; at != nil {
			out[i].LastSeen = at.seen
			if out[i].Status = at.status(); person != self {
				out[i].Status = out[i].Status.shown()
			}
		}
		if out[i].LastSeen.IsZero() {
			out[i].LastSeen = ps.unsaved[person]
		}
		if out[i].Status != StatusOffline {
			out[i].LastSeen = time.Time{}
		} else if out[i].LastSeen.IsZero() {
			unknown = append(unknown, person)
		}
	}
	ps.mu.Unlock()
	if len(unknown) == 0 {
		return out, nil
	}
	seen, err := ps.store.Seen(ctx, unknown)
	if err != nil {
		return out, err
	}
	for i := range out {
		if at, known := seen[out[i].Person]; known && out[i].Status == StatusOffline && out[i].LastSeen.IsZero() {
			out[i].LastSeen = at
		}
	}
	return out, nil
}

// PresenceStats counts since the start; Here is now.
type PresenceStats struct {
	Here     int    // people with a connection, or within the grace
	Told     uint64 // messages for topics that somebody is subscribed to
	Merged   uint64 // changes that were told with a later one
	Dropped  uint64 // news of members for which there was no room
	Failures uint64 // attempts to store when people were seen
}

// Stats is for metrics.
func (ps *Presences) Stats() PresenceStats {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	s := PresenceStats{Told: ps.told.Load(), Merged: ps.merged.Load(), Dropped: ps.dropped.Load(), Failures: ps.failures.Load()}
	for _, at := range ps.here {
		if !at.gone {
			s.Here++
		}
	}
	return s
}
