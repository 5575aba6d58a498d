package social

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxHashtags bounds how many tags one post has; further ones are text.
	maxHashtags = 50
	// The length of a tag in characters, without its sign.
	minHashtag, maxHashtag = 3, 100
)

// Hashtags are the tags of a post, "#word" in its present content, each once
// whatever the case of its letters, as it is written first and without the sign. A
// tag is of letters, digits and underscores; in code and in addresses of the web
// there are none. nil for none; nothing is allocated then.
func (p *Post) Hashtags() []string {
	if strings.IndexByte(p.Content, '#') < 0 || !p.Removed.IsZero() {
		return nil
	}
	var found []string
	var seen map[string]struct{}
	code := codeSpans{text: p.Content, over: !p.Markdown}
	for at := 0; at < len(p.Content) && len(found) < maxHashtags; {
		i := strings.IndexByte(p.Content[at:], '#')
		if i < 0 {
			break
		}
		i += at
		at = i + 1
		if end := code.past(i); end > i {
			at = end
			continue
		}
		tag := hashtagIn(p.Content[at:])
		at += len(tag)
		if n := utf8.RuneCountInString(tag); n < minHashtag || n > maxHashtag || !tagMayBegin(p.Content[:i], p.Markdown) {
			continue
		}
		if seen == nil {
			seen = map[string]struct{}{}
		}
		folded := strings.ToLower(tag)
		if _, twice := seen[folded]; !twice {
			seen[folded] = struct{}{}
			found = append(found, tag)
		}
	}
	return found
}

// hashtagIn is the tag that s begins with.
func hashtagIn(s string) string {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
			return s[:i]
		}
	}
	return s
}

// tagMayBegin tells whether a tag may follow before: not in a word or an address,
// nor where a link of Markdown leads to or a sign was said to be none.
func tagMayBegin(before string, markdown bool) bool {
	r, _ := utf8.DecodeLastRuneInString(before)
	switch {
	case before == "":
		return true
	case r == '#' || r == '&' || r == '/' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
		return false
	case markdown && (r == '\\' || strings.HasSuffix(before, "](")):
		return false
	}
	word := before[len(before)-min(len(before), maxURL):]
	if i := strings.LastIndexFunc(word, unicode.IsSpace); i >= 0 {
		word = word[i:]
	}
	return !strings.Contains(word, "://") && !strings.Contains(word, "www.")
}
