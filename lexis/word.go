package lexis

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxWord is the length that words are cut to, in bytes: what is longer is no
// language's, and an index has a limit.
const maxWord = 64

// token is a word of a text and where it stands, in bytes.
type token struct {
	from, to int
	word     string // folded; never empty
}

// tokens yields the words of a text: runs of letters, digits and their marks. Scripts
// that part no words yield one for each sign.
func tokens(text string) iter.Seq[token] {
	return func(yield func(token) bool) {
		start := -1
		end := func(at int) bool {
			from := start
			start = -1
			if from < 0 {
				return true
			}
			word := fold(text[from:at])
			return word == "" || yield(token{from, at, word})
		}
		for i, r := range text {
			size := utf8.RuneLen(r)
			switch {
			case r == utf8.RuneError, !inWord(r) || start < 0 && unicode.IsMark(r):
				if !end(i) {
					return
				}
			case unparted(r):
				if !end(i) {
					return
				}
				start = i
				if !end(i + size) {
					return
				}
			case start < 0:
				start = i
			}
		}
		end(len(text))
	}
}

func inWord(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// unparted are the scripts that are written without blanks.
func unparted(r rune) bool {
	return r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// fold makes one of what differs in case, in accents, or only in how it is encoded.
func fold(word string) string {
	if plain(word) {
		return cut(strings.ToLower(word))
	}
	var b strings.Builder
	for _, r := range norm.NFKD.String(word) {
		if unicode.IsMark(r) {
			continue
		}
		if s, ok := letters[r]; ok {
			b.WriteString(s)
			continue
		}
		if r = unicode.ToLower(r); r < utf8.RuneSelf && !inWord(r) {
			continue // what compatibility made of it, such as the stroke of a fraction
		}
		b.WriteRune(r)
	}
	// Lower case may have come apart: İ.
	return cut(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, b.String()))
}

func plain(word string) bool {
	for i := range len(word) {
		if word[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// cut shortens a word that is too long, between two characters.
func cut(word string) string {
	if len(word) <= maxWord {
		return word
	}
	at := maxWord
	for !utf8.RuneStart(word[at]) {
		at--
	}
	return word[:at]
}

// letters are those that people leave the strokes of, and no decomposition does.
var letters = map[rune]string{
	'ß': "ss", 'ẞ': "ss", 'ø': "o", 'Ø': "o", 'ł': "l", 'Ł': "l", 'đ': "d", 'Đ': "d", 'ħ': "h", 'Ħ': "h",
	'ı': "i", 'æ': "ae", 'Æ': "ae", 'œ': "oe", 'Œ': "oe", 'þ': "th", 'Þ': "th", 'ð': "d", 'Ð': "d", 'ŀ': "l", 'Ŀ': "l",
	'·': "", 'ς': "σ",
}
