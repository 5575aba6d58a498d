package social

import (
	"context"
	"slices"
)

// takePeople brings in people: new ones, and what the lines say of those who are there.
func (r *importRun) takePeople(ctx context.Context, chunk []importLine) (stop bool, err error) {
	taken, err := r.takenNames(ctx, chunk)
	if err != nil {
		return true, err
	}
	var fresh []importLine
	listed := map[string]bool{} // of fresh
	for i := range chunk {
		p := &chunk[i].person
		if listed[p.Name] { // the first of the two makes whom the second changes
			if stop, err := r.createPeople(ctx, fresh); stop || err != nil {
				return stop, err
			}
			fresh = fresh[:0]
			clear(listed)
		}
		is, err := r.known(ctx, p, taken[p.Name])
		switch {
		case err != nil && !ofLine(err):
			return true, err
		case err != nil:
			stop = r.fault(chunk[i].number, err)
		case !is:
			fresh, listed[p.Name] = append(fresh, chunk[i]), true
		}
		if stop {
			break
		}
	}
	more, err := r.createPeople(ctx, fresh)
	return stop || more, err
}

// takenNames tells which names of nobody who is there were somebody's once.
func (r *importRun) takenNames(ctx context.Context, chunk []importLine) (map[string]bool, error) {
	var names []string
	for i := range chunk {
		if _, is := r.dir.PersonByName(chunk[i].person.Name); !is {
			names = append(names, chunk[i].person.Name)
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	return r.store.TakenNames(ctx, names)
}

// known tells whether the person is there, and brings in what the line says of it.
func (r *importRun) known(ctx context.Context, p *personLine, taken bool) (is bool, err error) {
	if p.PasswordHash != "" {
		if err := r.check(p.PasswordHash); err != nil {
			return false, Invalid("passwordHash", "is none that this site can check: %s", err)
		}
	}
	who, is := r.dir.PersonByName(p.Name)
	switch {
	case is:
		return true, r.amend(ctx, who, p.patch)
	case r.foreseen["person "+p.Name]:
		r.report.People.Unchanged++
		return true, nil
	case taken:
		return false, Errorf(KindConflict, "The name %q is taken, or was once; choose another.", p.Name)
	}
	return false, nil
}

// amend changes what the line says of somebody who is there: what is shown of it,
// never how it signs in or what it may.
func (r *importRun) amend(ctx context.Context, who Person, patch PersonPatch) error {
	is, err := r.people.store.Profile(ctx, who.Key)
	if err != nil {
		return err
	}
	same := patch.apply(is) == is && (patch.DisplayName == nil || *patch.DisplayName == who.DisplayName)
	switch {
	case same:
		r.report.People.Unchanged++
		return nil
	case !r.o.DryRun:
		if err := r.people.store.PatchPerson(ctx, who.Key, patch, r.now()); err != nil {
			return err
		}
		if err := r.dir.settle(ctx); err != nil {
			return err
		}
	}
	r.report.People.Changed++
	return nil
}

func (r *importRun) createPeople(ctx context.Context, lines []importLine) (stop bool, err error) {
	if len(lines) == 0 {
		return false, nil
	}
	if r.o.DryRun {
		for i := range lines {
			r.foresee("person " + lines[i].person.Name)
		}
		r.report.People.Added += len(lines)
		return false, nil
	}
	list, numbers := make([]NewPerson, len(lines)), make([]int, len(lines))
	for i := range lines {
		list[i], numbers[i] = lines[i].person.NewPerson, lines[i].number
	}
	refused, err := r.store.CreatePeople(ctx, list, r.now())
	if err != nil {
		return true, err
	}
	if err := r.dir.settle(ctx); err != nil {
		return true, err
	}
	n, stop := r.refusals(numbers, refused)
	r.report.People.Added += n
	return stop, nil
}

// takeContexts brings in contexts. One that is there stays as it is.
func (r *importRun) takeContexts(ctx context.Context, chunk []importLine) (stop bool, err error) {
	var fresh []importLine
	for i := range chunk {
		is, wrong := r.context(&chunk[i].context)
		switch {
		case is:
			r.report.Contexts.Unchanged++
			continue
		case wrong == nil:
			fresh = append(fresh, chunk[i])
			continue
		}
		// What comes before it goes in, and may be what is told of first.
		if stop, err := r.createContexts(ctx, fresh); stop || err != nil {
			return stop, err
		}
		fresh = fresh[:0]
		if r.fault(chunk[i].number, wrong) {
			return true, nil
		}
	}
	return r.createContexts(ctx, fresh)
}

func (r *importRun) createContexts(ctx context.Context, lines []importLine) (stop bool, err error) {
	if r.o.DryRun {
		for i := range lines {
			r.foresee("context " + lines[i].context.ID)
		}
		r.report.Contexts.Added += len(lines)
		return false, nil
	}
	for len(lines) > 0 && !stop {
		list := make([]Space, len(lines))
		for i := range lines {
			list[i] = lines[i].context.Space
		}
		made, refused, err := r.store.CreateSpaces(ctx, list, r.now())
		if err != nil {
			return true, err
		}
		if r.report.Contexts.Added += made; made > 0 {
			if err := r.dir.settle(ctx); err != nil {
				return true, err
			}
		}
		if lines = lines[made:]; refused != nil {
			stop, lines = r.fault(lines[0].number, refused), lines[1:]
		}
	}
	return stop, nil
}

// context finds what the line names: its owner and the context above. is tells that it is
// there already.
func (r *importRun) context(c *contextLine) (is bool, err error) {
	if s, known := r.dir.contextByID(c.ID); known {
		if s.Deleted {
			return false, Errorf(KindConflict, "The id %q was taken once; choose another.", c.ID)
		}
		return true, nil
	}
	if r.foreseen["context "+c.ID] {
		return true, nil
	}
	c.Owner = r.actor.Person
	if c.owner != "" {
		who, err := r.someone("owner", c.owner)
		if err != nil {
			return false, err
		}
		c.Owner = who
	} else if c.Owner == 0 {
		return false, Invalid("owner", "is missing")
	}
	if c.parent == "" {
		return false, nil
	}
	above, known := r.dir.contextByID(c.parent)
	if (!known || above.Deleted) && !r.expects("context "+c.parent) {
		return false, Invalid("parent", "there is no context %q", clip(c.parent))
	}
	if known {
		c.Parent = above.Key
	}
	return false, nil
}

// someone finds a person; 0 for one whom a dry run would have made.
func (r *importRun) someone(field, name string) (PersonKey, error) {
	if who, ok := r.dir.PersonByName(name); ok {
		return who.Key, nil
	}
	if r.expects("person " + name) {
		return 0, nil
	}
	return 0, Invalid(field, "there is no person %q", clip(name))
}

// somewhere does the same for a context; nil for one that a dry run would have made.
func (r *importRun) somewhere(field, id string) (*Space, error) {
	if s, ok := r.dir.contextByID(id); ok && !s.Deleted {
		return s, nil
	}
	if r.expects("context " + id) {
		return nil, nil
	}
	return nil, Invalid(field, "there is no context %q", clip(id))
}

// contextByID finds a context, also a deleted one.
func (d *Directory) contextByID(id string) (*Space, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if pl := d.spaces[d.ids[id]]; pl != nil {
		return pl.space, true
	}
	return nil, false
}

// takeMembers brings in memberships, with grants and vetoes.
func (r *importRun) takeMembers(ctx context.Context, chunk []importLine) (stop bool, err error) {
	var (
		changes []SpaceMemberChange
		lines   []int
		joins   []bool
	)
	for i := range chunk {
		c, join, err := r.member(&chunk[i].member)
		switch {
		case err != nil:
			stop = r.fault(chunk[i].number, err)
		case c == nil:
			r.report.Members.Unchanged++
		default:
			changes, lines, joins = append(changes, *c), append(lines, chunk[i].number), append(joins, join)
		}
		if stop {
			break
		}
	}
	if len(changes) == 0 {
		return stop, nil
	}
	refused := make([]error, len(changes))
	switch {
	case r.o.DryRun:
	case r.o.Notify:
		err = r.join(ctx, changes, joins)
	default:
		if refused, err = r.store.Affiliate(ctx, changes, r.now()); err == nil {
			err = r.dir.settle(ctx)
		}
	}
	if err != nil {
		return true, err
	}
	_, more := r.refusals(lines, refused)
	for i, err := range refused {
		switch {
		case err != nil:
		case joins[i]:
			r.report.Members.Added++
		default:
			r.report.Members.Changed++
		}
	}
	return stop || more, nil
}

// member is what a line changes; nil where that is nothing.
func (r *importRun) member(l *memberLine) (c *SpaceMemberChange, join bool, err error) {
	s, err := r.somewhere("context", l.context)
	if err != nil {
		return nil, false, err
	}
	who, err := r.someone("person", l.Name)
	if err != nil {
		return nil, false, err
	}
	if s == nil || who == 0 {
		return &SpaceMemberChange{}, true, nil
	}
	m := Member{s.Key, who}
	if r.pairs[m] { // by two names of one person
		return nil, false, nil
	}
	r.pairs[m] = true
	is := r.dir.standing(m.Space, m.Person)
	c = &SpaceMemberChange{Member: m}
	c.Set, c.Clear = l.overrides(is.Overrides, r.now())
	if is.Member && len(c.Set) == 0 && c.Clear == 0 {
		return nil, false, nil
	}
	return c, !is.Member, nil
}

// join brings members in with their events, context by context.
func (r *importRun) join(ctx context.Context, changes []SpaceMemberChange, joins []bool) error {
	var order []SpaceKey
	of := map[SpaceKey][]MemberChange{}
	for i := range changes {
		c := &changes[i]
		if !slices.Contains(order, c.Space) {
			order = append(order, c.Space)
		}
		of[c.Space] = append(of[c.Space], MemberChange{Person: c.Person, Join: joins[i], Set: c.Set, Clear: c.Clear})
	}
	for _, key := range order {
		if _, err := r.spaces.changeMembers(ctx, r.actor, r.dir.SpaceByKey(key), of[key]); err != nil {
			return err
		}
	}
	return nil
}
