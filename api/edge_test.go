package api_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/api"
	"rambla/social"
	"rambla/storage"
)

func TestWhatIsNotThereIsAProblemToo(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	for _, path := range []string{"/", "/v1", "/v1/", "/v1/nothing", "/v1/contexts/", "/docs/secret", "/v1/contexts/a/b/c/d"} {
		s.as("", "GET", path).refused(404, "not_found")
	}
	a := s.as("", "PUT", "/v1/people").refused(405, "method_not_allowed")
	if a.header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("allowed are %q", a.header.Get("Allow"))
	}
	s.as("", "BREW", "/v1/people").refused(405, "method_not_allowed")
}

func TestAMethodCanBeSaidInAHeader(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "closed")
	const header = "X-HTTP-Method-Override"
	id := s.post("alice", "den", "x")
	s.as("alice", "POST", "/v1/activities/"+id, `{"content":"y"}`).with(header, "patch").wants(200)
	s.as("alice", "POST", "/v1/activities/"+id).with(header, "DELETE").wants(204)
	s.as("admin", "POST", "/v1/contexts/den/members/carol").with(header, "PUT").wants(201)
	s.as("admin", "POST", "/v1/contexts", `{"id":"x"}`).with(header, "GET").refused(422, "invalid", header)
	s.as("admin", "POST", "/v1/contexts", `{"id":"x"}`).with(header, "POST").refused(422, "invalid", header)
	// Only POST can: a GET that deletes would be one that a link can make.
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE"} {
		s.as("alice", method, "/v1/contexts/den").with(header, "DELETE").wants(422)
	}
	s.as("alice", "GET", "/v1/contexts/den").wants(200)
}

func TestHEADAnswersAsGETWithoutABody(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	server := httptest.NewServer(s.server)
	t.Cleanup(server.Close)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, server.URL+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("HEAD /healthz gets %d", resp.StatusCode)
	}
}

func TestABodyOfUnknownLengthIsCutAtTheLimit(t *testing.T) {
	s := sqlite(t, api.Config{MaxBody: 4096}, nil)
	server := httptest.NewServer(s.server)
	t.Cleanup(server.Close)
	post := func(n int) int {
		body := io.MultiReader(strings.NewReader(`{"name":"`), strings.NewReader(strings.Repeat("x", n)), strings.NewReader(`"}`))
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/me/tokens", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+s.tokens["alice"])
		resp, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	if got := []int{post(10), post(1000), post(5000), post(1 << 20)}; !slices.Equal(got, []int{201, 422, 413, 413}) {
		t.Errorf("answered with %v", got)
	}
}

func TestAnswersCarryHeadersThatKeepThemSafe(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	for _, a := range []*answer{s.as("alice", "GET", "/v1/me").wants(200), s.as("", "GET", "/v1/me").wants(401), s.as("", "GET", "/nowhere").wants(404)} {
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s is %q", a.what, name, got)
			}
		}
		if !strings.Contains(a.header.Get("Content-Security-Policy"), "default-src 'none'") || len(a.header.Get("X-Request-Id")) < 16 {
			t.Errorf("%s: %v", a.what, a.header)
		}
	}
}

func TestAPanicIsAnsweredAndLoggedButNotTold(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.server.HandlePanic("/panic", false)
	s.server.HandlePanic("/late", true)
	a := s.as("", "GET", "/panic").refused(500, "internal")
	if strings.Contains(string(a.body), "mistake in a handler") {
		t.Errorf("the cause is told: %s", a.body)
	}
	if log := s.log.String(); !strings.Contains(log, "a mistake in a handler") || !strings.Contains(log, a.header.Get("X-Request-Id")) {
		t.Error("the cause is not in the log under the request's id")
	}
	func() {
		defer func() {
			if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // a panic's value
				t.Errorf("half an answer ends with %v", p)
			}
		}()
		s.as("", "GET", "/late").do()
	}()
}

func TestReadyMeansThatTheStoreAnswersAndNobodyDrains(t *testing.T) {
	var broken error
	s := sqlite(t, api.Config{}, func(d *api.Deps) {
		ping := d.Ping
		d.Ping = func(ctx context.Context) error { return errors.Join(broken, ping(ctx)) }
	})
	s.as("", "GET", "/healthz").wants(200)
	s.as("", "GET", "/readyz").wants(200)
	broken = errors.New("no route to host 10.0.0.7")
	if a := s.as("", "GET", "/readyz").refused(503, "unavailable"); strings.Contains(string(a.body), "10.0.0.7") {
		t.Errorf("told is %s", a.body)
	}
	broken = nil
	s.skew.Store(int64(time.Minute))
	s.as("", "GET", "/readyz").refused(503, "unavailable") // rights were last read a minute ago
	if err := s.dir.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.as("", "GET", "/readyz").wants(200)
	s.server.Drain()
	s.as("", "GET", "/readyz").refused(503, "unavailable")
	s.as("", "GET", "/healthz").wants(200)
	s.as("alice", "GET", "/v1/me").wants(200)
}

