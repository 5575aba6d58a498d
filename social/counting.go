package social

import (
	"context"
	"slices"
	"time"
)

// Serve tells counters until ctx ends.
func (cs *Counters) Serve(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	var left []ask // what the store did not answer
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-cs.wake:
		case <-pause.C:
		}
		asks := slices.Concat(left, cs.gather())
		within, cancel := context.WithTimeout(ctx, appendWithin)
		err := cs.count(within, asks)
		cancel()
		if left = nil; err != nil {
			left = cs.still(asks)
		}
		if err != nil && !failing && ctx.Err() == nil {
			cs.logger.WarnContext(ctx, "what is unread cannot be counted; trying again", "err", err)
		}
		failing = err != nil
		waits := cs.tell()
		pause.Reset(countersPause)
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		if waits || failing {
			pause.Reset(0)
		}
	}
}

// still keeps the questions about readers that are still there, each once.
func (cs *Counters) still(asks []ask) []ask {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	seen := map[markerKey]bool{}
	out := asks[:0]
	for _, a := range asks {
		key := markerKey{a.query.Stream, a.query.Person}
		if r := cs.readers[a.query.Person]; r != nil && !seen[key] {
			seen[key] = true
			out = append(out, a)
		}
	}
	return out
}

// gather takes what happened into account, and gives the questions that are left
// for the store.
func (cs *Counters) gather() []ask {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.in.Lock()
	hearing, again, spaces := cs.hearing, cs.again, cs.spaces
	cs.hearing, cs.again, cs.spaces = map[PersonKey]struct{}{}, map[Member]struct{}{}, map[SpaceKey]struct{}{}
	came := map[SpaceKey]*arrivals{}
	for space, a := range cs.came {
		if a.first != 0 {
			came[space] = a
			cs.came[space] = newArrivals()
		}
	}
	cs.in.Unlock()

	for person := range hearing {
		if cs.readers[person] == nil && cs.to.Covered(person.Scope(), ChannelCounters) {
			cs.watchLocked(person) // the question is put below, if nobody puts it before
		}
	}
	for space := range spaces {
		for person := range cs.rooms[space] {
			again[Member{space, person}] = struct{}{}
		}
	}
	now := cs.now()
	for space, a := range came {
		if a.removed {
			cs.removed[space] = struct{}{}
		}
		for person := range cs.rooms[space] {
			r := cs.readers[person]
			t, anew := a.to(person, r.spaces[space])
			r.set(space, t)
			if anew {
				again[Member{space, person}] = struct{}{}
			}
		}
	}
	cs.recountLocked(now, again)
	var out []ask
	for m := range again {
		r := cs.readers[m.Person]
		if r == nil {
			continue
		}
		if s, _ := cs.dir.look(Actor{Person: m.Person}, m.Space); s.Member && s.May.Has(Read) {
			out = append(out, cs.enterLocked(m.Person, r, s))
		} else {
			cs.exitLocked(m.Person, r, m.Space)
		}
	}
	for person, r := range cs.readers {
		if r.unknown > 0 && now.Sub(r.since) > countersPatience {
			out = append(out, cs.watchLocked(person)...)
		}
	}
	return out
}

// recountLocked has those counted anew who have unread posts where one was
// removed: in one space no more often than people are told.
func (cs *Counters) recountLocked(now time.Time, again map[Member]struct{}) {
	for space := range cs.removed {
		if now.Sub(cs.recount[space]) < countersEvery {
			continue
		}
		delete(cs.removed, space)
		cs.recount[space] = now
		for person := range cs.rooms[space] {
			if cs.readers[person].spaces[space].unread > 0 {
				again[Member{space, person}] = struct{}{}
			}
		}
	}
}

// tell tells those whose counters changed and who were not told a moment ago, and
// forgets those who are no longer subscribed. waits tells that others are left.
func (cs *Counters) tell() (waits bool) {
	if cs.dir.StaleFor() > presenceStale {
		return true // by rights that nobody could confirm nothing is told
	}
	type news struct {
		person PersonKey
		counts Counts
	}
	var due []news
	now := cs.now()
	cs.mu.Lock()
	waits = len(cs.removed) > 0
	for person, r := range cs.readers {
		switch {
		case r.unknown > 0:
			waits = true
		case !r.due():
		case now.Sub(r.spoke) < countersEvery:
			waits = true
		case !cs.to.Covered(person.Scope(), ChannelCounters):
			cs.forgetLocked(person, r)
		default:
			r.told, r.again, r.spoke = r.counts, false, now
			due = append(due, news{person, r.counts})
		}
	}
	cs.mu.Unlock()
	for _, n := range due {
		cs.to.AnnounceCounts(n.person, n.counts)
		cs.told.Add(1)
	}
	return waits
}
