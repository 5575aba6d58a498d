package social

import (
	"context"
	"slices"
	"strings"
	"time"
)

// MaxReason bounds, in bytes, what is said with a report and of its outcome.
const MaxReason = 2 << 10

// Report is what somebody told moderators of a post.
type Report struct {
	ID       ID
	Post     Post
	Space    SpaceKey
	Reporter PersonKey
	At       time.Time
	Reason   string
	Resolved time.Time // zero: it is open
	By       PersonKey // who resolved it
	Outcome  string
}

// ReportStore keeps reports.
type ReportStore interface {
	// AddReport keeps one; first is false where the reporter has reported the post
	// before. KindNotFound where the post is gone.
	AddReport(ctx context.Context, r Report) (first bool, err error)
	// OpenReports are those of the spaces, oldest first, after an id.
	OpenReports(ctx context.Context, spaces []SpaceKey, after ID, limit int) ([]Report, error)
	// Report finds one; KindNotFound.
	Report(ctx context.Context, id ID) (Report, error)
	// ResolveReport ends an open one; KindConflict where somebody has.
	ResolveReport(ctx context.Context, id ID, by PersonKey, outcome string, now time.Time) error
}

// Report tells the moderators of an activity or comment that the actor may read;
// first is false where it did before, and nothing is added then.
func (as *Activities) Report(ctx context.Context, a Actor, sort Sort, id, reason string) (first bool, err error) {
	if err := a.refuseActing(); err != nil {
		return false, err
	}
	f, err := as.likable(ctx, a, sort, id)
	if err != nil {
		return false, err
	}
	if err := checkReason("reason", reason); err != nil {
		return false, err
	}
	now := as.now()
	return as.reports.AddReport(ctx, Report{
		ID: as.ids.New(now), Post: f.Post, Space: f.Space.Key, Reporter: a.Person, At: now, Reason: reason,
	})
}

func checkReason(field, text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return Invalid(field, "is empty")
	case len(text) > MaxReason:
		return Invalid(field, "is longer than %d bytes", MaxReason)
	case strings.IndexByte(text, 0) >= 0:
		return Invalid(field, "contains a NUL character")
	}
	return nil
}

// Reports lists the open reports of places that the actor may moderate, or of one
// of them, a context, oldest first, after an id; more tells whether others follow.
// KindForbidden for a context that it sees and does not moderate. Cost: the spaces once.
func (as *Activities) Reports(ctx context.Context, a Actor, context string, after ID, limit int) (list []Report, more bool, err error) {
	if err := a.RequireSelf(false); err != nil {
		return nil, false, err
	}
	spaces := as.dir.moderated(a)
	if context != "" {
		sight, err := as.dir.See(a, context)
		if err != nil {
			return nil, false, err
		}
		if !slices.Contains(spaces, sight.Space.Key) {
			return nil, false, Errorf(KindForbidden, "Only those who moderate %q see what is reported there.", sight.Space.ID)
		}
		spaces = []SpaceKey{sight.Space.Key}
	}
	if len(spaces) == 0 {
		return nil, false, nil
	}
	if list, err = as.reports.OpenReports(ctx, spaces, after, limit+1); err != nil {
		return nil, false, err
	}
	if more = len(list) > limit; more {
		list = list[:limit]
	}
	return list, more, nil
}

// Resolve ends a report and keeps what came of it. KindNotFound where there is none
// that the actor may see, KindConflict where it was resolved before.
func (as *Activities) Resolve(ctx context.Context, a Actor, id, outcome string) (Report, error) {
	if err := a.RequireSelf(true); err != nil {
		return Report{}, err
	}
	key, ok := ParseID(id)
	if !ok {
		return Report{}, noReport()
	}
	r, err := as.reports.Report(ctx, key)
	if KindOrNil(err) == KindNotFound || err == nil && !as.dir.moderates(a, r.Space) {
		return Report{}, noReport()
	}
	if err == nil {
		err = checkReason("outcome", outcome)
	}
	if err == nil {
		err = as.dir.audit.Do(ctx, func(ctx context.Context) error {
			return as.reports.ResolveReport(ctx, key, a.Person, outcome, as.now())
		}, a.Act(VerbReportResolve).In(r.Space).On(r.Post.Author).What("post "+r.Post.ID.String()))
	}
	if err != nil {
		return Report{}, err
	}
	return as.reports.Report(ctx, key)
}

func noReport() *Error {
	return Errorf(KindNotFound, "There is no such report, or it is not yours to see.")
}

// Reported is the post of a report, if the actor may read it: private ones not even
// moderators do.
func (as *Activities) Reported(a Actor, r *Report) (Found, bool) {
	space, _, visible := as.posts.sees(a, &r.Post)
	return Found{Post: r.Post, Space: space}, visible
}

// moderated lists the spaces whose reports are the actor's to see.
func (d *Directory) moderated(a Actor) []SpaceKey {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var out []SpaceKey
	for key, pl := range d.spaces {
		if d.moderatesLocked(a, pl) {
			out = append(out, key)
		}
	}
	return out
}

func (d *Directory) moderates(a Actor, key SpaceKey) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.moderatesLocked(a, d.spaces[key])
}

// moderatesLocked: managers everywhere but in conversations, moderators where they
// read, owners in their contexts. Nobody judges what is said of its own wall.
func (d *Directory) moderatesLocked(a Actor, pl *place) bool {
	if pl == nil || pl.space.Deleted || pl.space.Kind == KindConversation {
		return false
	}
	roles := d.rolesLocked(a)
	if roles&(RoleManager|RoleModerator) == 0 && !(pl.space.Kind == KindContext && pl.space.Owner == a.hand()) {
		return false
	}
	sight, _ := d.sightLocked(a, pl, false)
	return sight.May.Has(Read)
}
