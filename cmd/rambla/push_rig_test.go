package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rambla/api"
	"rambla/pushgw/simulator"
)

const (
	// pushHold is how long posts are held in these tests: what is to happen within
	// has to be possible on a busy machine.
	pushHold = time.Second
	// pushPatience is how long is waited for what must come.
	pushPatience = 30 * time.Second
)

// pushSite is a server whose providers are a simulator.
type pushSite struct {
	*instance
	sim   *simulator.Simulator
	flags []string // of the commands beside the server, too
	vapid string

	mu      sync.Mutex // guards what follows
	gadgets []*gadget
}

// pushProviders starts a simulator, and writes the configuration of who uses it.
func pushProviders(t *testing.T, c simulator.Config, hold time.Duration) (*simulator.Simulator, string) {
	t.Helper()
	c.Dir = t.TempDir()
	sim, err := simulator.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	web, err := url.Parse(sim.URL(simulator.WebPush))
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(c.Dir, "rambla.yaml")
	writeFile(t, config, fmt.Sprintf(`push:
  hold: %s
  ca_file: %s
  apns: {apps: ["org.example.chat:%s:%s:%s"], url: %q}
  fcm: {apps: ["android:%s"], url: %q}
  webpush: {allow: [%q]}
`, hold, sim.File("ca.pem"), simulator.Team, simulator.KeyID, sim.File("apns.p8"), sim.URL(simulator.APNs),
		sim.File("fcm.json"), sim.URL(simulator.FCM), web.Host))
	return sim, config
}

// servePush starts a server with the demo's people, whose alice is a manager.
func servePush(t *testing.T, flags []string) *pushSite {
	t.Helper()
	sim, config := pushProviders(t, simulator.Config{}, pushHold)
	p := &pushSite{sim: sim, flags: append(flags, "--config", config)}
	p.instance = serve(t, append(p.flags, "--demo")...)
	p.withRole(t, "alice", "manager")
	var info struct{ VapidPublicKey string }
	if code := p.call(t, "", http.MethodGet, "/v1/info", nil, &info); code != http.StatusOK || info.VapidPublicKey == "" {
		t.Fatalf("no key for browsers: %d %+v", code, info)
	}
	p.vapid = info.VapidPublicKey
	return p
}

// gadget is a device as its provider and its app know it.
type gadget struct {
	site     *pushSite
	person   string
	id       string
	provider string
	token    string // in the simulator's books
	key      *ecdh.PrivateKey
	seen     int // notices that were waited for
}

// gadget registers a device with one's login, or with the token given.
func (p *pushSite) gadget(t *testing.T, name, provider string, more with, login ...string) *gadget {
	t.Helper()
	g := &gadget{site: p, person: name, provider: provider}
	body := with{"platform": provider}
	switch provider {
	case simulator.APNs:
		raw := make([]byte, 32)
		_, _ = rand.Read(raw) // never fails
		g.token = hex.EncodeToString(raw)
		body["token"], body["app"] = g.token, "org.example.chat"
	case simulator.FCM:
		g.token = rand.Text()
		body["token"], body["app"] = g.token, "android"
	case simulator.WebPush:
		sub, err := p.sim.Subscribe(p.vapid)
		if err != nil {
			t.Fatal(err)
		}
		g.token = sub.ID()
		body["subscription"] = sub
	}
	for k, v := range more {
		body[k] = v
	}
	if body["payloadKey"] == "new" {
		var err error
		if g.key, err = ecdh.P256().GenerateKey(rand.Reader); err != nil {
			t.Fatal(err)
		}
		body["payloadKey"] = base64.RawURLEncoding.EncodeToString(g.key.PublicKey().Bytes())
	}
	token := ""
	if len(login) > 0 {
		token = login[0]
	} else {
		token = p.token(t, name)
	}
	var made struct{ ID string }
	if code := p.call(t, token, http.MethodPost, "/v1/me/devices", body, &made); code != http.StatusCreated {
		t.Fatalf("%s registers %s: %d", name, provider, code)
	}
	g.id = made.ID
	p.mu.Lock()
	p.gadgets = append(p.gadgets, g)
	p.mu.Unlock()
	return g
}

// all registers one of each provider.
func (p *pushSite) all(t *testing.T, name string, more with) []*gadget {
	t.Helper()
	return []*gadget{
		p.gadget(t, name, simulator.APNs, more), p.gadget(t, name, simulator.FCM, more), p.gadget(t, name, simulator.WebPush, more),
	}
}

// notice is a push as an app reads it, whoever brought it.
type notice struct {
	V, Kind, Stream, Seq, ID, N, Badge, Title, Body, Sealed, AlertTitle, AlertBody, Silent string

	APS struct {
		Alert struct{ Title, Body string }
		Badge *int
		Sound string
		Level string `json:"interruption-level"`
		Start int    `json:"content-available"`
	}
	collapse string
	at       time.Time
}

