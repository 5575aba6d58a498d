package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestMarkdownArrivesAsSafeHTMLAndPeopleAreMentioned(t *testing.T) {
	t.Parallel()
	s := serve(t, "--data", t.TempDir(), "--demo")
	const topic = "/ctx/lobby/messages"
	reader := s.as(t, 5, "carol", "reads-html")
	reader.subscribe(topic, 1)
	alice := s.login(t, "alice", "alice")
	const link = `<a href="https://x.org" rel="nofollow noopener">`
	for _, c := range []struct{ name, content, format, html, tags string }{
		{"Markdown", "*hi* @bob, [see](https://x.org)", "markdown", "<p><em>hi</em> @bob, " + link + "see</a></p>\n", `[{"type":"Mention","id":"bob","name":"@bob"}]`},
		{"an element", "<script>alert(1)</script>", "markdown", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n", `[]`},
		{"an address", "[x](javascript:alert(1))", "markdown", "<p>x</p>\n", `[]`},
		{"an image", "![x](https://x.org \"onload=alert(1)\")", "markdown", "<p>" + link + "x</a></p>\n", `[]`},
		{"plain text", "<b>@carol</b> & bob@x.org", "plain", "", `[{"type":"Mention","id":"carol","name":"@carol"}]`},
	} {
		// By MQTT, by REST, and as an edit: one form everywhere.
		body := map[string]string{"content": c.content, "format": c.format}
		payload, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		ack := s.as(t, 5, "bob", "writes-markup").publish(1, topic, string(payload))
		live := reader.hears().payload
		checkMarkup(t, c.name, live, c.content, c.html, c.tags)
		var read json.RawMessage // the same, and the counts of the moment after it
		if code := s.call(t, alice, http.MethodGet, "/v1/activities/"+ack.user["id"], nil, &read); code != http.StatusOK || !strings.HasPrefix(string(read), strings.TrimSuffix(live, "}")+",") {
			t.Errorf("%s: live it is\n%s, over REST %d\n%s", c.name, live, code, read)
		}
		var made struct{ ID string }
		if code := s.call(t, alice, http.MethodPost, "/v1/contexts/lobby/activities", map[string]string{"content": "@alice"}, &made); code != http.StatusCreated {
			t.Fatalf("%s: posting answers %d", c.name, code)
		}
		reader.hears()
		if code := s.call(t, alice, http.MethodPatch, "/v1/activities/"+made.ID, body, &read); code != http.StatusOK {
			t.Fatalf("%s: editing answers %d", c.name, code)
		}
		checkMarkup(t, c.name+", edited to", string(read), c.content, c.html, c.tags)
		checkMarkup(t, c.name+", told as an edit", reader.hears().payload, c.content, c.html, c.tags)
	}
}

func checkMarkup(t *testing.T, name, post, content, html, tags string) {
	t.Helper()
	if strings.ContainsAny(post, "<>&") {
		t.Errorf("%s: a page could take it for markup: %s", name, post)
	}
	var p struct {
		Object struct {
			Content, HTML string
			Tag           json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(post), &p); err != nil {
		t.Fatalf("%s: %v: %s", name, err, post)
	}
	if p.Object.Content != content || p.Object.HTML != html || string(p.Object.Tag) != tags {
		t.Errorf("%s: got content %q, html %q and tags %s", name, p.Object.Content, p.Object.HTML, p.Object.Tag)
	}
}
