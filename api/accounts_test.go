package api_test

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"rambla/api"
)

func basicAuth(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(name)+":"+url.QueryEscape(password)))
}

func TestALoginIsRefreshedIntrospectedAndRevoked(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		first := s.form("/v1/oauth/token", url.Values{"grant_type": {"password"}, "username": {"Alice"}, "password": {"alice-password"}})
		if first.status != 200 || first.text("token_type") != "Bearer" || first.json()["expires_in"] != float64(3600) || first.text("scope") != "read write" {
			t.Fatalf("signed in with %d %s", first.status, first.body)
		}
		if first.header.Get("Cache-Control") != "no-store" || first.header.Get("Pragma") != "no-cache" {
			t.Errorf("the answer with tokens may be kept: %v", first.header)
		}
		refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.text("refresh_token")}}
		second := s.form("/v1/oauth/token", refresh)
		s.tokens["second"] = second.text("access_token")
		s.as("second", "GET", "/v1/me").wants(200)

		introspect := func(token string) *answer {
			return s.as("", "POST", "/v1/oauth/introspect", url.Values{"token": {token}}.Encode()).
				with("Content-Type", "application/x-www-form-urlencoded").with("Authorization", basicAuth("robot", "robot-password")).wants(200)
		}
		if a := introspect(s.tokens["second"]); a.json()["active"] != true || a.text("username") != "alice" {
			t.Errorf("a living token is %s", a.body)
		}
		if a := introspect("nonsense"); a.json()["active"] != false || len(a.json()) != 1 {
			t.Errorf("a token that is none is %s", a.body)
		}

		// The old refresh token once more: somebody has stolen it, or its successor.
		if a := s.form("/v1/oauth/token", refresh); a.status != 400 || a.text("error") != "invalid_grant" {
			t.Errorf("a used refresh token gets %d %s", a.status, a.body)
		}
		s.as("second", "GET", "/v1/me").refused(401, "unauthenticated")

		s.tokens["third"] = s.login("alice", "alice-password")
		s.as("third", "GET", "/v1/me").wants(200)
		if a := s.form("/v1/oauth/revoke", url.Values{"token": {s.tokens["third"]}}); a.status != 200 {
			t.Errorf("revoking gets %d %s", a.status, a.body)
		}
		s.as("third", "GET", "/v1/me").refused(401, "unauthenticated")
	})
}

func TestAnAccessTokenEndsAndARefreshTokenRenewsIt(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	a := s.form("/v1/oauth/token", url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"alice-password"}})
	s.tokens["mine"] = a.text("access_token")
	s.as("mine", "GET", "/v1/me").wants(200)
	s.skew.Store(int64(61 * time.Minute))
	if a := s.as("mine", "GET", "/v1/me").refused(401, "unauthenticated"); !strings.Contains(a.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
		t.Errorf("refused with %q", a.header.Get("WWW-Authenticate"))
	}
	b := s.form("/v1/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.text("refresh_token")}})
	s.tokens["mine"] = b.text("access_token")
	s.as("mine", "GET", "/v1/me").wants(200)
	// A refresh token is no access token.
	s.tokens["mine"] = b.text("refresh_token")
	s.as("mine", "GET", "/v1/me").refused(401, "unauthenticated")
}

