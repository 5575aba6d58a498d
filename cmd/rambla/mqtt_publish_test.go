package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// published is a post as everybody gets it.
type published struct {
	ID     string
	Seq    uint64
	Type   string
	Actor  struct{ Type, ID, Name string }
	Object struct {
		Type, ID, Content, MediaType, InReplyTo, Name, URL string
	}
	Target    struct{ Type, ID string }
	To        []string
	Data      json.RawMessage
	Key       string
	Published string
	Generator string
}

func readPost(t testing.TB, f frame) published {
	t.Helper()
	var p published
	if err := json.Unmarshal([]byte(f.payload), &p); err != nil {
		t.Fatalf("%v: %s", err, f.payload)
	}
	return p
}

func TestWhatAPublishBecomes(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		t.Run("acknowledgements carry id and seq, and deliveries the same", func(t *testing.T) { acknowledged(t, s) })
		t.Run("payloads that are no post are refused by their field", func(t *testing.T) { refusedPayloads(t, s) })
		t.Run("publishes without the right are refused", func(t *testing.T) { refusedTopics(t, s) })
		t.Run("a key stands for one thing at every entrance", func(t *testing.T) { keys(t, s) })
		t.Run("private posts are for their readers alone", func(t *testing.T) { private(t, s) })
		t.Run("the right to write comes and goes at once", func(t *testing.T) { writers(t, s) })
		t.Run("what applications tell comes back whole", func(t *testing.T) { told(t, s) })
	})
}

func acknowledged(t *testing.T, s *instance) {
	const topic = "/ctx/lobby/messages"
	five, four := s.as(t, 5, "bob", "reader5"), s.as(t, 4, "bob", "reader4")
	for _, r := range []*wire{five, four} {
		if code := r.subscribe(topic, 2); code != 1 {
			t.Fatalf("granted %d", code)
		}
	}
	for _, version := range []byte{4, 5} {
		w := s.as(t, version, "alice", fmt.Sprint("writer", version))
		for qos := byte(0); qos <= 2; qos++ {
			content := fmt.Sprintf("version %d QoS %d", version, qos)
			ack := w.publish(qos, topic, content)
			got := five.hears()
			p := readPost(t, got)
			if p.Type != "Create" || p.Object.Content != content || p.Object.Type != "Note" || p.Object.ID != p.ID ||
				p.Actor.ID != "alice" || p.Actor.Type != "Person" || p.Actor.Name != "Alice" ||
				p.Target.Type != "Context" || p.Target.ID != "lobby" || p.Published == "" || p.Generator != "mqtt" {
				t.Errorf("delivered %s", got.payload)
			}
			seq := fmt.Sprint(p.Seq)
			if got.topic != topic || got.qos() != 1 || got.props[0x03] != "application/json" || got.user["id"] != p.ID || got.user["seq"] != seq {
				t.Errorf("delivered %+v", got)
			}
			if version == 5 && qos > 0 && (ack.code != 0 || ack.user["id"] != p.ID || ack.user["seq"] != seq) {
				t.Errorf("acknowledged %+v, delivered %s", ack, got.payload)
			}
			if old := four.hears(); old.payload != got.payload || old.qos() != 1 {
				t.Errorf("3.1.1 got %+v", old)
			}
			var stored json.RawMessage
			s.call(t, s.login(t, "carol", "carol"), http.MethodGet, "/v1/activities/"+p.ID, nil, &stored)
			// The same, and the counts of the moment after it.
			if !strings.HasPrefix(string(stored), strings.TrimSuffix(got.payload, "}")+",") {
				t.Errorf("REST has\n%s\ndelivered was\n%s", stored, got.payload)
			}
		}
	}
}

