package storagetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"rambla/social"
)

func feedClaims() []claim {
	return []claim{
		{"a feed is what a reader may see of all its streams, newest first, page by page", feedOfMany},
		{"a feed sorted by comments is in the order of the last comments, and of the posts without", feedByComments},
		{"what is liked or flagged is told in the order of that, and favorites in their own", feedRanks},
		{"what is posted while one pages neither repeats nor hides anything", feedWhilePosting},
		{"a feed goes on where its last post was removed or given up", feedBehindGone},
		{"a feed of much that one may not see is read in short pages", feedOfLittle},
		{"a feed of nothing is empty", feedOfNothing},
		{"a feed of streams whose heads are known is the same, and looks at no others", feedOfKnown},
	}
}

// feedWorld is some streams full of posts of all sorts, and what is in them.
type feedWorld struct {
	*World
	rand    *rand.Rand
	sources []social.FeedSource
	posts   []*social.Post
	spaces  []*social.Space
	talked  map[social.ID]time.Time // the last comment
	now     time.Time
}

func newFeedWorld(w *World, streams, rounds int) *feedWorld {
	fw := &feedWorld{World: w, rand: rand.New(rand.NewPCG(1, uint64(streams))), talked: map[social.ID]time.Time{}, now: Epoch()} //nolint:gosec // no secret, and the same again
	for i := range streams {
		s := w.Space(fmt.Sprintf("feed-%d", i), w.Alice)
		fw.spaces = append(fw.spaces, s)
		fw.sources = append(fw.sources, social.FeedSource{
			Stream: s.Stream(social.ChannelMessages), Comments: s.Stream(social.ChannelComments), Since: Epoch(),
		})
	}
	for range rounds {
		fw.round()
	}
	return fw
}

// round appends one batch to some of the streams, few of them most of the time:
// posts, private ones, edits and removals, many at one moment.
func (fw *feedWorld) round() {
	fw.Helper()
	var batch []*social.Post
	for range 1 + fw.rand.IntN(20) {
		i := min(fw.rand.IntN(len(fw.sources)), fw.rand.IntN(len(fw.sources)))
		p := fw.Post([]social.PersonKey{fw.Alice, fw.Bob, fw.Carol}[fw.rand.IntN(3)], "x")
		p.Stream = fw.sources[i].Stream
		switch fw.rand.IntN(8) {
		case 0:
			p.Private = true
		case 1:
			p.Private, p.To = true, []social.PersonKey{fw.Bob}
		case 2:
			if old := fw.posts; len(old) > 0 {
				of := old[fw.rand.IntN(len(old))]
				kind := []string{social.TypeUpdate, social.TypeDelete}[fw.rand.IntN(2)]
				p = fw.Amend(kind, of, "y")
				p.Stream = of.Stream
			}
		}
		batch = append(batch, p)
	}
	if fw.rand.IntN(4) > 0 { // else at the same moment as the one before
		fw.now = fw.now.Add(time.Duration(fw.rand.IntN(5000)) * time.Millisecond)
	}
	for i, done := range fw.Append(fw.now, batch...) {
		p := batch[i]
		switch {
		case done.Err != nil: // of what was removed before
		case p.Type == social.TypeDelete:
			for _, of := range fw.posts {
				if of.ID == p.Object {
					of.Removed = p.Published
				}
			}
		case p.Type == social.TypeCreate:
			fw.posts = append(fw.posts, p)
		}
	}
}

// at is the moment that a post is sorted by.
func (fw *feedWorld) at(order social.FeedOrder, p *social.Post) time.Time {
	if at, ok := fw.talked[p.ID]; ok && order == social.ByComment {
		return at
	}
	return p.Published
}

// oracle is all that bob may see, in the order of a feed.
func (fw *feedWorld) oracle(order social.FeedOrder, sources []social.FeedSource) []social.ID {
	floors := map[social.StreamKey]uint64{}
	for _, s := range sources {
		floors[s.Stream] = s.Floor
	}
	var seen []*social.Post
	for _, p := range fw.posts {
		floor, ok := floors[p.Stream]
		if ok && p.Seq > floor && p.Removed.IsZero() && (!p.Private || p.Author == fw.Bob || slices.Contains(p.To, fw.Bob)) {
			seen = append(seen, p)
		}
	}
	slices.SortFunc(seen, func(a, b *social.Post) int {
		return cmp.Or(fw.at(order, b).Compare(fw.at(order, a)), cmp.Compare(b.Stream, a.Stream), cmp.Compare(b.Seq, a.Seq))
	})
	return idsOf(seen)
}

