package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// reply is an answer read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// ask does one request; headers are "Name: value".
func (s *instance) ask(t testing.TB, method, address, body string, headers ...string) reply {
	t.Helper()
	if strings.HasPrefix(address, "/") {
		address = s.http + address
	}
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(b)}
}

const inJSON = "Content-Type: application/json"

func TestEveryErrorIsAProblemDocument(t *testing.T) {
	t.Parallel()
	s := serve(t, "--demo", "--data", t.TempDir())
	bob := "Authorization: Bearer " + s.login(t, "bob", "bob")
	const lobby = "/v1/contexts/lobby"
	for _, c := range []struct {
		method, path, body string
		headers            []string
		status             int
		code, names        string
	}{
		{"GET", "/v1/nothing", "", []string{bob}, 404, "not_found", ""},
		{"GET", "/v1/contexts/staff-2", "", []string{bob}, 404, "not_found", ""},
		{"GET", "/v1/me", "", nil, 401, "unauthenticated", ""},
		{"GET", "/v1/me", "", []string{"Authorization: Bearer rbl_x"}, 401, "unauthenticated", ""},
		{"PUT", "/v1/contexts", "{}", []string{bob, inJSON}, 405, "method_not_allowed", ""},
		{"POST", lobby + "/activities", "content=x", []string{bob, "Content-Type: application/x-www-form-urlencoded"}, 415, "unsupported_media_type", ""},
		{"POST", lobby + "/activities", `{"content":`, []string{bob, inJSON}, 400, "invalid", ""},
		{"POST", lobby + "/activities", "{\"content\":\"\xff\"}", []string{bob, inJSON}, 400, "invalid", ""},
		{"POST", lobby + "/activities", `{"content":"` + strings.Repeat("x", 300<<10) + `"}`, []string{bob, inJSON}, 413, "too_large", ""},
		{"POST", lobby + "/activities", `{"content":"` + strings.Repeat("x", 16<<10+1) + `"}`, []string{bob, inJSON}, 413, "too_large", ""},
		{"POST", lobby + "/activities", `{"content":"x","seq":1}`, []string{bob, inJSON}, 422, "invalid", "seq"},
		{"POST", lobby + "/activities", `{"content":"x","actor":{"id":"alice"}}`, []string{bob, inJSON}, 422, "invalid", "actor"},
		{"POST", lobby + "/activities", `{"content":"x","inReplyTo":"` + noID + `"}`, []string{bob, inJSON}, 422, "invalid", "inReplyTo"},
		{"POST", "/v1/contexts/news/activities", `{"content":"x"}`, []string{bob, inJSON}, 403, "forbidden", ""},
		{"PATCH", lobby, `{"permissions":{"read":"sometimes"}}`, []string{bob, inJSON}, 422, "invalid", "permissions.read"},
		{"GET", lobby + "/log/messages?limit=201", "", []string{bob}, 422, "invalid", "limit"},
		{"GET", lobby + "/log/messages?after=x", "", []string{bob}, 422, "invalid", "after"},
		{"GET", lobby + "/log/messages?after=1&before=2", "", []string{bob}, 422, "invalid", "before"},
		{"POST", "/v1/me/tokens", `{"name":"x","scopes":["admin"]}`, []string{bob, inJSON}, 422, "invalid", "scopes"},
		{"POST", lobby + "/activities", `{"content":"x"}`, []string{bob, inJSON, "X-HTTP-Method-Override: TRACE"}, 422, "invalid", "X-HTTP-Method-Override"},
		{"POST", lobby + "/activities", `{"content":"x"}`, []string{bob, inJSON, "X-Rambla-Act-As: alice"}, 403, "forbidden", ""},
	} {
		what := c.method + " " + c.path + " " + c.body[:min(len(c.body), 40)]
		a := s.ask(t, c.method, c.path, c.body, c.headers...)
		var p struct {
			Status       int
			Code, Detail string
			Errors       []struct{ Field string }
		}
		if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %v %s", what, a.status, a.header, a.body)
			continue
		}
		if a.status != c.status || p.Status != c.status || p.Code != c.code || p.Detail == "" {
			t.Errorf("%s: %d %s, want %d %s", what, a.status, a.body, c.status, c.code)
		}
		if c.names != "" && (len(p.Errors) != 1 || p.Errors[0].Field != c.names) {
			t.Errorf("%s: names %+v, want %s", what, p.Errors, c.names)
		}
		if c.status == 405 && !strings.Contains(a.header.Get("Allow"), "GET") {
			t.Errorf("%s: allows %q", what, a.header.Get("Allow"))
		}
	}
}

