package api_test

import (
	"slices"
	"testing"
	"time"

	"rambla/api"
)

func TestWhoIsBannedSeesNothingUntilTheBanIsLifted(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("den", "open")
		s.as("bob", "PUT", "/v1/contexts/den/bans/alice").refused(403, "forbidden")
		s.as("bob", "GET", "/v1/contexts/den/bans").refused(403, "forbidden")
		made := s.as("admin", "PUT", "/v1/contexts/den/bans/bob", `{"reason":"spam","duration":"7d"}`).wants(201)
		until, err := time.Parse(time.RFC3339, made.text("until"))
		if made.text("name") != "bob" || made.text("by") != "admin" || made.text("reason") != "spam" || err != nil ||
			time.Until(until) < 167*time.Hour || time.Until(until) > 168*time.Hour {
			t.Errorf("made %s", made.body)
		}
		for _, path := range []string{"", "/activities", "/log/messages", "/members", "/data/t"} {
			s.as("bob", "GET", "/v1/contexts/den"+path).refused(404, "not_found")
		}
		s.as("bob", "POST", "/v1/contexts/den/activities", `{"content":"x"}`).refused(404, "not_found")
		s.as("bob", "PUT", "/v1/contexts/den/members/me").refused(404, "not_found")
		s.as("bob", "DELETE", "/v1/contexts/den/members/me").refused(404, "not_found")
		for _, list := range []string{"/v1/contexts", "/v1/contexts?member=true", "/v1/me/contexts"} {
			if got := s.as("bob", "GET", list).wants(200).names("id"); len(got) != 0 {
				t.Errorf("%s shows %q to bob", list, got)
			}
		}
		if got := s.walk("admin", "/v1/contexts/den/members?limit=1", "name"); !slices.Contains(got, "bob") {
			t.Errorf("the members are %q", got)
		}
		// Another one replaces it; one that is the same changes nothing.
		if a := s.as("admin", "PUT", "/v1/contexts/den/bans/bob").wants(200); a.text("until") != "" || a.text("reason") != "" {
			t.Errorf("replaced by %s", a.body)
		}
		s.as("admin", "PUT", "/v1/contexts/den/bans/bob").wants(200)
		s.as("admin", "PUT", "/v1/contexts/den/bans/carol").wants(201) // who was never a member
		s.as("carol", "GET", "/v1/contexts/den").refused(404, "not_found")
		s.as("carol", "PUT", "/v1/contexts/den/members/me").refused(404, "not_found")
		s.as("admin", "PUT", "/v1/contexts/den/members/carol").refused(409, "conflict")
		s.as("admin", "PUT", "/v1/contexts/den/members/bob").wants(200)
		if got := s.walk("admin", "/v1/contexts/den/bans?limit=1", "name"); !slices.Equal(got, []string{"bob", "carol"}) {
			t.Errorf("banned are %q", got)
		}
		s.as("admin", "DELETE", "/v1/contexts/den/bans/bob").wants(204)
		s.as("admin", "DELETE", "/v1/contexts/den/bans/bob").refused(404, "not_found")
		if got := s.as("bob", "GET", "/v1/contexts/den").wants(200); got.json()["member"] != true {
			t.Errorf("bob is no member any more: %s", got.body)
		}
	})
}

func TestABanIsRefusedWhereItCannotBe(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "open")
	s.as("admin", "POST", "/v1/contexts", `{"id":"secret","preset":"closed"}`).wants(201)
	s.as("admin", "PUT", "/v1/admin/roles/moderator/carol").wants(204)

	s.as("carol", "PUT", "/v1/contexts/den/bans/bob").wants(201) // a moderator who reads
	s.as("carol", "PUT", "/v1/contexts/secret/bans/bob").refused(404, "not_found")
	s.as("carol", "PUT", "/v1/contexts/den/bans/admin").refused(409, "conflict") // owner, and manager
	s.as("carol", "PUT", "/v1/contexts/den/bans/carol").refused(409, "conflict")
	s.as("carol", "PUT", "/v1/contexts/den/bans/nobody").refused(404, "not_found")
	s.as("carol", "PUT", "/v1/contexts/nowhere/bans/bob").refused(404, "not_found")
	for body, field := range map[string]string{
		`{"until":"2020-01-01T00:00:00Z"}`:                              "until",
		`{"until":"0001-01-01T00:00:00Z"}`:                              "until",
		`{"until":"9999-01-01T00:00:00Z"}`:                              "until",
		`{"until":"2100-01-01T00:00:00Z","duration":"1h"}`:              "duration",
		`{"duration":"-1h"}`:                                            "duration",
		`{"duration":"0s"}`:                                             "duration",
		`{"duration":"1d-1h"}`:                                          "duration",
		`{"duration":"a week"}`:                                         "duration",
		`{"duration":"99999d"}`:                                         "duration",
		`{"duration":"d"}`:                                              "duration",
		`{"reason":"` + string(slices.Repeat([]byte("x"), 1001)) + `"}`: "reason",
	} {
		s.as("carol", "PUT", "/v1/contexts/den/bans/bob", body).refused(422, "invalid", field)
	}
	s.as("carol", "PUT", "/v1/contexts/den/bans/bob", `{"reasons":"x"}`).wants(422)
	s.as("carol", "PUT", "/v1/contexts/den/bans/bob", `{"duration":"1d12h30m"}`).wants(200)
	// A ban ends by itself.
	s.as("carol", "PUT", "/v1/contexts/den/bans/bob", `{"duration":"90s"}`).wants(200)
	s.as("bob", "GET", "/v1/contexts/den").refused(404, "not_found")
	s.skew.Store(int64(91 * time.Second))
	s.as("bob", "GET", "/v1/contexts/den").wants(200)
	if got := s.as("carol", "GET", "/v1/contexts/den/bans").wants(200).list("items"); len(got) != 0 {
		t.Errorf("banned are %v", got)
	}
	s.as("carol", "DELETE", "/v1/contexts/den/bans/bob").refused(404, "not_found")
}
