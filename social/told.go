package social

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Serve tells of those who come and go until ctx ends; then it stores when
// everybody was seen last and returns, in bounded time.
func (ps *Presences) Serve(ctx context.Context) {
	var saving sync.WaitGroup
	saving.Go(func() { ps.keepSeen(ctx) })
	defer saving.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ps.wake:
		case <-timer.C:
		}
		next := ps.turn(ctx)
		timer.Reset(presencePause) // what changes meanwhile is told together
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if next > 0 {
			timer.Reset(max(0, next-presencePause))
		}
	}
}

// told is a person whose status changed, and how.
type told struct {
	person PersonKey
	status Status // as the person sees it
	seen   time.Time
	others bool
	shows  bool // spaces tell of it
	listed bool // they told that it is there
}

// turn tells all that is due, and says when to look again; 0: when woken.
func (ps *Presences) turn(ctx context.Context) (next time.Duration) {
	if ps.dir.StaleFor() > presenceStale {
		return presencePause // by rights that nobody could confirm nothing is told
	}
	now := ps.now()
	ps.mu.Lock()
	next = ps.goneLocked(now)
	people := ps.dueLocked(now)
	news := ps.news
	ps.news = nil
	ps.mu.Unlock()

	for _, t := range people {
		ps.tell(t)
	}
	ps.introduce(ctx, news)

	ps.mu.Lock()
	spaces := ps.dueSpacesLocked(now)
	waits := len(ps.changed)+len(ps.spaces)+len(ps.news) > 0
	ps.mu.Unlock()
	for _, space := range spaces {
		ps.tellNumber(space, nil)
	}
	if waits && (next == 0 || next > presencePause) {
		next = presencePause
	}
	return next
}

// goneLocked lets those go whose grace is over, and says when the next one's is;
// 0: nobody waits.
func (ps *Presences) goneLocked(now time.Time) time.Duration {
	n := 0
	for _, l := range ps.leaving {
		if left := l.at.Add(ps.grace).Sub(now); left > 0 {
			ps.leaving = slices.Delete(ps.leaving, 0, n)
			return left
		}
		n++
		at := ps.here[l.person]
		if at == nil || at.gone || at.connections > 0 || !at.left.Equal(l.at) {
			continue // it came back
		}
		shown := at.own.shown() != StatusOffline
		if shown {
			ps.seenLocked(l.person, at, at.left)
		}
		at.gone = true
		ps.changeLocked(l.person, shown)
	}
	ps.leaving = ps.leaving[:0]
	return 0
}

// dueLocked takes the people who are to be told of now. Those who are gone and
// said nothing of themselves are forgotten.
func (ps *Presences) dueLocked(now time.Time) []told {
	var out []told
	for person, others := range ps.changed {
		at := ps.here[person]
		if at == nil {
			delete(ps.changed, person)
			continue
		}
		if now.Sub(at.toldAt) < presenceEvery {
			continue
		}
		delete(ps.changed, person)
		shows := ps.dir.showsPresence(person)
		out = append(out, told{person, at.status(), at.seen, others, shows, at.listed})
		at.toldAt = now
		at.listed = shows && at.status().shown() != StatusOffline
		if at.gone && at.connections == 0 && at.own == StatusOnline {
			delete(ps.here, person)
		}
	}
	return out
}

// tell tells of one person whoever is subscribed, and notes which spaces'
// numbers are others now.
func (ps *Presences) tell(t told) {
	self := Presence{Person: t.person, Status: t.status}
	if t.status == StatusOffline {
		self.LastSeen = t.seen
	}
	if ps.to.Covered(t.person.Scope(), ChannelPresence) {
		ps.to.AnnouncePresence(self, []PersonKey{t.person})
		ps.told.Add(1)
		if t.others {
			ps.to.AnnouncePresence(t.toOthers(), nil)
			ps.told.Add(1)
		}
	}
	if !t.others {
		return
	}
	is := t.toOthers()
	if !t.shows {
		is = Presence{Person: t.person} // it was hidden a moment ago
	}
	if is.Status == StatusOffline && !t.listed {
		return // nobody was told that it was there
	}
	for _, space := range ps.dir.attends(t.person) {
		if !ps.to.Covered(space.Scope(), ChannelPresence) {
			continue
		}
		ps.mu.Lock()
		ps.spaces[space.Key] = true
		ps.mu.Unlock()
		if ps.names(space) {
			ps.to.AnnounceAttendee(space, space.attendee(is), ps.dir.unblockedIn(space, t.person))
			ps.told.Add(1)
		}
	}
}

func (t told) toOthers() Presence {
	p := Presence{Person: t.person, Status: t.status.shown()}
	if p.Status == StatusOffline {
		p.LastSeen = t.seen
	}
	return p
}
