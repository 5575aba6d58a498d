package markup

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPlainTextIsWhatAReaderReads(t *testing.T) {
	t.Parallel()
	r := New()
	for _, c := range []struct{ name, source, want string }{
		{"nothing", " \n ", ""},
		{"words", "hello  you\nthere", "hello you there"},
		{"marks", "*a* **b** ~~c~~ `d*e*` snake_case 2*3*4", "a b c d*e* snake_case 234"},
		{"headings, rules and paragraphs", "# a\n\n---\n\nb\n\nc", "a b c"},
		{"lists and quotes", "> a\n\n- b\n- c\n\n1. d", "a b c d"},
		{"code", "see:\n\n```go\nif a < b {\n}\n```\n", "see: if a < b { }"},
		{"links", `[the *exam*](https://x.org "title") and https://y.org`, "the exam and https://y.org"},
		{"images", `![a cat](https://x.org/cat.png)`, "a cat"},
		{"HTML is text", "<b>a</b> &lt; \\*b\\*", "<b>a</b> < *b*"},
		{"what reverses is gone", "a\u202eb\u0007c", "abc"},
		{"bad UTF-8", "a\xffb", "a\ufffdb"},
		{"too costly", strings.Repeat("[", 500), strings.Repeat("[", 500)},
	} {
		if got := r.Text(c.source); got != c.want {
			t.Errorf("%s: %q became %q, want %q", c.name, c.source, got, c.want)
		}
	}
	long := r.Text(strings.Repeat("ñ", 20_000))
	if !utf8.ValidString(long) || len(long) > maxRead || len(long) < maxRead/2 {
		t.Errorf("of a long text %d bytes are left", len(long))
	}
}
