package social

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The limits of what a client publishes.
const (
	MaxContent = 16 << 10 // bytes of text
	MaxData    = 4 << 10  // bytes of an application's data
	MaxKey     = 128      // bytes of an idempotency key
	MaxReaders = 100      // people a private post is addressed to
	maxThing   = 2 << 10  // bytes of an object or target
	maxDepth   = 32       // objects and arrays in each other, in an application's data
)

// Draft is what a client wants to post, checked for form.
type Draft struct {
	Content   string
	Key       string
	InReplyTo ID
	To        []string // names; nil: for everyone who may read
	Private   bool     // "to" was given
	Markdown  bool
	Type      string
	Extra     []byte // see Post.Extra
	// Attachments are files of the author's that hang on nothing yet.
	Attachments []ID
}

// Thing is an object or target that an application tells of.
type Thing struct {
	Type string `json:"type,omitempty"`
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
	URL  string `json:"url,omitempty"`
}

// extra is the JSON of Post.Extra.
type extra struct {
	Object *Thing          `json:"object,omitempty"`
	Target *Thing          `json:"target,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"`
	// Attachments are the server's own: no client can say them.
	Attachments []attachmentNote `json:"attachments,omitempty"`
	// Published is when an imported post was made, as every interface writes times:
	// where it came later into the log, Post.Published is the moment of that.
	Published string `json:"published,omitempty"`
}

// clientTypes are the ActivityStreams 2.0 activity types that a client may use;
// the others are, or will be, said by the server (Update, Delete, Join, Like, …).
var clientTypes = []string{
	TypeCreate, "Accept", "Add", "Arrive", "Dislike", "Ignore", "Invite", "Listen", "Move", "Offer",
	"Question", "Read", "Reject", "Remove", "TentativeAccept", "TentativeReject", "Travel", "View",
}

var appType = regexp.MustCompile(`^[a-z][a-z0-9.-]{0,31}:[A-Za-z][A-Za-z0-9._-]{0,63}$`)

// ParsePayload reads what a client publishes to a stream of posts: a JSON
// object, or else text. plain says that the sender declared it text, whatever
// it looks like. Errors are KindInvalid or KindTooLarge and name the field.
func ParsePayload(payload []byte, plain bool) (Draft, error) {
	if !utf8.Valid(payload) {
		return Draft{}, Errorf(KindInvalid, "The payload is not UTF-8.")
	}
	trimmed := bytes.TrimLeft(payload, " \t\r\n")
	if !plain && len(trimmed) > 0 && trimmed[0] == '{' {
		return ParseDraft(trimmed)
	}
	d := Draft{Content: string(payload), Type: TypeCreate}
	return d, d.check()
}

// ParseDraft reads the JSON form.
func ParseDraft(body []byte) (Draft, error) {
	if !utf8.Valid(body) {
		return Draft{}, Errorf(KindInvalid, "The payload is not UTF-8.")
	}
	d := Draft{Type: TypeCreate}
	var (
		reply, format string
		more          extra
	)
	err := eachMember(body, func(name string, raw json.RawMessage) (err error) {
		if string(raw) == "null" {
			return Invalid(clip(name), "is null; leave it out instead")
		}
		switch name {
		case "content":
			err = decode(name, raw, &d.Content, "text")
		case "key":
			err = decode(name, raw, &d.Key, "text")
			if err == nil && d.Key == "" {
				err = Invalid(name, "is empty")
			}
		case "inReplyTo":
			err = decode(name, raw, &reply, "the id of a post")
			var ok bool
			if d.InReplyTo, ok = ParseID(reply); err == nil && !ok {
				err = Invalid(name, "is not the id of a post")
			}
		case "to":
			d.Private = true
			err = decode(name, raw, &d.To, "a list of names")
		case "format":
			err = decode(name, raw, &format, "plain or markdown")
			d.Markdown = format == "markdown"
			if err == nil && format != "plain" && format != "markdown" {
				err = Invalid(name, "%q is no format; there are plain and markdown", clip(format))
			}
		case "type":
			err = decode(name, raw, &d.Type, "text")
		case "object":
			more.Object, err = decodeThing(name, raw)
		case "target":
			more.Target, err = decodeThing(name, raw)
		case "data":
			more.Data, err = decodeData(name, raw)
		case "attachments":
			d.Attachments, err = decodeAttachments(name, raw)
		default:
			err = Invalid(clip(name), "is not a field of a post")
		}
		return err
	})
	if err != nil {
		return Draft{}, err
	}
	if more.Object != nil || more.Target != nil || more.Data != nil {
		if d.Extra, err = json.Marshal(more); err != nil {
			return Draft{}, fmt.Errorf("encode what the application tells: %w", err)
		}
	}
	return d, d.check()
}

