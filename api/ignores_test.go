package api_test

import (
	"slices"
	"strings"
	"testing"

	"rambla/api"
)

func TestWhoIsIgnoredIsMissingFromTheTimelineOnly(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("den", "closed")
		hidden, shown := s.post("alice", "den", "again me"), s.post("bob", "den", "hello")
		spoken := s.as("admin", "POST", "/v1/contexts/den/activities", `{"content":"by the context"}`).with("X-Rambla-Act-As", "ctx:den").wants(201).text("id")
		s.as("bob", "PUT", "/v1/people/alice/ignore").wants(201)
		s.as("bob", "PUT", "/v1/people/alice/ignore").wants(200)
		s.as("bob", "PUT", "/v1/people/admin/ignore").wants(201)
		s.as("bob", "PUT", "/v1/people/me/ignore").refused(409, "conflict")
		s.as("bob", "PUT", "/v1/people/nobody/ignore").refused(404, "not_found")
		if got := s.as("bob", "GET", "/v1/me/timeline").wants(200).names("id"); !slices.Equal(got, []string{spoken, shown}) {
			t.Errorf("bob's timeline is %v", got)
		}
		if got := s.as("bob", "GET", "/v1/me/timeline/authors").wants(200).names("name"); !slices.Equal(got, []string{"bob"}) {
			t.Errorf("its authors are %v", got)
		}
		// What is asked for by name stays whole, and nobody else notices.
		if got := s.as("bob", "GET", "/v1/contexts/den/activities").wants(200).names("id"); !slices.Contains(got, hidden) {
			t.Errorf("the context has %v", got)
		}
		if got := s.as("alice", "GET", "/v1/me/timeline").wants(200).names("id"); len(got) != 3 {
			t.Errorf("alice's timeline is %v", got)
		}
		if got := s.as("alice", "GET", "/v1/me/ignores").wants(200).names("name"); len(got) != 0 {
			t.Errorf("alice learns of %v", got)
		}
		if got := s.as("bob", "GET", "/v1/me/blocks").wants(200).names("name"); len(got) != 0 {
			t.Errorf("bob blocks %v", got)
		}
		if got := s.as("bob", "GET", "/v1/me/ignores").wants(200).names("name"); !slices.Equal(got, []string{"admin", "alice"}) {
			t.Errorf("bob ignores %v", got)
		}
		if a := s.as("bob", "GET", "/v1/me/export").wants(200); strings.Count(string(a.body), `"kind":"ignore"`) != 2 {
			t.Errorf("bob takes along %s", a.body)
		}
		s.as("bob", "DELETE", "/v1/people/alice/ignore").wants(204)
		s.as("bob", "DELETE", "/v1/people/alice/ignore").wants(204)
		if got := s.as("bob", "GET", "/v1/me/timeline").wants(200).names("id"); len(got) != 3 {
			t.Errorf("bob's timeline is %v again", got)
		}
	})
}

func TestPeopleEraseThemselvesWithTheirPassword(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "closed")
	s.as("admin", "PUT", "/v1/contexts/den/members/carol").wants(201)
	s.as("admin", "PUT", "/v1/contexts/den/owner", `{"owner":"alice"}`).wants(200)
	post := s.post("carol", "den", "mine")
	const path = "/v1/me/erasure"
	s.as("carol", "POST", path, `{"password":"alice-password"}`).refused(422, "invalid", "password")
	s.as("carol", "POST", path, `{}`).refused(422, "invalid", "password")
	s.as("alice", "POST", path, `{"password":"alice-password"}`).refused(409, "conflict") // owns the context
	s.as("admin", "POST", path, `{"password":"admin-password"}`).refused(409, "conflict")
	s.as("admin", "POST", path, `{"password":"admin-password"}`).with("X-Rambla-Act-As", "carol").refused(403, "forbidden")
	s.as("carol", "GET", "/v1/me").wants(200)
	a := s.as("carol", "POST", path, `{"password":"carol-password"}`).wants(200)
	if a.text("state") != "done" || a.json()["posts"] != float64(1) || a.json()["names"] != float64(1) {
		t.Errorf("the receipt: %s", a.body)
	}
	s.as("carol", "GET", "/v1/me").wants(401)
	s.as("admin", "GET", "/v1/people/carol").wants(404)
	if got := s.as("alice", "GET", "/v1/contexts/den/log/messages?after=0").wants(200); strings.Contains(string(got.body), "mine") || strings.Contains(string(got.body), "carol") {
		t.Errorf("of %s is left %s", post, got.body)
	}
	if kept := s.as("admin", "GET", a.header.Get("Location")).wants(200); kept.text("id") != a.text("id") {
		t.Errorf("kept is %s", kept.body)
	}
}

func TestATableOfPeopleIsImported(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	table := func(query, body string) *call {
		return s.as("admin", "POST", "/v1/import"+query, body).with("Content-Type", "text/csv; charset=utf-8")
	}
	a := table("", "\xef\xbb\xbfName,displayName,about,roles,service\r\nIda,Ida B.,\"Since 2019,\n\"\"here\"\"\",hidden auditor,\r\n\r\ndroid,,,,true\r\n").wants(200)
	if people := a.json()["people"].(map[string]any); people["added"] != float64(2) || a.json()["failed"] != float64(0) {
		t.Errorf("it says %s", a.body)
	}
	ida := s.as("admin", "GET", "/v1/people/ida").wants(200)
	if ida.text("about") != "Since 2019,\n\"here\"" || ida.text("displayName") != "Ida B." || len(ida.json()["roles"].([]any)) != 2 {
		t.Errorf("ida is %s", ida.body)
	}
	if robot := s.as("admin", "GET", "/v1/people/droid").wants(200); robot.json()["service"] != true || robot.text("displayName") != "droid" {
		t.Errorf("robot is %s", robot.body)
	}
	table("", "name;title\nida;Tutor\n").wants(200)
	if ida = s.as("admin", "GET", "/v1/people/ida").wants(200); ida.text("title") != "Tutor" || ida.text("displayName") != "Ida B." {
		t.Errorf("ida is %s", ida.body)
	}
	broken := "name,service\nann,\n\"be\nn\",\nme,\ntom\nkim,perhaps\na\"b,\nzoe,true\n\"never ends"
	table("", broken).refused(422, "invalid", "line 3")
	a = table("?on_error=skip", broken).wants(200)
	var lines []string
	for _, e := range a.list("errors") {
		lines = append(lines, string(rune('0'+int(e["line"].(float64))%10)))
	}
	if got := strings.Join(lines, " "); got != "3 5 6 7 8 0" {
		t.Errorf("the broken lines are %s: %s", got, a.body)
	}
	s.as("admin", "GET", "/v1/people/zoe").wants(200)
	for _, header := range []string{"", "displayName\nx", "name,name\nx,y", "name,password\nx,y", "name,\"x"} {
		table("?on_error=skip", header).refused(422, "invalid", "line 1")
	}
	s.as("alice", "POST", "/v1/import", "name\nx\n").with("Content-Type", "text/csv").refused(403, "forbidden")
	if got := s.as("admin", "GET", "/v1/admin/audit?verb=site.import").wants(200).list("items"); len(got) < 3 || got[len(got)-1]["result"] != "2 people, 0 contexts, 0 members, 0 posts; 0 lines refused" {
		t.Errorf("the audit log has %v", got)
	}
}
