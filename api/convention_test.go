package api_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"rambla/api"
)

// target is where the Link header of an answer leads in a relation; "" for nowhere.
func (a *answer) target(rel string) string {
	for link := range strings.SplitSeq(a.header.Get("Link"), ", ") {
		if uri, ok := strings.CutSuffix(link, `>; rel="`+rel+`"`); ok {
			return strings.TrimPrefix(uri, "<")
		}
	}
	return ""
}

func TestAnAnswerHasOnlyTheFieldsThatAreAskedFor(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "closed")
	id := s.post("alice", "den", "hi @bob")
	s.post("alice", "den", "two")
	path := "/v1/contexts/den/activities"
	for _, c := range []struct{ path, fields, want string }{
		{"/v1/me", "name", `{"name":"bob"}`},
		{"/v1/me", "displayName, name", `{"name":"bob","displayName":"bob"}`},
		{"/v1/activities/" + id, "object.content,actor.id", `{"actor":{"id":"alice"},"object":{"content":"hi @bob"}}`},
		{"/v1/activities/" + id, "object.tag.id,data.any.thing", `{"object":{"tag":[{"id":"bob"}]}}`},
		{"/v1/activities/" + id, "actor.id,actor", `{"actor":{"type":"Person","id":"alice","name":"Alice"}}`},
		{path + "?limit=1", "seq,type", `{"items":[{"seq":2,"type":"Create"}],"next":2}`},
		{path + "?before=1", "seq", `{"items":[]}`},
		{"/v1/contexts/den/members", "name", `{"items":[{"name":"admin"},{"name":"alice"},{"name":"bob"}]}`},
		{"/v1/info", "name", `{"name":"rambla"}`},
	} {
		sep := "?"
		if strings.Contains(c.path, "?") {
			sep = "&"
		}
		got := s.as("bob", "GET", c.path+sep+"fields="+url.QueryEscape(c.fields)).wants(200)
		if strings.TrimSpace(string(got.body)) != c.want {
			t.Errorf("%s: wanted %s, got %s", got.what, c.want, got.body)
		}
	}
	for _, wrong := range []string{"Name", "name.first", "name,", ",", "items.name", "object", strings.Repeat("name,", 60) + "name", strings.Repeat("n", 1001), "a.b.c.d.e.f.g.h.i"} {
		s.as("bob", "GET", "/v1/people?fields="+url.QueryEscape(wrong)).refused(422, "invalid", "fields")
	}
	told := s.as("bob", "GET", "/v1/activities/"+id+"?fields=object.contents").refused(422, "invalid", "fields")
	if !strings.Contains(told.text("detail"), `"object.contents"`) || !strings.Contains(told.text("detail"), "inReplyTo") {
		t.Errorf("told is %s", told.body)
	}
	// Of a write too, and what is wrong is told before anything is written.
	s.as("bob", "POST", path+"?fields=nothing", `{"content":"x"}`).refused(422, "invalid", "fields")
	if got := s.as("bob", "POST", path+"?fields=seq", `{"content":"x"}`).with("Idempotency-Key", "k").wants(201); string(got.body) != `{"seq":3}` || got.header.Get("Location") == "" {
		t.Errorf("posted %s", got.body)
	}
	tokens := func() *answer {
		return s.as("bob", "POST", "/v1/me/tokens?fields=token", `{"name":"x"}`).with("Idempotency-Key", "k").wants(201)
	}
	if first, again := tokens(), tokens(); len(first.json()) != 1 || string(first.body) != string(again.body) {
		t.Errorf("made %s, then %s", first.body, again.body)
	}
}

func TestAListTellsHowManyEntriesItHas(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "closed")
	for n := range 7 {
		s.post("alice", "den", fmt.Sprint(n))
	}
	s.as("alice", "POST", "/v1/contexts/den/activities", `{"content":"a secret","to":["alice"]}`).wants(201)
	for path, want := range map[string]string{
		"/v1/contexts/den/activities":                        "7",
		"/v1/contexts/den/activities?limit=3":                "7",
		"/v1/contexts/den/activities?limit=3&before=4":       "7",
		"/v1/contexts/den/activities?limit=3&after=4":        "7",
		"/v1/contexts/den/activities?limit=2&author=alice":   "7",
		"/v1/contexts/den/activities?limit=2&favorites=true": "0",
		"/v1/contexts/den/log/messages?limit=5":              "7",
		"/v1/contexts/den/members?limit=1":                   "3",
		"/v1/people?limit=2":                                 "5",
		"/v1/contexts?limit=1":                               "1",
		"/v1/me/tokens":                                      "0",
		"/v1/me/timeline?limit=2":                            "7",
		"/v1/me/contexts":                                    "1",
	} {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		if a := s.as("bob", "GET", path).wants(200); a.header.Get("X-Total-Count") != "" {
			t.Errorf("%s counts unasked", path)
		}
		a := s.as("bob", "GET", path+sep+"count=true").wants(200)
		if got := a.header.Get("X-Total-Count"); got != want || a.header.Get("X-Total-Count-Capped") != "" {
			t.Errorf("%s has %q entries, wanted %s", path, got, want)
		}
		head := s.as("bob", "HEAD", path).wants(200)
		if got := head.header.Get("X-Total-Count"); got != want || len(head.body) > 0 {
			t.Errorf("HEAD %s has %q entries, wanted %s, and a body of %d", path, got, want, len(head.body))
		}
	}
	s.as("bob", "GET", "/v1/people?count=maybe").refused(422, "invalid", "count")
	if a := s.as("carol", "HEAD", "/v1/contexts/den/activities").do(); a.status != 404 || len(a.body) > 0 || a.header.Get("X-Total-Count") != "" {
		t.Errorf("a stranger's HEAD gets %d %v %s", a.status, a.header, a.body)
	}
}

