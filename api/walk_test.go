package api_test

import (
	"strings"
	"testing"
)

func TestAPostTravelsFromOneMemberToAnother(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("lobby", "open")
		me := s.as("alice", "GET", "/v1/me").wants(200)
		if me.text("name") != "alice" || me.text("displayName") != "Alice" {
			t.Errorf("alice is %s", me.body)
		}
		posted := s.as("alice", "POST", "/v1/contexts/lobby/activities", `{"content":"hello"}`).wants(201)
		id := posted.text("id")
		if posted.header.Get("Location") != "/v1/activities/"+id || posted.text("object.content") != "hello" || posted.text("generator") != "rest" {
			t.Errorf("posted %s at %s", posted.body, posted.header.Get("Location"))
		}
		// Bob reads the same, and what was said about it behind it.
		if got := s.as("bob", "GET", "/v1/activities/"+id).wants(200); !strings.HasPrefix(string(got.body), strings.TrimSuffix(string(posted.body), "}")+`,"comments":0`) {
			t.Errorf("bob reads %s, alice posted %s", got.body, posted.body)
		}
		list := s.as("bob", "GET", "/v1/contexts/lobby/activities").wants(200)
		if items := list.list("items"); len(items) != 1 || items[0]["id"] != id {
			t.Errorf("the list is %s", list.body)
		}
		log := s.as("bob", "GET", "/v1/contexts/lobby/log/messages?after=0").wants(200)
		if items := log.list("items"); len(items) != 1 || items[0]["id"] != id || log.json()["complete"] != true {
			t.Errorf("the log is %s", log.body)
		}
	})
}
