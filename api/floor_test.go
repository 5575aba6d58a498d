package api_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestWhoJoinedSeesNothingThatWasSaidBefore(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("den", "closed")
		s.as("admin", "PATCH", "/v1/contexts/den", `{"history":"since_join"}`).wants(200)
		old := s.post("alice", "den", "before")
		said := s.as("alice", "POST", "/v1/activities/"+old+"/comments", `{"content":"about it"}`).wants(201).text("id")
		s.as("alice", "PUT", "/v1/activities/"+old+"/like").wants(201)
		s.as("admin", "PUT", "/v1/contexts/den/members/carol").wants(201)
		fresh := s.post("alice", "den", "after")
		answer := s.as("alice", "POST", "/v1/activities/"+fresh+"/comments", `{"content":"about that"}`).wants(201).text("id")
		s.as("alice", "PUT", "/v1/activities/"+fresh+"/like").wants(201)

		for _, c := range []*call{
			s.as("carol", "GET", "/v1/activities/"+old), s.as("carol", "GET", "/v1/activities/"+old+"/comments"),
			s.as("carol", "GET", "/v1/activities/"+old+"/likes"), s.as("carol", "GET", "/v1/activities/"+old+"/history"),
			s.as("carol", "GET", "/v1/comments/"+said), s.as("carol", "PUT", "/v1/activities/"+old+"/like"),
			s.as("carol", "POST", "/v1/activities/"+old+"/comments", `{"content":"x"}`),
			s.as("carol", "POST", "/v1/activities/"+old+"/share", `{}`), s.as("carol", "POST", "/v1/activities/"+old+"/report", `{"reason":"x"}`),
			s.as("carol", "POST", "/v1/comments/"+said+"/report", `{"reason":"x"}`),
		} {
			c.refused(404, "not_found")
		}
		s.as("carol", "POST", "/v1/contexts/den/activities", `{"content":"x","inReplyTo":"`+old+`"}`).refused(422, "invalid", "inReplyTo")
		for _, log := range []string{"messages", "comments", "reactions"} {
			for _, page := range []string{"?after=0", "?before=99", ""} {
				path := "/v1/contexts/den/log/" + log + page
				if got := s.as("carol", "GET", path).wants(200).seqs(); fmt.Sprint(got) != "[2]" {
					t.Errorf("%s: who joined sees %v", path, got)
				}
				if got := s.as("alice", "GET", path).wants(200).seqs(); len(got) != 2 {
					t.Errorf("%s: who was there sees %v", path, got)
				}
			}
		}
		if got := s.as("carol", "GET", "/v1/activities/"+fresh+"/comments").wants(200).names("id"); len(got) != 1 || got[0] != answer {
			t.Errorf("comments on what came after: %q", got)
		}
		s.as("carol", "GET", "/v1/comments/"+answer).wants(200)
	})
}

func TestNothingIsSaidAboutWhatStoodInADeletedContext(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("den", "closed")
		id := s.post("alice", "den", "one")
		at := "/v1/activities/" + id
		said := s.as("bob", "POST", at+"/comments", `{"content":"two"}`).wants(201).text("id")
		s.as("bob", "PUT", at+"/like").wants(201)
		s.as("bob", "POST", at+"/report", `{"reason":"rude"}`).wants(201)
		report := s.as("admin", "GET", "/v1/reports").wants(200).list("items")[0]["id"].(string)
		s.as("admin", "DELETE", "/v1/contexts/den").wants(204)
		for _, name := range []string{"alice", "bob", "admin"} {
			for _, c := range []*call{
				s.as(name, "GET", at), s.as(name, "GET", at+"/comments"), s.as(name, "GET", at+"/likes"), s.as(name, "GET", "/v1/comments/"+said),
				s.as(name, "POST", at+"/comments", `{"content":"x"}`), s.as(name, "POST", at+"/comments", `{"content":"x","inReplyTo":"`+said+`"}`),
				s.as(name, "PATCH", "/v1/comments/"+said, `{"content":"x"}`), s.as(name, "DELETE", "/v1/comments/"+said), s.as(name, "DELETE", at),
				s.as(name, "PUT", at+"/like"), s.as(name, "DELETE", at+"/like"), s.as(name, "PUT", at+"/favorite"), s.as(name, "PUT", at+"/flag"),
				s.as(name, "POST", at+"/share", `{}`), s.as(name, "POST", at+"/report", `{"reason":"x"}`), s.as(name, "POST", "/v1/comments/"+said+"/report", `{"reason":"x"}`),
				s.as(name, "PATCH", "/v1/reports/"+report, `{"outcome":"x"}`),
				s.as(name, "GET", "/v1/contexts/den/log/comments"), s.as(name, "GET", "/v1/contexts/den/log/reactions"), s.as(name, "GET", "/v1/reports?context=den"),
			} {
				c.refused(404, "not_found")
			}
			if got := s.as(name, "GET", "/v1/reports").wants(200).list("items"); len(got) != 0 {
				t.Errorf("%s still sees reports of it: %v", name, got)
			}
		}
	})
}

