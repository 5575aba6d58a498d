package api_test

import (
	"fmt"
	"slices"
	"testing"

	"rambla/api"
)

func TestContextsHangBelowOthersInTheirOrder(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		for _, id := range []string{"school", "other"} {
			s.as("admin", "POST", "/v1/contexts", map[string]any{"id": id, "preset": "open"}).wants(201)
		}
		for id, order := range map[string]int{"c": -1, "b": 0, "a": 0, "d": 7} {
			made := s.as("admin", "POST", "/v1/contexts", map[string]any{"id": id, "preset": "open", "parent": "school", "order": order}).wants(201)
			if made.text("parent") != "school" || made.json()["order"] != float64(order) {
				t.Errorf("made %s", made.body)
			}
		}
		s.as("admin", "POST", "/v1/contexts", `{"id":"hidden","preset":"closed","parent":"school"}`).wants(201)
		if got := s.walk("carol", "/v1/contexts?parent=school&limit=1", "id"); !slices.Equal(got, []string{"c", "a", "b", "d"}) {
			t.Errorf("below school carol finds %q", got)
		}
		s.as("admin", "PATCH", "/v1/contexts/d", `{"order":-5}`).wants(200)
		s.as("admin", "PATCH", "/v1/contexts/a", `{"parent":"other"}`).wants(200)
		if got := s.walk("carol", "/v1/contexts?parent=school", "id"); !slices.Equal(got, []string{"d", "c", "b"}) {
			t.Errorf("below school carol finds %q", got)
		}
		s.as("carol", "GET", "/v1/contexts?parent=hidden").refused(404, "not_found")
		s.as("carol", "GET", "/v1/contexts?parent=nowhere").refused(404, "not_found")

		// No ring, whichever way it is closed.
		s.as("admin", "PATCH", "/v1/contexts/b", `{"parent":"b"}`).refused(422, "invalid", "parent")
		s.as("admin", "PATCH", "/v1/contexts/c", `{"parent":"b"}`).wants(200)
		s.as("admin", "PATCH", "/v1/contexts/school", `{"parent":"c"}`).refused(422, "invalid", "parent")
		s.as("admin", "PATCH", "/v1/contexts/b", `{"parent":"nowhere"}`).refused(422, "invalid", "parent")
		// Seven below a root are as deep as it gets, with what hangs below them.
		s.as("admin", "POST", "/v1/contexts", `{"id":"l1","parent":"other"}`).wants(201)
		for i := 2; i <= 7; i++ {
			s.as("admin", "POST", "/v1/contexts", fmt.Sprintf(`{"id":"l%d","parent":"l%d"}`, i, i-1)).wants(201)
		}
		s.as("admin", "POST", "/v1/contexts", `{"id":"l8","parent":"l7"}`).refused(422, "invalid", "parent")
		s.as("admin", "PATCH", "/v1/contexts/b", `{"parent":"l6"}`).refused(422, "invalid", "parent") // with c below it
		s.as("admin", "PATCH", "/v1/contexts/d", `{"parent":"l6"}`).wants(200)

		// Both have to be one's own.
		s.as("admin", "PUT", "/v1/contexts/b/members/alice").wants(201)
		s.as("admin", "PUT", "/v1/contexts/b/owner", `{"owner":"alice"}`).wants(200)
		s.as("alice", "PATCH", "/v1/contexts/b", `{"parent":"other"}`).refused(403, "forbidden")
		s.as("alice", "PATCH", "/v1/contexts/b", `{"parent":"hidden"}`).refused(422, "invalid", "parent")
		if a := s.as("alice", "PATCH", "/v1/contexts/b", `{"parent":""}`).wants(200); a.text("parent") != "" {
			t.Errorf("freed %s", a.body)
		}
		// What hung below a deleted one are roots.
		s.as("admin", "DELETE", "/v1/contexts/b").wants(204)
		if a := s.as("admin", "GET", "/v1/contexts/c").wants(200); a.text("parent") != "" {
			t.Errorf("orphaned %s", a.body)
		}
	})
}

