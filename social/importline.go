package social

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// GeneratorImport is the entrance of posts that were imported without notifying
// anybody: nobody is pushed to for them.
const GeneratorImport = "import"

// importKind is what a line of an import is about.
type importKind uint8

const (
	importNothing importKind = iota
	importPerson
	importContext
	importMember
	importPost // an activity or a comment
)

// importLine is one line, read and checked for form. Of its parts one is set.
type importLine struct {
	number  int
	kind    importKind
	person  personLine
	context contextLine
	member  memberLine
	post    postLine
}

type personLine struct {
	NewPerson
	patch PersonPatch // what the line says that may change somebody who is there
}

type contextLine struct {
	Space
	owner, parent string // empty: not said
}

type memberLine struct {
	MemberEntry
	context string
}

type postLine struct {
	id        ID
	context   string
	author    string
	comment   bool
	published time.Time // zero: not said
	draft     Draft
}

// parseImportLine reads {"type":"person|context|member|activity|comment", …}.
// Errors are KindInvalid, or KindTooLarge for a post, and name the field.
func parseImportLine(line []byte) (l importLine, err error) {
	if !utf8.Valid(line) {
		return l, Errorf(KindInvalid, "The line is not UTF-8.")
	}
	fields := map[string]json.RawMessage{}
	kind := ""
	err = eachMember(line, func(name string, raw json.RawMessage) error {
		if string(raw) == "null" {
			return Invalid(clip(name), "is null; leave it out instead")
		}
		if name == "type" {
			return decode(name, raw, &kind, "text")
		}
		fields[name] = raw
		return nil
	})
	if err != nil {
		return l, err
	}
	f := importFields{left: fields}
	switch kind {
	case "person":
		l.kind = importPerson
		l.person = f.person()
	case "context":
		l.kind = importContext
		l.context = f.context()
	case "member":
		l.kind = importMember
		l.member = f.member()
	case "activity", "comment":
		l.kind = importPost
		l.post = f.post(kind == "comment")
	default:
		return l, Invalid("type", "%q is nothing that can be imported; there are person, context, member, activity and comment", clip(kind))
	}
	return l, f.end()
}

// importFields takes fields from a line; the first error stays.
type importFields struct {
	left map[string]json.RawMessage
	err  error
}

// take reads a field, if it is there.
func (f *importFields) take(name string, into any, what string) bool {
	raw, is := f.left[name]
	delete(f.left, name)
	if !is || f.err != nil {
		return false
	}
	f.err = decode(name, raw, into, what)
	return f.err == nil
}

func (f *importFields) text(name string) (s string) {
	f.take(name, &s, "text")
	return s
}

// given is text as a patch has it: nil where the line does not say it.
func (f *importFields) given(name string) *string {
	var s string
	if f.take(name, &s, "text") {
		return &s
	}
	return nil
}

func (f *importFields) refuse(err error) {
	if f.err == nil {
		f.err = err
	}
}

// end is the error of the line: also of a field that it does not have.
func (f *importFields) end() error {
	if f.err != nil {
		return f.err
	}
	for name := range f.left {
		return Invalid(clip(name), "is not a field of such a line")
	}
	return nil
}

func (f *importFields) person() (p personLine) {
	name, err := ParsePersonName("name", f.text("name"))
	f.refuseIf(err)
	p.patch = PersonPatch{DisplayName: f.given("displayName"), Title: f.given("title"), About: f.given("about"), URL: f.given("url")}
	p.Profile = p.patch.apply(Profile{})
	f.refuseIf(p.Profile.check())
	p.Name, p.DisplayName = name, name
	if d := p.patch.DisplayName; d != nil {
		f.refuseIf(CheckText("displayName", *d, MaxDisplayName))
		if *d == "" {
			p.patch.DisplayName = &name
		}
		p.DisplayName = *p.patch.DisplayName
	}
	var roles []string
	f.take("roles", &roles, "a list of roles")
	p.Roles, err = ParseRoles("roles", roles)
	f.refuseIf(err)
	f.take("service", &p.Service, "true or false")
	p.PasswordHash = f.text("passwordHash")
	return p
}

// refuseIf is refuse for an error that may be nil.
func (f *importFields) refuseIf(err error) {
	if err != nil {
		f.refuse(err)
	}
}