// noPosts are payloads that 0x99 answers, by what the reason must name.
func noPosts() map[string]string {
	return map[string]string{
		`{"content":""}`:                   "content",
		``:                                 "content",
		`{}`:                               "content",
		`  {"content":"a","colour":"red"}`: "colour",
		`{"content":"a","seq":7}`:          "seq",
		`{"content":"a","id":"x"}`:         "id",
		`{"content":"a","actor":"carol"}`:  "actor",
		`{"content":"a","published":"2026-01-01"}`: "published",
		`{"content":5}`:                               "content",
		`{"content":"a"`:                              "JSON",
		`{"content":"a"} {}`:                          "JSON",
		"\xff\xfe":                                    "UTF-8",
		"{\"content\":\"\xff\"}":                      "UTF-8",
		strings.Repeat("x", 16<<10+1):                 "16384",
		`{"content":"a","attachments":["x"]}`:         "attachments",
		`{"content":"a","format":"html"}`:             "format",
		`{"content":"a","to":[]}`:                     "to",
		`{"content":"a","to":["nobody"]}`:             "to",
		`{"content":"a","to":"bob"}`:                  "to",
		`{"content":"a","inReplyTo":"x"}`:             "inReplyTo",
		`{"content":"a","inReplyTo":"` + noID + `"}`:  "inReplyTo",
		`{"content":"a","type":"Delete"}`:             "type",
		`{"content":"a","type":"no word"}`:            "type",
		`{"content":"a","data":5}`:                    "data",
		`{"content":"a","data":{"a":"` + long + `"}}`: "data",
		`{"content":"a","key":""}`:                    "key",
		`{"content":"a","key":"` + long + `"}`:        "key",
	}
}

// noID is one that no post has.
const noID = "01900000-0000-7000-8000-000000000000"

var long = strings.Repeat("y", 4<<10)

func refusedPayloads(t *testing.T, s *instance) {
	const topic = "/ctx/lobby/messages"
	reader := s.as(t, 5, "carol", "reader")
	reader.subscribe(topic, 1)
	five, four := s.as(t, 5, "bob", "five"), s.as(t, 4, "bob", "four")
	if code := four.subscribe("/user/bob/errors", 1); code != 0 {
		t.Errorf("granted %d on errors", code)
	}
	for payload, word := range noPosts() {
		shown := payload[:min(len(payload), 60)]
		for qos := byte(1); qos <= 2; qos++ {
			ack := five.publish(qos, topic, payload)
			if reason, _ := ack.props[0x1F].(string); ack.code != 0x99 || !strings.Contains(reason, word) {
				t.Errorf("%q at QoS %d: %#x, %q; want 0x99 and %q", shown, qos, ack.code, reason, word)
			}
			// A 3.1.1 client is told why, and only then that it may forget the packet.
			four.send(four.publishPacket(qos, topic, payload))
			why := four.expect(kindPublish)
			if qos == 1 {
				four.expect(kindPuback)
			} else {
				four.expect(kindPubrec)
				four.send(bytesOf(kindPubrel<<4|2, twoBytes(9)))
				four.expect(kindPubcomp)
			}
			var report struct {
				Topic, Code, Detail string
				Packet              int
			}
			if err := json.Unmarshal([]byte(why.payload), &report); err != nil || why.topic != "/user/bob/errors" || why.qos() != 0 ||
				report.Topic != topic || report.Packet != 9 || report.Code == "" || !strings.Contains(report.Detail, word) {
				t.Errorf("%q at QoS %d: told %s on %s", shown, qos, why.payload, why.topic)
			}
		}
		five.publish(0, topic, payload)
		four.publish(0, topic, payload)
		if why := four.expect(kindPublish); !strings.Contains(why.payload, word) {
			t.Errorf("%q at QoS 0: told %s", shown, why.payload)
		}
	}
	five.quiet()
	// Nothing of all that arrived, and after it everything works.
	four.publish(1, topic, "[1] is text")
	five.publish(1, topic, `{"content" is text by its content type`, append([]byte{0x03}, utf8String("text/plain")...))
	for _, content := range []string{"[1] is text", `{"content" is text by its content type`} {
		if p := readPost(t, reader.hears()); p.Object.Content != content {
			t.Errorf("%q arrived, want %q", p.Object.Content, content)
		}
	}
}

