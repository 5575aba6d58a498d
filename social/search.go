package social

import (
	"context"
	"strings"
	"time"
)

// SearchTerm is one thing that a query asks for. Its words are folded as the index
// has them: of letters and digits only.
type SearchTerm struct {
	Words  []string // several: they follow each other
	Prefix bool     // the last one may go on
	Not    bool     // what has it is left out
}

// At tells whether words begin with what the term asks for.
func (t SearchTerm) At(words []string) bool {
	if len(words) < len(t.Words) {
		return false
	}
	for i, want := range t.Words {
		last := i == len(t.Words)-1
		if words[i] != want && !(t.Prefix && last && strings.HasPrefix(words[i], want)) {
			return false
		}
	}
	return true
}

// SearchTerms are a query, read: all have to hold.
type SearchTerms struct {
	Terms []SearchTerm
	Tags  []string // folded, without the sign
}

// Asks tells whether anything is asked for; a query that only leaves out asks for
// nothing.
func (t SearchTerms) Asks() bool {
	for _, x := range t.Terms {
		if !x.Not {
			return true
		}
	}
	return len(t.Tags) > 0
}

// Span is a part of a text, in bytes.
type Span struct{ From, To int }

// Lexicon knows words. It is asked by many goroutines at once and never waits.
type Lexicon interface {
	// Version names how words are folded; an index of another version finds nothing.
	Version() string
	// Parse reads a query: words, "phrases", -without, prefix* and #tag. KindInvalid
	// names q.
	Parse(query string) (SearchTerms, error)
	// Words are those of a text in their order, folded.
	Words(text string) []string
	// Tag is a tag, folded; empty where it is none.
	Tag(tag string) string
	// Match finds the terms in a text: where, in order and apart, and whether all of
	// them hold.
	Match(terms []SearchTerm, text string) ([]Span, bool)
}

// SearchQuery asks the index for posts, newest first.
type SearchQuery struct {
	Terms SearchTerms
	Sort  Sort
	// Sources are where to look; only Stream and Floor of them count. nil: everywhere.
	Sources []FeedSource
	Reader  PersonKey // private posts of others not addressed to it are left out
	Author  PersonKey // 0: whoever
	From    time.Time // published then or later; zero: whenever
	Before  time.Time // published before; zero: whenever
	After   FeedPlace
	Limit   int
}

// SearchStore finds posts. Errors are KindUnavailable where the store is away.
type SearchStore interface {
	// SearchPosts reads a page, whose posts are as they are now: what was edited since
	// it was indexed may not be what was asked for any more. The work is bounded, so that
	// there may be fewer than asked for, also none, where there are others.
	SearchPosts(ctx context.Context, q SearchQuery) (FeedPage, error)
}

// SearchAsked is what somebody asks for.
type SearchAsked struct {
	Query        string
	Sort         Sort // of posts: SortActivity, SortComment or SortMessage
	Context      string
	Conversation string // only of messages
	Author, Tag  string
	From, Before time.Time
	After        FeedPlace
	Limit        int
}

// ExcerptRun is a piece of a text, and whether it is what was asked for.
type ExcerptRun struct {
	Text string
	Mark bool
}

// SearchFound is a page of posts.
type SearchFound struct {
	Posts    []Post
	Spaces   []*Space       // where each stands
	Excerpts [][]ExcerptRun // what of each was found; it may be nil
	Next     FeedPlace      // zero at the end
}

// Searches are the use cases on finding things.
type Searches struct {
	dir   *Directory
	posts *Posts
	store SearchStore
	words Lexicon
	plain func(markdown string) string

	people nameWords[PersonKey, Person]
	spaces nameWords[SpaceKey, Space]
}

// NewSearches makes the use cases. plain is what Markdown says, without its marks.
func NewSearches(dir *Directory, posts *Posts, store SearchStore, words Lexicon, plain func(string) string) *Searches {
	return &Searches{dir: dir, posts: posts, store: store, words: words, plain: plain}
}

const (
	// searchStreams is in how many streams is looked by name; who reads more of them
	// looks everywhere, and what it may not read is left out.
	searchStreams = 2000
	searchTurns   = 4 // how often the store is asked for one page
)

// Posts finds what the actor may read now, newest first. Errors: KindInvalid names
// what is wrong with the question; KindNotFound where there is no such place, or it
// is not the actor's to read.
func (ss *Searches) Posts(ctx context.Context, a Actor, in SearchAsked) (SearchFound, error) {
	var out SearchFound
	q, possible, err := ss.query(a, in)
	if err != nil || !possible {
		return out, err
	}
	q.After = in.After
	for turn := 0; ; turn++ {
		q.Limit = in.Limit - len(out.Posts)
		page, err := ss.store.SearchPosts(ctx, q)
		if err != nil {
			return SearchFound{}, err
		}
		if err := ss.take(ctx, a, q.Terms, page.Posts, &out); err != nil {
			return SearchFound{}, err
		}
		out.Next, q.After = page.Next, page.Next
		if len(out.Posts) >= in.Limit || out.Next.IsZero() || turn == searchTurns {
			return out, nil
		}
	}
}

