package social

import (
	"context"
	"time"
)

// FeedOrder says what moment of a post its place in a feed comes from.
type FeedOrder uint8

const (
	ByPublished FeedOrder = iota // its own
	ByComment                    // that of its last comment; its own where it has none
)

// FeedSource is one of the spaces that a feed gathers.
type FeedSource struct {
	Stream   StreamKey // of messages
	Comments StreamKey // of comments; 0 where the space has none
	Floor    uint64    // what is up to here the reader may not see
	Since    time.Time // nothing is older; a hint where to look
}

// FeedPlace is a place in a feed: behind a post, at the moment that it was sorted
// by. The zero value is the beginning.
type FeedPlace struct {
	At   time.Time
	Post ID
}

// IsZero tells whether p is the beginning.
func (p FeedPlace) IsZero() bool { return p.At.IsZero() && p.Post.IsZero() }

// FeedQuery asks for a page of what several streams hold, newest first.
type FeedQuery struct {
	Sources []FeedSource // each stream once
	Reader  PersonKey    // private posts of others not addressed to it are left out
	Author  PersonKey    // only what it wrote; 0: what all did
	Ignored []PersonKey  // what these wrote is left out
	Order   FeedOrder
	Without Rank      // what a ranked list has told already is left out; only ByPublished
	After   FeedPlace // goes on behind it, with what is older
	Limit   int
	// Heads are what is known already of streams; of the others the store looks.
	Heads map[StreamKey]FeedHead
}

// Streams are those whose heads tell where a page begins.
func (q *FeedQuery) Streams() []StreamKey {
	out := make([]StreamKey, 0, 2*len(q.Sources))
	for _, s := range q.Sources {
		if out = append(out, s.Stream); q.Order == ByComment && s.Comments != 0 {
			out = append(out, s.Comments)
		}
	}
	return out
}

// FeedHead is how far a stream has got.
type FeedHead struct {
	Stream StreamKey
	Head   uint64    // of the last entry; 0: there is none
	At     time.Time // when that was stored
	Floor  uint64    // what is up to here is gone
}

// FeedPage is what was found.
type FeedPage struct {
	Posts []Post // living ones; may be fewer than asked for, also where there are others
	// Next is where the next page begins; zero at the end.
	Next FeedPlace
	// Heads are those of the streams that the store had to look at.
	Heads []FeedHead
}

// FeedStore reads feeds. Errors are KindUnavailable where the store is away.
type FeedStore interface {
	// Feed reads a page. Its cost: the heads of all streams that are not known, a search in those
	// that got posts after the place, and a read in those that are newest behind it.
	Feed(ctx context.Context, q FeedQuery) (FeedPage, error)
	// Authors lists who wrote the newest posts of a feed, each once, the last first
	// and at most so many; it looks back at the last q.Limit posts.
	Authors(ctx context.Context, q FeedQuery, most int) ([]PersonKey, error)
	// Ranked reads a page of those posts of one stream that have a rank.
	Ranked(ctx context.Context, q RankQuery) (RankPage, error)
}

// Feeds are the use cases on what is gathered from many places.
type Feeds struct {
	dir   *Directory
	store FeedStore
	heads *feedHeads
}

// NewFeeds makes the use cases.
func NewFeeds(dir *Directory, store FeedStore, announced Announced, now func() time.Time) *Feeds {
	return &Feeds{dir: dir, store: store, heads: newFeedHeads(announced, now)}
}

// Timeline is what the actor posted on its wall, what those it follows did, and
// what was posted in the contexts it belongs to; all that it may read now.
func (fs *Feeds) Timeline(ctx context.Context, a Actor, order FeedOrder, after FeedPlace, limit int) (ListPage, error) {
	if err := a.requireReading(); err != nil {
		return ListPage{}, err
	}
	sources := fs.dir.timeline(a)
	if len(sources) == 0 {
		return ListPage{}, nil
	}
	q := FeedQuery{Sources: sources, Reader: a.Person, Order: order, After: after, Limit: limit, Ignored: fs.dir.ignoredBy(a.Person)}
	known, told := fs.heads.known(q.Streams())
	q.Heads = known
	page, err := fs.store.Feed(ctx, q)
	fs.heads.learn(page.Heads, told)
	return fs.page(page.Posts, ListPlace{Feed: page.Next}), err
}

// timeline lists what the actor's timeline gathers: contexts and walls that it
// belongs to and its own wall, as far as it reads there.
func (d *Directory) timeline(a Actor) []FeedSource {
	d.mu.RLock()
	defer d.mu.RUnlock()
	mine := d.mine[a.hand()]
	out := make([]FeedSource, 0, len(mine)+1)
	for key := range mine {
		if pl := d.spaces[key]; pl.space.Kind == KindContext || pl.space.Kind == KindWall && pl.space.Owner != a.hand() {
			out = d.sourceLocked(out, a, pl)
		}
	}
	return d.sourceLocked(out, a, d.spaces[d.walls[a.hand()]])
}

// sourceLocked appends the space where the actor reads there; pl may be nil.
func (d *Directory) sourceLocked(to []FeedSource, a Actor, pl *place) []FeedSource {
	s, visible := d.sightLocked(a, pl, false)
	if !visible || !s.May.Has(Read) {
		return to
	}
	return append(to, s.source())
}

// source is the space as part of a feed.
func (s Sight) source() FeedSource {
	return FeedSource{
		Stream: s.Space.Stream(ChannelMessages), Comments: s.Space.Stream(ChannelComments),
		Floor: s.Floor[ChannelMessages], Since: s.Space.Created,
	}
}
