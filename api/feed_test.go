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

func TestAListIsSortedAndFilteredAndSaysWhatDoesNotGoTogether(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("top", "closed")
		s.context("below", "closed")
		s.context("beside", "closed")
		for id, address := range map[string]string{"top": "https://x.org/a", "below": "https://x.org/a/b", "beside": "https://x.org/ab"} {
			s.as("admin", "PATCH", "/v1/contexts/"+id, map[string]any{"url": address}).wants(200)
		}
		var all, alices, tree []string
		for i := range 9 {
			who := []string{"alice", "bob", "bob"}[i%3]
			id := s.post(who, "top", fmt.Sprint(i))
			all, tree = append([]string{id}, all...), append([]string{id}, tree...)
			if who == "alice" {
				alices = append([]string{id}, alices...)
			}
			if i%4 == 0 {
				tree = append([]string{s.post("alice", "below", fmt.Sprint("below ", i))}, tree...)
				s.post("alice", "beside", fmt.Sprint("beside ", i))
			}
		}
		for query, want := range map[string][]string{
			"sort=published&limit=4": all, "sort=likes&limit=4": all, "sort=flagged": all, "sort=comments&limit=2": all,
			"favorites=true": {}, "flagged=true": {}, "flagged=true&sort=flagged": {},
			"author=alice&limit=1": alices, "author=ALICE&sort=comments": alices, "author=nobody": {},
			"recursive=true&limit=3": tree, "recursive=true&sort=comments&limit=5": tree,
		} {
			if got := s.walk("bob", "/v1/contexts/top/activities?"+query, "id"); !slices.Equal(got, want) && len(got)+len(want) > 0 {
				t.Errorf("%s: %v, wanted %v", query, got, want)
			}
		}
		s.as("bob", "DELETE", "/v1/contexts/below/members/bob").wants(204)
		if got := s.walk("bob", "/v1/contexts/top/activities?recursive=true", "id"); !slices.Equal(got, all) {
			t.Errorf("with a context below that bob has left: %v, wanted %v", got, all)
		}
		s.as("carol", "GET", "/v1/contexts/top/activities?sort=likes").refused(404, "not_found")
		for query, field := range map[string]string{
			"favorites=true&flagged=true": "favorites", "favorites=true&sort=likes": "favorites", "flagged=true&sort=likes": "flagged",
			"sort=likes&after=3": "after", "author=bob&before=3": "before", "cursor=x": "cursor", "sort=likes&cursor=x": "cursor",
			"recursive=true&sort=likes": "recursive", "author=bob&sort=likes": "author",
		} {
			s.as("bob", "GET", "/v1/contexts/top/activities?"+query).refused(422, "invalid", field)
		}
		next := s.as("bob", "GET", "/v1/contexts/top/activities?sort=likes&limit=1").wants(200).text("next")
		for _, query := range []string{"sort=flagged", "sort=likes&flagged=false&author=bob"} {
			s.as("bob", "GET", "/v1/contexts/top/activities?"+query+"&cursor="+url.QueryEscape(next)).wants(422)
		}
	})
}

func TestAuthorsAreThoseWhoPostedLast(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("den", "closed")
		s.context("other", "closed")
		s.as("admin", "PUT", "/v1/contexts/den/members/carol").wants(201)
		for i := range 12 {
			s.post("alice", "den", fmt.Sprint(i))
		}
		s.post("carol", "den", "x")
		s.post("bob", "den", "x")
		gone := s.post("carol", "den", "removed")
		s.as("carol", "DELETE", "/v1/activities/"+gone).wants(204)
		s.post("admin", "other", "x")
		if got := s.as("alice", "GET", "/v1/contexts/den/authors").wants(200).names("name"); !slices.Equal(got, []string{"bob", "carol", "alice"}) {
			t.Errorf("in den: %v", got)
		}
		if got := s.as("alice", "GET", "/v1/me/timeline/authors").wants(200).names("name"); !slices.Equal(got, []string{"admin", "bob", "carol", "alice"}) {
			t.Errorf("in the timeline: %v", got)
		}
		s.as("carol", "GET", "/v1/contexts/other/authors").refused(404, "not_found")
	})
}
