package storagetest

import (
	"strconv"
	"time"

	"rambla/social"
)

func purgeClaims() []claim {
	return []claim{
		{"a purge takes what is over and nothing else", purge},
		{"a purge is bounded, and goes on where it stopped", purgeInChunks},
		{"a journal that was purged says so to whoever is too far back", purgedJournal},
	}
}

func (w *World) purgeAll(now time.Time) (rows int) {
	w.Helper()
	for {
		n, err := w.DB.Purge(w.Context(), now)
		if err != nil {
			w.Fatal(err)
		}
		if n == 0 {
			return rows
		}
		rows += n
	}
}

func purge(w *World) {
	data := w.Lobby.Stream(social.ChannelData)
	sample := func(topic string) social.Entry {
		return social.Entry{Sample: &social.Sample{Stream: data, Topic: topic, Author: w.Bob}}
	}
	week := social.SampleLife
	w.AppendEntries(Epoch(), sample("a"), sample("b"), sample("a"))
	w.AppendEntries(Epoch().Add(time.Hour), sample("a"))
	w.Append(Epoch(), w.keyed(w.Bob, "k", "x"))
	if _, err := w.DB.BeginReplay(w.Context(), social.Replay{Person: w.Bob, At: Epoch()}); err != nil {
		w.Fatal(err)
	}
	login, tokens := w.login(w.Bob, social.GrantPassword) // refreshed for 30 days
	forever, err := w.DB.CreateGrant(w.Context(), social.Grant{ID: w.IDs.New(Epoch()), Person: w.Bob, Kind: social.GrantNamed, Created: Epoch()},
		[]social.Token{newToken(social.TokenAccess, time.Time{})})
	if err != nil {
		w.Fatal(err)
	}
	if n := w.purgeAll(Epoch()); n != 0 {
		w.Errorf("%d rows were purged at once", n)
	}
	before := w.Version()
	// Three samples, the key, the replay and the access token.
	if n := w.purgeAll(Epoch().Add(week + time.Minute)); n != 6 {
		w.Errorf("%d rows were purged after a week", n)
	}
	if got := w.samples(social.SampleQuery{Topic: "a", Limit: 9}); len(got) != 1 || got[0].Seq != 4 {
		w.Errorf("%+v", got)
	}
	if got := w.samples(social.SampleQuery{Topic: "a", From: Epoch(), Limit: 9}); len(got) != 1 {
		w.Errorf("by time: %+v", got)
	}
	if _, _, err := w.DB.FindToken(w.Context(), tokens[1].Hash); err != nil || w.Version() != before {
		w.Errorf("the login has ended: %v", err)
	}
	w.AppendEntries(Epoch().Add(week+time.Minute), sample("a"))
	w.purgeAll(Epoch().Add(31 * 24 * time.Hour))
	got, err := w.DB.GrantsOf(w.Context(), w.Bob, 9)
	if err != nil || len(got) != 1 || got[0].Key != forever {
		w.Errorf("after a month %+v, %v", got, err)
	}
	if changes := w.Changes(before); len(changes) != 1 || changes[0] != (social.Change{Kind: social.ChangeGrant, Person: w.Bob, Grant: login}) {
		w.Errorf("changes %+v", changes)
	}
	if s, err := w.DB.State(w.Context(), data); err != nil || s.Head != 5 || s.Floor != 5 {
		w.Errorf("%+v, %v", s, err)
	}
	if got := w.All(w.Bob); len(got) != 1 {
		w.Errorf("%d posts are left", len(got))
	}
}

func purgeInChunks(w *World) {
	const rows, chunk = 5200, 5000
	data := w.Lobby.Stream(social.ChannelData)
	for done := 0; done < rows; done += 400 {
		var entries []social.Entry
		for i := range 400 {
			entries = append(entries, social.Entry{Sample: &social.Sample{Stream: data, Topic: "t", Author: w.Bob, Key: strconv.Itoa(done + i)}})
		}
		w.AppendEntries(Epoch(), entries...)
	}
	total := 0
	for calls := 0; total < 2*rows; calls++ {
		n, err := w.DB.Purge(w.Context(), Epoch().Add(social.SampleLife+time.Minute))
		if err != nil || n == 0 || n > 2*chunk || calls > 2 {
			w.Fatalf("call %d: %d rows, %v", calls, n, err)
		}
		total += n
	}
	if n := w.purgeAll(Epoch().Add(social.SampleLife + time.Minute)); n != 0 || total != 2*rows {
		w.Errorf("%d rows in all, and %d more", total, n)
	}
}

func purgedJournal(w *World) {
	last := w.Version()
	w.purgeAll(Epoch().Add(31 * 24 * time.Hour))
	if w.Version() != last {
		w.Error("the version has changed")
	}
	_, err := w.DB.ChangesAfter(w.Context(), 0, 10)
	Wants(w, err, social.KindInternal)
	if got := w.Changes(last - 1); len(got) != 1 {
		w.Errorf("%+v", got)
	}
	if got := w.Changes(last); len(got) != 0 {
		w.Errorf("%+v", got)
	}
}
