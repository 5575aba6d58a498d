package social

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// attendee is what a space tells of a presence: contexts not when somebody was
// there last, for most who read there do not know the person.
func (s *Space) attendee(p Presence) Presence {
	if s.Kind != KindConversation {
		p.LastSeen = time.Time{}
	}
	return p
}

// names tells whether the space tells who is there: conversations do, and
// contexts of few members.
func (ps *Presences) names(space *Space) bool {
	members, _ := ps.dir.membership(space.Key, 0)
	return space.Kind == KindConversation || members <= ps.members
}

// dueSpacesLocked takes the spaces whose number is to be told now.
func (ps *Presences) dueSpacesLocked(now time.Time) []*Space {
	var out []*Space
	for key := range ps.spaces {
		space := ps.dir.SpaceByKey(key)
		if space.Deleted || !ps.to.Covered(space.Scope(), ChannelPresence) {
			delete(ps.spaces, key)
			delete(ps.counted, key)
			continue
		}
		if now.Sub(ps.counted[key]) < presenceEvery {
			continue
		}
		delete(ps.spaces, key)
		ps.counted[key] = now
		out = append(out, space)
	}
	return out
}

// tellNumber tells how many are there.
func (ps *Presences) tellNumber(space *Space, only []PersonKey) {
	ps.mu.Lock()
	n := 0
	ps.attendingLocked(space.Key, func(PersonKey, Status) { n++ })
	ps.mu.Unlock()
	ps.to.AnnounceAttendance(space, n, only)
	ps.told.Add(1)
}

// attendingLocked calls f for each member of the space who is there for others.
func (ps *Presences) attendingLocked(space SpaceKey, f func(PersonKey, Status)) {
	d := ps.dir
	d.mu.RLock()
	defer d.mu.RUnlock()
	pl := d.spaces[space]
	if pl == nil || pl.space.Deleted {
		return
	}
	look := func(person PersonKey, at *attendee) {
		if s := at.status().shown(); s != StatusOffline && d.showsPresenceLocked(person) {
			f(person, s)
		}
	}
	if len(ps.here) < pl.people.number() {
		for person, at := range ps.here {
			if pl.people.at(person).Member {
				look(person, at)
			}
		}
		return
	}
	for person, r := range pl.people.all() {
		if at := ps.here[person]; at != nil && r.Member {
			look(person, at)
		}
	}
}

// Attending is who is there of a space's members, for a reader who may read in
// it: how many, and, where the space tells that, who, in order of name; in a
// conversation those too who are not there. Errors are KindUnavailable.
func (ps *Presences) Attending(ctx context.Context, space *Space, reader PersonKey) (online int, who []Presence, err error) {
	ps.mu.Lock()
	ps.attendingLocked(space.Key, func(person PersonKey, s Status) {
		online++
		who = append(who, Presence{Person: person, Status: s})
	})
	ps.mu.Unlock()
	if !ps.names(space) {
		return online, nil, nil
	}
	if space.Kind == KindConversation {
		people := ps.dir.showing(space.Key)
		people = slices.DeleteFunc(people, func(other PersonKey) bool { return ps.dir.blocked(reader, other) })
		if who, err = ps.look(ctx, people, 0); err != nil {
			return 0, nil, err
		}
	}
	for i := range who {
		who[i] = space.attendee(who[i])
	}
	slices.SortFunc(who, func(a, b Presence) int {
		return cmp.Compare(ps.dir.AnyPerson(a.Person).Name, ps.dir.AnyPerson(b.Person).Name)
	})
	return online, who, nil
}

// introduce tells those of each other whom memberships that began or ended
// brought together: in the spaces, and on people's own topics.
func (ps *Presences) introduce(ctx context.Context, news []Member) {
	within, cancel := context.WithTimeout(ctx, appendWithin)
	defer cancel()
	for _, m := range news {
		space := ps.dir.SpaceByKey(m.Space)
		if space.Deleted {
			continue
		}
		if space.Kind != KindWall && ps.to.Covered(space.Scope(), ChannelPresence) {
			ps.welcome(within, space, m.Person)
		}
		met := ps.dir.Acquaintances(m.Space, nil)
		for _, other := range met {
			if other != m.Person {
				ps.show(within, other, m.Person)
				ps.show(within, m.Person, other)
			}
		}
	}
}

// show tells reader of person, where it has come to see that.
func (ps *Presences) show(ctx context.Context, person, reader PersonKey) {
	if !ps.to.Covered(person.Scope(), ChannelPresence) {
		return
	}
	if p, may, err := ps.Of(ctx, Actor{Person: reader}, person); may && err == nil { // else it learns with the next change
		ps.to.AnnouncePresence(p, []PersonKey{reader})
		ps.told.Add(1)
	}
}

// welcome tells a space that somebody joined or left, and who joined of all the
// others.
func (ps *Presences) welcome(ctx context.Context, space *Space, person PersonKey) {
	ps.mu.Lock()
	ps.spaces[space.Key] = true
	ps.mu.Unlock()
	_, isOne := ps.dir.membership(space.Key, person)
	online, who, err := ps.Attending(ctx, space, person)
	if err != nil || !ps.names(space) {
		return // it learns with the next change
	}
	if !isOne {
		ps.mu.Lock()
		at := ps.here[person]
		was := at != nil && at.listed
		ps.mu.Unlock()
		if was {
			ps.to.AnnounceAttendee(space, Presence{Person: person}, nil)
			ps.told.Add(1)
		}
		return
	}
	for _, p := range who {
		only := []PersonKey{person}
		if p.Person == person {
			only = ps.dir.unblockedIn(space, person)
		}
		ps.to.AnnounceAttendee(space, p, only)
	}
	ps.to.AnnounceAttendance(space, online, []PersonKey{person})
	ps.told.Add(uint64(len(who)) + 1)
}

// showsPresence is showsPresenceLocked.
func (d *Directory) showsPresence(person PersonKey) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.showsPresenceLocked(person)
}

// attends lists the contexts and conversations whose member the person is.
func (d *Directory) attends(person PersonKey) []*Space {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var spaces []*Space
	for key := range d.mine[person] {
		if pl := d.spaces[key]; pl != nil && pl.space.Kind != KindWall {
			spaces = append(spaces, pl.space)
		}
	}
	return spaces
}

// unblockedIn lists the participants of a conversation whom nothing keeps apart
// from the person; nil for all. In a context everybody who reads there sees who
// is there.
func (d *Directory) unblockedIn(space *Space, person PersonKey) []PersonKey {
	if space.Kind != KindConversation {
		return nil
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	pl := d.spaces[space.Key]
	out := []PersonKey{}
	for other, r := range pl.people.all() {
		if r.Member && !d.blockedLocked(person, other) {
			out = append(out, other)
		}
	}
	if len(out) == pl.members {
		return nil
	}
	return out
}

// showing lists the members of a space of whom it tells whether they are there.
func (d *Directory) showing(space SpaceKey) []PersonKey {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var out []PersonKey
	if pl := d.spaces[space]; pl != nil {
		for person, r := range pl.people.all() {
			if r.Member && d.showsPresenceLocked(person) {
				out = append(out, person)
			}
		}
	}
	return out
}
