package social

import (
	"strings"
	"unicode/utf8"
)

// The size of an excerpt in bytes: so much before what was found first, and so much
// of the text in all.
const (
	excerptBefore = 80
	excerptWhole  = 280
)

// excerpt cuts from a text the part around the first span, in runs; nil for an empty
// text. An ellipsis stands where something is missing.
func excerpt(text string, spans []Span) []ExcerptRun {
	if text == "" {
		return nil
	}
	from, to := 0, len(text)
	if to > excerptWhole {
		if len(spans) > 0 {
			from = wordStart(text, max(0, min(spans[0].From-excerptBefore, len(text)-excerptWhole)))
		}
		to = wordEnd(text, min(len(text), max(from+excerptWhole, 0)))
	}
	var out []ExcerptRun
	add := func(s string, mark bool) {
		if s != "" {
			out = append(out, ExcerptRun{Text: s, Mark: mark})
		}
	}
	if from > 0 {
		add("…", false)
	}
	at := from
	for _, s := range spans {
		if s.From < at || s.To > to {
			continue
		}
		add(text[at:s.From], false)
		add(text[s.From:s.To], true)
		at = s.To
	}
	add(text[at:to], false)
	if to < len(text) {
		add("…", false)
	}
	return out
}

// wordStart moves a place in the text forward to the beginning of a word, if there is
// one near.
func wordStart(text string, at int) int {
	for at > 0 && at < len(text) && !utf8.RuneStart(text[at]) {
		at++
	}
	if at == 0 {
		return 0
	}
	if i := strings.IndexAny(text[at:min(len(text), at+excerptBefore/2)], " \n\t"); i >= 0 {
		return at + i + 1
	}
	return at
}

// wordEnd moves it back to the end of one.
func wordEnd(text string, at int) int {
	if at >= len(text) {
		return len(text)
	}
	for at > 0 && !utf8.RuneStart(text[at]) {
		at--
	}
	if i := strings.LastIndexAny(text[max(0, at-excerptBefore/2):at], " \n\t"); i >= 0 {
		return max(0, at-excerptBefore/2) + i
	}
	return at
}
