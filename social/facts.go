package social

import (
	"context"
	"time"
)

// PostRef is where a post stands.
type PostRef struct {
	Stream StreamKey
	Seq    uint64
}

// Ref is where the post stands.
func (p *Post) Ref() PostRef { return PostRef{p.Stream, p.Seq} }

// Facts are what was said about a post, as one actor sees it.
type Facts struct {
	Comments, Likes, Shares uint64 // living ones
	Flagged                 bool
	Liked, Favorited        bool // by the actor itself
	// Shared is what a share shares, where the actor may read that; else nil.
	Shared *Found
}

// Reaction is a like or a favorite of somebody.
type Reaction struct {
	Post     PostRef
	Person   PersonKey
	Favorite bool // else a like
}

// FactStore knows what was said about posts.
type FactStore interface {
	// Facts are those of the posts, in their order, with what the person itself
	// thinks of them. Unknown posts have none. Shared is left nil.
	Facts(ctx context.Context, person PersonKey, posts []PostRef) ([]Facts, error)
	// SharedBy finds what the posts share (their Root); those that share nothing,
	// or what is no longer there, are left out.
	SharedBy(ctx context.Context, posts []PostRef) (map[PostRef]Post, error)
	// Revisions are what a post said and says, oldest first, beyond that version.
	Revisions(ctx context.Context, post ID, after uint64, limit int) ([]Revision, error)
	// Likes are those of a post, newest first, from before that entry (0: all).
	Likes(ctx context.Context, post PostRef, before uint64, limit int) ([]Liking, error)
	// Reactions are the likes and favorites of the posts by anybody, at most limit, in
	// no order.
	Reactions(ctx context.Context, posts []PostRef, limit int) ([]Reaction, error)
	// SetFavorite keeps or forgets a favorite; changed is false where it was so.
	// KindNotFound where the post is gone.
	SetFavorite(ctx context.Context, post PostRef, person PersonKey, on bool, now time.Time) (changed bool, err error)
}

// Facts are those of a page of posts that the actor may read, in their order; of
// one space or of several. Cost: one query, and another where there are shares.
func (as *Activities) Facts(ctx context.Context, a Actor, posts []Post) ([]Facts, error) {
	if len(posts) == 0 {
		return nil, nil
	}
	refs := make([]PostRef, len(posts))
	for i := range posts {
		refs[i] = posts[i].Ref()
	}
	facts, err := as.store.Facts(ctx, a.Person, refs)
	if err != nil {
		return nil, err
	}
	return facts, as.addShared(ctx, a, posts, facts)
}

// addShared adds to the facts of posts what those that are shares share.
func (as *Activities) addShared(ctx context.Context, a Actor, posts []Post, facts []Facts) error {
	var shares []PostRef
	for i := range posts {
		if posts[i].shares() {
			shares = append(shares, posts[i].Ref())
		}
	}
	if len(shares) == 0 {
		return nil
	}
	found, err := as.store.SharedBy(ctx, shares)
	if err != nil {
		return err
	}
	for i := range posts {
		if p, ok := found[posts[i].Ref()]; ok && p.Removed.IsZero() {
			if space, _, visible := as.posts.sees(a, &p); visible {
				facts[i].Shared = &Found{Post: p, Space: space}
			}
		}
	}
	return nil
}

// Page is a page of the living posts of a space that the actor may see, with what was
// said about them. Cost: see Newest of the newest page, else three queries.
func (as *Activities) Page(ctx context.Context, a Actor, w Where, page Page) (Listed, []Facts, error) {
	sight, err := as.posts.readable(a, w, ChannelMessages)
	if err != nil {
		return Listed{}, nil, err
	}
	if !page.Forward && page.Before == 0 {
		list, facts, err := as.newestPage(ctx, a, sight, page.Limit)
		if err != nil || list.Space != nil {
			return list, facts, err
		}
	}
	list, err := as.posts.listIn(ctx, a, sight, ChannelMessages, page, true)
	if err != nil {
		return Listed{}, nil, err
	}
	facts, err := as.Facts(ctx, a, list.Posts)
	return list, facts, err
}

// newestPage is the newest page where memory has it; else without a space.
func (as *Activities) newestPage(ctx context.Context, a Actor, sight Sight, limit int) (Listed, []Facts, error) {
	q := newestFor{space: sight.Space, floor: sight.Floor[ChannelMessages], reader: a.hand(), person: a.Person, limit: limit}
	state, posts, facts, err := as.newest.read(ctx, q)
	if err != nil || posts == nil {
		return Listed{}, nil, err
	}
	list := Listed{Space: sight.Space, State: state, Posts: posts, More: len(posts) > limit}
	list.Posts, facts = posts[:min(limit, len(posts))], facts[:min(limit, len(posts))]
	return list, facts, as.addShared(ctx, a, list.Posts, facts)
}

// shares tells whether the post, in messages, is a share that stands.
func (p *Post) shares() bool { return p.Type == TypeAnnounce && !p.Root.IsZero() && p.Removed.IsZero() }

// RenderActivity is RenderPost with what was said about the post; f may be nil.
func (d *Directory) RenderActivity(dst []byte, space *Space, p *Post, f *Facts) []byte {
	w := jsonWriter{d.RenderPost(dst, space, p)}
	if f == nil {
		return w.b
	}
	w.b = w.b[:len(w.b)-1] // the brace
	w.count("comments", f.Comments)
	w.count("likes", f.Likes)
	w.count("shares", f.Shares)
	w.truth("flagged", f.Flagged)
	w.truth("liked", f.Liked)
	w.truth("favorited", f.Favorited)
	if f.Shared != nil {
		w.raw(`,"shared":`)
		w.b = d.RenderPost(w.b, f.Shared.Space, &f.Shared.Post)
	}
	w.raw("}")
	return w.b
}

func (w *jsonWriter) count(name string, n uint64) {
	w.raw(`,"`)
	w.raw(name)
	w.raw(`":`)
	w.uint(n)
}

func (w *jsonWriter) truth(name string, is bool) {
	w.raw(`,"`)
	w.raw(name)
	if is {
		w.raw(`":true`)
	} else {
		w.raw(`":false`)
	}
}
