package storagetest

import (
	"math"
	"reflect"
	"strings"
	"time"

	"rambla/social"
)

func logClaims() []claim {
	return []claim{
		{"seqs of every stream begin at 1 and have no gap", gapless},
		{"a post is read as it was written", roundTrip},
		{"an entry that cannot be stored fails alone", failsAlone},
		{"times of a stream never go back", monotone},
		{"ordinals count new posts only", ordinals},
		{"pages go both ways and end where asked", pages},
		{"a post is found by its id", byID},
		{"a stream has a head and an epoch of its own", heads},
	}
}

func gapless(w *World) {
	other := w.Space("news", w.Bob)
	for round := range 3 {
		var posts []*social.Post
		for i := range 10 {
			p := w.Post(w.Alice, "x")
			if i%3 == 0 {
				p.Stream = other.Stream(social.ChannelMessages)
			}
			posts = append(posts, p)
		}
		out := w.Append(Epoch(), posts...)
		next := map[social.StreamKey]uint64{w.Lobby.Stream(social.ChannelMessages): uint64(round*6 + 1), other.Stream(social.ChannelMessages): uint64(round*4 + 1)}
		for i, p := range posts {
			if out[i].Err != nil || out[i].Seq != next[p.Stream] || p.Seq != out[i].Seq || out[i].ID != p.ID {
				w.Fatalf("round %d post %d: %+v, wanted seq %d", round, i, out[i], next[p.Stream])
			}
			next[p.Stream]++
		}
	}
}

func roundTrip(w *World) {
	answered := w.Post(w.Bob, "what do you say?")
	w.Append(Epoch(), answered)
	full := social.Post{
		Stream: w.Lobby.Stream(social.ChannelMessages), ID: w.IDs.New(Epoch()), Type: "uni:graded",
		Author: w.Alice, AsSpace: true, Creator: w.Bob, Subject: w.Carol, Object: answered.ID, InReplyTo: answered.ID,
		Markdown: true, Content: "grüß \"Gott\" 'n' \\ 🙂\n", Extra: []byte(`{"object":{"id":"a"}}`),
		Private: true, To: []social.PersonKey{w.Bob, w.Carol}, Key: "k'1", Generator: "mqtt",
	}
	bare := *w.Post(w.Bob, "")
	for _, p := range []social.Post{full, bare} {
		sent := p
		w.Append(Epoch(), &sent)
		got, err := w.DB.PostByID(w.Context(), p.ID)
		if err != nil {
			w.Fatal(err)
		}
		if !reflect.DeepEqual(got, sent) {
			w.Errorf("read %+v\nwrote %+v", got, sent)
		}
		if page := w.All(w.Alice); !reflect.DeepEqual(page[len(page)-1], sent) {
			w.Errorf("page has %+v\nwrote %+v", page, sent)
		}
	}
	if !w.All(w.Alice)[0].Published.Equal(Epoch()) {
		w.Errorf("published %v", w.All(w.Alice)[0].Published)
	}
}

func failsAlone(w *World) {
	with := func(change func(*social.Post)) *social.Post {
		p := w.Post(w.Alice, "bad")
		change(p)
		return p
	}
	elsewhere := w.Post(w.Alice, "in another context")
	elsewhere.Stream = w.Space("elsewhere", w.Alice).Stream(social.ChannelMessages)
	w.Append(Epoch(), elsewhere)
	bad := []struct {
		post *social.Post
		kind social.Kind
	}{
		{with(func(p *social.Post) { p.Stream = 4711 }), social.KindNotFound},
		{with(func(p *social.Post) { p.Stream = w.Lobby.Stream(social.ChannelData) }), social.KindInternal},
		{with(func(p *social.Post) { p.Content = "a\x00b" }), social.KindInvalid},
		{with(func(p *social.Post) { p.Content = "a\xffb" }), social.KindInvalid},
		{with(func(p *social.Post) { p.Content = strings.Repeat("x", 1<<20+1) }), social.KindTooLarge},
		{with(func(p *social.Post) { p.Key = strings.Repeat("k", 1025) }), social.KindInvalid},
		{with(func(p *social.Post) { p.Key = "\x00" }), social.KindInvalid},
		{with(func(p *social.Post) { p.Type = strings.Repeat("t", 129) }), social.KindInvalid},
		{with(func(p *social.Post) { p.Type, p.Object = social.TypeUpdate, w.IDs.New(Epoch()) }), social.KindNotFound},
		{with(func(p *social.Post) { p.InReplyTo = w.IDs.New(Epoch()) }), social.KindInvalid},
		{with(func(p *social.Post) { p.InReplyTo = elsewhere.ID }), social.KindInvalid},
	}
	posts := []*social.Post{w.Post(w.Alice, "first")}
	for _, b := range bad {
		posts = append(posts, b.post)
	}
	// What a reply answers may be of the same batch.
	posts = append(posts, with(func(p *social.Post) { p.InReplyTo, p.Content = posts[0].ID, "last" }))
	out := w.Append(Epoch(), posts...)
	for i, b := range bad {
		if out[i+1].Err == nil || social.KindOf(out[i+1].Err) != b.kind {
			w.Errorf("bad entry %d: %+v, wanted %v", i, out[i+1], b.kind)
		}
	}
	if out[0].Seq != 1 || out[len(out)-1].Seq != 2 {
		w.Errorf("good entries: %+v, %+v", out[0], out[len(out)-1])
	}
	if got := w.All(w.Alice); len(got) != 2 || got[1].Content != "last" {
		w.Errorf("stored %+v", got)
	}
	// A batch of nothing but refusals is no failure of the batch.
	if out := w.Append(Epoch(), with(func(p *social.Post) { p.Stream = 4711 })); out[0].Err == nil {
		w.Error("stored in a stream that is not there")
	}
	if out, err := w.DB.Append(w.Context(), nil, Epoch()); err != nil || len(out) != 0 {
		w.Errorf("an empty batch: %v, %v", out, err)
	}
}

