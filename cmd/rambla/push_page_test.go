package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rambla/pushgw/simulator"
)

// httpBlock is a fenced block of a page that shows a request.
var httpBlock = regexp.MustCompile("(?ms)^```http\n(.*?)^```$")

// What docs/push.md shows is what providers get.
func TestThePushPageShowsWhatIsSent(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/push.md")
	if err != nil {
		t.Fatal(err)
	}
	p := servePush(t, []string{"--data", t.TempDir()})
	p.do(t, http.StatusCreated, p.token(t, "alice"), http.MethodPost, "/v1/contexts", with{
		"id": "maths-3", "displayName": "Applied maths III", "preset": "closed",
	})
	p.do(t, http.StatusCreated, p.token(t, "alice"), http.MethodPut, "/v1/contexts/maths-3/members/bob", nil)
	line := p.gadget(t, "bob", simulator.APNs, nil)
	sealed := p.gadget(t, "bob", simulator.APNs, with{"mode": "preview", "payloadKey": "new", "mqttClientId": "sealed"})
	android := p.gadget(t, "bob", simulator.FCM, with{"mode": "preview"})
	closed := p.gadget(t, "bob", simulator.FCM, with{"mqttClientId": "line"})
	browser := p.gadget(t, "bob", simulator.WebPush, nil)
	all := []*gadget{line, sealed, android, closed, browser}

	post := p.writes(t, "alice", "/v1/contexts/maths-3/activities", with{"content": "The exam is on Friday"})
	for _, g := range all {
		g.told(t, "message", post, 1, 1)
	}
	p.do(t, http.StatusOK, p.token(t, "alice"), http.MethodPatch, "/v1/activities/"+post.ID, with{"content": "The exam is on Monday"})
	for _, g := range []*gadget{sealed, android} {
		g.next(t, "the edit")
	}
	p.do(t, http.StatusOK, p.token(t, "bob"), http.MethodPut, "/v1/contexts/maths-3/read", with{"read": post.Seq})
	for _, g := range []*gadget{line, sealed, android, closed} {
		g.cleared(t, post, 0)
	}

	shown := []string{
		line.sent(t, 0), sealed.sent(t, 0), sealed.sent(t, 1), line.sent(t, 1),
		closed.sent(t, 0), android.sent(t, 0), android.sent(t, 1), closed.sent(t, 1),
		browser.sent(t, 0),
	}
	blocks := httpBlock.FindAllStringSubmatch(string(page), -1)
	if len(blocks) != len(shown) {
		t.Errorf("%d requests on the page", len(blocks))
	}
	for i, text := range shown {
		if i >= len(blocks) {
			t.Errorf("not on the page:\n%s", text)
		} else if !(step{output: blocks[i][1]}).matches(text) {
			t.Errorf("sent:\n%s\non the page:\n%s", text, blocks[i][1])
		}
	}
}

// sent is one of the requests to a device, as the page shows it.
func (g *gadget) sent(t *testing.T, i int) string {
	t.Helper()
	p := g.taken()[i]
	var b strings.Builder
	switch g.provider {
	case simulator.APNs:
		fmt.Fprintf(&b, "POST /3/device/%s\n", p.Token)
	case simulator.FCM:
		fmt.Fprintf(&b, "POST /v1/projects/%s/messages:send\n", simulator.Project)
	case simulator.WebPush:
		fmt.Fprintf(&b, "POST /push/%s\n", p.Token)
	}
	var names []string
	for name := range p.Header {
		if name != "size" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "%s: %s\n", strings.ToLower(name), p.Header[name])
	}
	var body any
	if err := json.Unmarshal(p.Body, &body); err != nil {
		t.Fatalf("%v: %s", err, p.Body)
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(body); err != nil {
		t.Fatal(err)
	}
	return b.String() + "\n" + text.String()
}
