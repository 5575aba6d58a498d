package social

import (
	"context"
	"sync"
	"time"
)

// The bounds of exports. Whoever exports reads the whole log, so few do it at once.
const (
	exportsAtOnce = 2 // in this process
	exportEntries = 5000
	exportPage    = 200
	exportRetry   = 30 * time.Second
)

// WrittenPlace is how far a walk over the log has got: behind Seq of Stream. The zero
// value is before everything.
type WrittenPlace = PostRef

// Liked is a post that somebody likes or keeps as a favorite, and since when.
type Liked struct {
	PostRef
	Post ID
	At   time.Time
}

// Written is what a person left in a part of the log.
type Written struct {
	Posts []Post  // that count, removed ones too, but not what it said as a context
	Likes []Liked // of posts there
	Next  WrittenPlace
	More  bool // the log goes on behind Next
}

// AttachmentPlace is behind which file of a person a list goes on. The zero value is
// before all.
type AttachmentPlace struct {
	Size int64
	ID   ID
}

// ExportStore reads what one person has.
type ExportStore interface {
	// WrittenBy looks at no more than so many entries of the messages and comments of
	// all spaces that are there, from behind a place on.
	WrittenBy(ctx context.Context, person PersonKey, from WrittenPlace, entries int) (Written, error)
	// Favorites are those of a person by stream and seq, from behind after on.
	Favorites(ctx context.Context, person PersonKey, after PostRef, limit int) ([]Liked, error)
	// AttachmentsOf are a person's files that are not removed, by size and id.
	AttachmentsOf(ctx context.Context, owner PersonKey, after AttachmentPlace, limit int) ([]Attachment, error)
}

// Exports are the use cases of getting out all that one has.
type Exports struct {
	dir   *Directory
	posts *Posts
	store ExportStore

	mu      sync.Mutex
	running map[PersonKey]bool // at most exportsAtOnce
}

// NewExports makes the use cases.
func NewExports(dir *Directory, posts *Posts, store ExportStore) *Exports {
	return &Exports{dir: dir, posts: posts, store: store, running: map[PersonKey]bool{}}
}

// Begin begins the actor's export and writes it down in the audit log: a token that was
// stolen takes everything at once. Whoever calls it ends it. KindForbidden where the
// token is narrowed, does not read, or somebody acts for another; KindRateLimited where
// one of the same person runs, or as many as may.
func (es *Exports) Begin(ctx context.Context, a Actor) (*PersonExport, error) {
	if err := a.RequireSelf(false); err != nil {
		return nil, err
	}
	if err := es.enter(a.Person); err != nil {
		return nil, err
	}
	es.dir.Audit().Tell(ctx, a.Act(VerbPersonExport).On(a.Person))
	return &PersonExport{exports: es, actor: a, told: map[SpaceKey]bool{}}, nil
}

func (es *Exports) enter(person PersonKey) error {
	es.mu.Lock()
	defer es.mu.Unlock()
	switch {
	case es.running[person]:
		return &Error{Kind: KindRateLimited, Safe: "An export of yours is on its way; begin another one when it has ended.", RetryAfter: exportRetry}
	case len(es.running) >= exportsAtOnce:
		return &Error{Kind: KindRateLimited, Safe: "Others export what they have at this moment; try again shortly.", RetryAfter: exportRetry}
	}
	es.running[person] = true
	return nil
}

// PersonExport is one on its way; it is for one goroutine.
type PersonExport struct {
	exports *Exports
	actor   Actor
	place   WrittenPlace
	told    map[SpaceKey]bool // conversations whose messages are told
}

// End lets others begin.
func (x *PersonExport) End() {
	x.exports.mu.Lock()
	defer x.exports.mu.Unlock()
	delete(x.exports.running, x.actor.Person)
}

// Told says that all messages of the conversation that the actor may read are in the
// export: Next leaves them out.
func (x *PersonExport) Told(conversation SpaceKey) { x.told[conversation] = true }

// Next is what the person wrote and likes in the next part of the log; more tells
// whether there is another one. It reads every message and comment of the site once, of
// contexts and conversations that the person has left too: there is no index by author,
// which each post would pay for. A part is so many entries in one query, of which
// only the person's own leave the store.
func (x *PersonExport) Next(ctx context.Context) (posts []Found, likes []Liked, more bool, err error) {
	es := x.exports
	// It may take minutes: what the person may is asked for again.
	if p, ok := es.dir.PersonByKey(x.actor.Person); !ok || p.Suspended {
		return nil, nil, false, Errorf(KindForbidden, "The person is suspended or gone.")
	}
	w, err := es.store.WrittenBy(ctx, x.actor.Person, x.place, exportEntries)
	if err != nil {
		return nil, nil, false, err
	}
	x.place = w.Next
	for i := range w.Posts {
		p := &w.Posts[i]
		sight, known, reads := es.posts.sight(x.actor, p)
		if sight.Space == nil || known && reads && x.told[sight.Space.Key] { // nil: deleted meanwhile
			continue
		}
		posts = append(posts, Found{Post: *p, Space: sight.Space})
	}
	return posts, w.Likes, w.More, nil
}

// Favorites are posts that the actor keeps, from behind one on; fewer than a page is
// the end.
func (x *PersonExport) Favorites(ctx context.Context, after PostRef) (page []Liked, more bool, err error) {
	page, err = x.exports.store.Favorites(ctx, x.actor.Person, after, exportPage)
	return page, len(page) == exportPage, err
}

// Attachments are the actor's files, likewise.
func (x *PersonExport) Attachments(ctx context.Context, after AttachmentPlace) (page []Attachment, more bool, err error) {
	page, err = x.exports.store.AttachmentsOf(ctx, x.actor.Person, after, exportPage)
	return page, len(page) == exportPage, err
}
