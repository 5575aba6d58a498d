package markup

import (
	"strings"
	"testing"
)

func TestMarkdownBecomesHTML(t *testing.T) {
	t.Parallel()
	r := New()
	const link = ` rel="nofollow noopener"`
	for _, c := range []struct{ name, source, want string }{
		{"nothing", "", ""},
		{"a word", "hello", "<p>hello</p>\n"},
		{"marks", "*a* **b** ~~c~~ `d`", "<p><em>a</em> <strong>b</strong> <del>c</del> <code>d</code></p>\n"},
		{"lines end where they were ended", "a\nb", "<p>a<br>\nb</p>\n"},
		{"headings and a rule", "# a\n\n###### b\n\n-------------------------------\n", "<h1>a</h1>\n<h6>b</h6>\n<hr>\n"},
		{"lists", "- a\n  1. b\n\n\n7) c", "<ul>\n<li>a\n<ol>\n<li>b</li>\n</ol>\n</li>\n</ul>\n<ol start=\"7\">\n<li>c</li>\n</ol>\n"},
		{"quotes and code", "> a\n\n```go\nif a < b {}\n```\n", "<blockquote>\n<p>a</p>\n</blockquote>\n<pre><code>if a &lt; b {}\n</code></pre>\n"},
		{"a link", `[a *b*](https://x.org/?a=1&b=2 "title")`, `<p><a href="https://x.org/?a=1&amp;b=2"` + link + `>a <em>b</em></a></p>` + "\n"},
		{"a bare link", "see https://x.org.", `<p>see <a href="https://x.org"` + link + `>https://x.org</a>.</p>` + "\n"},
		{"an address", "<mailto:a@x.org>", `<p><a href="mailto:a@x.org"` + link + `>mailto:a@x.org</a></p>` + "\n"},
		{"an image is a link to it", `![a cat](https://x.org/cat.png)`, `<p><a href="https://x.org/cat.png"` + link + `>a cat</a></p>` + "\n"},
		{"an image in a link is its text", `[![a cat](https://x.org/cat.png)](https://x.org)`, `<p><a href="https://x.org"` + link + `>a cat</a></p>` + "\n"},
		{"an image of a link is its text", `![a [b](https://y.org)](https://x.org/cat.png)`, `<p>a <a href="https://y.org"` + link + `>b</a></p>` + "\n"},
		{"HTML is text", `<b>a</b> <!-- b --> &lt;`, "<p>&lt;b&gt;a&lt;/b&gt; &lt;!-- b --&gt; &lt;</p>\n"},
		{"a block of HTML is text", "<div>\n\n*a*\n\n</div>", "<p>&lt;div&gt;</p>\n<p><em>a</em></p>\n<p>&lt;/div&gt;</p>\n"},
		{"link definitions are text", "[a]\n\n[a]: https://x.org", `<p>[a]</p>` + "\n" + `<p>[a]: <a href="https://x.org"` + link + `>https://x.org</a></p>` + "\n"},
		{"an address that leads nowhere is text", "<xy:a&amp;b*>", "<p>xy:a&amp;amp;b*</p>\n"},
		{"names are text", "hi @bob", "<p>hi @bob</p>\n"},
		{"tables are text", "|a|\n|-|\n|b|", "<p>|a|<br>\n|-|<br>\n|b|</p>\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := r.HTML(c.source); got != c.want {
				t.Errorf("%q became\n%s\nwant\n%s", c.source, got, c.want)
			}
		})
	}
}

func TestATextThatCostsTooMuchIsShownAsItWasWritten(t *testing.T) {
	t.Parallel()
	r := New()
	fill := func(s string) string { return strings.Repeat(s, maxSource/len(s)) }
	for name, source := range map[string]string{
		"open brackets":      fill("["),
		"half links":         fill("[a]("),
		"half links, angled": fill("[a](<b"),
		"links in links":     fill("[a](b"),
		"images in images":   fill("!["),
		"marks":              fill("*a_ "),
		"half addresses":     fill("<http:"),
		"quotes":             fill(">"),
		"spaced quotes":      fill("> "),
		"bullets":            fill("- "),
		"numbers":            fill("1. "),
		"more than a post":   strings.Repeat("a", maxSource+1),
		"much emphasis":      strings.Repeat("*a **b ", 40) + strings.Repeat("c** d*", 40),
		"links without end":  strings.Repeat("[a](", maxBrackets) + strings.Repeat("x", 12<<10),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := r.HTML(source)
			if !strings.HasPrefix(got, "<pre>") || strings.Count(got, "<") != 2 {
				t.Errorf("%.60q became %.200q", source, got)
			}
		})
	}
}

func TestWhatPeopleWriteIsWithinTheBounds(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("## A heading\n\nSome *text* with a [link](https://x.org/a_b) and `code`.\n\n- one\n  - two\n    - three\n\n> > quoted\n\n***\n\n| - | - |\n", 100)
	if !affordable(long) {
		t.Error("a long text is refused")
	}
	if got := New().HTML(long); strings.Contains(got, "[") || !strings.Contains(got, "<h2>") {
		t.Errorf("a long text became %.500s", got)
	}
}

func BenchmarkHTML(b *testing.B) {
	r := New()
	for name, source := range map[string]string{
		"short":   "Lunch at **noon**, see [the menu](https://x.org/menu)",
		"long":    strings.Repeat("## A heading\n\nSome *text* with a [link](https://x.org).\n\n- one\n- two\n\n", 200),
		"marks":   strings.Repeat("*a_ ", maxMarks/2),
		"links":   strings.Repeat("[a](", maxBrackets/3) + strings.Repeat("x", 14<<10),
		"labels":  strings.Repeat("[", maxBrackets) + strings.Repeat("x] ", 5<<10),
		"quotes":  strings.Repeat(strings.Repeat(">", maxBlocks)+"a\n", 700),
		"pairs":   strings.Repeat("*[", maxBrackets) + strings.Repeat("*a", maxMarks-maxBrackets),
		"headers": strings.Repeat("a\n=\n", maxSource/4),
		"rules":   strings.Repeat("*** ", maxBlocks-2) + "\n" + strings.Repeat("http://a.b_", 1400),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(source)))
			for b.Loop() {
				r.HTML(source)
			}
		})
	}
}
