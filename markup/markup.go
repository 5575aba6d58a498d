package markup

import (
	"bytes"
	"html"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	rendered "github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Renderer makes HTML of Markdown. It may be used by any number of goroutines.
type Renderer struct {
	parser parser.Parser
	writer renderer.Renderer
	policy *bluemonday.Policy
}

// New makes a Renderer.
//
// It reads CommonMark with strikethrough and bare links, and without three things: HTML,
// which is text like any other; link definitions, by which a short text makes a
// page of any length; and images, see tame.
func New() *Renderer {
	md := goldmark.New(
		goldmark.WithParser(parser.NewParser(
			parser.WithBlockParsers(
				util.Prioritized(parser.NewSetextHeadingParser(), 100),
				util.Prioritized(parser.NewThematicBreakParser(), 200),
				util.Prioritized(parser.NewListParser(), 300),
				util.Prioritized(parser.NewListItemParser(), 400),
				util.Prioritized(parser.NewCodeBlockParser(), 500),
				util.Prioritized(parser.NewATXHeadingParser(), 600),
				util.Prioritized(parser.NewFencedCodeBlockParser(), 700),
				util.Prioritized(parser.NewBlockquoteParser(), 800),
				util.Prioritized(parser.NewParagraphParser(), 1000),
			),
			parser.WithInlineParsers(
				util.Prioritized(parser.NewCodeSpanParser(), 100),
				util.Prioritized(parser.NewLinkParser(), 200),
				util.Prioritized(parser.NewAutoLinkParser(), 300),
				util.Prioritized(parser.NewEmphasisParser(), 500),
			),
			parser.WithASTTransformers(util.Prioritized(tame{}, 1000)),
		)),
		goldmark.WithExtensions(
			extension.Strikethrough,
			extension.NewLinkify(extension.WithLinkifyAllowedProtocols([]string{"http:", "https:", "mailto:"})),
		),
		// As in chats, and as the plain text shows it: a line ends where it was ended.
		goldmark.WithRendererOptions(rendered.WithHardWraps()),
	)
	return &Renderer{parser: md.Parser(), writer: md.Renderer(), policy: newPolicy()}
}

// HTML is the text as a fragment of HTML, empty for a blank text. It never
// fails: what would cost too much to understand is shown as it was written.
func (r *Renderer) HTML(source string) string {
	source = clean(source)
	if !affordable(source) {
		return asWritten(source)
	}
	src := []byte(source)
	doc := r.parser.Parse(text.NewReader(src))
	if deeper(doc, maxDepth) {
		return asWritten(source)
	}
	out := limited{most: maxHTML}
	if err := r.writer.Render(&out, src, doc); err != nil {
		return asWritten(source)
	}
	return r.policy.SanitizeReader(&out.Buffer).String()
}

// asWritten shows a text without understanding it.
func asWritten(source string) string {
	var b strings.Builder
	b.WriteString("<pre>")
	b.WriteString(html.EscapeString(source))
	b.WriteString("</pre>\n")
	return b.String()
}

// clean takes out what no reader sees and what makes text look like another:
// the characters that reverse the direction of writing until something ends it
// (Unicode TR 36 section 2.10). Text written from right to left needs none of
// them. Bad UTF-8 becomes U+FFFD.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			return -1
		case r < ' ' && r != '\n' && r != '\t' && r != '\r', r == 0x7f:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}

// limited is a buffer that takes so much and no more.
type limited struct {
	bytes.Buffer
	most int // bytes
}

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > l.most {
		return 0, bytes.ErrTooLarge
	}
	return l.Buffer.Write(p)
}
