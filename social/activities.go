package social

import "time"

// Activities are the use cases on what is said about posts: comments, likes,
// favorites, flags, shares and reports.
type Activities struct {
	dir     *Directory
	posts   *Posts
	store   FactStore
	reports ReportStore
	ids     *IDs
	now     func() time.Time
}

// ActivityStore is all that they need.
type ActivityStore interface {
	FactStore
	ReportStore
}

// NewActivities makes the use cases.
func NewActivities(dir *Directory, posts *Posts, store ActivityStore, ids *IDs, now func() time.Time) *Activities {
	return &Activities{dir: dir, posts: posts, store: store, reports: store, ids: ids, now: now}
}
