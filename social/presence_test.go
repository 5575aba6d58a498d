package social

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhoSeesWhetherSomebodyIsThere(t *testing.T) {
	t.Parallel()
	const ghost, gone, dave PersonKey = 92, 93, 94
	store := talkingTown()
	store.putPerson(Person{Key: ghost, Name: "ghost", Roles: RoleHidden})
	store.putPerson(Person{Key: gone, Name: "gone", Removed: true})
	store.putPerson(Person{Key: dave, Name: "dave"})
	store.putPerson(Person{Key: 90, Name: "moderator", Roles: RoleModerator})
	for key, owner := range map[SpaceKey]PersonKey{63: carol, 64: eve} {
		store.putSpace(Space{Key: key, Kind: KindWall, Owner: owner})
	}
	store.putSpace(Space{Key: 65, Kind: KindConversation, ID: "many", Owner: alice})
	for _, m := range []Member{{63, eve}, {64, carol}, {65, dave}, {65, ghost}, {65, gone}, {65, 90}, {65, alice}} {
		store.putMember(Affiliation{Space: m.Space, Person: m.Person, Member: true})
	}
	store.putBlock(dave, alice)
	d := loaded(t, store, atNoon)
	acting, err := d.ActFor(as(root), "bob")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		reader Actor
		person PersonKey
		want   bool
	}{
		{"one's own", as(bob), bob, true},
		{"of a partner in a conversation", as(bob), alice, true},
		{"by the partner", as(alice), bob, true},
		{"of somebody in the same context", as(alice), carol, false},
		{"of whom one follows", as(carol), bob, false},
		{"of a follower", as(bob), carol, false},
		{"of whom one follows, and who follows one", as(carol), eve, true},
		{"the other way round", as(eve), carol, true},
		{"of a hidden partner", as(dave), ghost, false},
		{"of a hidden partner, by a moderator", as(90), ghost, true},
		{"a hidden person's own", as(ghost), ghost, true},
		{"by a hidden partner", as(ghost), dave, true},
		{"of who blocks one", as(alice), dave, false},
		{"of whom one blocks", as(dave), alice, false},
		{"of anybody, by a manager", as(root), bob, false},
		{"by a manager for a partner", acting, alice, false},
		{"of who was removed", as(alice), gone, false},
		{"of nobody", as(alice), 999, false},
		{"with a token that reads", withScopes(t, bob, "read"), alice, true},
		{"with a token that writes", withScopes(t, bob, "write"), alice, false},
		{"with a token for a context", withScopes(t, bob, "read ctx:lobby"), bob, false},
	} {
		if got := d.SeesPresence(c.reader, c.person); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		if c.reader.Person != c.person && d.ReceivesOf(c.reader, c.person).Has(ChannelPresence) != c.want {
			t.Errorf("%s: another set of channels", c.name)
		}
	}
}

func TestWhatSaysAStatus(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]Status{
		`{"status":"online"}`: StatusOnline, `{"status":"away"}`: StatusAway, ` {"status" : "busy"}`: StatusBusy,
		`{"status":"invisible"}`: StatusInvisible, `{"status":"offline"}`: 0, `{"status":""}`: 0, `{"status":null}`: 0,
		`{}`: 0, ``: 0, `"away"`: 0, `{"status":"away","x":1}`: 0, `{"status":"away","status":"busy"}`: 0,
	} {
		got, err := ParseStatus([]byte(payload))
		if (err == nil) != (want != 0) || err == nil && got != want || err != nil && KindOf(err) != KindInvalid {
			t.Errorf("%s: %v, %v", payload, got, err)
		}
	}
}

// elapse lets the time of a bubble pass, which takes none.
func elapse(d time.Duration) { <-time.After(d) }

// ear hears of presence and counters.
type ear struct {
	dir *Directory

	mu      sync.Mutex
	covered func(Scope, Channel) bool // nil: all
	heard   []string
	calls   int
	seen    map[PersonKey]time.Time // the store's
	failing error
}

func (e *ear) Covered(s Scope, c Channel) bool { return e.covered == nil || e.covered(s, c) }

func (e *ear) hear(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls++
	e.heard = append(e.heard, fmt.Sprintf(format, args...))
}

