package social

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// shelf is a MarkerStore that counts one by one, and takes its time.
type shelf struct {
	MarkerStore
	dir *Directory

	mu      sync.Mutex
	slow    func() time.Duration
	err     error
	asked   int
	posts   map[StreamKey][]shelved
	read    map[markerKey]uint64
	readers map[PersonKey]bool // who is subscribed
	told    map[PersonKey]Counts
	times   map[PersonKey]time.Time
	tooFast int
}

type shelved struct {
	Post
	gone bool
}

func (s *shelf) Progress(_ context.Context, of []ProgressQuery) ([]Progress, error) {
	s.mu.Lock()
	slow, err := s.slow, s.err
	out := make([]Progress, len(of))
	s.asked += len(of)
	for i, q := range of {
		out[i].Stream, out[i].Person, out[i].Head = q.Stream, q.Person, uint64(len(s.posts[q.Stream]))
		out[i].Unread = s.unreadLocked(q)
	}
	s.mu.Unlock()
	if slow != nil {
		elapse(slow())
	}
	return out, err
}

func (s *shelf) unreadLocked(q ProgressQuery) (n uint64) {
	for _, p := range s.posts[q.Stream] {
		if p.Seq > max(q.Base, s.read[markerKey{q.Stream, q.Person}]) && p.Counts() && !p.gone && p.Author != q.Person &&
			(!p.Private || slices.Contains(p.To, q.Person)) {
			n++
		}
	}
	return n
}

// due are somebody's counters, counted one by one.
func (s *shelf) due(person PersonKey) (c Counts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sight := range s.dir.readsIn(person) {
		*c.of(sight.Space.Kind) += s.unreadLocked(sight.progressOf(ChannelMessages, person))
	}
	return c
}

// add commits a post.
func (s *shelf) add(space *Space, p Post) *Post {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.Stream = space.Stream(ChannelMessages)
	p.Seq = uint64(len(s.posts[p.Stream])) + 1
	if p.Type == TypeDelete && p.Seq > 1 {
		s.posts[p.Stream][rand.IntN(int(p.Seq)-1)].gone = true //nolint:gosec // a test's numbers are small
	}
	s.posts[p.Stream] = append(s.posts[p.Stream], shelved{Post: p})
	return &p
}

func (s *shelf) Covered(scope Scope, c Channel) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return c == ChannelCounters && s.readers[PersonKey(scope.Key)]
}

func (s *shelf) AnnounceCounts(person PersonKey, c Counts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.times[person]) < countersEvery {
		s.tooFast++
	} else {
		s.times[person] = now
	}
	s.told[person] = c
}

func (s *shelf) last(person PersonKey) Counts {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told[person]
}

func counters(t *testing.T, store *rightsStore) (*Counters, *shelf, func()) {
	t.Helper()
	d := loaded(t, store, time.Now)
	s := &shelf{
		dir: d, posts: map[StreamKey][]shelved{}, read: map[markerKey]uint64{},
		readers: map[PersonKey]bool{}, told: map[PersonKey]Counts{}, times: map[PersonKey]time.Time{},
	}
	cs := NewCounters(d, s, s, quiet(), time.Now)
	d.OnDelta(cs.Follow)
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { cs.Serve(ctx) })
	work.Go(func() { d.Watch(ctx, 100*time.Millisecond) })
	return cs, s, func() { cancel(); work.Wait() }
}

// subscribe is what a device does that gets the retained counters.
func (s *shelf) subscribe(t *testing.T, cs *Counters, person PersonKey) {
	t.Helper()
	s.mu.Lock()
	s.readers[person] = true
	s.mu.Unlock()
	cs.Subscribed(person)
	c, err := cs.Of(t.Context(), person)
	if err != nil {
		t.Error(err)
	}
	s.mu.Lock()
	s.told[person] = c
	s.mu.Unlock()
}

