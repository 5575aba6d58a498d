package lexis

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/danish"
	"github.com/blevesearch/snowballstem/dutch"
	"github.com/blevesearch/snowballstem/english"
	"github.com/blevesearch/snowballstem/finnish"
	"github.com/blevesearch/snowballstem/french"
	"github.com/blevesearch/snowballstem/german"
	"github.com/blevesearch/snowballstem/hungarian"
	"github.com/blevesearch/snowballstem/italian"
	"github.com/blevesearch/snowballstem/norwegian"
	"github.com/blevesearch/snowballstem/portuguese"
	"github.com/blevesearch/snowballstem/romanian"
	"github.com/blevesearch/snowballstem/russian"
	"github.com/blevesearch/snowballstem/spanish"
	"github.com/blevesearch/snowballstem/swedish"
	"github.com/blevesearch/snowballstem/turkish"

	"rambla/social"
)

// algorithm counts the ways in which words were folded: another number has every
// index made again.
const algorithm = "1"

// Simple is the language of a site that has several, or another one: words are
// found as they are written.
const Simple = "simple"

func stemmer(language string) (func(*snowballstem.Env) bool, bool) {
	switch language {
	case Simple, "":
		return nil, true
	case "danish":
		return danish.Stem, true
	case "dutch":
		return dutch.Stem, true
	case "english":
		return english.Stem, true
	case "finnish":
		return finnish.Stem, true
	case "french":
		return french.Stem, true
	case "german":
		return german.Stem, true
	case "hungarian":
		return hungarian.Stem, true
	case "italian":
		return italian.Stem, true
	case "norwegian":
		return norwegian.Stem, true
	case "portuguese":
		return portuguese.Stem, true
	case "romanian":
		return romanian.Stem, true
	case "russian":
		return russian.Stem, true
	case "spanish":
		return spanish.Stem, true
	case "swedish":
		return swedish.Stem, true
	case "turkish":
		return turkish.Stem, true
	}
	return nil, false
}

// Languages are those that New knows.
func Languages() []string {
	return []string{
		Simple, "danish", "dutch", "english", "finnish", "french", "german", "hungarian", "italian",
		"norwegian", "portuguese", "romanian", "russian", "spanish", "swedish", "turkish",
	}
}

// Lexicon knows the words of one language.
type Lexicon struct {
	language string
	stem     func(*snowballstem.Env) bool // nil: words are their own stems
}

var _ social.Lexicon = (*Lexicon)(nil)

// New makes the lexicon of one of Languages.
func New(language string) (*Lexicon, error) {
	stem, ok := stemmer(language)
	if !ok {
		return nil, fmt.Errorf("%q is no language of search; there are %s", language, strings.Join(Languages(), ", "))
	}
	if language == "" {
		language = Simple
	}
	return &Lexicon{language, stem}, nil
}

// Version is [social.Lexicon]'s.
func (l *Lexicon) Version() string { return algorithm + " " + l.language }

// Words is [social.Lexicon]'s.
func (l *Lexicon) Words(text string) []string {
	var out []string
	for t := range tokens(text) {
		out = append(out, l.root(t.word))
	}
	return out
}

// root is what a folded word is indexed as: what people leave the accents of has to
// have the same stem, so these are gone before.
func (l *Lexicon) root(word string) string {
	if l.stem == nil {
		return word
	}
	env := snowballstem.NewEnv(word)
	l.stem(env)
	if s := env.Current(); s != "" {
		return s
	}
	return word
}

// Tag is [social.Lexicon]'s.
func (l *Lexicon) Tag(tag string) string {
	tag = strings.TrimPrefix(tag, "#")
	var b strings.Builder
	for i, part := range strings.Split(tag, "_") {
		for _, r := range part {
			if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
				return ""
			}
		}
		if i > 0 {
			b.WriteByte('_')
		}
		b.WriteString(foldTag(part))
	}
	if utf8.RuneCountInString(b.String()) < minTag {
		return ""
	}
	return b.String()
}

const minTag = 2 // characters; folding may have taken marks of the three

// foldTag folds all of a part, however long.
func foldTag(part string) string {
	var b strings.Builder
	for len(part) > 0 {
		n := min(len(part), maxWord/2)
		for n < len(part) && !utf8.RuneStart(part[n]) {
			n++
		}
		b.WriteString(fold(part[:n]))
		part = part[n:]
	}
	return b.String()
}

// Match is [social.Lexicon]'s.
func (l *Lexicon) Match(terms []social.SearchTerm, text string) ([]social.Span, bool) {
	if len(terms) == 0 {
		return nil, true
	}
	found := slices.Collect(tokens(text))
	roots := make([]string, len(found))
	for i, t := range found {
		roots[i] = l.root(t.word)
	}
	var spans []social.Span
	all := true
	for _, term := range terms {
		has := false
		for i := range roots {
			if !term.At(roots[i:]) {
				continue
			}
			has = true
			if term.Not {
				break
			}
			for _, t := range found[i : i+len(term.Words)] {
				spans = append(spans, social.Span{From: t.from, To: t.to})
			}
		}
		all = all && has != term.Not
	}
	slices.SortFunc(spans, func(a, b social.Span) int { return a.From - b.From })
	return slices.Compact(spans), all
}
