package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"rambla/social"
)

// The bounds of ?fields=: more names than any of our answers has members, and
// deeper than any of them nests.
const (
	maxFieldsBytes = 1000
	maxFields      = 50
	maxFieldDepth  = 8
)

// selection is what of an answer somebody wants. The zero value is nothing of it.
type selection struct {
	whole bool
	of    map[string]*selection
}

// parseSelection reads the parameter fields: names between commas, dots before
// the members of members, as in "id,object.content". A name that s does not
// have is refused, so that a slip is not taken for a member that is absent.
func parseSelection(text string, s *huma.Schema, reg huma.Registry) (*selection, error) {
	names := strings.Split(text, ",")
	if len(text) > maxFieldsBytes || len(names) > maxFields {
		return nil, social.Invalid("fields", "are at most %d names in %d bytes", maxFields, maxFieldsBytes)
	}
	root := &selection{}
	for _, name := range names {
		name = strings.TrimSpace(name)
		parts := strings.Split(name, ".")
		if name == "" || slices.Contains(parts, "") {
			return nil, social.Invalid("fields", "are names between commas, such as id,object.content")
		}
		if len(parts) > maxFieldDepth {
			return nil, social.Invalid("fields", "name %q nests deeper than %d levels", clip(name), maxFieldDepth)
		}
		if at, known := memberOf(s, reg, parts); at != "" {
			return nil, social.Invalid("fields", "%q is no field here; there are %s", clip(at), strings.Join(known, ", "))
		}
		root.add(parts)
	}
	return root, nil
}

// memberOf follows a path into a schema. missing is the part of the path that
// is not there, and known what there is instead.
func memberOf(s *huma.Schema, reg huma.Registry, path []string) (missing string, known []string) {
	for i, name := range path {
		s = object(s, reg)
		if s == nil || len(s.Properties) == 0 && s.AdditionalProperties != false {
			return "", nil // an application's own members
		}
		next, ok := s.Properties[name]
		if !ok {
			return strings.Join(path[:i+1], "."), slices.Sorted(maps.Keys(s.Properties))
		}
		s = next
	}
	return "", nil
}

// object is the schema of the objects that s is, or is an array of; nil where
// it may be anything.
func object(s *huma.Schema, reg huma.Registry) *huma.Schema {
	for s != nil {
		switch {
		case s.Ref != "":
			s = reg.SchemaFromRef(s.Ref)
		case s.Type == huma.TypeArray:
			s = s.Items
		case s.Type == huma.TypeObject:
			return s
		case s.Type != "":
			return &huma.Schema{AdditionalProperties: false} // text and numbers have no members
		default:
			return nil
		}
	}
	return nil
}

func (sel *selection) add(path []string) {
	for _, name := range path {
		if sel.of == nil {
			sel.of = map[string]*selection{}
		}
		next := sel.of[name]
		if next == nil {
			next = &selection{}
			sel.of[name] = next
		}
		sel = next
	}
	sel.whole = true
}

// cut appends to dst what is wanted of value, in its own order. In an array the
// selection is about each element; what has no members stays whole.
func (sel *selection) cut(dst []byte, value json.RawMessage) ([]byte, error) {
	value = bytes.TrimSpace(value)
	switch {
	case !sel.whole && bytes.HasPrefix(value, []byte{'{'}):
		return sel.cutObject(dst, value)
	case !sel.whole && bytes.HasPrefix(value, []byte{'['}):
		var elements []json.RawMessage
		if err := json.Unmarshal(value, &elements); err != nil {
			return nil, fmt.Errorf("read an answer: %w", err)
		}
		return sel.cutAll(dst, elements)
	default:
		return append(dst, value...), nil
	}
}

func (sel *selection) cutAll(dst []byte, elements []json.RawMessage) (_ []byte, err error) {
	dst = append(dst, '[')
	for i, e := range elements {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = sel.cut(dst, e); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

func (sel *selection) cutObject(dst []byte, value json.RawMessage) ([]byte, error) {
	members, err := membersOf(value)
	if err != nil {
		return nil, err
	}
	dst = append(dst, '{')
	begun := len(dst)
	for _, m := range members {
		wanted := sel.of[m.name]
		if wanted == nil {
			continue
		}
		if len(dst) > begun {
			dst = append(dst, ',')
		}
		dst = m.appendName(dst)
		if dst, err = wanted.cut(dst, m.value); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// member is one of a JSON object, whose order encoding/json does not keep.
type member struct {
	name  string
	value json.RawMessage
}

func (m member) appendName(dst []byte) []byte {
	name, _ := json.Marshal(m.name) // a string can always be written
	return append(append(dst, name...), ':')
}

func membersOf(value json.RawMessage) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(value))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("read an answer: no object, %w", err)
	}
	var out []member
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("read an answer: %w", err)
		}
		m := member{}
		m.name, _ = t.(string) // the decoder lets nothing else stand there
		if err := dec.Decode(&m.value); err != nil {
			return nil, fmt.Errorf("read an answer: %w", err)
		}
		out = append(out, m)
	}
	return out, nil
}
