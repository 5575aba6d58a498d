package storagetest

import (
	"fmt"
	"reflect"
	"time"

	"rambla/social"
)

func memberSyncClaims() []claim {
	return []claim{
		{"many members change in one transaction, each with its own version and event", membersChange},
		{"a change of members that came too late changes nothing", membersLate},
		{"sessions are told of changes of many members as of single ones", membersRead},
	}
}

func (w *World) changeMembers(now time.Time, changes ...social.MemberChange) social.MembersChanged {
	w.Helper()
	done, err := w.DB.ChangeMembers(w.Context(), w.Lobby.Key, changes, now)
	if err != nil {
		w.Fatal(err)
	}
	return done
}

func membersChange(w *World) {
	w.say(Epoch(), 2)
	w.override(w.Bob, social.Override{Permission: social.Invite})
	w.override(w.Bob, social.Override{Permission: social.Write, Veto: true})
	dave, erin := w.Person("dave"), w.Person("erin")
	if first, err := w.DB.Join(w.Context(), w.Lobby.Key, dave, nil, Epoch()); err != nil || !first {
		w.Fatal(first, err)
	}
	w.override(dave, social.Override{Permission: social.Flag})
	before, now := w.Version(), Epoch().Add(time.Hour)
	events := []*social.Post{w.Event(social.TypeLeave, w.Alice, w.Bob), w.Event(social.TypeJoin, w.Alice, w.Carol), w.Event(social.TypeJoin, w.Alice, erin)}
	set := []social.Override{{Permission: social.Kick}, {Permission: social.Read, Veto: true}}
	done := w.changeMembers(now,
		social.MemberChange{Person: w.Bob, Leave: true, Event: events[0]},
		social.MemberChange{Person: w.Carol, Join: true, Event: events[1]},
		social.MemberChange{Person: dave, Set: set, Clear: social.Flag | social.Invite},
		social.MemberChange{Person: erin, Join: true, Event: events[2], Set: set[:1]},
	)
	if done != (social.MembersChanged{Added: 2, Removed: 1, Changed: 1}) {
		w.Errorf("%+v", done)
	}
	member := func(person social.PersonKey) social.Change {
		return social.Change{Kind: social.ChangeMember, Space: w.Lobby.Key, Person: person}
	}
	if got := w.Changes(before); !reflect.DeepEqual(got, []social.Change{member(w.Bob), member(w.Carol), member(dave), member(erin)}) {
		w.Errorf("changes %+v", got)
	}
	for i, e := range events {
		if e.Seq != uint64(i)+1 || !e.Published.Equal(now) {
			w.Errorf("event %d is %+v", i, e)
		}
		if got, err := w.DB.PostByID(w.Context(), e.ID); err != nil || !reflect.DeepEqual(got, *e) {
			w.Errorf("stored %+v, %v", got, err)
		}
	}
	// Each has the heads before its own event.
	for person, want := range map[social.PersonKey]social.Affiliation{
		w.Bob:   {Overrides: []social.Override{{Permission: social.Write, Veto: true}}},
		w.Carol: {Member: true, Joined: now, Heads: headsAt(2, 1, 0)},
		erin:    {Member: true, Joined: now, Heads: headsAt(2, 2, 0), Overrides: set[:1]},
	} {
		want.Space, want.Person = w.Lobby.Key, person
		if got := w.affiliation(person); !reflect.DeepEqual(got, want) {
			w.Errorf("%+v, wanted %+v", got, want)
		}
	}
	if got := w.affiliation(dave); !reflect.DeepEqual(got.Overrides, []social.Override{set[1], set[0]}) {
		w.Errorf("%+v", got)
	}
}

func membersLate(w *World) {
	gone := w.Person("gone")
	if err := w.DB.RemovePerson(w.Context(), gone, Epoch()); err != nil {
		w.Fatal(err)
	}
	before := w.Version()
	done := w.changeMembers(Epoch(),
		social.MemberChange{Person: w.Bob, Join: true, Event: w.Event(social.TypeJoin, w.Alice, w.Bob)},
		social.MemberChange{Person: w.Carol, Leave: true, Event: w.Event(social.TypeLeave, w.Alice, w.Carol)},
		social.MemberChange{Person: w.Alice, Leave: true, Event: w.Event(social.TypeLeave, w.Alice, w.Alice)},
		social.MemberChange{Person: gone, Join: true, Event: w.Event(social.TypeJoin, w.Alice, gone)},
	)
	if done != (social.MembersChanged{}) || w.Version() != before || w.ReadSpace(w.Lobby.Key).Heads[social.ChannelEvents] != 0 {
		w.Errorf("%+v", done)
	}
	_, err := w.DB.ChangeMembers(w.Context(), 4711, []social.MemberChange{{Person: w.Bob, Join: true}}, Epoch())
	Wants(w, err, social.KindNotFound)
}

