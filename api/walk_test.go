package api_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"rambla/api"
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

// walk calls operations and holds what they answer to the document.
type walk struct {
	*site
	doc   document
	part  func(string) *jsonschema.Schema
	fits  map[string]*jsonschema.Schema // of answers, compiled once
	found map[string]bool               // operations that have succeeded
}

// step is an operation with an address of something that exists.
type step struct {
	method, path string
	op           operation
}

func newWalk(s *site) (*walk, []step) {
	s.Helper()
	var steps []step
	eachOperation(s, func(method, path string, op operation) { steps = append(steps, step{method, path, op}) })
	// What reads comes first, and what removes last, from the inside out.
	order := []string{"GET", "POST", "PUT", "PATCH", "DELETE"}
	slices.SortStableFunc(steps, func(a, b step) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.method), slices.Index(order, b.method)), cmp.Compare(strings.Count(b.path, "/"), strings.Count(a.path, "/")))
	})
	raw := s.as("", "GET", "/v1/openapi.json").wants(200).body
	return &walk{site: s, doc: openAPI(s), part: schemas(s.T, raw), fits: map[string]*jsonschema.Schema{}, found: map[string]bool{}}, steps
}

// try makes a request and checks its answer: no failure of the server, a status
// that the document has, a problem or a body as it describes.
func (w *walk) try(st step, c *call) *answer {
	w.Helper()
	a := c.do()
	if a.status >= 500 {
		w.Errorf("%s: %d %s", a.what, a.status, a.body)
	}
	status := fmt.Sprint(a.status)
	if _, ok := st.op.Responses[status]; !ok && !strings.HasPrefix(c.path, "/v1/oauth/") {
		w.Errorf("%s: the document does not have %s %.200s", a.what, status, a.body)
	}
	if a.status/100 == 2 {
		w.found[st.op.OperationID] = true
	}
	if _, ok := st.op.Responses[status].Content["application/json"]; !ok || c.method == "HEAD" {
		return a
	}
	if len(a.body) == 0 {
		w.Errorf("%s: an answer of %s without a body, which the document describes", a.what, status)
		return a
	}
	if err := w.schemaOf(st.op, status).Validate(decoded(w.T, a.body)); err != nil {
		w.Errorf("%s: %s is not as described: %v", a.what, a.body, err)
	}
	return a
}

func (w *walk) schemaOf(op operation, status string) *jsonschema.Schema {
	w.Helper()
	key := op.OperationID + " " + status
	if w.fits[key] == nil {
		for path, item := range w.doc.Paths {
			for method, o := range item {
				if o.OperationID == op.OperationID {
					pointer := strings.ReplaceAll(path, "/", "~1")
					w.fits[key] = w.part("#" + (&url.URL{Path: "/paths/" + pointer + "/" + method + "/responses/" + status + "/content/application~1json/schema"}).EscapedPath())
				}
			}
		}
	}
	return w.fits[key]
}

// body is one that an operation takes: the members that it needs, or else one that
// it may have.
func (w *walk) body(op operation) []any {
	w.Helper()
	if op.RequestBody == nil {
		return nil
	}
	media, ok := op.RequestBody.Content["application/json"]
	if !ok {
		return []any{"x"}
	}
	text, err := json.Marshal(w.example("", media.Schema))
	if err != nil {
		w.Fatal(err)
	}
	return []any{string(text)}
}

// example is a value of a schema.
func (w *walk) example(name string, schema map[string]any) any {
	if ref, ok := schema["$ref"].(string); ok {
		all := w.doc.Raw["components"].(map[string]any)["schemas"].(map[string]any)
		schema = all[strings.TrimPrefix(ref, "#/components/schemas/")].(map[string]any)
	}
	if words, ok := schema["enum"].([]any); ok {
		return words[0]
	}
	types, _ := schema["type"].(string)
	if several, ok := schema["type"].([]any); ok {
		types = several[0].(string)
	}
	switch types {
	case "object":
		return w.exampleObject(schema)
	case "array":
		items, _ := schema["items"].(map[string]any)
		return []any{w.example(name, items)}
	case "integer", "number":
		return 1
	case "boolean":
		return true
	}
	switch name {
	case "owner", "participants", "name", "members":
		return "bob"
	case "scopes":
		return "read"
	case "platform":
		return "fcm"
	}
	if schema["format"] == "date-time" {
		return "2099-01-01T00:00:00Z"
	}
	return "x"
}

func (w *walk) exampleObject(schema map[string]any) map[string]any {
	out := map[string]any{}
	properties, _ := schema["properties"].(map[string]any)
	for name, p := range properties {
		required, _ := schema["required"].([]any)
		if slices.Contains(required, any(name)) || len(required) == 0 && slices.Contains([]string{"content", "displayName", "read", "outcome"}, name) {
			out[name] = w.example(name, p.(map[string]any))
		}
	}
	return out
}

