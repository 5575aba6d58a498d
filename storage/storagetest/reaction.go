package storagetest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"rambla/social"
)

func reactionClaims() []claim {
	return []claim{
		{"a comment, however deep, belongs to its activity and is counted there", commentsBelong},
		{"a comment on what is private is for its readers alone", commentsArePrivate},
		{"nothing is said about what is gone, private to others, or elsewhere", saysNothing},
		{"a comment needs to know no more than its author may see", commentsSeeFloor},
		{"a reply answers what its author sees, or wrote", repliesSeeFloor},
		{"a like is one however often it is said, and takes no seq twice", likesOnce},
		{"a flag is up or down", flags},
		{"a favorite is told to nobody", favorites},
		{"a share counts where it came from, and is told there", shares},
		{"an edit made for another version is refused", staleEdits},
		{"what a post said is kept, oldest first", revisions},
		{"everything about a post may come in one batch", saysInOneBatch},
		{"counts are right when everybody reacts at once", reactsAtOnce},
		{"a comment that races the removal is before it or refused", commentRacesRemoval},
		{"what is given up takes with it what was said about it", givesUpReactions},
	}
}

func (w *World) messages() social.StreamKey { return w.Lobby.Stream(social.ChannelMessages) }

// comment makes a comment that answers another post.
func (w *World) comment(author social.PersonKey, on *social.Post, content string) social.Entry {
	p := w.Post(author, content)
	p.Stream, p.InReplyTo = w.Lobby.Stream(social.ChannelComments), on.ID
	return social.Entry{Post: p, Comment: true, About: w.messages()}
}

// reaction makes one; an Undo is of a Like.
func (w *World) reaction(kind string, author social.PersonKey, of *social.Post) social.Entry {
	p := w.Post(author, "")
	p.Stream, p.Type, p.Object = w.Lobby.Stream(social.ChannelReactions), kind, of.ID
	if kind == social.TypeUndo {
		p.Extra = []byte(`{"object":{"type":"Like"}}`)
	}
	return social.Entry{Post: p, About: of.Stream}
}

// removal makes one of a comment.
func (w *World) removal(of *social.Post) social.Entry {
	p := w.Amend(social.TypeDelete, of, "")
	p.Stream = of.Stream
	return social.Entry{Post: p, About: w.messages()}
}

func (w *World) facts(person social.PersonKey, p *social.Post) social.Facts {
	w.Helper()
	out, err := w.DB.Facts(w.Context(), person, []social.PostRef{p.Ref()})
	if err != nil || len(out) != 1 {
		w.Fatalf("facts: %v, %v", out, err)
	}
	return out[0]
}

func (w *World) wantFacts(p *social.Post, want social.Facts) {
	w.Helper()
	if got := w.facts(w.Bob, p); got != want {
		w.Errorf("of %q: %+v, wanted %+v", p.Content, got, want)
	}
}

// stored appends entries that must all be stored.
func (w *World) stored(entries ...social.Entry) {
	w.Helper()
	for i, out := range w.AppendEntries(Epoch(), entries...) {
		if out.Err != nil || out.Repeat {
			w.Fatalf("entry %d: %+v", i, out)
		}
	}
}

// refused appends an entry that must not be.
func (w *World) refused(e social.Entry, kind social.Kind) {
	w.Helper()
	out := w.AppendEntries(Epoch(), e)[0]
	Wants(w, out.Err, kind)
	if out.Seq != 0 || e.Post.Seq != 0 {
		w.Errorf("a refused entry took seq %d", out.Seq)
	}
}

func commentsBelong(w *World) {
	p, q := w.Post(w.Alice, "p"), w.Post(w.Alice, "q")
	w.stored(Entries(p, q)...)
	one := w.comment(w.Bob, p, "one")
	w.stored(one)
	two := w.comment(w.Alice, one.Post, "two")
	w.stored(two, w.comment(w.Bob, q, "other"))
	three := w.comment(w.Bob, two.Post, "three")
	w.stored(three)
	if two.Post.Root != p.ID || three.Post.Root != p.ID || two.Post.InReplyTo != one.Post.ID {
		w.Errorf("roots %v %v, wanted %v", two.Post.Root, three.Post.Root, p.ID)
	}
	w.wantFacts(p, social.Facts{Comments: 3})
	w.wantFacts(q, social.Facts{Comments: 1})
	query := social.PostQuery{
		Stream: one.Post.Stream, Reader: w.Bob, Root: p.ID, Forward: true, Living: true, Limit: 10,
	}
	if got := seqs(w.Page(query)); got != "1 2 4 " {
		w.Errorf("comments of p: %s", got)
	}
	w.stored(w.removal(two.Post))
	w.wantFacts(p, social.Facts{Comments: 2})
	w.refused(w.comment(w.Bob, two.Post, "too late"), social.KindInvalid)
	w.stored(w.removal(three.Post), w.removal(one.Post))
	w.wantFacts(p, social.Facts{})
	if got := w.Page(query); len(got) != 0 {
		w.Errorf("removed comments are listed: %+v", got)
	}
}