func TestTheTokenEndpointSpeaksOAuth(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	for _, c := range []struct {
		form   url.Values
		status int
		code   string
	}{
		{url.Values{}, 400, "invalid_request"},
		{url.Values{"grant_type": {"magic"}}, 400, "unsupported_grant_type"},
		{url.Values{"grant_type": {"password"}}, 400, "invalid_request"},
		{url.Values{"grant_type": {"password", "password"}, "username": {"alice"}, "password": {"alice-password"}}, 400, "invalid_request"},
		{url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"wrong"}}, 400, "invalid_grant"},
		{url.Values{"grant_type": {"password"}, "username": {"nobody"}, "password": {"wrong"}}, 400, "invalid_grant"},
		{url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"alice-password"}, "scope": {"fly"}}, 400, "invalid_scope"},
		{url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"alice-password"}, "scope": {"admin"}}, 400, "invalid_scope"},
		{url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}, 400, "invalid_grant"},
		{url.Values{"grant_type": {"client_credentials"}}, 401, "invalid_client"},
	} {
		a := s.form("/v1/oauth/token", c.form)
		if a.status != c.status || a.text("error") != c.code || a.text("error_description") == "" {
			t.Errorf("%v gets %d %s, wanted %d %s", c.form, a.status, a.body, c.status, c.code)
		}
		if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%v: headers %v", c.form, a.header)
		}
	}
	wrong := s.form("/v1/oauth/token", url.Values{"grant_type": {"password"}, "username": {"bob"}, "password": {"wrong"}})
	unknown := s.form("/v1/oauth/token", url.Values{"grant_type": {"password"}, "username": {"nobody2"}, "password": {"wrong"}})
	if string(wrong.body) != string(unknown.body) {
		t.Errorf("the answers tell whether an account exists: %s, %s", wrong.body, unknown.body)
	}
	if a := s.as("", "POST", "/v1/oauth/token", `{"grant_type":"password"}`).do(); a.status != 415 || a.text("error") != "invalid_request" {
		t.Errorf("JSON gets %d %s", a.status, a.body)
	}
	if a := s.form("/v1/oauth/token", url.Values{"grant_type": {strings.Repeat("x", 300<<10)}}); a.status != 413 || a.text("error") != "invalid_request" {
		t.Errorf("a huge form gets %d %s", a.status, a.body)
	}
	// What stands in the address does not count.
	c := s.as("", "POST", "/v1/oauth/token?grant_type=password&username=alice&password=alice-password", "")
	if a := c.with("Content-Type", "application/x-www-form-urlencoded").do(); a.status != 400 {
		t.Errorf("a password in the address gets %d %s", a.status, a.body)
	}
	for _, path := range []string{"/v1/oauth/introspect", "/v1/oauth/revoke"} {
		if a := s.form(path, url.Values{}); a.status != 400 || a.text("error") != "invalid_request" {
			t.Errorf("%s without a token gets %d %s", path, a.status, a.body)
		}
	}
	if a := s.form("/v1/oauth/introspect", url.Values{"token": {"x"}}); a.status != 401 || a.header.Get("WWW-Authenticate") == "" {
		t.Errorf("introspection for anybody gets %d %s", a.status, a.body)
	}
}

func TestAServiceAccountSignsInByHTTPBasic(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	ask := func(authorization string) *answer {
		return s.as("", "POST", "/v1/oauth/token", "grant_type=client_credentials").
			with("Content-Type", "application/x-www-form-urlencoded").with("Authorization", authorization).do()
	}
	a := ask(basicAuth("robot", "robot-password"))
	if a.status != 200 || a.json()["refresh_token"] != nil {
		t.Fatalf("robot gets %d %s", a.status, a.body)
	}
	s.tokens["robot"] = a.text("access_token")
	if me := s.as("robot", "GET", "/v1/me").wants(200); me.json()["service"] != true {
		t.Errorf("robot is %s", me.body)
	}
	for _, wrong := range []string{basicAuth("robot", "x"), basicAuth("alice", "alice-password"), "Basic !!", ""} {
		a := ask(wrong)
		if a.status != 401 || a.text("error") != "invalid_client" || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Basic") {
			t.Errorf("%q gets %d %s %v", wrong, a.status, a.body, a.header)
		}
	}
}

func TestTheMetadataNamesTheEndpointsAsClientsReachThem(t *testing.T) {
	s := sqlite(t, api.Config{PublicURL: "https://chat.example.org/"}, nil)
	m := s.as("", "GET", "/.well-known/oauth-authorization-server").wants(200)
	if m.text("issuer") != "https://chat.example.org" || m.text("token_endpoint") != "https://chat.example.org/v1/oauth/token" {
		t.Errorf("metadata %s", m.body)
	}
	info := s.as("", "GET", "/v1/info").wants(200)
	if info.text("endpoints.websocket") != "wss://chat.example.org/mqtt" || info.text("name") != "rambla" || info.text("version") != "0.0.0-test" {
		t.Errorf("info %s", info.body)
	}
}

