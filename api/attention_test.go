package api_test

import (
	"testing"
	"time"

	"rambla/api"
)

func TestAContextIsMutedForATimeAndTellsSo(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("den", "closed")
		wants := func(what string, muted bool, level string) {
			t.Helper()
			mine := s.as("bob", "GET", "/v1/me/contexts").wants(200).list("items")[0]
			for where, got := range map[string]map[string]any{
				"the context": s.as("bob", "GET", "/v1/contexts/den").wants(200).json(), "my contexts": mine,
				"the list": s.as("bob", "GET", "/v1/contexts").wants(200).list("items")[0],
			} {
				if (got["muted"] != nil) != muted || got["level"] != level {
					t.Errorf("%s: %s says %v, %v", what, where, got["muted"], got["level"])
				}
			}
		}
		wants("at first", false, "default")
		if a := s.as("bob", "PUT", "/v1/contexts/den/mute").wants(200); a.json()["muted"] == nil || a.text("muted.until") != "" {
			t.Errorf("muted %s", a.body)
		}
		s.as("bob", "PUT", "/v1/contexts/den/mute").wants(200)
		wants("muted", true, "default")
		s.as("bob", "PUT", "/v1/contexts/den/mute", `{"level":"mentions"}`).wants(200)
		wants("with a level", true, "mentions")
		s.as("bob", "DELETE", "/v1/contexts/den/mute").wants(204)
		s.as("bob", "DELETE", "/v1/contexts/den/mute").wants(204)
		wants("unmuted", false, "mentions")
		if a := s.as("bob", "PUT", "/v1/contexts/den/mute", `{"duration":"8h","level":"all"}`).wants(200); a.text("muted.until") == "" {
			t.Errorf("muted %s", a.body)
		}
		wants("for a time", true, "all")
		s.skew.Store(int64(8*time.Hour + time.Second))
		s.tokens["bob"] = s.login("bob", "bob-password")
		wants("after that", false, "all")
		s.as("bob", "PUT", "/v1/contexts/den/mute", `{"level":"default"}`).wants(200)
		wants("as at first", false, "default")
	})
}

func TestWhatIsNotSeenIsNotMuted(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "closed")
	s.as("carol", "PUT", "/v1/contexts/den/mute").refused(404, "not_found")
	s.context("public", "open")
	s.as("carol", "PUT", "/v1/contexts/public/mute").refused(403, "forbidden")
	s.as("bob", "PUT", "/v1/contexts/den/mute", `{"level":"some"}`).wants(422)
	s.as("bob", "PUT", "/v1/contexts/den/mute", `{"until":"2020-01-01T00:00:00Z"}`).refused(422, "invalid", "until")
	s.as("bob", "PUT", "/v1/contexts/den/mute", `{"until":"2100-01-01T00:00:00Z","duration":"1h"}`).refused(422, "invalid", "duration")
	s.as("bob", "PUT", "/v1/contexts/den/mute", `{"mute":true}`).wants(422)
}
