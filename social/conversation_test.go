package social

import (
	"slices"
	"testing"
)

func TestWhatKeepsPeopleFromWritingInAConversation(t *testing.T) {
	t.Parallel()
	pair, group := InConversation("pair"), InConversation("group")
	for _, c := range []struct {
		name  string
		alter func(*rightsStore)
		where Where
		write bool
		tags  []string
	}{
		{"nothing", func(*rightsStore) {}, pair, true, nil},
		{"the other blocks", func(s *rightsStore) { s.putBlock(bob, alice) }, pair, false, nil},
		{"one blocks the other", func(s *rightsStore) { s.putBlock(alice, bob) }, pair, false, nil},
		{"somebody else is blocked", func(s *rightsStore) { s.putBlock(alice, carol); s.putBlock(carol, bob) }, pair, true, nil},
		{"a block in a group", func(s *rightsStore) { s.putBlock(bob, alice) }, group, true, []string{"group"}},
		{"the other has left", func(s *rightsStore) { s.putMember(Affiliation{Space: pairSpace, Person: bob}) }, pair, true, []string{"single"}},
		{"the other is suspended", func(s *rightsStore) { s.putPerson(Person{Key: bob, Name: "bob", Suspended: true}) }, pair, true, nil},
		{"the other is removed", func(s *rightsStore) {
			s.putPerson(Person{Key: bob, Name: "bob", Removed: true})
			s.putMember(Affiliation{Space: pairSpace, Person: bob})
		}, pair, false, []string{"single", "archive"}},
		{"all others have left a group", func(s *rightsStore) { s.putMember(Affiliation{Space: groupSpace, Person: bob}) }, group, false, []string{"group", "archive"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store := talkingTown()
			d := loaded(t, store, atNoon)
			c.alter(store)
			refresh(t, d)
			// What a server that starts later reads is the same.
			for _, d := range []*Directory{d, loaded(t, store, atNoon)} {
				sight, err := d.SeeAt(as(alice), c.where)
				if err != nil || sight.May.Has(Write) != c.write || !sight.May.Has(Read) {
					t.Errorf("alice may %v, %v", sight.May.Words(), err)
				}
				if got := d.conversation(sight, alice, 10).Tags; !slices.Equal(got, c.tags) {
					t.Errorf("tags %q, want %q", got, c.tags)
				}
				if _, err := d.reach(as(alice), c.where, Write, false); (KindOrNil(err) == KindForbidden) == c.write {
					t.Errorf("writing: %v", err)
				}
			}
		})
	}
}

func TestAConversationIsShownByTheNamesOfTheOthers(t *testing.T) {
	t.Parallel()
	store := talkingTown()
	for i, name := range []string{"dan", "erin", "frank", "gus"} {
		key := PersonKey(100 + i)
		store.putPerson(Person{Key: key, Name: name})
		store.putMember(Affiliation{Space: groupSpace, Person: key, Member: true})
	}
	d := loaded(t, store, atNoon)
	for _, c := range []struct {
		who   PersonKey
		where string
		want  string
		most  int
		shown []string
	}{
		{alice, "pair", "Bob", 10, []string{"alice", "bob"}},
		{bob, "pair", "Alice", 1, []string{"alice"}},
		{alice, "group", "Bob, dan, erin, frank, …", 2, []string{"alice", "bob"}},
	} {
		sight, err := d.SeeAt(as(c.who), InConversation(c.where))
		if err != nil {
			t.Fatal(err)
		}
		got := d.conversation(sight, c.who, c.most)
		var names []string
		for _, p := range got.Participants {
			names = append(names, p.Name)
		}
		if got.Name != c.want || !slices.Equal(names, c.shown) {
			t.Errorf("%d sees %s as %q of %q, want %q of %q", c.who, c.where, got.Name, names, c.want, c.shown)
		}
	}
}
