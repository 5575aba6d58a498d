package social

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestAReceiptIsOneOrTwoNumbers(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]Receipt{
		`{"read":0}`:                               {},
		`{"read":7}`:                               {Read: 7},
		` { "delivered" : 9 , "read" : 7 } `:       {Delivered: 9, Read: 7},
		`{"delivered":9}`:                          {Delivered: 9},
		`{"read":9223372036854775807}`:             {Read: math.MaxInt64},
		`{"read":18446744073709551615}`:            {Read: math.MaxInt64},
		`{"read":1000000000000000000000000000001}`: {Read: math.MaxInt64},
	} {
		if got, err := ParseReceipt([]byte(payload)); err != nil || got != want {
			t.Errorf("%s is %+v, %v; want %+v", payload, got, err, want)
		}
	}
	for _, payload := range []string{
		"", "7", "null", "[]", "{}", "{", `{"read":}`, `{"read":-1}`, `{"read":1.0}`, `{"read":1e3}`, `{"read":"1"}`, `{"read":null}`, `{"read":true}`,
		`{"read":{}}`, `{"read":1,"read":2}`, `{"Read":1}`, `{"read":1,"actor":"bob"}`, `{"read":1}{}`, "{\"read\":1,\"\xff\":2}",
	} {
		if got, err := ParseReceipt([]byte(payload)); KindOrNil(err) != KindInvalid {
			t.Errorf("%q is %+v, %v; want it invalid", payload, got, err)
		}
	}
}

func TestAnEmptyReceiptIsToldWhatItLacks(t *testing.T) {
	t.Parallel()
	var e *Error
	if _, err := ParseReceipt([]byte("{}")); !errors.As(err, &e) || len(e.Fields) != 1 || e.Fields[0].Name != "read" {
		t.Errorf("%+v", err)
	}
}

func FuzzParseReceipt(f *testing.F) {
	for _, s := range []string{`{"read":1}`, `{"delivered":1,"read":2}`, `{"read":-1}`, `{}`, "\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		r, err := ParseReceipt(payload)
		if err != nil {
			if k := KindOf(err); k != KindInvalid || r.Read > math.MaxInt64 {
				t.Fatalf("%q: %v", payload, err)
			}
			return
		}
		again, err := ParseReceipt(fmt.Appendf(nil, `{"delivered":%d,"read":%d}`, r.Delivered, r.Read))
		if err != nil || again != r {
			t.Fatalf("%q is %+v, written and read again %+v, %v", payload, r, again, err)
		}
	})
}

// markerStore keeps markers in memory, all streams 100 long.
type markerStore struct {
	mu      sync.Mutex
	batches [][]MarkerMove
	markers map[markerKey]Marker
	err     error
}

func (s *markerStore) SpaceMarks(context.Context, PersonKey, []*Space, time.Time) (map[SpaceKey]SpaceMark, error) {
	return nil, nil
}

func (s *markerStore) LeftSince(context.Context, PersonKey, int64, int) ([]SpaceKey, bool, error) {
	return nil, false, nil
}

func (s *markerStore) MoveMarkers(_ context.Context, moves []MarkerMove, now time.Time) ([]MarkerMoved, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches = append(s.batches, slices.Clone(moves))
	if s.err != nil {
		return nil, s.err
	}
	out := make([]MarkerMoved, len(moves))
	for i, m := range moves {
		key := markerKey{m.Stream, m.Person}
		old := s.markers[key]
		is := Marker{Stream: m.Stream, Person: m.Person, Read: max(old.Read, min(m.Read, 100)), At: now}
		is.Delivered = max(old.Delivered, is.Read, min(m.Delivered, 100))
		out[i] = MarkerMoved{Marker: is, Moved: is.Read > old.Read || is.Delivered > old.Delivered}
		if s.markers == nil {
			s.markers = map[markerKey]Marker{}
		}
		s.markers[key] = is
	}
	return out, nil
}

func (s *markerStore) Progress(_ context.Context, of []ProgressQuery) ([]Progress, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Progress, len(of))
	for i, q := range of {
		out[i].Marker = s.markers[markerKey{q.Stream, q.Person}]
	}
	return out, s.err
}

func (s *markerStore) PostsAt(context.Context, []StreamKey, []uint64) ([]Post, error) {
	return nil, errors.New("nobody asks here")
}

