package social

import (
	"bytes"
	"encoding/json"
	"slices"
)

// eachMember calls f for each member of a JSON object in UTF-8, in their order, up
// to the first error. Unlike a struct it sees the exact names, and a name that
// comes twice is refused. f refuses the names that it does not know.
func eachMember(object []byte, f func(name string, value json.RawMessage) error) error {
	const blanks = " \t\r\n"
	rest := bytes.TrimLeft(object, blanks)
	if !json.Valid(rest) || rest[0] != '{' {
		return Errorf(KindInvalid, "The payload is not a JSON object.")
	}
	// From here on it is known to be valid, so looking for delimiters is enough.
	rest = rest[1:]
	var seen []string // no longer than what f knows
	for {
		rest = bytes.TrimLeft(rest, blanks+",")
		if rest[0] == '}' {
			return nil
		}
		var name string
		n := valueLen(rest)
		if err := decode("name", rest[:n], &name, "text"); err != nil {
			return err
		}
		if slices.Contains(seen, name) {
			return Invalid(clip(name), "is there twice")
		}
		seen = append(seen, name)
		rest = bytes.TrimLeft(rest[n:], blanks+":")
		n = valueLen(rest)
		if err := f(name, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
}

// valueLen is the length of the value that valid JSON begins with.
func valueLen(valid []byte) int {
	switch valid[0] {
	case '"':
		for i := 1; ; i++ {
			switch valid[i] {
			case '\\':
				i++
			case '"':
				return i + 1
			}
		}
	case '{', '[':
		n, _ := nesting(valid)
		return n
	}
	if n := bytes.IndexAny(valid, ",}] \t\r\n"); n >= 0 {
		return n
	}
	return len(valid)
}

// nesting is the length of the object or array that valid JSON begins with, and
// how many objects and arrays stand in each other there.
func nesting(valid []byte) (length, depth int) {
	now, quoted := 0, false
	for i := 0; i < len(valid); i++ {
		switch c := valid[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			depth = max(depth, now)
		case c == '}' || c == ']':
			if now--; now == 0 {
				return i + 1, depth
			}
		}
	}
	return len(valid), depth
}

// decode reads a value of valid JSON; most are text without escapes.
func decode(field string, raw json.RawMessage, into any, what string) error {
	if text, ok := into.(*string); ok && raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 {
		*text = string(raw[1 : len(raw)-1])
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return &Error{Kind: KindInvalid, Safe: field + ": is not " + what, Fields: []Field{{field, "is not " + what}}, Err: err}
	}
	return nil
}
