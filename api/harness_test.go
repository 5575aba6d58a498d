package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/api"
	"rambla/auth"
	"rambla/files"
	"rambla/lexis"
	"rambla/social"
	"rambla/storage"
	"rambla/storage/storagetest"
)

// site is a REST interface on the real rules and a real store, with people in
// it: admin (manager), alice, bob, carol and the service account robot.
type site struct {
	*testing.T
	db      *storage.DB
	dir     *social.Directory
	auth    *auth.Authority
	server  *api.Server
	metrics *prometheus.Registry
	log     *lockedBuffer
	tokens  map[string]string // by name, of a password login
	live    *liveSessions
	indexer *social.Indexer

	blobs       *files.Disk
	attachments *social.Attachments
	avatars     *social.Avatars

	skew atomic.Int64 // nanoseconds the clock is ahead
}

// talkers is how many take part in a conversation of a site at most.
const talkers = 4

// pushService is the one of the site, as the list of its operator says it.
func pushService(endpoint social.Secret) error {
	if !strings.HasPrefix(string(endpoint), "https://push.example.net/") {
		return social.Invalid("subscription.endpoint", "is no push service of this site")
	}
	return nil
}

type silent struct{}

func (silent) AnnouncePost(*social.Space, social.Channel, *social.Post)            {}
func (silent) AnnounceSample(social.Owner, *social.Sample)                         {}
func (silent) AnnounceMarker(*social.Space, social.Marker, bool)                   {}
func (silent) Covered(social.Scope, social.Channel) bool                           { return false }
func (silent) AnnouncePresence(social.Presence, []social.PersonKey)                {}
func (silent) AnnounceAttendance(*social.Space, int, []social.PersonKey)           {}
func (silent) AnnounceAttendee(*social.Space, social.Presence, []social.PersonKey) {}

