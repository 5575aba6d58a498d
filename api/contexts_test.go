package api_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rambla/api"
)

func TestAContextIsMadeJoinedChangedAndEnded(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.as("alice", "POST", "/v1/contexts", `{"id":"mine"}`).refused(403, "forbidden")
		made := s.as("admin", "POST", "/v1/contexts", `{"id":"maths-3","displayName":"Applied maths III","url":"https://example.org/m","preset":"open","permissions":{"write":"restricted"},"tags":["2026"],"notifications":"posts"}`).wants(201)
		if made.header.Get("Location") != "/v1/contexts/maths-3" || made.text("permissions.write") != "restricted" || made.text("permissions.read") != "public" ||
			made.text("owner") != "admin" || made.json()["member"] != true {
			t.Errorf("made %s at %s", made.body, made.header.Get("Location"))
		}
		s.as("admin", "POST", "/v1/contexts", `{"id":"maths-3"}`).refused(409, "conflict")
		if id := s.as("admin", "POST", "/v1/contexts", `{"preset":"closed"}`).wants(201).text("id"); len(id) != 36 {
			t.Errorf("the generated id is %q", id)
		}

		// join and leave: 201 first, 200 after
		s.as("alice", "PUT", "/v1/contexts/maths-3/members/me").wants(201)
		s.as("alice", "PUT", "/v1/contexts/maths-3/members/me").wants(200)
		seen := s.as("alice", "GET", "/v1/contexts/maths-3").wants(200)
		if seen.json()["member"] != true || !strings.Contains(string(seen.body), `"may":["read","subscribe","unsubscribe"]`) {
			t.Errorf("alice sees %s", seen.body)
		}
		s.as("alice", "PUT", "/v1/contexts/maths-3/members/bob").refused(403, "forbidden")
		s.as("admin", "PUT", "/v1/contexts/maths-3/members/bob").wants(201)
		s.as("admin", "PUT", "/v1/contexts/maths-3/members/nobody").refused(404, "not_found")
		if got := s.walk("alice", "/v1/contexts/maths-3/members?limit=1", "name"); !slices.Equal(got, []string{"admin", "alice", "bob"}) {
			t.Errorf("its members are %q", got)
		}
		s.as("bob", "DELETE", "/v1/contexts/maths-3/members/alice").refused(403, "forbidden")
		s.as("bob", "DELETE", "/v1/contexts/maths-3/members/me").wants(204)
		s.as("admin", "DELETE", "/v1/contexts/maths-3/members/admin").refused(409, "conflict")

		// change
		s.as("alice", "PATCH", "/v1/contexts/maths-3", `{"displayName":"x"}`).refused(403, "forbidden")
		patched := s.as("admin", "PATCH", "/v1/contexts/maths-3", `{"displayName":"Maths","permissions":{"write":"members"},"tags":[]}`).wants(200)
		if patched.text("displayName") != "Maths" || patched.text("permissions.write") != "members" || patched.text("permissions.read") != "public" ||
			patched.text("url") != "https://example.org/m" || len(patched.json()["tags"].([]any)) != 0 {
			t.Errorf("patched %s", patched.body)
		}
		s.post("alice", "maths-3", "now members write")

		// the events of all this
		var kinds []string
		for _, e := range s.as("alice", "GET", "/v1/contexts/maths-3/log/events?after=0").wants(200).list("items") {
			kinds = append(kinds, e["type"].(string)+" "+fmt.Sprint(e["object"].(map[string]any)["id"]))
		}
		if want := []string{"Join alice", "Join bob", "Leave bob", "Update maths-3"}; !slices.Equal(kinds, want) {
			t.Errorf("its events are %q", kinds)
		}

		s.as("alice", "DELETE", "/v1/contexts/maths-3").refused(403, "forbidden")
		s.as("admin", "DELETE", "/v1/contexts/maths-3").wants(204)
		s.as("alice", "GET", "/v1/contexts/maths-3").refused(404, "not_found")
		s.as("admin", "POST", "/v1/contexts", `{"id":"maths-3"}`).refused(409, "conflict")
	})
}

func TestContextsAreListedAsFarAsOneMayKnowThem(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	for i := range 7 {
		preset := "open"
		if i%2 == 1 {
			preset = "closed"
		}
		s.as("admin", "POST", "/v1/contexts", map[string]string{"id": fmt.Sprintf("c%d", i), "preset": preset}).wants(201)
	}
	s.as("bob", "PUT", "/v1/contexts/c2/members/me").wants(201)
	s.as("admin", "PUT", "/v1/contexts/c3/members/bob").wants(201)
	if got := s.walk("bob", "/v1/contexts?limit=2", "id"); !slices.Equal(got, []string{"c0", "c2", "c3", "c4", "c6"}) {
		t.Errorf("bob may know of %q", got)
	}
	if got := s.walk("bob", "/v1/contexts?limit=1&member=true", "id"); !slices.Equal(got, []string{"c2", "c3"}) {
		t.Errorf("bob belongs to %q", got)
	}
	if got := s.walk("carol", "/v1/contexts?member=true", "id"); len(got) != 0 {
		t.Errorf("carol belongs to %q", got)
	}
	if a := s.as("carol", "GET", "/v1/contexts?member=true").wants(200); string(bytes.TrimSpace(a.body)) != `{"items":[]}` {
		t.Errorf("an empty list is %s", a.body)
	}
	// A cursor of another list, and one that was altered, are none.
	c := s.as("bob", "GET", "/v1/contexts?limit=1").wants(200).text("next")
	s.as("bob", "GET", "/v1/people?cursor="+c).refused(422, "invalid", "cursor")
	s.as("bob", "GET", "/v1/contexts?cursor="+c[:len(c)-1]).refused(422, "invalid", "cursor")
	s.as("bob", "GET", "/v1/contexts?cursor=A"+c[1:]+"A").refused(422, "invalid", "cursor")
	s.as("bob", "GET", "/v1/contexts/c3/members?cursor="+c).refused(422, "invalid", "cursor")
}

