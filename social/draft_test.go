package social

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

const someID = "0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"

func TestPayloadsThatBecomePosts(t *testing.T) {
	t.Parallel()
	id, _ := ParseID(someID)
	for _, c := range []struct {
		name, payload string
		plain         bool
		want          Draft
	}{
		{"text is the content", "hello", false, Draft{Type: "Create", Content: "hello"}},
		{"text keeps its blanks", " hello\n", false, Draft{Type: "Create", Content: " hello\n"}},
		{"a list is text", `["a"]`, false, Draft{Type: "Create", Content: `["a"]`}},
		{"a byte order mark is no blank", "\ufeff{}", false, Draft{Type: "Create", Content: "\ufeff{}"}},
		{"declared text is text, whatever it looks like", `{"content":"x"}`, true, Draft{Type: "Create", Content: `{"content":"x"}`}},
		{"an object is read", `{"content":"x"}`, false, Draft{Type: "Create", Content: "x"}},
		{"blanks before the object do not matter", " \t\r\n{ \"content\" : \"x\" } \n", false, Draft{Type: "Create", Content: "x"}},
		{
			"every simple field", `{"content":"x","key":"k 1","inReplyTo":"` + someID + `","to":["bob","ann"],"format":"markdown","type":"uni:graded"}`, false,
			Draft{Type: "uni:graded", Content: "x", Key: "k 1", InReplyTo: id, To: []string{"bob", "ann"}, Private: true, Markdown: true},
		},
		{"plain is a format", `{"content":"x","format":"plain"}`, false, Draft{Type: "Create", Content: "x"}},
		{"an application may say nothing in words", `{"type":"uni:graded"}`, false, Draft{Type: "uni:graded"}},
		{
			"an object needs no content", `{"object":{"type":"Document","id":"7","name":"Exam 2","url":"https://x.org/7"}}`, false,
			Draft{Type: "Create", Extra: []byte(`{"object":{"type":"Document","id":"7","name":"Exam 2","url":"https://x.org/7"}}`)},
		},
		{
			"a target and data are kept", `{"type":"Add","target":{"name":"Shelf"},"data":{"n": [1, 2]}}`, false,
			Draft{Type: "Add", Extra: []byte(`{"target":{"name":"Shelf"},"data":{"n":[1,2]}}`)},
		},
		{"16 KiB fit", strings.Repeat("x", MaxContent), false, Draft{Type: "Create", Content: strings.Repeat("x", MaxContent)}},
		{"escapes are undone", `{"content":"\u00e9\n\"\ud83d\ude00"}`, false, Draft{Type: "Create", Content: "é\n\"😀"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParsePayload([]byte(c.payload), c.plain)
			if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", c.want) {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}

func TestPayloadsThatAreRefusedNameTheirField(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)
	for _, c := range []struct {
		name, payload, field string
	}{
		{"nothing", "", "content"},
		{"blanks only", " \n\t", "content"},
		{"an empty object", "{}", "content"},
		{"empty content", `{"content":""}`, "content"},
		{"blank content", `{"content":" \n"}`, "content"},
		{"an explicit Create without anything", `{"type":"Create"}`, "content"},
		{"NUL in text", "a\x00b", "content"},
		{"NUL in JSON", `{"content":"a\u0000b"}`, "content"},
		{"content that is a number", `{"content":1}`, "content"},
		{"content that is null", `{"content":null}`, "content"},
		{"null with blanks", `{"content": null }`, "content"},
		{"content twice", `{"content":"a","content":"b"}`, "content"},
		{"an unknown field", `{"content":"x","actor":"bob"}`, "actor"},
		{"a field in another case", `{"Content":"x"}`, "Content"},
		{"what the server stamps: id", `{"content":"x","id":"1"}`, "id"},
		{"what the server stamps: seq", `{"content":"x","seq":1}`, "seq"},
		{"what the server stamps: published", `{"content":"x","published":"2026-01-01T00:00:00Z"}`, "published"},
		{"an empty key", `{"content":"x","key":""}`, "key"},
		{"a long key", `{"content":"x","key":"` + strings.Repeat("k", MaxKey+1) + `"}`, "key"},
		{"a key with NUL", `{"content":"x","key":"\u0000"}`, "key"},
		{"a reply to no id", `{"content":"x","inReplyTo":"42"}`, "inReplyTo"},
		{"an upper-case id", `{"content":"x","inReplyTo":"` + strings.ToUpper(someID) + `"}`, "inReplyTo"},
		{"readers that are no list", `{"content":"x","to":"bob"}`, "to"},
		{"no readers", `{"content":"x","to":[]}`, "to"},
		{"too many readers", `{"content":"x","to":[` + strings.Repeat(`"a",`, MaxReaders) + `"a"]}`, "to"},
		{"files", `{"content":"x","attachments":["1"]}`, "attachments"},
		{"files that are one", `{"content":"x","attachments":"` + someID + `"}`, "attachments"},
		{"a file twice", `{"content":"x","attachments":["` + someID + `","` + someID + `"]}`, "attachments"},
		{"too many files", `{"content":"x","attachments":[` + strings.Repeat(`"a",`, MaxAttachments) + `"a"]}`, "attachments"},
		{"no files and no text", `{"attachments":[]}`, "content"},
		{"an unknown format", `{"content":"x","format":"html"}`, "format"},
		{"a type of the server", `{"content":"x","type":"Delete"}`, "type"},
		{"a like", `{"type":"Like","object":{"id":"1"}}`, "type"},
		{"a join", `{"type":"Join"}`, "type"},
		{"no vocabulary", `{"content":"x","type":"Nonsense"}`, "type"},
		{"an application without a verb", `{"content":"x","type":"uni:"}`, "type"},
		{"an empty type", `{"content":"x","type":""}`, "type"},
		{"an object that is text", `{"object":"x"}`, "object"},
		{"an unknown part of the object", `{"object":{"href":"x"}}`, "object.href"},
		{"a part of the target that is a number", `{"target":{"name":1}}`, "target.name"},
		{"a part of the object that is null", `{"object":{"name":null}}`, "object.name"},
		{"NUL in the target", `{"target":{"name":"\u0000"}}`, "target.name"},
		{"a long object", `{"object":{"name":"` + strings.Repeat("x", maxThing) + `"}}`, "object"},
		{"data that is a list", `{"data":[1]}`, "data"},
		{"data that is a number", `{"data":1}`, "data"},
		{"more than 4 KiB of data", `{"data":{"a":"` + strings.Repeat("x", MaxData) + `"}}`, "data"},
		{"deep data", `{"data":` + deep + `}`, "data"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParsePayload([]byte(c.payload), false)
			if KindOrNil(err) != KindInvalid || fieldOf(err) != c.field {
				t.Errorf("got %v, want field %q to be invalid", err, c.field)
			}
		})
	}
	for _, c := range []struct{ name, payload string }{
		{"bad UTF-8", "a\xff"},
		{"bad UTF-8 in JSON", "{\"content\":\"\xff\"}"},
		{"an overlong form", "\xc0\x80"},
		{"a surrogate in UTF-8", "\xed\xa0\x80"},
		{"an open object", `{"content":"x"`},
		{"a comma too many", `{"content":"x",}`},
		{"a comma in front", `{,"content":"x"}`},
		{"no colon", `{"content" "x"}`},
		{"a bare name", `{content:"x"}`},
		{"more behind the object", `{"content":"x"}{}`},
		{"text behind the object", `{"content":"x"} hello`},
		{"just the brace", `{`},
		{"very deep", strings.Repeat(`{"data":`, 20_000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := ParsePayload([]byte(c.payload), false); KindOrNil(err) != KindInvalid {
				t.Errorf("got %v, want it invalid", err)
			}
		})
	}
	if _, err := ParsePayload(bytes.Repeat([]byte("x"), MaxContent+1), false); KindOrNil(err) != KindTooLarge {
		t.Errorf("one byte more than 16 KiB: %v", err)
	}
	if _, err := ParseDraft([]byte(`"hello"`)); KindOrNil(err) != KindInvalid {
		t.Errorf("over REST text is no post: %v", err)
	}
}

func TestAnswersRepeatLittleOfWhatWasWritten(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("\\u0000\\u001bé", 50_000)
	for _, payload := range []string{
		`{"` + long + `":1}`, `{"` + long + `":null}`, `{"a":1,"` + long + `":1,"` + long + `":2}`, `{"content":"x","format":"` + long + `"}`,
		`{"content":"x","type":"` + long + `"}`, `{"object":{"` + long[:1800] + `":1}}`,
	} {
		_, err := ParsePayload([]byte(payload), false)
		if text := Safe(err); len(text) > 400 || strings.ContainsAny(text, "\x00\x1b") || !utf8.ValidString(text) {
			t.Errorf("%d bytes of answer: %.100q", len(text), text)
		}
	}
}

func TestDigestTellsContentsApartAndNothingElse(t *testing.T) {
	t.Parallel()
	digest := func(payload string) [32]byte {
		t.Helper()
		d, err := ParsePayload([]byte(payload), false)
		if err != nil {
			t.Fatalf("%s: %v", payload, err)
		}
		return d.Digest(1)
	}
	same := [][]string{
		{`hello`, `{"content":"hello"}`, `{ "content" : "\u0068ello" , "key":"k"}`, `{"type":"Create","format":"plain","content":"hello"}`},
		{`{"content":"x","to":["bob","ann"]}`, `{"content":"x","to":["ann","Bob","bob"]}`},
		{`{"type":"a:b","data":{"n": 1}}`, `{"data":{"n":1},"type":"a:b"}`},
		{`hello `},
		{`{"content":"hello","format":"markdown"}`},
		{`{"content":"hello","inReplyTo":"` + someID + `"}`},
		{`{"content":"hello","type":"a:b"}`},
		{`{"content":"hello","to":["ann"]}`},
		{`{"content":"hello","to":["an","n"]}`},
		{`{"content":"hello","data":{"n":2}}`},
	}
	seen := map[[32]byte]int{}
	for i, group := range same {
		for _, payload := range group {
			if was, ok := seen[digest(payload)]; ok && was != i {
				t.Errorf("%s passes for %s", payload, same[was][0])
			} else if !ok && payload != group[0] {
				t.Errorf("%s is not the same as %s", payload, group[0])
			}
			seen[digest(payload)] = i
		}
	}
	d := Draft{Type: TypeCreate, Content: "x"}
	if d.Digest(1) == d.Digest(2) {
		t.Error("the same words in another context pass for these")
	}
}

func FuzzParsePayload(f *testing.F) {
	for _, s := range []string{
		"hello", `{"content":"x"}`, ` {"content":"x","key":"k","to":["bob"],"format":"markdown"}`, `{"type":"uni:graded","data":{"a":[{}]},"object":{"id":"1"},"target":{"name":"n"}}`,
		`{"content":"\ud800"}`, `{"data":{"a":"\\\"{"}}`, `{"content":null}`, "{", "\x00", "\xff", `{"inReplyTo":"` + someID + `","content":"y"}`,
	} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, payload []byte, plain bool) {
		d, err := ParsePayload(payload, plain)
		if err != nil {
			if k := KindOf(err); k != KindInvalid && k != KindTooLarge {
				t.Fatalf("kind %v: %v", k, err)
			}
			if text := Safe(err); strings.IndexByte(text, 0) >= 0 || !utf8.ValidString(text) {
				t.Fatalf("an answer that MQTT cannot carry: %q", text)
			}
			return
		}
		switch {
		case !utf8.Valid(payload):
			t.Fatal("bad UTF-8 was taken")
		case len(d.Content) > MaxContent || len(d.Key) > MaxKey || len(d.To) > MaxReaders:
			t.Fatalf("beyond the limits: %+v", d)
		case strings.IndexByte(d.Content, 0) >= 0 || strings.IndexByte(d.Key, 0) >= 0 || !utf8.ValidString(d.Content) || !utf8.ValidString(d.Key):
			t.Fatalf("no text: %+v", d)
		case strings.TrimSpace(d.Content) == "" && d.Type == TypeCreate && d.Extra == nil:
			t.Fatalf("an empty post: %+v", d)
		case d.Private != (len(d.To) > 0):
			t.Fatalf("private %v for %q", d.Private, d.To)
		case d.Extra != nil && !json.Valid(d.Extra):
			t.Fatalf("broken extra %s", d.Extra)
		}
		first := bytes.TrimLeft(payload, " \t\r\n")
		if isObject := !plain && len(first) > 0 && first[0] == '{'; isObject && !json.Valid(payload) {
			t.Fatal("broken JSON was taken")
		} else if isObject {
			return
		}
		// The same text said in JSON is the same.
		b, err := json.Marshal(map[string]string{"content": string(payload)})
		if err != nil {
			t.Fatal(err)
		}
		twin, err := ParseDraft(b)
		if err != nil || twin.Digest(7) != d.Digest(7) || twin.Content != d.Content {
			t.Fatalf("text %+v, as JSON %+v, %v", d, twin, err)
		}
	})
}

