package storagetest

import (
	"reflect"
	"sync"
	"time"

	"rambla/social"
)

func banClaims() []claim {
	return []claim{
		{"a ban is told once, replaced and lifted", ban},
		{"a ban that is over counts as none", banOver},
		{"the owner is not banned, nor somebody who is not there", banOwner},
		{"bans are listed by key while they hold", bans},
		{"a ban outlives leaving and ends with the person or the context", banEnds},
		{"a ban that is renewed while old ones are purged holds", banRenewed},
		{"a ban that ends by itself is told with the heads of that moment", readsEndedBan},
		{"a ban and its end are in the history of who could read", readsBan},
		{"a grant that ended by itself is told to a session", readsEndedGrant},
	}
}

func (w *World) ban(b social.Ban) bool {
	w.Helper()
	b.Space, b.By = w.Lobby.Key, w.Alice
	first, err := w.DB.Ban(w.Context(), b)
	if err != nil {
		w.Fatal(err)
	}
	return first
}

func (w *World) unban(person social.PersonKey, now time.Time) bool {
	w.Helper()
	was, err := w.DB.Unban(w.Context(), w.Lobby.Key, person, now)
	if err != nil {
		w.Fatal(err)
	}
	return was
}

func (w *World) bansOf(after social.PersonKey, limit int, now time.Time) []social.Ban {
	w.Helper()
	out, err := w.DB.Bans(w.Context(), w.Lobby.Key, after, limit, now)
	if err != nil {
		w.Fatal(err)
	}
	return out
}

func ban(w *World) {
	before := w.Version()
	hour := Epoch().Add(time.Hour)
	if !w.ban(social.Ban{Person: w.Bob, Until: hour, At: Epoch(), Reason: "spam"}) {
		w.Error("the first ban is none")
	}
	a := w.affiliation(w.Bob)
	if !a.Member || !a.Banned || !a.Until.Equal(hour) {
		w.Errorf("%+v", a)
	}
	if w.ban(social.Ban{Person: w.Bob, Until: hour, At: Epoch().Add(time.Minute), Reason: "spam"}) || w.ban(social.Ban{Person: w.Bob, At: Epoch().Add(time.Minute), Reason: "more spam"}) {
		w.Error("a second ban is the first")
	}
	want := social.Ban{Space: w.Lobby.Key, Person: w.Bob, By: w.Alice, At: Epoch().Add(time.Minute), Reason: "more spam"}
	if got := w.bansOf(0, 10, Epoch().Add(24*time.Hour)); len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		w.Errorf("%+v, wanted %+v", got, want)
	}
	if !w.unban(w.Bob, hour) || w.unban(w.Bob, hour) {
		w.Error("lifted otherwise than once")
	}
	if a := w.affiliation(w.Bob); !a.Member || a.Banned {
		w.Errorf("%+v", a)
	}
	change := social.Change{Kind: social.ChangeMember, Space: w.Lobby.Key, Person: w.Bob}
	if got := w.Changes(before); !reflect.DeepEqual(got, []social.Change{change, change, change}) {
		w.Errorf("changes %+v", got)
	}
	// Somebody who is no member can be kept out too.
	if !w.ban(social.Ban{Person: w.Carol, At: Epoch()}) {
		w.Error("carol is not banned")
	}
	if a := w.affiliation(w.Carol); a.Member || !a.Banned || !a.Until.IsZero() {
		w.Errorf("%+v", a)
	}
}

func banOver(w *World) {
	end := Epoch().Add(time.Minute)
	w.ban(social.Ban{Person: w.Bob, Until: end, At: Epoch()})
	if got := w.bansOf(0, 10, end); len(got) != 0 {
		w.Errorf("%+v", got)
	}
	if w.unban(w.Bob, end) {
		w.Error("a ban that was over has been lifted")
	}
	if !w.ban(social.Ban{Person: w.Bob, Until: end.Add(time.Hour), At: end}) {
		w.Error("a ban after one that was over is not the first")
	}
}

func banRenewed(w *World) {
	const rounds = 40
	for i := range rounds {
		begun := Epoch().Add(time.Duration(i) * 100 * 24 * time.Hour)
		w.ban(social.Ban{Person: w.Bob, At: begun, Until: begun.Add(time.Hour)})
		later := begun.Add(90 * 24 * time.Hour)
		var both sync.WaitGroup
		both.Go(func() {
			if _, err := w.DB.Purge(w.Context(), later); err != nil {
				w.Error(err)
			}
		})
		both.Go(func() { w.ban(social.Ban{Person: w.Bob, At: later}) })
		both.Wait()
		if got := w.bansOf(0, 10, later); len(got) != 1 {
			w.Fatalf("in round %d the bans are %+v", i, got)
		}
		w.unban(w.Bob, later)
	}
}

func banOwner(w *World) {
	for person, kind := range map[social.PersonKey]social.Kind{w.Alice: social.KindConflict, 4711: social.KindNotFound} {
		_, err := w.DB.Ban(w.Context(), social.Ban{Space: w.Lobby.Key, Person: person, By: w.Alice, At: Epoch()})
		Wants(w, err, kind)
	}
	_, err := w.DB.Ban(w.Context(), social.Ban{Space: 4711, Person: w.Bob, By: w.Alice, At: Epoch()})
	Wants(w, err, social.KindNotFound)
}

