package api_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"rambla/api"
)

type document struct {
	OpenAPI string `json:"openapi"`
	Info    struct{ Title, Version string }
	Paths   map[string]map[string]operation
	Raw     map[string]any `json:"-"`
}

type operation struct {
	OperationID string `json:"operationId"`
	Summary     string
	Security    []map[string][]string
	Parameters  []parameter
	RequestBody *struct {
		Required bool
		Content  map[string]struct{ Schema map[string]any }
	}
	Responses map[string]struct{ Content map[string]any }
}

type parameter struct {
	Name, In string
	Required bool
}

func openAPI(s *site) document {
	s.Helper()
	var d document
	a := s.as("", "GET", "/v1/openapi.json").wants(200)
	if err := json.Unmarshal(a.body, &d); err != nil {
		s.Fatal(err)
	}
	d.Raw = a.json()
	return d
}

func TestTheOpenAPIDocumentListsExactlyTheRoutes(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	var documented []string
	for path, item := range openAPI(s).Paths {
		for method := range item {
			documented = append(documented, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(documented)
	routes, err := s.server.Routes()
	if err != nil {
		t.Fatal(err)
	}
	var served []string
	for _, r := range routes {
		if strings.Contains(r, " /docs") || strings.Contains(r, " /v1/openapi.") || r == "GET /v1/asyncapi.json" || r == "GET /info/api" {
			continue // the document itself
		}
		r = strings.Replace(r, "/data/*", "/data/{topic}", 1)
		served = append(served, r)
		if get, ok := strings.CutPrefix(r, "GET "); ok {
			served = append(served, "HEAD "+get)
		}
	}
	slices.Sort(served)
	if !slices.Equal(documented, served) {
		t.Errorf("the document has\n%s\nthe router\n%s", strings.Join(documented, "\n"), strings.Join(served, "\n"))
	}
	for _, promised := range []string{
		"POST /v1/oauth/token", "POST /v1/oauth/introspect", "POST /v1/oauth/revoke", "GET /.well-known/oauth-authorization-server",
		"GET /v1/me", "GET /v1/me/tokens", "POST /v1/me/tokens", "DELETE /v1/me/tokens/{id}",
		"GET /v1/me/devices", "POST /v1/me/devices", "PATCH /v1/me/devices/{id}", "DELETE /v1/me/devices/{id}", "GET /v1/admin/push",
		"GET /v1/me/sessions", "DELETE /v1/me/sessions/{client}",
		"GET /v1/admin/sessions", "DELETE /v1/admin/sessions/{person}/{client}", "GET /v1/me/contexts", "PUT /v1/contexts/{id}/read",
		"GET /v1/people", "POST /v1/people", "GET /v1/people/{name}", "PATCH /v1/people/{name}", "DELETE /v1/people/{name}",
		"PUT /v1/admin/roles/{role}/{name}", "DELETE /v1/admin/roles/{role}/{name}",
		"GET /v1/contexts", "POST /v1/contexts", "GET /v1/contexts/{id}", "PATCH /v1/contexts/{id}", "DELETE /v1/contexts/{id}",
		"GET /v1/contexts/{id}/members", "PUT /v1/contexts/{id}/members/{name}", "DELETE /v1/contexts/{id}/members/{name}",
		"PUT /v1/contexts/{id}/members/{name}/grants/{permission}", "DELETE /v1/contexts/{id}/members/{name}/grants/{permission}",
		"PUT /v1/contexts/{id}/members/{name}/vetoes/{permission}", "DELETE /v1/contexts/{id}/members/{name}/vetoes/{permission}",
		"DELETE /v1/contexts/{id}/members/{name}/overrides",
		"GET /v1/contexts/{id}/activities", "POST /v1/contexts/{id}/activities",
		"GET /v1/activities/{id}", "PATCH /v1/activities/{id}", "DELETE /v1/activities/{id}",
		"GET /v1/contexts/{id}/log/messages", "GET /v1/contexts/{id}/log/events",
		"GET /v1/contexts/{id}/data/{topic}", "POST /v1/contexts/{id}/data/{topic}",
		"GET /v1/info", "GET /healthz", "GET /readyz",
	} {
		if !slices.Contains(documented, promised) {
			t.Errorf("%s is missing", promised)
		}
	}
}

func TestTheOpenAPIDocumentIsWellFormed(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	d := openAPI(s)
	if d.OpenAPI != "3.1.0" || d.Info.Title == "" || d.Info.Version != "0.0.0-test" {
		t.Errorf("it begins with %q, %+v", d.OpenAPI, d.Info)
	}
	ids := map[string]bool{}
	for path, item := range d.Paths {
		for method, op := range item {
			if op.OperationID == "" || ids[op.OperationID] || op.Summary == "" {
				t.Errorf("%s %s: operation id %q is missing or there twice, or the summary is missing", method, path, op.OperationID)
			}
			ids[op.OperationID] = true
			if _, ok := op.Responses["default"]; !ok || len(op.Responses) < 2 {
				t.Errorf("%s %s: lacks a success or the problem", method, path)
			}
			for _, part := range strings.Split(path, "/") {
				name, isParameter := strings.CutPrefix(part, "{")
				name = strings.TrimSuffix(name, "}")
				if isParameter && !slices.Contains(op.Parameters, parameter{name, "path", true}) {
					t.Errorf("%s %s: the parameter %s is not declared", method, path, name)
				}
			}
			seen := map[string]bool{}
			for _, p := range op.Parameters {
				if seen[p.In+p.Name] {
					t.Errorf("%s %s: %s is there twice", method, path, p.Name)
				}
				seen[p.In+p.Name] = true
			}
		}
	}
	checkRefs(t, d.Raw, d.Raw, "#")
	schemas := d.Raw["components"].(map[string]any)["schemas"].(map[string]any)
	for name, closed := range map[string]bool{"Draft": true, "CreateContextInBody": true, "Policies": true, "Post": false, "Context": false, "Problem": false} {
		s := schemas[name].(map[string]any)
		if is := s["additionalProperties"] == false; is != closed {
			t.Errorf("%s: closed is %v", name, is)
		}
	}
	yaml := s.as("", "GET", "/v1/openapi.yaml").wants(200)
	if !strings.Contains(string(yaml.body), "openapi: 3.1.0") {
		t.Errorf("the YAML begins with %.80s", yaml.body)
	}
}

// checkRefs finds what every $ref points to.
func checkRefs(t *testing.T, root map[string]any, at any, where string) {
	t.Helper()
	switch v := at.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			var found any = root
			for _, part := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
				m, _ := found.(map[string]any)
				found = m[part]
			}
			if found == nil {
				t.Errorf("%s: %s points nowhere", where, ref)
			}
		}
		for name, x := range v {
			checkRefs(t, root, x, where+"/"+name)
		}
	case []any:
		for _, x := range v {
			checkRefs(t, root, x, where+"[]")
		}
	}
}

func TestThePageOfDocsLoadsNothingFromElsewhere(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	page := s.as("", "GET", "/docs").wants(200)
	if csp := page.header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "http") {
		t.Errorf("its policy is %q", csp)
	}
	for _, path := range []string{"/docs", "/docs/docs.js", "/docs/docs.css"} {
		a := s.as("", "GET", path).wants(200)
		if strings.Contains(string(a.body), "//unpkg") || strings.Contains(string(a.body), "src=\"http") || strings.Contains(string(a.body), "url(http") {
			t.Errorf("%s loads from elsewhere", path)
		}
	}
	for _, kind := range []string{"not_found", "invalid", "conflict", "rate_limited", "unavailable", "method_not_allowed"} {
		if !strings.Contains(string(page.body), `id="`+kind+`"`) {
			t.Errorf("the type of a problem points to /docs#%s, which is not there", kind)
		}
	}
}
