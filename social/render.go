package social

import (
	"encoding/json"
	"time"
	"unicode/utf8"
)

// timeFormat is RFC 3339 with milliseconds, in UTC.
const timeFormat = "2006-01-02T15:04:05.000Z"

// AppendTime appends t as every interface writes times.
func AppendTime(dst []byte, t time.Time) []byte { return t.UTC().AppendFormat(dst, timeFormat) }

// RenderPost appends the JSON of a post as subscribers, REST and history show
// it (W3C ActivityStreams 2.0 vocabulary), with today's names.
func (d *Directory) RenderPost(dst []byte, space *Space, p *Post) []byte {
	w := jsonWriter{dst}
	w.raw(`{"id":"`)
	w.b = p.ID.Append(w.b)
	w.raw(`","seq":`)
	w.uint(p.Seq)
	w.field("type", p.Type)
	if p.AsSpace {
		w.raw(`,"actor":`)
		w.space(space)
	} else {
		w.raw(`,"actor":`)
		w.person(d.AnyPerson(p.Author))
	}
	if p.Creator != 0 {
		w.raw(`,"creator":`)
		w.person(d.AnyPerson(p.Creator))
	}
	more := p.told()
	w.raw(`,"object":`)
	if !p.refers() {
		d.renderObject(&w, space, p, &more)
	} else if w.reference(p); p.Content != "" {
		w.field("content", p.Content)
		d.markdown(&w, p)
	}
	w.raw(`,"target":`)
	if more.Target != nil {
		w.thing(more.Target)
		w.raw(`,"context":`)
	}
	d.place(&w, space)
	if more.Data != nil {
		w.raw(`,"data":`)
		w.b = append(w.b, more.Data...)
	}
	if p.Private {
		w.raw(`,"to":[`)
		for i, key := range p.To {
			if i > 0 {
				w.raw(",")
			}
			w.text(d.AnyPerson(key).Name)
		}
		w.raw("]")
	}
	if more.Published != "" {
		w.field("published", more.Published)
	} else {
		w.time("published", p.Published)
	}
	w.time("updated", p.Updated)
	if p.Key != "" {
		w.field("key", p.Key)
	}
	w.field("generator", p.Generator)
	w.raw("}")
	return w.b
}

// told is what an application told with a post; nothing any more once the post
// is removed.
func (p *Post) told() extra {
	if len(p.Extra) == 0 || !p.Removed.IsZero() {
		return extra{}
	}
	var more extra
	_ = json.Unmarshal(p.Extra, &more) // ours; a damaged row shows without it, and doctor tells
	return more
}

// refers tells whether the post is a reaction or a share: about another one, of
// which it says nothing but the id.
func (p *Post) refers() bool {
	switch p.Type {
	case TypeLike, TypeFlag, TypeUndo:
		return true
	case TypeAnnounce:
		return p.Removed.IsZero()
	}
	return false
}

// reference writes which post a reaction or share is about; an Undo ends a
// reaction that was about it.
func (w *jsonWriter) reference(p *Post) {
	id := p.Object
	if id.IsZero() {
		id = p.Root
	}
	if p.Type == TypeUndo {
		w.raw(`{"type":`)
		w.text(p.Undoes())
		w.raw(`,"object":`)
	}
	w.raw(`{"type":"Note","id":"`)
	w.b = id.Append(w.b)
	w.raw(`"}`)
	if p.Type == TypeUndo {
		w.raw("}")
	}
}

// markdown tells of Markdown that it is, and what it looks like.
func (d *Directory) markdown(w *jsonWriter, p *Post) {
	if !p.Markdown {
		return
	}
	w.raw(`,"mediaType":"text/markdown"`)
	if d.markup != nil {
		w.field("html", d.markup(p.Content))
	}
}

// renderObject writes what a post is about: a note, what an application tells
// of, a person who came or went, or the context itself.
func (d *Directory) renderObject(w *jsonWriter, space *Space, p *Post, more *extra) {
	thing := more.Object
	if p.Subject != 0 {
		w.person(d.AnyPerson(p.Subject))
		return
	}
	if !p.Counts() && p.Object.IsZero() {
		d.place(w, space)
		return
	}
	id := p.ID
	if !p.Object.IsZero() {
		id = p.Object
	}
	gone := !p.Removed.IsZero() || p.Type == TypeDelete
	kind := "Note"
	if thing != nil && thing.Type != "" {
		kind = thing.Type
	}
	if gone {
		kind = "Tombstone"
	}
	w.raw(`{"type":`)
	w.text(kind)
	if thing != nil && thing.ID != "" && p.Object.IsZero() { // an Update's points back at the post
		w.field("id", thing.ID)
	} else {
		w.raw(`,"id":"`)
		w.b = id.Append(w.b)
		w.raw(`"`)
	}
	if gone {
		w.time("deleted", p.Removed)
		w.raw("}")
		return
	}
	if thing != nil && thing.Name != "" {
		w.field("name", thing.Name)
	}
	if thing != nil && thing.URL != "" {
		w.field("url", thing.URL)
	}
	w.field("content", p.Content)
	d.markdown(w, p)
	if !p.InReplyTo.IsZero() {
		w.raw(`,"inReplyTo":"`)
		w.b = p.InReplyTo.Append(w.b)
		w.raw(`"`)
	}
	w.raw(`,"attachment":[`)
	w.attachments(more.Attachments)
	w.raw(`],"tag":[`)
	d.tags(w, p)
	w.raw("]}")
}

