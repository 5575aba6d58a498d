package social

import (
	"context"
	"math"
)

// What a session that was away needs to know of streams and rights.

// StreamID names the stream with the key; ok is false for none.
func (d *Directory) StreamID(key StreamKey) (id StreamID, ok bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	id, ok = d.streams[key]
	return id, ok
}

// Version is that of the journal of rights which the directory's answers are given by.
func (d *Directory) Version() int64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.version
}

// Joined is the seq after which the actor's membership began in the stream;
// member is false where it is none.
func (d *Directory) Joined(a Actor, key StreamKey) (seq uint64, member bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	id, ok := d.streams[key]
	pl := d.spaces[id.Space]
	if !ok || pl == nil {
		return 0, false
	}
	r := pl.people.at(a.hand())
	if r.Member && r.heads != nil {
		seq = r.heads[id.Channel]
	}
	return seq, r.Member
}

// Regained finds, among changes of who could read (newest first), the spaces
// that the actor may read now and could not at some time in between, and where
// their streams stood when the right came back.
func (d *Directory) Regained(a Actor, reads []ReadChange) map[StreamKey]uint64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	bySpace := map[SpaceKey][]ReadChange{}
	for _, c := range reads {
		bySpace[c.Space] = append(bySpace[c.Space], c)
	}
	out := map[StreamKey]uint64{}
	for space, changes := range bySpace {
		pl := d.spaces[space]
		if pl == nil || pl.space.Deleted {
			continue
		}
		heads, regained := d.regainedLocked(a, pl, changes)
		for c, key := range pl.space.Streams {
			if regained && key != 0 {
				out[key] = heads[c]
			}
		}
	}
	return out
}

// regainedLocked goes back through the changes of one space, from how things
// stand now, to the last one that gave the right.
func (d *Directory) regainedLocked(a Actor, pl *place, changes []ReadChange) (Heads, bool) {
	const read = 0 // the place of Read among the policies
	hand := a.hand()
	policies, owner, standing := pl.space.Policies, pl.space.Owner, pl.people.at(hand).Standing
	roles, now := d.rolesInSpacesLocked(a), d.now()
	if pl.space.Kind == KindWall { // who is not hidden has a wall that all may read
		policies[read] = PolicyPublic
		if p := d.people[owner]; p != nil && p.Roles.Has(RoleHidden) {
			policies[read] = PolicyRestricted
		}
	}
	may := func() bool {
		switch pl.space.Kind {
		case KindConversation:
			return standing.Member
		case KindWall:
			return owner == hand || policies[read] == PolicyPublic || roles&seesHidden != 0
		default:
			return Effective(policies, owner == hand, roles, standing, now).Has(Read)
		}
	}
	if !may() {
		return Heads{}, false
	}
	for _, c := range changes {
		after := may()
		if c.Person == 0 {
			policies[read], owner = c.Policy, c.Owner
		} else {
			standing, roles = c.Standing, d.usableLocked(a, c.Roles)
		}
		if after && !may() {
			return c.Heads, true
		}
	}
	return Heads{}, false
}

// seekPage is how many posts are read at a time to find the last few.
const seekPage = 500

// Seek finds where a replay of the stream begins for the actor. KindNotFound
// where it may not read it. The last k that it may see cost a reading of k posts.
func (ps *Posts) Seek(ctx context.Context, a Actor, key StreamKey, from SeekFrom) (Sought, error) {
	id, ok := ps.dir.StreamID(key)
	if !ok {
		return Sought{}, noContext("")
	}
	sight, _ := ps.dir.look(a, id.Space)
	if !sight.May.Has(Read) {
		return Sought{}, noContext("")
	}
	state, err := ps.log.State(ctx, key)
	if err != nil {
		return Sought{}, err
	}
	begin := sight.Floor[id.Channel]
	out := Sought{Epoch: state.Epoch, Head: state.Head, Complete: true}
	switch {
	case from.ByLast:
		if out.After, err = ps.lastBut(ctx, a, key, begin, from.Last); err != nil {
			return Sought{}, err
		}
	case from.Epoch != "" && from.Epoch != state.Epoch:
		out.After, out.Complete = 0, false
	case from.After > state.Head:
		out.After, out.Complete = state.Head, false
	default:
		out.After, out.Complete = from.After, from.After >= state.Floor
	}
	out.After = min(max(out.After, begin), state.Head)
	return out, nil
}

// lastBut is the seq behind which the last k posts lie that the actor may see.
func (ps *Posts) lastBut(ctx context.Context, a Actor, key StreamKey, floor, k uint64) (uint64, error) {
	before := uint64(math.MaxInt64)
	for k > 0 {
		n := int(min(k, seekPage)) //nolint:gosec // at most seekPage
		page, err := ps.log.Posts(ctx, PostQuery{Stream: key, Reader: a.hand(), Before: before, Floor: floor, Limit: n})
		if err != nil {
			return 0, err
		}
		if len(page) > 0 {
			before = page[len(page)-1].Seq
		}
		if len(page) < n {
			return floor, nil
		}
		k -= uint64(n) //nolint:gosec // positive
	}
	return before - 1, nil
}