func idsOf(posts []*social.Post) []social.ID {
	out := make([]social.ID, len(posts))
	for i, p := range posts {
		out[i] = p.ID
	}
	return out
}

// walk reads all pages of bob's feed; between is called after each.
func (fw *feedWorld) walk(order social.FeedOrder, sources []social.FeedSource, limit int, between func()) []social.ID {
	fw.Helper()
	var out []social.ID
	q := social.FeedQuery{Sources: sources, Reader: fw.Bob, Order: order, Limit: limit}
	for range 10_000 {
		page, err := fw.DB.Feed(fw.Context(), q)
		if err != nil {
			fw.Fatalf("read a feed: %v", err)
		}
		if len(page.Posts) > limit {
			fw.Fatalf("%d posts on a page of %d", len(page.Posts), limit)
		}
		for _, p := range page.Posts {
			if p.Private && len(p.To) == 0 && p.Author != fw.Bob {
				fw.Errorf("a private post without its readers: %+v", p)
			}
			out = append(out, p.ID)
		}
		if q.After = page.Next; q.After.IsZero() {
			return out
		}
		between()
	}
	fw.Fatal("the pages do not end")
	return nil
}

func feedOfKnown(w *World) {
	fw := newFeedWorld(w, 12, 30)
	for _, order := range []social.FeedOrder{social.ByPublished, social.ByComment} {
		q := social.FeedQuery{Sources: fw.sources, Reader: fw.Bob, Order: order, Limit: 20}
		asked, err := fw.DB.Feed(fw.Context(), q)
		if err != nil || len(asked.Heads) < len(fw.sources) {
			fw.Fatalf("%d heads, %v", len(asked.Heads), err)
		}
		q.Heads = map[social.StreamKey]social.FeedHead{}
		for _, h := range asked.Heads {
			q.Heads[h.Stream] = h
		}
		known, err := fw.DB.Feed(fw.Context(), q)
		if err != nil || len(known.Heads) != 0 {
			fw.Errorf("it looked at %d heads, %v", len(known.Heads), err)
		}
		known.Heads = asked.Heads
		if !reflect.DeepEqual(known, asked) {
			fw.Errorf("the page is %+v, want %+v", known, asked)
		}
		delete(q.Heads, fw.sources[3].Stream)
		if some, err := fw.DB.Feed(fw.Context(), q); err != nil || len(some.Heads) != 1 || some.Heads[0].Stream != fw.sources[3].Stream {
			fw.Errorf("it looked at %+v, %v", some.Heads, err)
		}
	}
}

func (fw *feedWorld) same(what string, got, want []social.ID) {
	fw.Helper()
	if !slices.Equal(got, want) {
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		fw.Errorf("%s: %d posts, wanted %d; they differ from %d on", what, len(got), len(want), at)
	}
}

func feedOfMany(w *World) {
	fw := newFeedWorld(w, 60, 150)
	for _, limit := range []int{1, 7, 50, 200} {
		fw.same(fmt.Sprintf("pages of %d", limit), fw.walk(social.ByPublished, fw.sources, limit, func() {}), fw.oracle(social.ByPublished, fw.sources))
	}
	// Where history begins later in some of them, and only some are read.
	some := slices.Clone(fw.sources[:20])
	for i := range some {
		some[i].Floor = uint64(i * i / 2)
		some[i].Since = time.Time{}
	}
	fw.same("floors", fw.walk(social.ByPublished, some, 20, func() {}), fw.oracle(social.ByPublished, some))
}

func feedByComments(w *World) {
	fw := newFeedWorld(w, 30, 60)
	comment := func() {
		of := fw.posts[fw.rand.IntN(len(fw.posts))]
		if !of.Removed.IsZero() {
			return
		}
		if fw.rand.IntN(3) > 0 {
			fw.now = fw.now.Add(time.Duration(fw.rand.IntN(3000)) * time.Millisecond)
		}
		fw.comment(of)
	}
	for range 100 {
		comment()
		if fw.rand.IntN(4) == 0 {
			fw.round()
		}
	}
	for _, limit := range []int{3, 20, 200} {
		fw.same(fmt.Sprintf("pages of %d", limit), fw.walk(social.ByComment, fw.sources, limit, func() {}), fw.oracle(social.ByComment, fw.sources))
	}
	// Many comments on one stream, more than are read at once.
	for _, p := range fw.posts {
		if p.Stream == fw.sources[0].Stream && p.Removed.IsZero() {
			fw.comment(p)
		}
	}
	fw.same("one stream", fw.walk(social.ByComment, fw.sources[:1], 5, func() {}), fw.oracle(social.ByComment, fw.sources[:1]))
}

