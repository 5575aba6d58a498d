package api_test

import (
	"fmt"
	"strings"
	"testing"

	"rambla/api"
	"rambla/social"
)

// school is an import in the order in which things need each other.
const school = `{"type":"person","name":"Ida","displayName":"Ida B.","title":"Tutor","passwordHash":"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$NfUH47OmUS4pC5e944fTGlidVtc5m5wuEaPHg/OqdKQ"}
{"type":"person","name":"max","roles":["hidden"]}

{"type":"context","id":"school","preset":"closed","owner":"ida"}
{"type":"context","id":"school-1","parent":"school","permissions":{"read":"public"}}
{"type":"member","context":"school","person":"max","vetoes":["write"]}
{"type":"member","context":"school","person":"alice","grants":["invite"]}
{"type":"activity","id":"old-1","context":"school","author":"ida","content":"Welcome, @alice","published":"2019-09-12T08:30:00Z"}
{"type":"comment","id":"old-2","inReplyTo":"old-1","author":"alice","content":"Thanks","published":"2019-09-12T09:00:00Z"}
{"type":"comment","id":"old-3","inReplyTo":"old-2","author":"ida","content":"Ask *me*","format":"markdown","published":"2019-09-12T10:00:00Z"}
{"type":"activity","id":"old-4","context":"school","author":"max","content":"earlier","published":"2018-01-01T00:00:00+01:00"}
`

func (s *site) imports(query, body string) *call {
	return s.as("admin", "POST", "/v1/import"+query, body).with("Content-Type", "application/x-ndjson")
}

func TestWhatWasElsewhereIsImported(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		want := `{"lines":10,"people":{"added":2,"changed":0,"unchanged":0},"contexts":{"added":2,"changed":0,"unchanged":0},` +
			`"members":{"added":2,"changed":0,"unchanged":0},"activities":{"added":2,"changed":0,"unchanged":0},` +
			`"comments":{"added":2,"changed":0,"unchanged":0},"failed":0,"errors":[],"dryRun":true}`
		if a := s.imports("?dry_run=true", school).wants(200); strings.TrimSpace(string(a.body)) != want {
			t.Errorf("a dry run says %s", a.body)
		}
		s.as("admin", "GET", "/v1/people/ida").wants(404)
		want = strings.Replace(want, "true", "false", 1)
		if a := s.imports("", school).wants(200); strings.TrimSpace(string(a.body)) != want {
			t.Errorf("it says %s", a.body)
		}
		want = strings.ReplaceAll(strings.ReplaceAll(want, `"added":2`, `"added":0`), `"unchanged":0`, `"unchanged":2`)
		if a := s.imports("", school).wants(200); strings.TrimSpace(string(a.body)) != want {
			t.Errorf("again it says %s", a.body)
		}
		s.tokens["ida"] = s.login("ida", "sesame-sesame")
		if a := s.as("ida", "GET", "/v1/people/ida").wants(200); a.text("displayName") != "Ida B." || a.text("title") != "Tutor" {
			t.Errorf("ida is %s", a.body)
		}
		list := s.as("alice", "GET", "/v1/contexts/school/activities").wants(200).list("items")
		got := fmt.Sprint(list[0]["published"], list[0]["seq"], list[1]["published"], list[1]["comments"], list[1]["seq"])
		if got != "2017-12-31T23:00:00.000Z22019-09-12T08:30:00.000Z2 1" {
			t.Errorf("the log says %s", got)
		}
		id := list[1]["id"].(string)
		edited := s.as("ida", "PATCH", "/v1/activities/"+id, map[string]any{"content": "Hello", "data": map[string]any{"a": 1}}).wants(200)
		if edited.text("published") != "2019-09-12T08:30:00.000Z" || edited.text("object.content") != "Hello" {
			t.Errorf("edited: %s", edited.body)
		}
		comments := s.as("alice", "GET", "/v1/activities/"+id+"/comments").wants(200).list("items")
		if len(comments) != 2 || comments[0]["object"].(map[string]any)["inReplyTo"] == nil {
			t.Errorf("comments %v", comments)
		}
		s.as("alice", "PUT", "/v1/contexts/school/members/bob").wants(201)
		if kinds := s.as("ida", "GET", "/v1/contexts/school/log/events?after=0").wants(200).names("type"); fmt.Sprint(kinds) != "[Join]" {
			t.Errorf("its events are %v", kinds) // bob's alone
		}
		s.imports("?notify=true", `{"type":"member","context":"school","person":"carol"}`).wants(200)
		if kinds := s.as("ida", "GET", "/v1/contexts/school/log/events?after=0").wants(200).names("type"); fmt.Sprint(kinds) != "[Join Join]" {
			t.Errorf("its events are %v", kinds)
		}
		if a := s.as("ida", "GET", "/v1/contexts/school-1").wants(200); a.text("parent") != "school" || a.text("permissions.read") != "public" || a.text("owner") != "admin" {
			t.Errorf("%s", a.body)
		}
		changed := s.imports("", `{"type":"person","name":"ida","about":"Since 2019.","roles":["manager"]}`).wants(200)
		if n := changed.json()["people"].(map[string]any)["changed"]; n != float64(1) {
			t.Errorf("changed: %s", changed.body)
		}
		if a := s.as("admin", "GET", "/v1/people/ida").wants(200); a.text("about") != "Since 2019." || a.text("title") != "Tutor" || a.json()["roles"] != nil {
			t.Errorf("ida is %s", a.body)
		}
	})
}

