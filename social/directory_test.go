package social

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func refresh(t *testing.T, d *Directory) {
	t.Helper()
	if err := d.Refresh(t.Context()); err != nil {
		t.Fatalf("refresh: %v", err)
	}
}

func TestAChangeBetweenVersionAndLoadIsNotMissed(t *testing.T) {
	t.Parallel()
	for _, during := range []string{"people", "spaces", "members"} {
		t.Run("before "+during+" are read", func(t *testing.T) {
			t.Parallel()
			store := smallTown()
			store.onCall = func(what string) {
				if what != during {
					return
				}
				store.mu.Lock()
				store.onCall = nil
				store.mu.Unlock()
				store.putPerson(Person{Key: 77, Name: "newcomer"})
				store.putSpace(Space{Key: 78, ID: "newplace", Owner: 77})
				store.putMember(Affiliation{Space: 78, Person: 77, Member: true})
				store.putMember(Affiliation{Space: lobby, Person: bob}) // bob leaves
			}
			d := loaded(t, store, atNoon)
			refresh(t, d)
			if _, err := d.See(as(77), "newplace"); err != nil {
				t.Errorf("the owner of the new place: %v", err)
			}
			if got := d.Mine(as(77)); !slices.Equal(got, []SpaceKey{78}) {
				t.Errorf("the newcomer belongs to %v", got)
			}
			if got := d.Mine(as(bob)); !slices.Equal(got, []SpaceKey{staff}) {
				t.Errorf("who left belongs to %v", got)
			}
		})
	}
}

func TestAChangeDuringARefreshIsNotMissed(t *testing.T) {
	t.Parallel()
	store := smallTown()
	d := loaded(t, store, atNoon)
	store.putMember(Affiliation{Space: staff, Person: bob})
	store.onCall = func(what string) {
		if what != "members" {
			return
		}
		store.mu.Lock()
		store.onCall = nil
		store.mu.Unlock()
		store.putMember(Affiliation{Space: staff, Person: carol, Member: true})
	}
	refresh(t, d)
	refresh(t, d)
	if _, err := d.See(as(carol), "staff"); err != nil {
		t.Errorf("who joined meanwhile: %v", err)
	}
	if _, err := d.See(as(bob), "staff"); KindOrNil(err) != KindNotFound {
		t.Errorf("who left: %v", err)
	}
}

func TestAFailedRefreshChangesNothingAndIsMadeUpFor(t *testing.T) {
	t.Parallel()
	for _, failing := range []string{"changes", "people", "spaces", "members"} {
		t.Run(failing+" cannot be read", func(t *testing.T) {
			t.Parallel()
			store := smallTown()
			d := NewDirectory(store, quiet(), atNoon)
			var told []Delta
			d.OnDelta(func(x Delta) { told = append(told, x) })
			if err := d.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
			store.putMember(Affiliation{Space: staff, Person: bob})
			store.putPerson(Person{Key: carol, Name: "carol", Suspended: true})
			store.putSpace(Space{Key: lobby, ID: "lobby", Owner: alice, Deleted: true})
			store.failing, store.err = failing, errors.New("away")
			if d.Refresh(t.Context()) == nil {
				t.Fatal("it did not fail")
			}
			if _, err := d.See(as(bob), "staff"); err != nil || len(told) > 0 {
				t.Errorf("half of it happened: %v, told %+v", err, told)
			}
			store.failing, store.err = "", nil
			refresh(t, d)
			if _, err := d.See(as(bob), "staff"); KindOrNil(err) != KindNotFound {
				t.Errorf("who left: %v", err)
			}
			if _, err := d.See(as(alice), "lobby"); KindOrNil(err) != KindNotFound {
				t.Errorf("the deleted context: %v", err)
			}
			if len(told) != 1 || len(told[0].Barred) != 1 {
				t.Errorf("listeners were told %+v", told)
			}
		})
	}
}