func commentsArePrivate(w *World) {
	p := w.Post(w.Alice, "p")
	p.Private, p.To = true, []social.PersonKey{w.Bob}
	w.stored(Entries(p)...)
	c := w.comment(w.Bob, p, "c")
	l := w.reaction(social.TypeLike, w.Bob, p)
	w.stored(c, l)
	for _, e := range []social.Entry{c, l} {
		if !e.Post.Private || !slices.Equal(e.Post.To, []social.PersonKey{w.Alice}) {
			w.Errorf("%s is for %v", e.Post.Type, e.Post.To)
		}
		got := w.Page(social.PostQuery{Stream: e.Post.Stream, Reader: w.Carol, Forward: true, Limit: 10})
		if len(got) != 0 {
			w.Errorf("carol reads %+v", got)
		}
	}
	w.refused(w.comment(w.Carol, p, "x"), social.KindInvalid)
}

func saysNothing(w *World) {
	p := w.Post(w.Alice, "p")
	w.stored(Entries(p)...)
	c := w.comment(w.Bob, p, "c")
	w.stored(c)
	w.stored(social.Entry{Post: w.Amend(social.TypeDelete, p, "")})
	w.refused(w.comment(w.Bob, p, "x"), social.KindInvalid)
	w.refused(w.comment(w.Bob, c.Post, "x"), social.KindInvalid)
	w.refused(w.reaction(social.TypeLike, w.Bob, p), social.KindNotFound)
	w.refused(w.reaction(social.TypeFlag, w.Bob, p), social.KindNotFound)
	w.refused(w.reaction(social.TypeUndo, w.Bob, p), social.KindNotFound)
	w.refused(w.reaction(social.TypeLike, w.Bob, c.Post), social.KindNotFound)
	share := w.Post(w.Bob, "")
	share.Type, share.Root = social.TypeAnnounce, p.ID
	w.refused(social.Entry{Post: share, About: p.Stream}, social.KindNotFound)
	news := w.Space("news", w.Alice)
	other := w.Post(w.Alice, "elsewhere")
	other.Stream = news.Stream(social.ChannelMessages)
	w.stored(Entries(other)...)
	far := w.comment(w.Bob, other, "x")
	far.About = other.Stream
	w.refused(far, social.KindInvalid)
	w.refused(w.comment(w.Bob, &social.Post{ID: w.IDs.New(Epoch())}, "x"), social.KindInvalid)
	// What somebody said is theirs to take back, also when the post is gone.
	w.stored(w.removal(c.Post))
}

func commentsSeeFloor(w *World) {
	p, q := w.Post(w.Alice, "p"), w.Post(w.Alice, "q")
	w.stored(Entries(p, q)...)
	c := w.comment(w.Bob, p, "x")
	c.Floor = 1
	w.refused(c, social.KindInvalid)
	c = w.comment(w.Bob, q, "x")
	c.Floor = 1
	w.stored(c)
}

func repliesSeeFloor(w *World) {
	p, q, secret := w.Post(w.Alice, "p"), w.Post(w.Alice, "q"), w.Post(w.Alice, "s")
	secret.Private = true
	w.stored(Entries(p, q, secret)...)
	reply := func(author social.PersonKey, to *social.Post) social.Entry {
		r := w.Post(author, "x")
		r.InReplyTo = to.ID
		return social.Entry{Post: r, Floor: 1}
	}
	w.refused(reply(w.Bob, p), social.KindInvalid)
	w.refused(reply(w.Bob, secret), social.KindInvalid)
	w.stored(reply(w.Bob, q), reply(w.Alice, p), reply(w.Alice, secret))
	hers := reply(w.Alice, p)
	hers.Post.Creator = w.Bob // who acts for her sees what he sees himself
	w.refused(hers, social.KindInvalid)
}

