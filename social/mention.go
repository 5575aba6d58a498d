package social

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxMentions bounds how many people one post mentions; who comes after them is
	// not mentioned.
	maxMentions = 50
	maxName     = 64 // bytes of a person's name; see personName
)

// Mentions are the people whom a post mentions by "@name", each once and in the
// order in which they come: by present names and aliases, without hidden and
// removed people. They follow from the content as it is now, so an edit changes
// them. nil for none; nothing is allocated then.
func (d *Directory) Mentions(p *Post) []PersonKey {
	if strings.IndexByte(p.Content, '@') < 0 || !p.Removed.IsZero() {
		return nil
	}
	var found []PersonKey
	d.eachMention(p, func(who *Person) bool {
		if !slices.Contains(found, who.Key) {
			found = append(found, who.Key)
		}
		return len(found) < maxMentions
	})
	return found
}

// eachMention calls f, which must not call the directory, for each mention in
// the content, until it returns false.
func (d *Directory) eachMention(p *Post, f func(*Person) bool) {
	code := codeSpans{text: p.Content, over: !p.Markdown}
	d.mu.RLock()
	defer d.mu.RUnlock()
	for at := 0; at < len(p.Content); {
		i := strings.IndexByte(p.Content[at:], '@')
		if i < 0 {
			return
		}
		i += at
		at = i + 1
		if end := code.past(i); end > i {
			at = end
			continue
		}
		if !mayBegin(p.Content[:i]) {
			continue
		}
		who, length := d.longestNameLocked(p.Content[i+1:])
		if who != nil && !f(who) {
			return
		}
		at += length
	}
}

// longestNameLocked finds the person whose name or alias s begins with, the
// longest where it could be several, and the length of that name. A name ends
// where no letter, digit or e-mail address goes on.
func (d *Directory) longestNameLocked(s string) (*Person, int) {
	var name [maxName]byte // in lower case
	n := 0
	for n < len(s) && n < maxName && isNameByte(s[n]) {
		name[n] = s[n]
		if 'A' <= s[n] && s[n] <= 'Z' {
			name[n] += 'a' - 'A'
		}
		n++
	}
	for ; n > 0; n-- {
		if !mayEnd(s[n-1], s[n:]) {
			continue
		}
		if p := d.people[d.names[string(name[:n])]]; p != nil && !p.Removed && !p.Roles.Has(RoleHidden) {
			return p, n
		}
	}
	return nil, 0
}

// mayBegin tells whether a mention may follow before: not in the middle of an
// address, be it of mail or of the web.
func mayBegin(before string) bool {
	before = strings.TrimRight(before, "._-+")
	r, _ := utf8.DecodeLastRuneInString(before)
	return before == "" || r != '@' && r != '/' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
}

// mayEnd tells whether a name that ends in last may be followed by rest.
func mayEnd(last byte, rest string) bool {
	r, size := utf8.DecodeRuneInString(rest)
	switch {
	case size == 0:
		return true
	case r == '@':
		next, _ := utf8.DecodeRuneInString(rest[1:])
		return len(rest) == 1 || !unicode.IsLetter(next) && !unicode.IsDigit(next)
	case isNameByte(last) && !isAlphanumeric(last):
		return true // "bob." of "bob.smith"
	}
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
}

func isNameByte(c byte) bool {
	return isAlphanumeric(c) || c == '.' || c == '_' || c == '@' || c == '-'
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// codeSpans finds what stands between backticks in Markdown: code, where "@name"
// is something else. It is asked from the left to the right.
type codeSpans struct {
	text string
	at   int  // up to here all is known
	over bool // there are no more
}

// past is the end of the code that holds the byte at i, or 0.
func (c *codeSpans) past(i int) int {
	for !c.over && c.at < i {
		tick := strings.IndexByte(c.text[c.at:], '`')
		if tick < 0 {
			c.over = true
			return 0
		}
		start := c.at + tick
		if start > i {
			c.at = start
			return 0
		}
		if start > 0 && c.text[start-1] == '\\' {
			c.at = start + 1
			continue
		}
		end := closing(c.text, start)
		c.at = end
		if end > i {
			return end
		}
	}
	return 0
}

// closing is the end of the code that the backticks at start open, or of these
// where none closes them. A block of code needs at least as many at its end and goes on
// to the end of the text without; code in a line needs as many and its paragraph.
func closing(text string, start int) int {
	n := ticks(text[start:])
	from := start + n
	line := strings.TrimLeft(text[strings.LastIndexByte(text[:start], '\n')+1:start], " ")
	block, rest := n >= 3 && line == "", text[from:]
	if !block {
		rest, _, _ = strings.Cut(rest, "\n\n")
	}
	for at := 0; ; {
		i := strings.IndexByte(rest[at:], '`')
		switch {
		case i < 0 && block:
			return len(text)
		case i < 0:
			return from
		}
		at += i
		m := ticks(rest[at:])
		at += m
		if m == n || block && m > n {
			return from + at
		}
	}
}

// ticks is how many backticks s begins with.
func ticks(s string) int { return len(s) - len(strings.TrimLeft(s, "`")) }
