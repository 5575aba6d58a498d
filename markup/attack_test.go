package markup

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// attacks are texts by which somebody may try to get more into a page than text:
// each shape of the well-known ones, in Markdown and around it.
var attacks = []string{
	// Elements and handlers.
	`<script>alert(1)</script>`, "<script\n>alert(1)</script\n>", `<SCRIPT SRC=//x.org/x.js>`, `<scr<script>ipt>alert(1)</scr</script>ipt>`,
	`<img src=x onerror=alert(1)>`, `<img src="x" onerror="alert(1)"`, `<svg onload=alert(1)>`, `<svg><script>alert(1)</script></svg>`,
	`<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>`, `<math><mtext></mtext><mglyph><style><img src onerror=alert(1)>`,
	`<iframe src="javascript:alert(1)">`, `<iframe srcdoc="<script>alert(1)</script>">`, `<object data="data:text/html,x">`, `<embed src=x>`,
	`<a href="javascript:alert(1)">x</a>`, `<a href=x style="background:url(javascript:alert(1))">`, `<style>@import 'https://x.org'</style>`,
	`<p style="position:fixed;inset:0">`, `<link rel=stylesheet href=https://x.org>`, `<meta http-equiv=refresh content="0;url=https://x.org">`,
	`<base href=https://x.org>`, `<form action=https://x.org><input name=password>`, `<details open ontoggle=alert(1)>`, `<video><source onerror=alert(1)>`,
	`<b onmouseover=alert(1)>x</b>`, `<template><script>alert(1)</script></template>`, `<noscript><p title="</noscript><img src=x onerror=alert(1)>">`,
	`<textarea><script>alert(1)</script>`, `<title><img src=x onerror=alert(1)></title>`, `<xmp><script>alert(1)</script></xmp>`, `<plaintext>`,
	// Comments, sections, processing.
	`<!-- <script>alert(1)</script> -->`, `<!--><script>alert(1)</script>-->`, `<![CDATA[<script>alert(1)</script>]]>`, `<?xml version="1.0"?><x/>`, `<!DOCTYPE x>`, `<![if IE]><script>alert(1)</script>`,
	// Unclosed and unquoted.
	`<`, `</`, `<a`, `<a href="`, `</p></div></body>`, `"><script>alert(1)</script>`, "<div\n\n*x*", `' onclick=alert(1) '`,
	// Addresses.
	`[x](javascript:alert(1))`, `[x](JaVaScRiPt:alert(1))`, `[x]( javascript:alert(1))`, "[x](java\nscript:alert(1))", "[x](java\tscript:alert(1))",
	`[x](&#106;avascript:alert(1))`, `[x](&#x6A;&#x61;vascript&colon;alert(1))`, `[x](javascript&#58;alert(1))`, `[x](\javascript:alert(1))`, `[x](<javascript:alert(1)>)`,
	`[x](%6Aavascript:alert(1))`, "[x](\x01javascript:alert(1))", `[x](vbscript:x)`, `[x](data:text/html;base64,PHNjcmlwdD4=)`, `[x](data:image/png;base64,x)`, `[x](data:image/svg+xml,<svg onload=alert(1)>)`,
	`[x](file:///etc/passwd)`, `[x](//x.org)`, `[x](/v1/me)`, `[x](?a)`, `[x](#a)`, `[x](..)`, `[x]()`, `[x](blob:https://x.org/1)`, `[x](about:blank)`, `[x](tel:1)`, `[x](intent://x)`, `[x](feed:javascript:alert(1))`,
	`<javascript:alert(1)>`, `<data:text/html,x>`, `<JAVASCRIPT:alert(1)>`, `javascript:alert(1)`, `<vbscript:x>`, `<https://x.org/"onmouseover="alert(1)>`, `https://x.org/"onmouseover="alert(1)`, `www.x.org/'onclick='alert(1)`,
	`[x](https://x.org/"onmouseover="alert(1))`, `[x](https://x.org "x\" onmouseover=\"alert(1)")`, `[x](https://x.org 'x" onmouseover="alert(1)')`, `[x](https://user:pass@x.org)`, `[x](https://x.org/<script>)`, `[x](mailto:a@x.org?subject=<script>)`,
	"[x]: javascript:alert(1)\n\n[x]", `[x][y]`, "![x]\n\n[x]: https://x.org/pixel.gif",
	// Images and what tracks.
	`![x](https://x.org/pixel.gif)`, `![x](javascript:alert(1))`, `![x" onerror="alert(1)](https://x.org)`, `![x](https://x.org/x.svg "x" onload="alert(1)")`, `![![x](https://x.org/1)](https://x.org/2)`, `[![x](javascript:alert(1))](javascript:alert(2))`,
	// Code, entities, headings.
	"```\"onmouseover=\"alert(1)\nx\n```", "```html\n<script>alert(1)</script>\n```", "`<script>`", "    <script>alert(1)</script>", `&lt;script&gt;alert(1)&lt;/script&gt;`, `&#60;script&#62;`, `&#x3c;script`, `&NewLine;&lt;`, `# x {onclick=alert(1) .a #b}`, `&amp;lt;script&amp;gt;`, "1000000000. x", "123456789. x",
	// What cannot be seen.
	"\u202egnp.exe", "\u2066\u2067\u2068\u2069\u202a\u202b\u202c\u202d", "<scr\u0000ipt>", "\ufeff<script>", "\u2028<script>", "\xff<script>\xfe", "\xf0\x28\x8c\xbc", "ʼ＜script＞", "\x7f\x1b[31m",
	// In each other.
	`[<script>alert(1)</script>](https://x.org)`, `[**[x](javascript:1)**](https://x.org)`, `> - 1. > [x](javascript:alert(1))`, `*<b*>*`, `**<img **src=x onerror=alert(1)>`, "> ```\n> <script>\n\n</script>", `[<http://a.org>](http://b.org)`, `[http://a.org](http://b.org)`, "~~<s~~cript>", "- <div>\n- </div>",
}