// take gives what was heard since it was asked last, in order of the alphabet.
func (e *ear) take() string {
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	out := e.heard
	e.heard = nil
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func (e *ear) to(only []PersonKey) string {
	if only == nil {
		return ""
	}
	var names []string
	for _, key := range only {
		names = append(names, e.dir.AnyPerson(key).Name)
	}
	slices.Sort(names)
	return " to " + strings.Join(names, "+")
}

func when(p Presence) string {
	if p.LastSeen.IsZero() {
		return p.Status.String()
	}
	return fmt.Sprintf("%v since %v", p.Status, p.LastSeen.Sub(began))
}

// began is when time begins in a bubble.
var began = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (e *ear) AnnouncePresence(p Presence, only []PersonKey) {
	e.hear("%s %s%s", e.dir.AnyPerson(p.Person).Name, when(p), e.to(only))
}

func (e *ear) AnnounceAttendance(space *Space, online int, only []PersonKey) {
	e.hear("%s: %d%s", space.ID, online, e.to(only))
}

func (e *ear) AnnounceAttendee(space *Space, p Presence, only []PersonKey) {
	e.hear("%s: %s %s%s", space.ID, e.dir.AnyPerson(p.Person).Name, when(p), e.to(only))
}

func (e *ear) Seen(_ context.Context, people []PersonKey) (map[PersonKey]time.Time, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := map[PersonKey]time.Time{}
	for _, p := range people {
		if at, ok := e.seen[p]; ok {
			out[p] = at
		}
	}
	return out, e.failing
}

func (e *ear) SaveSeen(_ context.Context, seen map[PersonKey]time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failing != nil {
		return e.failing
	}
	for p, at := range seen {
		if at.After(e.seen[p]) {
			e.seen[p] = at
		}
	}
	return nil
}

// saved is what the store has of a person.
func (e *ear) saved(p PersonKey) time.Time {
	synctest.Wait() // for those who are saving
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.seen[p]
}

// presences run in a bubble with the town's rights, a grace of 8 s and contexts of
// at most 3 live members.
func presences(t *testing.T, store *rightsStore) (*Presences, *ear, func()) {
	t.Helper()
	d := loaded(t, store, time.Now)
	e := &ear{dir: d, seen: map[PersonKey]time.Time{}}
	ps := NewPresences(d, e, e, 3, 8*time.Second, quiet(), time.Now)
	d.OnDelta(ps.Follow)
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { ps.Serve(ctx) })
	work.Go(func() { d.Watch(ctx, 100*time.Millisecond) })
	end := func() { cancel(); work.Wait() }
	return ps, e, end
}

func TestOneIsThereUntilTheLastDeviceIsGoneForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ps, e, end := presences(t, talkingTown())
		defer end()
		is := func(want string) {
			t.Helper()
			if got := e.take(); got != want {
				t.Errorf("at %v: %q, want %q", time.Since(began), got, want)
			}
		}
		ps.Came(bob)
		is("bob online, bob online to bob, group: 1, group: bob online, lobby: 1, lobby: bob online, " +
			"pair: 1, pair: bob online, staff: 1, staff: bob online")
		elapse(time.Second)
		ps.Came(bob)
		ps.Left(bob)
		elapse(time.Minute)
		is("")
		ps.Left(bob) // at 1:01
		elapse(7 * time.Second)
		is("")
		ps.Came(bob)
		elapse(time.Minute)
		is("")
		ps.Left(bob) // at 2:08
		elapse(9 * time.Second)
		const since = "offline since 2m8s" // which contexts do not tell
		is("bob " + since + ", bob " + since + " to bob, group: 0, group: bob " + since + ", lobby: 0, lobby: bob offline, " +
			"pair: 0, pair: bob " + since + ", staff: 0, staff: bob offline")
		elapse(5 * time.Second)
		if got := e.saved(bob).Sub(began); got != 2*time.Minute+8*time.Second {
			t.Errorf("stored %v", got)
		}
		if n := len(ps.here); n != 0 {
			t.Errorf("%d are still in memory", n)
		}
		p, may, err := ps.Of(t.Context(), as(alice), bob)
		if err != nil || !may || when(p) != since {
			t.Errorf("%v %v %v", when(p), may, err)
		}
	})
}

