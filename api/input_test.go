package api_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"rambla/api"
)

// eachOperation calls f for every operation of the document, with its path made
// out of things that exist: the closed context den, a post of alice in it, a
// token and a device of admin, the person bob, a conversation of admin, alice and
// bob with a message of alice in it, a comment of bob on the post, and his report.
func eachOperation(s *site, f func(method, path string, op operation)) {
	s.Helper()
	s.context("den", "closed")
	post := s.post("alice", "den", "a secret of the den")
	token := s.as("admin", "POST", "/v1/me/tokens", `{"name":"sensor"}`).wants(201).text("id")
	device := s.as("admin", "POST", "/v1/me/devices", `{"platform":"fcm","token":"admins-token"}`).wants(201).text("id")
	talk := s.as("admin", "POST", "/v1/conversations", `{"participants":["alice","bob"],"displayName":"three"}`).wants(201).text("id")
	message := s.as("alice", "POST", "/v1/conversations/"+talk+"/messages", `{"content":"between us"}`).wants(201).text("id")
	comment := s.as("bob", "POST", "/v1/activities/"+post+"/comments", `{"content":"about it"}`).wants(201).text("id")
	s.as("bob", "POST", "/v1/activities/"+post+"/report", `{"reason":"rude"}`).wants(201)
	report := s.as("admin", "GET", "/v1/reports").wants(200).list("items")[0]["id"].(string)
	d := openAPI(s)
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		id := "den"
		switch {
		case strings.HasPrefix(path, "/v1/conversations/"):
			id = talk
		case strings.HasPrefix(path, "/v1/messages/"):
			id = message
		case strings.HasPrefix(path, "/v1/comments/"):
			id = comment
		case strings.HasPrefix(path, "/v1/reports/"):
			id = report
		case strings.HasPrefix(path, "/v1/activities/"):
			id = post
		case strings.HasPrefix(path, "/v1/me/tokens/"):
			id = token
		case strings.HasPrefix(path, "/v1/me/devices/"):
			id = device
		}
		real := strings.NewReplacer("{id}", id, "{name}", "bob", "{role}", "auditor", "{permission}", "write", "{topic}", "a/b").Replace(path)
		for _, method := range []string{"get", "post", "put", "patch", "delete"} {
			if op, ok := d.Paths[path][method]; ok {
				f(strings.ToUpper(method), real, op)
			}
		}
	}
}

func TestNothingIsToldWithoutALogin(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	n := 0
	eachOperation(s, func(method, path string, op operation) {
		if op.Security == nil {
			return
		}
		n++
		s.as("", method, path).refused(401, "unauthenticated")
		s.as("", method, path).with("Authorization", "Bearer nonsense").refused(401, "unauthenticated")
		s.as("", method, path).with("Authorization", "Basic YWxpY2U6YWxpY2UtcGFzc3dvcmQ=").refused(401, "unauthenticated")
		s.as("", method, path+"?access_token="+s.tokens["admin"]).refused(401, "unauthenticated")
	})
	if n < 30 {
		t.Errorf("only %d operations need a login", n)
	}
}

func TestAStrangerDoesNotLearnThatAContextExists(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	eachOperation(s, func(method, path string, op operation) {
		if !strings.Contains(path, "/den") && !strings.Contains(path, "/activities/") || strings.HasPrefix(path, "/v1/admin/") {
			return
		}
		body := any(`{}`)
		if method == "PUT" && strings.HasSuffix(path, "/members") {
			body = `{"members":[]}`
		} else if strings.Contains(path, "/v1/reports/") {
			body = `{"outcome":"x"}`
		} else if strings.HasSuffix(path, "/report") {
			body = `{"reason":"x"}`
		} else if strings.HasSuffix(path, "/activities") || strings.Contains(path, "/v1/activities/") {
			body = `{"content":"x"}`
		} else if strings.HasSuffix(path, "/messages") || strings.Contains(path, "/v1/messages/") || strings.Contains(path, "/v1/comments/") {
			body = `{"content":"x"}`
		} else if strings.HasSuffix(path, "/read") {
			body = `{"read":1}`
		} else if strings.HasSuffix(path, "/owner") {
			body = `{"owner":"bob"}`
		}
		ask := func(path string) *answer {
			c := s.as("carol", method, path, body)
			if strings.HasSuffix(path, "/avatar") {
				c.with("Content-Type", "image/png")
			}
			return c.refused(404, "not_found")
		}
		there, nowhere := ask(path), ask(strings.Replace(path, "/den", "/hut", 1))
		if strings.ReplaceAll(string(there.body), "den", "hut") != string(nowhere.body) {
			t.Errorf("%s %s tells the two apart: %s, %s", method, path, there.body, nowhere.body)
		}
	})
}

