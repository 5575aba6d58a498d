package markup

import (
	"strings"

	"github.com/yuin/goldmark/ast"
)

// What a text may cost. The parser looks back over open brackets, marks of
// emphasis and enclosing blocks, so its time grows with the square of their
// number; these bounds keep the worst text to a few milliseconds, and are far
// above what anybody writes.
const (
	maxSource   = 16 << 10 // bytes; what a post can hold
	maxHTML     = 64 << 10 // bytes
	maxBrackets = 400      // [ in a text
	maxSeeking  = 1 << 20  // bytes looked at for the ends of links
	maxMarks    = 2000     // runs of *, _ or ~
	maxAngles   = 1000     // <
	maxBlocks   = 20       // quotes and list items that one line begins in each other
	maxDepth    = 60       // elements in each other
)

// affordable tells whether the text is within the bounds. Its own cost is within
// them too.
func affordable(s string) bool {
	if len(s) > maxSource {
		return false
	}
	brackets, angles, marks, seeking := 0, 0, 0, 0
	for paragraph := range strings.SplitSeq(s, "\n\n") {
		rest := len(paragraph) // bytes from the line on
		for line := range strings.Lines(paragraph) {
			if opens(line) > maxBlocks {
				return false
			}
			last := byte(0)
			for i := range len(line) {
				c := line[i]
				switch c {
				case '[':
					brackets++
				case '(':
					if last == ']' {
						seeking += sought(line[i+1:], rest-i)
					}
				case '<':
					angles++
				case '*', '_', '~':
					if c != last {
						marks++
					}
				}
				last = c
			}
			rest -= len(line)
			if brackets > maxBrackets || seeking > maxSeeking {
				return false
			}
		}
	}
	return angles <= maxAngles && marks <= maxMarks
}

// sought is how many bytes may be looked at for the end of a link whose address
// begins line: the rest of the line, or of the paragraph where a title seems to
// follow, which may go on over lines.
func sought(line string, paragraph int) int {
	if strings.ContainsAny(line, "\"'(") {
		return paragraph
	}
	return len(line)
}

// opens is how many quotes and list items the line begins in each other.
func opens(line string) int {
	n := 0
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == ' ' || c == '\t':
			continue
		case c == '>':
			n++
			continue
		case c == '-' || c == '+' || c == '*':
		case c >= '0' && c <= '9':
			for i+1 < len(line) && line[i] >= '0' && line[i] <= '9' {
				i++
			}
			if line[i] != '.' && line[i] != ')' {
				return n
			}
		default:
			return n
		}
		if i+1 < len(line) && !strings.ContainsRune(" \t\n", rune(line[i+1])) {
			return n // no item, but a word or a rule
		}
		n++
	}
	return n
}

// deeper tells whether more than most nodes stand in each other below n.
func deeper(n ast.Node, most int) bool {
	if most < 0 {
		return true
	}
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if deeper(c, most-1) {
			return true
		}
	}
	return false
}