// tags writes whom a post mentions, and its hashtags.
func (d *Directory) tags(w *jsonWriter, p *Post) {
	mentions := d.Mentions(p)
	for i, key := range mentions {
		if i > 0 {
			w.raw(",")
		}
		name := d.AnyPerson(key).Name
		w.raw(`{"type":"Mention","id":`)
		w.text(name)
		w.field("name", "@"+name)
		w.raw("}")
	}
	for i, tag := range p.Hashtags() {
		if i > 0 || len(mentions) > 0 {
			w.raw(",")
		}
		w.raw(`{"type":"Hashtag","name":`)
		w.text("#" + tag)
		w.raw("}")
	}
}

// jsonWriter appends JSON without reflection: a post is rendered once for each
// delivery and answer, on the hottest path there is.
type jsonWriter struct{ b []byte }

func (w *jsonWriter) raw(s string) { w.b = append(w.b, s...) }

func (w *jsonWriter) uint(n uint64) {
	w.b = appendUint(w.b, n)
}

func appendUint(b []byte, n uint64) []byte {
	var digits [20]byte
	i := len(digits)
	for {
		i--
		digits[i] = byte('0' + n%10)
		n /= 10
		if n == 0 {
			return append(b, digits[i:]...)
		}
	}
}

// field appends a member after the first, with a text value. name is ours.
func (w *jsonWriter) field(name, value string) {
	w.raw(`,"`)
	w.raw(name)
	w.raw(`":`)
	w.text(value)
}

func (w *jsonWriter) time(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	w.raw(`,"`)
	w.raw(name)
	w.raw(`":"`)
	w.b = AppendTime(w.b, t)
	w.raw(`"`)
}

func (w *jsonWriter) person(p Person) {
	kind := `{"type":"Person","id":`
	if p.Service {
		kind = `{"type":"Service","id":`
	}
	w.raw(kind)
	w.text(p.Name)
	w.field("name", p.DisplayName)
	w.raw("}")
}

// place writes a space as a post names it: a wall as its person.
func (d *Directory) place(w *jsonWriter, s *Space) {
	if s.Kind == KindWall {
		w.person(d.AnyPerson(s.Owner))
		return
	}
	w.space(s)
}

func (w *jsonWriter) space(s *Space) {
	kind := `{"type":"Context","id":`
	if s.Kind == KindConversation {
		kind = `{"type":"Conversation","id":`
	}
	w.raw(kind)
	w.text(s.ID)
	if s.DisplayName != "" {
		w.field("name", s.DisplayName)
	}
	w.raw("}")
}

func (w *jsonWriter) thing(t *Thing) {
	b, err := json.Marshal(t)
	if err != nil {
		b = []byte("{}") // four strings cannot fail
	}
	w.b = append(w.b, b...)
}

const hexDigits = "0123456789abcdef"

// text appends a JSON string (RFC 8259 section 7); invalid UTF-8 becomes U+FFFD.
func (w *jsonWriter) text(s string) {
	w.b = append(w.b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' {
				i++
				continue
			}
			w.b = append(w.b, s[start:i]...)
			switch c {
			case '"', '\\':
				w.b = append(w.b, '\\', c)
			case '\n':
				w.b = append(w.b, '\\', 'n')
			case '\r':
				w.b = append(w.b, '\\', 'r')
			case '\t':
				w.b = append(w.b, '\\', 't')
			default: // controls, and what HTML would read as markup
				w.b = append(w.b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || r == '\u2028' || r == '\u2029' {
			w.b = append(w.b, s[start:i]...)
			switch r {
			case '\u2028':
				w.b = append(w.b, `\u2028`...)
			case '\u2029':
				w.b = append(w.b, `\u2029`...)
			default:
				w.b = append(w.b, `\ufffd`...)
			}
			start = i + size
		}
		i += size
	}
	w.b = append(w.b, s[start:]...)
	w.b = append(w.b, '"')
}
