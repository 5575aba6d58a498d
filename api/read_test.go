package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rambla/api"
)

// overview finds one entry of somebody's list of contexts.
func (s *site) overview(name, context string) map[string]any {
	s.Helper()
	for _, item := range s.as(name, "GET", "/v1/me/contexts").wants(200).list("items") {
		if item["id"] == context {
			return item
		}
	}
	s.Fatalf("%s does not see %s among its contexts", name, context)
	return nil
}

func TestAReadMarkerGrowsAndUnreadShrinks(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("lobby", "open")
		var ids []string
		for i := range 5 {
			ids = append(ids, s.post("alice", "lobby", fmt.Sprint("post ", i)))
		}
		wants := func(name string, read, unread float64, last any) {
			t.Helper()
			o := s.overview(name, "lobby")
			post, _ := o["last"].(map[string]any)
			if o["read"] != read || o["unread"] != unread || post["id"] != last {
				t.Errorf("%s: read %v, unread %v, last %v; want %v, %v, %v", name, o["read"], o["unread"], post["id"], read, unread, last)
			}
		}
		wants("bob", 0, 5, ids[4])
		wants("alice", 5, 0, ids[4])
		if p, _ := s.overview("bob", "lobby")["position"].(string); !strings.HasSuffix(p, ":5") || len(p) < 4 {
			t.Errorf("position %q", p)
		}
		put := func(read string, want float64) {
			t.Helper()
			a := s.as("bob", "PUT", "/v1/contexts/lobby/read", `{"read":`+read+`}`).wants(200)
			if m := a.json(); m["read"] != want || m["delivered"] != want || want > 0 && m["at"] == nil {
				t.Errorf("PUT %s: %s, want %v", read, a.body, want)
			}
		}
		put("0", 0)
		put("2", 2)
		put("1", 2)
		wants("bob", 2, 3, ids[4])
		put("9007199254740993", 5)
		wants("bob", 5, 0, ids[4])

		edited := s.post("alice", "lobby", "six")
		s.as("alice", "PATCH", "/v1/activities/"+edited, `{"content":"six!"}`).wants(200)
		wants("bob", 5, 1, edited)
		s.as("alice", "DELETE", "/v1/activities/"+edited).wants(204)
		wants("bob", 5, 0, ids[4])
		s.as("alice", "POST", "/v1/contexts/lobby/activities", `{"content":"psst","to":["admin"]}`).wants(201)
		wants("bob", 5, 0, ids[4])
		secret := s.as("alice", "POST", "/v1/contexts/lobby/activities", `{"content":"psst","to":["bob"]}`).wants(201).text("id")
		wants("bob", 5, 1, secret)
		own := s.post("bob", "lobby", "mine")
		wants("bob", 5, 1, own)
		put("10", 10)
		own = s.post("bob", "lobby", "mine too")
		wants("bob", 12, 0, own)
	})
}

