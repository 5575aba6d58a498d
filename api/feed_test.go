package api_test

import (
	"fmt"
	"net/url"
	"slices"
	"testing"

	"rambla/api"
)

func TestTheTimelineIsWhatOneMayReadNowNewestFirst(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		for _, id := range []string{"one", "two", "three"} {
			s.context(id, "closed")
		}
		s.as("admin", "POST", "/v1/contexts", `{"id":"elsewhere","preset":"open"}`).wants(201)
		s.post("admin", "elsewhere", "bob has not joined")
		var want []string
		for i := range 12 {
			want = append(want, s.post("alice", []string{"one", "two", "one", "three"}[i%4], fmt.Sprint(i)))
		}
		s.as("alice", "POST", "/v1/contexts/two/activities", `{"content":"not for bob","to":["admin"]}`).wants(201)
		want = append(want, s.as("alice", "POST", "/v1/contexts/two/activities", `{"content":"for bob","to":["bob"]}`).wants(201).text("id"))
		removed := s.post("alice", "one", "removed")
		s.as("alice", "DELETE", "/v1/activities/"+removed).wants(204)
		s.as("alice", "PATCH", "/v1/activities/"+want[0], `{"content":"edited"}`).wants(200)
		slices.Reverse(want)
		for _, limit := range []int{1, 5, 200} {
			if got := s.walk("bob", fmt.Sprintf("/v1/me/timeline?limit=%d", limit), "id"); !slices.Equal(got, want) {
				t.Errorf("pages of %d: %v, wanted %v", limit, got, want)
			}
		}
		items := s.as("bob", "GET", "/v1/me/timeline").wants(200).list("items")
		if first := items[len(items)-1]; fmt.Sprint(first["object"].(map[string]any)["content"], " ", first["target"].(map[string]any)["id"]) != "edited one" {
			t.Errorf("the first post reads %v", first)
		}
		if got := s.walk("carol", "/v1/me/timeline", "id"); len(got) != 0 {
			t.Errorf("carol belongs nowhere and sees %v", got)
		}
		// What one no longer may read is gone at once, also from a page that began before.
		page := s.as("bob", "GET", "/v1/me/timeline?limit=2").wants(200)
		s.as("bob", "DELETE", "/v1/contexts/one/members/bob").wants(204)
		next := url.Values{"cursor": {page.text("next")}}
		for _, path := range []string{"/v1/me/timeline", "/v1/me/timeline?" + next.Encode()} {
			for _, item := range s.as("bob", "GET", path).wants(200).list("items") {
				if item["target"].(map[string]any)["id"] == "one" {
					t.Errorf("%s shows %v of what bob has left", path, item)
				}
			}
		}
	})
}

func TestATimelineIsOnesOwn(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "closed")
	s.context("other", "closed")
	s.post("alice", "den", "here")
	s.post("alice", "other", "there")
	s.as("", "GET", "/v1/me/timeline").refused(401, "unauthenticated")
	narrow := s.as("bob", "POST", "/v1/me/tokens", `{"name":"x","scopes":["read","ctx:den"]}`).wants(201).text("token")
	a := s.as("", "GET", "/v1/me/timeline").with("Authorization", "Bearer "+narrow).wants(200)
	if items := a.list("items"); len(items) != 1 || items[0]["target"].(map[string]any)["id"] != "den" {
		t.Errorf("with a token for one context: %s", a.body)
	}
	for _, query := range []string{"sort=likes", "limit=0", "limit=201"} {
		s.as("bob", "GET", "/v1/me/timeline?"+query).refused(422, "invalid")
	}
	other := s.as("bob", "GET", "/v1/me/timeline?limit=1&sort=comments").wants(200).text("next")
	for _, cursor := range []string{"x", "AAAA", other, other[1:]} {
		s.as("bob", "GET", "/v1/me/timeline?cursor="+url.QueryEscape(cursor)).refused(422, "invalid", "cursor")
	}
}