func FuzzNesting(f *testing.F) {
	f.Add(`{"a":[{"b":"]}\\\"{"}]}`)
	f.Add(`"\\"`)
	f.Fuzz(func(t *testing.T, s string) {
		if !json.Valid([]byte(s)) {
			t.Skip()
		}
		dec := json.NewDecoder(strings.NewReader(s))
		now, most := 0, 0
		for {
			tok, err := dec.Token()
			if err != nil {
				break
			}
			switch tok {
			case json.Delim('{'), json.Delim('['):
				now++
				most = max(most, now)
			case json.Delim('}'), json.Delim(']'):
				now--
			}
		}
		trimmed := strings.Trim(s, " \t\r\n")
		n, got := nesting([]byte(trimmed))
		if got != most || n != len(trimmed) {
			t.Fatalf("%q is %d deep and %d long, not %d and %d", trimmed, most, len(trimmed), got, n)
		}
	})
}

func FuzzEachMember(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"a":1}`, ` { "a\"\u0062" : [ {"x":"]}"} , 2 ] , "b":-1.5e3 ,"c":"\\" } `, `{"a":1,"a":2}`, `{"a":null,"b":{"c":{}}}`, `[]`, `{"a":1}x`, `{"":""}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			t.Skip("refused before")
		}
		got, order := map[string]string{}, 0
		err := eachMember([]byte(s), func(name string, value json.RawMessage) error {
			got[name] = string(value)
			order++
			return nil
		})
		var want map[string]json.RawMessage
		isObject := json.Unmarshal([]byte(s), &want) == nil && want != nil
		switch {
		case err == nil && (!isObject || order != len(want)):
			t.Fatalf("%q was taken for %d members, want %d", s, order, len(want))
		case err != nil && KindOf(err) != KindInvalid:
			t.Fatalf("%q: %v", s, err)
		case err != nil && isObject && len(fieldOf(err)) == 0 && order == len(want) && len(want) > 0:
			t.Fatalf("%q was refused: %v", s, err)
		}
		for name, value := range got {
			if string(want[name]) != value && err == nil {
				t.Fatalf("%q: %q is %q, want %q", s, name, value, want[name])
			}
		}
	})
}
