package api_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"rambla/api"
	"rambla/social"
)

func TestManagersSeeWhatWentWrongAndForgetIt(t *testing.T) {
	var mishaps *social.Mishaps
	s := sqlite(t, api.Config{}, func(d *api.Deps) { mishaps = d.Mishaps })
	for _, id := range []string{"a", "b", "b", "c"} {
		mishaps.Note(social.Mishap{ID: id, Severe: id == "b", Message: "what " + id, Request: "r1"})
	}
	const path = "/v1/admin/errors"
	first := s.as("admin", "GET", path+"?limit=2").wants(200)
	second := s.as("admin", "GET", path+"?limit=2&cursor="+first.text("next")).wants(200)
	items := append(first.list("items"), second.list("items")...)
	if len(items) != 3 || items[0]["id"] != "c" || items[1]["count"] != 2.0 || items[1]["level"] != "error" || items[2]["level"] != "warn" || second.text("next") != "" {
		t.Errorf("%v", items)
	}
	s.as("admin", "DELETE", path+"/b").wants(204)
	s.as("admin", "DELETE", path+"/b").refused(404, "not_found")
	s.as("admin", "DELETE", path).wants(204)
	if left := s.as("admin", "GET", path).wants(200).list("items"); len(left) != 0 {
		t.Errorf("%v", left)
	}
	for _, method := range []string{"GET", "DELETE"} {
		s.as("alice", method, path).refused(403, "forbidden")
	}
	if got := s.acts("verb=errors.clear"); len(got) != 2 {
		t.Errorf("%q", got)
	}
	if st := s.as("admin", "GET", "/v1/admin/stats").wants(200); st.json()["people"] != 5.0 || st.text("store.counted") == "" {
		t.Errorf("%s", st.body)
	}
	s.as("alice", "GET", "/v1/admin/stats").refused(403, "forbidden")
}

func TestARequestKeepsItsID(t *testing.T) {
	s := sqlite(t, api.Config{LogRequests: true}, func(d *api.Deps) {
		d.Stats = func(context.Context) (social.SiteStats, error) { return social.SiteStats{}, errors.New("broken") }
	})
	if got := s.as("alice", "GET", "/v1/me").with("X-Request-Id", "trace-1.a:b_C").wants(200).header.Get("X-Request-Id"); got != "trace-1.a:b_C" {
		t.Errorf("it is %q", got)
	}
	if !strings.Contains(s.log.String(), `level=INFO msg=request request=trace-1.a:b_C method=GET route=/v1/me status=200`) {
		t.Error("the access log does not tell of it")
	}
	for _, bad := range []string{"", "a b", "a\"b", "é", strings.Repeat("a", 129)} {
		if got := s.as("alice", "GET", "/v1/me").with("X-Request-Id", bad).wants(200).header.Get("X-Request-Id"); got == bad || len(got) < 20 {
			t.Errorf("%q became %q", bad, got)
		}
	}
	p := s.as("admin", "GET", "/v1/admin/stats").with("X-Request-Id", "trace-2").refused(500, "internal")
	if p.text("request") != "trace-2" || !strings.Contains(s.log.String(), `level=ERROR msg="request failed" request=trace-2`) {
		t.Errorf("%s", p.body)
	}
	if p := s.as("admin", "GET", "/v1/people/nobody").refused(404, "not_found"); p.text("request") != "" {
		t.Errorf("%s", p.body)
	}
	// Whoever logs it: here package auth, which knows no requests.
	login := s.form("/v1/oauth/token", url.Values{"grant_type": {"password"}, "username": {"bob"}, "password": {"bob-password"}})
	refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {login.text("refresh_token")}}.Encode()
	for _, id := range []string{"trace-3", "trace-4"} {
		s.as("", "POST", "/v1/oauth/token", refresh).with("Content-Type", "application/x-www-form-urlencoded").with("X-Request-Id", id).do()
	}
	if !strings.Contains(s.log.String(), `level=WARN msg="refresh token used twice; its grant has ended" request=trace-4`) {
		t.Errorf("%s", s.log.String())
	}
}
