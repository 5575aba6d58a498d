package api_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"rambla/api"
)

func FuzzOnlyJSONObjectsPass(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":1}`, `{"a":{"b":[1,{"c":null}]}}`, `[]`, `{"a":1,"a":2}`, `{"a":1}}`, `{"a":1} {}`, ` {"a":"\u0000"} `,
		strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33), strings.Repeat(`[`, 50), `{"a":}`, `{"a" 1}`, `{"a":[1 2]}`, "", "null", "{\"\xff\":1}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, ours := range []bool{true, false} {
			err := api.CheckJSON(body, ours)
			trimmed := bytes.TrimLeft(body, " \t\r\n")
			isObject := json.Valid(body) && bytes.HasPrefix(trimmed, []byte("{"))
			if err == nil && !isObject {
				t.Errorf("%q passes and is no JSON object", body)
			}
			plain := !bytes.ContainsAny(body, "[\\\xff") && bytes.Count(body, []byte("{")) == 1 && bytes.Count(body, []byte(`"`)) <= 2
			if err != nil && isObject && plain && !bytes.Contains(body, []byte("null")) && json.Valid(body) && bytes.Equal(bytes.ToValidUTF8(body, nil), body) {
				t.Errorf("%q is refused: %v", body, err)
			}
		}
	})
}

func FuzzACursorIsOnlyWhatWasGivenOut(f *testing.F) {
	f.Add("contexts", "lobby", "AAAA")
	f.Add("people", "alice", api.Cursor("contexts", "alice"))
	f.Add("people", "alice", api.Cursor("people", "alice")+"A")
	f.Fuzz(func(t *testing.T, list, key, other string) {
		given := api.Cursor(list, key)
		if key != "" {
			if got, err := api.AfterCursor(list, given); err != nil || got != key {
				t.Errorf("%q comes back as %q, %v", key, got, err)
			}
			if _, err := api.AfterCursor(list+"x", given); err == nil {
				t.Error("a cursor passes for another list")
			}
		}
		if got, err := api.AfterCursor(list, other); err == nil && got != "" && api.Cursor(list, got) != other {
			t.Errorf("%q passes as %q", other, got)
		}
	})
}
