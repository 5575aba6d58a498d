package social

import "context"

// HandOver gives a context to somebody else, who becomes its member; the former
// owner stays one. The owner or a manager may. first is false where it is the
// owner already.
func (sp *Spaces) HandOver(ctx context.Context, a Actor, id, name string) (sight Sight, first bool, err error) {
	if sight, err = sp.administer(a, id); err != nil {
		return Sight{}, false, err
	}
	who, ok := sp.whom(a, name)
	switch {
	case !ok:
		return Sight{}, false, Invalid("owner", "there is no person %q", clip(name))
	case who.Suspended:
		return Sight{}, false, Errorf(KindConflict, "%q is suspended.", who.Name)
	case sp.dir.standing(sight.Space.Key, who.Key).banned(sp.now()):
		return Sight{}, false, Errorf(KindConflict, "%q is banned from %q; the ban has to be lifted first.", who.Name, sight.Space.ID)
	}
	event, join := sp.event(a, sight.Space, TypeUpdate, 0), sp.event(a, sight.Space, TypeJoin, who.Key)
	err = sp.dir.audit.Do(ctx, func(ctx context.Context) (err error) {
		first, err = sp.store.SetOwner(ctx, sight.Space.Key, who.Key, event, join, sp.now())
		return err
	}, a.Act(VerbContextOwner).In(sight.Space.Key).On(who.Key).Changing(ActPerson(sight.Space.Owner), ActPerson(who.Key)))
	if err != nil {
		return Sight{}, false, err
	}
	if err := sp.settle(ctx, sight.Space); err != nil {
		return Sight{}, false, err
	}
	sight, err = sp.dir.See(a, id)
	return sight, first, err
}
