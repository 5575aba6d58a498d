package social

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestPostsLookAsTheContractShowsThem(t *testing.T) {
	t.Parallel()
	store := smallTown()
	store.putPerson(Person{Key: 9, Name: "meter", DisplayName: "Meter", Service: true})
	d := loaded(t, store, atNoon)
	space := d.SpaceByKey(lobby)
	named := *space
	named.DisplayName = "The lobby"
	id, _ := ParseID(someID)
	other, _ := ParseID("0190a1b2-c3d4-7e5f-8a6b-000000000001")
	const from = `{"id":"` + someID + `","seq":42,`
	for _, c := range []struct {
		name  string
		space *Space
		post  Post
		want  string
	}{
		{
			"a plain post", space,
			Post{Seq: 42, ID: id, Type: TypeCreate, Author: alice, Content: "hello", Published: noon, Key: "k", Generator: "mqtt"},
			from + `"type":"Create","actor":{"type":"Person","id":"alice","name":"Alice"},"object":{"type":"Note","id":"` + someID + `","content":"hello","attachment":[],"tag":[]},` +
				`"target":{"type":"Context","id":"lobby"},"published":"2026-11-20T12:00:00.123Z","key":"k","generator":"mqtt"}`,
		},
		{
			"an edited, private reply in markdown by a service", &named,
			Post{
				Seq: 42, ID: id, Type: TypeCreate, Author: 9, Content: "*x*", Markdown: true, InReplyTo: other, Private: true, To: []PersonKey{bob, carol},
				Published: noon, Updated: noon.Add(time.Minute), Generator: "rest",
			},
			from + `"type":"Create","actor":{"type":"Service","id":"meter","name":"Meter"},"object":{"type":"Note","id":"` + someID + `","content":"*x*","mediaType":"text/markdown",` +
				`"inReplyTo":"` + other.String() + `","attachment":[],"tag":[]},"target":{"type":"Context","id":"lobby","name":"The lobby"},"to":["bob","carol"],` +
				`"published":"2026-11-20T12:00:00.123Z","updated":"2026-11-20T12:01:00.123Z","generator":"rest"}`,
		},
		{
			"a removed post keeps its place and nothing else", space,
			Post{Seq: 42, ID: id, Type: TypeCreate, Author: bob, Removed: noon, Published: noon, Generator: "mqtt", Extra: []byte(`{"object":{"name":"secret"},"data":{"secret":1}}`)},
			from + `"type":"Create","actor":{"type":"Person","id":"bob","name":"Bob"},"object":{"type":"Tombstone","id":"` + someID + `","deleted":"2026-11-20T12:00:00.123Z"},` +
				`"target":{"type":"Context","id":"lobby"},"published":"2026-11-20T12:00:00.123Z","generator":"mqtt"}`,
		},
		{
			"a removal points back", space,
			Post{Seq: 42, ID: id, Type: TypeDelete, Object: other, Author: bob, Published: noon, Generator: "rest"},
			from + `"type":"Delete","actor":{"type":"Person","id":"bob","name":"Bob"},"object":{"type":"Tombstone","id":"` + other.String() + `"},` +
				`"target":{"type":"Context","id":"lobby"},"published":"2026-11-20T12:00:00.123Z","generator":"rest"}`,
		},
		{
			"an edit points back, also where the application named its object", space,
			Post{Seq: 42, ID: id, Type: TypeUpdate, Object: other, Author: bob, Content: "new", Published: noon, Generator: "rest", Extra: []byte(`{"object":{"type":"Document","id":"7"}}`)},
			from + `"type":"Update","actor":{"type":"Person","id":"bob","name":"Bob"},"object":{"type":"Document","id":"` + other.String() + `","content":"new","attachment":[],"tag":[]},` +
				`"target":{"type":"Context","id":"lobby"},"published":"2026-11-20T12:00:00.123Z","generator":"rest"}`,
		},
		{
			"what an application tells", space,
			Post{
				Seq: 42, ID: id, Type: "uni:graded", Author: bob, Published: noon, Generator: "rest",
				Extra: []byte(`{"object":{"type":"Document","id":"7","name":"Exam \"2\"","url":"https://x.org"},"target":{"type":"Person","name":"Ann"},"data":{"mark":9}}`),
			},
			from + `"type":"uni:graded","actor":{"type":"Person","id":"bob","name":"Bob"},"object":{"type":"Document","id":"7","name":"Exam \"2\"","url":"https://x.org","content":"","attachment":[],"tag":[]},` +
				`"target":{"type":"Person","name":"Ann"},"context":{"type":"Context","id":"lobby"},"data":{"mark":9},"published":"2026-11-20T12:00:00.123Z","generator":"rest"}`,
		},
		{
			"the context speaks, and who really did is kept", space,
			Post{Seq: 42, ID: id, Type: TypeCreate, Author: root, AsSpace: true, Creator: root, Content: "x", Published: noon, Generator: "rest"},
			from + `"type":"Create","actor":{"type":"Context","id":"lobby"},"creator":{"type":"Person","id":"root","name":"root"},"object":{"type":"Note","id":"` + someID + `","content":"x","attachment":[],"tag":[]},` +
				`"target":{"type":"Context","id":"lobby"},"published":"2026-11-20T12:00:00.123Z","generator":"rest"}`,
		},
		{
			"somebody was added", space,
			Post{Seq: 42, ID: id, Type: TypeJoin, Author: alice, Subject: bob, Published: noon, Generator: "server"},
			from + `"type":"Join","actor":{"type":"Person","id":"alice","name":"Alice"},"object":{"type":"Person","id":"bob","name":"Bob"},` +
				`"target":{"type":"Context","id":"lobby"},"published":"2026-11-20T12:00:00.123Z","generator":"server"}`,
		},
		{
			"the context was edited", space,
			Post{Seq: 42, ID: id, Type: TypeUpdate, Author: alice, Published: noon, Generator: "server"},
			from + `"type":"Update","actor":{"type":"Person","id":"alice","name":"Alice"},"object":{"type":"Context","id":"lobby"},` +
				`"target":{"type":"Context","id":"lobby"},"published":"2026-11-20T12:00:00.123Z","generator":"server"}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := string(d.RenderPost([]byte("before"), c.space, &c.post))
			if got != "before"+c.want {
				t.Errorf("got  %s\nwant before%s", got, c.want)
			}
			if !json.Valid([]byte(got[len("before"):])) {
				t.Error("it is no JSON")
			}
		})
	}
}

func TestNamesAreThoseOfToday(t *testing.T) {
	t.Parallel()
	store := smallTown()
	d := loaded(t, store, atNoon)
	p := Post{Type: TypeCreate, Author: bob, Content: "x", Published: noon}
	store.putPerson(Person{Key: bob, Name: "rob", DisplayName: "Rob", Aliases: []string{"bob", "robert"}})
	if err := d.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := string(d.RenderPost(nil, d.SpaceByKey(lobby), &p)); !strings.Contains(got, `"id":"rob","name":"Rob"`) {
		t.Errorf("after a change of name: %s", got)
	}
	store.putPerson(Person{Key: bob, Name: "rob", DisplayName: "Rob", Removed: true})
	if err := d.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := string(d.RenderPost(nil, d.SpaceByKey(lobby), &p)); !strings.Contains(got, `"id":"rob","name":"Rob"`) {
		t.Errorf("after the author was removed: %s", got)
	}
}

func FuzzRenderedTextIsWhatWasWritten(f *testing.F) {
	for _, s := range []string{"", "a\"b\\c", "<script>&", "\u2028\u2029", "\x00\x01\x1f\x7f", "é😀", "\xff\xc0\x80", "\xed\xa0\x80", "\ufffd"} {
		f.Add(s, s)
	}
	store := smallTown()
	d := loaded(f, store, atNoon)
	f.Fuzz(func(t *testing.T, content, key string) {
		space := *d.SpaceByKey(lobby)
		space.DisplayName = key
		out := d.RenderPost(nil, &space, &Post{Type: TypeCreate, Author: alice, Content: content, Key: key, Generator: "mqtt", Published: noon})
		if !json.Valid(out) || !utf8.Valid(out) {
			t.Fatalf("no JSON: %q", out)
		}
		var back struct {
			Key    string
			Object struct{ Content string }
			Target struct{ Name string }
		}
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatal(err)
		}
		valid := func(s string) string { return string([]rune(s)) } // each bad byte becomes U+FFFD
		if back.Object.Content != valid(content) || back.Key != valid(key) || back.Target.Name != valid(key) {
			t.Fatalf("%q and %q became %+v", content, key, back)
		}
		if strings.ContainsAny(string(out), "<>&\u2028\u2029") {
			t.Fatalf("markup is not escaped: %q", out)
		}
	})
}