func (g *gadget) read(t *testing.T, p *simulator.Push) notice {
	t.Helper()
	body := []byte(p.Body)
	var n notice
	if g.provider == simulator.FCM {
		var request struct {
			Message struct{ Data json.RawMessage }
		}
		if err := json.Unmarshal(body, &request); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		body = request.Message.Data
	}
	if err := json.Unmarshal(body, &n); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	n.collapse, n.at = p.Header["apns-collapse-id"]+p.Header["Topic"], p.At
	if g.provider == simulator.APNs && n.Kind != "clear" {
		n.AlertTitle, n.AlertBody = n.APS.Alert.Title, n.APS.Alert.Body
		if n.APS.Level == "passive" && n.APS.Sound == "" {
			n.Silent = "1"
		}
		if n.APS.Badge == nil || fmt.Sprint(*n.APS.Badge) != n.Badge {
			t.Errorf("the badge of aps is not that of the data: %s", body)
		}
	}
	return n
}

// taken are the pushes that the provider took, oldest first.
func (g *gadget) taken() (out []simulator.Push) {
	for _, p := range g.site.sim.Pushes(g.provider, g.token) {
		if p.Taken {
			out = append(out, p)
		}
	}
	return out
}

// next waits for the next notice.
func (g *gadget) next(t *testing.T, what string) notice {
	t.Helper()
	return g.nextWithin(t, what, pushPatience)
}

func (g *gadget) nextWithin(t *testing.T, what string, limit time.Duration) notice {
	t.Helper()
	var pushes []simulator.Push
	p := g.site
	if !within(limit, func() bool { pushes = g.taken(); return len(pushes) > g.seen }) {
		t.Fatalf("missed on %s: %s; it has got %d\n%s", g.provider, what, len(pushes), p.tail())
	}
	g.seen++
	return g.read(t, &pushes[g.seen-1])
}

// tail is the end of the server's log.
func (p *pushSite) tail() string {
	text := p.logged()
	return text[max(0, len(text)-4000):]
}

// told waits for a notice that tells of a post.
func (g *gadget) told(t *testing.T, kind string, post published, count, badge int) notice {
	t.Helper()
	what := fmt.Sprintf("%s of %q", kind, post.Object.Content)
	n := g.next(t, what)
	if n.V != "1" || n.Kind != kind || n.ID != post.ID || n.Seq != fmt.Sprint(post.Seq) || n.N != fmt.Sprint(count) || n.Badge != fmt.Sprint(badge) || n.Silent != "" {
		t.Errorf("%s was told %+v; want %s, seq %d, n %d, badge %d", g.provider, n, what, post.Seq, count, badge)
	}
	return n
}

// cleared waits for the notice that takes away what is shown; browsers get none.
func (g *gadget) cleared(t *testing.T, post published, badge int) {
	t.Helper()
	if g.provider == simulator.WebPush {
		return
	}
	n := g.next(t, "clear")
	if n.Kind != "clear" || n.Seq != fmt.Sprint(post.Seq) || n.Badge != fmt.Sprint(badge) || n.Title+n.AlertTitle+n.Body != "" {
		t.Errorf("%s was told %+v; want clear up to %d, badge %d", g.provider, n, post.Seq, badge)
	}
	if g.provider == simulator.APNs && (n.APS.Start != 1 || n.APS.Sound != "") {
		t.Errorf("a clear that is heard: %+v", n.APS)
	}
}

// nothing checks that no more has come than was waited for.
func (g *gadget) nothing(t *testing.T) {
	t.Helper()
	if pushes := g.taken(); len(pushes) > g.seen {
		t.Errorf("needless on %s: %s", g.provider, pushes[g.seen].Body)
	}
}

// why is what GET /v1/admin/push tells.
func (p *pushSite) why(t *testing.T, person, post string) api.PushTrace {
	t.Helper()
	var trace api.PushTrace
	path := "/v1/admin/push?person=" + person + "&post=" + post
	if code := p.call(t, p.token(t, "alice"), http.MethodGet, path, nil, &trace); code != http.StatusOK {
		t.Fatalf("%s: %d", path, code)
	}
	return trace
}

// decided waits until it is told that this was decided of a post.
func (p *pushSite) decided(t *testing.T, person string, post published, what, reason string) api.PushDecision {
	t.Helper()
	var found api.PushDecision
	var trace api.PushTrace
	if !within(pushPatience, func() bool {
		trace = p.why(t, person, post.ID)
		for _, d := range trace.Items {
			if d.What == what && d.Reason == reason {
				found = d
				return true
			}
		}
		return false
	}) {
		t.Fatalf("of %q to %s nobody says %s %s: %+v\n%s", post.Object.Content, person, what, reason, trace.Items, p.tail())
	}
	return found
}