func TestListenersFollowBeforeARefreshReturns(t *testing.T) {
	t.Parallel()
	store := smallTown()
	d := NewDirectory(store, quiet(), atNoon)
	var told []Delta
	d.OnDelta(func(x Delta) {
		if _, err := d.See(as(bob), "staff"); err == nil {
			t.Error("a listener was called before the directory itself had changed")
		}
		told = append(told, x)
	})
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	store.putMember(Affiliation{Space: staff, Person: bob})
	store.putMember(Affiliation{Space: staff, Person: bob})
	store.putPerson(Person{Key: eve, Name: "eve", Removed: true})
	store.putSpace(Space{Key: lobby, ID: "lobby", Owner: alice})
	store.mu.Lock()
	store.noteLocked(Change{Kind: ChangePassword, Person: carol})
	store.noteLocked(Change{Kind: ChangeGrant, Person: carol, Grant: 5})
	store.mu.Unlock()
	refresh(t, d)
	want := []Delta{{
		People: []PersonKey{eve}, Barred: []PersonKey{eve}, Passwords: []PersonKey{carol}, Grants: []GrantKey{5},
		Watched: []PersonKey{eve}, Spaces: []SpaceKey{lobby}, Members: []Member{{staff, bob}},
	}}
	if fmt.Sprintf("%+v", told) != fmt.Sprintf("%+v", want) {
		t.Errorf("told %+v\nwant %+v", told, want)
	}
}

func TestManyChangesAreReadInSeveralSteps(t *testing.T) {
	t.Parallel()
	store := smallTown()
	d := loaded(t, store, atNoon)
	for i := range 2*changesPerRead + 7 {
		store.putPerson(Person{Key: PersonKey(1000 + i), Name: fmt.Sprintf("p%d", i)})
	}
	refresh(t, d)
	if _, ok := d.PersonByName(fmt.Sprintf("p%d", 2*changesPerRead+6)); !ok {
		t.Error("the last change is missing")
	}
}

func TestTwoRefreshersLoseNothing(t *testing.T) {
	t.Parallel()
	store := smallTown()
	d := NewDirectory(store, quiet(), atNoon)
	var mu sync.Mutex
	seen := map[PersonKey]int{}
	d.OnDelta(func(x Delta) {
		mu.Lock()
		defer mu.Unlock()
		for _, p := range x.People {
			seen[p]++
		}
	})
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	const each = 200
	var wg sync.WaitGroup
	for g := range 2 {
		wg.Go(func() {
			for i := range each {
				key := PersonKey(1000*(g+1) + i)
				store.putPerson(Person{Key: key, Name: fmt.Sprintf("p%d", key)})
				if err := d.Refresh(t.Context()); err != nil {
					t.Error(err)
				}
				if _, ok := d.PersonByKey(key); !ok {
					t.Errorf("%d is not there after its refresh", key)
				}
			}
		})
	}
	wg.Wait()
	for key, n := range seen {
		if n != 1 {
			t.Errorf("%d was told %d times", key, n)
		}
	}
	if len(seen) != 2*each {
		t.Errorf("%d of %d were told", len(seen), 2*each)
	}
}

func TestAnExpiredOverrideIsToldWithinTheInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := smallTown()
		now := time.Now()
		first, second := now.Add(10*time.Second), now.Add(20*time.Second)
		store.putMember(Affiliation{Space: staff, Person: carol, Overrides: []Override{
			until(grantOf(Read), first), until(grantOf(Write), second), grantOf(Flag),
		}})
		d := NewDirectory(store, quiet(), time.Now)
		type news struct {
			at  time.Time
			who Member
			may ChannelSet
		}
		var told []news
		d.OnDelta(func(x Delta) {
			for _, m := range x.Members {
				told = append(told, news{time.Now(), m, d.Receives(as(m.Person), m.Space)})
			}
		})
		if err := d.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d.Receives(as(carol), staff) != SpaceChannels() {
			t.Error("the grant does not hold")
		}
		const every = 100 * time.Millisecond
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); d.Watch(ctx, every) }()
		pass(30 * time.Second)
		cancel()
		<-done
		if len(told) != 2 {
			t.Fatalf("told %+v", told)
		}
		for i, at := range []time.Time{first, second} {
			if late := told[i].at.Sub(at); late < 0 || late > every || told[i].who != (Member{staff, carol}) || told[i].may != 0 {
				t.Errorf("news %d: %+v, %v after the end", i, told[i], late)
			}
		}
		if s := d.standing(staff, carol); len(s.Overrides) != 3 {
			t.Errorf("%+v", s)
		}
	})
}

func TestOverridesThatAreReplacedLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	store := smallTown()
	d := loaded(t, store, atNoon)
	for i := range 5_000 {
		store.putMember(Affiliation{Space: staff, Person: carol, Overrides: []Override{until(grantOf(Read), noon.Add(time.Hour+time.Duration(i)))}})
		refresh(t, d)
	}
	if n := len(d.expiries.h); n > 1 {
		t.Errorf("%d moments are remembered for one override", n)
	}
}

func TestStalenessCountsFromTheQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := smallTown()
		d := loaded(t, store, time.Now)
		pass(time.Second)
		if got := d.StaleFor(); got != time.Second {
			t.Errorf("a second after loading: %v", got)
		}
		store.onCall = func(string) { pass0(3 * time.Second) } // a slow answer
		refresh(t, d)
		if got := d.StaleFor(); got != 3*time.Second {
			t.Errorf("after a slow answer: %v", got)
		}
		store.onCall, store.err = nil, errors.New("away")
		pass(time.Second)
		if d.Refresh(t.Context()) == nil {
			t.Error("no error")
		}
		if got := d.StaleFor(); got != 4*time.Second {
			t.Errorf("a failure made it fresh: %v", got)
		}
	})
}

func pass0(d time.Duration) { <-time.After(d) }

func TestARenamedPersonIsFoundByEveryName(t *testing.T) {
	t.Parallel()
	store := smallTown()
	d := loaded(t, store, atNoon)
	store.putPerson(Person{Key: bob, Name: "rob", Aliases: []string{"bob", "robert"}})
	refresh(t, d)
	for _, name := range []string{"rob", "bob", "robert", "ROB", "Robert"} {
		if p, ok := d.PersonByName(name); !ok || p.Key != bob {
			t.Errorf("%q finds %+v, %v", name, p, ok)
		}
	}
	var listed []string
	people, _ := d.listedPeople(as(alice), "", 100)
	for _, p := range people {
		listed = append(listed, p.Name)
	}
	if want := []string{"alice", "carol", "eve", "rob", "root"}; !slices.Equal(listed, want) {
		t.Errorf("listed %q, want %q", listed, want)
	}
	store.putPerson(Person{Key: bob, Name: "bob", Aliases: []string{"rob", "robert"}}) // takes it back
	refresh(t, d)
	if p, ok := d.PersonByName("bob"); !ok || p.Name != "bob" {
		t.Errorf("taken back: %+v, %v", p, ok)
	}
}

func TestRemovedPeopleAreFoundByNobody(t *testing.T) {
	t.Parallel()
	store := smallTown()
	d := loaded(t, store, atNoon)
	store.putPerson(Person{Key: bob, Name: "bob", Aliases: []string{"robert"}, Removed: true})
	refresh(t, d)
	for _, name := range []string{"bob", "robert", "", "me"} {
		if p, ok := d.PersonByName(name); ok {
			t.Errorf("%q finds %+v", name, p)
		}
	}
	if _, ok := d.PersonByKey(bob); ok {
		t.Error("the key finds it")
	}
	if got := d.Receives(as(bob), lobby); got != 0 {
		t.Errorf("it receives %b", got)
	}
	if p := d.AnyPerson(bob); p.Name != "bob" {
		t.Errorf("its posts have lost their author: %+v", p)
	}
}

func TestADeletedContextIsNoLongerThere(t *testing.T) {
	t.Parallel()
	store := smallTown()
	d := loaded(t, store, atNoon)
	sp := *d.SpaceByKey(lobby)
	sp.Deleted = true
	store.putSpace(sp)
	refresh(t, d)
	for _, who := range []PersonKey{alice, bob, carol, root} {
		if _, err := d.See(as(who), "lobby"); KindOrNil(err) != KindNotFound {
			t.Errorf("%d sees it: %v", who, err)
		}
		if got := d.Receives(as(who), lobby); got != 0 {
			t.Errorf("%d receives %b", who, got)
		}
		if slices.Contains(d.Mine(as(who)), lobby) {
			t.Errorf("it is %d's", who)
		}
	}
	if n := d.spaces[lobby].people.number(); n != 0 {
		t.Error("its members are kept in memory")
	}
}