// query is what the store is asked. It is not possible that anything is found where
// nobody is called as the author that is asked for.
func (ss *Searches) query(a Actor, in SearchAsked) (q SearchQuery, possible bool, err error) {
	if err := a.requireReading(); err != nil {
		return q, false, err
	}
	if q.Terms, err = ss.words.Parse(in.Query); err != nil {
		return q, false, err
	}
	if in.Tag != "" {
		tag := ss.words.Tag(in.Tag)
		if tag == "" {
			return q, false, Invalid("tag", "is of letters, digits and underscores")
		}
		q.Terms.Tags = append(q.Terms.Tags, tag)
	}
	if !q.Terms.Asks() && in.Author == "" {
		return q, false, Invalid("q", "has no word to look for")
	}
	if q.Sources, err = ss.sources(a, in); err != nil {
		return q, false, err
	}
	q.Sort, q.Reader, q.From, q.Before = in.Sort, a.Person, in.From, in.Before
	if in.Author != "" {
		p, ok := ss.author(a, in.Author)
		if !ok {
			return q, false, nil
		}
		q.Author = p.Key
	}
	return q, q.Sources == nil || len(q.Sources) > 0, nil
}

func (ss *Searches) author(a Actor, name string) (Person, bool) {
	if name == "me" {
		return ss.dir.PersonByKey(a.Person)
	}
	return ss.dir.PersonByName(name)
}

// sources are the streams that a search looks at; nil: all, because the actor reads
// most of them.
func (ss *Searches) sources(a Actor, in SearchAsked) ([]FeedSource, error) {
	channel := ChannelMessages
	if in.Sort == SortComment {
		channel = ChannelComments
	}
	where := InContext(in.Context)
	switch {
	case in.Sort == SortMessage && in.Context != "":
		return nil, Invalid("context", "has no messages; they are in conversations")
	case in.Sort != SortMessage && in.Conversation != "":
		return nil, Invalid("conversation", "goes with the type messages only")
	case in.Conversation != "":
		where = InConversation(in.Conversation)
	case in.Context == "":
		return ss.dir.searchable(a, in.Sort, channel), nil
	}
	s, err := ss.dir.readable(a, where)
	if err != nil {
		return nil, err
	}
	return []FeedSource{{Stream: s.Space.Stream(channel), Floor: s.Floor[channel]}}, nil
}

// searchable lists the streams that the actor reads; nil where they are too many.
// Nobody reads conversations of others, so these are always few.
func (d *Directory) searchable(a Actor, sort Sort, channel Channel) []FeedSource {
	d.mu.RLock()
	defer d.mu.RUnlock()
	out := []FeedSource{}
	add := func(pl *place) {
		if s, visible := d.sightLocked(a, pl, false); visible && s.May.Has(Read) && s.Space.Stream(channel) != 0 {
			out = append(out, FeedSource{Stream: s.Space.Stream(channel), Floor: s.Floor[channel]})
		}
	}
	if sort == SortMessage {
		for key := range d.mine[a.hand()] {
			if pl := d.spaces[key]; pl.space.Kind == KindConversation {
				add(pl)
			}
		}
		return out
	}
	for _, pl := range d.spaces {
		if pl.space.Kind == KindConversation {
			continue
		}
		if add(pl); len(out) > searchStreams {
			return nil
		}
	}
	return out
}

// take keeps of what the index found what the actor may read at this moment and what
// still says what was asked for.
func (ss *Searches) take(ctx context.Context, a Actor, terms SearchTerms, found []Post, out *SearchFound) error {
	for i := range found {
		p := &found[i]
		space, _, sees := ss.posts.sees(a, p)
		if !sees || !p.Removed.IsZero() {
			continue
		}
		excerpt, says := ss.says(p, terms)
		if !says {
			continue
		}
		lives, err := ss.aboutLives(ctx, p)
		if err != nil {
			return err
		}
		if lives {
			out.Posts, out.Spaces, out.Excerpts = append(out.Posts, *p), append(out.Spaces, space), append(out.Excerpts, excerpt)
		}
	}
	return nil
}

// aboutLives tells of a comment whether what it is about lives: it is gone with that.
func (ss *Searches) aboutLives(ctx context.Context, p *Post) (bool, error) {
	if p.Root.IsZero() || ss.posts.sortOf(p) != SortComment {
		return true, nil
	}
	about, err := ss.posts.log.PostByID(ctx, p.Root)
	if KindOrNil(err) == KindNotFound {
		return false, nil
	}
	return about.Removed.IsZero(), err
}

// says tells whether the post's present text is what was asked for, and what of it.
func (ss *Searches) says(p *Post, terms SearchTerms) ([]ExcerptRun, bool) {
	for _, tag := range terms.Tags {
		if !ss.tagged(p, tag) {
			return nil, false
		}
	}
	text := p.searchText()
	spans, all := ss.words.Match(terms.Terms, text)
	if !all {
		return nil, false
	}
	if p.Markdown {
		text = ss.plain(p.Content)
		spans, _ = ss.words.Match(terms.Terms, text)
	}
	return excerpt(text, spans), true
}

func (ss *Searches) tagged(p *Post, tag string) bool {
	for _, t := range p.Hashtags() {
		if ss.words.Tag(t) == tag {
			return true
		}
	}
	return false
}

// searchText is what of a post is searched: what an application calls the thing that it
// tells of, and the text.
func (p *Post) searchText() string {
	if thing := p.told().Object; thing != nil && thing.Name != "" {
		return thing.Name + "\n" + p.Content
	}
	return p.Content
}
