package storagetest

import (
	"fmt"
	"time"

	"rambla/social"
)

func retentionClaims() []claim {
	return []claim{
		{"a context keeps its posts for as long as it says", retentionByAge},
		{"a context keeps as many posts as it says, of each stream", retentionByCount},
		{"what hangs on a post goes with it, and the rest stays right", retentionLeavesNothing},
		{"a context keeps its data as it says", retentionOfData},
		{"of what a deleted context held nothing stays, an hour later", deletedLeavesNothing},
	}
}

func (w *World) keep(r social.Retention) {
	w.Helper()
	if err := w.DB.PatchSpace(w.Context(), w.Lobby.Key, social.SpacePatch{Retention: &r}, nil, Epoch()); err != nil {
		w.Fatal(err)
	}
	if got := w.ReadSpace(w.Lobby.Key).Retention; got != r {
		w.Fatalf("keeps %+v, wanted %+v", got, r)
	}
}

// state is "floor-head".
func (w *World) state(c social.Channel) string {
	w.Helper()
	s, err := w.DB.State(w.Context(), w.Lobby.Stream(c))
	if err != nil {
		w.Fatal(err)
	}
	return fmt.Sprintf("%d-%d", s.Floor, s.Head)
}

func retentionByAge(w *World) {
	at := func(i int) time.Time { return Epoch().Add(time.Duration(i) * time.Hour) }
	for i := range 10 {
		w.Append(at(i), w.Post(w.Alice, "x"))
	}
	if n := w.purgeAll(at(100)); n != 0 {
		w.Errorf("%d rows were purged without a word", n)
	}
	w.keep(social.Retention{Age: 3 * time.Hour})
	if w.purgeAll(at(6)); w.state(social.ChannelMessages) != "3-10" { // of hour 3 and later is kept
		w.Error(w.state(social.ChannelMessages))
	}
	if got := seqs(w.All(w.Bob)); got != "4 5 6 7 8 9 10 " {
		w.Error(got)
	}
	if w.purgeAll(at(100)); w.state(social.ChannelMessages) != "10-10" || len(w.All(w.Bob)) != 0 {
		w.Error(w.state(social.ChannelMessages))
	}
	next := w.Post(w.Alice, "y")
	if w.Append(at(100), next); next.Seq != 11 || next.Ordinal != 11 {
		w.Errorf("%+v", next)
	}
}

func retentionByCount(w *World) {
	w.keep(social.Retention{Posts: 4})
	for range 10 {
		w.Append(Epoch(), w.Post(w.Alice, "x"))
	}
	if _, err := w.DB.Join(w.Context(), w.Lobby.Key, w.Carol, w.Event(social.TypeJoin, w.Carol, w.Carol), Epoch()); err != nil {
		w.Fatal(err)
	}
	data := social.Entry{Sample: w.sample("t", nil)}
	w.AppendEntries(Epoch(), data)
	other := w.Space("other", w.Alice)
	elsewhere := w.Post(w.Alice, "x")
	elsewhere.Stream = other.Stream(social.ChannelMessages)
	w.Append(Epoch(), elsewhere)
	if n := w.purgeAll(Epoch()); n != 6 {
		w.Errorf("%d rows were purged", n)
	}
	if m, e, d := w.state(social.ChannelMessages), w.state(social.ChannelEvents), w.state(social.ChannelData); m != "6-10" || e != "0-1" || d != "0-1" {
		w.Errorf("messages %s, events %s, data %s", m, e, d)
	}
	// Both limits hold: the stricter one decides.
	w.keep(social.Retention{Posts: 4, Age: time.Hour})
	if w.purgeAll(Epoch()); w.state(social.ChannelMessages) != "6-10" {
		w.Error(w.state(social.ChannelMessages))
	}
	w.keep(social.Retention{Posts: 3, Age: time.Hour})
	if w.purgeAll(Epoch()); w.state(social.ChannelMessages) != "7-10" {
		w.Error(w.state(social.ChannelMessages))
	}
}

