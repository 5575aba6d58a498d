package api_test

import (
	"testing"
)

// The newest page of a space that is read often comes from memory; a page from before
// a seq never does, and they have to tell the same.
func TestTheNewestPageShowsEveryChangeAtOnce(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("den", "closed")
		s.context("attic", "closed")
		for range 3 {
			if page := s.as("bob", "GET", "/v1/contexts/den/activities").wants(200); len(page.list("items")) != 0 {
				t.Errorf("an empty context has %s", page.body)
			}
		}
		first, second := s.post("alice", "den", "one"), s.post("bob", "den", "two")
		at := "/v1/activities/"
		compare := func(after string) {
			t.Helper()
			for _, who := range []string{"alice", "bob", "admin"} {
				for _, size := range []string{"limit=3", "limit=20"} {
					whole := s.as(who, "GET", "/v1/contexts/den/activities?before=1000000&"+size).wants(200)
					for range 2 {
						if page := s.as(who, "GET", "/v1/contexts/den/activities?"+size).wants(200); string(page.body) != string(whole.body) {
							t.Fatalf("after %s %s is told\n%s\nof\n%s", after, who, page.body, whole.body)
						}
					}
				}
			}
		}
		compare("nothing")
		for _, step := range []struct{ who, method, path, body string }{
			{"bob", "PUT", at + first + "/like", ""},
			{"bob", "PUT", at + first + "/favorite", ""},
			{"alice", "PUT", at + first + "/like", ""},
			{"admin", "PUT", at + second + "/flag", ""},
			{"alice", "POST", at + first + "/comments", `{"content":"three"}`},
			{"bob", "PATCH", at + second, `{"content":"four"}`},
			{"alice", "POST", "/v1/contexts/den/activities", `{"content":"psst","to":["bob"]}`},
			{"bob", "POST", "/v1/contexts/den/activities", `{"content":"to oneself","to":["bob"]}`},
			{"alice", "POST", at + second + "/share", `{"context":"attic"}`},
			{"bob", "POST", at + first + "/share", `{"context":"den"}`},
			{"bob", "DELETE", at + first + "/like", ""},
			{"bob", "DELETE", at + first + "/favorite", ""},
			{"bob", "DELETE", at + second, ""},
		} {
			var body []any
			if step.body != "" {
				body = append(body, step.body)
			}
			if c := s.as(step.who, step.method, step.path, body...).do(); c.status >= 300 {
				t.Fatalf("%+v: %d %s", step, c.status, c.body)
			}
			compare(step.method + " " + step.path)
		}
		for range 40 { // more than is remembered
			s.post("bob", "den", "more")
		}
		compare("many posts")
	})
}