// writes posts as a person.
func (p *pushSite) writes(t *testing.T, name, path string, body with) (post published) {
	t.Helper()
	if code := p.call(t, p.token(t, name), http.MethodPost, path, body, &post); code != http.StatusCreated {
		t.Fatalf("%s posts to %s: %d", name, path, code)
	}
	return post
}

// club is a closed context of three, in which nothing was posted.
type club struct {
	cast
	*pushSite
	id string
}

func (p *pushSite) club(t *testing.T) *club {
	t.Helper()
	c := &club{cast: p.cast(t), pushSite: p, id: "club-" + strings.ToLower(rand.Text()[:10])}
	for _, id := range []string{c.id, c.id + "-fence"} {
		p.room(t, id, "closed", c.writer, c.reader, c.other)
	}
	return c
}

func (c *club) at(rest string) string { return "/v1/contexts/" + c.id + rest }

func (c *club) post(t *testing.T, content string) published {
	t.Helper()
	return c.writes(t, c.writer, c.at("/activities"), with{"content": content})
}

// as asks for something that needs no answer but this status.
func (c *club) asks(t *testing.T, want int, name, method, path string, body any) {
	t.Helper()
	c.do(t, want, c.token(t, name), method, path, body)
}

// reads moves a person's marker.
func (c *club) marks(t *testing.T, name string, post published) {
	t.Helper()
	c.asks(t, http.StatusOK, name, http.MethodPut, c.at("/read"), with{"read": post.Seq})
}

// fence has the reader told of a post elsewhere: what was to come before it has.
func (c *club) fence(t *testing.T, gadgets ...*gadget) {
	t.Helper()
	post := c.writes(t, c.writer, "/v1/contexts/"+c.id+"-fence/activities", with{"content": "fence"})
	for _, g := range gadgets {
		if n := g.next(t, "fence"); n.ID != post.ID {
			t.Errorf("needless on %s: %+v", g.provider, n)
		}
	}
}

// within polls what another process does.
func within(limit time.Duration, done func() bool) bool {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for began := time.Now(); !done(); <-again.C {
		if time.Since(began) > limit {
			return false
		}
	}
	return true
}

// whileHeld posts and does something to the post while it waits. On a busy machine
// it may take several attempts, each with people of its own.
func (p *pushSite) whileHeld(t *testing.T, prepare func(c *club) (began time.Time, check func())) {
	t.Helper()
	for range 5 {
		c := p.club(t)
		began, check := prepare(c)
		if time.Since(began) < pushHold*3/4 {
			check()
			return
		}
		p.forget(c)
	}
	t.Fatal("the machine is too busy to do two things within the hold")
}

// forget leaves out devices of people who were told of what they need not have been.
func (p *pushSite) forget(c *club) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gadgets = slices.DeleteFunc(p.gadgets, func(g *gadget) bool { return g.person == c.reader || g.person == c.writer || g.person == c.other })
}

// count compares all that providers took with what was waited for.
func (p *pushSite) count(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	taken, needless := 0, 0
	for _, g := range p.gadgets {
		n := p.sim.Taken(g.provider)[g.token]
		taken += n
		needless += n - g.seen
		g.nothing(t)
	}
	twice := 0
	for _, provider := range []string{simulator.APNs, simulator.FCM, simulator.WebPush} {
		twice += p.sim.Counts(provider).Duplicates
	}
	t.Logf("%d devices, %d pushes taken, %d needless, %d twice", len(p.gadgets), taken, needless, twice)
	if needless != 0 || twice != 0 {
		t.Errorf("%d pushes were needless, %d came twice", needless, twice)
	}
}

// opens reads a sealed preview as docs/push.md tells apps to.
func (g *gadget) opens(t *testing.T, n notice) (title, body string) {
	t.Helper()
	must := func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	sealed := must(base64.RawURLEncoding.DecodeString(n.Sealed))
	if len(sealed) < 16+4+1+65 || sealed[20] != 65 {
		t.Fatalf("%s was sent %q", g.provider, n.Sealed)
	}
	salt, point, text := sealed[:16], sealed[21:86], sealed[86:]
	sender, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		t.Fatal(err)
	}
	shared := must(g.key.ECDH(sender))
	info := "WebPush: info\x00" + string(g.key.PublicKey().Bytes()) + string(point)
	ikm := must(hkdf.Key(sha256.New, shared, make([]byte, 16), info, 32))
	block, err := aes.NewCipher(must(hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)))
	if err != nil {
		t.Fatal(err)
	}
	box, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	plain := must(box.Open(nil, must(hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)), text, nil))
	plain = bytes.TrimRight(plain, "\x00")
	var preview struct{ Title, Body string }
	if err := json.Unmarshal(bytes.TrimSuffix(plain, []byte{2}), &preview); err != nil {
		t.Fatalf("%v: %q", err, plain)
	}
	return preview.Title, preview.Body
}
