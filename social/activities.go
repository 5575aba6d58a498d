package social

import "time"

// Activities are the use cases on what is said about posts: comments, likes,
// favorites, flags, shares and reports.
type Activities struct {
	dir     *Directory
	posts   *Posts
	store   FactStore
	reports ReportStore
	newest  *Newest
	ids     *IDs
	now     func() time.Time
}

// ActivityStore is all that they need.
type ActivityStore interface {
	FactStore
	ReportStore
}

// NewActivities makes the use cases; heads tell where the streams stand.
func NewActivities(dir *Directory, posts *Posts, store ActivityStore, heads Announced, ids *IDs, now func() time.Time) *Activities {
	newest := NewNewest(posts.log, store, heads, now)
	return &Activities{dir: dir, posts: posts, store: store, reports: store, newest: newest, ids: ids, now: now}
}
