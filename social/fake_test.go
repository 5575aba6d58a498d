package social

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// rightsStore is a DirectoryStore in memory.
type rightsStore struct {
	mu      sync.Mutex
	changes []Change
	people  map[PersonKey]Person
	spaces  map[SpaceKey]Space
	members map[Member]Affiliation
	blocks  []Block
	err     error // of every call, or of those that failing names
	failing string
	onCall  func(what string) // before a call is answered; may change the store
}

func newRightsStore() *rightsStore {
	return &rightsStore{people: map[PersonKey]Person{}, spaces: map[SpaceKey]Space{}, members: map[Member]Affiliation{}}
}

func (s *rightsStore) called(what string) error {
	s.mu.Lock()
	f, err := s.onCall, s.err
	if s.failing != "" && s.failing != what {
		err = nil
	}
	s.mu.Unlock()
	if f != nil {
		f(what)
	}
	return err
}

func (s *rightsStore) noteLocked(c Change) {
	c.Version = int64(len(s.changes)) + 1
	s.changes = append(s.changes, c)
}

func (s *rightsStore) putPerson(p Person) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.DisplayName == "" {
		p.DisplayName = p.Name
	}
	s.people[p.Key] = p
	s.noteLocked(Change{Kind: ChangePerson, Person: p.Key})
}

func (s *rightsStore) putSpace(sp Space) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := ChannelMessages; c <= ChannelData; c++ {
		sp.Streams[c] = StreamKey(int64(sp.Key)*10 + int64(c))
	}
	s.spaces[sp.Key] = sp
	s.noteLocked(Change{Kind: ChangeSpace, Space: sp.Key})
}

func (s *rightsStore) putMember(a Affiliation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := Member{a.Space, a.Person}
	s.members[m] = a
	if !a.Member && !a.Banned && len(a.Overrides) == 0 {
		delete(s.members, m)
	}
	s.noteLocked(Change{Kind: ChangeMember, Space: a.Space, Person: a.Person})
}

func (s *rightsStore) ChangesAfter(_ context.Context, version int64, limit int) ([]Change, error) {
	if err := s.called("changes"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := s.changes[version:]
	return slices.Clone(rest[:min(limit, len(rest))]), nil
}

func (s *rightsStore) Version(context.Context) (int64, error) {
	err := s.called("version")
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(len(s.changes)), err
}

func (s *rightsStore) People(_ context.Context, keys []PersonKey, each func(Person)) error {
	err := s.called("people")
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, p := range s.people {
		if err == nil && (keys == nil || slices.Contains(keys, key)) {
			each(p)
		}
	}
	return err
}

func (s *rightsStore) Spaces(_ context.Context, keys []SpaceKey, each func(Space)) error {
	err := s.called("spaces")
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, sp := range s.spaces {
		if err == nil && (keys == nil || slices.Contains(keys, key)) {
			each(sp)
		}
	}
	return err
}

func (s *rightsStore) Affiliations(_ context.Context, of []Member, each func(Affiliation)) error {
	err := s.called("members")
	s.mu.Lock()
	defer s.mu.Unlock()
	for m, a := range s.members {
		if err == nil && (of == nil || slices.Contains(of, m)) {
			each(a)
		}
	}
	return err
}

func (s *rightsStore) putBlock(person, blocked PersonKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blocks = append(s.blocks, Block{Person: person, Blocked: blocked})
	s.noteLocked(Change{Kind: ChangeBlock, Person: person})
}

func (s *rightsStore) Blocks(_ context.Context, people []PersonKey, each func(Block)) error {
	err := s.called("blocks")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.blocks {
		if err == nil && (people == nil || slices.Contains(people, b.Person)) {
			each(b)
		}
	}
	return err
}

func (s *rightsStore) OpenStreams(_ context.Context, prefixes []string) ([]OpenStream, error) {
	err := s.called("open")
	var out []OpenStream
	for i, p := range prefixes {
		out = append(out, OpenStream{Prefix: p, Stream: StreamKey(1000 + i)})
	}
	return out, err
}

// The people and spaces of smallTown.
const (
	alice, bob, carol, root, eve PersonKey = 1, 2, 3, 4, 5
	lobby, staff                 SpaceKey  = 1, 2
)

// smallTown has alice, who owns the open lobby and the closed staff; bob, a
// member of both; carol and eve, members of nothing; root, the manager.
func smallTown() *rightsStore {
	s := newRightsStore()
	s.putPerson(Person{Key: alice, Name: "alice", DisplayName: "Alice"})
	s.putPerson(Person{Key: bob, Name: "bob", DisplayName: "Bob", Aliases: []string{"robert"}})
	s.putPerson(Person{Key: carol, Name: "carol"})
	s.putPerson(Person{Key: root, Name: "root", Roles: RoleManager})
	s.putPerson(Person{Key: eve, Name: "eve"})
	presets := Presets()
	s.putSpace(Space{Key: lobby, ID: "lobby", Owner: alice, Policies: presets["open"]})
	s.putSpace(Space{Key: staff, ID: "staff", Owner: alice, Policies: presets["closed"]})
	for _, m := range []Member{{lobby, alice}, {lobby, bob}, {staff, alice}, {staff, bob}} {
		s.putMember(Affiliation{Space: m.Space, Person: m.Person, Member: true})
	}
	return s
}

// loaded is a directory that has read the store.
func loaded(t testing.TB, s DirectoryStore, now func() time.Time) *Directory {
	t.Helper()
	d := NewDirectory(s, quiet(), now)
	if err := d.Load(t.Context()); err != nil {
		t.Fatalf("load: %v", err)
	}
	return d
}

func atNoon() time.Time { return noon }

func as(p PersonKey) Actor { return Actor{Person: p, Generator: "rest"} }

func withScopes(t testing.TB, p PersonKey, scopes string) Actor {
	t.Helper()
	a := as(p)
	a.Scopes = mustScopes(t, scopes)
	return a
}
