package storagetest

import (
	"fmt"
	"time"

	"rambla/social"
)

func markerClaims() []claim {
	return []claim{
		{"a marker grows, and not beyond the head", markerGrows},
		{"unread are living posts by others that one may see", unreadCounts},
		{"posting moves the marker where nothing was unread", markerFollowsPosts},
		{"unread is right far behind, too", unreadFarBehind},
		{"a marker begins where the membership did", markerBase},
		{"what retention gave up is not unread", unreadAfterRetention},
		{"posts are read from several streams", postsAt},
		{"a marker of a stream that is not there is none", markerNowhere},
	}
}

// question asks about the lobby's messages.
func (w *World) question(person social.PersonKey) social.ProgressQuery {
	return social.ProgressQuery{Stream: w.Lobby.Stream(social.ChannelMessages), Person: person}
}

func (w *World) progress(q social.ProgressQuery) social.Progress {
	w.Helper()
	out, err := w.DB.Progress(w.Context(), []social.ProgressQuery{q})
	if err != nil || len(out) != 1 {
		w.Fatalf("%d answers, %v", len(out), err)
	}
	return out[0]
}

func (w *World) move(now time.Time, q social.ProgressQuery, delivered, read uint64) social.MarkerMoved {
	w.Helper()
	out, err := w.DB.MoveMarkers(w.Context(), []social.MarkerMove{{ProgressQuery: q, Receipt: social.Receipt{Delivered: delivered, Read: read}}}, now)
	if err != nil || len(out) != 1 {
		w.Fatalf("%d answers, %v", len(out), err)
	}
	return out[0]
}

func (w *World) posts(author social.PersonKey, n int) []*social.Post {
	out := make([]*social.Post, n)
	for i := range out {
		out[i] = w.Post(author, fmt.Sprint(i))
	}
	return out
}

func markerGrows(w *World) {
	w.Append(Epoch(), w.posts(w.Alice, 5)...)
	q := w.question(w.Bob)
	if p := w.progress(q); p.Read != 0 || p.Delivered != 0 || !p.At.IsZero() || p.Unread != 5 || p.Head != 5 || p.Last != 5 || p.Epoch == "" {
		w.Errorf("before: %+v", p)
	}
	minute := func(n int) time.Time { return Epoch().Add(time.Duration(n) * time.Minute) }
	for i, c := range []struct {
		delivered, read         uint64
		wantDelivered, wantRead uint64
		moved                   bool
	}{
		{3, 0, 3, 0, true},
		{0, 2, 3, 2, true},
		{2, 1, 3, 2, false},
		{0, 4, 4, 4, true},
		{9, 4, 5, 4, true},
		{1 << 60, 1 << 60, 5, 5, true},
		{0, 0, 5, 5, false},
	} {
		m := w.move(minute(i), q, c.delivered, c.read)
		if m.Delivered != c.wantDelivered || m.Read != c.wantRead || m.Moved != c.moved || m.Moved != m.At.Equal(minute(i)) {
			w.Errorf("step %d: %+v", i, m)
		}
		if p := w.progress(q); p.Marker != m.Marker || p.Unread != 5-c.wantRead {
			w.Errorf("step %d: reads %+v", i, p)
		}
	}
	if p := w.progress(w.question(w.Alice)); p.Read != 5 || p.Unread != 0 {
		w.Errorf("alice, who wrote them: %+v", p)
	}
}