func retentionLeavesNothing(w *World) {
	edited, removed, private, kept := w.Post(w.Alice, "edited"), w.Post(w.Alice, "removed"), w.Post(w.Alice, "private"), w.Post(w.Bob, "kept")
	private.Private, private.To, private.Key = true, []social.PersonKey{w.Bob}, "k"
	w.Append(Epoch(), edited, removed, private, kept) // 1 to 4
	reply := w.Post(w.Bob, "a reply")
	reply.InReplyTo = edited.ID
	w.Append(Epoch(), w.Amend(social.TypeUpdate, edited, "2"), w.Amend(social.TypeUpdate, kept, "kept 2"), w.Amend(social.TypeDelete, removed, ""), reply)
	w.keep(social.Retention{Posts: 5})
	w.purgeAll(Epoch()) // and Verify looks when the test ends
	if got := seqs(w.All(w.Bob)); got != "4 5 6 7 8 " {
		w.Error(got)
	}
	_, err := w.DB.PostByID(w.Context(), edited.ID)
	Wants(w, err, social.KindNotFound)
	// What is gone can be neither changed nor answered.
	late := w.Post(w.Bob, "late")
	late.InReplyTo = removed.ID
	out := w.Append(Epoch(), w.Amend(social.TypeUpdate, edited, "3"), late)
	if social.KindOf(out[0].Err) != social.KindNotFound || social.KindOf(out[1].Err) != social.KindInvalid {
		w.Errorf("%+v", out)
	}
	// A key is remembered longer than what it was used for.
	again := w.Post(w.Alice, "private")
	again.Key = "k"
	if out := w.Append(Epoch(), again); !out[0].Repeat || out[0].Seq != 3 {
		w.Errorf("%+v", out)
	}
	if got, err := w.DB.PostByID(w.Context(), kept.ID); err != nil || got.Content != "kept 2" || got.Ordinal != 4 {
		w.Errorf("%+v, %v", got, err)
	}
}

func retentionOfData(w *World) {
	at := func(i int) time.Time { return Epoch().Add(time.Duration(i) * time.Hour) }
	for i := range 10 {
		w.AppendEntries(at(i), social.Entry{Sample: w.toRetain("t", fmt.Sprint(i), 1)})
	}
	w.keep(social.Retention{DataAge: 2 * time.Hour})
	if w.purgeAll(at(5)); w.state(social.ChannelData) != "3-10" {
		w.Error(w.state(social.ChannelData))
	}
	w.keep(social.Retention{Samples: 2})
	if w.purgeAll(at(5)); w.state(social.ChannelData) != "8-10" {
		w.Error(w.state(social.ChannelData))
	}
	w.keep(social.Retention{DataAge: 30 * 24 * time.Hour})
	if w.purgeAll(at(20 * 24)); w.state(social.ChannelData) != "8-10" {
		w.Error(w.state(social.ChannelData))
	}
	w.keep(social.Retention{})
	if w.purgeAll(at(20 * 24)); w.state(social.ChannelData) != "10-10" {
		w.Error(w.state(social.ChannelData))
	}
	if got := w.retained(social.RetainedQuery{}); got != "t=9" { // the last value is not history
		w.Error(got)
	}
}

func deletedLeavesNothing(w *World) {
	description := "what we were about"
	w.must(w.DB.PatchSpace(w.Context(), w.Lobby.Key, social.SpacePatch{Description: &description, DisplayName: &description}, nil, Epoch()))
	kept := w.Post(w.Bob, "in another context")
	other := w.Space("other", w.Alice)
	kept.Stream = other.Stream(social.ChannelMessages)
	p, edited := w.Post(w.Alice, "p"), w.Post(w.Bob, "edited")
	w.stored(Entries(kept, p, edited)...)
	w.stored(Entries(w.Amend(social.TypeUpdate, edited, "edited since"))...)
	w.Say(p)
	w.stored(social.Entry{Sample: w.toRetain("lamp", "on", 1)})
	w.move(Epoch(), w.question(w.Bob), 1, 1)
	w.must(w.DB.DeleteSpace(w.Context(), w.Lobby.Key, w.Event(social.TypeDelete, w.Alice, 0), Epoch()))
	if s := w.ReadSpace(w.Lobby.Key); s.Description != "" || s.DisplayName != "lobby" || !s.Deleted {
		w.Errorf("%+v", s)
	}
	if n := w.purgeAll(Epoch().Add(59 * time.Minute)); n != 0 {
		w.Errorf("%d rows went at once", n)
	}
	w.purgeAll(Epoch().Add(61 * time.Minute))
	for c, want := range map[social.Channel]string{
		social.ChannelMessages: "3-3", social.ChannelComments: "1-1", social.ChannelReactions: "2-2", social.ChannelEvents: "1-1", social.ChannelData: "1-1",
	} {
		if got := w.state(c); got != want {
			w.Errorf("%s is %s, wanted %s", c, got, want)
		}
	}
	for _, id := range []social.ID{p.ID, edited.ID} {
		_, err := w.DB.PostByID(w.Context(), id)
		Wants(w, err, social.KindNotFound)
	}
	if _, err := w.DB.PostByID(w.Context(), kept.ID); err != nil {
		w.Error(err)
	}
	if q := w.progress(w.question(w.Bob)); q.Read != 0 {
		w.Errorf("a read marker is left: %+v", q)
	}
}