func likesOnce(w *World) {
	p := w.Post(w.Alice, "p")
	w.stored(Entries(p)...)
	first := w.reaction(social.TypeLike, w.Bob, p)
	w.stored(first, w.reaction(social.TypeLike, w.Alice, p))
	if out := w.AppendEntries(Epoch(), w.reaction(social.TypeLike, w.Bob, p))[0]; out.Err != nil || !out.Repeat || out.Seq != 1 {
		w.Errorf("once more: %+v", out)
	}
	w.wantFacts(p, social.Facts{Likes: 2, Liked: true})
	got, err := w.DB.Likes(w.Context(), p.Ref(), 0, 10)
	if err != nil || len(got) != 2 || got[0].Person != w.Alice || got[1].Person != w.Bob || got[1].Entry != 1 {
		w.Errorf("likes: %+v, %v", got, err)
	}
	if got, err = w.DB.Likes(w.Context(), p.Ref(), 2, 10); err != nil || len(got) != 1 || got[0].Person != w.Bob {
		w.Errorf("the next page: %+v, %v", got, err)
	}
	w.stored(w.reaction(social.TypeUndo, w.Bob, p))
	if out := w.AppendEntries(Epoch(), w.reaction(social.TypeUndo, w.Bob, p))[0]; out.Err != nil || !out.Repeat {
		w.Errorf("taken back twice: %+v", out)
	}
	w.wantFacts(p, social.Facts{Likes: 1})
	again := w.reaction(social.TypeLike, w.Bob, p)
	w.stored(again)
	if again.Post.Seq != 4 {
		w.Errorf("the fourth entry has seq %d", again.Post.Seq)
	}
	w.wantFacts(p, social.Facts{Likes: 2, Liked: true})
}

func flags(w *World) {
	p := w.Post(w.Alice, "p")
	w.stored(Entries(p)...)
	down := func() social.Entry {
		e := w.reaction(social.TypeUndo, w.Bob, p)
		e.Post.Extra = []byte(`{"object":{"type":"Flag"}}`)
		return e
	}
	if out := w.AppendEntries(Epoch(), down())[0]; out.Err != nil || !out.Repeat {
		w.Errorf("lowered before it was up: %+v", out)
	}
	w.stored(w.reaction(social.TypeFlag, w.Bob, p))
	w.wantFacts(p, social.Facts{Flagged: true})
	if out := w.AppendEntries(Epoch(), w.reaction(social.TypeFlag, w.Alice, p))[0]; out.Err != nil || !out.Repeat {
		w.Errorf("raised twice: %+v", out)
	}
	w.stored(down())
	w.wantFacts(p, social.Facts{})
}

func favorites(w *World) {
	p := w.Post(w.Alice, "p")
	w.stored(Entries(p)...)
	set := func(person social.PersonKey, on, want bool) {
		w.Helper()
		changed, err := w.DB.SetFavorite(w.Context(), p.Ref(), person, on, Epoch())
		if err != nil || changed != want {
			w.Errorf("favorite %v: %v, %v", on, changed, err)
		}
	}
	set(w.Bob, true, true)
	set(w.Bob, true, false)
	w.wantFacts(p, social.Facts{Favorited: true})
	if got := w.facts(w.Alice, p); got != (social.Facts{}) {
		w.Errorf("alice sees %+v", got)
	}
	set(w.Bob, false, true)
	set(w.Bob, false, false)
	w.stored(social.Entry{Post: w.Amend(social.TypeDelete, p, "")})
	_, err := w.DB.SetFavorite(w.Context(), p.Ref(), w.Bob, true, Epoch())
	Wants(w, err, social.KindNotFound)
}

// share makes a share of a post of the lobby into another space.
func (w *World) share(into *social.Space, of *social.Post) social.Entry {
	p := w.Post(w.Bob, "look")
	p.Stream, p.Type, p.Root = into.Stream(social.ChannelMessages), social.TypeAnnounce, of.ID
	echo := w.reaction(social.TypeAnnounce, w.Bob, of)
	return social.Entry{Post: p, About: of.Stream, Echo: echo.Post}
}

