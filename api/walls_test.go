package api_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"rambla/api"
	"rambla/social"
)

func TestAWallIsItsPersonsToWriteAndEverybodysToRead(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		if a := s.as("bob", "GET", "/v1/people/alice/activities").wants(200); len(a.list("items")) != 0 {
			t.Errorf("before anything was posted: %s", a.body)
		}
		posted := s.as("alice", "POST", "/v1/people/me/activities",
			`{"content":"Graded","type":"uni:graded","object":{"type":"Document","id":"e2","name":"Exam 2"},"target":{"type":"Group","name":"Maths"},"data":{"grade":7}}`).wants(201)
		id := posted.text("id")
		if posted.text("type") != "uni:graded" || posted.text("object.name") != "Exam 2" || posted.text("target.name") != "Maths" ||
			posted.text("context.type") != "Person" || posted.text("context.id") != "alice" || posted.text("generator") != "rest" {
			t.Errorf("posted %s", posted.body)
		}
		if got := s.as("bob", "GET", posted.header.Get("Location")).wants(200); got.text("id") != id {
			t.Errorf("bob reads %s", got.body)
		}
		s.as("alice", "POST", "/v1/people/alice/activities", `{"content":"by name"}`).wants(201)
		for _, path := range []string{"/v1/people/alice/activities", "/v1/people/alice/log/posts?after=0"} {
			if a := s.as("bob", "GET", path).wants(200); len(a.list("items")) != 2 {
				t.Errorf("%s: %s", path, a.body)
			}
		}
		s.as("bob", "POST", "/v1/people/alice/activities", `{"content":"x"}`).refused(403, "forbidden")
		s.as("bob", "PATCH", "/v1/activities/"+id, `{"content":"x"}`).refused(403, "forbidden")
		s.as("bob", "DELETE", "/v1/activities/"+id).refused(403, "forbidden")
		s.as("bob", "PUT", "/v1/activities/"+id+"/flag").refused(403, "forbidden")
		s.as("bob", "GET", "/v1/people/nobody/activities").refused(404, "not_found")
		s.as("bob", "POST", "/v1/people/nobody/activities", `{"content":"x"}`).refused(404, "not_found")

		// Whoever reads may say something about it.
		comment := s.as("bob", "POST", "/v1/activities/"+id+"/comments", `{"content":"well done"}`).wants(201)
		s.as("bob", "PUT", "/v1/activities/"+id+"/like").wants(201)
		s.as("bob", "PUT", "/v1/activities/"+id+"/like").wants(200)
		if a := s.as("alice", "GET", "/v1/people/alice/log/comments?after=0").wants(200); len(a.list("items")) != 1 || a.list("items")[0]["id"] != comment.text("id") {
			t.Errorf("comments %s", a.body)
		}
		if a := s.as("alice", "GET", "/v1/people/alice/log/reactions?after=0").wants(200); len(a.list("items")) != 1 || a.list("items")[0]["type"] != "Like" {
			t.Errorf("reactions %s", a.body)
		}
		s.as("alice", "PATCH", "/v1/activities/"+id, `{"content":"Graded anew"}`).wants(200)
		s.as("admin", "DELETE", "/v1/activities/"+id).wants(204) // who manages may
		if got := s.as("bob", "GET", "/v1/people/alice/activities").wants(200).seqs(); len(got) != 1 || got[0] != 2 {
			t.Errorf("living: %v", got)
		}
	})
}

