package social

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
)

// visibleSpaces lists in order of id the contexts after the given id that the
// actor may know of, at most limit.
func (d *Directory) visibleSpaces(a Actor, after string, mine bool, limit int) []Sight {
	list, _ := d.filteredSpaces(a, after, SpaceFilter{Mine: mine}, limit) // any id continues
	return list
}

// filteredSpaces is List of Spaces, for one who may know of the context above.
// Cost: the spaces passed over; sorting all ids after a change.
func (d *Directory) filteredSpaces(a Actor, after string, f SpaceFilter, limit int) ([]Sight, error) {
	tags := foldTags(f.Tags)
	d.mu.RLock()
	defer d.mu.RUnlock()
	ids, err := d.candidatesLocked(a, after, f)
	if err != nil {
		return nil, err
	}
	var out []Sight
	for _, id := range ids {
		s, visible := d.sightLocked(a, d.spaces[d.ids[id]], false)
		switch {
		case !visible || f.Mine && !s.Member:
		case f.Subscribable && (s.Member || !s.May.Has(Subscribe)):
		case !hasTags(s.Space, tags):
		default:
			if out = append(out, s); len(out) == limit {
				return out, nil
			}
		}
	}
	return out, nil
}

// candidatesLocked are the ids to look at, in the order of the list.
func (d *Directory) candidatesLocked(a Actor, after string, f SpaceFilter) ([]string, error) {
	if f.Below != "" {
		return d.idsBelowLocked(after, f.Below)
	}
	var ids []string
	if f.Mine {
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
	return ids[from:], nil
}

func (d *Directory) idsBelowLocked(after, parent string) ([]string, error) {
	places := d.childrenLocked(d.ids[parent])
	if after != "" {
		last, ok := parseTreePlace(after)
		if !ok {
			return nil, Invalid("cursor", "is not what next said on a page of this list")
		}
		places = slices.DeleteFunc(places, func(p treePlace) bool { return p.compare(last) <= 0 })
	}
	ids := make([]string, len(places))
	for i, p := range places {
		ids[i] = p.id
	}
	return ids, nil
}

func foldTags(tags []string) []string {
	out := make([]string, len(tags))
	for i, t := range tags {
		out[i] = strings.ToLower(strings.TrimSpace(t))
	}
	return out
}

// hasTags tells whether s has all the tags, which are in lower case.
func hasTags(s *Space, tags []string) bool {
	for _, want := range tags {
		if !slices.ContainsFunc(s.Tags, func(t string) bool { return strings.ToLower(strings.TrimSpace(t)) == want }) {
			return false
		}
	}
	return true
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
