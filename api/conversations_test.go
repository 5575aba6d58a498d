package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rambla/api"
)

// talk begins a conversation and returns the path to it.
func (s *site) talk(name, body string) string {
	s.Helper()
	return "/v1/conversations/" + s.as(name, "POST", "/v1/conversations", body).wants(201).text("id")
}

func (a *answer) strings(member string) []string {
	a.s.Helper()
	out := []string{}
	list, _ := a.json()[member].([]any)
	for _, v := range list {
		if o, ok := v.(map[string]any); ok {
			v = o["name"]
		}
		out = append(out, v.(string))
	}
	return out
}

// shows checks lists of words in the answer.
func (a *answer) shows(member string, want ...string) {
	a.s.Helper()
	if got := a.strings(member); !slices.Equal(got, want) {
		a.s.Errorf("%s: %s are %q, want %q", a.what, member, got, want)
	}
}

func TestTwoPeopleHaveOneConversation(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		made := s.as("alice", "POST", "/v1/conversations", `{"participants":["bob"]}`).wants(201)
		path := "/v1/conversations/" + made.text("id")
		if made.header.Get("Location") != path || made.text("displayName") != "bob" || made.text("history") != "all" || made.text("owner") != "" {
			t.Errorf("%s %s", made.header.Get("Location"), made.body)
		}
		made.shows("participants", "alice", "bob")
		made.shows("tags")
		made.shows("may", "read", "write", "unsubscribe")
		for _, c := range []struct{ who, body string }{
			{"alice", `{"participants":["bob"]}`},
			{"bob", `{"participants":["alice"]}`},
			{"bob", `{"participants":["alice","bob","alice"]}`},
		} {
			if again := s.as(c.who, "POST", "/v1/conversations", c.body).wants(200); again.text("id") != made.text("id") {
				t.Errorf("%s found %s", c.body, again.body)
			}
		}
		if got := s.as("bob", "GET", path).wants(200); got.text("displayName") != "Alice" {
			t.Errorf("bob sees %s", got.body)
		}
		// It never grows and stays as it is.
		s.as("alice", "PUT", path+"/participants/carol").refused(403, "forbidden")
		s.as("alice", "PUT", path+"/participants/bob").wants(200)
		s.as("alice", "DELETE", path+"/participants/bob").refused(403, "forbidden")
		s.as("alice", "PATCH", path, `{"displayName":"us"}`).refused(403, "forbidden")
		s.as("alice", "PUT", path+"/owner", `{"owner":"bob"}`).refused(403, "forbidden")
		s.as("alice", "DELETE", path).refused(403, "forbidden")
		// Another pair is another conversation, and a group of the two is a group.
		s.talk("alice", `{"participants":["carol"]}`)
		group := s.as("alice", "POST", "/v1/conversations", `{"participants":["bob"],"displayName":"Us"}`).wants(201)
		group.shows("tags", "group")
		if group.text("id") == made.text("id") || group.text("history") != "since_join" || group.text("owner") != "alice" {
			t.Errorf("a group of two: %s", group.body)
		}
		s.as("alice", "POST", "/v1/conversations", `{"participants":["nobody"]}`).refused(404, "not_found")
		s.as("alice", "POST", "/v1/conversations", `{"participants":["me"]}`).refused(422, "invalid", "participants")
	})
}