func TestANamedTokenIsShownOnceAndDoesOnlyWhatItIsFor(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("maths", "closed")
		s.context("den", "closed")
		made := s.as("alice", "POST", "/v1/me/tokens", `{"name":"kitchen sensor","scopes":["data:maths","write"],"ttl":"8760h"}`).wants(201)
		s.tokens["sensor"] = made.text("token")
		if made.header.Get("Location") != "/v1/me/tokens/"+made.text("id") || made.text("expires") == "" {
			t.Errorf("made %s at %s", made.body, made.header.Get("Location"))
		}
		list := s.as("alice", "GET", "/v1/me/tokens").wants(200)
		if !slices.Equal(list.names("name"), []string{"kitchen sensor"}) || strings.Contains(string(list.body), "rbl_") {
			t.Errorf("the tokens are %s", list.body)
		}
		s.as("sensor", "POST", "/v1/contexts/maths/data/temp", "21").wants(201)
		s.as("sensor", "GET", "/v1/contexts/maths/data/temp").refused(404, "not_found")
		s.as("sensor", "POST", "/v1/contexts/maths/activities", `{"content":"x"}`).do().not(t, 201)
		s.as("sensor", "POST", "/v1/contexts/den/data/temp", "21").do().not(t, 201)
		s.as("sensor", "GET", "/v1/me").refused(403, "forbidden")
		s.as("sensor", "GET", "/v1/people").refused(403, "forbidden")
		s.as("sensor", "GET", "/v1/people/bob").refused(403, "forbidden")
		s.as("sensor", "POST", "/v1/me/tokens", `{"name":"more","scopes":["read"]}`).refused(403, "forbidden")
		s.as("alice", "POST", "/v1/me/tokens", `{"name":"x","scopes":["admin"]}`).do().not(t, 201)
		s.as("bob", "DELETE", "/v1/me/tokens/"+made.text("id")).refused(404, "not_found")
		narrow := s.as("alice", "POST", "/v1/me/tokens", `{"name":"reader","scopes":["ctx:den","read"]}`).wants(201)
		s.tokens["narrow"] = narrow.text("token")
		if got := s.walk("narrow", "/v1/contexts", "id"); !slices.Equal(got, []string{"den"}) {
			t.Errorf("a token for one context lists %q", got)
		}
		s.as("narrow", "GET", "/v1/contexts/maths").refused(404, "not_found")
		s.as("narrow", "GET", "/v1/contexts/den/log/messages").wants(200)
		s.as("narrow", "POST", "/v1/contexts/den/activities", `{"content":"x"}`).refused(403, "forbidden")
		s.as("alice", "DELETE", "/v1/me/tokens/"+narrow.text("id")).wants(204)

		s.as("alice", "DELETE", "/v1/me/tokens/"+made.text("id")).wants(204)
		s.as("sensor", "POST", "/v1/contexts/maths/data/temp", "21").refused(401, "unauthenticated")
		s.as("alice", "DELETE", "/v1/me/tokens/"+made.text("id")).refused(404, "not_found")
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			s.as("alice", "POST", "/v1/me/tokens", map[string]string{"name": name}).wants(201)
		}
		if got := s.walk("alice", "/v1/me/tokens?limit=2", "name"); !slices.Equal(got, []string{"e", "d", "c", "b", "a"}) {
			t.Errorf("paging gives %q", got)
		}
	})
}

// not fails the test where the status is that one: which refusal it is depends
// on what the credential may see.
func (a *answer) not(t *testing.T, status int) {
	t.Helper()
	if a.status == status || a.status >= 500 {
		t.Errorf("%s is answered with %d %s", a.what, a.status, a.body)
	}
}

// walk reads a list to its end, by the Link headers, and collects one member.
func (s *site) walk(as, path, member string) []string {
	s.Helper()
	var out []string
	for pages := 0; path != ""; pages++ {
		if pages > 100 {
			s.Fatalf("%s has no end", path)
		}
		a := s.as(as, "GET", path).wants(200)
		out = append(out, a.names(member)...)
		_, hasNext := a.json()["next"]
		path = ""
		if l := a.header.Get("Link"); l != "" {
			rest, rel, _ := strings.Cut(strings.TrimPrefix(l, "<"), ">; ")
			if rel != `rel="next"` || !hasNext {
				s.Fatalf("Link %q, next %v", l, a.json()["next"])
			}
			path = rest
		} else if hasNext {
			s.Fatalf("next without a Link: %s", a.body)
		}
	}
	return out
}