func TestContextsAreFilteredByTagsAndByWhatMayBeJoined(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	for id, c := range map[string]struct {
		preset string
		tags   []string
	}{
		"a": {"open", []string{"Maths", "2026"}},
		"b": {"open", []string{"maths", "2025"}},
		"c": {"announcement", []string{"2026", "MATHS", "news"}},
		"d": {"closed", []string{"maths", "2026"}},
		"e": {"institutional", nil},
	} {
		s.as("admin", "POST", "/v1/contexts", map[string]any{"id": id, "preset": c.preset, "tags": append([]string{}, c.tags...)}).wants(201)
	}
	s.as("admin", "PUT", "/v1/contexts/d/members/bob").wants(201)
	s.as("bob", "PUT", "/v1/contexts/a/members/me").wants(201)
	for query, want := range map[string][]string{
		"tags=maths,2026":                      {"a", "c", "d"},
		"tags=MATHS,+2026":                     {"a", "c", "d"},
		"tags=maths&limit=1":                   {"a", "b", "c", "d"},
		"tags=math":                            {},
		"tags=,":                               {"a", "b", "c", "d"},
		"subscribable=true":                    {"b", "c"},
		"subscribable=true&tags=2026":          {"c"},
		"mine=true":                            {"a", "d"},
		"mine=true&tags=maths":                 {"a", "d"},
		"mine=true&subscribable=true":          {},
		"subscribable=true&limit=1&mine=false": {"b", "c"},
	} {
		if got := s.walk("bob", "/v1/contexts?"+query, "id"); !slices.Equal(got, want) {
			t.Errorf("%s: %q, wanted %q", query, got, want)
		}
	}
	if got := s.walk("carol", "/v1/contexts?tags=maths", "id"); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("carol finds %q", got)
	}
}

func TestAContextIsHandedOver(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.as("admin", "POST", "/v1/contexts", `{"id":"den","preset":"closed"}`).wants(201)
		s.as("admin", "PUT", "/v1/contexts/den/owner", `{"owner":"alice"}`).wants(200)
		s.as("alice", "PUT", "/v1/contexts/den/members/bob").wants(201)
		s.as("bob", "PUT", "/v1/contexts/den/owner", `{"owner":"bob"}`).refused(403, "forbidden")
		s.as("carol", "PUT", "/v1/contexts/den/owner", `{"owner":"carol"}`).refused(404, "not_found")
		s.as("alice", "PUT", "/v1/contexts/den/owner", `{"owner":"nobody"}`).refused(422, "invalid", "owner")
		s.as("alice", "PUT", "/v1/contexts/den/owner", `{}`).wants(422)
		s.as("alice", "PUT", "/v1/contexts/den/bans/carol").wants(201)
		s.as("alice", "PUT", "/v1/contexts/den/owner", `{"owner":"carol"}`).refused(409, "conflict")
		s.as("alice", "DELETE", "/v1/contexts/den/bans/carol").wants(204)

		handed := s.as("alice", "PUT", "/v1/contexts/den/owner", `{"owner":"carol"}`).wants(200)
		if handed.text("owner") != "carol" || handed.json()["member"] != true {
			t.Errorf("alice sees %s", handed.body)
		}
		s.as("alice", "PUT", "/v1/contexts/den/owner", `{"owner":"alice"}`).refused(403, "forbidden")
		s.as("carol", "PUT", "/v1/contexts/den/owner", `{"owner":"carol"}`).wants(200) // again
		s.as("carol", "DELETE", "/v1/contexts/den/members/alice").wants(204)
		s.as("carol", "PUT", "/v1/contexts/den/bans/alice").wants(201)
		s.as("carol", "DELETE", "/v1/contexts/den/members/me").refused(409, "conflict")
		var kinds []string
		for _, e := range s.as("carol", "GET", "/v1/contexts/den/log/events?after=0").wants(200).list("items") {
			kinds = append(kinds, e["type"].(string)+" "+fmt.Sprint(e["object"].(map[string]any)["id"]))
		}
		if want := []string{"Join alice", "Update den", "Join bob", "Join carol", "Update den", "Leave alice"}; !slices.Equal(kinds, want) {
			t.Errorf("its events are %q", kinds)
		}
		// Nobody who owns is removed; once handed over, it can be.
		s.as("admin", "DELETE", "/v1/people/carol").refused(409, "conflict")
		s.as("admin", "PUT", "/v1/contexts/den/owner", `{"owner":"bob"}`).wants(200)
		s.as("admin", "DELETE", "/v1/people/carol").wants(204)
	})
}

func TestAnsweringAJoinTellsSinceWhen(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "open")
	first := s.as("carol", "PUT", "/v1/contexts/den/members/me").wants(201).text("joined")
	if again := s.as("carol", "PUT", "/v1/contexts/den/members/me").wants(200).text("joined"); first == "" || again != first {
		t.Errorf("joined %q, then %q", first, again)
	}
}