func TestAConversationIsItsParticipantsAlone(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	path := s.talk("alice", `{"participants":["bob"],"displayName":"Us"}`)
	message := s.as("bob", "POST", path+"/messages", `{"content":"hello"}`).wants(201)
	id := message.text("id")
	if message.header.Get("Location") != "/v1/messages/"+id || message.text("target.type") != "Conversation" {
		t.Errorf("%s %s", message.header.Get("Location"), message.body)
	}
	s.as("admin", "PUT", "/v1/admin/roles/auditor/admin").wants(204)
	s.as("admin", "PUT", "/v1/admin/roles/moderator/admin").wants(204)
	paths := []struct{ method, path, body string }{
		{"GET", path, ""},
		{"PATCH", path, `{"displayName":"x"}`},
		{"DELETE", path, ""},
		{"GET", path + "/messages", ""},
		{"POST", path + "/messages", `{"content":"x"}`},
		{"GET", path + "/log/messages", ""},
		{"GET", path + "/log/events", ""},
		{"GET", path + "/log/reactions", ""},
		{"PUT", path + "/read", `{"read":1}`},
		{"PUT", path + "/mute", ""},
		{"DELETE", path + "/mute", ""},
		{"PUT", path + "/owner", `{"owner":"bob"}`},
		{"PUT", path + "/participants/me", ""},
		{"PUT", path + "/participants/carol", ""},
		{"DELETE", path + "/participants/me", ""},
		{"DELETE", path + "/participants/bob", ""},
		{"PATCH", "/v1/messages/" + id, `{"content":"x"}`},
		{"DELETE", "/v1/messages/" + id, ""},
	}
	for _, c := range paths {
		var body []any
		if c.body != "" {
			body = append(body, c.body)
		}
		for _, who := range []string{"carol", "admin"} { // a stranger; all roles there are
			s.as(who, c.method, c.path, body...).refused(404, "not_found")
		}
		acting := s.as("admin", c.method, c.path, body...).with("X-Rambla-Act-As", "bob").do()
		if acting.status != 403 {
			t.Errorf("%s for bob: %d", acting.what, acting.status)
		}
	}
	for _, at := range []string{"/v1/conversations", "/v1/me/conversations"} {
		if got := s.as("admin", "GET", at).wants(200).list("items"); len(got) != 0 {
			t.Errorf("%s lists %v for a manager", at, got)
		}
	}
	// What is named by an id of another kind is not there.
	s.context("den", "closed")
	post := s.post("bob", "den", "a post")
	s.as("bob", "GET", "/v1/activities/"+id).refused(404, "not_found")
	s.as("bob", "PATCH", "/v1/activities/"+id, `{"content":"x"}`).refused(404, "not_found")
	s.as("bob", "DELETE", "/v1/activities/"+id).refused(404, "not_found")
	s.as("bob", "PATCH", "/v1/messages/"+post, `{"content":"x"}`).refused(404, "not_found")
	s.as("bob", "DELETE", "/v1/messages/"+post).refused(404, "not_found")
	s.as("bob", "DELETE", "/v1/messages/not-an-id").refused(404, "not_found")
	s.as("bob", "GET", strings.Replace(path, "conversations", "contexts", 1)).refused(404, "not_found")
	s.as("bob", "GET", "/v1/conversations/den").refused(404, "not_found")
	// A credential for a context reaches none.
	s.tokens["narrow"] = s.as("bob", "POST", "/v1/me/tokens", `{"name":"t","scopes":["read","write","ctx:den"]}`).wants(201).text("token")
	s.as("narrow", "GET", path).refused(404, "not_found")
	s.as("narrow", "GET", "/v1/conversations").refused(403, "forbidden")
	s.as("narrow", "POST", "/v1/conversations", `{"participants":["alice"]}`).refused(403, "forbidden")
	s.as("narrow", "PUT", "/v1/people/alice/block").refused(403, "forbidden")
	s.tokens["reader"] = s.as("bob", "POST", "/v1/me/tokens", `{"name":"r","scopes":["read"]}`).wants(201).text("token")
	s.as("reader", "GET", path+"/messages").wants(200)
	s.as("reader", "POST", path+"/messages", `{"content":"x"}`).refused(403, "forbidden")
	s.as("reader", "DELETE", path+"/participants/me").refused(403, "forbidden")
	s.as("reader", "PUT", path+"/mute").refused(403, "forbidden")
}