func TestABrokenLineIsToldWithItsNumber(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	broken := []string{
		`{"type":"person","name":"m1"}`, ``, `{"type":"person","name":"m2"`, `{"type":"person","name":"m3"}`,
		`{"type":"person","name":"me"}`, `{"type":"person","name":"m4","password":"x"}`, `{"type":"person","name":"m4","passwordHash":"$2b$x"}`,
		`{"type":"robot"}`, `[]`, `{"type":"person","name":"m5","name":"m6"}`, `{"type":"member","context":"nowhere","person":"alice"}`,
		`{"type":"context","id":"c1","owner":"nobody"}`, `{"type":"context","id":"c1","preset":"x"}`, `{"type":"context","id":"c1"}`,
		`{"type":"member","context":"c1","person":"ghost"}`, `{"type":"activity","id":"a","context":"c1","author":"alice","content":""}`,
		`{"type":"activity","id":"a","context":"c1","author":"alice","content":"x","published":"2999-01-01T00:00:00Z"}`,
		`{"type":"activity","id":"a","context":"c1","author":"alice","content":"x","published":"yesterday"}`,
		`{"type":"activity","context":"c1","author":"alice","content":"x"}`,
		`{"type":"comment","id":"b","inReplyTo":"a","author":"alice","content":"x"}`,
		`{"type":"activity","id":"a","context":"c1","author":"alice","content":"x"}`, "{\"type\":\"\xff\"}",
		`{"type":"activity","id":"a","context":"c1","author":"bob","content":"x"}`, `{"type":"person","name":"` + strings.Repeat("x", 300_000) + `"}`, `{"type":"person","name":"m7"}`,
	}
	body := strings.Join(broken, "\n")
	a := s.imports("", body).refused(422, "invalid", "line 3")
	if !strings.HasPrefix(a.text("detail"), "Line 3: ") {
		t.Errorf("it says %s", a.body)
	}
	s.as("admin", "GET", "/v1/people/m1").wants(200)
	s.as("admin", "GET", "/v1/people/m3").wants(404)
	for _, dry := range []string{"&dry_run=true", ""} {
		a = s.imports("?on_error=skip"+dry, body).wants(200)
		var lines []string
		for _, e := range a.list("errors") {
			lines = append(lines, fmt.Sprint(e["line"]))
			if e["detail"] == "" || e["code"] == "internal" {
				t.Errorf("line %v: %v", e["line"], e)
			}
		}
		want := "3 5 6 7 8 9 10 11 12 13 15 16 17 18 19 20 22 23 24"
		if dry != "" { // nothing stands there that the line could clash with
			want = strings.Replace(want, " 23", "", 1)
		}
		if got := strings.Join(lines, " "); got != want {
			t.Errorf("%s: the broken lines are %s", dry, got)
		}
	}
	s.as("admin", "GET", "/v1/people/m7").wants(200)

	// What only the store refuses lies among what goes in with it.
	tree := `{"type":"context","id":"d1"}` + "\n"
	for level := 2; level <= social.MaxTreeDepth; level++ {
		tree += fmt.Sprintf(`{"type":"context","id":"d%d","parent":"d%d"}`+"\n", level, level-1)
	}
	s.imports("", tree).wants(200)
	body = `{"type":"context","id":"e1"}` + "\n" + fmt.Sprintf(`{"type":"context","id":"e2","parent":"d%d"}`, social.MaxTreeDepth) + "\n" +
		`{"type":"context","id":"e3"}` + "\n" + `{"type":"context","id":"e4","owner":"nobody"}` + "\n" + `{"type":"context","id":"e5"}`
	s.imports("", body).refused(422, "invalid", "line 2")
	s.as("admin", "GET", "/v1/contexts/e1").wants(200)
	s.as("admin", "GET", "/v1/contexts/e3").wants(404)
	a = s.imports("?on_error=skip", body).wants(200)
	if got := fmt.Sprint(a.json()["contexts"], a.list("errors")[0]["line"], a.list("errors")[1]["line"]); got != "map[added:2 changed:0 unchanged:1] 2 4" {
		t.Errorf("it says %s: %s", got, a.body)
	}
	s.as("admin", "DELETE", "/v1/people/m7").wants(204)
	body = `{"type":"person","name":"n1"}` + "\n" + `{"type":"person","name":"n1","title":"Tutor"}` + "\n" +
		`{"type":"person","name":"m7"}` + "\n" + `{"type":"person","name":"n2"}`
	s.imports("", body).refused(422, "invalid", "line 3")
	if a := s.as("admin", "GET", "/v1/people/n1").wants(200); a.text("title") != "Tutor" {
		t.Errorf("who is there twice is %s", a.body)
	}
	s.as("admin", "GET", "/v1/people/n2").wants(404)
	s.as("alice", "POST", "/v1/import", `{"type":"person","name":"m8"}`).refused(403, "forbidden")
	s.imports("?on_error=maybe", `{}`).refused(422, "invalid", "on_error")
}