func (s *markerStore) commits() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.batches)
}

// toldMarkers is a MarkerAudience.
type toldMarkers struct {
	mu   sync.Mutex
	told []string
}

func (a *toldMarkers) AnnounceMarker(space *Space, m Marker, all bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.told = append(a.told, fmt.Sprintf("%s %d %d/%d %v", space.ID, m.Person, m.Delivered, m.Read, all))
}

// markersIn are the use cases in smallTown, served until the test ends.
func markersIn(t *testing.T, dir *Directory, store *markerStore) (*Markers, *toldMarkers, func()) {
	t.Helper()
	told := &toldMarkers{}
	ms := NewMarkers(dir, store, nil, told, 2, quiet(), time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); ms.Serve(ctx) }()
	stop := func() { cancel(); <-done }
	t.Cleanup(stop)
	return ms, told, stop
}

func TestReceiptsWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &markerStore{}
		ms, told, _ := markersIn(t, loaded(t, smallTown(), time.Now), store)
		var mu sync.Mutex
		var answers []uint64
		move := func(p PersonKey, n uint64) {
			ms.Move(as(p), InContext("lobby"), Receipt{Read: n}, func(m Marker, err error) {
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Errorf("%d: %v", n, err)
				}
				answers = append(answers, m.Read)
			})
		}
		move(bob, 1)
		synctest.Wait()
		if store.commits() != 1 {
			t.Fatalf("a lone receipt waits: %d commits", store.commits())
		}
		for n := range uint64(50) { // one for each message
			move(bob, n+2)
			move(alice, 60-n)
		}
		synctest.Wait()
		if store.commits() != 1 {
			t.Errorf("receipts do not wait: %d commits", store.commits())
		}
		<-time.After(markerPause)
		synctest.Wait()
		if store.commits() != 2 || len(store.batches[1]) != 2 {
			t.Errorf("%d commits, the second of %+v", store.commits(), store.batches[1:])
		}
		if len(answers) != 101 || answers[1] != 51 || answers[100] != 60 {
			t.Errorf("answered %v", answers)
		}
		want := []string{"lobby 2 1/1 false", "lobby 2 51/51 false", "lobby 1 60/60 false"}
		if !slices.Equal(told.told, want) {
			t.Errorf("told %q, want %q", told.told, want)
		}
		if got, want := ms.Stats(), (MarkerStats{Receipts: 101, Batches: 2}); got != want {
			t.Errorf("counts %+v", got)
		}
		move(bob, 3)
		<-time.After(time.Second)
		synctest.Wait()
		if len(told.told) != 3 || answers[101] != 51 {
			t.Errorf("what changes nothing: told %q, answered %d", told.told, answers[101])
		}
	})
}

func TestReceiptsThatCannotBeStoredAreNotAcknowledged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &markerStore{err: Unavailable(errors.New("away"))}
		ms, told, stop := markersIn(t, loaded(t, smallTown(), time.Now), store)
		if _, err := ms.MoveNow(t.Context(), as(bob), InContext("lobby"), Receipt{Read: 1}); KindOrNil(err) != KindUnavailable {
			t.Errorf("with the store away: %v", err)
		}
		store.mu.Lock()
		store.err = nil
		store.mu.Unlock()
		if got := ms.Stats(); got.Failures != 1 || got.Receipts != 0 || got.Waiting != 0 {
			t.Errorf("counts %+v", got)
		}
		if m, err := ms.MoveNow(t.Context(), as(bob), InContext("lobby"), Receipt{Delivered: 2}); err != nil || m.Delivered != 2 || m.Read != 0 {
			t.Errorf("with the store back: %+v, %v", m, err)
		}
		// Within the pause, so that what is accepted waits when the end comes.
		accepted := make(chan error, 1)
		ms.Move(as(bob), InContext("lobby"), Receipt{Read: 5}, func(_ Marker, err error) { accepted <- err })
		stop()
		if err := <-accepted; err != nil {
			t.Errorf("accepted before the end: %v", err)
		}
		if _, err := ms.MoveNow(t.Context(), as(bob), InContext("lobby"), Receipt{Read: 6}); KindOrNil(err) != KindUnavailable {
			t.Errorf("after the end: %v", err)
		}
		if want := []string{"lobby 2 2/0 false", "lobby 2 5/5 false"}; !slices.Equal(told.told, want) {
			t.Errorf("told %q", told.told)
		}
	})
}