func TestTheLifeOfAGroup(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		made := s.as("alice", "POST", "/v1/conversations", `{"participants":["bob","carol"],"tags":["trip"]}`).wants(201)
		path := "/v1/conversations/" + made.text("id")
		made.shows("tags", "group", "trip")
		made.shows("participants", "alice", "bob", "carol")
		made.shows("may", "read", "write", "invite", "kick", "delete")
		if made.text("displayName") != "bob, carol" {
			t.Errorf("a group without a name is called %q", made.text("displayName"))
		}
		s.as("alice", "POST", path+"/messages", `{"content":"before"}`).wants(201)
		// What only its owner may.
		for _, c := range []struct{ method, path, body string }{
			{"PATCH", path, `{"displayName":"x"}`},
			{"DELETE", path, ""},
			{"PUT", path + "/owner", `{"owner":"bob"}`},
			{"PUT", path + "/participants/robot", ""},
			{"DELETE", path + "/participants/carol", ""},
		} {
			var body []any
			if c.body != "" {
				body = append(body, c.body)
			}
			s.as("bob", c.method, c.path, body...).refused(403, "forbidden")
		}
		if got := s.as("alice", "PATCH", path, `{"displayName":"Girona","tags":[]}`).wants(200); got.text("displayName") != "Girona" {
			t.Errorf("renamed: %s", got.body)
		}
		// Room for four; who comes later sees nothing of before.
		s.as("alice", "PUT", path+"/participants/admin").wants(201)
		s.as("alice", "PUT", path+"/participants/admin").wants(200)
		s.as("alice", "PUT", path+"/participants/robot").refused(403, "forbidden")
		s.as("alice", "PUT", path+"/participants/nobody").refused(404, "not_found")
		if got := s.as("admin", "GET", path+"/messages").wants(200).list("items"); len(got) != 0 {
			t.Errorf("who joined sees %v", got)
		}
		s.as("alice", "POST", "/v1/conversations", `{"participants":["bob","carol","admin","robot"]}`).refused(403, "forbidden")
		// Who leaves sees nothing any more; the others keep what it said.
		said := s.as("bob", "POST", path+"/messages", `{"content":"by bob"}`).wants(201).text("id")
		s.as("bob", "DELETE", path+"/participants/me").wants(204)
		s.as("bob", "GET", path).refused(404, "not_found")
		s.as("bob", "PATCH", "/v1/messages/"+said, `{"content":"x"}`).refused(404, "not_found")
		if got := s.as("carol", "GET", path+"/messages").wants(200).list("items"); len(got) != 2 {
			t.Errorf("the others see %v", got)
		}
		s.as("alice", "DELETE", path+"/participants/bob").wants(204) // again
		// The owner removes what others said, others do not.
		s.as("carol", "DELETE", "/v1/messages/"+said).refused(403, "forbidden")
		s.as("alice", "DELETE", "/v1/messages/"+said).wants(204)
		// The owner stays, or hands over first.
		s.as("alice", "DELETE", path+"/participants/me").refused(403, "forbidden")
		s.as("alice", "PUT", path+"/owner", `{"owner":"bob"}`).refused(403, "forbidden")
		s.as("alice", "PUT", path+"/owner", `{"owner":"nobody"}`).refused(404, "not_found")
		if got := s.as("alice", "PUT", path+"/owner", `{"owner":"carol"}`).wants(200); got.text("owner") != "carol" {
			t.Errorf("handed over: %s", got.body)
		}
		s.as("alice", "DELETE", path+"/participants/admin").refused(403, "forbidden")
		s.as("alice", "DELETE", path+"/participants/me").wants(204)
		s.as("carol", "DELETE", path+"/participants/admin").wants(204)
		// Alone it is an archive; it is none any more when somebody is added.
		alone := s.as("carol", "GET", path).wants(200)
		alone.shows("tags", "group", "archive")
		alone.shows("may", "read", "invite", "kick", "delete")
		s.as("carol", "POST", path+"/messages", `{"content":"hello?"}`).refused(403, "forbidden")
		s.as("carol", "PUT", path+"/participants/bob").wants(201)
		s.as("carol", "POST", path+"/messages", `{"content":"hello!"}`).wants(201)
		s.as("carol", "GET", path).wants(200).shows("tags", "group")
		var types []string
		for _, e := range s.as("carol", "GET", path+"/log/events?after=0").wants(200).list("items") {
			types = append(types, e["type"].(string))
		}
		if want := []string{"Join", "Update", "Join", "Leave", "Update", "Leave", "Leave", "Join"}; !slices.Equal(types, want) {
			t.Errorf("events: %q, want %q", types, want)
		}
		s.as("carol", "DELETE", path).wants(204)
		for _, who := range []string{"carol", "bob"} {
			s.as(who, "GET", path).refused(404, "not_found")
			s.as(who, "POST", path+"/messages", `{"content":"x"}`).refused(404, "not_found")
		}
	})
}