func TestPeopleFollowEachOther(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.as("alice", "PUT", "/v1/people/bob/follow").wants(201)
		s.as("alice", "PUT", "/v1/people/bob/follow").wants(200)
		s.as("carol", "PUT", "/v1/people/bob/follow").wants(201)
		s.as("alice", "PUT", "/v1/people/carol/follow").wants(201)
		s.as("alice", "PUT", "/v1/people/me/follow").refused(409, "conflict")
		s.as("alice", "DELETE", "/v1/people/alice/follow").refused(409, "conflict")
		s.as("alice", "PUT", "/v1/people/nobody/follow").refused(404, "not_found")
		names := func(who, path string) string {
			t.Helper()
			var out []any
			for next := path; next != ""; {
				a := s.as(who, "GET", next).wants(200)
				for _, item := range a.list("items") {
					out = append(out, item["name"])
				}
				cursor := a.text("next")
				if next = ""; cursor != "" {
					next = path + "?limit=1&cursor=" + cursor
				}
			}
			return fmt.Sprint(out)
		}
		if got := names("bob", "/v1/people/bob/followers"); got != "[alice carol]" {
			t.Errorf("bob's followers: %s", got)
		}
		first := s.as("bob", "GET", "/v1/people/bob/followers?limit=1").wants(200)
		second := s.as("bob", "GET", "/v1/people/bob/followers?limit=1&cursor="+first.text("next")).wants(200)
		if first.list("items")[0]["name"] != "alice" || second.list("items")[0]["name"] != "carol" || second.text("next") != "" {
			t.Errorf("paged: %s %s", first.body, second.body)
		}
		s.as("bob", "GET", "/v1/people/bob/following?cursor="+first.text("next")).refused(422, "invalid", "cursor")
		if got := names("bob", "/v1/people/alice/following"); got != "[bob carol]" {
			t.Errorf("alice follows %s", got)
		}
		// Hidden people are left out, and are nobody to follow.
		s.as("admin", "PUT", "/v1/admin/roles/hidden/carol").wants(204)
		if got := names("bob", "/v1/people/alice/following"); got != "[bob]" {
			t.Errorf("with carol hidden, alice follows %s", got)
		}
		if got := names("admin", "/v1/people/alice/following"); got != "[bob carol]" {
			t.Errorf("a manager sees that alice follows %s", got)
		}
		if got := names("bob", "/v1/people/bob/followers"); got != "[alice]" {
			t.Errorf("with carol hidden, bob's followers: %s", got)
		}
		s.as("bob", "PUT", "/v1/people/carol/follow").refused(404, "not_found")
		s.as("alice", "DELETE", "/v1/people/carol/follow").wants(204) // whom it follows it can leave
		s.as("alice", "DELETE", "/v1/people/carol/follow").refused(404, "not_found")
		s.as("alice", "DELETE", "/v1/people/bob/follow").wants(204)
		s.as("alice", "DELETE", "/v1/people/bob/follow").wants(204)
		if got := names("alice", "/v1/people/alice/following"); got != "[]" {
			t.Errorf("after it left: %s", got)
		}
	})
}