func TestOneListenerServesEverythingButTheFigures(t *testing.T) {
	t.Parallel()
	s := serve(t, "--demo", "--data", t.TempDir())
	admin := "http://" + s.admin
	for _, c := range []struct {
		address string
		status  int
		has     string
	}{
		{"/", 200, "<html"},
		{"/healthz", 200, "ok"},
		{"/readyz", 200, "ready"},
		{"/docs", 200, "<html"},
		{"/v1/openapi.json", 200, `"openapi":"3.1`},
		{"/v1/info", 200, `"version"`},
		{"/.well-known/oauth-authorization-server", 200, "token_endpoint"},
		{"/metrics", 404, ""},
		{"/debug/pprof/", 404, ""},
		{admin + "/metrics", 200, "rambla_"},
		{admin + "/debug/pprof/", 200, ""},
		{admin + "/v1/info", 404, ""},
	} {
		a := s.ask(t, http.MethodGet, c.address, "")
		if a.status != c.status || !strings.Contains(strings.ReplaceAll(a.body, ": ", ":"), c.has) {
			t.Errorf("%s: %d %.200s", c.address, a.status, a.body)
		}
		if a := s.ask(t, http.MethodHead, c.address, ""); a.status != c.status || a.body != "" {
			t.Errorf("HEAD of %s: %d %q", c.address, a.status, a.body)
		}
	}
	checkExposed(t, s.ask(t, http.MethodGet, admin+"/metrics", "").body)
	// What the metadata names is there.
	var meta map[string]any
	if err := json.Unmarshal([]byte(s.ask(t, http.MethodGet, "/.well-known/oauth-authorization-server", "").body), &meta); err != nil {
		t.Fatal(err)
	}
	for name, value := range meta {
		if address, _ := value.(string); strings.HasSuffix(name, "_endpoint") {
			if a := s.ask(t, http.MethodPost, address, ""); a.status == 404 || a.status == 405 {
				t.Errorf("%s %s: %d", name, address, a.status)
			}
		}
	}
}

func TestListsAreReadPageByPage(t *testing.T) {
	t.Parallel()
	flags := []string{"--data", t.TempDir()}
	s := serve(t, append(flags, "--demo")...)
	token := s.login(t, "alice", "alice")
	bearer := "Authorization: Bearer " + token
	for _, content := range []string{"1", "2", "3", "4", "5"} {
		s.post(t, token, "lobby", content)
	}
	type page struct {
		Items    []published
		Next     any
		Position string
		Complete *bool
	}
	// follow reads a list to its end by its links.
	follow := func(path string) (contents string, pages int) {
		for path != "" {
			a := s.ask(t, http.MethodGet, path, "", bearer)
			var p page
			if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.status != 200 {
				t.Fatalf("%s: %d %s", path, a.status, a.body)
			}
			for _, item := range p.Items {
				contents += item.Object.Content
			}
			path = ""
			if link, rel, _ := strings.Cut(a.header.Get("Link"), ">"); strings.Contains(rel, `rel="next"`) {
				path = strings.TrimPrefix(link, "<")
			}
			if (p.Next == nil) != (path == "") {
				t.Errorf("next is %v and the link %q", p.Next, path)
			}
			pages++
		}
		return contents, pages
	}
	for path, want := range map[string]string{
		"/v1/contexts/lobby/log/messages?limit=2":          "54321",
		"/v1/contexts/lobby/log/messages?after=0&limit=2":  "12345",
		"/v1/contexts/lobby/log/messages?before=4&limit=2": "321",
		"/v1/contexts/lobby/log/messages?after=3&limit=5":  "45",
		"/v1/contexts/lobby/activities?limit=2":            "54321",
		"/v1/contexts/lobby/activities?after=2&limit=1":    "345",
	} {
		if got, _ := follow(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if _, pages := follow("/v1/people?limit=1"); pages != 4 {
		t.Errorf("four people on %d pages", pages)
	}
	read := func(after string) page {
		var p page
		s.call(t, token, http.MethodGet, "/v1/contexts/lobby/log/messages?limit=200&after="+url.QueryEscape(after), nil, &p)
		return p
	}
	all := read("0")
	epoch, head, _ := strings.Cut(all.Position, ":")
	if head != "5" || epoch == "" || all.Complete == nil || !*all.Complete {
		t.Errorf("position %q, complete %v", all.Position, all.Complete)
	}
	for after, want := range map[string]struct {
		items    int
		complete bool
	}{
		epoch + ":3": {2, true}, epoch + ":5": {0, true}, "5": {0, true}, "6": {0, false}, "other:3": {5, false},
	} {
		if p := read(after); len(p.Items) != want.items || p.Complete == nil || *p.Complete != want.complete {
			t.Errorf("after %s: %d items, complete %v", after, len(p.Items), p.Complete)
		}
	}
}

func TestOriginsGovernBrowsersAtBothDoors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir+"/rambla.yaml", "http: {origins: [\"https://app.example\"]}\n")
	s := serve(t, "--demo", "--data", dir+"/data", "--config", dir+"/rambla.yaml")
	for origin, allowed := range map[string]bool{"https://app.example": true, "https://evil.example": false} {
		a := s.ask(t, http.MethodGet, "/v1/info", "", "Origin: "+origin)
		if got := a.header.Get("Access-Control-Allow-Origin"); (got == origin) != allowed || !allowed && got != "" {
			t.Errorf("%s: allows %q", origin, got)
		}
		a = s.ask(t, http.MethodOptions, "/v1/me", "", "Origin: "+origin, "Access-Control-Request-Method: PATCH", "Access-Control-Request-Headers: authorization,content-type")
		if got := a.header.Get("Access-Control-Allow-Methods"); strings.Contains(got, "PATCH") != allowed {
			t.Errorf("%s: a preflight allows %q", origin, got)
		}
		if got := strings.ToLower(a.header.Get("Access-Control-Allow-Headers")); strings.Contains(got, "authorization") != allowed {
			t.Errorf("%s: a preflight allows the headers %q", origin, got)
		}
		if _, _, err := s.socket(t, 5, "mqtt", origin); (err == nil) != allowed {
			t.Errorf("%s: WebSocket: %v", origin, err)
		}
	}
}