func TestEveryBodyThatIsNotAsItShouldBeIsRefusedWithTheReason(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	n := 0
	d := openAPI(s)
	eachOperation(s, func(method, path string, op operation) {
		if op.RequestBody == nil || op.RequestBody.Content["application/json"].Schema == nil {
			return
		}
		n++
		send := func(body string) *call { return s.as("admin", method, path, body) }
		deep := strings.Repeat(`{"data":`, 40) + "1" + strings.Repeat("}", 40)
		s.as("admin", method, path, strings.Repeat("[", 100_000)).refused(422, "invalid", "body")
		send(deep).refused(422, "invalid", "body")
		for _, broken := range []string{`{`, `{"a":}`, `{"a":1}}`, `{"a":1} {"b":2}`, `nonsense`, "{\"a\":\"\xff\"}", `{'a':1}`} {
			send(broken).refused(400, "invalid")
		}
		for _, other := range []string{`[]`, `"text"`, `7`, `null`, `true`} {
			send(other).refused(422, "invalid", "body")
		}
		if op.RequestBody.Required {
			send("").refused(400, "invalid")
			send("   ").refused(400, "invalid")
		}
		if !strings.HasSuffix(path, "/den/members") { // a list of 38,000 people is longer
			send(`{"content":"`+strings.Repeat("x", 300<<10)+`"}`).refused(413, "too_large")
		}
		send(`{}`).with("Content-Type", "text/plain").refused(415, "unsupported_media_type")
		send(`{}`).with("Content-Type", "application/x-www-form-urlencoded").refused(415, "unsupported_media_type")
		if !strings.Contains(string(send(`{"zzz":1}`).refused(422, "invalid").body), `"field":"zzz"`) {
			t.Errorf("%s %s does not name the unknown field", method, path)
		}
		for _, decided := range []string{"actor", "seq", "published", "created", "owner", "time"} {
			if decided == "owner" && strings.HasSuffix(path, "/owner") {
				continue // that is what one says there
			}
			if a := send(`{"`+decided+`":"x"}`).refused(422, "invalid"); !strings.Contains(string(a.body), `"field":"`+decided+`"`) {
				t.Errorf("%s %s does not name %s: %s", method, path, decided, a.body)
			}
		}
		schema := op.RequestBody.Content["application/json"].Schema
		checkWrongTypes(s, d, schema, "", func(path, body string) { // every field of the body
			a := send(body).refused(422, "invalid")
			if !strings.Contains(string(a.body), `"field":"`+path) {
				t.Errorf("%s %s does not name the field %s of %s: %s", method, path, path, body, a.body)
			}
		})
	})
	if n < 8 {
		t.Errorf("only %d operations take JSON", n)
	}
}