func refusedTopics(t *testing.T, s *instance) {
	const counter = `rambla_broker_publishes_refused_total{kind="forbidden"}`
	before := s.figure(t, counter)
	dropped := s.as(t, 5, "carol", "dropped")
	dropped.publish(0, "/ctx/news/messages", "x")
	dropped.quiet()
	if n := s.figure(t, counter) - before; n != 1 {
		t.Errorf("one refused publish at QoS 0 counts as %v", n)
	}
	outsider := s.as(t, 5, "carol", "outsider")
	old := s.as(t, 4, "carol", "outsider-311")
	for _, topic := range []string{
		"/ctx/staff/messages", "/ctx/staff/data/x", "/ctx/news/messages", "/ctx/news/data/x", "/ctx/nope/messages",
		"/ctx/lobby/events", "/ctx/lobby/nope", "/ctx/lobby", "/ctx/Lobby/messages", "/user/carol/errors", "/user/bob/sync/x",
		"/user/carol/notifications", "$SYS/x", "somewhere/else", "/conv/x/messages", "/ctx/lobby/messages/x",
	} {
		for qos := byte(0); qos <= 2; qos++ {
			ack := outsider.publish(qos, topic, "x")
			if reason, _ := ack.props[0x1F].(string); qos > 0 && (ack.code != 0x87 || reason == "") {
				t.Errorf("%s at QoS %d: %#x, %q", topic, qos, ack.code, reason)
			}
			outsider.quiet()
			old.publish(qos, topic, "x")
			old.quiet()
		}
	}
}

func keys(t *testing.T, s *instance) {
	const topic = "/ctx/lobby/messages"
	w := s.as(t, 5, "bob", "keys")
	first := w.publish(1, topic, `{"content":"once","key":"k-1"}`)
	for name, again := range map[string]frame{
		"in the payload":              w.publish(2, topic, `{"content":"once","key":"k-1"}`),
		"as a property":               w.publish(1, topic, `once`, property("key", "k-1")),
		"as a property, in an object": w.publish(1, topic, `{"content":"once"}`, property("key", "k-1")),
	} {
		if again.code != 0 || again.user["id"] != first.user["id"] || again.user["seq"] != first.user["seq"] || first.user["seq"] == "" {
			t.Errorf("%s: %+v, the first was %+v", name, again, first)
		}
	}
	if other := w.publish(1, topic, `{"content":"twice","key":"k-1"}`); other.code != 0x83 {
		t.Errorf("another content: %#x", other.code)
	}
	if other := w.publish(1, "/ctx/staff/messages", `{"content":"once","key":"k-1"}`); other.code != 0x83 {
		t.Errorf("another context: %#x", other.code)
	}
	// The key is one's own.
	if carols := s.as(t, 5, "carol", "keys").publish(1, topic, `{"content":"twice","key":"k-1"}`); carols.code != 0 {
		t.Errorf("another person: %#x", carols.code)
	}
	bob := s.login(t, "bob", "bob")
	var p published
	if code := s.call(t, bob, http.MethodPost, "/v1/contexts/lobby/activities", map[string]string{"content": "once", "key": "k-1"}, &p); code != http.StatusCreated || p.ID != first.user["id"] {
		t.Errorf("over REST: %d, %s", code, p.ID)
	}
	s.do(t, http.StatusConflict, bob, http.MethodPost, "/v1/contexts/lobby/activities", map[string]string{"content": "twice", "key": "k-1"})
	// A 3.1.1 client is told of the conflict with its key.
	old := s.as(t, 4, "bob", "keys-311")
	old.subscribe("/user/bob/errors", 0)
	old.send(old.publishPacket(1, topic, `{"content":"thrice","key":"k-1"}`))
	if told := old.expect(kindPublish); !strings.Contains(told.payload, `"key":"k-1"`) || !strings.Contains(told.payload, `"conflict"`) {
		t.Errorf("told %s", told.payload)
	}
	old.expect(kindPuback)
}

