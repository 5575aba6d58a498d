package hooks_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rambla/broker"
	"rambla/hooks"
	"rambla/social"
	"rambla/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a gate over the use cases and a real store. Nobody is connected; what
// would be delivered is remembered.
type site struct {
	*testing.T
	gate   *hooks.Gate
	dir    *social.Directory
	spaces *social.Spaces
	people *social.People
	walls  *social.Walls
	data   *social.Data

	mu        sync.Mutex
	at        time.Time
	delivered []*broker.Delivery
}

// retainedHere is how many retained messages a context of a site has room for.
const retainedHere = 20

// newSite has alice, bob, carol and the manager root; the contexts lobby
// (open) and staff (closed), both owned by alice, with bob a member.
func newSite(t *testing.T) *site {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	db, err := storage.Open(t.Context(), storage.Config{Dir: t.TempDir(), Migrate: true, Logger: logger, Data: social.DataLimits{Retained: retainedHere}})
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	s := &site{T: t, at: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	s.dir = social.NewDirectory(db, logger, s.now)
	open, err := social.ParseOpenTopics("broker.open_topics", []string{"sensors/"})
	if err != nil {
		t.Fatal(err)
	}
	s.dir.SetOpenTopics(open)
	s.gate = hooks.New(s, s.dir)
	s.gate.Attach(s)
	ids := &social.IDs{}
	announcer := social.NewAnnouncer(db, s.dir, s.gate)
	committer := social.NewCommitter(db, announcer, 1, logger, s.now)
	s.spaces = social.NewSpaces(s.dir, db, announcer, ids, false, logger, s.now)
	s.people = social.NewPeople(s.dir, db, s.now)
	tails := social.NewTails(db, s.now)
	markers := social.NewMarkers(s.dir, tails, announcer, s.gate, 3, logger, s.now)
	posts := social.NewPosts(s.dir, db, committer, ids, s.now)
	s.walls = social.NewWalls(s.dir, db, social.NewRepeats(posts, false, s.now), s.now)
	s.gate.MakeWalls(s.walls)
	s.data = social.NewData(s.dir, db, committer, s.now)
	s.gate.Serve(posts, s.data, markers, db, announcer)
	s.gate.ServeLive(social.NewTyping(s.dir, 3, s.now), social.NewPresences(s.dir, db, s.gate, 3, time.Minute, logger, s.now),
		social.NewCounters(s.dir, tails, s.gate, logger, s.now), tails, s.now)
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-stopped
		if err := db.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	go func() {
		defer close(stopped)
		var work sync.WaitGroup
		work.Go(func() { committer.Serve(ctx) })
		work.Go(func() { markers.Serve(ctx) })
		work.Wait()
	}()
	if err := s.dir.Load(ctx); err != nil {
		t.Fatalf("load: %v", err)
	}
	for _, name := range []string{"alice", "bob", "carol", "root"} {
		p := social.NewPerson{Name: name}
		if name == "root" {
			p.Roles = social.RoleManager
		}
		if _, err := s.people.Found(ctx, p); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	alice := social.Actor{Person: s.key("alice")}
	for id, preset := range map[string]string{"lobby": "open", "staff": "closed"} {
		if _, err := s.spaces.Found(ctx, alice, social.Space{ID: id, Policies: social.Presets()[preset]}); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		if _, err := s.spaces.Admit(ctx, alice, id, "bob"); err != nil {
			t.Fatalf("bob joins %s: %v", id, err)
		}
	}
	s.take()
	return s
}

func (s *site) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

func (s *site) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = s.at.Add(d)
}

func (s *site) Deliver(d *broker.Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delivered = append(s.delivered, d)
}

func (s *site) Covered(social.Scope, social.Channel) bool { return true }

// take returns what was delivered since it was asked last.
func (s *site) take() []*broker.Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.delivered
	s.delivered = nil
	return out
}