func TestWhoLeavesAConversationOfTwoIsLetBackIn(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		path := s.talk("alice", `{"participants":["bob"]}`)
		s.as("alice", "POST", path+"/messages", `{"content":"one"}`).wants(201)
		s.as("bob", "DELETE", path+"/participants/me").wants(204)
		s.as("bob", "GET", path+"/messages").refused(404, "not_found")
		left := s.as("alice", "GET", path).wants(200)
		left.shows("tags", "single")
		left.shows("participants", "alice", "bob")
		s.as("alice", "POST", path+"/messages", `{"content":"two"}`).wants(201)
		s.as("alice", "GET", path).wants(200).shows("tags")
		if got := s.as("bob", "GET", path+"/messages").wants(200).list("items"); len(got) != 2 {
			t.Errorf("bob sees %v", got)
		}
		mine := s.as("bob", "GET", "/v1/me/conversations").wants(200).list("items")
		if len(mine) != 1 || mine[0]["unread"] != float64(1) {
			t.Errorf("bob's conversations: %v", mine)
		}
		// Both leave; one of them begins it again.
		s.as("bob", "DELETE", path+"/participants/me").wants(204)
		s.as("alice", "DELETE", path+"/participants/me").wants(204)
		again := s.as("bob", "POST", "/v1/conversations", `{"participants":["alice"]}`).wants(200)
		if "/v1/conversations/"+again.text("id") != path {
			t.Errorf("another one: %s", again.body)
		}
		again.shows("tags", "single")
		s.as("alice", "GET", path).refused(404, "not_found")
	})
}

func TestRemovedPeopleLeaveArchivesAndHeirs(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		pair := s.talk("alice", `{"participants":["bob"]}`)
		s.as("bob", "POST", pair+"/messages", `{"content":"farewell"}`).wants(201)
		group := s.talk("bob", `{"participants":["carol"],"displayName":"Ours"}`)
		s.as("bob", "PUT", group+"/participants/alice").wants(201)
		s.as("admin", "DELETE", "/v1/people/bob").wants(204)
		a := s.as("alice", "GET", pair).wants(200)
		a.shows("tags", "single", "archive")
		a.shows("may", "read", "unsubscribe")
		s.as("alice", "POST", pair+"/messages", `{"content":"x"}`).refused(403, "forbidden")
		if got := s.as("alice", "GET", pair+"/messages").wants(200).list("items"); len(got) != 1 {
			t.Errorf("alice keeps %v", got)
		}
		s.as("alice", "POST", "/v1/conversations", `{"participants":["bob"]}`).refused(404, "not_found")
		if got := s.as("alice", "GET", group).wants(200); got.text("owner") != "carol" {
			t.Errorf("inherited: %s", got.body)
		}
	})
}

