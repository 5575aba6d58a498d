package social

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAnExcerptShowsWhatWasFoundAndIsText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("före ", 100) + "the exam & <b>" + strings.Repeat(" après", 100)
	at := strings.Index(long, "exam")
	for _, c := range []struct {
		name, text string
		spans      []Span
		want       string
	}{
		{"a short text is whole", "an exam", []Span{{3, 7}}, "an [exam]"},
		{"nothing marked", "an exam", nil, "an exam"},
		{"two", "exam exam", []Span{{0, 4}, {5, 9}}, "[exam] [exam]"},
		{"none for nothing", "", nil, ""},
		{"the part around", long, []Span{{at, at + 4}}, "the [exam] & <b> "},
	} {
		var b strings.Builder
		for _, r := range excerpt(c.text, c.spans) {
			if !utf8.ValidString(r.Text) {
				t.Errorf("%s: %q is cut in a character", c.name, r.Text)
			}
			if r.Mark {
				b.WriteString("[" + r.Text + "]")
			} else {
				b.WriteString(r.Text)
			}
		}
		if got := b.String(); got != c.want && (len(c.text) < excerptWhole || !strings.Contains(got, c.want) || len(got) > excerptWhole+20) {
			t.Errorf("%s: %q, wanted %q", c.name, got, c.want)
		}
	}
}