func TestWhoMayKnowOfAContext(t *testing.T) {
	t.Parallel()
	public := func(i int) (p Policies) { p[i] = PolicyPublic; return p }
	for _, c := range []struct {
		name     string
		actor    Actor
		policies Policies
		standing Affiliation
		want     bool
	}{
		{"a stranger of a closed one does not", as(carol), Policies{}, Affiliation{}, false},
		{"a member does, whatever it may", as(carol), Policies{}, Affiliation{Member: true}, true},
		{"anybody does where read is public", as(carol), public(0), Affiliation{}, true},
		{"anybody does where subscribe is public", as(carol), public(2), Affiliation{}, true},
		{"a veto hides nothing that is public", as(carol), public(0), Affiliation{Overrides: []Override{vetoOf(Read)}}, true},
		{"public writing shows nothing", as(carol), public(1), Affiliation{}, false},
		{"a granted reader does", as(carol), Policies{}, Affiliation{Overrides: []Override{grantOf(Read)}}, true},
		{"whoever was granted to join does", as(carol), Policies{}, Affiliation{Overrides: []Override{grantOf(Subscribe)}}, true},
		{"a granted writer does not", as(carol), Policies{}, Affiliation{Overrides: []Override{grantOf(Write)}}, false},
		{"a manager does", as(root), Policies{}, Affiliation{}, true},
		{"a manager with a token that does not administer does not", withScopes(t, root, "read write"), Policies{}, Affiliation{}, false},
		{"the owner does", as(alice), Policies{}, Affiliation{}, true},
		{"a token for another context does not", withScopes(t, alice, "read ctx:other"), Policies{}, Affiliation{Member: true}, false},
		{"a token for its data alone does not", withScopes(t, alice, "read data:here"), Policies{}, Affiliation{Member: true}, false},
		{"a token for it does", withScopes(t, alice, "read ctx:here"), Policies{}, Affiliation{Member: true}, true},
		{"somebody unknown does not", as(999), public(0), Affiliation{}, false},
		{"nobody does not", Actor{}, public(0), Affiliation{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store := smallTown()
			store.putSpace(Space{Key: 50, ID: "here", Owner: alice, Policies: c.policies})
			c.standing.Space, c.standing.Person = 50, c.actor.Person
			store.putMember(c.standing)
			d := loaded(t, store, atNoon)
			_, err := d.See(c.actor, "here")
			if c.want != (err == nil) || err != nil && KindOf(err) != KindNotFound {
				t.Errorf("got %v, want it seen: %v", err, c.want)
			}
			listed := slices.ContainsFunc(d.visibleSpaces(c.actor, "", false, 100), func(s Sight) bool { return s.Space.ID == "here" })
			if listed != c.want {
				t.Errorf("listed: %v, want %v", listed, c.want)
			}
		})
	}
}

func TestSuspendedPeopleMayNothing(t *testing.T) {
	t.Parallel()
	store := smallTown()
	store.putPerson(Person{Key: alice, Name: "alice", Suspended: true})
	store.putPerson(Person{Key: root, Name: "root", Roles: RoleManager, Suspended: true})
	d := loaded(t, store, atNoon)
	for _, who := range []PersonKey{alice, root} {
		if _, err := d.See(as(who), "lobby"); KindOrNil(err) != KindNotFound {
			t.Errorf("%d sees the lobby: %v", who, err)
		}
		if _, err := d.reach(as(who), InContext("lobby"), Write, false); KindOrNil(err) != KindNotFound {
			t.Errorf("%d writes: %v", who, err)
		}
		if d.Receives(as(who), lobby) != 0 || d.Roles(as(who)) != 0 {
			t.Errorf("%d receives or has roles", who)
		}
	}
}

