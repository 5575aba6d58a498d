package main

import (
	"crypto/rand"
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

// pushHold is how long posts are held in these tests: what is to happen within has to
// be possible on a busy machine.
const pushHold = time.Second

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
	found, all := p.decides(t, patience, person, post, what, reason)
	if found == nil {
		t.Fatalf("of %q to %s nobody says %s %s: %+v\n%s", post.Object.Content, person, what, reason, all, p.tail())
	}
	return *found
}

// decides waits no longer than limit for a decision, nil where there is none, and gives
// all there are.
func (p *pushSite) decides(t *testing.T, limit time.Duration, person string, post published, what, reason string) (found *api.PushDecision, all []api.PushDecision) {
	t.Helper()
	within(limit, func() bool {
		all = p.why(t, person, post.ID).Items
		if i := slices.IndexFunc(all, func(d api.PushDecision) bool { return d.What == what && d.Reason == reason }); i >= 0 {
			found = &all[i]
		}
		return found != nil
	})
	return found, all
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

// asks does something that needs no answer but this status.
func (c *club) asks(t *testing.T, want int, name, method, path string, body any) {
	t.Helper()
	c.do(t, want, c.token(t, name), method, path, body)
}

// marks moves a person's marker.
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
	for range 20 {
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