func monotone(w *World) {
	w.Append(Epoch(), w.Post(w.Alice, "noon"))
	early := w.Post(w.Alice, "the clock was set back")
	w.Append(Epoch().Add(-time.Hour), early)
	if !early.Published.Equal(Epoch()) {
		w.Errorf("published %v, before what stands in front of it", early.Published)
	}
}

func ordinals(w *World) {
	first := w.Post(w.Alice, "1")
	w.Append(Epoch(), first, w.Amend(social.TypeUpdate, first, "1!"), w.Post(w.Bob, "2"), w.Amend(social.TypeDelete, first, ""), w.Post(w.Bob, "3"))
	var got []uint64
	for _, p := range w.All(w.Alice) {
		got = append(got, p.Ordinal)
	}
	if want := []uint64{1, 1, 2, 2, 3}; !reflect.DeepEqual(got, want) {
		w.Errorf("ordinals %v, wanted %v", got, want)
	}
	living := w.Page(social.PostQuery{Stream: first.Stream, Reader: w.Alice, Forward: true, Living: true, Limit: 10})
	if seqs(living) != "3 5 " {
		w.Errorf("living: %s", seqs(living))
	}
}

func pages(w *World) {
	for range 10 {
		w.Append(Epoch(), w.Post(w.Alice, "x"))
	}
	for _, c := range []struct {
		name string
		q    social.PostQuery
		want string
	}{
		{"forward from the start", social.PostQuery{Forward: true, Limit: 3}, "1 2 3 "},
		{"forward behind a position", social.PostQuery{Forward: true, After: 8, Limit: 3}, "9 10 "},
		{"forward behind the head", social.PostQuery{Forward: true, After: 10, Limit: 3}, ""},
		{"forward behind any head", social.PostQuery{Forward: true, After: math.MaxUint64, Limit: 3}, ""},
		{"newest first", social.PostQuery{Limit: 3}, "10 9 8 "},
		{"before a position", social.PostQuery{Before: 3, Limit: 3}, "2 1 "},
		{"before the first", social.PostQuery{Before: 1, Limit: 3}, ""},
		{"before any", social.PostQuery{Before: math.MaxUint64, Limit: 1}, "10 "},
		{"a floor bounds the newest", social.PostQuery{Floor: 8, Limit: 5}, "10 9 "},
		{"a floor beats an earlier position", social.PostQuery{Forward: true, After: 2, Floor: 8, Limit: 5}, "9 10 "},
		{"a later position beats a floor", social.PostQuery{Forward: true, After: 9, Floor: 8, Limit: 5}, "10 "},
	} {
		c.q.Stream, c.q.Reader = w.Lobby.Stream(social.ChannelMessages), w.Bob
		if got := seqs(w.Page(c.q)); got != c.want {
			w.Errorf("%s: got %q, wanted %q", c.name, got, c.want)
		}
	}
}

func byID(w *World) {
	p := w.Post(w.Alice, "x")
	w.Append(Epoch(), p)
	got, err := w.DB.PostByID(w.Context(), p.ID)
	if err != nil || got.Seq != 1 || got.Stream != p.Stream {
		w.Errorf("%+v, %v", got, err)
	}
	_, err = w.DB.PostByID(w.Context(), w.IDs.New(Epoch()))
	Wants(w, err, social.KindNotFound)
}

func heads(w *World) {
	stream := w.Lobby.Stream(social.ChannelMessages)
	empty, err := w.DB.State(w.Context(), stream)
	epoch := empty.Epoch
	if err != nil || len(epoch) != 8 || strings.Trim(epoch, "0123456789abcdef") != "" || empty != (social.StreamState{Stream: stream, Epoch: epoch}) {
		w.Errorf("an empty stream: %+v, %v", empty, err)
	}
	w.Append(Epoch(), w.Post(w.Alice, "x"), w.Post(w.Alice, "y"))
	if s, err := w.DB.State(w.Context(), stream); err != nil || s != (social.StreamState{Stream: stream, Epoch: epoch, Head: 2}) {
		w.Errorf("after two posts: %+v, %v", s, err)
	}
	if other, err := w.DB.State(w.Context(), w.Lobby.Stream(social.ChannelEvents)); err != nil || other.Epoch == epoch {
		w.Errorf("another stream: %+v, %v", other, err)
	}
	_, err = w.DB.State(w.Context(), 4711)
	Wants(w, err, social.KindNotFound)
	if got := w.ReadSpace(w.Lobby.Key).Heads[social.ChannelMessages]; got != 2 {
		w.Errorf("the space says its head is %d", got)
	}
}