func TestEveryOperationAnswersAsItsDocumentSays(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	w, steps := newWalk(s)
	for _, st := range steps {
		if strings.HasPrefix(st.path, "/v1/oauth/") {
			continue // OAuth's own conventions; see TestOAuth…
		}
		// A server does so twice a second; without, /readyz says so where this takes long.
		if err := s.dir.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, who := range []string{"", "carol", "bob", "alice", "admin"} {
			a := w.try(st, s.as(who, st.method, st.path, w.body(st.op)...))
			if who == "" && (a.status == 401) != (st.op.Security != nil) {
				t.Errorf("%s: without a login %d, and the document says %v", a.what, a.status, st.op.Security)
			}
		}
	}
	missing := map[string]bool{}
	for _, st := range steps {
		if !w.found[st.op.OperationID] && !strings.HasPrefix(st.path, "/v1/oauth/") {
			missing[st.op.OperationID] = true
		}
	}
	if len(missing) > len(steps)/6 {
		t.Errorf("%d of %d operations never succeeded: %v", len(missing), len(steps), slices.Sorted(maps.Keys(missing)))
	}
}

// parameters are those of an operation's query, with their schemas.
func (w *walk) parameters(st step) map[string]map[string]any {
	w.Helper()
	out := map[string]map[string]any{}
	for _, item := range w.doc.Raw["paths"].(map[string]any) {
		op, _ := item.(map[string]any)[strings.ToLower(st.method)].(map[string]any)
		if op["operationId"] != st.op.OperationID {
			continue
		}
		list, _ := op["parameters"].([]any)
		for _, p := range list {
			if p := p.(map[string]any); p["in"] == "query" {
				out[p["name"].(string)], _ = p["schema"].(map[string]any)
			}
		}
	}
	return out
}

func TestEveryOperationNamesWhatIsWrongInItsQuery(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	w, steps := newWalk(s)
	n := 0
	for _, st := range steps {
		if st.method != "GET" {
			continue
		}
		query := "?"
		if strings.HasPrefix(st.path, "/v1/search") {
			query = "?q=word&" // it is looked at first
		}
		for name, schema := range w.parameters(st) {
			wrong := []string{}
			switch {
			case schema["type"] == "integer":
				wrong = []string{"nonsense", "1.5", "99999999999999999999"}
			case schema["type"] == "boolean" || schema["format"] == "date-time" || schema["enum"] != nil:
				wrong = []string{"nonsense"}
			case name == "fields":
				wrong = []string{",", "id..id"}
				if query == "?" { // what is found has several shapes
					wrong = append(wrong, "nonsense")
				}
			}
			if name == "limit" {
				wrong = append(wrong, "0", "-1", "201", "%20")
			}
			for _, value := range wrong {
				n++
				s.as("admin", "GET", st.path+query+name+"="+value).refused(422, "invalid", name)
			}
		}
	}
	if n < 150 {
		t.Errorf("only %d wrong queries were tried", n)
	}
}

func TestEveryListTellsItsTotalAndTakesItsFields(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	w, steps := newWalk(s)
	n := 0
	for _, st := range steps {
		parameters := w.parameters(st)
		if st.method != "GET" || parameters["count"] == nil {
			continue
		}
		page := s.as("admin", "GET", st.path).do()
		if page.status != 200 {
			continue // wants a query of its own; its room tests it
		}
		n++
		items := page.list("items")
		counted := s.as("admin", "GET", st.path+"?count=true").wants(200)
		head := s.as("admin", "HEAD", st.path).wants(200)
		total := counted.header.Get("X-Total-Count")
		if total == "" || total != head.header.Get("X-Total-Count") || len(head.body) > 0 || page.json()["next"] == nil && total != fmt.Sprint(len(items)) {
			t.Errorf("%s has %d items and tells %q and %q", st.path, len(items), total, head.header.Get("X-Total-Count"))
		}
		if len(items) > 0 {
			name := slices.Sorted(maps.Keys(items[0]))[0]
			for _, item := range s.as("admin", "GET", st.path+"?fields="+name).wants(200).list("items") {
				if _, ok := item[name]; len(item) > 1 || len(item) == 1 && !ok {
					t.Errorf("%s: of %s there is %v", st.path, name, item)
				}
			}
		}
		if len(items) > 1 && parameters["limit"] != nil {
			first := s.as("admin", "GET", st.path+"?limit=1").wants(200)
			if next := first.target("next"); next == "" || len(s.as("admin", "GET", next).wants(200).list("items")) > 1 || first.json()["next"] == nil {
				t.Errorf("%s: behind the first of %d is %q", st.path, len(items), next)
			}
		}
	}
	if n < 25 {
		t.Errorf("only %d lists were looked at", n)
	}
}

func TestNobodyFindsWhatIsNotThere(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	w, steps := newWalk(s)
	for _, st := range steps {
		if !strings.Contains(st.op.OperationID, "-id") || strings.HasPrefix(st.path, "/v1/contexts/den/members") && st.method == "PUT" {
			continue
		}
		levels := strings.Split(st.path, "/")
		levels[3] = "0190f3a0-0000-7000-8000-000000000000"
		st.path = strings.Join(levels, "/")
		for _, who := range []string{"bob", "admin"} {
			if a := w.try(st, s.as(who, st.method, st.path, w.body(st.op)...)); a.status != 404 && a.status != 415 { // a picture is one before it is anybody's
				t.Errorf("%s: wanted 404, got %d %s", a.what, a.status, a.body)
			}
		}
	}
}
