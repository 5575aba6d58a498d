package social

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// What is remembered of the newest posts of spaces that are read often.
const (
	newestPosts     = 32        // of each space
	newestReactions = 256       // to them; where there are more, each reader asks the store for its own
	newestBytes     = 256 << 10 // of one space's posts; beyond, they are not kept
	newestSpaces    = 4096      // that are remembered at all
	newestTotal     = 32 << 20  // bytes of all of them
	// newestOften is within what time a space has to be asked about again to be
	// remembered: whoever reads one now and then pays for one page alone.
	newestOften = 10 * time.Second
	// newestLife is how long it is believed that nothing has changed that no stream
	// tells of: favorites kept by another process, what retention took away.
	newestLife = 2 * time.Second
)

// Newest answers for the newest posts of spaces from memory, as long as nothing has
// been said there since they were read: everything that changes a post, or what is
// counted of it, is an entry of a stream of its space, and how far those have got is
// known.
//
// Cost: a page of a space that is read often, none of the store; after each entry
// there, one reading of a page by one of those who wait for it.
type Newest struct {
	log   Log
	facts FactStore
	heads Announced
	now   func() time.Time

	mu    sync.Mutex // guards the maps, not what they point to
	young map[StreamKey]*newestOf
	old   map[StreamKey]*newestOf // not asked about since young was emptied last
	bytes int                     // of what young came to hold
}

// newestOf is what is remembered of one space, by its stream of messages.
type newestOf struct {
	turn  chan struct{} // held by who reads the store for all
	asked atomic.Int64  // when somebody last did, in nanoseconds
	page  atomic.Pointer[newestPage]
}

// newestPage is never changed.
type newestPage struct {
	heads  [3]uint64 // of messages, comments and reactions, before the rest was read
	until  time.Time
	state  StreamState
	posts  []Post // living ones, newest first, private ones with their readers
	facts  []Facts
	whole  bool                            // there are no others
	likes  map[PersonKey]map[PostRef]Facts // Liked and Favorited; nil where they are too many
	weight int
}

// NewNewest makes one that remembers nothing yet.
func NewNewest(log Log, facts FactStore, heads Announced, now func() time.Time) *Newest {
	return &Newest{log: log, facts: facts, heads: heads, now: now, young: map[StreamKey]*newestOf{}, old: map[StreamKey]*newestOf{}}
}

// Forget lets go of the space with that stream of messages.
func (n *Newest) Forget(messages StreamKey) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.young, messages)
	delete(n.old, messages)
}

// newestFor is what a reader asks for.
type newestFor struct {
	space  *Space
	floor  uint64    // only what is beyond this seq
	reader PersonKey // who may see private posts
	person PersonKey // whose likes and favorites are told
	limit  int
}

// read answers q, with one post more where there are more than the limit; nothing
// where memory does not tell.
func (n *Newest) read(ctx context.Context, q newestFor) (state StreamState, posts []Post, facts []Facts, err error) {
	of, often := n.find(q.space.Stream(ChannelMessages))
	page := of.page.Load()
	if !n.fresh(page, q.space) {
		if !often || q.limit >= newestPosts {
			return StreamState{}, nil, nil, nil
		}
		if page, err = n.load(ctx, of, q.space); err != nil || page == nil {
			return StreamState{}, nil, nil, err
		}
	}
	posts, facts = page.of(q)
	if posts == nil || page.likes != nil {
		return page.state, posts, facts, nil
	}
	refs := make([]PostRef, len(posts))
	for i := range posts {
		refs[i] = posts[i].Ref()
	}
	own, err := n.facts.Facts(ctx, q.person, refs)
	return page.state, posts, own, err
}

// find is what is remembered of a space; often tells whether somebody asked about it
// a moment ago.
func (n *Newest) find(messages StreamKey) (of *newestOf, often bool) {
	now := n.now().UnixNano()
	n.mu.Lock()
	defer n.mu.Unlock()
	if of = n.young[messages]; of == nil {
		if of = n.old[messages]; of == nil {
			of = &newestOf{turn: make(chan struct{}, 1)}
		} else if page := of.page.Load(); page != nil {
			n.bytes += page.weight
		}
		n.makeRoomLocked()
		n.young[messages] = of
	}
	return of, now-of.asked.Swap(now) < int64(newestOften)
}