// comment says something about a post, at the present moment; its author does, who
// may read it.
func (fw *feedWorld) comment(of *social.Post) {
	fw.Helper()
	for i := range fw.sources {
		if fw.sources[i].Stream != of.Stream {
			continue
		}
		c := fw.Post(of.Author, "hear")
		c.Stream, c.InReplyTo = fw.sources[i].Comments, of.ID
		out := fw.AppendEntries(fw.now, social.Entry{Post: c, Comment: true, About: of.Stream})
		if out[0].Err != nil {
			fw.Fatalf("comment: %v", out[0].Err)
		}
		fw.talked[of.ID] = c.Published
	}
}

func feedWhilePosting(w *World) {
	fw := newFeedWorld(w, 40, 80)
	before := fw.oracle(social.ByPublished, fw.sources)
	got := fw.walk(social.ByPublished, fw.sources, 9, func() {
		for i := range fw.sources {
			p := fw.Post(fw.Alice, "new")
			p.Stream = fw.sources[i].Stream
			fw.now = fw.now.Add(time.Millisecond)
			fw.Append(fw.now, p)
		}
	})
	fw.same("what was there at the beginning", got, before)
}

func feedBehindGone(w *World) {
	fw := newFeedWorld(w, 5, 12)
	page, err := fw.DB.Feed(fw.Context(), social.FeedQuery{Sources: fw.sources, Reader: fw.Bob, Limit: 10})
	if err != nil || page.Next.IsZero() {
		fw.Fatalf("%+v, %v", page, err)
	}
	rest := func() []social.ID {
		fw.Helper()
		out, err := fw.DB.Feed(fw.Context(), social.FeedQuery{Sources: fw.sources, Reader: fw.Bob, Limit: 200, After: page.Next})
		if err != nil {
			fw.Fatal(err)
		}
		return idsOf(pointers(out.Posts))
	}
	want := rest()
	last := page.Posts[9]
	removal := fw.Amend(social.TypeDelete, &last, "")
	removal.Stream = last.Stream
	fw.Append(fw.now, removal)
	fw.same("behind a removed post", rest(), want)
	page.Next.Post = social.ID{7} // as if it were not there any more
	if got := rest(); !slices.Equal(got[max(0, len(got)-len(want)):], want) {
		fw.Errorf("behind a post that is gone: %d posts, wanted those %d at the end", len(got), len(want))
	}
}

func pointers(posts []social.Post) []*social.Post {
	out := make([]*social.Post, len(posts))
	for i := range posts {
		out[i] = &posts[i]
	}
	return out
}

func feedOfLittle(w *World) {
	fw := newFeedWorld(w, 3, 10)
	// More than one page looks at.
	for range 45 {
		batch := fw.World.posts(fw.Alice, 500)
		for _, p := range batch {
			p.Private, p.Stream = true, fw.sources[1].Stream
		}
		fw.now = fw.now.Add(time.Second)
		fw.Append(fw.now, batch...)
	}
	pages := 1
	got := fw.walk(social.ByPublished, fw.sources, 200, func() { pages++ })
	fw.same("what is beyond", got, fw.oracle(social.ByPublished, fw.sources))
	if pages < 2 {
		fw.Error("it was read in one page")
	}
}

func feedOfNothing(w *World) {
	page, err := w.DB.Feed(w.Context(), social.FeedQuery{
		Sources: []social.FeedSource{{Stream: w.Lobby.Stream(social.ChannelMessages)}, {Stream: 4711}},
		Reader:  w.Bob, Limit: 20,
	})
	if err != nil || len(page.Posts) != 0 || !page.Next.IsZero() {
		w.Errorf("%+v, %v", page, err)
	}
}