func (f *importFields) context() (c contextLine) {
	c.ID = f.text("id")
	f.refuseIf(CheckContextID("id", c.ID))
	c.DisplayName, c.Description, c.URL = f.text("displayName"), f.text("description"), f.text("url")
	if c.DisplayName == "" {
		c.DisplayName = c.ID
	}
	if c.Preset = f.text("preset"); c.Preset != "" {
		policies, is := Presets()[c.Preset]
		if !is {
			f.refuse(Invalid("preset", "%q is no preset; there are open, closed, institutional and announcement", clip(c.Preset)))
		}
		c.Policies = policies
	}
	c.policies(f)
	f.take("tags", &c.Tags, "a list of text")
	if c.Notifications = f.text("notifications"); c.Notifications == "" {
		c.Notifications = "posts"
	}
	var err error
	c.History, err = ParseHistory("history", f.text("history"))
	f.refuseIf(err)
	f.take("receipts", &c.Receipts, "true or false")
	f.take("order", &c.Order, "a whole number")
	c.owner, c.parent = f.text("owner"), f.text("parent")
	f.refuseIf(checkSpace(&c.Space))
	return c
}

// policies reads {"write":"restricted", …}.
func (c *contextLine) policies(f *importFields) {
	words := map[string]string{}
	f.take("permissions", &words, "an object of policies")
	for i, name := range permissionWords {
		if word, is := words[name]; is {
			p, err := ParsePolicy("permissions."+name, word)
			f.refuseIf(err)
			c.Policies[i] = p
			delete(words, name)
		}
	}
	for name := range words {
		f.refuse(Invalid("permissions."+clip(name), "is no permission"))
	}
}

func (f *importFields) member() (m memberLine) {
	m.context, m.Name = f.text("context"), f.text("person")
	if m.context == "" {
		f.refuse(Invalid("context", "is missing"))
	}
	if m.Name == "" {
		f.refuse(Invalid("person", "is missing"))
	}
	for name, into := range map[string]**Permissions{"grants": &m.Grants, "vetoes": &m.Vetoes} {
		raw, is := f.left[name]
		delete(f.left, name)
		if is {
			p, err := parsePermissions(name, raw)
			f.refuseIf(err)
			*into = p
		}
	}
	if m.Grants != nil && m.Vetoes != nil && *m.Grants&*m.Vetoes != 0 {
		f.refuse(Invalid("vetoes", "names a permission that is among the grants"))
	}
	return m
}

// maxSourceID bounds the id that a post had where it comes from, in bytes.
const maxSourceID = 200

func (f *importFields) post(comment bool) (p postLine) {
	p.comment = comment
	source := f.text("id")
	if source == "" || len(source) > maxSourceID {
		f.refuse(Invalid("id", "is missing, or longer than %d bytes; it tells a repeat from a new one", maxSourceID))
	}
	p.id = importID(source)
	if p.author = f.text("author"); p.author == "" {
		f.refuse(Invalid("author", "is missing"))
	}
	var answers string
	if comment {
		if answers = f.text("inReplyTo"); answers == "" {
			f.refuse(Invalid("inReplyTo", "is missing; it is the id of a post or comment"))
		}
	} else if p.context = f.text("context"); p.context == "" {
		f.refuse(Invalid("context", "is missing"))
	}
	if when := f.text("published"); when != "" {
		at, err := time.Parse(time.RFC3339Nano, when)
		if err != nil || at.Unix() <= 0 {
			f.refuse(Invalid("published", "is no time such as 2019-09-12T08:30:00Z"))
		}
		p.published = at
	}
	if f.err == nil {
		p.draft, f.err = f.draft(comment)
		p.draft.InReplyTo = importID(answers)
		if answers == "" {
			p.draft.InReplyTo = ID{}
		}
	}
	return p
}

// draft reads what a post says as a publish of it would be read.
func (f *importFields) draft(comment bool) (Draft, error) {
	says := []string{"content", "format"}
	if !comment {
		says = append(says, "object", "target", "data", "to", "activityType")
	}
	var b bytes.Buffer
	for name, raw := range f.left {
		if !slices.Contains(says, name) {
			continue
		}
		delete(f.left, name)
		if name == "activityType" {
			name = "type"
		}
		b.WriteString(`,"` + name + `":`)
		b.Write(raw)
	}
	d, err := ParseDraft([]byte("{" + strings.TrimPrefix(b.String(), ",") + "}"))
	for i := range d.To {
		d.To[i] = strings.ToLower(d.To[i])
	}
	return d, err
}

// importID is the id here of a post that has the given one where it comes from:
// the same for a repeat. Ids of this kind stay as they are; others become a UUIDv7 of
// the moment 0, so that none is one that was made here.
func importID(source string) (id ID) {
	if own, ok := ParseID(source); ok {
		return own
	}
	sum := sha256.Sum256([]byte("rambla import\x00" + source))
	copy(id[6:], sum[:])
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}
