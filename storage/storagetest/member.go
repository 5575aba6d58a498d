package storagetest

import (
	"fmt"
	"reflect"
	"time"

	"rambla/social"
)

func memberClaims() []claim {
	return []claim{
		{"a join keeps the heads of its moment and is told once", join},
		{"a leave ends grants and keeps vetoes", leave},
		{"the owner stays a member", ownerStays},
		{"a grant and a veto of one permission replace each other", overrides},
		{"clearing touches what it names", clearOverrides},
		{"members are listed by key", members},
		{"affiliations are read for some and for all", affiliations},
	}
}

func (w *World) affiliation(person social.PersonKey) social.Affiliation {
	w.Helper()
	var out social.Affiliation
	err := w.DB.Affiliations(w.Context(), []social.Member{{Space: w.Lobby.Key, Person: person}}, func(a social.Affiliation) { out = a })
	if err != nil {
		w.Fatal(err)
	}
	return out
}

func join(w *World) {
	w.Append(Epoch(), w.Post(w.Alice, "1"), w.Post(w.Alice, "2"))
	w.AppendEntries(Epoch(), social.Entry{Sample: w.sample("t", nil)})
	before := w.Version()
	event := w.Event(social.TypeJoin, w.Carol, w.Carol)
	first, err := w.DB.Join(w.Context(), w.Lobby.Key, w.Carol, event, Epoch().Add(time.Hour))
	if err != nil || !first || event.Seq != 1 || event.Ordinal != 0 {
		w.Fatalf("first %v, event %+v, %v", first, event, err)
	}
	var heads social.Heads
	heads[social.ChannelMessages], heads[social.ChannelData] = 2, 1
	want := social.Affiliation{Space: w.Lobby.Key, Person: w.Carol, Member: true, Joined: Epoch().Add(time.Hour), Heads: heads}
	if got := w.affiliation(w.Carol); !reflect.DeepEqual(got, want) {
		w.Errorf("%+v, wanted %+v", got, want)
	}
	again := w.Event(social.TypeJoin, w.Carol, w.Carol)
	if first, err := w.DB.Join(w.Context(), w.Lobby.Key, w.Carol, again, Epoch()); err != nil || first || again.Seq != 0 {
		w.Errorf("a second time: first %v, event %+v, %v", first, again, err)
	}
	if got := w.Changes(before); !reflect.DeepEqual(got, []social.Change{{Kind: social.ChangeMember, Space: w.Lobby.Key, Person: w.Carol}}) {
		w.Errorf("changes %+v", got)
	}
	_, err = w.DB.Join(w.Context(), 4711, w.Carol, nil, Epoch())
	Wants(w, err, social.KindNotFound)
	_, err = w.DB.Join(w.Context(), w.Lobby.Key, 4711, nil, Epoch())
	Wants(w, err, social.KindNotFound)
}

func (w *World) override(person social.PersonKey, o social.Override) bool {
	w.Helper()
	first, err := w.DB.SetOverride(w.Context(), w.Lobby.Key, person, o, Epoch())
	if err != nil {
		w.Fatal(err)
	}
	return first
}

func leave(w *World) {
	veto := social.Override{Permission: social.Write, Veto: true}
	w.override(w.Bob, social.Override{Permission: social.Invite})
	w.override(w.Bob, veto)
	before := w.Version()
	event := w.Event(social.TypeLeave, w.Bob, w.Bob)
	was, err := w.DB.Leave(w.Context(), w.Lobby.Key, w.Bob, event, Epoch())
	if err != nil || !was || event.Seq != 1 {
		w.Fatalf("was %v, event %+v, %v", was, event, err)
	}
	want := social.Affiliation{Space: w.Lobby.Key, Person: w.Bob, Overrides: []social.Override{veto}}
	if got := w.affiliation(w.Bob); !reflect.DeepEqual(got, want) {
		w.Errorf("%+v, wanted %+v", got, want)
	}
	again := w.Event(social.TypeLeave, w.Bob, w.Bob)
	if was, err := w.DB.Leave(w.Context(), w.Lobby.Key, w.Bob, again, Epoch()); err != nil || was || again.Seq != 0 {
		w.Errorf("a second time: was %v, event %+v, %v", was, again, err)
	}
	if got := w.Changes(before); !reflect.DeepEqual(got, []social.Change{{Kind: social.ChangeMember, Space: w.Lobby.Key, Person: w.Bob}}) {
		w.Errorf("changes %+v", got)
	}
}

func ownerStays(w *World) {
	before := w.Version()
	_, err := w.DB.Leave(w.Context(), w.Lobby.Key, w.Alice, nil, Epoch())
	Wants(w, err, social.KindConflict)
	if !w.affiliation(w.Alice).Member || w.Version() != before {
		w.Error("the owner has left")
	}
}