func TestMyContextsAreThoseIBelongTo(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("a", "open")
	s.context("b", "closed")
	s.as("admin", "POST", "/v1/contexts", `{"id":"c","displayName":"See","preset":"open"}`).wants(201)
	s.post("admin", "c", "before carol")
	s.as("carol", "PUT", "/v1/contexts/c/members/me").wants(201)
	if got := s.as("carol", "GET", "/v1/me/contexts").wants(200).names("id"); !slices.Equal(got, []string{"c"}) {
		t.Errorf("carol's: %q", got)
	}
	// Nobody who joins has to read up.
	if o := s.overview("carol", "c"); o["unread"] != 0.0 || o["read"] != 1.0 || o["displayName"] != "See" {
		t.Errorf("carol has just joined: %v", o)
	}
	s.post("admin", "c", "after")
	if o := s.overview("carol", "c"); o["unread"] != 1.0 || o["last"].(map[string]any)["object"].(map[string]any)["content"] != "after" {
		t.Errorf("carol: %v", o)
	}
	page := s.as("alice", "GET", "/v1/me/contexts?limit=1").wants(200)
	if got := page.names("id"); !slices.Equal(got, []string{"a"}) || page.header.Get("Link") == "" {
		t.Errorf("the first page: %q, %q", got, page.header.Get("Link"))
	}
	page = s.as("alice", "GET", "/v1/me/contexts?limit=1&cursor="+page.text("next")).wants(200)
	if got := page.names("id"); !slices.Equal(got, []string{"b"}) || page.text("next") != "" {
		t.Errorf("the second page: %q, next %q", got, page.text("next"))
	}
	s.as("alice", "GET", "/v1/me/contexts?cursor=x").refused(422, "invalid", "cursor")

	// Where history begins with the join, the last post from before is not shown.
	s.as("admin", "POST", "/v1/contexts", `{"id":"d","preset":"open","history":"since_join"}`).wants(201)
	s.post("admin", "d", "before carol")
	s.as("carol", "PUT", "/v1/contexts/d/members/me").wants(201)
	if o := s.overview("carol", "d"); o["unread"] != 0.0 || o["last"] != nil {
		t.Errorf("since the join: %v", o)
	}
	s.post("admin", "d", "after")
	if o := s.overview("carol", "d"); o["unread"] != 1.0 || o["last"] == nil || o["read"] != 1.0 {
		t.Errorf("since the join, a post later: %v", o)
	}

	// A member who may not read learns nothing of what is there.
	s.as("admin", "PUT", "/v1/contexts/c/members/carol/vetoes/read").wants(201)
	if o := s.overview("carol", "c"); o["unread"] != nil || o["position"] != nil || o["last"] != nil || o["read"] != nil {
		t.Errorf("without the right to read: %v", o)
	}
	s.as("carol", "PUT", "/v1/contexts/c/read", `{"read":1}`).refused(404, "not_found")
}

func TestAMarkerIsANumberOfOnesOwn(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("lobby", "open")
	const path = "/v1/contexts/lobby/read"
	for _, body := range []string{`{"read":-1}`, `{"read":"1"}`, `{"read":1.5}`, `{"read":1e30}`, `{"read":null}`, `{"read":true}`, `{"read":[1]}`} {
		s.as("bob", "PUT", path, body).refused(422, "invalid", "read")
	}
	s.as("bob", "PUT", path, `{}`).refused(422, "invalid")
	s.as("bob", "PUT", path, `{"read":1,"at":"now"}`).refused(422, "invalid", "at")
	s.as("bob", "PUT", path, `{"read":99999999999999999999}`).wants(200)
	s.as("bob", "PUT", path, `{"read":1,"delivered":2}`).wants(200)
	s.as("admin", "PUT", path, `{"read":1}`).with("X-Rambla-Act-As", "bob").refused(403, "forbidden")
	s.as("admin", "GET", "/v1/me/contexts").with("X-Rambla-Act-As", "bob").refused(403, "forbidden")
	s.as("carol", "PUT", path, `{"read":1}`).wants(200) // who reads a public context has a marker too
	s.as("carol", "PUT", "/v1/contexts/hut/read", `{"read":1}`).refused(404, "not_found")
}

func TestAContextSaysWhetherItsMembersSeeReceipts(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("lobby", "open")
	shown := func() any { return s.as("bob", "GET", "/v1/contexts/lobby").wants(200).json()["receipts"] }
	if got := shown(); got != false {
		t.Errorf("at first: %v", got)
	}
	s.as("admin", "PATCH", "/v1/contexts/lobby", `{"receipts":true}`).wants(200)
	s.as("admin", "PATCH", "/v1/contexts/lobby", `{"description":"x"}`).wants(200)
	if got := shown(); got != true {
		t.Errorf("changed: %v", got)
	}
	s.as("admin", "POST", "/v1/contexts", `{"id":"open","preset":"open","receipts":true}`).wants(201)
	if got := s.as("bob", "GET", "/v1/contexts/open").wants(200).json()["receipts"]; got != true {
		t.Errorf("made so: %v", got)
	}
}
