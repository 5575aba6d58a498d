package storagetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rambla/social"
)

func searchClaims() []claim {
	return []claim{
		{"what is indexed is found by words, phrases, beginnings, tags and authors", searchByWords},
		{"what was found is paged newest first, whatever has the same time", searchPages},
		{"a private post is found by its readers only", searchPrivate},
		{"an edit replaces what is found, and a removal ends it", searchChanges},
		{"a worker goes on where it was, and begins again for another version", searchPositions},
		{"what retention gives up is not found, and leaves the index", searchPurge},
		{"an index from which much goes at once is whole", searchEmptied},
		{"an author is forgotten where nobody indexes", searchForgets},
		{"who indexes late leaves what somebody has indexed since", searchLate},
	}
}

// index indexes posts as their words are, and #tags.
func (w *World) index(posts ...*social.Post) {
	w.Helper()
	put := social.SearchPut{Read: map[social.StreamKey]uint64{}}
	for _, p := range posts {
		e := social.SearchEntry{PostRef: p.Ref(), At: p.Published, Author: p.Author, Sort: social.SortActivity, Private: p.Private, Tags: p.Hashtags()}
		for _, word := range strings.Fields(p.Content) {
			e.Words = append(e.Words, strings.TrimPrefix(word, "#"))
		}
		put.Entries = append(put.Entries, e)
		put.Read[p.Stream] = max(put.Read[p.Stream], p.Seq)
	}
	if err := w.DB.PutSearch(w.Context(), put); err != nil {
		w.Fatal(err)
	}
}

// The embedded store's doctor took an index of which whole parts had been removed at
// once for damaged.
func searchEmptied(w *World) {
	w.said("kept")
	for range 6 {
		put := social.SearchPut{Read: map[social.StreamKey]uint64{}}
		for _, text := range []string{"x", "alpha", "a #note", "final exam"} {
			for range 10 {
				p := w.said(text)[0]
				done := w.Amend(social.TypeDelete, p, "")
				w.Append(Epoch(), done)
				put.Gone, put.Read[p.Stream] = append(put.Gone, p.Ref()), done.Seq
			}
		}
		if err := w.DB.PutSearch(w.Context(), put); err != nil {
			w.Fatal(err)
		}
		Verify(w, w.DB)
	}
	w.wantFound("kept", asks(word("kept")))
	w.wantFound("", asks(word("alpha")))
}

// said posts and indexes texts of alice, each a microsecond after the other.
func (w *World) said(texts ...string) []*social.Post {
	w.Helper()
	var out []*social.Post
	for i, text := range texts {
		p := w.Post(w.Alice, text)
		w.Append(Epoch().Add(time.Duration(i)*time.Microsecond), p)
		out = append(out, p)
	}
	w.index(out...)
	return out
}

func word(words ...string) social.SearchTerm { return social.SearchTerm{Words: words} }

// search returns the contents of a page, and where the next begins.
func (w *World) search(q social.SearchQuery) (string, social.FeedPlace) {
	w.Helper()
	q.Sort = social.SortActivity
	if q.Limit == 0 {
		q.Limit = 20
	}
	if q.Reader == 0 {
		q.Reader = w.Alice
	}
	page, err := w.DB.SearchPosts(w.Context(), q)
	if err != nil {
		w.Fatal(err)
	}
	var out []string
	for _, p := range page.Posts {
		out = append(out, p.Content)
	}
	return strings.Join(out, ", "), page.Next
}

func (w *World) wantFound(want string, q social.SearchQuery) {
	w.Helper()
	if got, _ := w.search(q); got != want {
		w.Errorf("%+v found %q, wanted %q", q.Terms, got, want)
	}
}

func asks(terms ...social.SearchTerm) social.SearchQuery {
	return social.SearchQuery{Terms: social.SearchTerms{Terms: terms}}
}

