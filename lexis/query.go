package lexis

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"rambla/social"
)

// The limits of a query: of its length in bytes, and of how much it asks for at once.
const (
	maxQuery = 1000
	maxTerms = 16
	maxWords = 32
	minStem  = 2 // characters that something begins with
)

// Parse is [social.Lexicon]'s. Quotes keep words together, a minus before a word or
// quotes leaves out what has them, a star behind a word has it go on, and #word is a
// tag. Everything else parts words and means nothing; so does what of these signs
// stands elsewhere.
func (l *Lexicon) Parse(query string) (social.SearchTerms, error) {
	var out social.SearchTerms
	if len(query) > maxQuery {
		return out, social.Invalid("q", "is longer than %d bytes", maxQuery)
	}
	if !utf8.ValidString(query) || strings.IndexByte(query, 0) >= 0 {
		return out, social.Invalid("q", "is not text")
	}
	words := 0
	for rest := strings.TrimLeftFunc(query, unicode.IsSpace); rest != ""; rest = strings.TrimLeftFunc(rest, unicode.IsSpace) {
		var p piece
		p, rest = nextPiece(rest)
		if tag := l.tagOf(p); tag != "" {
			out.Tags = append(out.Tags, tag)
			words++
			continue
		}
		term := l.term(p)
		if len(term.Words) == 0 {
			continue
		}
		words += len(term.Words)
		out.Terms = append(out.Terms, term)
	}
	if len(out.Terms)+len(out.Tags) > maxTerms || words > maxWords {
		return social.SearchTerms{}, social.Invalid("q", "asks for more than %d things at once, or has more than %d words", maxTerms, maxWords)
	}
	return out, nil
}

// piece is what stands between blanks, or between quotes.
type piece struct {
	text   string
	not    bool
	quoted bool
	open   bool // a star follows
}

// nextPiece cuts the first piece from a query that begins with no blank.
func nextPiece(s string) (p piece, rest string) {
	if after, ok := strings.CutPrefix(s, "-"); ok && after != "" {
		if r, _ := utf8.DecodeRuneInString(after); r == '"' || r == '#' || inWord(r) {
			p.not, s = true, after
		}
	}
	if after, ok := strings.CutPrefix(s, `"`); ok {
		p.quoted = true
		if end := strings.IndexByte(after, '"'); end >= 0 {
			p.text, rest = after[:end], after[end+1:]
		} else {
			p.text = after
		}
		if after, ok := strings.CutPrefix(rest, "*"); ok {
			p.open, rest = true, after
		}
		return p, rest
	}
	end := strings.IndexFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '"' })
	if end < 0 {
		end = len(s)
	}
	p.text, rest = s[:end], s[end:]
	if before, ok := strings.CutSuffix(p.text, "*"); ok {
		p.open, p.text = true, before
	}
	return p, rest
}

// tagOf is the tag that a piece is; empty where it is none.
func (l *Lexicon) tagOf(p piece) string {
	if p.not || p.quoted || p.open || !strings.HasPrefix(p.text, "#") || utf8.RuneCountInString(p.text) < 4 {
		return ""
	}
	return l.Tag(p.text[1:])
}

// term is what a piece asks for; without words where that is nothing.
func (l *Lexicon) term(p piece) social.SearchTerm {
	t := social.SearchTerm{Not: p.not}
	last := 0
	for tok := range tokens(p.text) {
		t.Words = append(t.Words, tok.word)
		last = tok.to
	}
	// "exam.*" is about the word, and what is short begins too much.
	n := len(t.Words)
	t.Prefix = p.open && n > 0 && last == len(p.text) && utf8.RuneCountInString(t.Words[n-1]) >= minStem
	for i, word := range t.Words {
		root := l.root(word)
		if t.Prefix && i == n-1 && !strings.HasPrefix(word, root) {
			root = word
		}
		t.Words[i] = root
	}
	return t
}