func TestAManagerAddsChangesAndRemovesPeople(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.as("alice", "POST", "/v1/people", `{"name":"ann"}`).refused(403, "forbidden")
		made := s.as("admin", "POST", "/v1/people", `{"name":"Ann","displayName":"Ann","password":"ann-password","roles":["moderator"],"service":false}`).wants(201)
		if made.text("name") != "ann" || made.header.Get("Location") != "/v1/people/ann" || strings.Contains(string(made.body), "password") {
			t.Errorf("made %s", made.body)
		}
		s.as("admin", "POST", "/v1/people", `{"name":"ann"}`).refused(409, "conflict")
		s.tokens["ann"] = s.login("ann", "ann-password")

		// Roles and whether somebody is suspended are not for everybody.
		if a := s.as("alice", "GET", "/v1/people/ann").wants(200); a.json()["roles"] != nil || a.text("displayName") != "Ann" {
			t.Errorf("alice sees %s", a.body)
		}
		if a := s.as("ann", "GET", "/v1/people/me").wants(200); a.json()["roles"] == nil {
			t.Errorf("ann sees of herself %s", a.body)
		}

		s.as("ann", "PATCH", "/v1/people/me", `{"displayName":"Annie"}`).wants(200)
		s.as("ann", "PATCH", "/v1/people/ann", `{"roles":["manager"]}`).refused(403, "forbidden")
		s.as("ann", "PATCH", "/v1/people/ann", `{"name":"anna"}`).refused(403, "forbidden")
		s.as("ann", "PATCH", "/v1/people/bob", `{"displayName":"Bobby"}`).refused(403, "forbidden")
		s.as("ann", "PATCH", "/v1/people/nobody", `{}`).refused(404, "not_found")

		s.as("admin", "PATCH", "/v1/people/ann", `{"name":"anna"}`).wants(200)
		if a := s.as("alice", "GET", "/v1/people/ann").wants(200); a.text("name") != "anna" || a.text("displayName") != "Annie" {
			t.Errorf("by her former name: %s", a.body)
		}
		s.as("admin", "POST", "/v1/people", `{"name":"ann"}`).refused(409, "conflict")

		s.as("admin", "PATCH", "/v1/people/anna", `{"suspended":true}`).wants(200)
		s.as("ann", "GET", "/v1/me").refused(401, "unauthenticated")
		s.as("admin", "PATCH", "/v1/people/anna", `{"suspended":false}`).wants(200)
		s.tokens["ann"] = s.login("anna", "ann-password")

		s.as("alice", "DELETE", "/v1/people/anna").refused(403, "forbidden")
		s.as("admin", "DELETE", "/v1/people/anna").wants(204)
		s.as("ann", "GET", "/v1/me").refused(401, "unauthenticated")
		s.as("admin", "GET", "/v1/people/anna").refused(404, "not_found")
		s.as("admin", "POST", "/v1/people", `{"name":"anna"}`).refused(409, "conflict")
		s.as("admin", "DELETE", "/v1/people/admin").refused(409, "conflict")
	})
}

func TestAPasswordChangeNeedsTheOldOneAndEndsEveryLogin(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.as("alice", "PATCH", "/v1/people/me", `{"password":"a-new-password"}`).refused(422, "invalid", "oldPassword")
		s.as("alice", "PATCH", "/v1/people/me", `{"password":"a-new-password","oldPassword":"wrong"}`).refused(422, "invalid", "oldPassword")
		s.as("bob", "PATCH", "/v1/people/alice", `{"password":"a-new-password","oldPassword":"alice-password"}`).refused(403, "forbidden")
		a := s.as("alice", "PATCH", "/v1/people/me", `{"password":"a-new-password","oldPassword":"alice-password"}`).wants(200)
		if strings.Contains(string(a.body), "a-new-password") {
			t.Errorf("the answer has the password: %s", a.body)
		}
		s.as("alice", "GET", "/v1/me").refused(401, "unauthenticated")
		s.tokens["alice"] = s.login("alice", "a-new-password")
		s.as("admin", "PATCH", "/v1/people/alice", `{"password":"set-by-a-manager"}`).wants(200)
		s.as("alice", "GET", "/v1/me").refused(401, "unauthenticated")
		s.login("alice", "set-by-a-manager")
		if strings.Contains(s.log.String(), "set-by-a-manager") || strings.Contains(s.log.String(), "rbl_") {
			t.Error("the log has a password or a token")
		}
	})
}

func TestRolesAreGivenAndTakenByManagers(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.as("alice", "PUT", "/v1/admin/roles/manager/alice").refused(403, "forbidden")
	s.as("admin", "PUT", "/v1/admin/roles/manager/alice").wants(204)
	s.as("admin", "PUT", "/v1/admin/roles/hidden/carol").wants(204)
	s.as("alice", "PUT", "/v1/admin/roles/auditor/bob").wants(204)
	if a := s.as("alice", "GET", "/v1/people/bob").wants(200); !strings.Contains(string(a.body), `"roles":["auditor"]`) {
		t.Errorf("bob is %s", a.body)
	}
	s.as("alice", "DELETE", "/v1/admin/roles/auditor/bob").wants(204)
	s.as("alice", "DELETE", "/v1/admin/roles/auditor/bob").wants(204)
	s.as("alice", "PUT", "/v1/admin/roles/auditor/nobody").refused(404, "not_found")
	s.as("alice", "DELETE", "/v1/admin/roles/manager/alice").refused(409, "conflict")
	if got := s.walk("bob", "/v1/people?limit=2", "name"); !slices.Equal(got, []string{"admin", "alice", "bob", "robot"}) {
		t.Errorf("bob lists %q: carol is hidden", got)
	}
	if got := s.walk("alice", "/v1/people?limit=2", "name"); !slices.Equal(got, []string{"admin", "alice", "bob", "carol", "robot"}) {
		t.Errorf("alice lists %q", got)
	}
	s.as("bob", "GET", "/v1/people/carol").refused(404, "not_found")
	s.as("carol", "GET", "/v1/people/carol").wants(200)
}