func TestNobodyActsForOthersOutsideOfContexts(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	wall := s.as("alice", "POST", "/v1/people/me/activities", `{"content":"mine"}`).wants(201).text("id")
	talk := s.as("alice", "POST", "/v1/conversations", `{"participants":["bob"]}`).wants(201).text("id")
	said := s.as("alice", "POST", "/v1/conversations/"+talk+"/messages", `{"content":"hello"}`).wants(201).text("id")
	for _, c := range []*call{
		s.as("admin", "POST", "/v1/people/me/activities", `{"content":"x"}`),
		s.as("admin", "POST", "/v1/people/alice/activities", `{"content":"x"}`),
		s.as("admin", "PUT", "/v1/people/bob/follow"),
		s.as("admin", "DELETE", "/v1/people/bob/follow"),
		s.as("admin", "GET", "/v1/me/preferences"),
		s.as("admin", "PUT", "/v1/me/preferences", `{}`),
		s.as("admin", "POST", "/v1/conversations", `{"participants":["bob"]}`),
		s.as("admin", "POST", "/v1/conversations/"+talk+"/messages", `{"content":"x"}`),
		s.as("admin", "PATCH", "/v1/activities/"+wall, `{"content":"x"}`),
		s.as("admin", "DELETE", "/v1/activities/"+wall),
		s.as("admin", "POST", "/v1/activities/"+wall+"/comments", `{"content":"x"}`),
		s.as("admin", "PUT", "/v1/activities/"+wall+"/like"),
		s.as("admin", "PATCH", "/v1/messages/"+said, `{"content":"x"}`),
	} {
		c.with("X-Rambla-Act-As", "alice").refused(403, "forbidden")
	}
	// In contexts one does, and comments and likes keep both.
	s.context("lobby", "open")
	id := s.post("bob", "lobby", "hello")
	comment := s.as("admin", "POST", "/v1/activities/"+id+"/comments", `{"content":"hi"}`).with("X-Rambla-Act-As", "alice").wants(201)
	if comment.text("actor.id") != "alice" || comment.text("creator.id") != "admin" {
		t.Errorf("comment %s", comment.body)
	}
	s.as("admin", "PUT", "/v1/activities/"+id+"/like").with("X-Rambla-Act-As", "alice").wants(201)
	likes := s.as("bob", "GET", "/v1/contexts/lobby/log/reactions?after=0").wants(200).list("items")
	if len(likes) != 1 || fmt.Sprint(likes[0]["actor"].(map[string]any)["id"], likes[0]["creator"].(map[string]any)["id"]) != "aliceadmin" {
		t.Errorf("likes %v", likes)
	}
	voice := s.as("admin", "POST", "/v1/activities/"+id+"/comments", `{"content":"hi"}`).with("X-Rambla-Act-As", "ctx:lobby").wants(201)
	if voice.text("actor.id") != "lobby" || voice.text("creator.id") != "admin" {
		t.Errorf("the context's comment %s", voice.body)
	}
}

func TestPreferencesAreReplacedAsAWholeAndChecked(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		a := s.as("alice", "GET", "/v1/me/preferences").wants(200)
		if string(a.body) != `{"presence":true,"receipts":true,"notifications":"all"}`+"\n" {
			t.Errorf("before anything was said: %s", a.body)
		}
		whole := `{"presence":false,"receipts":false,"locale":"ca","timezone":"Europe/Madrid","notifications":"mentions","quiet":{"from":"22:00","to":"07:00","zone":"UTC"}}`
		if a := s.as("alice", "PUT", "/v1/me/preferences", whole).wants(200); string(a.body) != whole+"\n" {
			t.Errorf("answered %s", a.body)
		}
		if a := s.as("alice", "GET", "/v1/me/preferences").wants(200); string(a.body) != whole+"\n" {
			t.Errorf("kept %s", a.body)
		}
		if p, _ := s.dir.PersonByName("alice"); !p.Discreet {
			t.Error("who is there is told of alice")
		}
		if a := s.as("bob", "GET", "/v1/me/preferences").wants(200); a.text("locale") != "" {
			t.Errorf("bob has %s", a.body)
		}
		for body, field := range map[string]string{
			`{"color":"red"}`:                              "color",
			`{"presence":"off"}`:                           "presence",
			`{"locale":"in Catalan"}`:                      "locale",
			`{"timezone":"Mars/Olympus"}`:                  "timezone",
			`{"timezone":"Local"}`:                         "timezone",
			`{"notifications":"some"}`:                     "notifications",
			`{"quiet":{"from":"25:00","to":"07:00"}}`:      "quiet.from",
			`{"quiet":{"from":"22:00","to":"7"}}`:          "quiet.to",
			`{"quiet":{"from":"22:00","to":"22:00"}}`:      "quiet.to",
			`{"quiet":{"from":"22:00"}}`:                   "quiet.to",
			`{"quiet":{"from":"22:00","to":"1:00","x":1}}`: "quiet.x",
		} {
			if a := s.as("alice", "PUT", "/v1/me/preferences", body).wants(422); len(a.list("errors")) == 0 || a.list("errors")[0]["field"] != field {
				t.Errorf("%s: %s", body, a.body)
			}
		}
		s.as("alice", "PUT", "/v1/me/preferences", `{}`).wants(200)
		if p, _ := s.dir.PersonByName("alice"); p.Discreet {
			t.Error("alice is discreet still")
		}
	})
}

