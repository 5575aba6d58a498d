package social_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"rambla/social"
	"rambla/storage"
)

// site is the use cases over a real store, with nobody connected but an ear.
type site struct {
	*testing.T
	db         *storage.DB
	dir        *social.Directory
	committer  *social.Committer
	posts      *social.Posts
	activities *social.Activities
	data       *social.Data
	spaces     *social.Spaces
	people     *social.People

	mu    sync.Mutex
	at    time.Time
	heard []string // what was announced: "context channel Type by author"
}

// newSite has alice, bob, carol, eve and the manager root; the contexts lobby
// (open; bob is a member), staff (closed; bob is a member) and news
// (announcement; bob is a member), all owned by alice.
func newSite(t *testing.T) *site {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	db, err := storage.Open(t.Context(), storage.Config{Dir: t.TempDir(), Migrate: true, Logger: logger})
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	s := &site{T: t, db: db, at: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	ids := &social.IDs{}
	s.dir = social.NewDirectory(db, logger, s.now)
	announcer := social.NewAnnouncer(db, s.dir, s)
	s.committer = social.NewCommitter(db, announcer, 1, logger, s.now)
	s.posts = social.NewPosts(s.dir, db, s.committer, ids, s.now)
	s.activities = social.NewActivities(s.dir, s.posts, db, announcer, ids, s.now)
	s.data = social.NewData(s.dir, db, s.committer, s.now)
	s.spaces = social.NewSpaces(s.dir, db, announcer, ids, false, logger, s.now)
	s.people = social.NewPeople(s.dir, db, s.now)
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-stopped
		findings, err := db.Verify(context.Background())
		if err != nil {
			t.Errorf("verify the store: %v", err)
		}
		for _, f := range findings {
			t.Errorf("broken invariant: %v", f)
		}
		if err := db.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	go func() { defer close(stopped); s.committer.Serve(ctx) }()
	if err := s.dir.Load(ctx); err != nil {
		t.Fatalf("load: %v", err)
	}
	for _, name := range []string{"alice", "bob", "carol", "eve", "root"} {
		p := social.NewPerson{Name: name}
		if name == "root" {
			p.Roles = social.RoleManager
		}
		if _, err := s.people.Found(ctx, p); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	for id, preset := range map[string]string{"lobby": "open", "staff": "closed", "news": "announcement"} {
		s.found(social.Space{ID: id, Policies: social.Presets()[preset]})
		s.must(s.spaces.Admit(ctx, s.as("alice"), id, "bob"))
	}
	s.mu.Lock()
	s.heard = nil
	s.mu.Unlock()
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

func (s *site) AnnouncePost(space *social.Space, c social.Channel, p *social.Post) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, fmt.Sprintf("%s %v %s by %s", space.ID, c, p.Type, s.dir.AnyPerson(p.Author).Name))
}

func (s *site) AnnounceSample(owner social.Owner, x *social.Sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, fmt.Sprintf("%s data %s=%s", owner.Name, x.Topic, x.Payload))
}

// hears checks what was announced since it was asked last.
func (s *site) hears(want ...string) {
	s.Helper()
	s.mu.Lock()
	got := s.heard
	s.heard = nil
	s.mu.Unlock()
	if !slices.Equal(got, want) {
		s.Errorf("heard %q, want %q", got, want)
	}
}

func (s *site) as(name string) social.Actor {
	s.Helper()
	p, ok := s.dir.PersonByName(name)
	if !ok {
		s.Fatalf("there is no %s", name)
	}
	return social.Actor{Person: p.Key, Generator: "rest"}
}

func (s *site) acting(name string) social.Actor {
	s.Helper()
	a, err := s.dir.ActFor(s.as("root"), name)
	if err != nil {
		s.Fatalf("act for %s: %v", name, err)
	}
	return a
}

func (s *site) token(name, scopes string) social.Actor {
	s.Helper()
	a := s.as(name)
	var err error
	if a.Scopes, err = social.ParseScopes("scope", scopes); err != nil {
		s.Fatal(err)
	}
	return a
}

func (s *site) found(sp social.Space) {
	s.Helper()
	if _, err := s.spaces.Found(s.Context(), s.as("alice"), sp); err != nil {
		s.Fatalf("found %s: %v", sp.ID, err)
	}
}

func (s *site) must(_ bool, err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *site) refused(err error, want social.Kind, what string) {
	s.Helper()
	if social.KindOrNil(err) != want {
		s.Errorf("%s: got %v, want %v", what, err, want)
	}
}

func (s *site) allowed(err error, what string) {
	s.Helper()
	if err != nil {
		s.Errorf("%s: %v", what, err)
	}
}

// say posts and returns what was stored.
func (s *site) say(a social.Actor, context, payload string) social.Post {
	s.Helper()
	p, _, err := s.trySay(a, context, payload)
	if err != nil {
		s.Fatalf("post %s: %v", payload, err)
	}
	return p
}

func (s *site) trySay(a social.Actor, context, payload string) (social.Post, bool, error) {
	s.Helper()
	d, err := social.ParsePayload([]byte(payload), false)
	if err != nil {
		s.Fatalf("%s: %v", payload, err)
	}
	f, repeat, err := s.posts.Create(s.Context(), a, social.InContext(context), social.ChannelMessages, d)
	return f.Post, repeat, err
}

func (s *site) edit(a social.Actor, id, payload string) (social.Found, error) {
	s.Helper()
	d, err := social.ParsePayload([]byte(payload), false)
	if err != nil {
		s.Fatalf("%s: %v", payload, err)
	}
	return s.posts.Edit(s.Context(), a, social.SortActivity, id, d)
}

// contents lists what a reader finds in a context's log, oldest first.
func (s *site) contents(a social.Actor, context string) []string {
	s.Helper()
	list, err := s.posts.History(s.Context(), a, social.InContext(context), social.ChannelMessages, social.Page{Forward: true, Limit: 100})
	if err != nil {
		s.Fatalf("the log of %s: %v", context, err)
	}
	out := []string{}
	for _, p := range list.Posts {
		out = append(out, p.Type+" "+p.Content)
	}
	return out
}

func (s *site) override(id, name string, p social.Permissions, veto bool, until time.Time) {
	s.Helper()
	s.must(s.spaces.Override(s.Context(), s.as("alice"), id, name, social.Override{Permission: p, Veto: veto, Until: until}))
}