// checkWrongTypes calls send with a body in which one field has a wrong type,
// or is null, for every field of the schema.
func checkWrongTypes(s *site, d document, schema map[string]any, within string, send func(path, body string)) {
	s.Helper()
	if ref, ok := schema["$ref"].(string); ok {
		schemas := d.Raw["components"].(map[string]any)["schemas"].(map[string]any)
		schema = schemas[strings.TrimPrefix(ref, "#/components/schemas/")].(map[string]any)
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, p := range properties {
		property := p.(map[string]any)
		wrong := `{"` + name + `":[5]}`
		types := []any{property["type"]}
		if several, ok := property["type"].([]any); ok {
			types = several
		}
		if slices.Contains(types, any("array")) {
			wrong = `{"` + name + `":"x"}`
		}
		for _, body := range []string{wrong, `{"` + name + `":null}`} {
			path, whole := name, body
			if within != "" {
				path, whole = within+"."+name, `{"`+within+`":`+body+`}`
			}
			if path != "subscription.expirationTime" || body != `{"expirationTime":null}` { // browsers write that
				send(path, whole)
			}
		}
		if within == "" {
			checkWrongTypes(s, d, property, name, send)
		}
	}
}

func TestUnknownWordsAreNamed(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "closed")
	for _, c := range []struct {
		method, path, body, field string
	}{
		{"POST", "/v1/contexts", `{"permissions":{"write":"nobody"}}`, "permissions.write"},
		{"POST", "/v1/contexts", `{"permissions":{"fly":"public"}}`, "permissions.fly"},
		{"POST", "/v1/contexts", `{"preset":"wild"}`, "preset"},
		{"POST", "/v1/contexts", `{"notifications":"some"}`, "notifications"},
		{"POST", "/v1/contexts", `{"history":"short"}`, "history"},
		{"POST", "/v1/contexts", `{"id":"No Good"}`, "id"},
		{"POST", "/v1/contexts", `{"url":"javascript:alert(1)"}`, "url"},
		{"PATCH", "/v1/contexts/den", `{"permissions":{"read":""}}`, "permissions.read"},
		{"PATCH", "/v1/contexts/den", `{"preset":"open"}`, "preset"},
		{"POST", "/v1/people", `{"name":"ann","roles":["king"]}`, "roles"},
		{"POST", "/v1/people", `{"name":"me"}`, "name"},
		{"POST", "/v1/people", `{"name":"ann","password":"short"}`, "password"},
		{"POST", "/v1/people", `{}`, "name"},
		{"PATCH", "/v1/people/bob", `{"roles":["king"]}`, "roles"},
		{"PUT", "/v1/admin/roles/king/bob", ``, "role"},
		{"PUT", "/v1/contexts/den/members/bob/grants/fly", ``, "permission"},
		{"PUT", "/v1/contexts/den/members/bob/vetoes/read", `{"until":"tomorrow"}`, "until"},
		{"PUT", "/v1/contexts/den/members/bob/vetoes/read", `{"until":"2001-01-01T00:00:00Z"}`, "until"},
		{"PUT", "/v1/contexts/den/read", `{}`, "read"},
		{"POST", "/v1/me/tokens", `{"name":"x","scopes":["fly"]}`, "scopes"},
		{"POST", "/v1/me/tokens", `{"name":"x","ttl":"long"}`, "ttl"},
		{"POST", "/v1/me/tokens", `{"name":"x","ttl":"-1h"}`, "ttl"},
		{"POST", "/v1/contexts/den/activities", `{"content":"x","format":"html"}`, "format"},
		{"POST", "/v1/contexts/den/activities", `{"content":"x","type":"Delete"}`, "type"},
		{"POST", "/v1/contexts/den/activities", `{"content":" "}`, "content"},
		{"POST", "/v1/contexts/den/activities", `{"content":"x","to":["nobody"]}`, "to"},
		{"POST", "/v1/contexts/den/activities", `{"content":"x","attachments":["a"]}`, "attachments"},
		{"POST", "/v1/contexts/den/activities", `{"content":"x","inReplyTo":"y"}`, "inReplyTo"},
		{"GET", "/v1/people?limit=0", ``, "limit"},
		{"GET", "/v1/people?limit=201", ``, "limit"},
		{"GET", "/v1/people?cursor=AAAA", ``, "cursor"},
		{"GET", "/v1/contexts?member=maybe", ``, "member"},
		{"GET", "/v1/contexts/den/activities?after=x", ``, "after"},
		{"GET", "/v1/contexts/den/activities?after=-1", ``, "after"},
		{"GET", "/v1/contexts/den/activities?before=1.5", ``, "before"},
		{"GET", "/v1/contexts/den/activities?after=1&before=3", ``, "before"},
		{"GET", "/v1/contexts/den/activities?limit=500", ``, "limit"},
		{"GET", "/v1/contexts/den/log/messages?after=e:", ``, "after"},
		{"GET", "/v1/contexts/den/log/messages?after=:4", ``, "after"},
		{"GET", "/v1/contexts/den/log/messages?after=9223372036854775808", ``, "after"},
		{"GET", "/v1/contexts/den/log/messages?after=e:99999999999999999999", ``, "after"},
		{"GET", "/v1/contexts/den/log/messages?after=%2B1", ``, "after"},
		{"GET", "/v1/contexts/den/log/events?before=99999999999999999999", ``, "before"},
		{"POST", "/v1/contexts/den/data/a?retain=maybe", `1`, "retain"},
		{"GET", "/v1/contexts/den/data/a?last=true&after=1", ``, "last"},
		{"GET", "/v1/contexts/den/data/a?last=true&from=2026-01-01T00:00:00Z", ``, "last"},
		{"GET", "/v1/contexts/den/data/a?after=1&before=3", ``, "after"},
		{"POST", "/v1/contexts", `{"retention":{"age":"a month"}}`, "retention.age"},
		{"POST", "/v1/contexts", `{"retention":{"dataAge":"1s"}}`, "retention.dataAge"},
		{"PATCH", "/v1/contexts/den", `{"retention":{"age":"-1h"}}`, "retention.age"},
		{"PATCH", "/v1/contexts/den", `{"retention":{"posts":-1}}`, "retention.posts"},
		{"PATCH", "/v1/contexts/den", `{"retention":{"samples":1.5}}`, "retention.samples"},
		{"PATCH", "/v1/contexts/den", `{"retention":{"days":3}}`, "retention.days"},
		{"POST", "/v1/contexts/den/data/a%2B", `1`, "topic"},
		{"POST", "/v1/contexts/den/data/a%00b", `1`, "topic"},
		{"GET", "/v1/contexts/den/data/a%23", ``, "topic"},
		{"GET", "/v1/contexts/den/data/a?from=yesterday", ``, "from"},
		{"POST", "/v1/conversations", `{}`, "participants"},
		{"POST", "/v1/conversations", `{"participants":[]}`, "participants"},
		{"POST", "/v1/conversations", `{"participants":["me","admin"],"displayName":"x"}`, "participants"},
		{"POST", "/v1/conversations", `{"participants":["bob"],"history":"all"}`, "history"},
		{"POST", "/v1/conversations", `{"participants":["bob"],"tags":["x"]}`, "tags"},
		{"POST", "/v1/conversations", `{"participants":["bob"],"displayName":"x","history":"none"}`, "history"},
		{"POST", "/v1/conversations", `{"participants":["bob"],"displayName":"x","tags":[" "]}`, "tags"},
		{"POST", "/v1/conversations", `{"participants":["bob"],"displayName":"` + strings.Repeat("x", 201) + `"}`, "displayName"},
		{"PUT", "/v1/contexts/den/mute", `{"until":"2001-01-01T00:00:00Z"}`, "until"},
		{"GET", "/v1/conversations?cursor=AAAA", ``, "cursor"},
		{"GET", "/v1/me/conversations?limit=201", ``, "limit"},
	} {
		var body []any
		if c.body != "" {
			body = append(body, c.body)
		}
		s.as("admin", c.method, c.path, body...).refused(422, "invalid", c.field)
	}
	s.as("admin", "GET", "/v1/contexts/den/log/nothing").refused(404, "not_found")
	s.as("admin", "GET", "/v1/activities/not-an-id").refused(404, "not_found")
	s.as("admin", "DELETE", "/v1/me/tokens/not-an-id").refused(404, "not_found")
	s.as("admin", "POST", "/v1/contexts/den/activities", map[string]string{"content": strings.Repeat("x", 17<<10)}).refused(413, "too_large")
}

func TestFieldNamesAreExact(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.as("admin", "POST", "/v1/contexts", `{"ID":"den"}`).refused(422, "invalid", "ID")
	s.as("admin", "POST", "/v1/contexts", `{"id":"den","id":"hut"}`).refused(422, "invalid", "id")
	s.as("admin", "POST", "/v1/contexts", `{"permissions":{"read":"public","read":"members"}}`).refused(422, "invalid", "permissions.read")
}