func unreadCounts(w *World) {
	q := w.question(w.Bob)
	first, second := w.Post(w.Alice, "one"), w.Post(w.Alice, "two")
	forBob, notForBob := w.Post(w.Alice, "for bob"), w.Post(w.Alice, "for carol")
	forBob.Private, forBob.To = true, []social.PersonKey{w.Bob}
	notForBob.Private, notForBob.To = true, []social.PersonKey{w.Carol}
	steps := []struct {
		name         string
		post         *social.Post
		unread, last uint64
	}{
		{"a post", first, 1, 1},
		{"another", second, 2, 2},
		{"an edit", w.Amend(social.TypeUpdate, first, "one!"), 2, 2},
		{"a private one for him", forBob, 3, 4},
		{"a private one for somebody else", notForBob, 3, 4},
		{"his own", w.Post(w.Bob, "mine"), 3, 6},
		{"a removal", w.Amend(social.TypeDelete, second, ""), 2, 6},
		{"a removal of the private one", w.Amend(social.TypeDelete, forBob, ""), 1, 6},
	}
	for i, s := range steps {
		w.Append(Epoch(), s.post)
		if p := w.progress(q); p.Unread != s.unread || p.Last != s.last || p.Read != 0 {
			w.Errorf("%s: %+v", s.name, p)
		}
		if p := w.progress(q); p.Head != uint64(i+1) {
			w.Errorf("%s: head %d", s.name, p.Head)
		}
	}
	w.move(Epoch(), q, 0, 1)
	if p := w.progress(q); p.Unread != 0 || p.Read != 1 {
		w.Errorf("after the first: %+v", p)
	}
	q.Floor = 6
	if p := w.progress(q); p.Last != 0 {
		w.Errorf("where all lies before what he may see: %+v", p)
	}
}

func markerFollowsPosts(w *World) {
	q := w.question(w.Bob)
	wants := func(what string, read, unread uint64) {
		w.Helper()
		if p := w.progress(q); p.Read != read || p.Unread != unread {
			w.Errorf("%s: read %d, unread %d, wanted %d, %d", what, p.Read, p.Unread, read, unread)
		}
	}
	w.Append(Epoch(), w.Post(w.Bob, "1"))
	wants("his first post", 1, 0)
	edit := w.Post(w.Alice, "2")
	w.Append(Epoch(), edit)
	w.Append(Epoch(), w.Post(w.Bob, "3"))
	wants("a post while something was unread", 1, 1)
	if m := w.move(Epoch(), q, 0, 2); m.Read != 2 || !m.Moved {
		w.Errorf("reading what was unread: %+v", m)
	}
	wants("what he posted before he read stays where it is", 2, 0)
	w.Append(Epoch(), w.Amend(social.TypeUpdate, edit, "2!"))
	wants("an edit", 2, 0)
	w.Append(Epoch(), w.Post(w.Bob, "5"), w.Post(w.Bob, "6"))
	wants("two posts with nothing unread", 6, 0)
	w.Append(Epoch(), w.Post(w.Alice, "7"), w.Post(w.Bob, "8"))
	wants("a post by somebody else in between", 6, 1)
	if m := w.move(Epoch(), q, 7, 3); m.Read != 6 || m.Delivered != 7 || !m.Moved {
		w.Errorf("moving behind where the posts have moved it: %+v", m)
	}
	wants("the receipt keeps where the posts had moved it", 6, 1)
	w.move(Epoch(), q, 0, 8)
	wants("all read", 8, 0)
}

func unreadFarBehind(w *World) {
	q := w.question(w.Bob)
	wants := func(what string, q social.ProgressQuery, read, unread uint64) {
		w.Helper()
		if p := w.progress(q); p.Read != read || p.Unread != unread {
			w.Errorf("%s: read %d, unread %d, wanted %d, %d", what, p.Read, p.Unread, read, unread)
		}
	}
	// Alice posts four times as often as bob, far beyond what is near.
	const rounds = social.UnreadWithin/500 + 2
	removed := w.Post(w.Alice, "removed")
	w.Append(Epoch(), removed)
	for range rounds {
		w.Append(Epoch(), w.posts(w.Alice, 400)...)
		w.Append(Epoch(), w.posts(w.Bob, 100)...)
	}
	w.Append(Epoch(), w.Amend(social.TypeDelete, removed, ""))
	wants("far behind", q, 0, 400*rounds)
	wants("who wrote most", w.question(w.Alice), 401, 100*rounds)
	w.move(Epoch(), q, 0, 1)
	wants("still far behind", q, 1, 400*rounds)
	w.move(Epoch(), q, 0, 501)
	wants("nearer", q, 501, 400*(rounds-1))
	w.move(Epoch(), q, 0, 500*rounds+1)
	wants("all read", q, 500*rounds+1, 0)
	// Who posts for long without ever reading has nothing unread either.
	alone := w.Space("alone", w.Bob)
	for range rounds {
		ps := w.posts(w.Bob, 500)
		for _, p := range ps {
			p.Stream = alone.Stream(social.ChannelMessages)
		}
		w.Append(Epoch(), ps...)
	}
	own := social.ProgressQuery{Stream: alone.Stream(social.ChannelMessages), Person: w.Bob}
	wants("all his own", own, 500*rounds, 0)
	if m := w.move(Epoch(), own, 0, 7); m.Read != 500*rounds || m.Moved {
		w.Errorf("behind where his posts have moved it: %+v", m)
	}
}