func TestWhatIsSaidTwiceWithinAMinuteIsSaidOnce(t *testing.T) {
	s := sqlite(t, api.Config{}, func(d *api.Deps) {
		d.Repeats = social.NewRepeats(d.Posts, true, d.Now)
		store, _ := d.Replays.(social.WallStore)
		d.Walls = social.NewWalls(d.Directory, store, d.Repeats, d.Now)
	})
	s.context("den", "closed")
	s.context("attic", "closed")
	for _, path := range []string{"/v1/contexts/den/activities", "/v1/people/me/activities"} {
		first := s.as("alice", "POST", path, `{"content":"hello"}`).wants(201)
		again := s.as("alice", "POST", path, `{"content":"hello"}`).wants(200)
		if string(again.body) != string(first.body) || again.header.Get("Location") != first.header.Get("Location") {
			t.Errorf("%s: %s, then %s", path, first.body, again.body)
		}
		s.as("alice", "POST", path, `{"content":"hello","format":"markdown"}`).wants(201)
		s.as("alice", "POST", path, `{"content":"hello","key":"k`+path+`"}`).wants(201)
		s.as("bob", "POST", path, `{"content":"hello"}`).wants(201)
		s.skew.Add(int64(59 * time.Second))
		s.as("alice", "POST", path, `{"content":"hello"}`).wants(200)
		s.skew.Add(int64(time.Second))
		s.as("alice", "POST", path, `{"content":"hello"}`).wants(201)
		// What reads otherwise or is gone is no repeat.
		id := s.as("alice", "POST", path, `{"content":"edited"}`).wants(201).text("id")
		s.as("alice", "PATCH", "/v1/activities/"+id, `{"content":"anew"}`).wants(200)
		id = s.as("alice", "POST", path, `{"content":"edited"}`).wants(201).text("id")
		s.as("alice", "DELETE", "/v1/activities/"+id).wants(204)
		s.as("alice", "POST", path, `{"content":"edited"}`).wants(201)
	}
	s.as("alice", "POST", "/v1/contexts/attic/activities", `{"content":"hello"}`).wants(201)
	// In a conversation everything is said as often as it is said.
	talk := s.as("alice", "POST", "/v1/conversations", `{"participants":["bob"]}`).wants(201).text("id")
	for range 2 {
		s.as("alice", "POST", "/v1/conversations/"+talk+"/messages", `{"content":"ok"}`).wants(201)
	}
	// Who may write no more learns nothing of what it wrote.
	s.as("bob", "POST", "/v1/contexts/den/activities", `{"content":"by bob"}`).wants(201)
	s.as("admin", "DELETE", "/v1/contexts/den/members/bob").wants(204)
	s.as("bob", "POST", "/v1/contexts/den/activities", `{"content":"by bob"}`).refused(404, "not_found")
	// At the same moment there is one first.
	var statuses [12]int
	var all sync.WaitGroup
	for i := range statuses {
		all.Go(func() {
			statuses[i] = s.as("alice", "POST", "/v1/contexts/attic/activities", `{"content":"at once"}`).do().status
		})
	}
	all.Wait()
	count := map[int]int{}
	for _, status := range statuses {
		count[status]++
	}
	if count[201] != 1 || count[200] != len(statuses)-1 {
		t.Errorf("at the same moment: %v", count)
	}
}

func TestASiteDoesNotSuppressRepeatsUnlessItIsTold(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "closed")
	for range 2 {
		s.as("alice", "POST", "/v1/contexts/den/activities", `{"content":"hello"}`).wants(201)
	}
}