func bans(w *World) {
	for i, person := range []social.PersonKey{w.Carol, w.Person("dave"), w.Bob, w.Person("erin")} {
		b := social.Ban{Person: person, At: Epoch()}
		if i == 2 {
			b.Until = Epoch().Add(time.Minute)
		}
		w.ban(b)
	}
	var got []social.PersonKey
	for after := social.PersonKey(0); ; {
		page := w.bansOf(after, 2, Epoch().Add(time.Hour))
		if len(page) == 0 {
			break
		}
		for _, b := range page {
			got = append(got, b.Person)
		}
		after = page[len(page)-1].Person
	}
	if len(got) != 3 || got[0] != w.Carol {
		w.Errorf("%v", got)
	}
}

func banEnds(w *World) {
	w.ban(social.Ban{Person: w.Bob, At: Epoch()})
	w.ban(social.Ban{Person: w.Carol, At: Epoch()})
	if _, err := w.DB.Leave(w.Context(), w.Lobby.Key, w.Bob, nil, Epoch()); err != nil {
		w.Fatal(err)
	}
	if a := w.affiliation(w.Bob); a.Member || !a.Banned {
		w.Errorf("%+v", a)
	}
	before := w.Version()
	if err := w.DB.RemovePerson(w.Context(), w.Bob, Epoch()); err != nil {
		w.Fatal(err)
	}
	want := []social.Change{{Kind: social.ChangePerson, Person: w.Bob}, {Kind: social.ChangeMember, Space: w.Lobby.Key, Person: w.Bob}}
	if got := w.Changes(before); !reflect.DeepEqual(got, want) {
		w.Errorf("changes %+v", got)
	}
	if got := w.bansOf(0, 10, Epoch()); len(got) != 1 || got[0].Person != w.Carol {
		w.Errorf("%+v", got)
	}
	if err := w.DB.DeleteSpace(w.Context(), w.Lobby.Key, nil, Epoch()); err != nil {
		w.Fatal(err)
	}
	if got := w.bansOf(0, 10, Epoch()); len(got) != 0 {
		w.Errorf("%+v", got)
	}
}

func readsBan(w *World) {
	at := func(i int) time.Time { return Epoch().Add(time.Duration(i) * time.Minute) }
	w.reader(at(0))
	v := w.Version()
	w.say(at(1), 1)
	w.ban(social.Ban{Person: w.Bob, At: at(1)})
	w.say(at(2), 2)
	w.ban(social.Ban{Person: w.Bob, At: at(3), Until: at(60)})
	w.unban(w.Bob, at(4))
	w.say(at(5), 1)
	banned := social.Standing{Member: true, Banned: true}
	w.wantReads(w.back(at(6)),
		social.ReadChange{Version: v + 3, Person: w.Bob, Standing: banned, Heads: headsAt(3, 0, 0)},
		social.ReadChange{Version: v + 2, Person: w.Bob, Standing: banned, Heads: headsAt(3, 0, 0)},
		social.ReadChange{Version: v + 1, Person: w.Bob, Standing: member(), Heads: headsAt(1, 0, 0)},
	)
}

func readsEndedBan(w *World) {
	at := func(i int) time.Time { return Epoch().Add(time.Duration(i) * time.Minute) }
	w.reader(at(0))
	v := w.Version()
	w.vetoUntil(at(10), at(1))
	w.say(at(2), 1)
	w.ban(social.Ban{Person: w.Bob, At: at(3), Until: at(20)})
	w.say(at(5), 2)
	w.say(at(15), 1)
	w.say(at(20), 1) // when it held no more
	both := vetoed()
	both.Banned = true
	changes := []social.ReadChange{
		{Version: v + 2, Person: w.Bob, Standing: social.Standing{Member: true, Banned: true}, Heads: headsAt(4, 0, 0)},
		{Version: v + 2, Person: w.Bob, Standing: both, Heads: headsAt(3, 0, 0)},
		{Version: v + 2, Person: w.Bob, Standing: vetoed(), Heads: headsAt(1, 0, 0)},
		{Version: v + 1, Person: w.Bob, Standing: member()},
	}
	w.wantReads(w.back(at(21)), changes...)
	// Also where another ban came after it.
	w.ban(social.Ban{Person: w.Bob, At: at(30)})
	later := social.ReadChange{Version: v + 3, Person: w.Bob, Standing: member(), Heads: headsAt(5, 0, 0)}
	w.wantReads(w.back(at(31)), append([]social.ReadChange{later}, changes...)...)
	if n, err := w.DB.Purge(w.Context(), at(40).Add(61*24*time.Hour)); err != nil || n == 0 {
		w.Error(n, err)
	}
	if got := w.bansOf(0, 10, at(40)); len(got) != 1 {
		w.Errorf("%+v", got)
	}
}

func readsEndedGrant(w *World) {
	at := func(i int) time.Time { return Epoch().Add(time.Duration(i) * time.Minute) }
	w.reader(at(0))
	v := w.Version()
	grant := social.Override{Permission: social.Read, Until: at(10)}
	if first, err := w.DB.SetOverride(w.Context(), w.Lobby.Key, w.Bob, grant, at(1)); err != nil || !first {
		w.Fatal(first, err)
	}
	w.say(at(2), 1)
	w.wantReads(w.back(at(20)),
		social.ReadChange{
			Version: v + 1, Person: w.Bob, Heads: headsAt(1, 0, 0),
			Standing: social.Standing{Member: true, Overrides: []social.Override{{Permission: social.Read}}},
		},
		social.ReadChange{Version: v + 1, Person: w.Bob, Standing: member()},
	)
}
