package social

import (
	"maps"
	"math"
	"slices"
	"strings"
)

// PersonByName finds a living person by its present name or an alias, in any
// case of letters.
func (d *Directory) PersonByName(name string) (Person, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	p := d.people[d.names[strings.ToLower(name)]]
	if p == nil || p.Removed {
		return Person{}, false
	}
	return *p, true
}

// PersonByKey finds a living person.
func (d *Directory) PersonByKey(key PersonKey) (Person, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	p := d.people[key]
	if p == nil || p.Removed {
		return Person{}, false
	}
	return *p, true
}

// Peopled tells whether anybody was ever made.
func (d *Directory) Peopled() bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.people) > 0
}

// AnyPerson finds a person for rendering, also a removed one.
func (d *Directory) AnyPerson(key PersonKey) Person {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.anyPersonLocked(key)
}

func (d *Directory) anyPersonLocked(key PersonKey) Person {
	if p := d.people[key]; p != nil {
		return *p
	}
	return Person{Key: key}
}

// SpaceByKey finds a space for rendering, also a deleted one. The Space must
// not be changed.
func (d *Directory) SpaceByKey(key SpaceKey) *Space {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if pl := d.spaces[key]; pl != nil {
		return pl.space
	}
	return &Space{Key: key}
}

// Sight is a space as one actor sees it.
type Sight struct {
	Space  *Space
	May    Permissions // what the credential leaves of what the person may
	Member bool
	// Floor is the seq after which each stream's posts may be read.
	Floor Heads
	// Joined are the heads of the streams when a member joined.
	Joined Heads
}

// See finds a space that the actor may know of. KindNotFound where there is
// none, where it was deleted, and where it is not the actor's to know.
func (d *Directory) See(a Actor, id string) (Sight, error) { return d.SeeAt(a, InContext(id)) }