func membersRead(w *World) {
	w.reader(Epoch())
	v := w.Version()
	w.say(Epoch(), 1)
	w.changeMembers(Epoch(), social.MemberChange{Person: w.Carol, Join: true}, social.MemberChange{Person: w.Bob, Leave: true})
	w.say(Epoch(), 2)
	w.changeMembers(Epoch(), social.MemberChange{Person: w.Bob, Join: true, Set: []social.Override{{Permission: social.Write}}})
	w.changeMembers(Epoch(), social.MemberChange{Person: w.Bob, Set: []social.Override{{Permission: social.Flag}}}) // decides on no reading
	w.wantReads(w.back(Epoch()),
		social.ReadChange{Version: v + 3, Person: w.Bob, Heads: headsAt(3, 0, 0)},
		social.ReadChange{Version: v + 2, Person: w.Bob, Standing: member(), Heads: headsAt(1, 0, 0)},
	)
}

func treeClaims() []claim {
	return []claim{
		{"a context hangs below another, in no ring and not too deep", tree},
		{"a context is handed over once, to somebody who becomes a member", contextHandOver},
		{"a patch of some policies leaves the others", patchSome},
	}
}

func (w *World) hang(key, parent social.SpaceKey) error {
	return w.DB.PatchSpace(w.Context(), key, social.SpacePatch{Parent: &parent}, nil, Epoch())
}

func tree(w *World) {
	top := w.Lobby.Key
	chain := []social.SpaceKey{top}
	for i := 1; i < social.MaxTreeDepth; i++ {
		key, err := w.DB.CreateSpace(w.Context(), social.Space{ID: fmt.Sprint("l", i), Owner: w.Alice, Parent: chain[i-1], Order: -i}, Epoch())
		if err != nil {
			w.Fatal(err)
		}
		if s := w.ReadSpace(key); s.Parent != chain[i-1] || s.Order != -i {
			w.Errorf("%+v", s)
		}
		chain = append(chain, key)
	}
	last := chain[len(chain)-1]
	_, err := w.DB.CreateSpace(w.Context(), social.Space{ID: "deep", Owner: w.Alice, Parent: last}, Epoch())
	Wants(w, err, social.KindInvalid)
	other := w.Space("other", w.Alice)
	Wants(w, w.hang(top, top), social.KindInvalid)
	Wants(w, w.hang(top, last), social.KindInvalid)
	Wants(w, w.hang(top, other.Key), social.KindInvalid) // with all that is below it
	Wants(w, w.hang(other.Key, 4711), social.KindInvalid)
	before := w.Version()
	if err := w.DB.DeleteSpace(w.Context(), chain[1], nil, Epoch()); err != nil {
		w.Fatal(err)
	}
	want := []social.Change{{Kind: social.ChangeSpace, Space: chain[1]}, {Kind: social.ChangeSpace, Space: chain[2]}}
	if got := w.Changes(before); !reflect.DeepEqual(got, want) || w.ReadSpace(chain[2]).Parent != 0 {
		w.Errorf("changes %+v", got)
	}
	Wants(w, w.hang(other.Key, chain[1]), social.KindInvalid) // a deleted one
	if err := w.hang(top, other.Key); err != nil {
		w.Error(err)
	}
}

func contextHandOver(w *World) {
	w.reader(Epoch())
	v := w.Version()
	event, joins := w.Event(social.TypeUpdate, w.Alice, 0), w.Event(social.TypeJoin, w.Alice, w.Carol)
	give := func(to social.PersonKey) (bool, error) {
		return w.DB.SetOwner(w.Context(), w.Lobby.Key, to, event, joins, Epoch())
	}
	w.ban(social.Ban{Person: w.Carol, At: Epoch()})
	_, err := give(w.Carol)
	Wants(w, err, social.KindConflict)
	w.unban(w.Carol, Epoch())
	if first, err := give(w.Carol); err != nil || !first || joins.Seq != 1 || event.Seq != 2 {
		w.Fatal(first, err, joins.Seq, event.Seq)
	}
	if first, err := give(w.Carol); err != nil || first {
		w.Error(first, err)
	}
	if s := w.ReadSpace(w.Lobby.Key); s.Owner != w.Carol || !w.affiliation(w.Carol).Member || !w.affiliation(w.Alice).Member {
		w.Errorf("%+v", s)
	}
	w.wantReads(w.back(Epoch()), social.ReadChange{Version: v + 4, Policy: social.PolicyRestricted, Owner: w.Alice})
	_, err = give(4711)
	Wants(w, err, social.KindNotFound)
}

func patchSome(w *World) {
	for i := range 8 {
		var p social.Policies
		p[i] = social.PolicyPublic
		if err := w.DB.PatchSpace(w.Context(), w.Lobby.Key, social.SpacePatch{Policies: &p}, nil, Epoch()); err != nil {
			w.Fatal(err)
		}
	}
	for i, p := range w.ReadSpace(w.Lobby.Key).Policies {
		if p != social.PolicyPublic {
			w.Errorf("policy %d is lost", i)
		}
	}
}