func TestAPostThatCannotBeCommittedInTimeIsUnavailable(t *testing.T) {
	s := sqlite(t, api.Config{RequestTimeout: 3 * time.Second}, func(d *api.Deps) { // others have to be answered in time
		db := d.Replays.(*storage.DB)
		idle := social.NewCommitter(db, social.NewAnnouncer(db, d.Directory, silent{}), 1, d.Logger, d.Now) // nobody runs it
		d.Posts = social.NewPosts(d.Directory, db, idle, &social.IDs{}, d.Now)
		d.Repeats = social.NewRepeats(d.Posts, false, d.Now)
	})
	s.context("den", "closed")
	s.as("alice", "POST", "/v1/contexts/den/activities", `{"content":"x"}`).refused(503, "unavailable")
}

func TestRequestsAreLimitedByPersonAndByAddress(t *testing.T) {
	const rate = 0.01 // none more while this is asked
	s := sqlite(t, api.Config{PersonRate: rate, PersonBurst: 30, AddressRate: rate, AddressBurst: 60}, nil)
	limited := func(c *call) (after int) {
		t.Helper()
		for ; after < 100; after++ {
			if a := c.do(); a.status == 429 {
				if a.text("code") != "rate_limited" || a.header.Get("Retry-After") == "" {
					t.Errorf("limited by %s %v", a.body, a.header)
				}
				return after
			}
		}
		return after
	}
	alice := s.as("alice", "GET", "/v1/me")
	alice.from = "198.51.100.1:1"
	if n := limited(alice); n != 30 {
		t.Errorf("alice may ask %d times", n)
	}
	s.as("bob", "GET", "/v1/me").wants(200) // is not alice, and elsewhere
	nobody := s.as("", "GET", "/v1/info")
	nobody.from = "[2001:db8::1]:1"
	if n := limited(nobody); n != 60 {
		t.Errorf("one network may ask %d times", n)
	}
	nobody.from = "[2001:db8::2]:1"
	if a := nobody.do(); a.status != 429 {
		t.Errorf("another address of the same network gets %d", a.status)
	}
	nobody.from = "[2001:db8:1::2]:1"
	nobody.wants(200)
	s.skew.Store(int64(1000 * time.Second))
	alice.wants(200)
	seen := gather(s)
	if seen["rambla_http_limited_total[person]"] == 0 || seen["rambla_http_limited_total[address]"] == 0 {
		t.Errorf("limits are not counted: %v", seen)
	}
}

func TestALimiterForgetsRatherThanGrows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := api.NewLimiter(1, 2, time.Now)
		at := func(i int) netip.Prefix {
			return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
		}
		for i := range api.MaxBuckets {
			l.Take(at(i))
		}
		time.Sleep(2 * time.Second) //nolint:forbidigo // within synctest: all buckets are full again
		l.Take(at(api.MaxBuckets))
		if l.Len() != 1 {
			t.Errorf("%d buckets are kept that say nothing", l.Len())
		}
		for i := range 3 * api.MaxBuckets {
			l.Take(at(i))
		}
		if l.Len() > api.MaxBuckets {
			t.Errorf("there are %d buckets", l.Len())
		}
		if last := at(3*api.MaxBuckets - 1); l.Take(last) != 0 || l.Take(last) == 0 {
			t.Error("the newest bucket was forgotten")
		}
	})
}

