package social

import (
	"slices"
	"strings"
)

// Scopes is what a credential may be used for: some of the abilities read,
// write, act-as and admin, narrowed to contexts (ctx:{id}) or their data
// channels (data:{id}) where any are named. Several narrowings are a union.
//
// The zero value is a login without narrowing: all that the person has. Scopes
// never give a right, they only withhold; use cases check the person's own
// rights beside them. A Scopes is a value; it does not change once made.
type Scopes struct {
	abilities abilities
	contexts  []string // of ctx:{id}, sorted
	data      []string // of data:{id}, sorted
}

type abilities uint8

const (
	scopeActAs abilities = 1 << iota
	scopeAdmin
	scopeRead
	scopeWrite
)

// abilityWords are in the order of the bits, which is also alphabetical.
var abilityWords = [...]string{"act-as", "admin", "read", "write"}

// MaxScopes bounds how many scopes one credential names.
const MaxScopes = 50

// ScopeWords are the scopes that need no id.
func ScopeWords() []string { return slices.Clone(abilityWords[:]) }

// EveryScope is, in words, all that somebody with these roles may ask for.
func EveryScope(roles Roles) Scopes {
	s := Scopes{abilities: scopeRead | scopeWrite}
	if roles.Has(RoleManager) {
		s.abilities |= scopeActAs | scopeAdmin
	}
	return s
}

// ParseScopes reads scopes separated by spaces, as OAuth writes them (RFC 6749
// section 3.3). No scope at all gives the zero value. The error is KindInvalid
// and names field.
func ParseScopes(field, text string) (Scopes, error) {
	return ParseScopeWords(field, strings.FieldsFunc(text, func(r rune) bool { return r == ' ' }))
}

// ParseScopeWords reads a list of scopes, as ParseScopes does. A list that only
// narrows is refused: it would give nothing.
func ParseScopeWords(field string, words []string) (Scopes, error) {
	var s Scopes
	if len(words) > MaxScopes {
		return Scopes{}, Invalid(field, "there are at most %d scopes", MaxScopes)
	}
	for _, w := range words {
		if i := slices.Index(abilityWords[:], w); i >= 0 {
			s.abilities |= 1 << i
			continue
		}
		kind, id, _ := strings.Cut(w, ":")
		into := &s.contexts
		switch kind {
		case "ctx":
		case "data":
			into = &s.data
		default:
			return Scopes{}, Invalid(field, "%.80q is no scope; there are read, write, act-as, admin, ctx:{id} and data:{id}", w)
		}
		if CheckContextID(field, id) != nil {
			return Scopes{}, Invalid(field, "%.80q does not end in the id of a context", w)
		}
		*into = append(*into, id)
	}
	if len(words) > 0 && s.abilities&(scopeRead|scopeWrite) == 0 && s.narrowed() {
		return Scopes{}, Invalid(field, "ctx: and data: narrow read and write; ask for one of those too")
	}
	slices.Sort(s.contexts)
	slices.Sort(s.data)
	s.contexts, s.data = slices.Compact(s.contexts), slices.Compact(s.data)
	return s, nil
}

// Words are the scopes in alphabetical order; nil for the zero value.
func (s Scopes) Words() []string {
	var out []string
	add := func(a abilities, word string) {
		if s.abilities&a != 0 {
			out = append(out, word)
		}
	}
	add(scopeActAs, "act-as")
	add(scopeAdmin, "admin")
	for _, id := range s.contexts {
		out = append(out, "ctx:"+id)
	}
	for _, id := range s.data {
		out = append(out, "data:"+id)
	}
	add(scopeRead, "read")
	add(scopeWrite, "write")
	return out
}

// String is what ParseScopes reads; empty for the zero value.
func (s Scopes) String() string { return strings.Join(s.Words(), " ") }

// Unrestricted tells whether nothing is withheld.
func (s Scopes) Unrestricted() bool { return s.abilities == 0 }

// MayRead tells whether reading in the context with that id is within the
// scopes; data says that it is about its data channel. The empty id stands for
// all that lies outside contexts (people, oneself, tokens), which narrowed
// scopes never reach.
func (s Scopes) MayRead(spaceID string, data bool) bool { return s.may(scopeRead, spaceID, data) }

// Reads tells whether reading anything is within the scopes.
func (s Scopes) Reads() bool { return s.Unrestricted() || s.abilities&scopeRead != 0 }

// Writes tells the same of changing anything.
func (s Scopes) Writes() bool { return s.Unrestricted() || s.abilities&scopeWrite != 0 }

// MayWrite is the same for whatever changes something.
func (s Scopes) MayWrite(spaceID string, data bool) bool { return s.may(scopeWrite, spaceID, data) }

// Admin tells whether the site may be administered. It lies outside contexts,
// so narrowed scopes never allow it.
func (s Scopes) Admin() bool {
	return s.Unrestricted() || s.abilities&scopeAdmin != 0 && !s.narrowed()
}

// ActAs tells whether one may speak for others; where, MayWrite says.
func (s Scopes) ActAs() bool { return s.Unrestricted() || s.abilities&scopeActAs != 0 }

// Within tells whether s asks for nothing that o does not have, so that who
// holds o may hand out s.
func (s Scopes) Within(o Scopes) bool {
	switch {
	case o.Unrestricted():
		return true
	case s.Unrestricted() || s.abilities&^o.abilities != 0:
		return false
	case !o.narrowed():
		return true
	case !s.narrowed():
		return false
	}
	for _, id := range s.contexts {
		if !contains(o.contexts, id) {
			return false
		}
	}
	for _, id := range s.data {
		if !contains(o.contexts, id) && !contains(o.data, id) {
			return false
		}
	}
	return true
}

// HeldBy tells whether somebody with these roles has what s asks for: admin
// and act-as are for managers.
func (s Scopes) HeldBy(roles Roles) bool {
	return s.abilities&(scopeActAs|scopeAdmin) == 0 || roles.Has(RoleManager)
}

func (s Scopes) narrowed() bool { return len(s.contexts)+len(s.data) > 0 }

func (s Scopes) may(a abilities, spaceID string, data bool) bool {
	switch {
	case s.Unrestricted():
		return true
	case s.abilities&a == 0:
		return false
	case !s.narrowed():
		return true
	}
	return contains(s.contexts, spaceID) || data && contains(s.data, spaceID)
}

func contains(sorted []string, id string) bool {
	_, ok := slices.BinarySearch(sorted, id)
	return ok
}