// Authenticate takes a person's name as the password, with scopes behind a
// slash; "ends:" in front lets the credential end in a minute.
func (s *site) Authenticate(_ context.Context, dir *social.Directory, username, password string, from netip.AddrPort) (hooks.Identity, error) {
	if !from.IsValid() {
		return hooks.Identity{}, social.Errorf(social.KindInternal, "The address was not handed on.")
	}
	password, ends := strings.CutPrefix(password, "ends:")
	name, text, _ := strings.Cut(password, "/")
	p, ok := dir.PersonByName(username)
	if !ok || name != p.Name {
		return hooks.Identity{}, social.Errorf(social.KindUnauthenticated, "The name or password is wrong.")
	}
	scopes, err := social.ParseScopes("scope", text)
	id := hooks.Identity{Person: p.Key, Scopes: scopes}
	if text != "" {
		id.Grant = 9
	}
	if ends {
		id.Expires = s.now().Add(time.Minute)
	}
	return id, err
}

// AuthenticateToken takes "token:" and a person's name.
func (s *site) AuthenticateToken(_ context.Context, dir *social.Directory, _, token string) (hooks.Identity, error) {
	name, is := strings.CutPrefix(token, "token:")
	p, ok := dir.PersonByName(name)
	if !is || !ok {
		return hooks.Identity{}, social.Errorf(social.KindUnauthenticated, "That is no token.")
	}
	return hooks.Identity{Person: p.Key, Grant: 9}, nil
}

// Recall knows the grant 9 alone.
func (s *site) Recall(_ context.Context, person social.PersonKey, grant social.GrantKey) (hooks.Identity, error) {
	if grant != 9 {
		return hooks.Identity{}, social.Errorf(social.KindUnauthenticated, "That grant has ended.")
	}
	return hooks.Identity{Person: person, Grant: grant}, nil
}

func (s *site) key(name string) social.PersonKey {
	s.Helper()
	p, ok := s.dir.PersonByName(name)
	if !ok {
		s.Fatalf("there is no %s", name)
	}
	return p.Key
}

func (s *site) space(id string) social.SpaceKey {
	s.Helper()
	sight, err := s.dir.See(social.Actor{Person: s.key("alice")}, id)
	if err != nil {
		s.Fatal(err)
	}
	return sight.Space.Key
}

// login connects name; who may be followed by scopes: "bob/read write".
func (s *site) login(who string) *broker.Principal {
	s.Helper()
	p, err := s.connect(who)
	if err != nil {
		s.Fatalf("%s connects: %v", who, err)
	}
	return p
}

func (s *site) connect(who string) (*broker.Principal, error) {
	name, _, _ := strings.Cut(strings.TrimPrefix(who, "ends:"), "/")
	return s.gate.Connect(s.Context(), broker.Login{
		ClientID: "c", Username: name, Password: []byte(who), Version: 5, Remote: netip.MustParseAddrPort("192.0.2.1:1"),
	})
}

type outcome struct {
	broker.Receipt
	err error
}

// publish waits for the gate's answer.
func (s *site) publish(p *broker.Principal, pub broker.Publication) outcome {
	s.Helper()
	done := make(chan outcome, 2)
	s.gate.Publish(p, &pub, func(r broker.Receipt, err error) { done <- outcome{r, err} })
	select {
	case o := <-done:
		return o
	case <-time.After(20 * time.Second):
		s.Fatal("the gate does not answer")
		return outcome{}
	}
}

func (s *site) refresh() {
	s.Helper()
	if err := s.dir.Refresh(s.Context()); err != nil {
		s.Fatal(err)
	}
}

func kind(err error) string {
	if err == nil {
		return "allowed"
	}
	return social.KindOf(err).String()
}

func user(pairs ...string) *social.Properties {
	p := &social.Properties{}
	for pair := range slices.Chunk(pairs, 2) {
		p.User = append(p.User, social.UserProperty{Name: pair[0], Value: pair[1]})
	}
	return p
}

func words(set social.ChannelSet) string {
	var out []string
	for c := social.ChannelMessages; c <= social.ChannelReceipts; c++ {
		if set.Has(c) {
			out = append(out, fmt.Sprintf("%d", c))
		}
	}
	return strings.Join(out, " ")
}
