package social

import "context"

// Export begins an export of a context and writes it down: the owner's and the
// managers', who have to be able to read there. What follows are the members and
// the logs, as they read them: private posts only where they are for them.
func (sp *Spaces) Export(ctx context.Context, a Actor, id string) (Sight, error) {
	sight, err := sp.administer(a, id)
	if err != nil {
		return Sight{}, err
	}
	if !sight.May.Has(Read) {
		return Sight{}, Errorf(KindForbidden, "With this token you cannot read %q.", sight.Space.ID)
	}
	sp.dir.Audit().Tell(ctx, a.Act(VerbContextExport).In(sight.Space.Key))
	return sight, nil
}
