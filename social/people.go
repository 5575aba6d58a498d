package social

import (
	"context"
	"strings"
	"time"
)

// People are the use cases on people.
type People struct {
	dir   *Directory
	store PeopleStore
	now   func() time.Time
}

// NewPeople makes the use cases.
func NewPeople(dir *Directory, store PeopleStore, now func() time.Time) *People {
	return &People{dir: dir, store: store, now: now}
}

func (pp *People) require(a Actor) error {
	if err := a.RequireSelf(true); err != nil {
		return err
	}
	return pp.dir.RequireManager(a)
}

// Create makes a person; only a manager may. KindConflict where the name is or
// was anybody's.
func (pp *People) Create(ctx context.Context, a Actor, p NewPerson) (Person, error) {
	if err := pp.require(a); err != nil {
		return Person{}, err
	}
	return pp.create(ctx, &a, p)
}

// Found makes a person without asking who wants it: for the operator's command
// line and the first start.
func (pp *People) Found(ctx context.Context, p NewPerson) (Person, error) {
	return pp.create(ctx, nil, p)
}

func (pp *People) create(ctx context.Context, a *Actor, p NewPerson) (Person, error) {
	var err error
	if p.Name, err = ParsePersonName("name", p.Name); err != nil {
		return Person{}, err
	}
	if p.DisplayName == "" {
		p.DisplayName = p.Name
	}
	if err := CheckText("displayName", p.DisplayName, MaxDisplayName); err != nil {
		return Person{}, err
	}
	if err := p.Profile.check(); err != nil {
		return Person{}, err
	}
	var key PersonKey
	act := actOf(a, VerbPersonCreate).Changing("", strings.Join(p.Roles.Words(), " ")) // on whom, the store adds
	err = pp.dir.audit.Do(ctx, func(ctx context.Context) (err error) {
		key, err = pp.store.CreatePerson(ctx, p, pp.now())
		return err
	}, act)
	if err != nil {
		return Person{}, err
	}
	if err := pp.refresh(ctx); err != nil {
		return Person{}, err
	}
	created, ok := pp.dir.PersonByKey(key)
	if !ok {
		return Person{}, Errorf(KindNotFound, "%q was removed meanwhile.", p.Name)
	}
	return created, nil
}

// Get finds a person by name, alias or "me". Hidden people are found by those
// who administer or moderate, and by themselves.
func (pp *People) Get(a Actor, name string) (Person, error) {
	if name == "me" {
		if p, ok := pp.dir.PersonByKey(a.Person); ok {
			return p, nil
		}
	}
	p, ok := pp.dir.PersonByName(name)
	if !ok || !pp.dir.shows(a, p) {
		return Person{}, noPerson(name)
	}
	return p, nil
}

// Profile is what somebody whom the actor sees says of itself.
func (pp *People) Profile(ctx context.Context, a Actor, name string) (Profile, error) {
	p, err := pp.Get(a, name)
	if err != nil {
		return Profile{}, err
	}
	return pp.store.Profile(ctx, p.Key)
}

// List lists people by name after the given one. more says whether there are others.
func (pp *People) List(a Actor, after string, limit int) (list []Person, more bool) {
	return pp.dir.listedPeople(a, after, limit)
}

// Edit changes a person: its display name and profile by itself, the rest by a
// manager.
func (pp *People) Edit(ctx context.Context, a Actor, name string, patch PersonPatch) (Person, error) {
	p, err := pp.Get(a, name)
	if err != nil {
		return Person{}, err
	}
	if err := a.RequireSelf(true); err != nil {
		return Person{}, err
	}
	if p.Key != a.Person || patch.Roles != nil || patch.Suspended != nil {
		if err := pp.dir.RequireManager(a); err != nil {
			return Person{}, err
		}
	}
	if p.Key == a.Person && (patch.Suspended != nil && *patch.Suspended || patch.Roles != nil && !patch.Roles.Has(RoleManager)) {
		return Person{}, Errorf(KindConflict, "A manager cannot suspend itself or give up its own role; another manager can.")
	}
	return pp.patch(ctx, &a, p, patch)
}