func markerBase(w *World) {
	w.Append(Epoch(), w.posts(w.Alice, 4)...)
	q := w.question(w.Bob)
	q.Base = 3
	if p := w.progress(q); p.Read != 3 || p.Delivered != 3 || p.Unread != 1 || !p.At.IsZero() {
		w.Errorf("%+v", p)
	}
	if m := w.move(Epoch(), q, 0, 2); m.Moved || m.Read != 3 {
		w.Errorf("before the base: %+v", m)
	}
	if m := w.move(Epoch(), q, 0, 4); !m.Moved || m.Read != 4 {
		w.Errorf("%+v", m)
	}
}

func unreadAfterRetention(w *World) {
	q := w.question(w.Bob)
	w.Append(Epoch(), w.posts(w.Alice, 10)...)
	w.move(Epoch(), q, 0, 2)
	w.keep(social.Retention{Posts: 4})
	w.purgeAll(Epoch())
	if p := w.progress(q); p.Read != 2 || p.Unread != 4 || p.Last != 10 || p.Head != 10 {
		w.Errorf("%+v", p)
	}
	if m := w.move(Epoch(), q, 0, 3); !m.Moved || m.Read != 3 {
		w.Errorf("into what is gone: %+v", m)
	}
	w.move(Epoch(), q, 0, 8)
	if p := w.progress(q); p.Unread != 2 {
		w.Errorf("further: %+v", p)
	}
}

func postsAt(w *World) {
	other := w.Space("other", w.Alice)
	there := w.Post(w.Alice, "there")
	there.Stream = other.Stream(social.ChannelMessages)
	there.Private, there.To = true, []social.PersonKey{w.Bob}
	w.Append(Epoch(), w.Post(w.Alice, "here"), there)
	messages := w.Lobby.Stream(social.ChannelMessages)
	got, err := w.DB.PostsAt(w.Context(), []social.StreamKey{messages, there.Stream, messages}, []uint64{1, 1, 2})
	if err != nil || len(got) != 2 {
		w.Fatalf("%+v, %v", got, err)
	}
	for _, p := range got {
		if (p.Content == "there") != (p.Stream == there.Stream) || p.Private != (len(p.To) == 1) {
			w.Errorf("%+v", p)
		}
	}
}

func markerNowhere(w *World) {
	nowhere := w.question(w.Bob)
	nowhere.Stream = 4711
	if p := w.progress(nowhere); p != (social.Progress{}) {
		w.Errorf("%+v", p)
	}
	w.Append(Epoch(), w.posts(w.Alice, 2)...)
	out, err := w.DB.MoveMarkers(w.Context(), []social.MarkerMove{
		{ProgressQuery: nowhere, Receipt: social.Receipt{Read: 2}},
		{ProgressQuery: w.question(w.Carol), Receipt: social.Receipt{Read: 1}},
		{ProgressQuery: w.question(w.Bob), Receipt: social.Receipt{Read: 2}},
	}, Epoch())
	if err != nil || out[0] != (social.MarkerMoved{}) || out[1].Read != 1 || out[2].Read != 2 || out[2].Person != w.Bob {
		w.Errorf("%+v, %v", out, err)
	}
}