func TestBlockedPeopleDoNotTalk(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		path := s.talk("alice", `{"participants":["bob"]}`)
		group := s.talk("alice", `{"participants":["bob"],"displayName":"All"}`)
		s.as("bob", "PUT", "/v1/people/alice/block").wants(201)
		s.as("bob", "PUT", "/v1/people/alice/block").wants(200)
		s.as("bob", "PUT", "/v1/people/me/block").refused(409, "conflict")
		s.as("bob", "PUT", "/v1/people/nobody/block").refused(404, "not_found")
		// The two cannot be told apart.
		write := func(who string) string {
			return s.as(who, "POST", path+"/messages", `{"content":"x"}`).refused(403, "forbidden").text("detail")
		}
		begin := func(who, other string) string {
			return s.as(who, "POST", "/v1/conversations", fmt.Sprintf(`{"participants":[%q]}`, other)).do().text("detail")
		}
		if a, b := write("alice"), write("bob"); a != b || strings.Contains(a, "block") {
			t.Errorf("alice is told %q, bob %q", a, b)
		}
		if a, b := begin("alice", "bob"), begin("bob", "alice"); a != b {
			t.Errorf("alice is told %q, bob %q", a, b)
		}
		s.as("alice", "GET", path).wants(200).shows("may", "read", "unsubscribe")
		s.as("carol", "PUT", "/v1/people/alice/block").wants(201)
		s.as("alice", "POST", "/v1/conversations", `{"participants":["carol"]}`).refused(403, "forbidden")
		s.as("carol", "POST", "/v1/conversations", `{"participants":["alice"]}`).refused(403, "forbidden")
		// Groups go on.
		s.as("alice", "POST", group+"/messages", `{"content":"to all"}`).wants(201)
		s.as("alice", "PUT", group+"/participants/carol").wants(201)
		list := s.as("bob", "GET", "/v1/me/blocks").wants(200)
		if got := list.names("name"); !slices.Equal(got, []string{"alice"}) {
			t.Errorf("bob's blocks: %s", list.body)
		}
		if got := s.as("alice", "GET", "/v1/me/blocks").wants(200).names("name"); len(got) != 0 {
			t.Errorf("alice learns of %q", got)
		}
		s.as("bob", "DELETE", "/v1/people/alice/block").wants(204)
		s.as("bob", "DELETE", "/v1/people/alice/block").wants(204)
		s.as("alice", "POST", path+"/messages", `{"content":"again"}`).wants(201)
	})
}

func TestConversationsAreListedByWhatWasWrittenLast(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		one, two, three := s.talk("alice", `{"participants":["bob"]}`), s.talk("alice", `{"participants":["carol"]}`), s.talk("bob", `{"participants":["alice"],"displayName":"Group"}`)
		s.as("bob", "POST", one+"/messages", `{"content":"last"}`).wants(201)
		for _, at := range []string{"/v1/conversations", "/v1/me/conversations"} {
			var got []string
			for next := at + "?limit=1"; next != ""; {
				a := s.as("alice", "GET", next).wants(200)
				got = append(got, a.names("id")...)
				next, _, _ = strings.Cut(strings.TrimPrefix(a.header.Get("Link"), "<"), ">")
			}
			for i, path := range []string{one, three, two} {
				if i >= len(got) || !strings.HasSuffix(path, got[i]) {
					t.Errorf("%s: %q, want %q at %d", at, got, path, i)
				}
			}
			if len(got) != 3 {
				t.Errorf("%s: %q", at, got)
			}
		}
		item := s.as("alice", "GET", "/v1/me/conversations").wants(200).list("items")[0]
		last, _ := item["last"].(map[string]any)
		if item["unread"] != float64(1) || item["read"] != float64(0) || last["seq"] != float64(1) || item["muted"] != nil || item["displayName"] != "bob" || !strings.HasSuffix(item["position"].(string), ":1") {
			t.Errorf("%v", item)
		}
		s.as("alice", "PUT", one+"/read", `{"read":1}`).wants(200)
		s.as("alice", "PUT", one+"/mute").wants(200)
		s.as("alice", "PUT", two+"/mute", `{"until":"2126-01-01T00:00:00Z"}`).wants(200)
		items := s.as("alice", "GET", "/v1/me/conversations").wants(200).list("items")
		if items[0]["unread"] != float64(0) || items[0]["muted"] == nil || items[1]["muted"] != nil || items[2]["muted"].(map[string]any)["until"] != "2126-01-01T00:00:00.000Z" {
			t.Errorf("%v", items)
		}
		s.as("alice", "DELETE", one+"/mute").wants(204)
		if got := s.as("alice", "GET", "/v1/me/conversations").wants(200).list("items")[0]["muted"]; got != nil {
			t.Errorf("muted still: %v", got)
		}
		// The same for contexts.
		s.context("den", "closed")
		s.as("alice", "PUT", "/v1/contexts/den/mute").wants(200)
		if got := s.as("alice", "GET", "/v1/me/contexts").wants(200).list("items")[0]["muted"]; got == nil {
			t.Error("a context cannot be muted")
		}
		s.as("carol", "PUT", "/v1/contexts/den/mute").refused(404, "not_found")
	})
}