func private(t *testing.T, s *instance) {
	const topic = "/ctx/staff/messages"
	alice := s.login(t, "alice", "alice")
	s.call(t, alice, http.MethodPut, "/v1/contexts/staff/members/carol", nil, nil)
	readers := map[string]*wire{}
	for _, name := range []string{"alice", "bob", "carol"} {
		readers[name] = s.as(t, 5, name, "private")
		readers[name].subscribe(topic, 1)
	}
	w := s.as(t, 5, "bob", "writer")
	secret := w.publish(1, topic, `{"content":"between us","to":["CAROL"]}`)
	open := w.publish(1, topic, `for all`)
	if secret.code != 0 || open.code != 0 {
		t.Fatalf("%+v, %+v", secret, open)
	}
	for name, sees := range map[string]bool{"alice": false, "bob": true, "carol": true} {
		got := readPost(t, readers[name].hears())
		if saw := got.ID == secret.user["id"]; saw != sees {
			t.Errorf("%s: delivered %t, want %t", name, saw, sees)
		}
		if sees {
			if len(got.To) != 1 || got.To[0] != "carol" {
				t.Errorf("%s is told that it is for %v", name, got.To)
			}
			readers[name].hears()
		}
		token := s.login(t, name, name)
		want := map[bool]int{true: http.StatusOK, false: http.StatusNotFound}[sees]
		if code := s.call(t, token, http.MethodGet, "/v1/activities/"+secret.user["id"], nil, nil); code != want {
			t.Errorf("%s gets it by id: %d", name, code)
		}
		for _, list := range []string{"log/messages", "activities"} {
			var page struct{ Items []published }
			s.call(t, token, http.MethodGet, "/v1/contexts/staff/"+list, nil, &page)
			if saw := len(page.Items) > 1 && page.Items[1].ID == secret.user["id"]; saw != sees {
				t.Errorf("%s sees it in %s: %t", name, list, saw)
			}
		}
	}
	// Nor does a manager who takes no part.
	s.withRole(t, "alice", "manager")
	if code := s.call(t, s.login(t, "alice", "alice"), http.MethodGet, "/v1/activities/"+secret.user["id"], nil, nil); code != http.StatusNotFound {
		t.Errorf("a manager gets it by id: %d", code)
	}
}

// store are the flags that name the server's store to commands beside it.
func (s *instance) store() []string {
	var out []string
	for i, arg := range s.cmd.Args {
		if arg == "--data" || arg == "--database" {
			out = append(out, arg, s.cmd.Args[i+1])
		}
	}
	return out
}

func told(t *testing.T, s *instance) {
	const topic = "/ctx/lobby/messages"
	reader := s.as(t, 5, "carol", "told")
	reader.subscribe(topic, 1)
	w := s.as(t, 5, "bob", "teller")
	w.publish(1, topic, `{"type":"uni:graded","object":{"type":"Document","id":"d-1","name":"Exam 2","url":"https://uni.example/2"},`+
		`"target":{"type":"Person","id":"carol"},"data":{"grade":[9.5,"A"]}}`)
	p := readPost(t, reader.hears())
	if p.Type != "uni:graded" || p.Object.Type != "Document" || p.Object.ID != "d-1" || p.Object.Name != "Exam 2" ||
		p.Object.URL != "https://uni.example/2" || p.Target.Type != "Person" || p.Target.ID != "carol" || string(p.Data) != `{"grade":[9.5,"A"]}` {
		t.Errorf("delivered %+v", p)
	}
	w.publish(1, topic, `{"content":"*so*","format":"markdown","inReplyTo":"`+p.ID+`"}`)
	reply := readPost(t, reader.hears())
	if reply.Object.MediaType != "text/markdown" || reply.Object.InReplyTo != p.ID || reply.Object.Content != "*so*" {
		t.Errorf("delivered %+v", reply)
	}
	// A post of another context is no post to answer here.
	elsewhere := s.as(t, 5, "alice", "elsewhere").publish(1, "/ctx/news/messages", "news")
	if ack := w.publish(1, topic, `{"content":"a","inReplyTo":"`+elsewhere.user["id"]+`"}`); ack.code != 0x99 {
		t.Errorf("a reply across contexts: %#x", ack.code)
	}
	// The largest content there may be.
	if ack := w.publish(1, topic, strings.Repeat("ü", 8<<10)); ack.code != 0 {
		t.Errorf("16 KiB: %#x %v", ack.code, ack.props)
	}
	if p := readPost(t, reader.hears()); len(p.Object.Content) != 16<<10 {
		t.Errorf("%d bytes arrived", len(p.Object.Content))
	}
}