func TestWhoIsInvisibleWentWhenItSaidSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ps, e, end := presences(t, talkingTown())
		defer end()
		e.covered = func(s Scope, _ Channel) bool { return s == bob.Scope() }
		is := func(want string) {
			t.Helper()
			elapse(2 * time.Second)
			if got := e.take(); got != want {
				t.Errorf("at %v: %q, want %q", time.Since(began), got, want)
			}
		}
		say := func(s Status) {
			t.Helper()
			if err := ps.Say(as(bob), s); err != nil {
				t.Fatal(err)
			}
		}
		ps.Came(bob)
		is("bob online, bob online to bob")
		say(StatusAway)
		is("bob away, bob away to bob")
		say(StatusInvisible) // at 4 s
		is("bob invisible to bob, bob offline since 4s")
		say(StatusInvisible)
		is("")
		ps.Left(bob)
		elapse(time.Minute)
		is("bob offline since 4s to bob")
		ps.Came(bob) // it said so before
		is("bob invisible to bob")
		if p, _, _ := ps.Of(t.Context(), as(alice), bob); when(p) != "offline since 4s" {
			t.Errorf("others see %v", when(p))
		}
		if p, _, _ := ps.Of(t.Context(), as(bob), bob); when(p) != "invisible" {
			t.Errorf("it sees %v", when(p))
		}
		elapse(20 * time.Minute) // whoever stays visible is noted now and then
		if got := e.saved(bob).Sub(began); got != 4*time.Second {
			t.Errorf("stored %v", got)
		}
		say(StatusBusy)
		is("bob busy, bob busy to bob")
	})
}

func TestAFlickeringStatusIsToldOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ps, e, end := presences(t, talkingTown())
		defer end()
		ps.Came(bob)
		e.take()
		e.mu.Lock()
		e.calls = 0
		e.mu.Unlock()
		for i := range 1000 { // in 10 s
			_ = ps.Say(as(bob), []Status{StatusAway, StatusBusy}[i%2])
			elapse(10 * time.Millisecond)
		}
		elapse(2 * time.Second)
		if e.take(); e.calls > 12*10 || e.calls < 5*10 { // ten topics
			t.Errorf("%d messages", e.calls)
		}
		if p, _, _ := ps.Of(t.Context(), as(alice), bob); p.Status != StatusBusy {
			t.Errorf("%v", p.Status)
		}
		if s := ps.Stats(); s.Merged == 0 || s.Here != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestAStormOfConnectionsIsToldAsAFewNumbers(t *testing.T) {
	t.Parallel()
	const people, spaces = 2000, 50
	store := smallTown()
	for s := range SpaceKey(spaces) {
		store.putSpace(Space{Key: 1000 + s, ID: fmt.Sprint("big", s), Owner: alice})
	}
	for p := range PersonKey(people) {
		store.putPerson(Person{Key: 1000 + p, Name: fmt.Sprint("p", p)})
		for s := range SpaceKey(spaces) {
			store.putMember(Affiliation{Space: 1000 + s, Person: 1000 + p, Member: true})
		}
	}
	synctest.Test(t, func(t *testing.T) {
		ps, e, end := presences(t, store)
		defer end()
		e.covered = func(s Scope, _ Channel) bool { return s == SpaceKey(1000).Scope() || s == SpaceKey(1001).Scope() }
		for p := range PersonKey(people) {
			ps.Came(1000 + p)
			elapse(time.Millisecond)
		}
		elapse(2 * time.Second)
		got := e.take()
		if !strings.Contains(got, "big0: 2000") || !strings.Contains(got, "big1: 2000") || strings.Contains(got, "online") || e.calls > 12 {
			t.Errorf("%d messages: %s", e.calls, got)
		}
		for p := range PersonKey(people) {
			ps.Left(1000 + p)
		}
		elapse(10 * time.Second)
		if got := e.take(); got != "big0: 0, big1: 0" {
			t.Errorf("%s", got)
		}
	})
}

func TestHiddenPeopleAreNotToldOf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := talkingTown()
		store.putPerson(Person{Key: bob, Name: "bob", Roles: RoleHidden})
		ps, e, end := presences(t, store)
		defer end()
		e.covered = func(s Scope, _ Channel) bool { return s != bob.Scope() } // whose readers are the rights' matter
		ps.Came(bob)
		elapse(2 * time.Second)
		ps.Left(bob)
		elapse(10 * time.Second)
		if got := e.take(); got != "" {
			t.Errorf("heard %s", got)
		}
		// Somebody who is hidden while there goes for all others.
		store.putPerson(Person{Key: alice, Name: "alice"})
		ps.Came(alice)
		elapse(2 * time.Second)
		e.take()
		e.covered = func(s Scope, _ Channel) bool { return s == lobby.Scope() }
		store.putPerson(Person{Key: alice, Name: "alice", Roles: RoleHidden})
		elapse(2 * time.Second)
		if got := e.take(); got != "lobby: 0, lobby: alice offline" {
			t.Errorf("heard %s", got)
		}
		if n, who, err := ps.Attending(t.Context(), ps.dir.SpaceByKey(lobby), bob); n != 0 || len(who) != 0 || err != nil {
			t.Errorf("%d %v %v", n, who, err)
		}
	})
}

func TestWhoJoinsLearnsWhoIsThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := talkingTown()
		ps, e, end := presences(t, store)
		defer end()
		ps.Came(alice)
		ps.Came(carol)
		elapse(2 * time.Second)
		e.take()
		e.covered = func(s Scope, _ Channel) bool { return s.Kind == ScopeSpace }
		is := func(want string) {
			t.Helper()
			elapse(2 * time.Second)
			if got := e.take(); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
		store.putMember(Affiliation{Space: lobby, Person: carol, Member: true})
		is("lobby: 2, lobby: 2 to carol, lobby: alice online to carol, lobby: carol online")
		store.putMember(Affiliation{Space: lobby, Person: eve, Member: true}) // the fourth, who is not there
		is("")
		store.putMember(Affiliation{Space: lobby, Person: eve})
		store.putMember(Affiliation{Space: lobby, Person: carol})
		is("lobby: 1, lobby: carol offline")
		e.covered = func(s Scope, _ Channel) bool { return s.Kind == ScopePerson }
		store.putMember(Affiliation{Space: groupSpace, Person: carol, Member: true})
		is("alice online to carol, bob offline to carol, carol online to alice, carol online to bob")
	})
}

func TestABlockKeepsTwoApartInAConversation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := talkingTown()
		store.putMember(Affiliation{Space: groupSpace, Person: carol, Member: true})
		store.putBlock(alice, bob)
		ps, e, end := presences(t, store)
		defer end()
		e.covered = func(s Scope, _ Channel) bool { return s == Scope{ScopeConversation, int64(groupSpace)} }
		ps.Came(bob)
		elapse(2 * time.Second)
		if got := e.take(); got != "group: 1, group: bob online to bob+carol" {
			t.Errorf("heard %s", got)
		}
		for reader, want := range map[PersonKey]string{alice: "alice offline carol offline", carol: "alice offline bob online carol offline"} {
			_, who, err := ps.Attending(t.Context(), ps.dir.SpaceByKey(groupSpace), reader)
			var got []string
			for _, p := range who {
				got = append(got, e.dir.AnyPerson(p.Person).Name+" "+when(p))
			}
			if strings.Join(got, " ") != want || err != nil {
				t.Errorf("%d sees %v, %v", reader, got, err)
			}
		}
	})
}

func TestByRightsThatNobodyConfirmsNothingIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := talkingTown()
		ps, e, end := presences(t, store)
		defer end()
		set := func(err error) {
			store.mu.Lock()
			defer store.mu.Unlock()
			store.err = err
		}
		set(errors.New("away"))
		elapse(3 * time.Second)
		ps.Came(bob)
		elapse(time.Minute)
		if got := e.take(); got != "" {
			t.Errorf("heard %s", got)
		}
		set(nil)
		elapse(time.Second)
		if got := e.take(); !strings.Contains(got, "lobby: bob online") {
			t.Errorf("heard %s", got)
		}
	})
}

func TestWhenPeopleWereSeenIsStoredAtTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ps, e, end := presences(t, talkingTown())
		e.failing = Unavailable(errors.New("away"))
		ps.Came(alice)
		ps.Came(bob)
		ps.Came(carol)
		_ = ps.Say(as(carol), StatusInvisible) // at 0 s
		elapse(time.Minute)
		ps.Left(bob)
		elapse(time.Second) // and nobody is told yet
		if s := ps.Stats(); s.Failures == 0 {
			t.Errorf("%+v", s)
		}
		e.mu.Lock()
		e.failing = nil
		e.mu.Unlock()
		end()
		for person, want := range map[PersonKey]time.Duration{alice: 61 * time.Second, bob: time.Minute, carol: 0} {
			if got := e.saved(person).Sub(began); got != want {
				t.Errorf("%d: %v, want %v", person, got, want)
			}
		}
	})
}
