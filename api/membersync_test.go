package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rambla/api"
)

func TestAFullListMakesTheMembers(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("den", "closed") // admin owns it; alice and bob are members
		s.as("admin", "PUT", "/v1/contexts/den/members/alice/grants/invite").wants(201)
		s.as("admin", "PUT", "/v1/contexts/den/members/bob/vetoes/write").wants(201)
		list := `{"members":[{"name":"Carol","grants":["kick"],"vetoes":["write"]},{"name":"alice"},{"name":"ghost"},{"name":"robot","grants":[]}]}`
		want := `{"added":2,"removed":1,"changed":0,"unchanged":1,"unknown":["ghost"],"dryRun":true}`
		if a := s.as("admin", "PUT", "/v1/contexts/den/members?dry_run=true", list).wants(200); strings.TrimSpace(string(a.body)) != want {
			t.Errorf("a dry run says %s", a.body)
		}
		if got := s.walk("admin", "/v1/contexts/den/members", "name"); !slices.Equal(got, []string{"admin", "alice", "bob"}) {
			t.Errorf("after a dry run the members are %q", got)
		}
		s.as("admin", "PUT", "/v1/contexts/den/members?strict=true", list).refused(422, "invalid", "members")
		want = strings.Replace(want, "true", "false", 1)
		if a := s.as("admin", "PUT", "/v1/contexts/den/members", list).wants(200); strings.TrimSpace(string(a.body)) != want {
			t.Errorf("it says %s", a.body)
		}
		if got := s.walk("admin", "/v1/contexts/den/members", "name"); !slices.Equal(got, []string{"admin", "alice", "carol", "robot"}) {
			t.Errorf("the members are %q", got)
		}
		members := s.as("admin", "GET", "/v1/contexts/den/members").wants(200).list("items")
		if got := fmt.Sprint(members[1]["grants"], members[2]["grants"], members[2]["vetoes"]); got != "[map[permission:invite]] [map[permission:kick]] [map[permission:write]]" {
			t.Errorf("overrides %s", got)
		}
		again := s.as("admin", "PUT", "/v1/contexts/den/members", list).wants(200)
		if strings.TrimSpace(string(again.body)) != `{"added":0,"removed":0,"changed":0,"unchanged":3,"unknown":["ghost"],"dryRun":false}` {
			t.Errorf("again it says %s", again.body)
		}
		// What a list is silent about stays; what it says empties. bob comes back with his veto.
		changed := s.as("admin", "PUT", "/v1/contexts/den/members", `{"members":[{"name":"carol","vetoes":[]},{"name":"alice","grants":["write"]},{"name":"bob"}]}`).wants(200)
		if strings.TrimSpace(string(changed.body)) != `{"added":1,"removed":1,"changed":2,"unchanged":0,"unknown":[],"dryRun":false}` {
			t.Errorf("then it says %s", changed.body)
		}
		members = s.as("admin", "GET", "/v1/contexts/den/members").wants(200).list("items")
		if got := fmt.Sprint(members[1]["grants"], members[2]["vetoes"], members[3]["grants"], members[3]["vetoes"]); got != "[map[permission:write]] [map[permission:write]] [map[permission:kick]] <nil>" {
			t.Errorf("overrides %s", got)
		}
		// Nobody but the owner is left, with an event for each.
		if a := s.as("admin", "PUT", "/v1/contexts/den/members", `{"members":[]}`).wants(200); a.json()["removed"] != float64(3) {
			t.Errorf("emptied: %s", a.body)
		}
		kinds := map[string]int{}
		for _, e := range s.as("admin", "GET", "/v1/contexts/den/log/events?after=0&limit=100").wants(200).list("items") {
			kinds[e["type"].(string)]++
		}
		if fmt.Sprint(kinds) != "map[Join:5 Leave:5]" {
			t.Errorf("its events are %v", kinds)
		}
	})
}

func TestABadListOfMembersChangesNothing(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "open")
	s.as("alice", "PUT", "/v1/contexts/den/members", `{"members":[]}`).refused(403, "forbidden")
	for body, field := range map[string]string{
		`{}`:                                                "members",
		`{"members":{}}`:                                    "members",
		`{"members":"bob"}`:                                 "members",
		`{"members":["bob"]}`:                               "members[0]",
		`{"members":[{}]}`:                                  "members[0].name",
		`{"members":[{"name":""}]}`:                         "members[0].name",
		`{"members":[{"name":7}]}`:                          "members[0].name",
		`{"people":[]}`:                                     "people",
		`{"members":[],"dryRun":true}`:                      "dryRun",
		`{"members":[{"name":"bob","owner":true}]}`:         "members[0].owner",
		`{"members":[{"name":"bob"},{"name":"BOB"}]}`:       "members[1].name",
		`{"members":[{"name":"bob","grants":["fly"]}]}`:     "members[0].grants",
		`{"members":[{"name":"bob","grants":"write"}]}`:     "members[0].grants",
		`{"members":[{"name":"bob","vetoes":[["write"]]}]}`: "members[0].vetoes",
		`{"members":[{"name":"bob","grants":["read"],"vetoes":["read"]}]}`: "members[0].vetoes",
	} {
		s.as("admin", "PUT", "/v1/contexts/den/members", body).refused(422, "invalid", field)
	}
	for _, body := range []string{`{"members":[`, `{"members":[]}{}`, `[]x`} {
		if a := s.as("admin", "PUT", "/v1/contexts/den/members", body).do(); a.status != 400 && a.status != 422 {
			t.Errorf("%s: %d", body, a.status)
		}
	}
	s.as("admin", "PUT", "/v1/contexts/den/members", `{"members":[{"name":"`+strings.Repeat("x", 9<<20)+`"}]}`).wants(413)
	s.as("admin", "PUT", "/v1/contexts/den/members", `{"members":[`+strings.Repeat(`{"name":"x"},`, 100_000)+`{"name":"x"}]}`).refused(422, "invalid", "members")
	if got := s.walk("admin", "/v1/contexts/den/members", "name"); len(got) != 3 {
		t.Errorf("the members are %q", got)
	}
}
