package storagetest

import (
	"slices"

	"rambla/social"
)

func importClaims() []claim {
	return []claim{
		{"people who are imported have what they came with, and nobody's name", importPeople},
		{"contexts are imported up to the first that is refused, each as one alone would be", importSpaces},
		{"an import makes members of those who are none, and tells who was refused", importMembers},
	}
}

func importPeople(w *World) {
	list := []social.NewPerson{
		{Name: "ida", DisplayName: "Ida", Roles: social.RoleHidden, Profile: social.Profile{Title: "Tutor", URL: "https://ida.example"}, PasswordHash: "h"},
		{Name: "bob"},
		{Name: "max", DisplayName: "Max", Service: true},
		{Name: "max"},
	}
	before := w.Version()
	refused, err := w.DB.CreatePeople(w.Context(), list, Epoch())
	if err != nil || len(refused) != 4 || refused[0] != nil || refused[2] != nil {
		w.Fatalf("refused %v, %v", refused, err)
	}
	Wants(w, refused[1], social.KindConflict)
	Wants(w, refused[3], social.KindConflict)
	changes := w.Changes(before)
	if len(changes) != 2 {
		w.Fatalf("changes %+v", changes)
	}
	ida, maxim := w.ReadPerson(changes[0].Person), w.ReadPerson(changes[1].Person)
	if ida.Name != "ida" || ida.Roles != social.RoleHidden || ida.DisplayName != "Ida" || maxim.Name != "max" || !maxim.Service {
		w.Errorf("there are %+v and %+v", ida, maxim)
	}
	if p, err := w.DB.Profile(w.Context(), ida.Key); err != nil || p.Title != "Tutor" || p.URL != "https://ida.example" {
		w.Errorf("the profile %+v, %v", p, err)
	}
	taken, err := w.DB.TakenNames(w.Context(), []string{"ida", "nobody"})
	if err != nil || !taken["ida"] || taken["nobody"] {
		w.Errorf("taken are %v, %v", taken, err)
	}
}

func importMembers(w *World) {
	school, gone := w.Space("school", w.Alice), w.Space("gone", w.Alice)
	w.must(w.DB.DeleteSpace(w.Context(), gone.Key, nil, Epoch()))
	pair := func(space social.SpaceKey, person social.PersonKey) social.SpaceMemberChange {
		return social.SpaceMemberChange{Member: social.Member{Space: space, Person: person}}
	}
	granted := pair(school.Key, w.Bob)
	granted.Set = []social.Override{{Permission: social.Invite}}
	before := w.Version()
	refused, err := w.DB.Affiliate(w.Context(), []social.SpaceMemberChange{
		granted, pair(school.Key, w.Carol), pair(gone.Key, w.Bob), pair(school.Key, 4711), pair(w.Lobby.Key, w.Carol), pair(school.Key, w.Alice),
	}, Epoch())
	if err != nil || len(refused) != 6 || refused[0] != nil || refused[1] != nil || refused[4] != nil || refused[5] != nil {
		w.Fatalf("refused %v, %v", refused, err)
	}
	Wants(w, refused[2], social.KindNotFound)
	Wants(w, refused[3], social.KindNotFound)
	of := func(space social.SpaceKey, person social.PersonKey) social.Change {
		return social.Change{Kind: social.ChangeMember, Space: space, Person: person}
	}
	want := []social.Change{of(school.Key, w.Bob), of(school.Key, w.Carol), of(w.Lobby.Key, w.Carol)}
	if got := w.Changes(before); !slices.Equal(got, want) {
		w.Errorf("changes %+v, wanted %+v", got, want)
	}
	members, err := w.DB.Members(w.Context(), school.Key, 0, 10)
	if err != nil || len(members) != 3 {
		w.Errorf("members %+v, %v", members, err)
	}
}

func importSpaces(w *World) {
	list := []social.Space{
		{ID: "maths", DisplayName: "Mathematics", Owner: w.Alice, Tags: []string{"science"}, Parent: w.Lobby.Key, Order: 3},
		{ID: "arts", Owner: w.Bob},
		{ID: "maths", Owner: w.Bob},
		{ID: "behind", Owner: w.Bob},
	}
	before := w.Version()
	made, refused, err := w.DB.CreateSpaces(w.Context(), list, Epoch())
	if err != nil || made != 2 {
		w.Fatalf("made %d, %v, %v", made, refused, err)
	}
	Wants(w, refused, social.KindConflict)
	changes := w.Changes(before)
	if len(changes) != 4 {
		w.Fatalf("changes %+v", changes)
	}
	maths, arts := changes[0].Space, changes[2].Space
	want := []social.Change{
		{Kind: social.ChangeSpace, Space: maths},
		{Kind: social.ChangeMember, Space: maths, Person: w.Alice},
		{Kind: social.ChangeSpace, Space: arts},
		{Kind: social.ChangeMember, Space: arts, Person: w.Bob},
	}
	if !slices.Equal(changes, want) {
		w.Errorf("changes %+v, wanted %+v", changes, want)
	}
	first, second := w.ReadSpace(maths), w.ReadSpace(arts)
	if first.ID != "maths" || first.DisplayName != "Mathematics" || first.Owner != w.Alice || first.Parent != w.Lobby.Key || first.Order != 3 ||
		!slices.Equal(first.Tags, []string{"science"}) || second.ID != "arts" || second.Owner != w.Bob {
		w.Errorf("there are %+v and %+v", first, second)
	}
	alone := w.Space("alone", w.Alice)
	for c, stream := range alone.Streams {
		if (first.Streams[c] != 0) != (stream != 0) || stream != 0 && first.Streams[c] == second.Streams[c] {
			w.Errorf("streams %v and %v, alone %v", first.Streams, second.Streams, alone.Streams)
		}
	}
	before = w.Version()
	for kind, s := range map[social.Kind]social.Space{
		social.KindConflict: {ID: "arts", Owner: w.Bob},
		social.KindNotFound: {ID: "x", Owner: 4711},
		social.KindInvalid:  {ID: "x", Owner: w.Bob, Parent: 4711},
	} {
		made, refused, err := w.DB.CreateSpaces(w.Context(), []social.Space{s, {ID: "behind", Owner: w.Bob}}, Epoch())
		if err != nil || made != 0 {
			w.Errorf("made %d, %v, %v", made, refused, err)
		}
		Wants(w, refused, kind)
	}
	if got := w.Version(); got != before {
		w.Errorf("the journal went from %d to %d", before, got)
	}
}
