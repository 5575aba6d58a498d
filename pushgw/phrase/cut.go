package phrase

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// ellipsis says that something was cut off.
const ellipsis = "…"

// cut shortens s to at most so many code points, and never within what a reader
// sees as one character, unless that one is longer by itself.
func cut(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	// Up to the last beginning of a character that leaves room for the ellipsis.
	runes, end, hard := 0, 0, 0
	var before seen
	for i, r := range s {
		if runes == most {
			break
		}
		if !before.joins(r) {
			end = i
		}
		before.add(r)
		runes, hard = runes+1, i
	}
	if end == 0 {
		end = hard
	}
	return strings.TrimRightFunc(s[:end], func(r rune) bool { return unicode.IsSpace(r) || r == ',' || r == ';' || r == ':' }) + ellipsis
}

// seen is what decides whether the next code point belongs to the same character
// (Unicode UAX 29, section 3.1.1, without the rules for scripts of India).
type seen struct {
	last  rune
	flags int // letters of flags in a row before
	some  bool
}

const (
	joiner        = '\u200d'
	flagsFrom     = '\U0001f1e6'
	flagsTo       = '\U0001f1ff'
	skinFrom      = '\U0001f3fb'
	skinTo        = '\U0001f3ff'
	tagsFrom      = '\U000e0020'
	tagsTo        = '\U000e007f'
	hangulLead    = '\u1100'
	hangulVowel   = '\u1160'
	hangulTrail   = '\u11a8'
	hangulEnd     = '\u11ff'
	hangulWhole   = '\uac00'
	hangulWholeTo = '\ud7a3'
)

func (s *seen) add(r rune) {
	if isFlag(r) {
		s.flags++
	} else {
		s.flags = 0
	}
	s.last, s.some = r, true
}

// joins tells whether r goes on with the character before it.
func (s *seen) joins(r rune) bool {
	switch {
	case !s.some:
		return false
	case s.last == joiner:
		return true
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Mc), r == joiner, r == '\u200c', r >= skinFrom && r <= skinTo, r >= tagsFrom && r <= tagsTo:
		return true
	case isFlag(r):
		return s.flags%2 == 1
	case r >= hangulVowel && r <= hangulEnd:
		return s.last >= hangulLead && s.last <= hangulEnd || s.last >= hangulWhole && s.last <= hangulWholeTo
	}
	return false
}

func isFlag(r rune) bool { return r >= flagsFrom && r <= flagsTo }

// tidy is s as one line: without what no reader sees, and without what would turn
// the direction of all that follows.
func tidy(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r == '\ufeff':
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	return strings.Join(strings.Fields(s), " ")
}