func writers(t *testing.T, s *instance) {
	alice, bob := s.login(t, "alice", "alice"), s.login(t, "bob", "bob")
	const overrides = "/v1/contexts/news/members/bob/"
	five, four := s.as(t, 5, "bob", "writer-5"), s.as(t, 4, "bob", "writer-4")
	four.subscribe("/user/bob/errors", 0)
	reader := s.as(t, 5, "carol", "writers-reader")
	reader.subscribe("/ctx/news/messages", 1)
	reader.subscribe("/ctx/news/data/#", 0)
	for _, step := range []struct {
		what, token, method, path string
		body                      any
		may                       bool
	}{
		{"a grant", alice, http.MethodPut, overrides + "grants/write", nil, true},
		{"a veto", alice, http.MethodPut, overrides + "vetoes/write", nil, false},
		{"the end of the veto", alice, http.MethodDelete, overrides + "vetoes/write", nil, false},
		{"a policy", alice, http.MethodPatch, "/v1/contexts/news", map[string]any{"permissions": map[string]string{"write": "members"}}, true},
		{"leaving", bob, http.MethodDelete, "/v1/contexts/news/members/me", nil, false},
		{"joining", bob, http.MethodPut, "/v1/contexts/news/members/me", nil, true},
		{"the policy of before", alice, http.MethodPatch, "/v1/contexts/news", map[string]any{"permissions": map[string]string{"write": "restricted"}}, false},
	} {
		if code := s.call(t, step.token, step.method, step.path, step.body, nil); code > 299 {
			t.Fatalf("%s: %d", step.what, code)
		}
		five.publish(0, "/ctx/news/data/x", step.what)
		for _, topic := range []string{"/ctx/news/messages", "/ctx/news/data/x"} {
			ack := five.publish(1, topic, step.what)
			if may := ack.code == 0; may != step.may || !may && ack.code != 0x87 {
				t.Errorf("after %s, on %s: %#x", step.what, topic, ack.code)
			}
		}
		if code := s.call(t, bob, http.MethodPost, "/v1/contexts/news/activities", map[string]string{"content": step.what}, nil); (code == http.StatusCreated) != step.may {
			t.Errorf("after %s, over REST: %d", step.what, code)
		}
		four.send(four.publishPacket(1, "/ctx/news/messages", step.what))
		if !step.may {
			if told := four.expect(kindPublish); !strings.Contains(told.payload, `"forbidden"`) {
				t.Errorf("after %s: told %s", step.what, told.payload)
			}
		}
		four.expect(kindPuback)
		if step.may {
			for range 5 { // two samples and three posts
				reader.hears()
			}
		}
		reader.quiet()
	}
}

// figure reads one from the admin listener.
func (s *instance) figure(t *testing.T, name string) float64 {
	t.Helper()
	for line := range strings.Lines(s.ask(t, http.MethodGet, "http://"+s.admin+"/metrics", "").body) {
		if value, is := strings.CutPrefix(strings.TrimSpace(line), name+" "); is {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("there is no figure %s", name)
	return 0
}
