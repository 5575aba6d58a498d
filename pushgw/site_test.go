package pushgw_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/pushgw"
	"rambla/pushgw/phrase"
	"rambla/social"
	"rambla/storage"
	"rambla/storage/storagetest"
)

// site is a gateway over the use cases and a real store, with providers and
// sessions that a test plays. Its clock goes on as usual, and by leaps.
type site struct {
	*testing.T
	db        *storage.DB
	dir       *social.Directory
	spaces    *social.Spaces
	people    *social.People
	posts     *social.Posts
	acts      *social.Activities
	talks     *social.Conversations
	blocks    *social.Blocks
	ignores   *social.Blocks
	attention *social.Attention
	settings  *social.Settings
	markers   *social.Markers
	ids       social.IDs
	gateway   *pushgw.Gateway
	stop      func() // of the gateway
	long      bool   // the gateway holds what is posted for heldFor
	notes     string // where the gateways keep theirs

	mu       sync.Mutex
	leap     time.Duration
	pushes   []pushgw.Message
	answers  map[string]func(n int) pushgw.Answer // by token; n counts from 1
	asked    map[string]int
	late     map[string]*lateness
	acked    map[string]uint64 // by client
	attached bool              // hints reach the gateway
	dying    bool              // nothing is settled any more, as if the process had been killed before
	open     int               // claims that are not settled or given back
}

// The holds of a site: short. What is to happen within one does so in whileHeld.
const (
	hold     = 200 * time.Millisecond
	holdTalk = 100 * time.Millisecond
	heldFor  = 10 * time.Minute
)

// newSite has alice, bob, carol, dave and the manager root, and the open context
// lobby of alice's with bob and carol.
func newSite(t *testing.T, db *storage.DB) *site {
	t.Helper()
	s := &site{T: t, db: db, notes: t.TempDir(), answers: map[string]func(int) pushgw.Answer{}, asked: map[string]int{}, late: map[string]*lateness{}, acked: map[string]uint64{}, attached: true}
	logger := slog.New(slog.DiscardHandler)
	s.dir = social.NewDirectory(db, logger, s.now)
	s.dir.OnDelta(func(d social.Delta) {
		if g := s.hinted(); g != nil {
			g.Follow(d)
		}
	})
	announcer := social.NewAnnouncer(db, s.dir, s)
	committer := social.NewCommitter(db, announcer, 1, logger, s.now)
	s.posts = social.NewPosts(s.dir, db, committer, &s.ids, s.now)
	s.acts = social.NewActivities(s.dir, s.posts, db, announcer, &s.ids, s.now)
	s.spaces = social.NewSpaces(s.dir, db, announcer, &s.ids, false, logger, s.now)
	s.people = social.NewPeople(s.dir, db, s.now)
	s.talks = social.NewConversations(s.spaces, db, s.posts, 50)
	s.blocks = social.NewBlocks(s.dir, db, s.now)
	s.ignores = social.NewIgnores(s.dir, db, s.now)
	s.attention = social.NewAttention(s.dir, db, s.now)
	s.settings = social.NewSettings(s.dir, db, s.now)
	s.settings.OnPut(func(person social.PersonKey) {
		if g := s.hinted(); g != nil {
			g.Wished(person)
		}
	})
	s.markers = social.NewMarkers(s.dir, db, announcer, s, 50, logger, s.now)
	if err := s.dir.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { committer.Serve(ctx) })
	work.Go(func() { s.markers.Serve(ctx) })
	t.Cleanup(func() { cancel(); work.Wait() })
	for _, name := range []string{"alice", "bob", "carol", "dave", "root"} {
		p := social.NewPerson{Name: name, DisplayName: strings.ToUpper(name[:1]) + name[1:]}
		if name == "root" {
			p.Roles = social.RoleManager
		}
		s.must(s.people.Found(t.Context(), p))
	}
	s.must(s.spaces.Found(t.Context(), s.as("alice"), social.Space{ID: "lobby", DisplayName: "The lobby", Policies: social.Presets()["open"]}))
	s.must(s.spaces.Admit(t.Context(), s.as("alice"), "lobby", "bob"))
	s.must(s.spaces.Admit(t.Context(), s.as("alice"), "lobby", "carol"))
	s.serve()
	return s
}

// serve starts a gateway; it ends with the test, or by stop.
func (s *site) serve() {
	book, err := phrase.New(nil, "")
	s.must(err)
	c := pushgw.Config{Hold: hold, HoldTalk: holdTalk, Sends: 16, Rows: 64, Dir: s.notes}
	if s.long {
		c.Hold, c.HoldTalk = heldFor, heldFor
	}
	g := pushgw.New(c, pushgw.Deps{
		Directory: s.dir, Posts: s.db, Store: mortal{s.db, s}, Devices: s.db, Sessions: s, Sender: s, Words: book, Text: func(text string) string { return text },
		Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Now: s.now,
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); g.Serve(ctx) }()
	s.mu.Lock()
	s.gateway = g
	s.mu.Unlock()
	s.stop = sync.OnceFunc(func() { cancel(); <-done })
	s.Cleanup(s.stop)
}

