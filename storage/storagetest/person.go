package storagetest

import (
	"reflect"
	"strings"

	"rambla/social"
)

func personClaims() []claim {
	return []claim{
		{"a person is read as it was created", personRoundTrip},
		{"a name is given once, for ever", namesOnce},
		{"text that cannot be stored is refused, and not with a fault of ours", unstorable},
		{"a renamed person keeps its old names", rename},
		{"a patch changes what it names", patchPerson},
		{"another hash of the same password ends nothing", rehash},
		{"a removed person loses everything but its row and its names", removePerson},
	}
}

func personRoundTrip(w *World) {
	before := w.Version()
	key, err := w.DB.CreatePerson(w.Context(), social.NewPerson{
		Name: "robot-1", DisplayName: "Röbot", Service: true, Roles: social.RoleManager | social.RoleHidden, PasswordHash: "$argon2id$x",
	}, Epoch())
	if err != nil {
		w.Fatal(err)
	}
	want := social.Person{
		Key: key, Name: "robot-1", DisplayName: "Röbot", Service: true,
		Roles: social.RoleManager | social.RoleHidden, Created: Epoch(),
	}
	if got := w.ReadPerson(key); !reflect.DeepEqual(got, want) {
		w.Errorf("read %+v, wanted %+v", got, want)
	}
	if got := w.ReadPerson(w.Alice); got.DisplayName != "alice" {
		w.Errorf("without a name to show: %q", got.DisplayName)
	}
	if hash, err := w.DB.PasswordHash(w.Context(), key); err != nil || hash != "$argon2id$x" {
		w.Errorf("hash %q, %v", hash, err)
	}
	if hash, err := w.DB.PasswordHash(w.Context(), w.Alice); err != nil || hash != "" {
		w.Errorf("hash %q, %v", hash, err)
	}
	if got := w.Changes(before); !reflect.DeepEqual(got, []social.Change{{Kind: social.ChangePerson, Person: key}}) {
		w.Errorf("changes %+v", got)
	}
	var all []social.PersonKey
	if err := w.DB.People(w.Context(), nil, func(p social.Person) { all = append(all, p.Key) }); err != nil {
		w.Fatal(err)
	}
	if !reflect.DeepEqual(all, []social.PersonKey{w.Alice, w.Bob, w.Carol, key}) {
		w.Errorf("all people: %v", all)
	}
	all = nil
	if err := w.DB.People(w.Context(), []social.PersonKey{}, func(p social.Person) { all = append(all, p.Key) }); err != nil || all != nil {
		w.Errorf("no keys gave %v, %v", all, err)
	}
}

func rehash(w *World) {
	if err := w.DB.SetPasswordHash(w.Context(), w.Bob, "old", Epoch()); err != nil {
		w.Fatal(err)
	}
	before := w.Version()
	for _, step := range []struct {
		old  string
		want bool
	}{{"other", false}, {"old", true}, {"old", false}} {
		if got, err := w.DB.ReplacePasswordHash(w.Context(), w.Bob, step.old, "new"); err != nil || got != step.want {
			w.Errorf("replacing %q: %v, %v", step.old, got, err)
		}
	}
	if hash, err := w.DB.PasswordHash(w.Context(), w.Bob); err != nil || hash != "new" {
		w.Errorf("hash %q, %v", hash, err)
	}
	if got := w.Changes(before); len(got) > 0 {
		w.Errorf("changes %+v", got)
	}
}

func namesOnce(w *World) {
	create := func(name string) error {
		_, err := w.DB.CreatePerson(w.Context(), social.NewPerson{Name: name}, Epoch())
		return err
	}
	before := w.Version()
	Wants(w, create("alice"), social.KindConflict)
	Wants(w, w.DB.RenamePerson(w.Context(), w.Bob, "alice", Epoch()), social.KindConflict)
	if w.Version() != before {
		w.Error("a refused change has taken a version")
	}
	if err := w.DB.RenamePerson(w.Context(), w.Bob, "robert", Epoch()); err != nil {
		w.Fatal(err)
	}
	Wants(w, create("bob"), social.KindConflict) // an alias
	if err := w.DB.RemovePerson(w.Context(), w.Bob, Epoch()); err != nil {
		w.Fatal(err)
	}
	Wants(w, create("bob"), social.KindConflict)
	Wants(w, create("robert"), social.KindConflict)
	Wants(w, w.DB.RenamePerson(w.Context(), w.Carol, "robert", Epoch()), social.KindConflict)
	if err := create("lobby"); err != nil {
		w.Errorf("a context's name is no person's: %v", err)
	}
	_, err := w.DB.CreateSpace(w.Context(), social.Space{ID: "lobby", Owner: w.Alice}, Epoch())
	Wants(w, err, social.KindConflict)
	if err := w.DB.DeleteSpace(w.Context(), w.Lobby.Key, nil, Epoch()); err != nil {
		w.Fatal(err)
	}
	_, err = w.DB.CreateSpace(w.Context(), social.Space{ID: "lobby", Owner: w.Alice}, Epoch())
	Wants(w, err, social.KindConflict)
}

