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
	// SetFavorite keeps or forgets a favorite; changed is false where it was so.
	// KindNotFound where the post is gone.
	SetFavorite(ctx context.Context, post PostRef, person PersonKey, on bool, now time.Time) (changed bool, err error)
}

// Facts are those of a page of posts that the actor may read, in their order; of
// one space or of several. Cost: one query, and another where there are shares.
func (as *Activities) Facts(ctx context.Context, a Actor, posts []Post) ([]Facts, error) {
	refs, shares := make([]PostRef, len(posts)), []PostRef(nil)
	for i := range posts {
		refs[i] = posts[i].Ref()
		if posts[i].shares() {
			shares = append(shares, refs[i])
		}
	}
	if len(refs) == 0 {
		return nil, nil
	}
	facts, err := as.store.Facts(ctx, a.Person, refs)
	if err != nil || len(shares) == 0 {
		return facts, err
	}
	found, err := as.store.SharedBy(ctx, shares)
	if err != nil {
		return nil, err
	}
	for i, ref := range refs {
		if p, ok := found[ref]; ok && p.Removed.IsZero() {
			if space, _, visible := as.posts.sees(a, &p); visible {
				facts[i].Shared = &Found{Post: p, Space: space}
			}
		}
	}
	return facts, nil
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