func TestForwardedAddressesCountFromTrustedProxiesOnly(t *testing.T) {
	t.Parallel()
	proxies, err := api.ParseProxies([]string{"10.0.0.0/8", "2001:db8::7"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"203.0.113.9:1", nil, "203.0.113.9"},
		{"203.0.113.9:1", []string{"1.2.3.4"}, "203.0.113.9"},
		{"10.0.0.1:1", []string{"1.2.3.4"}, "1.2.3.4"},
		{"10.0.0.1:1", []string{"6.6.6.6, 1.2.3.4"}, "1.2.3.4"},
		{"10.0.0.1:1", []string{"6.6.6.6", "1.2.3.4, 10.0.0.2"}, "1.2.3.4"},
		{"10.0.0.1:1", []string{"nonsense"}, "10.0.0.1"},
		{"10.0.0.1:1", []string{"nonsense, 10.0.0.3"}, "10.0.0.3"},
		{"10.0.0.1:1", nil, "10.0.0.1"},
		{"[2001:db8::7]:1", []string{"2001:db8:1::1"}, "2001:db8:1::1"},
		{"[::ffff:10.0.0.1]:1", []string{"::ffff:1.2.3.4"}, "1.2.3.4"},
		{"", nil, "invalid IP"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		for _, f := range c.forwarded {
			r.Header.Add("X-Forwarded-For", f)
		}
		if got := proxies.ClientAddr(r).String(); got != c.want {
			t.Errorf("%s with %q is %s, wanted %s", c.peer, c.forwarded, got, c.want)
		}
	}
}

func TestTheSchemeIsTheClients(t *testing.T) {
	s := sqlite(t, api.Config{TrustedProxies: []string{"10.0.0.1"}}, nil)
	issuer := func(from string, change func(*http.Request)) string {
		r := httptest.NewRequest("GET", "http://chat.example.org/.well-known/oauth-authorization-server", nil)
		r.RemoteAddr = from
		change(r)
		w := httptest.NewRecorder()
		s.server.ServeHTTP(w, r)
		a := &answer{s: s, body: w.Body.Bytes()}
		return a.text("issuer")
	}
	https := func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") }
	for _, c := range []struct{ got, want string }{
		{issuer("203.0.113.9:1", func(*http.Request) {}), "http://chat.example.org"},
		{issuer("203.0.113.9:1", https), "http://chat.example.org"},
		{issuer("10.0.0.1:1", https), "https://chat.example.org"},
		{issuer("203.0.113.9:1", func(r *http.Request) { r.TLS = &tls.ConnectionState{} }), "https://chat.example.org"},
	} {
		if c.got != c.want {
			t.Errorf("the issuer is %s, wanted %s", c.got, c.want)
		}
	}
}

func TestPagesOfOtherOriginsNeedToBeConfigured(t *testing.T) {
	s := sqlite(t, api.Config{Origins: []string{"https://app.example.org"}}, nil)
	preflight := func(origin string) *answer {
		return s.as("", "OPTIONS", "/v1/contexts").with("Origin", origin).with("Access-Control-Request-Method", "POST").wants(204)
	}
	good := preflight("https://app.example.org")
	if good.header.Get("Access-Control-Allow-Origin") != "https://app.example.org" || !strings.Contains(good.header.Get("Access-Control-Allow-Headers"), "Idempotency-Key") ||
		!strings.Contains(good.header.Get("Access-Control-Allow-Methods"), "DELETE") || good.header.Get("Vary") != "Origin" {
		t.Errorf("preflight %v", good.header)
	}
	if good.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Error("credentials that browsers send by themselves are none of ours")
	}
	for _, other := range []string{"https://evil.example.org", "https://app.example.org.evil.example", "http://app.example.org", "null"} {
		if a := preflight(other); a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s is let in", other)
		}
		if a := s.as("alice", "GET", "/v1/me").with("Origin", other).wants(200); a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s may read", other)
		}
	}
	if a := s.as("", "GET", "/v1/me").with("Origin", "https://app.example.org").wants(401); a.header.Get("Access-Control-Allow-Origin") == "" {
		t.Error("the page cannot read why it was refused")
	}
	s.as("", "OPTIONS", "/v1/contexts").refused(405, "method_not_allowed")
}

func TestMetricsCountByPatternAndNeverByID(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "closed")
	s.as("alice", "GET", "/v1/contexts/den").wants(200)
	s.as("carol", "GET", "/v1/contexts/den").wants(404)
	s.as("", "BREW", "/v1/contexts/den").wants(405)
	s.as("", "GET", "/nothing/of/ours").wants(404)
	seen := gather(s)
	for name := range seen {
		if strings.Contains(name, "/den") || strings.Contains(name, "BREW") || strings.Contains(name, "of/ours") {
			t.Errorf("a label has what a client chose: %s", name)
		}
	}
	for _, want := range []string{
		"rambla_http_requests_total[GET /v1/contexts/{id} 2xx]", "rambla_http_requests_total[GET /v1/contexts/{id} 4xx]",
		"rambla_http_problems_total[not_found]", "rambla_http_requests_total[GET none 4xx]",
	} {
		if seen[want] == 0 {
			t.Errorf("%s is not counted", want)
		}
	}
	if _, ok := seen["rambla_http_problems_total[unavailable]"]; !ok {
		t.Error("a kind that has not happened has no counter at 0")
	}
	if seen["rambla_http_request_duration_seconds[GET /v1/contexts/{id}]"] < 2 {
		t.Error("durations are not observed")
	}
}

// gather is every counter's value and every histogram's count, by name and labels.
func gather(s *site) map[string]float64 {
	s.Helper()
	families, err := s.metrics.Gather()
	if err != nil {
		s.Fatal(err)
	}
	seen := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			seen[fmt.Sprint(f.GetName(), labels)] = m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return seen
}

func TestAConfigurationThatCannotBeIsRefusedByKey(t *testing.T) {
	t.Parallel()
	for key, cfg := range map[string]api.Config{
		"http.public_url":      {PublicURL: "chat.example.org"},
		"http.origins":         {Origins: []string{"https://app.example.org/"}},
		"http.trusted_proxies": {TrustedProxies: []string{"everybody"}},
		"http.max_body":        {MaxBody: 5},
		"http.request_timeout": {RequestTimeout: time.Millisecond},
		"http.person_rate":     {PersonRate: -1},
		"http.address_burst":   {AddressBurst: -1},
	} {
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%+v: %v", cfg, err)
		}
		if _, err := api.New(cfg, api.Deps{Metrics: prometheus.NewRegistry()}); err == nil {
			t.Errorf("%+v makes a server", cfg)
		}
	}
	if err := (api.Config{}).Validate(); err != nil {
		t.Errorf("the zero value: %v", err)
	}
}