// SeeAt is See for any space.
func (d *Directory) SeeAt(a Actor, w Where) (Sight, error) {
	if err := w.refuseActing(a); err != nil {
		return Sight{}, err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if s, visible := d.sightLocked(a, d.placeLocked(w), false); visible {
		return s, nil
	}
	return Sight{}, w.missing()
}

// MayData is what the actor may do with the space's data channel, which a
// credential can be narrowed to. Errors as See.
func (d *Directory) MayData(a Actor, id string) (Sight, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if s, visible := d.sightLocked(a, d.spaces[d.ids[id]], true); visible {
		return s, nil
	}
	return Sight{}, noContext(id)
}

// reach finds a space for something that needs the permission need. A right
// suffices, also where the actor may not see the space that it holds in: a box
// that all may write into and few may read. Without the right it is
// KindForbidden, still with the Sight, where the actor may know of the space,
// else KindNotFound.
func (d *Directory) reach(a Actor, w Where, need Permissions, data bool) (Sight, error) {
	if err := w.refuseActing(a); err != nil {
		return Sight{}, err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	s, visible := d.sightLocked(a, d.placeLocked(w), data)
	switch {
	case s.May.Has(need) && need != NoPermissions:
		return s, nil
	case visible && d.unwritableLocked(s) != nil && need.Has(Write):
		return s, d.unwritableLocked(s)
	case visible:
		return s, Errorf(KindForbidden, "You lack the permission %s in %q.", strings.Join(need.Words(), ", "), clip(w.Name))
	}
	return Sight{}, w.missing()
}

// look is the actor's sight of the space with that key, and whether it may know
// of it; Space is nil where there is none.
func (d *Directory) look(a Actor, key SpaceKey) (Sight, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.sightLocked(a, d.spaces[key], false)
}

func noContext(id string) *Error {
	return Errorf(KindNotFound, "There is no context %q, or it is not yours to see.", clip(id))
}

// sightLocked computes what a sees of pl, or of its data channel, and whether it
// may know of it at all: members do, everybody where read or subscribe is
// public, and whoever may read or join it for another reason; always with a
// credential that reaches there. pl may be nil: there is no such space.
func (d *Directory) sightLocked(a Actor, pl *place, data bool) (Sight, bool) {
	hand := a.hand()
	p := d.people[hand]
	if pl == nil || pl.space.Deleted || p == nil || p.Suspended || p.Removed {
		return Sight{}, false
	}
	if a.Creator != 0 && pl.space.Kind != KindContext {
		return Sight{}, false // for others one acts in contexts only
	}
	now, r := d.now(), pl.people.at(hand)
	s := Sight{Space: pl.space, Member: r.Member}
	if r.Member && r.heads != nil {
		s.Joined = *r.heads
	}
	owner, roles := pl.space.Owner == hand, d.rolesInSpacesLocked(a)
	var all Permissions
	var known bool
	var id string // what credentials are narrowed to; nothing but contexts
	whole := owner || roles&(RoleManager|RoleAuditor) != 0
	switch pl.space.Kind {
	case KindConversation:
		all = d.conversationRightsLocked(pl, owner, r.Standing)
		known, whole = r.Member, false
	case KindWall:
		all = d.wallRightsLocked(a, pl.space, roles)
		known, whole = all.Has(Read), true
	default:
		id = pl.space.ID
		all = Effective(pl.space.Policies, owner, roles, r.Standing, now)
		known = r.Member || (all|pl.space.Policies.at(PolicyPublic))&(Read|Subscribe) != 0
		known = known && !(r.banned(now) && all == NoPermissions)
	}
	s.May = narrow(all, a.Scopes, id, data)
	if pl.space.History == HistorySinceJoin && !whole {
		s.Floor = r.floor()
	}
	return s, known && (a.Scopes.MayRead(id, data) || a.Scopes.MayWrite(id, data))
}

// wallRightsLocked is what the actor may do on a person's wall: all read it who
// see the person, and nobody else posts there. Following is subscribing.
func (d *Directory) wallRightsLocked(a Actor, wall *Space, roles Roles) Permissions {
	p := d.people[wall.Owner]
	switch {
	case p == nil || p.Removed:
		return NoPermissions
	case wall.Owner == a.hand():
		return Read | Write | Delete
	case p.Roles.Has(RoleHidden) && !d.seesHiddenLocked(a):
		return NoPermissions
	case roles&(RoleManager|RoleModerator) != 0:
		return Read | Subscribe | Unsubscribe | Delete
	}
	return Read | Subscribe | Unsubscribe
}

// floor is where history begins for r in a space that shows it from the join
// on: whoever never joined sees none.
func (r resident) floor() Heads {
	if r.Member && r.heads != nil {
		return *r.heads
	}
	var f Heads
	if !r.Member {
		for i := range f {
			f[i] = math.MaxInt64
		}
	}
	return f
}

// narrow leaves what a credential's scopes allow of p in one context.
func narrow(p Permissions, scopes Scopes, id string, data bool) Permissions {
	if !scopes.MayRead(id, data) {
		p &^= Read
	}
	if !scopes.MayWrite(id, data) {
		p &= Read
	}
	return p
}

// administers tells whether the actor owns the space or manages the site.
func (d *Directory) administers(a Actor, s *Space) bool {
	return s.Owner == a.hand() || d.Roles(a).Has(RoleManager)
}

// standing is what a person is in a space.
func (d *Directory) standing(space SpaceKey, person PersonKey) Standing {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if pl := d.spaces[space]; pl != nil {
		return pl.people.at(person).Standing
	}
	return Standing{}
}

func (d *Directory) overrides(space SpaceKey, person PersonKey) []Override {
	return d.standing(space, person).Overrides
}

// membership tells how many members a space has, and whether the person is one.
func (d *Directory) membership(space SpaceKey, person PersonKey) (members int, isOne bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	pl := d.spaces[space]
	if pl == nil {
		return 0, false
	}
	return pl.members, pl.people.at(person).Member
}

// BelongsTo tells whether the person is a member of the space, or takes part in it.
func (d *Directory) BelongsTo(space SpaceKey, person PersonKey) bool {
	_, isOne := d.membership(space, person)
	return isOne
}

// membersUpTo lists the members of a space in no order, without the time they
// joined; none where there are more than most.
func (d *Directory) membersUpTo(space SpaceKey, most int) []Membership {
	d.mu.RLock()
	defer d.mu.RUnlock()
	pl := d.spaces[space]
	if pl == nil || pl.members > most {
		return nil
	}
	out := make([]Membership, 0, pl.members)
	for person, r := range pl.people.all() {
		if !r.Member {
			continue
		}
		m := Membership{Space: space, Person: person}
		if r.heads != nil {
			m.Heads = *r.heads
		}
		out = append(out, m)
	}
	return out
}

// ownedBy is the id of a living context that the person owns; empty for none.
// Cost: all spaces once.
func (d *Directory) ownedBy(person PersonKey) string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, pl := range d.spaces {
		if pl.space.Owner == person && pl.space.Kind == KindContext && !pl.space.Deleted {
			return pl.space.ID
		}
	}
	return ""
}

// Receives is the set of the space's channels that the actor may receive now.
func (d *Directory) Receives(a Actor, key SpaceKey) ChannelSet {
	d.mu.RLock()
	defer d.mu.RUnlock()
	pl := d.spaces[key]
	s, _ := d.sightLocked(a, pl, false)
	if s.May.Has(Read) {
		return channelsOf(pl.space.Scope().Kind) // a credential for the context reaches its data too
	}
	if s, _ = d.sightLocked(a, pl, true); s.May.Has(Read) && pl.space.Kind == KindContext {
		return Channels(ChannelData)
	}
	return 0
}

// Mine lists the spaces that the actor belongs to, and every living context for
// an auditor. The walls among them are of those whom it follows. In no order.
func (d *Directory) Mine(a Actor) []SpaceKey {
	d.mu.RLock()
	defer d.mu.RUnlock()
	mine := d.mine[a.hand()]
	if !d.rolesLocked(a).Has(RoleAuditor) {
		return slices.Collect(maps.Keys(mine))
	}
	out := make([]SpaceKey, 0, len(d.spaces))
	for key, pl := range d.spaces {
		if _, member := mine[key]; member || pl.space.Kind == KindContext && !pl.space.Deleted {
			out = append(out, key)
		}
	}
	return out
}

// MineOf are the scopes of those of the kind.
func (d *Directory) MineOf(a Actor, kind ScopeKind) []Scope {
	keys := d.Mine(a)
	d.mu.RLock()
	defer d.mu.RUnlock()
	out := make([]Scope, 0, len(keys))
	for _, key := range keys {
		if pl := d.spaces[key]; pl != nil && pl.space.Scope().Kind == kind {
			out = append(out, pl.space.Scope())
		}
	}
	return out
}

// ReceivesOf is the set of a person's channels that others may receive and the
// actor does now. Its own topics are its own whether or not it has a wall.
func (d *Directory) ReceivesOf(a Actor, person PersonKey) ChannelSet {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if a.Creator != 0 || !a.Scopes.MayRead("", false) {
		return 0
	}
	if !d.wallRightsLocked(a, &Space{Kind: KindWall, Owner: person}, d.rolesLocked(a)).Has(Read) {
		return 0
	}
	set := WallChannels()
	if d.seesPresenceLocked(a, person) {
		set |= Channels(ChannelPresence)
	}
	return set
}
