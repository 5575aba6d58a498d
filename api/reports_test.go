package api_test

import (
	"strings"
	"testing"
)

func TestReportsReachThoseWhoModerate(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("den", "closed")
		id := s.post("alice", "den", "rude")
		at := "/v1/activities/" + id
		s.as("bob", "POST", at+"/report", `{"reason":"it is rude"}`).wants(201)
		s.as("bob", "POST", at+"/report", `{"reason":"again"}`).wants(200)
		s.as("carol", "POST", at+"/report", `{"reason":"x"}`).refused(404, "not_found")
		s.as("alice", "POST", at+"/report", `{"reason":" "}`).refused(422, "invalid", "reason")
		s.as("alice", "POST", at+"/report", `{"reason":"me too","id":"x"}`).refused(422, "invalid", "id")
		s.as("alice", "POST", at+"/report", `{"reason":"me too"}`).wants(201)
		if got := s.as("bob", "GET", "/v1/reports").wants(200).list("items"); len(got) != 0 {
			t.Errorf("an ordinary member sees %v", got)
		}
		page := s.as("admin", "GET", "/v1/reports?limit=1").wants(200)
		first := page.list("items")[0]
		if first["reason"] != "it is rude" || first["activity"] != id || !strings.Contains(string(page.body), `"content":"rude"`) {
			t.Errorf("a manager sees %s", page.body)
		}
		rest := s.as("admin", "GET", "/v1/reports?cursor="+page.text("next")).wants(200)
		if got := rest.names("reason"); strings.Join(got, " ") != "me too" || rest.text("next") != "" {
			t.Errorf("the next page: %s", rest.body)
		}
		s.context("hut", "closed")
		said := s.as("bob", "POST", at+"/comments", `{"content":"worse"}`).wants(201).text("id")
		s.as("alice", "POST", "/v1/comments/"+said+"/report", `{"reason":"the comment"}`).wants(201)
		s.as("carol", "POST", "/v1/comments/"+said+"/report", `{"reason":"x"}`).refused(404, "not_found")
		s.as("alice", "POST", "/v1/activities/"+said+"/report", `{"reason":"x"}`).refused(404, "not_found")
		s.as("alice", "POST", "/v1/comments/"+id+"/report", `{"reason":"x"}`).refused(404, "not_found")
		one := s.as("admin", "GET", "/v1/reports?context=den&limit=2").wants(200)
		two := s.as("admin", "GET", "/v1/reports?limit=2&context=den&cursor="+one.text("next")).wants(200)
		if got := append(one.names("reason"), two.names("reason")...); strings.Join(got, ", ") != "it is rude, me too, the comment" || two.list("items")[0]["activity"] != said {
			t.Errorf("in the context they are %q", got)
		}
		if got := s.as("admin", "GET", "/v1/reports?context=hut").wants(200).list("items"); len(got) != 0 {
			t.Errorf("in another context there are %v", got)
		}
		s.as("bob", "GET", "/v1/reports?context=den").refused(403, "forbidden")
		s.as("carol", "GET", "/v1/reports?context=den").refused(404, "not_found")
		report := "/v1/reports/" + first["id"].(string)
		s.as("bob", "PATCH", report, `{"outcome":"x"}`).refused(404, "not_found")
		s.as("admin", "PATCH", report, `{"outcome":""}`).refused(422, "invalid", "outcome")
		if done := s.as("admin", "PATCH", report, `{"outcome":"spoke with them"}`).wants(200); done.text("outcome") != "spoke with them" || done.text("resolvedBy.id") != "admin" {
			t.Errorf("resolved %s", done.body)
		}
		s.as("admin", "PATCH", report, `{"outcome":"once more"}`).refused(409, "conflict")
		s.as("admin", "PUT", "/v1/admin/roles/moderator/alice").wants(204)
		if got := s.as("alice", "GET", "/v1/reports").wants(200).names("reason"); strings.Join(got, ", ") != "me too, the comment" {
			t.Errorf("a moderator sees %q", got)
		}
	})
}
