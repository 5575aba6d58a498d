package storagetest

import (
	"reflect"
	"time"

	"rambla/social"
)

func readClaims() []claim {
	return []claim{
		{"a session that comes back is told who could read meanwhile", reads},
		{"what does not decide on reading leaves no trace in the history of rights", readsNothing},
		{"a veto that ends by itself is told with the heads of that moment", readsEndedVeto},
		{"a veto that ended before it was cleared is told too", readsClearedVeto},
		{"other roles are told for the contexts that sessions read", readsRoles},
		{"of very many changes the newest are told", readsMany},
	}
}

// reader makes bob's session 11, at the version of the moment, with cursors in
// the messages and data of the lobby.
func (w *World) reader(now time.Time) {
	w.Helper()
	w.claimed(w.phone(11), now)
	w.saved(social.SessionSave{ID: 11, Fence: 1, Rights: w.Version(), Position: social.EncodePosition(social.Position{Cursors: []social.Cursor{
		{Stream: w.Lobby.Stream(social.ChannelMessages)}, {Stream: w.Lobby.Stream(social.ChannelData)},
	}})}, now)
}

// back claims it again.
func (w *World) back(now time.Time) []social.ReadChange {
	w.Helper()
	got := w.claimed(w.phone(12), now)
	if !got.Present {
		w.Fatalf("the session is not there: %+v", got)
	}
	again, to, err := w.DB.SessionReads(w.Context(), &got.Session, now)
	if v := w.Version(); err != nil || to != v || got.ReadsTo != v || !reflect.DeepEqual(again, got.Reads) {
		w.Errorf("asked again at %d, %d after %d, %v: %+v\nthe claim was told %+v", v, to, got.ReadsTo, err, again, got.Reads)
	}
	return got.Reads
}

// say appends n posts to the lobby at a moment.
func (w *World) say(now time.Time, n int) {
	w.Helper()
	for range n {
		w.Append(now, w.Post(w.Alice, "x"))
	}
}

func (w *World) setPolicy(read social.Policy, now time.Time) {
	w.Helper()
	p := social.Policies{read}
	if err := w.DB.PatchSpace(w.Context(), w.Lobby.Key, social.SpacePatch{Policies: &p}, nil, now); err != nil {
		w.Fatal(err)
	}
}

func (w *World) wantReads(got []social.ReadChange, want ...social.ReadChange) {
	w.Helper()
	if len(got) != len(want) {
		w.Fatalf("%d changes: %+v\nwanted %d: %+v", len(got), got, len(want), want)
	}
	for i := range want {
		want[i].Space = w.Lobby.Key
		if !reflect.DeepEqual(got[i], want[i]) {
			w.Errorf("change %d is %+v\nwanted %+v", i, got[i], want[i])
		}
	}
}

func headsAt(messages, events, data uint64) (h social.Heads) {
	h[social.ChannelMessages], h[social.ChannelEvents], h[social.ChannelData] = messages, events, data
	return h
}

func reads(w *World) {
	at := func(i int) time.Time { return Epoch().Add(time.Duration(i) * time.Minute) }
	w.setPolicy(social.PolicyRestricted, at(0)) // before the session: not told
	w.reader(at(0))
	v := w.Version()
	w.say(at(1), 1)
	w.setPolicy(social.PolicyMembers, at(1)) // as if unset and restricted were two
	w.say(at(2), 2)
	if _, err := w.DB.Leave(w.Context(), w.Lobby.Key, w.Bob, w.Event(social.TypeLeave, w.Bob, w.Bob), at(2)); err != nil {
		w.Fatal(err)
	}
	w.say(at(3), 3)
	w.override(w.Bob, social.Override{Permission: social.Read})
	w.override(w.Carol, social.Override{Permission: social.Read}) // another's
	w.AppendEntries(at(4), social.Entry{Sample: w.sample("t", nil)})
	w.override(w.Bob, social.Override{Permission: social.Read, Veto: true})
	elsewhere := w.Space("elsewhere", w.Alice)
	if _, err := w.DB.Join(w.Context(), elsewhere.Key, w.Bob, nil, at(4)); err != nil {
		w.Fatal(err)
	}
	if n, err := w.DB.ClearOverrides(w.Context(), w.Lobby.Key, w.Bob, social.AllPermissions, true, true, at(5)); err != nil || n != 1 {
		w.Fatal(n, err)
	}
	if _, err := w.DB.Join(w.Context(), w.Lobby.Key, w.Bob, nil, at(6)); err != nil {
		w.Fatal(err)
	}
	grant := social.Standing{Overrides: []social.Override{{Permission: social.Read}}}
	veto := social.Standing{Overrides: []social.Override{{Permission: social.Read, Veto: true}}}
	w.wantReads(w.back(at(7)),
		social.ReadChange{Version: v + 10, Person: w.Bob, Heads: headsAt(6, 1, 1)},
		social.ReadChange{Version: v + 9, Person: w.Bob, Standing: veto, Heads: headsAt(6, 1, 1)},
		social.ReadChange{Version: v + 5, Person: w.Bob, Standing: grant, Heads: headsAt(6, 1, 1)},
		social.ReadChange{Version: v + 3, Person: w.Bob, Heads: headsAt(6, 1, 0)},
		social.ReadChange{Version: v + 2, Person: w.Bob, Standing: member(), Heads: headsAt(3, 0, 0)},
		social.ReadChange{Version: v + 1, Policy: social.PolicyRestricted, Owner: w.Alice, Heads: headsAt(1, 0, 0)},
	)
	w.saved(social.SessionSave{ID: 11, Fence: 2, Rights: v + 9, Position: social.EncodePosition(social.Position{Cursors: []social.Cursor{
		{Stream: w.Lobby.Stream(social.ChannelMessages)},
	}})}, at(8))
	w.wantReads(w.back(at(9)), social.ReadChange{Version: v + 10, Person: w.Bob, Heads: headsAt(6, 1, 1)})
}