func TestCountersAgreeWithTheStoreWhateverCrosses(t *testing.T) {
	t.Parallel()
	people, rooms := []PersonKey{alice, bob, carol, root, eve}, []SpaceKey{lobby, staff, groupSpace, 80}
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test's
				store := talkingTown()
				store.putSpace(Space{Key: 80, ID: "open", Owner: alice, Policies: Presets()["open"]})
				for _, p := range people {
					store.putMember(Affiliation{Space: 80, Person: p, Member: true})
				}
				cs, s, end := counters(t, store)
				defer end()
				pause := seed%3 == 0
				s.slow = func() time.Duration { return time.Duration(rand.IntN(30)) * time.Millisecond } //nolint:gosec // a test's
				for i := range 600 {
					person, space := people[r.IntN(len(people))], s.dir.SpaceByKey(rooms[r.IntN(len(rooms))])
					switch n := r.IntN(20); {
					case n < 10:
						p := Post{Type: TypeCreate, Author: person}
						if n == 0 {
							p.Private, p.To = true, []PersonKey{people[r.IntN(len(people))]}
						}
						cs.Posted(space, s.add(space, p))
					case n < 12:
						cs.Posted(space, s.add(space, Post{Type: []string{TypeUpdate, TypeDelete}[n-10], Author: person}))
					case n < 15:
						s.mu.Lock()
						stream := space.Stream(ChannelMessages)
						key := markerKey{stream, person}
						s.read[key] = max(s.read[key], uint64(r.IntN(len(s.posts[stream])+1))) //nolint:gosec // not negative
						s.mu.Unlock()
						cs.Moved(space.Key, person)
					case n < 16:
						if space.Kind == KindContext && person != alice {
							_, member := s.dir.membership(space.Key, person)
							store.putMember(Affiliation{Space: space.Key, Person: person, Member: !member})
						}
					case n < 18:
						go s.subscribe(t, cs, person)
					case n == 18 && i > 300:
						s.mu.Lock()
						s.readers[person] = false
						s.mu.Unlock()
					}
					if pause || r.IntN(4) == 0 {
						elapse(time.Duration(r.IntN(40)) * time.Millisecond)
					}
				}
				elapse(4 * time.Second)
				n := 0
				for _, p := range people {
					s.mu.Lock()
					subscribed := s.readers[p]
					s.mu.Unlock()
					if subscribed {
						n++
						if got, want := s.last(p), s.due(p); got != want {
							t.Errorf("%d was told %+v, has %+v", p, got, want)
						}
					}
				}
				if n == 0 || s.tooFast > 0 {
					t.Errorf("%d people; told %d times too soon", n, s.tooFast)
				}
			})
		})
	}
}

func TestANewPostIsToldWithinASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cs, s, end := counters(t, talkingTown())
		defer end()
		s.subscribe(t, cs, bob)
		space := s.dir.SpaceByKey(groupSpace)
		for i := range 50 {
			cs.Posted(space, s.add(space, Post{Type: TypeCreate, Author: alice}))
			elapse(time.Second)
			if got := s.last(bob); got != (Counts{Conversations: uint64(i) + 1}) { //nolint:gosec // not negative
				t.Fatalf("a second after the %dth: %+v", i+1, got)
			}
			elapse(time.Duration(i) * 17 * time.Millisecond)
		}
		if s.asked > 4 { // his spaces, once
			t.Errorf("the store was asked %d times", s.asked)
		}
	})
}

func TestABusyContextCostsAMessageASecondForEachReader(t *testing.T) {
	t.Parallel()
	const people = 1000
	store := smallTown()
	for p := range PersonKey(people) {
		store.putPerson(Person{Key: 1000 + p, Name: fmt.Sprint("p", p)})
		store.putMember(Affiliation{Space: lobby, Person: 1000 + p, Member: true})
	}
	synctest.Test(t, func(t *testing.T) {
		cs, s, end := counters(t, store)
		defer end()
		for p := range PersonKey(people) {
			s.subscribe(t, cs, 1000+p)
		}
		space := s.dir.SpaceByKey(lobby)
		for range 5000 { // in 5 s
			cs.Posted(space, s.add(space, Post{Type: TypeCreate, Author: alice}))
			elapse(time.Millisecond)
		}
		elapse(2 * time.Second)
		if got := s.last(1000); got.Contexts != 5000 {
			t.Errorf("%+v", got)
		}
		if st := cs.Stats(); st.Told > 9*people || st.Asked > people || st.Readers != people {
			t.Errorf("%+v", st)
		}
		// Nobody is left in memory whose subscription is over.
		s.mu.Lock()
		clear(s.readers)
		s.mu.Unlock()
		cs.Posted(space, s.add(space, Post{Type: TypeCreate, Author: alice}))
		elapse(2 * time.Second)
		if len(cs.readers)+len(cs.rooms)+len(cs.came) > 0 {
			t.Errorf("%d readers, %d rooms, %d with arrivals", len(cs.readers), len(cs.rooms), len(cs.came))
		}
	})
}

func TestCountersComeWhenTheStoreAnswersAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cs, s, end := counters(t, talkingTown())
		defer end()
		space := s.dir.SpaceByKey(lobby)
		s.add(space, Post{Type: TypeCreate, Author: alice})
		s.subscribe(t, cs, bob)
		set := func(err error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.err = err
		}
		set(Unavailable(errors.New("away")))
		if _, err := cs.Of(t.Context(), alice); KindOrNil(err) != KindUnavailable {
			t.Errorf("%v", err)
		}
		s.mu.Lock()
		s.read[markerKey{space.Stream(ChannelMessages), bob}] = 1
		s.mu.Unlock()
		cs.Moved(lobby, bob)
		elapse(10 * time.Second)
		if got := s.last(bob); got.Contexts != 1 {
			t.Errorf("told %+v by nobody knows whom", got)
		}
		set(nil)
		elapse(time.Second)
		if got := s.last(bob); got != (Counts{}) {
			t.Errorf("%+v", got)
		}
	})
}
