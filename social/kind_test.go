package social

import (
	"slices"
	"testing"
)

const (
	pairSpace  SpaceKey = 60
	groupSpace SpaceKey = 61
	wallSpace  SpaceKey = 62
)

// town with a one-to-one of alice and bob, a group of alice's with bob, and
// bob's wall, which carol follows.
func talkingTown() *rightsStore {
	s := smallTown()
	s.putSpace(Space{Key: pairSpace, Kind: KindConversation, ID: "pair", Owner: alice, Pair: [2]PersonKey{alice, bob}})
	s.putSpace(Space{Key: groupSpace, Kind: KindConversation, ID: "group", Owner: alice})
	s.putSpace(Space{Key: wallSpace, Kind: KindWall, Owner: bob})
	for _, m := range []Member{{pairSpace, alice}, {pairSpace, bob}, {groupSpace, alice}, {groupSpace, bob}, {wallSpace, carol}} {
		s.putMember(Affiliation{Space: m.Space, Person: m.Person, Member: true})
	}
	return s
}

func TestWhatTheKindsOfSpacesLetPeopleDo(t *testing.T) {
	t.Parallel()
	store := talkingTown()
	store.putPerson(Person{Key: 90, Name: "auditor", Roles: RoleAuditor})
	store.putPerson(Person{Key: 91, Name: "moderator", Roles: RoleModerator})
	store.putPerson(Person{Key: 92, Name: "ghost", Roles: RoleHidden})
	store.putSpace(Space{Key: 63, Kind: KindWall, Owner: 92})
	d := loaded(t, store, atNoon)
	acting, err := d.ActFor(as(root), "bob")
	if err != nil {
		t.Fatal(err)
	}
	pair, group, wall, ghost := InConversation("pair"), InConversation("group"), OnWall("bob"), OnWall("ghost")
	for _, c := range []struct {
		name  string
		actor Actor
		where Where
		want  Permissions
	}{
		{"one of the two", as(bob), pair, Read | Write | Unsubscribe},
		{"a third", as(carol), pair, 0},
		{"a manager who takes no part", as(root), pair, 0},
		{"an auditor", as(90), pair, 0},
		{"a manager for one of the two", acting, pair, 0},
		{"a token for a context", withScopes(t, bob, "read write ctx:lobby"), pair, 0},
		{"a token that reads", withScopes(t, bob, "read"), pair, Read},
		{"the owner of a group", as(alice), group, Read | Write | Invite | Kick | Delete},
		{"a participant of a group", as(bob), group, Read | Write | Unsubscribe},
		{"a moderator outside of the group", as(91), group, 0},
		{"the person on its wall", as(bob), wall, Read | Write | Delete},
		{"a follower", as(carol), wall, Read | Subscribe | Unsubscribe},
		{"a stranger", as(eve), wall, Read | Subscribe | Unsubscribe},
		{"a moderator on a wall", as(91), wall, Read | Subscribe | Unsubscribe | Delete},
		{"a manager for the person", acting, wall, 0},
		{"a stranger on a hidden person's wall", as(eve), ghost, 0},
		{"an auditor there", as(90), ghost, Read | Subscribe | Unsubscribe},
		{"nobody's wall", as(bob), OnWall("nobody"), 0},
	} {
		sight, err := d.SeeAt(c.actor, c.where)
		if sight.May != c.want || (err == nil) != (c.want != 0) {
			t.Errorf("%s: may %v, %v; want %v", c.name, sight.May.Words(), err, c.want.Words())
		}
		if c.want == 0 && KindOf(err) != KindNotFound && c.actor.Creator == 0 {
			t.Errorf("%s: %v, want it not found", c.name, err)
		}
	}
	if _, err := d.SeeAt(acting, pair); KindOrNil(err) != KindForbidden {
		t.Errorf("acting for others in a conversation: %v", err)
	}
}

func TestWhoIsAloneInAGroupWritesToNobody(t *testing.T) {
	t.Parallel()
	store := talkingTown()
	d := loaded(t, store, atNoon)
	store.putMember(Affiliation{Space: groupSpace, Person: bob}) // leaves
	refresh(t, d)
	sight, err := d.SeeAt(as(alice), InConversation("group"))
	if err != nil || sight.May.Has(Write) || !sight.May.Has(Invite) {
		t.Errorf("alone: %v, %v", sight.May.Words(), err)
	}
}

func TestWildcardsCoverWhatOneBelongsToByKind(t *testing.T) {
	t.Parallel()
	d := loaded(t, talkingTown(), atNoon)
	for _, c := range []struct {
		who  PersonKey
		kind ScopeKind
		want []Scope
	}{
		{alice, ScopeSpace, []Scope{lobby.Scope(), staff.Scope()}},
		{alice, ScopeConversation, []Scope{{ScopeConversation, int64(pairSpace)}, {ScopeConversation, int64(groupSpace)}}},
		{alice, ScopePerson, nil},
		{carol, ScopePerson, []Scope{bob.Scope()}},
		{root, ScopeConversation, nil},
	} {
		got := d.MineOf(as(c.who), c.kind)
		slices.SortFunc(got, func(x, y Scope) int { return int(x.Key - y.Key) })
		if !slices.Equal(got, c.want) {
			t.Errorf("%d, kind %d: covers %v, want %v", c.who, c.kind, got, c.want)
		}
	}
	if list := d.visibleSpaces(as(alice), "", true, 10); len(list) != 2 {
		t.Errorf("alice's contexts are %d, want the two that are contexts", len(list))
	}
}

func TestWhoBecomesHiddenIsLookedAtAgainByAll(t *testing.T) {
	t.Parallel()
	store := talkingTown()
	d := NewDirectory(store, quiet(), atNoon)
	var told []Delta
	d.OnDelta(func(x Delta) { told = append(told, x) })
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	store.putPerson(Person{Key: bob, Name: "bob", Roles: RoleHidden})
	refresh(t, d)
	if len(told) != 1 || !slices.Equal(told[0].Watched, []PersonKey{bob}) {
		t.Errorf("told %+v", told)
	}
	if got := d.ReceivesOf(as(carol), bob); got != 0 {
		t.Errorf("a follower of a hidden person receives %b", got)
	}
	store.putPerson(Person{Key: bob, Name: "bob", DisplayName: "B"})
	refresh(t, d)
	store.putPerson(Person{Key: bob, Name: "bob", DisplayName: "Bob"})
	refresh(t, d)
	if len(told) != 3 || len(told[2].Watched) != 0 {
		t.Errorf("a new name to show was told as %+v", told[len(told)-1])
	}
	if got := d.ReceivesOf(as(carol), bob); got != WallChannels() {
		t.Errorf("a follower receives %b", got)
	}
}