func shares(w *World) {
	news := w.Space("news", w.Alice)
	p := w.Post(w.Alice, "p")
	w.stored(Entries(p)...)
	s := w.share(news, p)
	w.stored(s, w.share(news, p))
	w.wantFacts(p, social.Facts{Shares: 2})
	told := w.Page(social.PostQuery{Stream: s.Echo.Stream, Reader: w.Alice, Forward: true, Limit: 10})
	if s.Echo.Seq != 1 || len(told) != 2 || told[0].Type != social.TypeAnnounce || told[0].Object != p.ID || !told[0].Root.IsZero() || told[0].Content != "" {
		w.Errorf("told %+v", told)
	}
	if s.Post.Ordinal != 1 || told[0].Ordinal != 0 {
		w.Errorf("a share counts %d in its place, and %d where it came from", s.Post.Ordinal, told[0].Ordinal)
	}
	got, err := w.DB.SharedBy(w.Context(), []social.PostRef{s.Post.Ref(), p.Ref()})
	if err != nil || len(got) != 1 || got[s.Post.Ref()].ID != p.ID {
		w.Errorf("shared: %+v, %v", got, err)
	}
	gone := w.Amend(social.TypeDelete, s.Post, "")
	gone.Stream = s.Post.Stream
	undo := w.reaction(social.TypeUndo, w.Bob, p)
	undo.Post.Extra = []byte(`{"object":{"type":"Announce"}}`)
	w.stored(social.Entry{Post: gone, About: p.Stream, Echo: undo.Post})
	w.wantFacts(p, social.Facts{Shares: 1})
	if undo.Post.Seq != 3 {
		w.Errorf("its end is told at %d", undo.Post.Seq)
	}
}

func staleEdits(w *World) {
	p := w.Post(w.Alice, "one")
	w.stored(Entries(p)...)
	first, second := w.Amend(social.TypeUpdate, p, "two"), w.Amend(social.TypeUpdate, p, "three")
	out := w.AppendEntries(Epoch(), social.Entry{Post: first, Base: 1}, social.Entry{Post: second, Base: 1})
	if out[0].Err != nil {
		w.Fatal(out[0].Err)
	}
	Wants(w, out[1].Err, social.KindStale)
	w.refused(social.Entry{Post: w.Amend(social.TypeDelete, p, ""), Base: 1}, social.KindStale)
	w.stored(social.Entry{Post: w.Amend(social.TypeUpdate, p, "four"), Base: 2})
	if got := w.All(w.Alice); len(got) != 3 || got[0].Content != "four" || got[0].Version() != 3 || got[1].Version() != 2 {
		w.Errorf("%+v", got)
	}
}

func revisions(w *World) {
	p := w.Post(w.Alice, "one")
	w.stored(Entries(p)...)
	w.Append(Epoch().Add(time.Minute), w.Amend(social.TypeUpdate, p, "two"))
	w.Append(Epoch().Add(2*time.Minute), w.Post(w.Bob, "between"), w.Amend(social.TypeUpdate, p, "three"))
	read := func(after uint64, limit int) string {
		list, err := w.DB.Revisions(w.Context(), p.ID, after, limit)
		if err != nil {
			w.Fatal(err)
		}
		s := ""
		for _, r := range list {
			s += fmt.Sprintf("%d %s %v; ", r.Version, r.Content, r.At.Sub(Epoch()))
		}
		return s
	}
	if got := read(0, 10); got != "1 one 0s; 2 two 1m0s; 4 three 2m0s; " {
		w.Error(got)
	}
	if got := read(1, 1); got != "2 two 1m0s; " {
		w.Error(got)
	}
}

func saysInOneBatch(w *World) {
	p := w.Post(w.Alice, "p")
	c := w.comment(w.Bob, p, "c")
	answer := w.comment(w.Alice, c.Post, "answer")
	w.stored(social.Entry{Post: p}, c, answer, w.reaction(social.TypeLike, w.Bob, p), w.reaction(social.TypeUndo, w.Bob, p),
		w.reaction(social.TypeLike, w.Bob, p), w.reaction(social.TypeFlag, w.Alice, p), w.removal(answer.Post))
	w.wantFacts(p, social.Facts{Comments: 1, Likes: 1, Liked: true, Flagged: true})
	out := w.AppendEntries(Epoch(), w.reaction(social.TypeUndo, w.Bob, p), w.reaction(social.TypeLike, w.Bob, p),
		social.Entry{Post: w.Amend(social.TypeDelete, p, "")}, w.comment(w.Bob, p, "late"), w.reaction(social.TypeUndo, w.Bob, p))
	if out[0].Err != nil || out[1].Err != nil || out[2].Err != nil || out[3].Err == nil || out[4].Err == nil {
		w.Errorf("%+v", out)
	}
	w.wantFacts(p, social.Facts{Comments: 1, Likes: 1, Liked: true, Flagged: true})
}