func TestAManagerActsForOthersInContexts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir+"/pw", "correct horse\n")
	flags := []string{"--data", dir + "/data"}
	if _, stderr, code := rambla(t, append([]string{"user", "add", "root", "--manager", "--password-file", dir + "/pw"}, flags...)...); code != 0 {
		t.Fatal(stderr)
	}
	s := serve(t, append(flags, "--demo")...)
	root := s.login(t, "root", "correct horse")
	bearer := "Authorization: Bearer " + root
	const post = "/v1/contexts/lobby/activities"
	for as, want := range map[string]string{"bob": `"actor":{"type":"Person","id":"bob"`, "ctx:lobby": `"actor":{"type":"Context","id":"lobby"`} {
		a := s.ask(t, http.MethodPost, post, `{"content":"x"}`, bearer, inJSON, "X-Rambla-Act-As: "+as)
		if a.status != 201 || !strings.Contains(a.body, want) || !strings.Contains(a.body, `"creator":{"type":"Person","id":"root"`) {
			t.Errorf("as %s: %d %s", as, a.status, a.body)
		}
		for _, refused := range []string{"GET /v1/me", "POST /v1/me/tokens", "POST /v1/people"} {
			method, path, _ := strings.Cut(refused, " ")
			if a := s.ask(t, method, path, `{"name":"x"}`, bearer, inJSON, "X-Rambla-Act-As: "+as); a.status != 403 {
				t.Errorf("%s as %s: %d", refused, as, a.status)
			}
		}
	}
	// A token without the scope does not.
	var narrow struct{ Token string }
	s.call(t, root, http.MethodPost, "/v1/me/tokens", map[string]any{"name": "n", "scopes": []string{"read", "write", "admin"}}, &narrow)
	if a := s.ask(t, http.MethodPost, post, `{"content":"x"}`, "Authorization: Bearer "+narrow.Token, inJSON, "X-Rambla-Act-As: bob"); a.status != 403 {
		t.Errorf("without act-as: %d", a.status)
	}
	if !strings.Contains(s.logged(), `"acting for another"`) {
		t.Error("acting for bob was not logged")
	}
}

// form posts a form of names and values, with a bearer token if one is given.
func (s *instance) form(t testing.TB, path string, pairs []string, out any, token ...string) int {
	t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.http+path, strings.NewReader(values.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, secret := range token {
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if out != nil {
		if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
			t.Fatalf("POST %s: %s: %v", path, resp.Status, err)
		}
	}
	return resp.StatusCode
}