func TestALinkLeadsToTheNextPageAndBack(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "closed")
	for n := range 5 {
		s.post("alice", "den", fmt.Sprint(n))
	}
	first := s.as("bob", "GET", "/v1/contexts/den/activities?limit=2&fields=seq&count=true").wants(200)
	if first.target("prev") != "" {
		t.Errorf("before the first page is %s", first.target("prev"))
	}
	second := s.as("bob", "GET", first.target("next")).wants(200)
	if got := string(second.body); got != `{"items":[{"seq":3},{"seq":2}],"next":2}` || second.header.Get("X-Total-Count") != "5" {
		t.Errorf("the second page is %s of %s", got, second.header.Get("X-Total-Count"))
	}
	back := s.as("bob", "GET", second.target("prev")).wants(200)
	if got := string(back.body); got != `{"items":[{"seq":4},{"seq":5}]}` {
		t.Errorf("back there is %s", got)
	}
	if got := s.as("bob", "GET", back.target("prev")).wants(200).seqs(); fmt.Sprint(got) != "[3 2]" {
		t.Errorf("back from there is %v", got)
	}
	people := s.as("bob", "GET", "/v1/people?limit=2&fields=name&x=%26y").wants(200)
	if people.target("next") == "" || !strings.Contains(people.target("next"), "fields=name") || !strings.Contains(people.target("next"), "x=%26y") {
		t.Errorf("the next people are at %s", people.target("next"))
	}
	if next := s.as("bob", "GET", people.target("next")).wants(200); strings.TrimSpace(string(next.body)[:26]) != `{"items":[{"name":"bob"},{` {
		t.Errorf("the next people are %s", next.body)
	}
}

func TestAListRefusesThePlacesOfOtherLists(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "closed")
	for _, c := range []struct{ path, field string }{
		{"/v1/people?after=3", "after"},
		{"/v1/people?offset=3", "offset"},
		{"/v1/people?page=2", "page"},
		{"/v1/contexts/den/log/messages?cursor=x", "cursor"},
		{"/v1/contexts/den/log/messages?offset=3", "offset"},
		{"/v1/me/tokens?limit=0", "limit"},
		{"/v1/contexts/den/authors?limit=-1", "limit"},
		{"/v1/contexts/den/authors?limit=many", "limit"},
		{"/v1/contexts/den/authors?cursor=x", "cursor"},
		{"/v1/people?limit=-1", "limit"},
		{"/v1/people?limit=many", "limit"},
		{"/v1/contexts/den?method=delete", "method"},
		{"/v1/people?method=POST", "method"},
	} {
		s.as("admin", "GET", c.path).refused(422, "invalid", c.field)
	}
	s.as("admin", "GET", "/v1/contexts/den/authors?limit=5").wants(200)
}

func TestARouteThatWillGoSaysSo(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	since, sunset := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 5, 1, 12, 0, 0, 0, time.FixedZone("", 7200))
	if !s.server.HandleDeprecated("/v1/old", since, sunset, "/v1/new") {
		t.Error("the document does not mark it")
	}
	a := s.as("", "GET", "/v1/old?fields=seq").wants(200)
	if d, sun := a.header.Get("Deprecation"), a.header.Get("Sunset"); d != "@1793491200" || sun != "Sat, 01 May 2027 10:00:00 GMT" {
		t.Errorf("deprecated %q, gone %q", d, sun)
	}
	if a.target("successor-version") != "/v1/new" || a.target("next") != "/v1/old?before=3&fields=seq" {
		t.Errorf("it links to %s", a.header.Get("Link"))
	}
	if a := s.as("", "GET", "/v1/old?fields=nothing").wants(422); a.header.Get("Deprecation") == "" {
		t.Error("what it refuses does not say so")
	}
	if a := s.as("alice", "GET", "/v1/me").wants(200); a.header.Get("Deprecation")+a.header.Get("Sunset") != "" {
		t.Error("a route that stays says that it goes")
	}
}

func TestTheMediaTypeOfAnAnswerIsOneThatIsAccepted(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "closed")
	path := "/v1/activities/" + s.post("alice", "den", "x")
	const linked = `application/ld+json; profile="https://www.w3.org/ns/activitystreams"`
	for accept, want := range map[string]string{
		"": "application/json", "*/*": "application/json", "application/*;q=0.1": "application/json", "text/html, */*;q=0.8": "application/json",
		"application/json, application/activity+json": "application/json", "application/json;q=0.5, application/activity+json": "application/activity+json",
		"application/activity+json": "application/activity+json", linked: linked, "nonsense, application/json": "application/json",
		"application/*, application/json;q=0": "application/activity+json",
	} {
		a := s.as("bob", "GET", path).with("Accept", accept).wants(200)
		context, is := a.json()["@context"]
		if got := a.header.Get("Content-Type"); got != want || is != (want != "application/json") || a.text("object.content") != "x" {
			t.Errorf("Accept %q gets %q: %v", accept, got, context)
		}
	}
	for _, accept := range []string{"text/html", "application/xml", "application/json;q=0", "application/ld+json", "image/*"} {
		s.as("bob", "GET", path).with("Accept", accept).refused(406, "not_acceptable")
	}
	s.as("bob", "GET", "/v1/people").with("Accept", "application/activity+json").refused(406, "not_acceptable")
	// Before anything is written.
	s.as("alice", "POST", "/v1/contexts/den/activities", `{"content":"y"}`).with("Accept", "text/html").refused(406, "not_acceptable")
	if got := s.as("bob", "GET", "/v1/contexts/den/activities").wants(200).seqs(); len(got) != 1 {
		t.Errorf("there are %v", got)
	}
}
