package api_test

import (
	"strings"
	"sync"
	"testing"

	"rambla/api"
)

func TestWhatIsSaidAboutAnActivity(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("den", "closed")
		id := s.post("alice", "den", "one")
		at := "/v1/activities/" + id
		first := s.as("bob", "POST", at+"/comments", `{"content":"two"}`).wants(201)
		if first.text("object.inReplyTo") != id || first.header.Get("Location") != "/v1/comments/"+first.text("id") {
			t.Errorf("told %s", first.body)
		}
		answer := s.as("alice", "POST", at+"/comments", `{"content":"three","inReplyTo":"`+first.text("id")+`"}`).wants(201)
		if answer.text("object.inReplyTo") != first.text("id") {
			t.Errorf("told %s", answer.body)
		}
		if got := s.as("bob", "GET", at+"/comments?after=0").wants(200).names("id"); strings.Join(got, " ") != first.text("id")+" "+answer.text("id") {
			t.Errorf("comments %q", got)
		}
		for _, status := range []int{201, 200} {
			s.as("bob", "PUT", at+"/like").wants(status)
			s.as("bob", "PUT", at+"/favorite").wants(status)
			s.as("admin", "PUT", at+"/flag").wants(status)
		}
		s.as("alice", "PUT", at+"/like").wants(201)
		s.as("bob", "PUT", at+"/flag").refused(403, "forbidden")
		want := map[string]any{"comments": 2.0, "likes": 2.0, "shares": 0.0, "flagged": true, "liked": true, "favorited": true}
		for _, a := range []map[string]any{s.as("bob", "GET", at).wants(200).json(), s.as("bob", "GET", "/v1/contexts/den/activities").wants(200).list("items")[0]} {
			for name, value := range want {
				if a[name] != value {
					t.Errorf("%s is %v, wanted %v", name, a[name], value)
				}
			}
		}
		page := s.as("bob", "GET", at+"/likes?limit=1").wants(200)
		if who := page.list("items")[0]["actor"].(map[string]any)["id"]; who != "alice" {
			t.Errorf("the newest like is of %v", who)
		}
		page = s.as("bob", "GET", at+"/likes?cursor="+page.text("next")).wants(200)
		if who := page.list("items")[0]["actor"].(map[string]any)["id"]; who != "bob" || page.text("next") != "" {
			t.Errorf("the next page: %s", page.body)
		}
		s.as("bob", "GET", "/v1/activities/"+s.post("bob", "den", "other")+"/likes?cursor=x").refused(422, "invalid", "cursor")
		for range 2 {
			s.as("bob", "DELETE", at+"/like").wants(204)
			s.as("bob", "DELETE", at+"/favorite").wants(204)
			s.as("admin", "DELETE", at+"/flag").wants(204)
		}
		if types := s.as("bob", "GET", "/v1/contexts/den/log/reactions?after=0").wants(200).names("type"); strings.Join(types, " ") != "Like Flag Like Undo Undo" {
			t.Errorf("told %q", types)
		}
		// The author of an activity tidies up below it.
		s.as("bob", "DELETE", "/v1/comments/"+answer.text("id")).refused(403, "forbidden")
		s.as("alice", "DELETE", "/v1/comments/"+first.text("id")).wants(204)
		if n := s.as("bob", "GET", at).wants(200).json()["comments"]; n != 1.0 {
			t.Errorf("%v comments are left", n)
		}
		s.as("alice", "DELETE", at).wants(204)
		for _, c := range []*call{
			s.as("bob", "GET", at+"/comments"), s.as("bob", "POST", at+"/comments", `{"content":"late"}`), s.as("bob", "PUT", at+"/like"),
			s.as("bob", "GET", at+"/likes"), s.as("bob", "GET", at+"/history"), s.as("bob", "PUT", at+"/favorite"), s.as("admin", "PUT", at+"/flag"),
		} {
			c.refused(404, "not_found")
		}
	})
}

func TestAnIDIsUnknownWhereThingsOfAnotherKindAre(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "closed")
	activity := s.post("alice", "den", "one")
	comment := s.as("alice", "POST", "/v1/activities/"+activity+"/comments", `{"content":"two"}`).wants(201).text("id")
	message := s.as("alice", "POST", "/v1/conversations/"+s.as("alice", "POST", "/v1/conversations", `{"participants":["bob"]}`).wants(201).text("id")+"/messages", `{"content":"hi"}`).wants(201).text("id")
	event := s.as("alice", "GET", "/v1/contexts/den/log/events").wants(200).names("id")[0]
	s.as("alice", "PUT", "/v1/activities/"+activity+"/like").wants(201)
	like := s.as("alice", "GET", "/v1/contexts/den/log/reactions").wants(200).names("id")[0]
	for where, others := range map[string][]string{
		"/v1/activities/": {comment, message, event, like},
		"/v1/comments/":   {activity, message, event, like},
	} {
		for _, id := range others {
			s.as("alice", "GET", where+id).refused(404, "not_found")
			s.as("alice", "PATCH", where+id, `{"content":"x"}`).refused(404, "not_found")
			s.as("alice", "DELETE", where+id).refused(404, "not_found")
		}
	}
	for _, id := range []string{comment, message, event, like} {
		s.as("alice", "PUT", "/v1/activities/"+id+"/like").refused(404, "not_found")
		s.as("alice", "POST", "/v1/activities/"+id+"/comments", `{"content":"x"}`).refused(404, "not_found")
	}
	s.as("bob", "PUT", "/v1/messages/"+message+"/like").wants(201)
	s.as("bob", "PUT", "/v1/messages/"+message+"/like").wants(200)
	s.as("carol", "PUT", "/v1/messages/"+message+"/like").refused(404, "not_found")
	s.as("admin", "PUT", "/v1/messages/"+message+"/like").refused(404, "not_found")
	s.as("bob", "DELETE", "/v1/messages/"+message+"/like").wants(204)
	s.as("alice", "PUT", "/v1/messages/"+activity+"/like").refused(404, "not_found")
	s.as("alice", "POST", "/v1/activities/"+activity+"/comments", `{"content":"x","inReplyTo":"`+message+`"}`).refused(422, "invalid", "inReplyTo")
	s.as("alice", "POST", "/v1/activities/"+activity+"/comments", `{"content":"x","to":["bob"]}`).refused(422, "invalid", "to")
	other := s.post("alice", "den", "other")
	s.as("alice", "POST", "/v1/activities/"+other+"/comments", `{"content":"x","inReplyTo":"`+comment+`"}`).refused(422, "invalid", "inReplyTo")
}