// makeRoomLocked forgets what nobody asked about for the longest, where there is much.
func (n *Newest) makeRoomLocked() {
	if len(n.young) >= newestSpaces/2 || n.bytes >= newestTotal/2 {
		n.old, n.young, n.bytes = n.young, map[StreamKey]*newestOf{}, 0
	}
}

// fresh tells whether nothing was said in the space since the page was read.
func (n *Newest) fresh(p *newestPage, space *Space) bool {
	return p != nil && p.heads == n.headsOf(space) && n.now().Before(p.until)
}

func (n *Newest) headsOf(space *Space) (out [3]uint64) {
	for i, c := range []Channel{ChannelMessages, ChannelComments, ChannelReactions} {
		if key := space.Stream(c); key != 0 {
			out[i], _ = n.heads.Head(key)
		}
	}
	return out
}

// load reads the store, or waits for who does; nil where the posts are too large to
// be kept.
func (n *Newest) load(ctx context.Context, of *newestOf, space *Space) (*newestPage, error) {
	select {
	case of.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-of.turn }()
	if page := of.page.Load(); n.fresh(page, space) {
		return page, nil
	}
	page, err := n.fetch(ctx, space)
	if err != nil {
		return nil, err
	}
	if page.weight > newestBytes {
		of.page.Store(nil)
		of.asked.Store(0) // and it is not read in vain by the next one
		return nil, nil
	}
	more := page.weight
	if was := of.page.Swap(page); was != nil {
		more -= was.weight
	}
	n.mu.Lock()
	n.bytes += more
	n.mu.Unlock()
	return page, nil
}

func (n *Newest) fetch(ctx context.Context, space *Space) (*newestPage, error) {
	// Heads first: what is said while the rest is read makes it old.
	page := &newestPage{heads: n.headsOf(space), until: n.now().Add(newestLife)}
	messages := space.Stream(ChannelMessages)
	var err error
	if page.state, err = n.log.State(ctx, messages); err != nil {
		return nil, err
	}
	page.posts, err = n.log.Posts(ctx, PostQuery{Stream: messages, Living: true, Everything: true, Limit: newestPosts})
	if err != nil {
		return nil, err
	}
	page.whole = len(page.posts) < newestPosts
	if len(page.posts) == 0 {
		page.likes = map[PersonKey]map[PostRef]Facts{}
		return page, nil
	}
	refs := make([]PostRef, len(page.posts))
	for i := range page.posts {
		p := &page.posts[i]
		refs[i] = p.Ref()
		page.weight += 512 + len(p.Content) + len(p.Extra) + 8*len(p.To)
	}
	if page.facts, err = n.facts.Facts(ctx, 0, refs); err != nil {
		return nil, err
	}
	reactions, err := n.facts.Reactions(ctx, refs, newestReactions+1)
	if err != nil || len(reactions) > newestReactions {
		return page, err
	}
	page.likes = map[PersonKey]map[PostRef]Facts{}
	for _, r := range reactions {
		of := page.likes[r.Person]
		if of == nil {
			of = map[PostRef]Facts{}
			page.likes[r.Person] = of
		}
		f := of[r.Post]
		f.Liked, f.Favorited = f.Liked || !r.Favorite, f.Favorited || r.Favorite
		of[r.Post] = f
	}
	return page, nil
}

// of is what q may see of the page; nil where others may lie behind it.
func (p *newestPage) of(q newestFor) (posts []Post, facts []Facts) {
	posts = make([]Post, 0, q.limit+1)
	facts = make([]Facts, 0, q.limit+1)
	for i := range p.posts {
		post := &p.posts[i]
		if post.Seq <= q.floor {
			return posts, facts
		}
		if post.Private && post.Author != q.reader && !slices.Contains(post.To, q.reader) {
			continue
		}
		f := p.facts[i]
		if mine, ok := p.likes[q.person][post.Ref()]; ok {
			f.Liked, f.Favorited = mine.Liked, mine.Favorited
		}
		posts, facts = append(posts, *post), append(facts, f)
		if len(posts) > q.limit {
			return posts, facts
		}
	}
	if !p.whole {
		return nil, nil
	}
	return posts, facts
}