func member() social.Standing { return social.Standing{Member: true} }

func vetoed() social.Standing {
	return social.Standing{Member: true, Overrides: []social.Override{{Permission: social.Read, Veto: true}}}
}

func readsNothing(w *World) {
	w.reader(Epoch())
	name, policies := "other", social.Policies{social.PolicyUnset, social.PolicyPublic}
	for _, patch := range []social.SpacePatch{{DisplayName: &name}, {Policies: &policies}} {
		if err := w.DB.PatchSpace(w.Context(), w.Lobby.Key, patch, nil, Epoch()); err != nil {
			w.Fatal(err)
		}
	}
	w.override(w.Bob, social.Override{Permission: social.Write, Veto: true})
	if first, err := w.DB.Join(w.Context(), w.Lobby.Key, w.Bob, nil, Epoch()); err != nil || first {
		w.Fatal(first, err)
	}
	if n, err := w.DB.ClearOverrides(w.Context(), w.Lobby.Key, w.Bob, social.AllPermissions, true, true, Epoch()); err != nil || n != 1 {
		w.Fatal(n, err)
	}
	roles := social.RoleHidden
	if err := w.DB.PatchPerson(w.Context(), w.Bob, social.PersonPatch{Roles: &roles}, Epoch()); err != nil {
		w.Fatal(err)
	}
	w.wantReads(w.back(Epoch()))
}

func (w *World) vetoUntil(until, now time.Time) {
	w.Helper()
	veto := social.Override{Permission: social.Read, Veto: true, Until: until}
	if first, err := w.DB.SetOverride(w.Context(), w.Lobby.Key, w.Bob, veto, now); err != nil || !first {
		w.Fatal(first, err)
	}
}

func readsEndedVeto(w *World) {
	at := func(i int) time.Time { return Epoch().Add(time.Duration(i) * time.Minute) }
	w.reader(at(0))
	v := w.Version()
	w.say(at(1), 1)
	w.vetoUntil(at(10), at(2))
	began := social.ReadChange{Version: v + 1, Person: w.Bob, Standing: member(), Heads: headsAt(1, 0, 0)}
	w.wantReads(w.back(at(9)), began)
	w.say(at(5), 2)
	w.AppendEntries(at(6), social.Entry{Sample: w.sample("t", nil)})
	w.say(at(10), 1) // when it held no more
	w.say(at(12), 1)
	ended := social.ReadChange{Version: v + 1, Person: w.Bob, Standing: vetoed(), Heads: headsAt(3, 0, 1)}
	w.wantReads(w.back(at(20)), ended, began)
	// A position from when it was over already knows of it.
	w.saved(social.SessionSave{ID: 11, Fence: 3, Rights: v + 1, Position: social.EncodePosition(social.Position{Cursors: []social.Cursor{
		{Stream: w.Lobby.Stream(social.ChannelMessages), Seq: 3},
	}})}, at(21))
	w.wantReads(w.back(at(22)))
}

func readsClearedVeto(w *World) {
	at := func(i int) time.Time { return Epoch().Add(time.Duration(i) * time.Minute) }
	w.reader(at(0))
	v := w.Version()
	w.vetoUntil(at(10), at(2))
	w.say(at(5), 2)
	w.setPolicy(social.PolicyMembers, at(6))
	w.say(at(11), 3)
	if _, err := w.DB.SetOverride(w.Context(), w.Lobby.Key, w.Bob, social.Override{Permission: social.Read}, at(15)); err != nil {
		w.Fatal(err)
	}
	w.wantReads(w.back(at(20)),
		social.ReadChange{Version: v + 3, Person: w.Bob, Standing: member(), Heads: headsAt(5, 0, 0)},
		social.ReadChange{Version: v + 2, Person: w.Bob, Standing: vetoed(), Heads: headsAt(2, 0, 0)},
		social.ReadChange{Version: v + 2, Policy: social.PolicyRestricted, Owner: w.Alice, Heads: headsAt(2, 0, 0)},
		social.ReadChange{Version: v + 1, Person: w.Bob, Standing: member()},
	)
}

func readsRoles(w *World) {
	w.reader(Epoch())
	v := w.Version()
	for i, roles := range []social.Roles{social.RoleAuditor, social.RoleAuditor | social.RoleHidden, 0} {
		w.say(Epoch(), i)
		if err := w.DB.PatchPerson(w.Context(), w.Bob, social.PersonPatch{Roles: &roles}, Epoch()); err != nil {
			w.Fatal(err)
		}
	}
	w.wantReads(w.back(Epoch()),
		social.ReadChange{Version: v + 3, Person: w.Bob, Standing: member(), Roles: social.RoleAuditor, Heads: headsAt(3, 0, 0)},
		social.ReadChange{Version: v + 1, Person: w.Bob, Standing: member()},
	)
}

func readsMany(w *World) {
	w.reader(Epoch())
	for i := range 105 {
		w.setPolicy([]social.Policy{social.PolicyMembers, social.PolicyPublic}[i%2], Epoch())
	}
	got := w.back(Epoch())
	if len(got) != 100 || got[0].Version != w.Version() || got[99].Version != w.Version()-99 {
		w.Errorf("%d changes, from %+v", len(got), got[0])
	}
}