func TestOnesWallTakesCommentsAndShares(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("den", "closed")
		there := s.post("bob", "den", "from the den")
		mine := s.as("alice", "POST", "/v1/people/me/activities", `{"content":"on my wall"}`).wants(201).text("id")
		// A comment on it is edited by who wrote it, and removed by whose wall it is.
		said := s.as("bob", "POST", "/v1/activities/"+mine+"/comments", `{"content":"nice"}`).wants(201)
		answer := s.as("alice", "POST", "/v1/activities/"+mine+"/comments", `{"content":"thanks","inReplyTo":"`+said.text("id")+`"}`).wants(201)
		if answer.text("object.inReplyTo") != said.text("id") || said.text("target.type") != "Person" || said.text("target.id") != "alice" {
			t.Errorf("told %s\n%s", said.body, answer.body)
		}
		at := "/v1/comments/" + said.text("id")
		s.as("alice", "PATCH", at, `{"content":"x"}`).refused(403, "forbidden")
		if got := s.as("bob", "PATCH", at, `{"content":"very nice"}`).wants(200).text("object.content"); got != "very nice" {
			t.Errorf("edited to %q", got)
		}
		s.as("carol", "DELETE", at).refused(403, "forbidden")
		s.as("alice", "DELETE", at).wants(204)
		if got := s.as("carol", "GET", "/v1/activities/"+mine+"/comments?after=0").wants(200).names("id"); len(got) != 1 || got[0] != answer.text("id") {
			t.Errorf("comments left: %q", got)
		}
		if n := s.as("carol", "GET", "/v1/activities/"+mine).wants(200).json()["comments"]; n != 1.0 {
			t.Errorf("%v are counted", n)
		}
		// What one shares on one's own wall stands there, and is told where it came from.
		share := s.as("alice", "POST", "/v1/activities/"+there+"/share", `{"content":"look"}`).wants(201)
		if share.text("type") != "Announce" || share.text("target.type") != "Person" || share.text("target.id") != "alice" {
			t.Errorf("shared %s", share.body)
		}
		own := s.as("alice", "POST", "/v1/activities/"+mine+"/share", `{}`).wants(201).text("id")
		wall := s.as("alice", "GET", "/v1/people/alice/activities").wants(200).names("id")
		if len(wall) != 3 || wall[0] != own || wall[1] != share.text("id") || wall[2] != mine {
			t.Errorf("the wall holds %q", wall)
		}
		if n := s.as("bob", "GET", "/v1/activities/"+there).wants(200).json()["shares"]; n != 1.0 {
			t.Errorf("%v shares are counted", n)
		}
		if types := s.as("bob", "GET", "/v1/contexts/den/log/reactions?after=0").wants(200).names("type"); len(types) != 1 || types[0] != "Announce" {
			t.Errorf("the den was told %q", types)
		}
		// Whoever may not read the den sees that alice shared, and not what.
		if body := string(s.as("carol", "GET", "/v1/people/alice/activities").wants(200).body); strings.Contains(body, "from the den") {
			t.Errorf("carol reads what is in the den: %s", body)
		}
	})
}
