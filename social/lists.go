package social

import (
	"iter"
	"maps"
	"slices"
	"sync/atomic"
)

// visibleSpaces lists in order of id the contexts after the given id that the
// actor may know of, at most limit. Cost: the spaces passed over; sorting all ids after a change.
func (d *Directory) visibleSpaces(a Actor, after string, mine bool, limit int) []Sight {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var ids []string
	if mine {
		for key := range d.mine[a.hand()] {
			if s := d.spaces[key].space; s.Kind == KindContext {
				ids = append(ids, s.ID)
			}
		}
		slices.Sort(ids)
	} else {
		ids = sorted(&d.idOrder, maps.Keys(d.ids))
	}
	from, _ := slices.BinarySearch(ids, after+"\x00")
	var out []Sight
	for _, id := range ids[from:] {
		if s, visible := d.sightLocked(a, d.spaces[d.ids[id]], false); visible {
			out = append(out, s)
			if len(out) == limit {
				break
			}
		}
	}
	return out
}

// seesHidden are the roles that hidden people are shown to.
const seesHidden = RoleManager | RoleModerator | RoleAuditor

// seesHiddenLocked tells whether hidden people are shown to the actor: they are to
// those who administer or moderate.
func (d *Directory) seesHiddenLocked(a Actor) bool {
	return d.rolesLocked(a)&seesHidden != 0
}

// shows tells whether p is shown to the actor: hidden people only to those who
// see hidden ones, and to themselves.
func (d *Directory) shows(a Actor, p Person) bool {
	if !p.Roles.Has(RoleHidden) || p.Key == a.hand() {
		return true
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.seesHiddenLocked(a)
}

// listedPeople lists in order of name the living people after the given name
// that are shown to the actor. more says whether there are others.
func (d *Directory) listedPeople(a Actor, after string, limit int) (list []Person, more bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	seesHidden := d.seesHiddenLocked(a)
	return d.peopleLocked(after, limit, func(p *Person) bool {
		return !p.Roles.Has(RoleHidden) || seesHidden || p.Key == a.hand()
	})
}

// Everybody lists living people in order of name after the given one, hidden
// ones too: for the operator. more says whether there are others.
func (d *Directory) Everybody(after string, limit int) (list []Person, more bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.peopleLocked(after, limit, func(*Person) bool { return true })
}

// peopleLocked is a page of the living people that take lets through.
func (d *Directory) peopleLocked(after string, limit int, take func(*Person) bool) (list []Person, more bool) {
	names := sorted(&d.nameOrder, maps.Keys(d.names))
	from, _ := slices.BinarySearch(names, after+"\x00")
	for _, name := range names[from:] {
		p := d.people[d.names[name]]
		if p.Removed || p.Name != name || !take(p) {
			continue
		}
		if len(list) == limit {
			return list, true
		}
		list = append(list, *p)
	}
	return list, false
}

// sorted returns the keys in order, sorting only when a change has emptied the
// cache. Readers may sort at the same time; each result is right.
func sorted(cache *atomic.Pointer[[]string], keys iter.Seq[string]) []string {
	if list := cache.Load(); list != nil {
		return *list
	}
	list := slices.Sorted(keys)
	cache.Store(&list)
	return list
}
