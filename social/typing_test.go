package social

import (
	"testing"
	"time"
)

func TestWhoIsToldThatSomebodyTypes(t *testing.T) {
	t.Parallel()
	const ghost PersonKey = 92
	store := talkingTown()
	store.putPerson(Person{Key: ghost, Name: "ghost", Roles: RoleHidden})
	store.putSpace(Space{Key: 70, ID: "crowd", Owner: alice, Policies: Presets()["open"]})
	for _, m := range []Member{{70, alice}, {70, bob}, {70, carol}, {lobby, ghost}, {groupSpace, ghost}, {groupSpace, carol}} {
		store.putMember(Affiliation{Space: m.Space, Person: m.Person, Member: true})
	}
	store.putSpace(Space{Key: 71, ID: "den", Owner: alice, Policies: Presets()["open"]})
	store.putMember(Affiliation{Space: 71, Person: bob, Member: true})
	store.putMember(Affiliation{Space: 71, Person: ghost, Member: true})
	d := loaded(t, store, atNoon)
	typing := NewTyping(d, 2, atNoon)
	acting, err := d.ActFor(as(root), "bob")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		actor Actor
		where Where
		tell  bool
		kind  string
	}{
		{"in a small context", as(bob), InContext("staff"), true, "allowed"},
		{"in a larger one", as(bob), InContext("crowd"), false, "allowed"},
		{"in a conversation, however large", as(bob), InConversation("group"), true, "allowed"},
		{"a hidden person in a context", as(ghost), InContext("den"), false, "allowed"},
		{"a hidden person in a conversation", as(ghost), InConversation("group"), true, "allowed"},
		{"who may not write", as(carol), InContext("lobby"), false, "forbidden"},
		{"who may not know of it", as(carol), InContext("staff"), false, "not_found"},
		{"who takes no part", as(carol), InConversation("pair"), false, "not_found"},
		{"on a wall", as(bob), OnWall("bob"), false, "not_found"},
		{"a manager for somebody", acting, InContext("staff"), false, "forbidden"},
		{"a token that reads", withScopes(t, bob, "read"), InContext("staff"), false, "forbidden"},
	} {
		_, tell, err := typing.Say(c.actor, c.where)
		kind := "allowed"
		if err != nil {
			kind = KindOf(err).String()
		}
		if tell != c.tell || kind != c.kind {
			t.Errorf("%s: %v %s (%v)", c.name, tell, kind, err)
		}
	}
	if s := typing.Stats(); s.Crowded != 2 || s.Told != 3 || s.Hurried != 0 {
		t.Errorf("%+v", s)
	}
}

func TestSomebodyWhoTypesALotIsToldOnceASecond(t *testing.T) {
	t.Parallel()
	now := noon
	d := loaded(t, talkingTown(), func() time.Time { return now })
	typing := NewTyping(d, 200, func() time.Time { return now })
	told := map[string]int{}
	for range 100 * 60 {
		for _, id := range []string{"pair", "group"} {
			if _, tell, err := typing.Say(as(alice), InConversation(id)); err != nil {
				t.Fatal(err)
			} else if tell {
				told[id]++
			}
		}
		now = now.Add(10 * time.Millisecond)
	}
	for id, n := range told {
		if n < 60 || n > 60+typingBurst {
			t.Errorf("%s: %d in a minute", id, n)
		}
	}
	now = now.Add(time.Hour)
	if _, tell, _ := typing.Say(as(bob), InConversation("pair")); !tell || len(typing.spent) != 1 {
		t.Errorf("%v; %d are remembered", tell, len(typing.spent))
	}
}
