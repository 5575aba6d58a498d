package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rambla/api"
)

// acts are the entries of the audit log as verb, actor and what it was done to.
func (s *site) acts(query string) []string {
	s.Helper()
	var out []string
	for _, e := range s.as("admin", "GET", "/v1/admin/audit?limit=100&"+query).wants(200).list("items") {
		word := func(name string) string { v, _ := e[name].(string); return v }
		out = append(out, strings.Join(strings.Fields(fmt.Sprintln(word("verb"), word("actor"), word("person"), word("context"), word("before"), ">", word("after"))), " "))
	}
	return out
}

func TestEveryAdministrativeActIsInTheAuditLog(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		begun := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
		admin := func(method, path string, body ...any) *answer {
			s.Helper()
			a := s.as("admin", method, path, body...).do()
			if a.status >= 300 {
				s.Fatalf("%s: %d %s", a.what, a.status, a.body)
			}
			return a
		}
		admin("PUT", "/v1/admin/roles/moderator/bob")
		admin("PUT", "/v1/admin/roles/moderator/bob") // changes nothing
		admin("PATCH", "/v1/people/carol", map[string]any{"suspended": true, "name": "caroline", "displayName": "Caro"})
		admin("PATCH", "/v1/people/carol", map[string]any{"password": "another password"})
		s.as("alice", "PATCH", "/v1/people/me", map[string]any{"displayName": "Ally"}).wants(200) // its own affair
		s.as("alice", "PUT", "/v1/admin/roles/manager/alice").wants(403)
		admin("POST", "/v1/contexts", map[string]any{"id": "lobby", "preset": "open"})
		admin("PUT", "/v1/contexts/lobby/owner", map[string]any{"owner": "alice"})
		admin("PATCH", "/v1/contexts/lobby", map[string]any{"permissions": map[string]any{"read": "members"}, "description": "secret of the lobby"})
		s.as("bob", "PUT", "/v1/contexts/lobby/members/me").wants(201)
		post := s.post("alice", "lobby", "words that nobody keeps")
		s.as("bob", "PUT", "/v1/contexts/lobby/bans/robot", map[string]any{"reason": "loud"}).wants(201)
		s.as("bob", "DELETE", "/v1/activities/"+post).wants(204)
		token := admin("POST", "/v1/me/tokens", map[string]any{"name": "acting", "scopes": []string{"read", "write", "act-as"}}).text("token")
		acting := s.as("", "POST", "/v1/contexts/lobby/activities", map[string]any{"content": "for alice"}).with("Authorization", "Bearer "+token).with("X-Rambla-Act-As", "alice")
		acting.with("X-Request-Id", "trace-1").wants(201)
		admin("DELETE", "/v1/contexts/lobby")
		admin("DELETE", "/v1/people/robot")

		want := []string{
			"person.remove admin robot >", "context.delete admin lobby >", "act_as admin lobby >", "post.remove bob alice lobby >",
			"context.ban bob robot lobby >", "context.edit admin lobby > description", "context.policy admin lobby read=public > read=members",
			"context.owner admin alice lobby admin > alice", "person.password admin caroline >", "person.edit admin caroline > displayName",
			"person.suspend admin caroline >", "person.rename admin caroline carol > caroline", "person.roles admin bob > moderator",
		}
		got := s.acts("from=" + begun)
		slices.Sort(got)
		got = slices.DeleteFunc(got, func(e string) bool { return strings.HasPrefix(e, "person.create") })
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s", strings.Join(got, "\n"))
		}
		all := string(s.as("admin", "GET", "/v1/admin/audit?limit=100").wants(200).body)
		for _, private := range []string{"secret of", "words that", "loud", "another password", token} {
			if strings.Contains(all, private) {
				t.Errorf("%q is in the audit log", private)
			}
		}
		for query, n := range map[string]int{
			"actor=bob": 2, "target=caroline": 5, "target=carol": 5, "target=ctx:lobby": 7, "verb=person.roles": 1, "actor=-": 5, "actor=admin&target=alice": 1,
			"to=" + begun: 0,
		} {
			if got := s.acts(query); len(got) != n {
				t.Errorf("%s: %q", query, got)
			}
		}
		e := s.as("admin", "GET", "/v1/admin/audit?verb=act_as").wants(200).list("items")[0]
		if e["for"] != "alice" || e["address"] != "192.0.2.1" || e["client"] != "rest" || e["credential"] == nil || e["result"] != "done" ||
			e["target"] != "POST /v1/contexts/{id}/activities" {
			t.Errorf("%v", e)
		}
		s.as("bob", "GET", "/v1/admin/audit").wants(403)
		for _, query := range []string{"verb=nonsense", "actor=nobody", "target=ctx:nowhere", "cursor=x", "from=yesterday"} {
			s.as("admin", "GET", "/v1/admin/audit?"+query).wants(422)
		}
	})
}

func TestTheAuditLogIsPaged(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	var ids []any
	for next := "limit=2"; next != ""; {
		a := s.as("admin", "GET", "/v1/admin/audit?"+next).wants(200)
		for _, e := range a.list("items") {
			ids = append(ids, e["id"])
		}
		if next = a.text("next"); next != "" {
			next = "limit=2&cursor=" + next
		}
	}
	if len(ids) != 5 { // whoever the site was made with
		t.Errorf("%v", ids)
	}
}