func TestNoAttackGetsThrough(t *testing.T) {
	t.Parallel()
	r := New()
	for _, source := range attacks {
		checkHTML(t, source, r.HTML(source))
	}
	all := strings.Join(attacks, "\n\n")
	checkHTML(t, all, r.HTML(all))
	checkHTML(t, all, asWritten(clean(all)))
}

func FuzzHTML(f *testing.F) {
	for _, source := range attacks {
		f.Add(source)
	}
	for _, s := range []string{"[a](", "*a_ ", "> - ", "1. ", "![", "<http:", "a\n=\n", "``a`", "~~a", "**a *b_ ", "\n\n- a\n  ", "a@b.c "} {
		f.Add(strings.Repeat(s, 300))
	}
	r := New()
	f.Fuzz(func(t *testing.T, source string) {
		checkHTML(t, source, r.HTML(source))
	})
}

// checkHTML reads the result as a browser does, and asserts from what the
// browser would see, not from how it is spelled.
func checkHTML(t *testing.T, source, got string) {
	t.Helper()
	if most := max(maxHTML*2, 8*len(source)+32); len(got) > most {
		t.Errorf("%.80q became %d bytes", source, len(got))
	}
	body := &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body}
	nodes, err := html.ParseFragment(strings.NewReader(got), body)
	if err != nil {
		t.Fatalf("%.80q became %.200q: %v", source, got, err)
	}
	for _, n := range nodes {
		checkNode(t, n, 0)
	}
	if strings.ContainsAny(got, "\x00\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069") {
		t.Errorf("%.80q became %.200q, which holds what nobody sees", source, got)
	}
	if t.Failed() {
		t.Logf("%.500q became %.500q", source, got)
	}
}

// allowed is the allow-list as this test reads it, by hand and apart from the
// policy.
var allowed = map[string][]string{
	"p": nil, "br": nil, "hr": nil, "h1": nil, "h2": nil, "h3": nil, "h4": nil, "h5": nil, "h6": nil,
	"em": nil, "strong": nil, "del": nil, "code": nil, "pre": nil, "blockquote": nil, "ul": nil, "li": nil,
	"ol": {"start"}, "a": {"href", "rel"},
}

func checkNode(t *testing.T, n *html.Node, depth int) {
	t.Helper()
	if depth > 2*maxDepth {
		t.Fatal("elements stand too deep in each other")
	}
	switch n.Type {
	case html.TextNode:
	case html.ElementNode:
		names, ok := allowed[n.Data]
		if !ok || n.Namespace != "" {
			t.Errorf("there is an element %q", n.Data)
		}
		for _, a := range n.Attr {
			if !slices.Contains(names, a.Key) || a.Namespace != "" {
				t.Errorf("there is an attribute %s=%q of %s", a.Key, a.Val, n.Data)
			}
		}
		if n.Data == "a" {
			checkLink(t, n)
		}
	default:
		t.Errorf("there is a node of type %d: %q", n.Type, n.Data)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		checkNode(t, c, depth+1)
	}
}

func checkLink(t *testing.T, n *html.Node) {
	t.Helper()
	values := map[string]string{}
	for _, a := range n.Attr {
		values[a.Key] = a.Val
	}
	// What browsers skip in an address must not hide its scheme.
	href := strings.ToLower(strings.Map(func(r rune) rune {
		if r <= ' ' {
			return -1
		}
		return r
	}, values["href"]))
	if !strings.HasPrefix(href, "http://") && !strings.HasPrefix(href, "https://") && !strings.HasPrefix(href, "mailto:") {
		t.Errorf("a link goes to %q", values["href"])
	}
	if values["rel"] != rel {
		t.Errorf("a link to %q has rel=%q", values["href"], values["rel"])
	}
}