// ranked is what a ranked list of bob's shows.
func (fw *feedWorld) ranked(rank social.Rank, limit int) []social.ID {
	fw.Helper()
	var out []social.ID
	q := social.RankQuery{Stream: fw.sources[0].Stream, Reader: fw.Bob, Rank: rank, Limit: limit}
	for range 1000 {
		page, err := fw.DB.Ranked(fw.Context(), q)
		if err != nil {
			fw.Fatalf("read a ranked list: %v", err)
		}
		out = append(out, idsOf(pointers(page.Posts))...)
		if q.After = page.Next; q.After.IsZero() {
			return out
		}
	}
	fw.Fatal("the pages do not end")
	return nil
}

func feedRanks(w *World) {
	fw := newFeedWorld(w, 1, 20)
	seen := fw.oracle(social.ByPublished, fw.sources)
	byID := map[social.ID]*social.Post{}
	for _, p := range fw.posts {
		byID[p.ID] = p
	}
	type rank struct {
		likes          int
		liked, flagged time.Time
	}
	ranks := map[social.ID]*rank{}
	favorites := map[social.ID]bool{}
	react := func(kind string, by social.PersonKey, of *social.Post) {
		p := fw.Post(by, "")
		p.Type, p.Object, p.Stream = kind, of.ID, fw.spaces[0].Stream(social.ChannelReactions)
		p.Private, p.To = of.Private, of.To
		done := fw.AppendEntries(fw.now, social.Entry{Post: p, About: of.Stream})
		if done[0].Err != nil {
			fw.Fatalf("%s: %v", kind, done[0].Err)
		}
		r := ranks[of.ID]
		if r == nil {
			r = &rank{}
			ranks[of.ID] = r
		}
		switch {
		case done[0].Repeat:
		case kind == social.TypeLike:
			r.likes++
			r.liked = p.Published
		default:
			r.flagged = p.Published
		}
	}
	for range 80 {
		of := byID[seen[fw.rand.IntN(len(seen))]]
		if fw.rand.IntN(3) > 0 {
			fw.now = fw.now.Add(time.Millisecond)
		}
		switch fw.rand.IntN(4) {
		case 0, 1:
			react(social.TypeLike, []social.PersonKey{of.Author, fw.Bob}[fw.rand.IntN(2)], of)
		case 2:
			react(social.TypeFlag, of.Author, of)
		case 3:
			if _, err := fw.DB.SetFavorite(fw.Context(), of.Ref(), fw.Bob, true, fw.now); err != nil {
				fw.Fatalf("favorite: %v", err)
			}
			favorites[of.ID] = true
		}
	}
	order := func(has func(social.ID) bool, compare func(a, b *rank) int) (first, rest []social.ID) {
		for _, id := range seen {
			if has(id) {
				first = append(first, id)
			} else {
				rest = append(rest, id)
			}
		}
		slices.SortFunc(first, func(a, b social.ID) int {
			return cmp.Or(compare(ranks[b], ranks[a]), cmp.Compare(byID[b].Seq, byID[a].Seq))
		})
		return first, rest
	}
	for rank, c := range map[social.Rank]struct {
		has     func(social.ID) bool
		compare func(a, b *rank) int
	}{
		social.RankLikes: {
			func(id social.ID) bool { return ranks[id] != nil && ranks[id].likes > 0 },
			func(a, b *rank) int { return cmp.Or(cmp.Compare(a.likes, b.likes), a.liked.Compare(b.liked)) },
		},
		social.RankFlagged: {
			func(id social.ID) bool { return ranks[id] != nil && !ranks[id].flagged.IsZero() },
			func(a, b *rank) int { return a.flagged.Compare(b.flagged) },
		},
		social.RankFavorites: {
			func(id social.ID) bool { return favorites[id] },
			func(*rank, *rank) int { return 0 },
		},
	} {
		first, rest := order(c.has, c.compare)
		for _, limit := range []int{1, 4, 200} {
			fw.same(fmt.Sprintf("rank %d, pages of %d", rank, limit), fw.ranked(rank, limit), first)
		}
		if rank == social.RankFavorites {
			continue
		}
		page, err := fw.DB.Feed(fw.Context(), social.FeedQuery{Sources: fw.sources, Reader: fw.Bob, Without: rank, Limit: 200})
		if err != nil {
			fw.Fatal(err)
		}
		fw.same(fmt.Sprintf("the others than rank %d", rank), idsOf(pointers(page.Posts)), rest[:min(len(rest), 200)])
	}
}