func reactsAtOnce(w *World) {
	const people, rounds = 8, 6
	posts := []*social.Post{w.Post(w.Alice, "p"), w.Post(w.Alice, "q")}
	w.stored(Entries(posts...)...)
	crowd := make([]social.PersonKey, people)
	for i := range crowd {
		crowd[i] = w.Person(fmt.Sprint("crowd", i))
	}
	var all sync.WaitGroup
	for i, person := range crowd {
		all.Go(func() {
			for r := range rounds {
				p := posts[(i+r)%2]
				kind := social.TypeLike
				if r%3 == 2 {
					kind = social.TypeUndo
				}
				// The same at the same time from two devices.
				for range 2 {
					out, err := w.DB.Append(w.Context(), []social.Entry{w.reaction(kind, person, p), w.comment(person, p, "c")}, Epoch())
					if err != nil || out[0].Err != nil || out[1].Err != nil {
						w.Errorf("react: %+v, %v", out, err)
					}
				}
			}
		})
	}
	all.Wait()
	comments, likes := uint64(0), uint64(0)
	for _, p := range posts {
		f := w.facts(w.Bob, p)
		list, err := w.DB.Likes(w.Context(), p.Ref(), 0, 100)
		if err != nil || uint64(len(list)) != f.Likes {
			w.Errorf("%d likes are counted, %d listed, %v", f.Likes, len(list), err)
		}
		comments, likes = comments+f.Comments, likes+f.Likes
	}
	if comments != people*rounds*2 || likes == 0 {
		w.Errorf("%d comments, wanted %d; %d likes", comments, people*rounds*2, likes)
	}
}

func commentRacesRemoval(w *World) {
	for range 10 {
		p := w.Post(w.Alice, "p")
		w.stored(Entries(p)...)
		c, l := w.comment(w.Bob, p, "c"), w.reaction(social.TypeLike, w.Bob, p)
		var commented, liked social.Appended
		var both sync.WaitGroup
		try := func(e social.Entry, out *social.Appended) {
			both.Go(func() {
				got, err := w.DB.Append(w.Context(), []social.Entry{e}, Epoch())
				if err != nil {
					w.Errorf("append: %v", err)
					return
				}
				*out = got[0]
			})
		}
		try(c, &commented)
		try(l, &liked)
		try(social.Entry{Post: w.Amend(social.TypeDelete, p, "")}, &social.Appended{})
		both.Wait()
		f := w.facts(w.Bob, p)
		if (commented.Err == nil) != (f.Comments == 1) || (liked.Err == nil) != (f.Likes == 1) {
			w.Errorf("told %v and %v, and %+v stands", commented.Err, liked.Err, f)
		}
		if commented.Err != nil {
			Wants(w, commented.Err, social.KindInvalid)
		}
	}
}

func givesUpReactions(w *World) {
	p, q := w.Post(w.Alice, "p"), w.Post(w.Alice, "q")
	w.stored(Entries(p, q)...)
	w.stored(w.comment(w.Bob, p, "1"), w.comment(w.Bob, q, "2"), w.comment(w.Bob, q, "3"), w.reaction(social.TypeLike, w.Bob, p), w.reaction(social.TypeLike, w.Bob, q))
	if _, err := w.DB.SetFavorite(w.Context(), p.Ref(), w.Bob, true, Epoch()); err != nil {
		w.Fatal(err)
	}
	w.keep(social.Retention{Posts: 1})
	if _, err := w.DB.Purge(w.Context(), Epoch()); err != nil {
		w.Fatalf("purge: %v", err)
	}
	if got := w.facts(w.Bob, p); got != (social.Facts{}) {
		w.Errorf("of what is gone: %+v", got)
	}
	w.wantFacts(q, social.Facts{Comments: 1, Likes: 1, Liked: true})
}

// Say says one of everything about a post of the lobby by alice.
func (w *World) Say(about *social.Post) {
	w.Helper()
	w.stored(w.comment(w.Bob, about, "a comment"), w.reaction(social.TypeLike, w.Bob, about), w.reaction(social.TypeFlag, w.Alice, about))
	if _, err := w.DB.SetFavorite(w.Context(), about.Ref(), w.Bob, true, Epoch()); err != nil {
		w.Fatal(err)
	}
	r := social.Report{ID: w.IDs.New(Epoch()), Post: *about, Space: w.Lobby.Key, Reporter: w.Bob, At: Epoch(), Reason: "rude"}
	if first, err := w.DB.AddReport(w.Context(), r); err != nil || !first {
		w.Fatalf("report: %v, %v", first, err)
	}
}