func TestCredentialsOnlyNarrow(t *testing.T) {
	t.Parallel()
	all := Read | Write | Subscribe | Unsubscribe
	for _, c := range []struct {
		name, scopes string
		who          PersonKey
		may, data    Permissions
		receives     ChannelSet
	}{
		{"a login has what the person has", "", bob, all, all, SpaceChannels()},
		{"read only reads", "read", bob, Read, Read, SpaceChannels()},
		{"write does not read", "write", bob, all &^ Read, all &^ Read, 0},
		{"one context", "read write ctx:lobby", bob, all, all, SpaceChannels()},
		{"another context", "read write ctx:staff", bob, 0, 0, 0},
		{"its data alone", "read write data:lobby", bob, 0, all, Channels(ChannelData)},
		{"writing its data alone", "write data:lobby", bob, 0, all &^ Read, 0},
		{"scopes give a stranger nothing", "read write ctx:lobby", carol, Read | Subscribe | Unsubscribe, Read | Subscribe | Unsubscribe, SpaceChannels()},
		{"a manager without admin is an ordinary person", "read write", root, Read | Subscribe | Unsubscribe, Read | Subscribe | Unsubscribe, SpaceChannels()},
		{"a manager with admin is one", "admin read write", root, AllPermissions, AllPermissions, SpaceChannels()},
		{"admin alone neither reads nor writes", "admin", root, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := loaded(t, smallTown(), atNoon)
			a := withScopes(t, c.who, c.scopes)
			sight, _ := d.look(a, lobby)
			data, _ := d.MayData(a, "lobby")
			if sight.May != c.may || data.May != c.data {
				t.Errorf("may %v, with data %v; want %v, %v", sight.May.Words(), data.May.Words(), c.may.Words(), c.data.Words())
			}
			if got := d.Receives(a, lobby); got != c.receives {
				t.Errorf("receives %b, want %b", got, c.receives)
			}
		})
	}
}

func TestHistorySinceTheJoinBeginsThere(t *testing.T) {
	t.Parallel()
	const none = uint64(1<<63 - 1)
	for _, c := range []struct {
		name  string
		actor Actor
		want  uint64
	}{
		{"a member sees from its join on", as(bob), 7},
		{"the owner sees all", as(alice), 0},
		{"a manager sees all", as(root), 0},
		{"a manager without admin sees what a stranger sees", withScopes(t, root, "read"), none},
		{"who never joined sees none", as(carol), none},
		{"an auditor sees all", as(eve), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store := smallTown()
			store.putPerson(Person{Key: eve, Name: "eve", Roles: RoleAuditor})
			store.putSpace(Space{Key: 50, ID: "here", Owner: alice, Policies: Policies{0: PolicyPublic}, History: HistorySinceJoin})
			store.putMember(Affiliation{Space: 50, Person: bob, Member: true, Heads: Heads{ChannelMessages: 7}})
			d := loaded(t, store, atNoon)
			s, err := d.See(c.actor, "here")
			if err != nil || s.Floor[ChannelMessages] != c.want {
				t.Errorf("begins after %d, %v; want %d", s.Floor[ChannelMessages], err, c.want)
			}
		})
	}
}

func TestAWildcardCoversMembershipsAndForAuditorsEverything(t *testing.T) {
	t.Parallel()
	store := smallTown()
	store.putPerson(Person{Key: eve, Name: "eve", Roles: RoleAuditor})
	d := loaded(t, store, atNoon)
	for who, want := range map[PersonKey][]SpaceKey{alice: {lobby, staff}, bob: {lobby, staff}, carol: nil, root: nil, eve: {lobby, staff}} {
		got := d.Mine(as(who))
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%d: %v, want %v", who, got, want)
		}
	}
}