func TestOfTwoEditsAtOnceOneIsRefused(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("den", "closed")
		at := "/v1/activities/" + s.post("alice", "den", "one")
		tag := s.as("bob", "GET", at).wants(200).header.Get("ETag")
		if tag == "" {
			t.Fatal("no ETag")
		}
		var both sync.WaitGroup
		statuses := make(chan int, 2)
		for _, text := range []string{"two", "three"} {
			both.Go(func() {
				statuses <- s.as("alice", "PATCH", at, `{"content":"`+text+`"}`).with("If-Match", tag).do().status
			})
		}
		both.Wait()
		if a, b := <-statuses, <-statuses; a+b != 200+412 {
			t.Errorf("answered %d and %d", a, b)
		}
		s.as("alice", "PATCH", at, `{"content":"x"}`).with("If-Match", tag).refused(412, "precondition_failed")
		s.as("alice", "DELETE", at).with("If-Match", tag).refused(412, "precondition_failed")
		s.as("alice", "PATCH", at, `{"content":"x"}`).with("If-Match", `W/"1"`).refused(412, "precondition_failed")
		now := s.as("alice", "PATCH", at, `{"content":"four"}`).with("If-Match", `"77", *`).wants(200)
		next := now.header.Get("ETag")
		s.as("alice", "PATCH", at, `{"content":"four","format":"markdown"}`).with("If-Match", `"9999", `+next).wants(200)
		versions := s.as("bob", "GET", at+"/history?limit=3").wants(200)
		got := strings.Join(versions.names("content"), " ")
		got += " " + strings.Join(s.as("bob", "GET", at+"/history?cursor="+versions.text("next")).wants(200).names("content"), " ")
		if got != "one two four four" && got != "one three four four" {
			t.Errorf("it said %q", got)
		}
		s.as("carol", "GET", at+"/history").refused(404, "not_found")
	})
}

func TestASharePointsAtWhatItsReaderMayRead(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "closed")
	s.context("hall", "open")
	id := s.post("alice", "den", "inner")
	at := "/v1/activities/" + id
	share := s.as("bob", "POST", at+"/share", `{"context":"hall","content":"look","key":"k"}`).wants(201)
	if share.text("type") != "Announce" || share.text("object.id") != id || share.text("content") != "look" || strings.Contains(string(share.body), "inner") {
		t.Errorf("shared %s", share.body)
	}
	if again := s.as("bob", "POST", at+"/share", `{"context":"hall","content":"look","key":"k"}`).wants(201); again.text("id") != share.text("id") {
		t.Errorf("a repeat: %s", again.body)
	}
	mine := s.as("alice", "GET", "/v1/contexts/hall/activities").wants(200)
	if got := mine.list("items")[0]["shared"].(map[string]any)["object"].(map[string]any)["content"]; got != "inner" {
		t.Errorf("a reader of both sees %v", got)
	}
	if body := s.as("carol", "GET", "/v1/contexts/hall/activities").wants(200).body; strings.Contains(string(body), "inner") || strings.Contains(string(body), `"shared"`) {
		t.Errorf("a reader of one sees %s", body)
	}
	if n := s.as("alice", "GET", at).wants(200).json()["shares"]; n != 1.0 {
		t.Errorf("%v shares", n)
	}
	told := s.as("alice", "GET", "/v1/contexts/den/log/reactions").wants(200)
	if strings.Contains(string(told.body), "hall") || strings.Contains(string(told.body), "look") || told.names("type")[0] != "Announce" {
		t.Errorf("where it came from is told %s", told.body)
	}
	s.as("carol", "POST", at+"/share", `{"context":"hall"}`).refused(404, "not_found")
	s.as("carol", "POST", "/v1/activities/"+share.text("id")+"/share", `{"context":"hall"}`).refused(404, "not_found")
	s.as("alice", "POST", at+"/share", `{"context":"nowhere"}`).refused(404, "not_found")
	s.as("alice", "POST", at+"/share", `{"context":7}`).refused(422, "invalid", "context")
	s.as("alice", "POST", at+"/share", `{"id":"x"}`).refused(422, "invalid", "id")
	private := s.as("alice", "POST", "/v1/contexts/den/activities", `{"content":"p","to":["bob"]}`).wants(201).text("id")
	s.as("bob", "POST", "/v1/activities/"+private+"/share", `{"context":"hall"}`).refused(403, "forbidden")
	s.as("bob", "PATCH", "/v1/activities/"+share.text("id"), `{"content":"x"}`).refused(409, "conflict")
	s.as("bob", "DELETE", "/v1/activities/"+share.text("id")).wants(204)
	if n := s.as("alice", "GET", at).wants(200).json()["shares"]; n != 0.0 {
		t.Errorf("%v shares are left", n)
	}
}
