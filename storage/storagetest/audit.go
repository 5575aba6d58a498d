package storagetest

import (
	"context"
	"net/netip"
	"reflect"
	"time"

	"rambla/social"
)

func auditClaims() []claim {
	return []claim{
		{"acts are listed the newest first, by who did what to whom and when", listActs},
		{"an act is committed with the change it tells of, or not at all", actWithChange},
		{"old acts are purged", purgeActs},
	}
}

// acts reads all that are told of, without their ids.
func (w *World) acts(q social.ActQuery) []social.Act {
	w.Helper()
	if q.Limit == 0 {
		q.Limit = 100
	}
	out, err := w.DB.Acts(w.Context(), q)
	if err != nil {
		w.Fatal(err)
	}
	return out
}

func listActs(w *World) {
	at := func(i int) time.Time { return Epoch().Add(time.Duration(i) * time.Minute) }
	whole := social.Act{
		At: at(1), Verb: social.VerbContextBan, Actor: w.Alice, For: w.Carol, ForSpace: w.Lobby.Key, Grant: 7, Client: "rest",
		Address: netip.MustParseAddr("2001:db8::7"), Request: "r1", Person: w.Bob, Space: w.Lobby.Key, Target: "post x",
		Before: "a", After: "b", Result: social.ActDone,
	}
	list := []social.Act{
		whole,
		{At: at(2), Verb: social.VerbPersonRoles, Actor: w.Alice, Person: w.Carol, Result: social.ActDone},
		{At: at(2), Verb: social.VerbPersonRoles, Person: w.Bob, Client: "command line", Result: "conflict"},
	}
	if err := w.DB.AppendActs(w.Context(), list); err != nil {
		w.Fatal(err)
	}
	got := w.acts(social.ActQuery{})
	if len(got) != 3 || got[0].Person != w.Bob || got[1].Person != w.Carol || got[0].ID <= got[1].ID {
		w.Fatalf("%+v", got)
	}
	whole.ID = got[2].ID
	if !reflect.DeepEqual(got[2], whole) {
		w.Errorf("%+v, wanted %+v", got[2], whole)
	}
	for name, q := range map[string]struct {
		q    social.ActQuery
		want int
	}{
		"an actor":        {social.ActQuery{Actor: w.Alice}, 2},
		"nobody":          {social.ActQuery{Operator: true}, 1},
		"a verb":          {social.ActQuery{Verb: social.VerbPersonRoles}, 2},
		"a person":        {social.ActQuery{Person: w.Bob}, 2},
		"a context":       {social.ActQuery{Space: w.Lobby.Key}, 1},
		"from":            {social.ActQuery{From: at(2)}, 2},
		"to":              {social.ActQuery{To: at(2)}, 1},
		"all of it":       {social.ActQuery{Actor: w.Alice, Verb: social.VerbContextBan, Person: w.Bob, Space: w.Lobby.Key, From: at(1), To: at(2)}, 1},
		"the second page": {social.ActQuery{BeforeAt: got[0].At, BeforeID: got[0].ID}, 2},
		"a short page":    {social.ActQuery{Limit: 1}, 1},
	} {
		if n := len(w.acts(q.q)); n != q.want {
			w.Errorf("by %s: %d, wanted %d", name, n, q.want)
		}
	}
}

// audit is one on the world's store that keeps the entries of use cases.
func (w *World) audit() *social.Audit {
	return social.NewAudit(nil, w.DB, "test", nil, Epoch)
}

func actWithChange(w *World) {
	ctx, au := w.Context(), w.audit()
	act := social.Act{Verb: social.VerbPersonRoles, Actor: w.Alice, Person: w.Bob}
	roles := social.RoleAuditor
	var first social.PersonKey
	err := au.Do(ctx, func(ctx context.Context) error {
		if err := w.DB.PatchPerson(ctx, w.Bob, social.PersonPatch{Roles: &roles}, Epoch()); err != nil {
			return err
		}
		got := w.acts(social.ActQuery{}) //nolint:contextcheck // reads beside the transaction
		if len(got) != 1 || got[0].Verb != act.Verb || got[0].Person != w.Bob || !got[0].At.Equal(Epoch()) {
			w.Errorf("when the change is committed: %+v", got)
		}
		return nil
	}, act)
	if err != nil {
		w.Fatal(err)
	}
	// A person that is made is in it by the key that it got.
	err = au.Do(ctx, func(ctx context.Context) (err error) {
		first, err = w.DB.CreatePerson(ctx, social.NewPerson{Name: "dora"}, Epoch())
		return err
	}, social.Act{Verb: social.VerbPersonCreate})
	if err != nil {
		w.Fatal(err)
	}
	if got := w.acts(social.ActQuery{Person: first}); len(got) != 1 || got[0].Verb != social.VerbPersonCreate || got[0].Client != "test" {
		w.Errorf("%+v", got)
	}
	// What is undone, and what changes nothing, is not there.
	err = au.Do(ctx, func(ctx context.Context) error { return w.DB.RemovePerson(ctx, 4711, Epoch()) }, act)
	Wants(w, err, social.KindNotFound)
	err = au.Do(ctx, func(ctx context.Context) error {
		_, err := w.DB.Unban(ctx, w.Lobby.Key, w.Bob, Epoch())
		return err
	}, social.Act{Verb: social.VerbContextUnban, Person: w.Bob})
	if err != nil {
		w.Fatal(err)
	}
	if got := w.acts(social.ActQuery{}); len(got) != 2 {
		w.Errorf("%+v", got)
	}
}

func purgeActs(w *World) {
	old := social.Act{At: Epoch(), Verb: social.VerbPersonRoles, Person: w.Bob, Result: social.ActDone}
	fresh := old
	fresh.At = Epoch().Add(30 * 24 * time.Hour)
	if err := w.DB.AppendActs(w.Context(), []social.Act{old, fresh}); err != nil {
		w.Fatal(err)
	}
	if _, err := w.DB.Purge(w.Context(), Epoch().Add(400*24*time.Hour)); err != nil {
		w.Fatal(err)
	}
	if got := w.acts(social.ActQuery{}); len(got) != 1 || !got[0].At.Equal(fresh.At) {
		w.Errorf("%+v", got)
	}
}