func TestGrantsAndVetoesComeAndGo(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("den", "closed")
		grant, veto := "/v1/contexts/den/members/alice/grants/", "/v1/contexts/den/members/alice/vetoes/"
		s.as("bob", "PUT", grant+"kick").refused(403, "forbidden")
		s.as("admin", "PUT", grant+"kick").wants(201)
		s.as("admin", "PUT", grant+"kick").wants(200)
		until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		if a := s.as("admin", "PUT", grant+"invite", map[string]string{"until": until}).wants(201); !strings.HasPrefix(a.text("until"), until[:19]) {
			t.Errorf("granted %s", a.body)
		}
		var alice map[string]any
		for _, m := range s.as("admin", "GET", "/v1/contexts/den/members").wants(200).list("items") {
			if m["name"] == "alice" {
				alice = m
			}
		}
		if grants, _ := alice["grants"].([]any); len(grants) != 2 {
			t.Errorf("the owner sees %v", alice)
		}
		if a := s.as("bob", "GET", "/v1/contexts/den/members").wants(200); strings.Contains(string(a.body), "grants") {
			t.Errorf("a member sees %s", a.body)
		}
		s.as("alice", "PUT", "/v1/contexts/den/members/carol").wants(201) // by the grant
		s.as("alice", "DELETE", "/v1/contexts/den/members/carol").wants(204)

		s.as("admin", "PUT", veto+"write").wants(201)
		s.as("alice", "POST", "/v1/contexts/den/activities", `{"content":"x"}`).refused(403, "forbidden")
		s.as("admin", "PUT", grant+"write").wants(201) // removes the veto
		s.post("alice", "den", "may again")
		s.as("admin", "DELETE", veto+"write").refused(404, "not_found")
		s.as("admin", "DELETE", grant+"write").wants(204)
		s.as("admin", "DELETE", grant+"write").refused(404, "not_found")
		s.as("admin", "PUT", veto+"read").wants(201)
		s.as("alice", "GET", "/v1/contexts/den/activities").refused(404, "not_found")
		s.as("admin", "DELETE", "/v1/contexts/den/members/alice/overrides").wants(204)
		s.as("alice", "GET", "/v1/contexts/den/activities").wants(200)
		s.as("alice", "PUT", "/v1/contexts/den/members/carol").refused(403, "forbidden")
		s.as("admin", "DELETE", "/v1/contexts/den/members/alice/overrides").wants(204)
	})
}

func TestAGrantEndsWhenItsTimeIsOver(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "closed")
	s.as("admin", "PUT", "/v1/contexts/den/members/alice/vetoes/write", map[string]string{"until": time.Now().Add(time.Minute).UTC().Format(time.RFC3339)}).wants(201)
	s.as("alice", "POST", "/v1/contexts/den/activities", `{"content":"x"}`).refused(403, "forbidden")
	s.skew.Store(int64(2 * time.Minute))
	s.post("alice", "den", "x")
}

func TestAnAuditorReadsAndAStrangerDoesNot(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "closed")
	id := s.post("alice", "den", "a secret")
	s.as("carol", "GET", "/v1/activities/"+id).refused(404, "not_found")
	s.as("admin", "PUT", "/v1/admin/roles/auditor/carol").wants(204)
	s.as("carol", "GET", "/v1/activities/"+id).wants(200)
	s.as("carol", "GET", "/v1/contexts/den").wants(200)
	s.as("carol", "POST", "/v1/contexts/den/activities", `{"content":"x"}`).refused(403, "forbidden")
	s.as("carol", "DELETE", "/v1/activities/"+id).refused(403, "forbidden")
	s.as("admin", "PUT", "/v1/admin/roles/moderator/carol").wants(204)
	s.as("carol", "DELETE", "/v1/activities/"+id).wants(204)
}

func TestABoxThatAllMayWriteIntoAndFewMayRead(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.as("admin", "POST", "/v1/contexts", `{"id":"box","permissions":{"write":"public","invite":"public"}}`).wants(201)
	s.as("carol", "GET", "/v1/contexts/box").refused(404, "not_found")
	a := s.as("carol", "POST", "/v1/contexts/box/activities", `{"content":"x"}`).wants(201)
	if a.text("target.id") != "box" {
		t.Errorf("posted %s", a.body)
	}
	s.as("carol", "GET", "/v1/contexts/box/activities").refused(404, "not_found")
	s.as("carol", "POST", "/v1/contexts/box/data/t", "x").wants(201)
	s.as("carol", "GET", "/v1/contexts/box/data/t").refused(404, "not_found")
}
