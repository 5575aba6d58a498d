package markup

import (
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// maxRead is how much of a text is read for its plain text, in bytes: whoever wants
// that shows a line of it.
const maxRead = 2 << 10

// Text is what a reader of the text reads first, without a mark of Markdown and in
// one line: for where no HTML can be shown. Of a long text it is the beginning.
// Never fails, as HTML.
func (r *Renderer) Text(source string) string {
	if len(source) > maxRead {
		source = strings.ToValidUTF8(source[:maxRead], "")
	}
	source = clean(source)
	if !affordable(source) {
		return oneLine(source)
	}
	src := []byte(source)
	doc := r.parser.Parse(text.NewReader(src))
	if deeper(doc, maxDepth) {
		return oneLine(source)
	}
	var b strings.Builder
	// The error is the walker's own, and it makes none.
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			writeText(&b, n, src)
		} else if n.Type() == ast.TypeBlock {
			b.WriteByte('\n')
		}
		return ast.WalkContinue, nil
	})
	return oneLine(b.String())
}

// writeText writes what a node itself says.
func writeText(b *strings.Builder, n ast.Node, src []byte) {
	switch n := n.(type) {
	case *ast.Text:
		value := n.Segment.Value(src)
		if _, code := n.Parent().(*ast.CodeSpan); !code && !n.IsRaw() {
			value = util.UnescapePunctuations(util.ResolveEntityNames(util.ResolveNumericReferences(value)))
		}
		b.Write(value)
		if n.SoftLineBreak() || n.HardLineBreak() {
			b.WriteByte('\n')
		}
	case *ast.String:
		b.Write(n.Value)
	case *ast.AutoLink:
		b.Write(n.Label(src))
	case *ast.CodeBlock, *ast.FencedCodeBlock:
		lines := n.Lines()
		for i := range lines.Len() {
			line := lines.At(i)
			b.Write(line.Value(src))
		}
	}
}

// oneLine has single blanks between words.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
