package phrase

import (
	"strconv"
	"strings"
)

// About is what a push is about.
type About uint8

const (
	Message About = iota
	Comment
	Answer       // a comment on what the reader wrote
	Mention      // of the reader
	Added        // the reader to where it is
	Notification // an entry of the reader's feed
)

// Occasion is what there is to tell. Names and texts are as people wrote them.
type Occasion struct {
	About About
	Where string // the name of the context or group, in a conversation of two of the other one; empty: it has none
	// Direct: a conversation of two.
	Direct bool
	Count  int    // how many are new; less than 1 counts as 1
	Who    string // wrote the newest
	Text   string // what it says, without markup; empty: nothing that can be shown
}

// The longest that is shown, in code points.
const (
	maxTitle = 64
	maxBody  = 128
	maxWhere = 48
	maxWho   = 40

	maxText = 2 << 10 // bytes that are looked at for a body
)

// Line is what is shown where nothing of the content may be: how many, and where.
// The languages are those of the reader, the most wanted first.
func (b *Book) Line(o Occasion, languages ...string) (title, body string) {
	name := "message"
	switch {
	case o.About == Comment:
		name = "comment"
	case o.About == Answer:
		name = "answer"
	case o.About == Added:
		name = "added"
	case o.About == Notification:
		name = "notification"
	case o.Direct:
		name = "direct"
	case o.About == Mention:
		name = "mention"
	}
	return b.title("title", o, languages), cut(b.fill(name, o, languages), maxBody)
}

// Preview is who wrote what. Where that is nothing that can be shown, or several
// things of other kinds, it is Line.
func (b *Book) Preview(o Occasion, languages ...string) (title, body string) {
	o.Text = tidy(o.Text[:min(len(o.Text), maxText)])
	if o.Text == "" || o.About == Added || o.About == Notification {
		return b.Line(o, languages...)
	}
	name := "preview.body"
	if o.Direct {
		name = "preview.direct"
	}
	return b.title("preview.title", o, languages), cut(b.fill(name, o, languages), maxBody)
}

// Test is what an operator sends to see whether anything comes.
func (b *Book) Test(languages ...string) (title, body string) {
	return "Rambla", cut(b.fill("test", Occasion{}, languages), maxBody)
}

func (b *Book) title(name string, o Occasion, languages []string) string {
	if tidy(o.Where) == "" {
		name = "unnamed.title"
	}
	return cut(b.fill(name, o, languages), maxTitle)
}

// fill puts the occasion into a text, once: what people wrote is not read again.
func (b *Book) fill(name string, o Occasion, languages []string) string {
	n := max(o.Count, 1)
	where := cut(tidy(o.Where), maxWhere)
	if where == "" {
		where = b.text("unnamed", n, languages)
	}
	return tidy(strings.NewReplacer(
		"{where}", where, "{n}", strconv.Itoa(n), "{who}", cut(tidy(o.Who), maxWho), "{text}", o.Text,
	).Replace(b.text(name, n, languages)))
}