func (d *Draft) check() error {
	switch {
	case !slices.Contains(clientTypes, d.Type) && !appType.MatchString(d.Type):
		return Invalid("type", "%q is no type that one may post; use a word of ActivityStreams such as Create, or app:verb", clip(d.Type))
	case strings.TrimSpace(d.Content) == "" && d.Type == TypeCreate && d.Extra == nil && d.Attachments == nil:
		return Invalid("content", "is empty")
	case d.Private && len(d.To) == 0:
		return Invalid("to", "is empty; leave it out to post for everyone")
	case len(d.To) > MaxReaders:
		return Invalid("to", "names more than %d people", MaxReaders)
	}
	return d.checkText()
}

// checkText checks what is text in every draft.
func (d *Draft) checkText() error {
	switch {
	case len(d.Content) > MaxContent:
		return &Error{Kind: KindTooLarge, Safe: fmt.Sprintf("The text is longer than %d bytes.", MaxContent)}
	case strings.IndexByte(d.Content, 0) >= 0:
		return Invalid("content", "contains a NUL character")
	}
	return CheckKey("key", d.Key)
}

// CheckKey checks an idempotency key; empty is none.
func CheckKey(field, key string) error {
	switch {
	case len(key) > MaxKey:
		return Invalid(field, "is longer than %d bytes", MaxKey)
	case strings.IndexByte(key, 0) >= 0 || !utf8.ValidString(key):
		return Invalid(field, "is not text")
	}
	return nil
}

// Digest tells two contents apart, whichever entrance they came through; the
// key itself and the order of readers do not matter. The fields are
// length-prefixed, so that none can pass for another.
func (d *Draft) Digest(space SpaceKey) [32]byte {
	h := sha256.New()
	put := func(s string) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		io.WriteString(h, s) //nolint:errcheck // a hash takes everything
	}
	put(fmt.Sprint(space, d.Markdown, d.Private))
	put(d.Type)
	put(d.Content)
	put(d.InReplyTo.String())
	put(string(d.Extra))
	to := make([]string, len(d.To))
	for i, name := range d.To {
		to[i] = strings.ToLower(name)
	}
	slices.Sort(to)
	for _, name := range slices.Compact(to) {
		put(name)
	}
	if d.Attachments != nil { // a draft without is told as it always was
		put("attachments")
		for _, id := range d.Attachments {
			put(string(id[:]))
		}
	}
	return [32]byte(h.Sum(nil))
}

func decodeThing(field string, raw json.RawMessage) (*Thing, error) {
	if len(raw) > maxThing {
		return nil, Invalid(field, "is longer than %d bytes", maxThing)
	}
	if raw[0] != '{' {
		return nil, Invalid(field, "is not a JSON object")
	}
	var t Thing
	parts := map[string]*string{"type": &t.Type, "id": &t.ID, "name": &t.Name, "url": &t.URL}
	err := eachMember(raw, func(name string, value json.RawMessage) error {
		part := parts[name]
		whole := field + "." + clip(name)
		switch {
		case part == nil:
			return Invalid(whole, "is not a field of it; there are type, id, name and url")
		case string(value) == "null":
			return Invalid(whole, "is null; leave it out instead")
		}
		if err := decode(whole, value, part, "text"); err != nil {
			return err
		}
		if strings.IndexByte(*part, 0) >= 0 {
			return Invalid(whole, "contains a NUL character")
		}
		return nil
	})
	return &t, err
}

// decodeData checks an application's data: any JSON object that is neither long
// nor deep, for whoever receives it has to parse it too.
func decodeData(field string, raw json.RawMessage) (json.RawMessage, error) {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil || raw[0] != '{' {
		return nil, Invalid(field, "is not a JSON object")
	}
	if b.Len() > MaxData {
		return nil, Invalid(field, "is longer than %d bytes", MaxData)
	}
	if _, depth := nesting(b.Bytes()); depth > maxDepth {
		return nil, Invalid(field, "is nested deeper than %d levels", maxDepth)
	}
	return b.Bytes(), nil
}

// clip keeps what a client wrote short where an answer repeats it, and free of
// control characters, which reason strings must not hold [MQTT-1.5.4-2].
func clip(s string) string {
	long := len(s) > 40
	if long {
		s = strings.ToValidUTF8(s[:40], "")
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '\uFFFD'
		}
		return r
	}, s)
	if long {
		s += "…"
	}
	return s
}