// Amend is Edit without asking who wants it: for the operator's command line.
func (pp *People) Amend(ctx context.Context, name string, patch PersonPatch) (Person, error) {
	p, ok := pp.dir.PersonByName(name)
	if !ok {
		return Person{}, noPerson(name)
	}
	return pp.patch(ctx, nil, p, patch)
}

func (pp *People) patch(ctx context.Context, a *Actor, p Person, patch PersonPatch) (Person, error) {
	if patch.DisplayName != nil {
		if *patch.DisplayName == "" {
			patch.DisplayName = &p.Name
		}
		if err := CheckText("displayName", *patch.DisplayName, MaxDisplayName); err != nil {
			return Person{}, err
		}
	}
	if profile := patch.apply(Profile{}); patch.describes() {
		if err := profile.check(); err != nil {
			return Person{}, err
		}
	}
	err := pp.dir.audit.Do(ctx, func(ctx context.Context) error {
		return pp.store.PatchPerson(ctx, p.Key, patch, pp.now())
	}, patch.acts(a, p)...)
	if err != nil {
		return Person{}, err
	}
	if err := pp.refresh(ctx); err != nil {
		return Person{}, err
	}
	return pp.dir.AnyPerson(p.Key), nil
}

// acts are what the patch does to somebody that another one has to answer for.
func (p PersonPatch) acts(a *Actor, of Person) []Act {
	var out []Act
	if r := p.Roles; r != nil && *r != of.Roles {
		out = append(out, actOf(a, VerbPersonRoles).On(of.Key).Changing(strings.Join(of.Roles.Words(), " "), strings.Join(r.Words(), " ")))
	}
	if s := p.Suspended; s != nil && *s != of.Suspended {
		verb := VerbPersonUnsuspend
		if *s {
			verb = VerbPersonSuspend
		}
		out = append(out, actOf(a, verb).On(of.Key))
	}
	if p.DisplayName != nil && (a == nil || a.hand() != of.Key) {
		out = append(out, actOf(a, VerbPersonEdit).On(of.Key).Changing("", "displayName"))
	}
	return out
}

// Rename gives a person another name; the old one stays an alias. Only a
// manager may; a nil actor is the operator's command line.
func (pp *People) Rename(ctx context.Context, a *Actor, name, to string) (Person, error) {
	if a != nil {
		if err := pp.require(*a); err != nil {
			return Person{}, err
		}
	}
	p, ok := pp.dir.PersonByName(name)
	if !ok {
		return Person{}, noPerson(name)
	}
	to, err := ParsePersonName("name", to)
	if err != nil {
		return Person{}, err
	}
	err = pp.dir.audit.Do(ctx, func(ctx context.Context) error {
		return pp.store.RenamePerson(ctx, p.Key, to, pp.now())
	}, actOf(a, VerbPersonRename).On(p.Key).Changing(p.Name, to))
	if err != nil {
		return Person{}, err
	}
	if err := pp.refresh(ctx); err != nil {
		return Person{}, err
	}
	return pp.dir.AnyPerson(p.Key), nil
}

// Remove ends a person: its grants, memberships and connections. The name is
// never given again. A nil actor is the operator's command line.
func (pp *People) Remove(ctx context.Context, a *Actor, name string) error {
	if a != nil {
		if err := pp.require(*a); err != nil {
			return err
		}
	}
	p, ok := pp.dir.PersonByName(name)
	if !ok {
		return noPerson(name)
	}
	if a != nil && p.Key == a.Person {
		return Errorf(KindConflict, "A manager cannot remove itself; another manager can.")
	}
	if owned := pp.dir.ownedBy(p.Key); owned != "" {
		return Errorf(KindConflict, "%q owns the context %q; hand it over or delete it first.", p.Name, owned)
	}
	err := pp.dir.audit.Do(ctx, func(ctx context.Context) error {
		return pp.store.RemovePerson(ctx, p.Key, pp.now())
	}, actOf(a, VerbPersonRemove).On(p.Key))
	if err != nil {
		return err
	}
	return pp.refresh(ctx)
}

func (pp *People) refresh(ctx context.Context) error { return pp.dir.settle(ctx) }