func TestActingForOthersNeedsRoleScopeAndSomebody(t *testing.T) {
	t.Parallel()
	store := smallTown()
	store.putPerson(Person{Key: 60, Name: "gone", Removed: true})
	d := loaded(t, store, atNoon)
	bobByRoot, err := d.ActFor(as(root), "Bob")
	if err != nil || bobByRoot.Person != bob || bobByRoot.Creator != root || bobByRoot.AsSpace != 0 {
		t.Fatalf("for bob: %+v, %v", bobByRoot, err)
	}
	asLobby, err := d.ActFor(as(root), "ctx:lobby")
	if err != nil || asLobby.Person != root || asLobby.Creator != root || asLobby.AsSpace != lobby {
		t.Fatalf("as the lobby: %+v, %v", asLobby, err)
	}
	for _, c := range []struct {
		name, who string
		actor     Actor
		want      Kind
	}{
		{"an ordinary person", "bob", as(alice), KindForbidden},
		{"a token without act-as", "bob", withScopes(t, root, "admin read write"), KindForbidden},
		{"an ordinary person's token with act-as", "bob", withScopes(t, alice, "act-as write"), KindForbidden},
		{"through another", "carol", bobByRoot, KindForbidden},
		{"for nobody", "nobody", as(root), KindNotFound},
		{"for who was removed", "gone", as(root), KindNotFound},
		{"for no context", "ctx:nowhere", as(root), KindNotFound},
		{"for an empty context", "ctx:", as(root), KindNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := d.ActFor(c.actor, c.who); KindOrNil(err) != c.want {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	narrow, err := d.ActFor(withScopes(t, root, "act-as write ctx:staff"), "carol")
	if err != nil {
		t.Fatalf("with a narrowed token: %v", err)
	}
	if _, err := d.reach(narrow, InContext("staff"), Write, false); err != nil {
		t.Errorf("acting writes by the manager's right: %v", err)
	}
	if _, err := d.reach(narrow, InContext("lobby"), Write, false); KindOrNil(err) != KindNotFound {
		t.Errorf("acting beyond the token's context: %v", err)
	}
	if d.administers(narrow, d.SpaceByKey(staff)) || d.RequireManager(narrow) == nil {
		t.Error("acting administers without the scope admin")
	}
	if bobByRoot.RequireSelf(true) == nil || bobByRoot.RequireSelf(false) == nil {
		t.Error("acting reaches what is a person's own")
	}
}

func TestHiddenPeopleAreShownToThoseInChargeAndThemselves(t *testing.T) {
	t.Parallel()
	store := smallTown()
	store.putPerson(Person{Key: carol, Name: "carol", Roles: RoleHidden})
	store.putPerson(Person{Key: eve, Name: "eve", Roles: RoleModerator})
	d := loaded(t, store, atNoon)
	people := NewPeople(d, nil, atNoon)
	for _, c := range []struct {
		name  string
		actor Actor
		want  bool
	}{
		{"an ordinary person", as(bob), false},
		{"a manager", as(root), true},
		{"a manager without admin", withScopes(t, root, "read"), false},
		{"a moderator", as(eve), true},
		{"herself", as(carol), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := people.Get(c.actor, "carol")
			list, _ := people.List(c.actor, "", 100)
			listed := slices.ContainsFunc(list, func(p Person) bool { return p.Key == carol })
			if (err == nil) != c.want || listed != c.want || err != nil && KindOf(err) != KindNotFound {
				t.Errorf("found: %v, listed: %v, want %v", err, listed, c.want)
			}
		})
	}
}

func TestListsContinueWhereAPageEnded(t *testing.T) {
	t.Parallel()
	store := smallTown()
	for i := range 25 {
		store.putSpace(Space{Key: SpaceKey(100 + i), ID: fmt.Sprintf("room-%02d", i), Owner: alice, Policies: Presets()["open"]})
	}
	d := loaded(t, store, atNoon)
	spaces := NewSpaces(d, nil, nil, nil, false, quiet(), atNoon)
	var got []string
	for after := ""; len(got) == 0 || after != ""; {
		page, next, err := spaces.List(as(carol), after, SpaceFilter{}, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page {
			got = append(got, s.Space.ID)
		}
		after = next
	}
	if len(got) != 26 || !slices.IsSorted(got) || slices.Contains(got, "staff") {
		t.Errorf("%d contexts: %q", len(got), got)
	}
	mine, next, err := spaces.List(as(bob), "", SpaceFilter{Mine: true}, 7)
	if err != nil || next != "" || len(mine) != 2 || mine[0].Space.ID != "lobby" || mine[1].Space.ID != "staff" {
		t.Errorf("mine: %+v", mine)
	}
}
