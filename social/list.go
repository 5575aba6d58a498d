package social

import (
	"context"
	"strings"
)

// ListQuery says which posts of a context somebody wants, and in what order.
type ListQuery struct {
	Order     FeedOrder
	Rank      Rank   // RankLikes and RankFlagged come first, RankFavorites alone
	Only      bool   // with RankFlagged: without the others
	Author    string // only what that person wrote; empty: all
	Recursive bool   // with the contexts whose URL begins with that of this one
	After     ListPlace
	Limit     int
}

// ListPlace is a place in a list: among those that have a rank, or behind them.
type ListPlace struct {
	Ranked RankPlace
	Feed   FeedPlace
	Behind bool // the ranked ones are told
}

// IsZero tells whether p is the beginning.
func (p ListPlace) IsZero() bool { return p.Ranked.IsZero() && p.Feed.IsZero() && !p.Behind }

// ListPage is a page of posts of one or several spaces.
type ListPage struct {
	Posts  []Post
	Spaces []*Space // where each stands
	Next   ListPlace
}

// List lists living posts of a space that the actor may read. KindNotFound as
// Activities; KindInvalid for what does not go together.
func (fs *Feeds) List(ctx context.Context, a Actor, w Where, q ListQuery) (ListPage, error) {
	sight, err := fs.dir.readable(a, w)
	if err != nil {
		return ListPage{}, err
	}
	feed := FeedQuery{Sources: []FeedSource{sight.source()}, Reader: a.hand(), Order: q.Order, After: q.After.Feed, Limit: q.Limit}
	if q.Author != "" {
		author, known, err := fs.author(a, q)
		if err != nil || !known {
			return ListPage{}, err
		}
		feed.Author = author
	}
	if q.Recursive {
		if q.Rank != RankNone {
			return ListPage{}, Invalid("recursive", "goes with the orders published and comments only")
		}
		feed.Sources = fs.dir.below(a, sight)
	}
	if q.Rank == RankNone {
		page, err := fs.store.Feed(ctx, feed)
		return fs.page(page.Posts, ListPlace{Feed: page.Next}), err
	}
	return fs.ranked(ctx, q, feed)
}

// author finds whose posts are wanted; unknown: nobody's, so there are none.
func (fs *Feeds) author(a Actor, q ListQuery) (key PersonKey, known bool, err error) {
	if q.Rank != RankNone {
		return 0, false, Invalid("author", "goes with the orders published and comments only")
	}
	p, ok := fs.dir.PersonByName(q.Author)
	return p.Key, ok && fs.dir.shows(a, p), nil
}

// ranked lists those with a rank first, and then the others by their time.
func (fs *Feeds) ranked(ctx context.Context, q ListQuery, rest FeedQuery) (ListPage, error) {
	var posts []Post
	if !q.After.Behind {
		source := rest.Sources[0]
		page, err := fs.store.Ranked(ctx, RankQuery{
			Stream: source.Stream, Floor: source.Floor, Reader: rest.Reader, Rank: q.Rank, After: q.After.Ranked, Limit: q.Limit,
		})
		posts = page.Posts
		if err != nil || !page.Next.IsZero() || q.Only || q.Rank == RankFavorites {
			return fs.page(posts, ListPlace{Ranked: page.Next}), err
		}
		if len(posts) == q.Limit {
			return fs.page(posts, ListPlace{Behind: true}), nil
		}
	}
	rest.Without, rest.Limit = q.Rank, q.Limit-len(posts)
	page, err := fs.store.Feed(ctx, rest)
	next := ListPlace{Feed: page.Next, Behind: !page.Next.IsZero()}
	return fs.page(append(posts, page.Posts...), next), err
}

func (fs *Feeds) page(posts []Post, next ListPlace) ListPage {
	return ListPage{Posts: posts, Spaces: fs.spacesOf(posts), Next: next}
}

// spacesOf tells where each of the posts stands.
func (fs *Feeds) spacesOf(posts []Post) []*Space {
	out := make([]*Space, len(posts))
	for i := range posts {
		key, _, _ := fs.dir.spaceOfStream(posts[i].Stream)
		out[i] = fs.dir.SpaceByKey(key)
	}
	return out
}

// The bounds of a list of authors.
const (
	authorsListed = 8
	authorsWithin = 500 // posts looked back at
)

// Authors lists who wrote the last posts of a space, the last first; at most
// eight, of the last few hundred posts. Errors as List.
func (fs *Feeds) Authors(ctx context.Context, a Actor, w Where) ([]Person, error) {
	sight, err := fs.dir.readable(a, w)
	if err != nil {
		return nil, err
	}
	return fs.authors(ctx, a, []FeedSource{sight.source()}, nil)
}

// TimelineAuthors is Authors of the actor's timeline.
func (fs *Feeds) TimelineAuthors(ctx context.Context, a Actor) ([]Person, error) {
	if err := a.requireReading(); err != nil {
		return nil, err
	}
	return fs.authors(ctx, a, fs.dir.timeline(a), fs.dir.ignoredBy(a.Person))
}

func (fs *Feeds) authors(ctx context.Context, a Actor, sources []FeedSource, ignored []PersonKey) ([]Person, error) {
	if len(sources) == 0 {
		return nil, nil
	}
	keys, err := fs.store.Authors(ctx, FeedQuery{Sources: sources, Reader: a.hand(), Ignored: ignored, Limit: authorsWithin}, authorsListed)
	if err != nil {
		return nil, err
	}
	var out []Person
	for _, key := range keys {
		if p, ok := fs.dir.PersonByKey(key); ok {
			out = append(out, p)
		}
	}
	return out, nil
}

// readable is the actor's sight of a space whose posts it may read. KindNotFound.
func (d *Directory) readable(a Actor, w Where) (Sight, error) {
	sight, err := d.SeeAt(a, w)
	if err == nil && !sight.May.Has(Read) {
		err = Errorf(KindNotFound, "There are no posts in %q that are yours to see.", clip(w.Name))
	}
	return sight, err
}

// belowMost is how many contexts a recursive list gathers.
const belowMost = 2000

// below is the context and those whose URL begins with its own, as far as the
// actor reads them: as whole steps of the path. At most belowMost, the first by URL.
func (d *Directory) below(a Actor, top Sight) []FeedSource {
	out := []FeedSource{top.source()}
	for _, s := range d.UnderURL(a, strings.TrimRight(top.Space.URL, "/")) {
		if len(out) == belowMost {
			break
		}
		if s.Space.Key != top.Space.Key {
			out = append(out, s.source())
		}
	}
	return out
}