// whileHeld does something before what it posts is due, however long that takes; then
// it is.
func (s *site) whileHeld(f func()) {
	s.Helper()
	s.stop()
	s.long = true
	s.serve()
	f()
	s.derived()
	s.stop()
	s.long = false
	s.serve()
	s.pass(heldFor)
}

// mortal is a store whose gateway may die. It counts what is claimed.
type mortal struct {
	*storage.DB
	site *site
}

func (m mortal) ClaimPushes(ctx context.Context, rank social.PushRank, claim int64, _ time.Time, lease time.Duration, limit int) ([]social.PushClaim, error) {
	m.site.claims(1) // from here on no time passes
	claims, err := m.DB.ClaimPushes(ctx, rank, claim, m.site.now(), lease, limit)
	m.site.claims(len(claims) - 1)
	return claims, err
}

func (m mortal) SettlePushes(ctx context.Context, settled []social.PushSettled, now time.Time) error {
	if !m.site.dies() {
		if err := m.DB.SettlePushes(ctx, settled, now); err != nil {
			return err
		}
	}
	m.site.claims(-len(settled))
	return nil
}

func (m mortal) ReleasePushes(ctx context.Context, claims []social.PushClaim, now time.Time) error {
	err := m.DB.ReleasePushes(ctx, claims, now)
	m.site.claims(-len(claims)) // whatever came of it: nobody will try again
	return err
}

func (s *site) claims(more int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open += more
}

func (s *site) dies() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dying
}

// kill has the gateway forget what it does until the next one is served.
func (s *site) kill() {
	s.mu.Lock()
	s.dying = true
	s.mu.Unlock()
}

// revive serves another gateway instead of one that was killed.
func (s *site) revive() {
	s.stop()
	s.mu.Lock()
	s.dying = false
	s.mu.Unlock()
	s.serve()
}

func (s *site) hinted() *pushgw.Gateway {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.attached {
		return nil
	}
	return s.gateway
}

// must fails the test where the last of the values is an error.
func (s *site) must(values ...any) {
	s.Helper()
	if err, _ := values[len(values)-1].(error); err != nil {
		s.Fatal(err)
	}
}

func (s *site) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.leap)
}

// pass lets time go by once nothing is under way: else what was claimed long ago would
// be claimed again.
func (s *site) pass(d time.Duration) {
	s.Helper()
	var g *pushgw.Gateway
	s.until(func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.open > 0 {
			return fmt.Errorf("%d claims are open", s.open)
		}
		s.leap += d
		g = s.gateway
		return nil
	})
	g.Look()
}

func (s *site) as(name string) social.Actor { return social.Actor{Person: s.key(name)} }

func (s *site) key(name string) social.PersonKey {
	s.Helper()
	p, ok := s.dir.PersonByName(name)
	if !ok {
		s.Fatalf("nobody is called %s", name)
	}
	return p.Key
}

// AnnouncePost makes the site an audience.
func (s *site) AnnouncePost(_ *social.Space, _ social.Channel, p *social.Post) {
	if g := s.hinted(); g != nil {
		g.Posted(p.Stream)
	}
}

func (s *site) AnnounceSample(social.Owner, *social.Sample) {}

func (s *site) AnnounceMarker(_ *social.Space, m social.Marker, _ bool) {
	if g := s.hinted(); g != nil {
		g.Moved(m.Stream, m.Person)
	}
}

// Acknowledged makes the site all sessions: those that test said something of.
func (s *site) Acknowledged(_ social.PersonKey, client string, _ social.Scope, _ social.Channel) (uint64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seq, live := s.acked[client]
	return seq, live
}

func (s *site) acknowledge(client string, seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acked[client] = seq
}

