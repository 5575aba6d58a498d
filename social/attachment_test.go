package social

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNamesOfFilesCanBeShownAndSaved(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"report.pdf":                       "report.pdf",
		"../../etc/passwd":                 "passwd",
		`C:\Users\ann\secret.docx`:         "secret.docx",
		"/":                                "file",
		"..":                               "file",
		"a/..":                             "file",
		"":                                 "file",
		"  spaced \t out .txt. ":           "spaced  out .txt",
		"nul\x00and\r\nlines.txt":          "nulandlines.txt",
		"\u202egpj.exe":                    "gpj.exe",
		"zero\u200bwidth.txt":              "zerowidth.txt",
		"bad\xffutf8.txt":                  "badutf8.txt",
		"Übung 3.pdf":                      "Übung 3.pdf",
		strings.Repeat("é", 200) + ".jpeg": strings.Repeat("é", 125) + ".jpeg",
		strings.Repeat("x", 300):           strings.Repeat("x", 255),
		"a." + strings.Repeat("x", 300):    "a." + strings.Repeat("x", 253),
	} {
		got := CleanFileName(name)
		if got != want || len(got) > maxFileName || !utf8.ValidString(got) {
			t.Errorf("%q becomes %q and not %q", name, got, want)
		}
	}
}

func TestAnEditKeepsTheFilesOfAPostAndTellsNoneOfItsOwn(t *testing.T) {
	t.Parallel()
	p := Post{Extra: []byte(`{"data":{"a":1}}`)}
	if err := p.Attach([]Attachment{{ID: ID{1}, Name: "x", MediaType: "text/plain", Size: 3}}); err != nil {
		t.Fatal(err)
	}
	const note = `"attachments":[{"id":"01000000-0000-0000-0000-000000000000","name":"x","mediaType":"text/plain","size":3}]`
	if string(p.Extra) != `{"data":{"a":1},`+note+`}` {
		t.Fatalf("%s", p.Extra)
	}
	kept, err := keepAttached([]byte(`{"data":{"a":2}}`), p.Extra)
	if err != nil || string(kept) != `{"data":{"a":2},`+note+`}` {
		t.Errorf("%s, %v", kept, err)
	}
	if got := withoutAttached(kept); string(got) != `{"data":{"a":2}}` {
		t.Errorf("%s", got)
	}
	if got := withoutAttached([]byte(`{` + note + `}`)); got != nil {
		t.Errorf("%s", got)
	}
	for _, told := range []string{`{"data":{}}`, ""} {
		if kept, err := keepAttached([]byte(told), []byte(`{"data":{"a":1}}`)); err != nil || string(kept) != told {
			t.Errorf("%q became %q, %v", told, kept, err)
		}
	}
}

func TestFilesAreTakenByTheirType(t *testing.T) {
	t.Parallel()
	l := AttachmentLimits{Allow: []string{"image/*", "application/pdf", "text/plain"}, Refuse: []string{"image/svg+xml"}}
	for mediaType, want := range map[string]bool{
		"image/png": true, "image/svg+xml": false, "application/pdf": true, "application/zip": false,
		"text/plain; charset=utf-8": true, "text/html; charset=utf-8": false,
	} {
		if l.takes(mediaType) != want {
			t.Errorf("%s: %v", mediaType, !want)
		}
	}
	if none := (AttachmentLimits{}); !none.takes("text/html; charset=utf-8") {
		t.Error("without limits something is refused")
	}
	for _, text := range []string{"", "image", "image/", "/png", "Image/png", "image/png; q=1"} {
		if CheckMediaType("files.allow", text) == nil {
			t.Errorf("%q passes for a media type", text)
		}
	}
}