func unstorable(w *World) {
	before := w.Version()
	for _, text := range []string{"a\x00b", "a\xffb", strings.Repeat("x", 1001)} {
		_, err := w.DB.CreatePerson(w.Context(), social.NewPerson{Name: "dora", DisplayName: text}, Epoch())
		Wants(w, err, social.KindInvalid)
		Wants(w, w.DB.PatchPerson(w.Context(), w.Bob, social.PersonPatch{DisplayName: &text}, Epoch()), social.KindInvalid)
	}
	if w.Version() != before || w.ReadPerson(w.Bob).DisplayName != "bob" {
		w.Error("something was changed")
	}
}

func rename(w *World) {
	for _, name := range []string{"bobby", "robert", "bob", "bob", "robert"} {
		if err := w.DB.RenamePerson(w.Context(), w.Bob, name, Epoch()); err != nil {
			w.Fatalf("to %s: %v", name, err)
		}
	}
	got := w.ReadPerson(w.Bob)
	if got.Name != "robert" || !reflect.DeepEqual(got.Aliases, []string{"bob", "bobby"}) || got.DisplayName != "robert" {
		w.Errorf("%+v", got)
	}
	Wants(w, w.DB.RenamePerson(w.Context(), 4711, "nobody", Epoch()), social.KindNotFound)
}

func patchPerson(w *World) {
	before := w.Version()
	name, roles, yes := "Bob B.", social.RoleAuditor, true
	for _, patch := range []social.PersonPatch{{DisplayName: &name}, {Roles: &roles}, {Suspended: &yes}, {}} {
		if err := w.DB.PatchPerson(w.Context(), w.Bob, patch, Epoch()); err != nil {
			w.Fatal(err)
		}
	}
	got := w.ReadPerson(w.Bob)
	if got.DisplayName != name || got.Roles != roles || !got.Suspended || got.Name != "bob" {
		w.Errorf("%+v", got)
	}
	for _, c := range w.Changes(before) {
		if c != (social.Change{Kind: social.ChangePerson, Person: w.Bob}) {
			w.Errorf("change %+v", c)
		}
	}
	Wants(w, w.DB.PatchPerson(w.Context(), 4711, social.PersonPatch{Suspended: &yes}, Epoch()), social.KindNotFound)
}

func removePerson(w *World) {
	if err := w.DB.SetPasswordHash(w.Context(), w.Bob, "hash", Epoch()); err != nil {
		w.Fatal(err)
	}
	_, _ = w.DB.SetOverride(w.Context(), w.Lobby.Key, w.Bob, social.Override{Permission: social.Invite}, Epoch())
	login, tokens := w.login(w.Bob, social.GrantPassword)
	named, _ := w.login(w.Bob, social.GrantNamed)
	kept, _ := w.login(w.Alice, social.GrantNamed)
	before := w.Version()
	if err := w.DB.RemovePerson(w.Context(), w.Bob, Epoch()); err != nil {
		w.Fatal(err)
	}
	if got := w.ReadPerson(w.Bob); !got.Removed || got.Name != "bob" {
		w.Errorf("%+v", got)
	}
	want := []social.Change{
		{Kind: social.ChangePerson, Person: w.Bob},
		{Kind: social.ChangeMember, Person: w.Bob, Space: w.Lobby.Key},
		{Kind: social.ChangeGrant, Person: w.Bob, Grant: login},
		{Kind: social.ChangeGrant, Person: w.Bob, Grant: named},
	}
	if got := w.Changes(before); !reflect.DeepEqual(got, want) {
		w.Errorf("changes %+v, wanted %+v", got, want)
	}
	if hash, err := w.DB.PasswordHash(w.Context(), w.Bob); err != nil || hash != "" {
		w.Errorf("hash %q, %v", hash, err)
	}
	if got := w.affiliation(w.Bob); got.Member || got.Overrides != nil {
		w.Errorf("%+v", got)
	}
	_, _, err := w.DB.FindToken(w.Context(), tokens[0].Hash)
	Wants(w, err, social.KindNotFound)
	if got, err := w.DB.GrantsOf(w.Context(), w.Alice, 10); err != nil || len(got) != 1 || got[0].Key != kept {
		w.Errorf("grants of another: %+v, %v", got, err)
	}
	yes := true
	Wants(w, w.DB.RemovePerson(w.Context(), w.Bob, Epoch()), social.KindNotFound)
	Wants(w, w.DB.PatchPerson(w.Context(), w.Bob, social.PersonPatch{Suspended: &yes}, Epoch()), social.KindNotFound)
	Wants(w, w.DB.RenamePerson(w.Context(), w.Bob, "bobby", Epoch()), social.KindNotFound)
	Wants(w, w.DB.SetPasswordHash(w.Context(), w.Bob, "x", Epoch()), social.KindNotFound)
	_, err = w.DB.Join(w.Context(), w.Lobby.Key, w.Bob, nil, Epoch())
	Wants(w, err, social.KindNotFound)
	_, err = w.DB.SetOverride(w.Context(), w.Lobby.Key, w.Bob, social.Override{Permission: social.Read}, Epoch())
	Wants(w, err, social.KindNotFound)
	_, err = w.DB.CreateSpace(w.Context(), social.Space{ID: "bobs", Owner: w.Bob}, Epoch())
	Wants(w, err, social.KindNotFound)
	_, err = w.DB.CreateGrant(w.Context(), social.Grant{ID: w.IDs.New(Epoch()), Person: w.Bob, Kind: social.GrantNamed}, nil)
	Wants(w, err, social.KindNotFound)
}
