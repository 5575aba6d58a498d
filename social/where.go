package social

import "strings"

// Where names a space as clients do: a context or a conversation by its id, a
// wall by a name of its person.
type Where struct {
	Kind ScopeKind // ScopeSpace, ScopeConversation or ScopePerson
	Name string
}

// InContext names a context.
func InContext(id string) Where { return Where{ScopeSpace, id} }

// InConversation names a conversation.
func InConversation(id string) Where { return Where{ScopeConversation, id} }

// OnWall names a person's wall.
func OnWall(name string) Where { return Where{ScopePerson, name} }

// Where is that of the topic's owner.
func (a Address) Where() Where { return Where{a.Kind, a.Owner} }

// ScopeOf is the scope of the space's topics.
func (d *Directory) ScopeOf(key SpaceKey) Scope { return d.SpaceByKey(key).Scope() }

// ownerLocked is how the topics of a space name what they belong to.
func (d *Directory) ownerLocked(s *Space) Owner {
	o := Owner{Scope: s.Scope(), Name: s.ID}
	if p := d.people[s.Owner]; s.Kind == KindWall && p != nil {
		o.Name = p.Name
	}
	return o
}

// OwnerOf is how the topics of a space name what they belong to.
func (d *Directory) OwnerOf(s *Space) Owner {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.ownerLocked(s)
}

// StreamOwner finds whose a stream is, also of a deleted space. false where it
// was made after the directory was loaded and has not been heard of, or is that
// of a prefix that is no longer open.
func (d *Directory) StreamOwner(key StreamKey) (Owner, Channel, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	id, ok := d.streams[key]
	switch {
	case !ok:
		return Owner{}, ChannelNone, false
	case id.Open != "":
		return Owner{key.openScope(), id.Open}, id.Channel, true
	}
	return d.ownerLocked(d.spaces[id.Space].space), id.Channel, true
}

// StreamOf is the stream of one of a scope's channels; 0 where there is none.
func (d *Directory) StreamOf(scope Scope, c Channel) StreamKey {
	if scope.Kind == ScopeOpen && c == ChannelData {
		return StreamKey(scope.Key)
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if pl := d.ownedByLocked(scope); pl != nil {
		return pl.space.Stream(c)
	}
	return 0
}

// ownedByLocked is the space that the scope's streams are of; nil for none.
func (d *Directory) ownedByLocked(scope Scope) *place {
	switch scope.Kind {
	case ScopeSpace, ScopeConversation:
		return d.spaces[SpaceKey(scope.Key)]
	case ScopePerson:
		return d.spaces[d.walls[PersonKey(scope.Key)]]
	default:
		return nil
	}
}

// SpaceOf is the space whose streams are the scope's, also a deleted one; false
// where there is none: whoever never posted has no wall.
func (d *Directory) SpaceOf(scope Scope) (*Space, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if pl := d.ownedByLocked(scope); pl != nil {
		return pl.space, true
	}
	return nil, false
}

// placeLocked finds what clients name so; nil where there is none.
func (d *Directory) placeLocked(w Where) *place {
	switch w.Kind {
	case ScopeSpace:
		return d.spaces[d.ids[w.Name]]
	case ScopeConversation:
		return d.spaces[d.convs[w.Name]]
	case ScopePerson:
		if p := d.people[d.names[strings.ToLower(w.Name)]]; p != nil && !p.Removed {
			return d.spaces[d.walls[p.Key]]
		}
	}
	return nil
}

// Find finds a living space, whoever may see it. The Space must not be changed.
func (d *Directory) Find(w Where) (*Space, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if pl := d.placeLocked(w); pl != nil && !pl.space.Deleted {
		return pl.space, true
	}
	return nil, false
}

// refuseActing is KindForbidden for who acts for another outside of contexts.
func (w Where) refuseActing(a Actor) error {
	if w.Kind == ScopeSpace {
		return nil
	}
	return a.refuseActing()
}

// missing is KindNotFound of what w names.
func (w Where) missing() *Error {
	switch w.Kind {
	case ScopeConversation:
		return Errorf(KindNotFound, "There is no conversation %q, or it is not yours to see.", clip(w.Name))
	case ScopePerson:
		return Errorf(KindNotFound, "There is nothing by %q, or it is not yours to see.", clip(w.Name))
	default:
		return noContext(w.Name)
	}
}

// spaceOfStream finds the space a stream belongs to; not that of open topics,
// which belong to none.
func (d *Directory) spaceOfStream(key StreamKey) (SpaceKey, Channel, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	id, ok := d.streams[key]
	return id.Space, id.Channel, ok && id.Open == ""
}

// conversationOf is the one-to-one conversation of two; false where there is none.
func (d *Directory) conversationOf(pair [2]PersonKey) (*Space, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if pl := d.spaces[d.pairs[pair]]; pl != nil {
		return pl.space, true
	}
	return nil, false
}
