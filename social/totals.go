package social

// The lists that are kept in memory can be counted without reading them: what
// follows counts exactly what the method beside it lists.

// everyEntry is a limit that no list in memory reaches.
const everyEntry = 1 << 30

// Count is how many people List lists.
func (pp *People) Count(a Actor) int {
	list, _ := pp.List(a, "", everyEntry)
	return len(list)
}

// Count is how many contexts List lists.
func (sp *Spaces) Count(a Actor, f SpaceFilter) (int, error) {
	list, _, err := sp.List(a, "", f, everyEntry)
	return len(list), err
}

// CountMembers is how many people Members lists of a context, and likewise needs read.
func (sp *Spaces) CountMembers(a Actor, id string) (int, error) {
	sight, err := sp.dir.See(a, id)
	if err != nil {
		return 0, err
	}
	if !sight.May.Has(Read) {
		return 0, Errorf(KindNotFound, "The members of %q are not yours to see.", sight.Space.ID)
	}
	return sp.dir.shownMembers(a, sight.Space.Key), nil
}

// shownMembers counts the members of a space that are shown to the actor.
func (d *Directory) shownMembers(a Actor, key SpaceKey) (n int) {
	for _, p := range d.livingMembers(key) {
		if d.shows(a, p) {
			n++
		}
	}
	return n
}

func (d *Directory) livingMembers(key SpaceKey) []Person {
	d.mu.RLock()
	defer d.mu.RUnlock()
	pl := d.spaces[key]
	if pl == nil {
		return nil
	}
	out := make([]Person, 0, pl.members)
	for person, r := range pl.people.all() {
		if p := d.people[person]; r.Member && p != nil && !p.Removed {
			out = append(out, *p)
		}
	}
	return out
}

// Count is how many spaces a list of these changes has.
func (c *Changes) Count() (n int) {
	for i := range c.sights {
		if c.Shows(c.sights[i].Space.Key) {
			n++
		}
	}
	return n
}