func searchByWords(w *World) {
	w.said("final exam", "exam final", "examen", "été 考 试", "a #note")
	here := social.FeedSource{Stream: w.messages()}
	w.wantFound("exam final, final exam", asks(word("exam")))
	w.wantFound("final exam", asks(word("final", "exam")))
	w.wantFound("examen, exam final, final exam", asks(social.SearchTerm{Words: []string{"exam"}, Prefix: true}))
	w.wantFound("final exam", asks(social.SearchTerm{Words: []string{"final", "ex"}, Prefix: true}))
	w.wantFound("exam final", asks(word("exam"), social.SearchTerm{Words: []string{"final", "exam"}, Not: true}))
	w.wantFound("été 考 试", asks(word("考", "试"), word("été")))
	w.wantFound("a #note", social.SearchQuery{Terms: social.SearchTerms{Tags: []string{"note"}}})
	w.wantFound("", social.SearchQuery{Terms: social.SearchTerms{Tags: []string{"a"}}})
	q := asks(word("exam"))
	for _, c := range []struct {
		want   string
		change func(*social.SearchQuery)
	}{
		{"exam final, final exam", func(q *social.SearchQuery) { q.Author = w.Alice }},
		{"", func(q *social.SearchQuery) { q.Author = w.Bob }},
		{"exam final, final exam", func(q *social.SearchQuery) { q.Sources = []social.FeedSource{here} }},
		{"exam final", func(q *social.SearchQuery) { q.Sources = []social.FeedSource{{Stream: here.Stream, Floor: 1}} }},
		{"", func(q *social.SearchQuery) { q.Sources = []social.FeedSource{{Stream: here.Stream + 1000}} }},
		{"exam final", func(q *social.SearchQuery) { q.From = Epoch().Add(time.Microsecond) }},
		{"final exam", func(q *social.SearchQuery) { q.Before = Epoch().Add(time.Microsecond) }},
	} {
		asked := q
		c.change(&asked)
		w.wantFound(c.want, asked)
	}
	// Words are never syntax.
	for _, odd := range []string{"or", "and", "not", "near", "'", `\`, `"`, "a:b", "(", "!", "*", "--"} {
		w.wantFound("", asks(word(odd)))
	}
}

func searchPages(w *World) {
	var posts []*social.Post
	for i := range 23 {
		posts = append(posts, w.Post(w.Alice, fmt.Sprint("many ", i)))
	}
	w.Append(Epoch(), posts...)
	w.index(posts...)
	for _, sources := range [][]social.FeedSource{nil, {{Stream: w.messages()}}} {
		var got []string
		q := asks(word("many"))
		q.Sources, q.Limit = sources, 5
		for {
			page, next := w.search(q)
			if page != "" {
				got = append(got, strings.Split(page, ", ")...)
			}
			if next.IsZero() {
				break
			}
			q.After = next
		}
		var want []string
		for _, p := range posts {
			want = append(want, p.Content)
		}
		slices.Reverse(want)
		if !slices.Equal(got, want) {
			w.Errorf("pages in %v are %v", sources, got)
		}
	}
}

func searchPrivate(w *World) {
	p := w.Post(w.Alice, "secret")
	p.Private, p.To = true, []social.PersonKey{w.Bob}
	w.Append(Epoch(), p)
	w.index(p)
	q := asks(word("secret"))
	for person, want := range map[social.PersonKey]string{w.Alice: "secret", w.Bob: "secret", w.Carol: ""} {
		q.Reader = person
		w.wantFound(want, q)
	}
}

func searchChanges(w *World) {
	posts := w.said("alpha", "beta")
	edited := *posts[0]
	edited.Content = "gamma"
	w.index(&edited, posts[1]) // as it would after the edit
	w.wantFound("", asks(word("delta")))
	w.wantFound("", asks(word("alpha")))
	w.wantFound("alpha", asks(word("gamma"))) // the post itself was not edited here
	w.stored(w.removal(posts[0]))
	w.wantFound("", asks(word("gamma"))) // at once
	if err := w.DB.PutSearch(w.Context(), social.SearchPut{Gone: []social.PostRef{posts[0].Ref(), posts[1].Ref()}}); err != nil {
		w.Fatal(err)
	}
	w.wantFound("", asks(word("beta")))
	w.index(posts[1])
}

// lagging are the seqs of lobby's messages that are left to index.
func (w *World) lagging() string {
	w.Helper()
	lags, err := w.DB.SearchLags(w.Context(), []social.StreamKey{w.messages()})
	if err != nil {
		w.Fatal(err)
	}
	all, err := w.DB.SearchLagging(w.Context(), 0, 100)
	if err != nil || len(all) != len(lags) {
		w.Fatalf("all that lags are %v, %v", all, err)
	}
	behind, err := w.DB.SearchBehind(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	out := fmt.Sprint(behind.Posts, " behind")
	for _, l := range lags {
		out += fmt.Sprintf(" %d-%d since %v", l.At, l.Head, behind.Oldest.Sub(Epoch()))
	}
	return out
}

func searchPositions(w *World) {
	begin := func(version string, want bool) {
		w.Helper()
		if again, err := w.DB.BeginSearch(w.Context(), version); err != nil || again != want {
			w.Errorf("begin %s: %v, %v", version, again, err)
		}
	}
	want := func(want string) {
		w.Helper()
		if got := w.lagging(); got != want {
			w.Errorf("%s, wanted %s", got, want)
		}
	}
	begin("1", true)
	begin("1", false)
	want("0 behind")
	posts := w.said("a", "b", "c")
	want("0 behind")
	more := w.Post(w.Alice, "d")
	w.Append(Epoch().Add(time.Second), more)
	want("1 behind 3-4 since 1s")
	log, err := w.DB.SearchLog(w.Context(), []social.SearchRange{{Stream: w.messages(), After: 1, To: 3}})
	if err != nil || len(log) != 2 || log[0].Content+log[1].Content != "bc" {
		w.Errorf("the log has %v, %v", log, err)
	}
	objects, err := w.DB.SearchObjects(w.Context(), []social.ID{posts[0].ID, w.IDs.New(Epoch())})
	if err != nil || len(objects) != 1 || objects[0].Content != "a" {
		w.Errorf("found %v, %v", objects, err)
	}
	begin("2", true)
	want("4 behind 0-4 since 0s")
	w.wantFound("a", asks(word("a"))) // meanwhile
	w.index(append(posts, more)...)
	if err := w.DB.ForgetSearch(w.Context()); err != nil {
		w.Fatal(err)
	}
	begin("2", true)
	want("4 behind 0-4 since 0s")
}

// searchForgets has the store verified at its end: a removed post whose removal counts as
// read must not be in the index.
func searchForgets(w *World) {
	p, other := w.said("by alice")[0], w.Post(w.Bob, "by bob")
	w.Append(Epoch().Add(time.Second), other)
	w.index(other)
	w.wantFound("by bob, by alice", asks(word("by")))
	w.Append(Epoch(), w.Amend(social.TypeDelete, p, ""))
	w.must(w.DB.ForgetAuthor(w.Context(), w.Alice))
	w.must(w.DB.PutSearch(w.Context(), social.SearchPut{Read: map[social.StreamKey]uint64{p.Stream: 3}}))
	w.wantFound("by bob", asks(word("by")))
}

// searchLate has the store verified at its end, too. Beside a server, the command that
// erases somebody indexes as well.
func searchLate(w *World) {
	p, q := w.Post(w.Alice, "alpha"), w.Post(w.Alice, "beta")
	w.stored(Entries(p, q)...)
	done := w.Amend(social.TypeDelete, p, "")
	w.stored(Entries(done)...)
	w.index(q)
	w.must(w.DB.PutSearch(w.Context(), social.SearchPut{Gone: []social.PostRef{p.Ref()}, Read: map[social.StreamKey]uint64{p.Stream: done.Seq}}))
	w.index(p) // which it had read before
	w.wantFound("beta", asks(word("beta")))
}

func searchPurge(w *World) {
	w.keep(social.Retention{Posts: 1})
	w.said("old one", "new one")
	w.purgeAll(Epoch().Add(time.Hour))
	w.wantFound("new one", asks(word("one")))
	if got := w.lagging(); got != "0 behind" {
		w.Error(got)
	}
}