func TestTooManyReceiptsAreRefused(t *testing.T) {
	t.Parallel()
	ms := NewMarkers(loaded(t, smallTown(), atNoon), &markerStore{}, nil, &toldMarkers{}, 2, quiet(), atNoon) // nobody serves
	refused := 0
	for range markerWaiting + 3 {
		ms.Move(as(bob), InContext("lobby"), Receipt{Read: 1}, func(_ Marker, err error) {
			if KindOrNil(err) == KindUnavailable {
				refused++
			}
		})
	}
	if got := ms.Stats(); got.Failures != 3 || got.Waiting != markerWaiting {
		t.Errorf("counts %+v", got)
	}
	if refused != 3 {
		t.Errorf("refused %d", refused)
	}
}

func TestWhoseMarkersAreVisible(t *testing.T) {
	t.Parallel()
	town := smallTown()
	dir := loaded(t, town, atNoon)
	store := &markerStore{markers: map[markerKey]Marker{}}
	ms := NewMarkers(dir, store, nil, &toldMarkers{}, 2, quiet(), atNoon)
	at := dir.SpaceByKey(lobby).Stream(ChannelMessages)
	for n, p := range []PersonKey{alice, bob, carol} {
		store.markers[markerKey{at, p}] = Marker{Stream: at, Person: p, Read: uint64(n) + 1, At: noon} //nolint:gosec // small
	}
	sees := func(a Actor) []PersonKey {
		t.Helper()
		found, err := ms.Visible(t.Context(), a, lobby)
		if err != nil {
			t.Fatal(err)
		}
		var out []PersonKey
		for _, m := range found {
			out = append(out, m.Person)
		}
		slices.Sort(out)
		return out
	}
	wants := func(what string, a Actor, want ...PersonKey) {
		t.Helper()
		if got := sees(a); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	change := func(f func(*Space)) {
		t.Helper()
		sp := town.spaces[lobby]
		f(&sp)
		town.putSpace(sp)
		if err := dir.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	wants("closed", as(bob), bob)
	change(func(sp *Space) { sp.Receipts = true })
	wants("open", as(bob), alice, bob)
	wants("open, to who reads without being a member", as(carol), alice, bob, carol)
	wants("who has none", as(eve), alice, bob)
	wants("a token that does not read", withScopes(t, bob, "write"))
	wants("a token for elsewhere", withScopes(t, bob, "read ctx:staff"))
	town.putMember(Affiliation{Space: lobby, Person: carol, Member: true})
	if err := dir.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	wants("too many members", as(bob), bob)
	town.putMember(Affiliation{Space: lobby, Person: carol})
	change(func(sp *Space) { sp.Policies = Presets()["closed"] })
	wants("two again", as(bob), alice, bob)
	wants("who may not read", as(carol))
	town.putPerson(Person{Key: alice, Name: "alice", Reserved: true})
	if err := dir.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	wants("one does not want it", as(bob), bob)
	wants("who does not want it sees itself, and others", as(alice), alice, bob)
	if found, err := ms.Visible(t.Context(), as(bob), 4711); found != nil || err != nil {
		t.Errorf("nowhere: %v, %v", found, err)
	}
}

func TestAReservedPersonsMarkersAreItsOwnDevicesAlone(t *testing.T) {
	t.Parallel()
	town := smallTown()
	sp := town.spaces[lobby]
	sp.Receipts = true
	town.putSpace(sp)
	town.putSpace(Space{Key: 7, Kind: KindConversation, ID: "c", Owner: alice, Receipts: true})
	for _, p := range []PersonKey{alice, bob} {
		town.putMember(Affiliation{Space: 7, Person: p, Member: true})
	}
	town.putPerson(Person{Key: alice, Name: "alice", Reserved: true})
	dir := loaded(t, town, atNoon)
	ms := NewMarkers(dir, &markerStore{markers: map[markerKey]Marker{}}, nil, &toldMarkers{}, 2, quiet(), atNoon)
	for _, space := range []SpaceKey{lobby, 7} {
		if is := dir.SpaceByKey(space); ms.open(is, alice) || !ms.open(is, bob) {
			t.Errorf("in %s others see a reserved person's markers, or do not see those of the other one", is.ID)
		}
	}
}