// newSite makes a site on a new store. change, if not nil, may alter what the
// interface is made of.
func newSite(t *testing.T, db *storage.DB, cfg api.Config, change func(*api.Deps)) *site {
	t.Helper()
	s := &site{T: t, db: db, metrics: prometheus.NewRegistry(), log: &lockedBuffer{}, tokens: map[string]string{}}
	now := func() time.Time { return time.Now().Add(time.Duration(s.skew.Load())) }
	logger := slog.New(api.NewLogHandler(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	s.dir = social.NewDirectory(db, logger, now)
	s.dir.SetAudit(social.NewAudit(s.dir, db, "server", logger, now))
	announcer := social.NewAnnouncer(db, s.dir, silent{})
	committer := social.NewCommitter(db, announcer, 1, logger, now)
	ids := &social.IDs{}
	var err error
	// The least that argon2 computes: what it costs is not tested here.
	s.auth, err = auth.New(auth.Config{HashMemory: 8, HashPasses: 1}, db, db, s.dir, logger, now)
	if err != nil {
		t.Fatal(err)
	}
	s.dir.OnDelta(func(d social.Delta) {
		for _, g := range d.Grants {
			s.auth.Ended(g)
		}
		for _, p := range append(d.Passwords, d.People...) {
			s.auth.Forget(p)
		}
	})
	if err := s.dir.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	posts := social.NewPosts(s.dir, db, committer, ids, now)
	deps := api.Deps{
		Directory: s.dir, Auth: s.auth, Replays: db, Ping: db.Ping, Metrics: s.metrics, Logger: logger, Now: now, Version: "0.0.0-test",
		Posts:  posts,
		Spaces: social.NewSpaces(s.dir, db, announcer, ids, false, logger, now),
		People: social.NewPeople(s.dir, db, now),
		Data:   social.NewData(s.dir, db, committer, now),
		MQTT:   []string{"mqtt://chat.example.org:1883"},
	}
	deps.Activities = social.NewActivities(s.dir, deps.Posts, db, announcer, ids, now)
	deps.Talks = social.NewConversations(deps.Spaces, db, deps.Posts, talkers)
	deps.Blocks = social.NewBlocks(s.dir, db, now)
	deps.Ignores = social.NewIgnores(s.dir, db, now)
	deps.Attention = social.NewAttention(s.dir, db, now)
	s.live = &liveSessions{}
	deps.Sessions = social.NewSessions(s.dir, db, s.live, now)
	deps.Markers = social.NewMarkers(s.dir, db, announcer, silent{}, 200, logger, now)
	deps.Repeats = social.NewRepeats(posts, false, now)
	deps.Walls = social.NewWalls(s.dir, db, deps.Repeats, now)
	deps.Preferences = social.NewSettings(s.dir, db, now)
	deps.Feeds = social.NewFeeds(s.dir, db, announcer, now)
	deps.Presences = social.NewPresences(s.dir, db, silent{}, 200, time.Minute, logger, now)
	deps.Devices = social.NewDevices(db, pushService, ids, now)
	deps.Devices.ServePush(func(_ social.Platform, app string) bool { return app != "org.example.other" })
	deps.Mishaps = social.NewMishaps(now)
	deps.Stats = func(context.Context) (social.SiteStats, error) {
		return social.SiteStats{Version: "0.0.0-test", Started: now(), People: 5, Counted: now()}, nil
	}
	deps.Pushes = social.NewPushes(s.dir, db, db, db)
	words, err := lexis.New("english")
	if err != nil {
		t.Fatal(err)
	}
	deps.Searches = social.NewSearches(s.dir, posts, db, words, strings.ToUpper)
	s.indexer = social.NewIndexer(social.IndexerConfig{Batch: 7, Hurry: 1e9}, s.dir, db, words, logger, now)
	s.files(&deps, posts, ids, logger, now)
	deps.Imports = social.NewImports(db, deps.People, deps.Spaces, posts, auth.CheckHash, now)
	deps.Erasures = social.NewErasures(deps.People, deps.Activities, db, ids, logger, now)
	deps.Exports = social.NewExports(s.dir, posts, db)
	erasures := deps.Erasures
	markers := deps.Markers
	if change != nil {
		change(&deps)
	}
	if s.server, err = api.New(cfg, deps); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		var work sync.WaitGroup
		work.Go(func() { committer.Serve(ctx) })
		work.Go(func() { markers.Serve(ctx) })
		work.Go(func() { erasures.Serve(ctx) })
		work.Wait()
	}()
	t.Cleanup(func() { stop(); <-done })

	people := social.NewPeople(s.dir, db, now)
	for _, p := range []social.NewPerson{
		{Name: "admin", Roles: social.RoleManager},
		{Name: "alice", DisplayName: "Alice"},
		{Name: "bob"},
		{Name: "carol"},
		{Name: "robot", Service: true},
	} {
		if p.PasswordHash, err = s.auth.Hash(t.Context(), p.Name+"-password"); err != nil {
			t.Fatal(err)
		}
		if _, err := people.Found(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"admin", "alice", "bob", "carol"} {
		s.tokens[name] = s.login(name, name+"-password")
	}
	return s
}

// each runs f on a new site upon every engine.
func each(t *testing.T, f func(t *testing.T, s *site)) {
	t.Helper()
	t.Parallel()
	storagetest.Each(t, func(t *testing.T, db *storage.DB) { f(t, newSite(t, db, api.Config{}, nil)) })
}

// sqlite is a site for what does not depend on the store.
func sqlite(t *testing.T, cfg api.Config, change func(*api.Deps)) *site {
	t.Helper()
	t.Parallel()
	return newSite(t, storagetest.Open(t, storagetest.SQLite), cfg, change)
}

func (s *site) login(name, password string) string {
	s.Helper()
	a := s.form("/v1/oauth/token", url.Values{"grant_type": {"password"}, "username": {name}, "password": {password}})
	if a.status != 200 {
		s.Fatalf("%s cannot sign in: %d %s", name, a.status, a.body)
	}
	return a.text("access_token")
}

// call is a request to make.
type call struct {
	s      *site
	method string
	path   string
	body   []byte
	header http.Header
	from   string
}

// as prepares a request by somebody; nobody for "".
func (s *site) as(name, method, path string, body ...any) *call {
	c := &call{s: s, method: method, path: path, header: http.Header{}, from: "192.0.2.1:4711"}
	if name != "" {
		c.header.Set("Authorization", "Bearer "+s.tokens[name])
	}
	for _, b := range body {
		switch b := b.(type) {
		case string:
			c.body = []byte(b)
		case []byte:
			c.body = b
		default:
			c.body, _ = json.Marshal(b)
		}
		c.header.Set("Content-Type", "application/json")
	}
	return c
}

func (c *call) with(name, value string) *call {
	c.header.Set(name, value)
	return c
}

// do makes the request.
func (c *call) do() *answer {
	c.s.Helper()
	r := httptest.NewRequest(c.method, c.path, bytes.NewReader(c.body))
	r.Header = c.header
	r.RemoteAddr = c.from
	w := httptest.NewRecorder()
	c.s.server.ServeHTTP(w, r)
	a := &answer{s: c.s, status: w.Code, header: w.Header(), body: w.Body.Bytes(), what: c.method + " " + c.path}
	if a.status >= 400 && c.method != "HEAD" && !strings.HasPrefix(c.path, "/v1/oauth/") {
		a.checkProblem()
	}
	return a
}

// wants makes the request and fails the test unless it is answered so.
func (c *call) wants(status int) *answer {
	c.s.Helper()
	a := c.do()
	if a.status != status {
		c.s.Fatalf("%s: wanted %d, got %d: %s", a.what, status, a.status, a.body)
	}
	return a
}

// refused is wants with the problem's code, and the fields that it names.
func (c *call) refused(status int, code string, fields ...string) *answer {
	c.s.Helper()
	a := c.wants(status)
	if a.text("code") != code {
		c.s.Fatalf("%s: wanted code %s, got %s", a.what, code, a.body)
	}
	if len(fields) > 0 {
		var named []string
		for _, e := range a.list("errors") {
			named = append(named, e["field"].(string))
		}
		if !slices.Equal(named, fields) {
			c.s.Fatalf("%s: wanted the fields %q, got %s", a.what, fields, a.body)
		}
	}
	return a
}

func (s *site) form(path string, values url.Values) *answer {
	s.Helper()
	c := s.as("", "POST", path, values.Encode())
	return c.with("Content-Type", "application/x-www-form-urlencoded").do()
}

type answer struct {
	s      *site
	what   string
	status int
	header http.Header
	body   []byte
}

// checkProblem holds every error to RFC 9457 and to what the contract adds.
func (a *answer) checkProblem() {
	a.s.Helper()
	p := a.json()
	if ct := a.header.Get("Content-Type"); ct != "application/problem+json" {
		a.s.Errorf("%s: an error of type %q", a.what, ct)
	}
	for _, member := range []string{"type", "title", "code", "detail"} {
		if s, _ := p[member].(string); s == "" {
			a.s.Errorf("%s: a problem without %s: %s", a.what, member, a.body)
		}
	}
	if p["status"] != float64(a.status) {
		a.s.Errorf("%s: status %d says %v", a.what, a.status, p["status"])
	}
	retry := a.header.Get("Retry-After") != ""
	if (a.status == 429 || a.status == 503) && !retry {
		a.s.Errorf("%s: %d without Retry-After", a.what, a.status)
	}
	if a.status == 401 && a.header.Get("WWW-Authenticate") == "" {
		a.s.Errorf("%s: 401 without WWW-Authenticate", a.what)
	}
	if bytes.Contains(a.body, []byte("goroutine ")) || bytes.Contains(a.body, []byte("sql")) {
		a.s.Errorf("%s: the problem tells of the inside: %s", a.what, a.body)
	}
}

func (a *answer) json() map[string]any {
	a.s.Helper()
	var out map[string]any
	if err := json.Unmarshal(a.body, &out); err != nil {
		a.s.Fatalf("%s: %d with a body that is no JSON object: %q", a.what, a.status, a.body)
	}
	return out
}

// text is a member of the answer, or of an object in it ("object.content").
func (a *answer) text(path string) string {
	a.s.Helper()
	var at any = a.json()
	for name := range strings.SplitSeq(path, ".") {
		o, _ := at.(map[string]any)
		at = o[name]
	}
	s, _ := at.(string)
	return s
}

func (a *answer) list(name string) []map[string]any {
	a.s.Helper()
	var out []map[string]any
	items, ok := a.json()[name].([]any)
	if !ok {
		a.s.Fatalf("%s: %s is no list: %s", a.what, name, a.body)
	}
	for _, i := range items {
		out = append(out, i.(map[string]any))
	}
	return out
}

// names collects one member of the items.
func (a *answer) names(member string) []string {
	a.s.Helper()
	out := []string{}
	for _, i := range a.list("items") {
		s, _ := i[member].(string)
		out = append(out, s)
	}
	return out
}

func (a *answer) seqs() []int {
	a.s.Helper()
	out := []int{}
	for _, i := range a.list("items") {
		out = append(out, int(i["seq"].(float64)))
	}
	return out
}

// context makes a context owned by admin with alice and bob in it.
func (s *site) context(id, preset string) {
	s.Helper()
	s.as("admin", "POST", "/v1/contexts", map[string]any{"id": id, "preset": preset}).wants(201)
	for _, name := range []string{"alice", "bob"} {
		s.as("admin", "PUT", "/v1/contexts/"+id+"/members/"+name).wants(201)
	}
}

// post posts and returns the id.
func (s *site) post(name, context, content string) string {
	s.Helper()
	return s.as(name, "POST", "/v1/contexts/"+context+"/activities", map[string]any{"content": content}).wants(201).text("id")
}

type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
