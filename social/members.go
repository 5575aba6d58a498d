package social

import (
	"context"
	"strings"
	"time"
)

// Admit makes name a member: itself by the permission subscribe, another by
// invite. first is false where it was one already.
func (sp *Spaces) Admit(ctx context.Context, a Actor, id, name string) (first bool, err error) {
	who, ok := sp.whom(a, name)
	need, self := Invite, a.Creator == 0 && who.Key == a.Person
	if self {
		need = Subscribe
	}
	sight, err := sp.dir.reach(a, InContext(id), need, false)
	var is Standing
	if sight.Space != nil {
		is = sp.dir.standing(sight.Space.Key, who.Key)
	}
	banned := is.banned(sp.now())
	switch {
	case self && sight.Member && !banned: // to join again changes nothing
	case err != nil:
		return false, err
	case !ok:
		return false, noPerson(name)
	case !self && who.Suspended:
		return false, Errorf(KindConflict, "%q is suspended.", who.Name)
	case !self && banned && !is.Member:
		return false, Errorf(KindConflict, "%q is banned from %q; the ban has to be lifted first.", who.Name, sight.Space.ID)
	}
	err = sp.dir.audit.Do(ctx, func(ctx context.Context) (err error) {
		first, err = sp.store.Join(ctx, sight.Space.Key, who.Key, sp.event(a, sight.Space, TypeJoin, who.Key), sp.now())
		return err
	}, sp.overruling(a, sight.Space, VerbContextAdd, who.Key)...)
	if err != nil {
		return false, err
	}
	return first, sp.settle(ctx, sight.Space)
}

// Dismiss ends a membership: one's own by unsubscribe, another's by kick. The
// owner stays. was is false where there was none.
func (sp *Spaces) Dismiss(ctx context.Context, a Actor, id, name string) (was bool, err error) {
	who, ok := sp.whom(a, name)
	need := Kick
	if a.Creator == 0 && who.Key == a.Person {
		need = Unsubscribe
	}
	sight, err := sp.dir.reach(a, InContext(id), need, false)
	switch {
	case err != nil:
		return false, err
	case !ok:
		return false, noPerson(name)
	case who.Key == sight.Space.Owner:
		return false, Errorf(KindConflict, "The owner of a context remains its member.")
	}
	var acts []Act
	if need == Kick {
		acts = []Act{a.Act(VerbContextKick).In(sight.Space.Key).On(who.Key)}
	}
	err = sp.dir.audit.Do(ctx, func(ctx context.Context) (err error) {
		was, err = sp.store.Leave(ctx, sight.Space.Key, who.Key, sp.event(a, sight.Space, TypeLeave, who.Key), sp.now())
		return err
	}, acts...)
	if err != nil {
		return false, err
	}
	return was, sp.settle(ctx, sight.Space)
}

// whom finds the person a membership is about; "me" is the actor.
func (sp *Spaces) whom(a Actor, name string) (Person, bool) {
	if name == "me" {
		return sp.dir.PersonByKey(a.Person)
	}
	return sp.dir.PersonByName(name)
}

func noPerson(name string) *Error { return Errorf(KindNotFound, "There is no person %q.", clip(name)) }

// Override sets a grant or a veto. first is false where the same was there.
func (sp *Spaces) Override(ctx context.Context, a Actor, id, name string, o Override) (first bool, err error) {
	sight, who, err := sp.override(a, id, name)
	if err != nil {
		return false, err
	}
	if !o.Until.IsZero() && !o.Until.After(sp.now()) {
		return false, Invalid("until", "lies in the past")
	}
	err = sp.dir.audit.Do(ctx, func(ctx context.Context) (err error) {
		first, err = sp.store.SetOverride(ctx, sight.Space.Key, who.Key, o, sp.now())
		return err
	}, a.Act(VerbContextGrant).In(sight.Space.Key).On(who.Key).Changing("", o.words()))
	if err != nil {
		return false, err
	}
	return first, sp.refresh(ctx)
}

// ClearOverrides removes grants or vetoes or both; n is how many there were.
func (sp *Spaces) ClearOverrides(ctx context.Context, a Actor, id, name string, of Permissions, grants, vetoes bool) (n int, err error) {
	sight, who, err := sp.override(a, id, name)
	if err != nil {
		return 0, err
	}
	err = sp.dir.audit.Do(ctx, func(ctx context.Context) (err error) {
		n, err = sp.store.ClearOverrides(ctx, sight.Space.Key, who.Key, of, grants, vetoes, sp.now())
		return err
	}, a.Act(VerbContextGrant).In(sight.Space.Key).On(who.Key).Changing(strings.Join(of.Words(), " "), ""))
	if err != nil {
		return 0, err
	}
	return n, sp.refresh(ctx)
}

func (sp *Spaces) override(a Actor, id, name string) (Sight, Person, error) {
	sight, err := sp.administer(a, id)
	if err != nil {
		return Sight{}, Person{}, err
	}
	who, ok := sp.whom(a, name)
	if !ok {
		return Sight{}, Person{}, noPerson(name)
	}
	return sight, who, nil
}

// Resident is a member of a context as a list shows it.
type Resident struct {
	Person    Person
	Joined    time.Time
	Overrides []Override // only for those who administer the context
}

// Members lists a context's members by internal key after the given one, but
// for the hidden ones, as List of People does; it needs read. next is 0 at the end.
func (sp *Spaces) Members(ctx context.Context, a Actor, id string, after PersonKey, limit int) (list []Resident, next PersonKey, err error) {
	sight, err := sp.dir.See(a, id)
	if err != nil {
		return nil, 0, err
	}
	if !sight.May.Has(Read) {
		return nil, 0, Errorf(KindNotFound, "The members of %q are not yours to see.", sight.Space.ID)
	}
	rows, err := sp.store.Members(ctx, sight.Space.Key, after, limit+1)
	if err != nil {
		return nil, 0, err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		next = rows[limit-1].Person
	}
	administers := sp.dir.administers(a, sight.Space)
	for _, row := range rows {
		p, ok := sp.dir.PersonByKey(row.Person)
		if !ok || !sp.dir.shows(a, p) {
			continue
		}
		r := Resident{Person: p, Joined: row.Joined}
		if administers {
			r.Overrides = sp.dir.overrides(sight.Space.Key, row.Person)
		}
		list = append(list, r)
	}
	return list, next, nil
}

// Member is one entry of Members; KindNotFound where name is no member.
func (sp *Spaces) Member(ctx context.Context, a Actor, id, name string) (Resident, error) {
	sight, err := sp.dir.See(a, id)
	if err != nil {
		return Resident{}, err
	}
	who, ok := sp.whom(a, name)
	if !ok || !sp.dir.shows(a, who) {
		return Resident{}, noPerson(name)
	}
	standing := sp.dir.standing(sight.Space.Key, who.Key)
	if !sight.May.Has(Read) && who.Key != a.Person || !standing.Member {
		return Resident{}, Errorf(KindNotFound, "%q is no member of %q.", clip(name), sight.Space.ID)
	}
	r := Resident{Person: who}
	rows, err := sp.store.Members(ctx, sight.Space.Key, who.Key-1, 1)
	if err != nil {
		return Resident{}, err
	}
	if len(rows) == 1 && rows[0].Person == who.Key {
		r.Joined = rows[0].Joined
	}
	if sp.dir.administers(a, sight.Space) {
		r.Overrides = standing.Overrides
	}
	return r, nil
}