func overrides(w *World) {
	before := w.Version()
	grant := social.Override{Permission: social.Write}
	for i, c := range []struct {
		o     social.Override
		first bool
	}{
		{grant, true},
		{grant, false},
		{social.Override{Permission: social.Write, Until: Epoch().Add(time.Hour)}, true},
		{social.Override{Permission: social.Write, Veto: true}, true},
		{social.Override{Permission: social.Read, Veto: true}, true},
		{social.Override{Permission: social.Write, Veto: true}, false},
	} {
		if got := w.override(w.Carol, c.o); got != c.first {
			w.Errorf("step %d: first %v", i, got)
		}
	}
	want := []social.Override{{Permission: social.Read, Veto: true}, {Permission: social.Write, Veto: true}}
	if got := w.affiliation(w.Carol); got.Member || !reflect.DeepEqual(got.Overrides, want) {
		w.Errorf("%+v, wanted %+v", got, want)
	}
	if got := w.Changes(before); len(got) != 4 {
		w.Errorf("%d changes, wanted 4", len(got))
	}
}

func clearOverrides(w *World) {
	set := func() {
		w.override(w.Carol, social.Override{Permission: social.Read})
		w.override(w.Carol, social.Override{Permission: social.Write})
		w.override(w.Carol, social.Override{Permission: social.Flag, Veto: true})
		w.override(w.Carol, social.Override{Permission: social.Delete, Veto: true})
	}
	for _, c := range []struct {
		of             social.Permissions
		grants, vetoes bool
		n              int
	}{
		{social.AllPermissions, true, true, 4},
		{social.AllPermissions, true, false, 2},
		{social.AllPermissions, false, true, 2},
		{social.AllPermissions, false, false, 0},
		{social.Read, true, true, 1},
		{social.Read, false, true, 0},
		{social.Read | social.Flag, true, true, 2},
		{social.Kick, true, true, 0},
	} {
		set()
		before := w.Version()
		n, err := w.DB.ClearOverrides(w.Context(), w.Lobby.Key, w.Carol, c.of, c.grants, c.vetoes, Epoch())
		if err != nil || n != c.n {
			w.Errorf("%+v: cleared %d, %v", c, n, err)
		}
		if got := len(w.affiliation(w.Carol).Overrides); got != 4-c.n {
			w.Errorf("%+v: %d are left", c, got)
		}
		if changed := w.Version() != before; changed != (c.n > 0) {
			w.Errorf("%+v: a change was noted: %v", c, changed)
		}
	}
}

func members(w *World) {
	for i := range 5 {
		if _, err := w.DB.Join(w.Context(), w.Lobby.Key, w.Person(fmt.Sprint("p", i)), nil, Epoch()); err != nil {
			w.Fatal(err)
		}
	}
	var got []social.PersonKey
	for after := social.PersonKey(0); ; {
		page, err := w.DB.Members(w.Context(), w.Lobby.Key, after, 3)
		if err != nil {
			w.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, m := range page {
			if m.Space != w.Lobby.Key || !m.Joined.Equal(Epoch()) {
				w.Errorf("%+v", m)
			}
			got = append(got, m.Person)
		}
		after = page[len(page)-1].Person
	}
	if len(got) != 7 || got[0] != w.Alice || got[1] != w.Bob {
		w.Errorf("%v", got)
	}
}

func affiliations(w *World) {
	news := w.Space("news", w.Bob)
	w.override(w.Bob, social.Override{Permission: social.Write, Veto: true, Until: Epoch().Add(time.Minute)})
	w.override(w.Carol, social.Override{Permission: social.Invite})
	var got []string
	err := w.DB.Affiliations(w.Context(), nil, func(a social.Affiliation) {
		got = append(got, fmt.Sprint(a.Space, a.Person, a.Member, len(a.Overrides)))
	})
	want := []string{
		fmt.Sprint(w.Lobby.Key, w.Alice, true, 0), fmt.Sprint(w.Lobby.Key, w.Bob, true, 1),
		fmt.Sprint(w.Lobby.Key, w.Carol, false, 1), fmt.Sprint(news.Key, w.Bob, true, 0),
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		w.Errorf("got %v, wanted %v, %v", got, want, err)
	}
	got = nil
	some := []social.Member{{Space: news.Key, Person: w.Bob}, {Space: w.Lobby.Key, Person: w.Carol}, {Space: w.Lobby.Key, Person: w.Bob}, {Space: 4711, Person: 4711}}
	err = w.DB.Affiliations(w.Context(), some, func(a social.Affiliation) {
		got = append(got, fmt.Sprint(a.Space, a.Person, a.Member, len(a.Overrides)))
	})
	if err != nil || !reflect.DeepEqual(got, want[1:]) {
		w.Errorf("some: %v, %v", got, err)
	}
}
