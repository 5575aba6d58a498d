package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"rambla/api"
)

// exported are the lines of an export by their kind, and their kinds in order.
func exported(t *testing.T, body []byte) (by map[string][]string, order []string) {
	t.Helper()
	by = map[string][]string{}
	for _, line := range strings.Split(strings.TrimSuffix(string(body), "\n"), "\n") {
		var x struct{ Kind string }
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		by[x.Kind], order = append(by[x.Kind], line), append(order, x.Kind)
	}
	return by, order
}

func TestOneExportsAllThatOneHasAndNothingOfOthers(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("den", "closed")
		s.context("attic", "closed")
		s.as("alice", "PATCH", "/v1/people/me", map[string]any{"about": "of Girona"}).wants(200)
		s.as("admin", "PATCH", "/v1/people/alice", map[string]any{"name": "alix"}).wants(200)
		s.as("alice", "PUT", "/v1/me/preferences", map[string]any{"locale": "ca"}).wants(200)
		s.as("alice", "PUT", "/v1/people/bob/follow").wants(201)
		s.as("alice", "PUT", "/v1/people/carol/block").wants(201)
		s.as("alice", "PUT", "/v1/contexts/den/mute").wants(200)
		secret := s.as("alice", "POST", "/v1/me/tokens", map[string]any{"name": "sensor", "scopes": []string{"read", "ctx:den"}}).wants(201).text("token")
		s.tokens["sensor"] = secret
		s.as("alice", "POST", "/v1/me/devices", map[string]any{"platform": "fcm", "token": "device-secret"}).wants(201)
		file := s.upload("alice", "plan.txt", "a plan").wants(201).text("id")

		mine := s.post("alice", "den", "mine")
		s.as("alice", "PATCH", "/v1/activities/"+mine, map[string]any{"content": "mine as it reads now"}).wants(200)
		gone := s.post("alice", "den", "what I took back")
		s.as("alice", "DELETE", "/v1/activities/"+gone).wants(204)
		theirs := s.post("bob", "den", "a post of bob's")
		s.as("alice", "POST", "/v1/activities/"+theirs+"/comments", map[string]any{"content": "my comment"}).wants(201)
		s.as("alice", "PUT", "/v1/activities/"+theirs+"/like").wants(201)
		s.as("alice", "PUT", "/v1/activities/"+theirs+"/favorite").wants(201)
		s.as("bob", "PUT", "/v1/activities/"+mine+"/favorite").wants(201)
		s.as("alice", "POST", "/v1/people/me/activities", map[string]any{"content": "on my wall"}).wants(201)
		s.post("alice", "attic", "before I left")
		s.as("alice", "DELETE", "/v1/contexts/attic/members/me").wants(204)
		talk := func(who, with string, text ...string) {
			id := s.as(who, "POST", "/v1/conversations", map[string]any{"participants": []string{with}}).wants(201).text("id")
			for i, name := range []string{who, with} {
				s.as(name, "POST", "/v1/conversations/"+id+"/messages", map[string]any{"content": text[i]}).wants(201)
			}
		}
		talk("alice", "bob", "my message", "bob's answer")
		talk("bob", "carol", "bob whispers", "carol whispers")

		s.as("sensor", "GET", "/v1/me/export").refused(403, "forbidden")
		s.as("admin", "GET", "/v1/me/export").with("X-Rambla-Act-As", "alix").refused(403, "forbidden")
		a := s.as("alice", "GET", "/v1/me/export").wants(200)
		by, order := exported(t, a.body)
		for kind, n := range map[string]int{
			"person": 1, "preferences": 1, "device": 1, "token": 1, "membership": 1, "follow": 1, "block": 1, "attachment": 1, "favorite": 1,
			"conversation": 1, "message": 2, "post": 4, "comment": 1, "like": 1, "end": 1,
		} {
			if len(by[kind]) != n {
				t.Errorf("of %s it has %q, wanted %d", kind, by[kind], n)
			}
		}
		if end := len(order) - 1; order[end] != "end" || slices.Index(order, "end") != end {
			t.Errorf("the order is %v", order)
		}
		for _, want := range []string{
			"of Girona", `"aliases":["alice"]`, `"locale":"ca"`, `"muted":{}`, `"name":"sensor"`, file, `"url":"/v1/attachments/`, "mine as it reads now",
			gone, "Tombstone", "my comment", theirs, "on my wall", "before I left", "my message", "bob's answer", `"id":"den"`, `"read":`,
		} {
			if !bytes.Contains(a.body, []byte(want)) {
				t.Errorf("it has no %s", want)
			}
		}
		for _, not := range []string{"what I took back", "a post of bob's", "whispers", secret, "device-secret"} {
			if bytes.Contains(a.body, []byte(not)) {
				t.Errorf("it has %s", not)
			}
		}
		if acts := s.acts("verb=person.export"); len(acts) != 1 || !strings.Contains(acts[0], "alix") {
			t.Errorf("the audit log tells %v", acts)
		}
	})
}

// stuck is the connection of a client that reads nothing.
type stuck struct {
	httptest.ResponseRecorder
	asked, free chan struct{}
}

func (c *stuck) Write(p []byte) (int, error) {
	c.asked <- struct{}{}
	<-c.free
	return 0, http.ErrHandlerTimeout
}

func TestOnePersonExportsOnceAtATimeAndFewDo(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	begin := func(name string) (c *stuck, ended chan any) {
		c = &stuck{ResponseRecorder: *httptest.NewRecorder(), asked: make(chan struct{}, 1), free: make(chan struct{})}
		ended = make(chan any, 1)
		r := httptest.NewRequest("GET", "/v1/me/export", nil)
		r.Header.Set("Authorization", "Bearer "+s.tokens[name])
		go func() {
			defer func() { ended <- recover() }()
			s.server.ServeHTTP(c, r)
		}()
		<-c.asked
		return c, ended
	}
	alice, cut := begin("alice")
	s.as("alice", "GET", "/v1/me/export").refused(429, "rate_limited")
	bob, over := begin("bob")
	s.as("carol", "GET", "/v1/me/export").refused(429, "rate_limited")
	close(alice.free)
	if why := <-cut; why != any(http.ErrAbortHandler) {
		t.Errorf("a cut export ends with %v", why)
	}
	s.as("alice", "GET", "/v1/me/export").wants(200)
	close(bob.free)
	<-over
}