// Send makes the site a provider.
func (s *site) Send(_ context.Context, m *pushgw.Message) pushgw.Answer {
	token := string(m.Device.Token)
	s.mu.Lock()
	late := s.late[token]
	delete(s.late, token)
	s.mu.Unlock()
	if late != nil {
		close(late.asked)
		<-late.answer
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[token]++
	a := pushgw.Answer{Verdict: pushgw.Accepted, Status: 200, ID: "provider-id"}
	if f := s.answers[token]; f != nil {
		a = f(s.asked[token])
	}
	if a.Verdict == pushgw.Accepted {
		s.pushes = append(s.pushes, *m)
	}
	return a
}

func (s *site) answer(token string, f func(n int) pushgw.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[token] = f
}

// lateness is of an answer that a test waits with.
type lateness struct{ asked, answer chan struct{} }

// delay has the next push to a device wait until answer is closed; asked is closed
// when it came.
func (s *site) delay(token string) (asked, answer chan struct{}) {
	l := &lateness{make(chan struct{}), make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late[token] = l
	return l.asked, l.answer
}

// tried is how often the provider was asked to push to a device.
func (s *site) tried(token string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[token]
}

// device registers one; change may be nil.
func (s *site) device(person, token string, change func(*social.Device)) social.Device {
	s.Helper()
	id := s.ids.New(s.now())
	grant, err := s.db.CreateGrant(s.Context(), social.Grant{ID: id, Person: s.key(person), Created: s.now(), Used: s.now()}, nil)
	s.must(err)
	d := social.Device{
		ID: id, Person: s.key(person), Grant: grant, Platform: social.PlatformFCM, Token: social.Secret(token),
		Client: "client-" + token, Created: s.now(), Set: s.now(),
	}
	if change != nil {
		change(&d)
	}
	kept, _, err := s.db.PutDevice(s.Context(), d, social.MaxDevices)
	s.must(err)
	return kept
}

// post publishes and returns the post.
func (s *site) post(author, content string) social.Found {
	s.Helper()
	return s.postAt(author, social.InContext("lobby"), social.Draft{Content: content})
}

func (s *site) postAt(author string, w social.Where, d social.Draft) social.Found {
	s.Helper()
	f, _, err := s.posts.Create(s.Context(), s.as(author), w, social.ChannelMessages, d)
	s.must(err)
	return f
}

// read moves a person's marker in the lobby.
func (s *site) read(person string, seq uint64) {
	s.Helper()
	s.must(s.markers.MoveNow(s.Context(), s.as(person), social.InContext("lobby"), social.Receipt{Read: seq}))
}

// told lists the pushes so far, one text each.
func (s *site) told() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, m := range s.pushes {
		text := fmt.Sprintf("%s %s %s seq %d n %d badge %d", string(m.Device.Token), m.Kind, m.Stream, m.Seq, m.Count, m.Badge)
		if m.Silent {
			text += " silent"
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return out
}

// lastPush is the push that was accepted last.
func (s *site) lastPush() pushgw.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pushes[len(s.pushes)-1]
}

// tells waits until the pushes so far are these, in any order.
func (s *site) tells(want ...string) {
	s.Helper()
	want = slices.Sorted(slices.Values(want))
	s.until(func() error {
		if got := s.told(); !slices.Equal(got, want) {
			return fmt.Errorf("pushed\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
		}
		return nil
	})
}

// until waits for something to be so.
func (s *site) until(f func() error) {
	s.Helper()
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if err = f(); err == nil {
			return
		}
		tick := time.NewTimer(10 * time.Millisecond)
		<-tick.C
	}
	s.Fatal(err)
}

// derived waits until all that was posted was read.
func (s *site) derived() {
	s.Helper()
	s.until(func() error {
		lag, err := s.db.PushLagging(s.Context(), time.Time{}, 0, 10)
		s.must(err)
		if len(lag) > 0 {
			return fmt.Errorf("not read: %+v", lag)
		}
		return nil
	})
}

// settled waits until nothing is waiting any more, and all that was posted was read.
func (s *site) settled() {
	s.Helper()
	s.until(func() error {
		lag, err := s.db.PushLagging(s.Context(), time.Time{}, 0, 10)
		s.must(err)
		next, err := s.db.NextPush(s.Context())
		s.must(err)
		if len(lag) > 0 || !next.IsZero() {
			return fmt.Errorf("not read: %+v; due: %v", lag, next)
		}
		return nil
	})
}

// why lists what was decided about a person, newest first.
func (s *site) why(person string) []string {
	s.Helper()
	all, err := s.db.PushDecisions(s.Context(), s.key(person), 0, 0, 100)
	s.must(err)
	var out []string
	for _, d := range all {
		out = append(out, strings.TrimSpace(d.What.String()+" "+d.Reason))
	}
	return out
}

// decides waits for a decision about a person.
func (s *site) decides(person, want string) {
	s.Helper()
	s.until(func() error {
		if got := s.why(person); !slices.Contains(got, want) {
			return fmt.Errorf("decided %v, want %q", got, want)
		}
		return nil
	})
}

// each runs a test on a gateway over each engine.
func each(t *testing.T, f func(s *site)) {
	t.Helper()
	storagetest.Each(t, func(t *testing.T, db *storage.DB) { f(newSite(t, db)) })
}

// onSQLite runs one where the engine does not matter.
func onSQLite(t *testing.T) *site {
	t.Helper()
	t.Parallel()
	return newSite(t, storagetest.Open(t, storagetest.SQLite))
}
