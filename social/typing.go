package social

import (
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"
)

// How often one person can tell one place that it is typing: so many at once,
// and one more each typingEvery.
const (
	typingBurst = 5
	typingEvery = time.Second
	typingMost  = 1 << 16 // pairs of person and place that are remembered at once
)

// ParseTyping reads {"typing":true}. Errors are KindInvalid and name the field.
func ParseTyping(payload []byte) (typing bool, err error) {
	said := false
	err = eachMember(payload, func(name string, raw json.RawMessage) error {
		if name != "typing" {
			return Invalid(clip(name), "is not a field of what tells of typing")
		}
		said = true
		typing = string(raw) == "true"
		if !typing && string(raw) != "false" {
			return Invalid(name, "is neither true nor false")
		}
		return nil
	})
	if err == nil && !said {
		err = Invalid("typing", "is missing")
	}
	return typing, err
}

// RenderTyping appends the JSON in which others are told that somebody types.
func (d *Directory) RenderTyping(dst []byte, who PersonKey, typing bool, at time.Time) []byte {
	w := jsonWriter{dst}
	w.raw(`{"actor":`)
	w.person(d.AnyPerson(who))
	if typing {
		w.raw(`,"typing":true`)
	} else {
		w.raw(`,"typing":false`)
	}
	w.time("at", at)
	w.raw("}")
	return w.b
}

// Typing is the use case of telling others that one types. Nothing of it is
// stored, and nothing of it is owed to anybody: what is too much is dropped.
type Typing struct {
	dir     *Directory
	members int
	now     func() time.Time

	told, crowded, hurried atomic.Uint64

	mu     sync.Mutex // guards all below
	spent  map[Member]time.Time
	sifted time.Time // when spent was rid of what is over
}

// NewTyping makes the use case. Contexts of more than so many members are not
// told who types there.
func NewTyping(dir *Directory, members int, now func() time.Time) *Typing {
	return &Typing{dir: dir, members: members, now: now, spent: map[Member]time.Time{}}
}

// Say finds the space that is told that the actor types, or no longer does. tell
// is false where nobody is: the context has too many members, the actor is hidden
// there, or said so too often. Errors are those of writing in the space.
func (t *Typing) Say(a Actor, at Where) (space *Space, tell bool, err error) {
	sight, err := t.MayType(a, at)
	if err != nil {
		return nil, false, err
	}
	space = sight.Space
	if !t.shown(space, a.Person) {
		t.crowded.Add(1)
		return space, false, nil
	}
	if !t.spend(Member{space.Key, a.Person}) {
		t.hurried.Add(1)
		return space, false, nil
	}
	t.told.Add(1)
	return space, true, nil
}

// MayType is the right of Say.
func (t *Typing) MayType(a Actor, at Where) (Sight, error) {
	if at.Kind == ScopePerson {
		return Sight{}, at.missing() // a wall is nobody's to type on
	}
	if err := a.refuseActing(); err != nil {
		return Sight{}, err
	}
	return t.dir.reach(a, at, Write, false)
}

// shown tells whether others are told that the person types there.
func (t *Typing) shown(space *Space, person PersonKey) bool {
	if space.Kind == KindConversation {
		return true
	}
	members, _ := t.dir.membership(space.Key, person)
	p, ok := t.dir.PersonByKey(person)
	return ok && members <= t.members && !p.Roles.Has(RoleHidden)
}

// spend takes from what the person may say in the place: spent holds until when
// it has said so, at one typingEvery, and may run ahead by the burst.
func (t *Typing) spend(m Member) bool {
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.sifted) > time.Minute || len(t.spent) >= typingMost && now.Sub(t.sifted) > time.Second {
		t.sifted = now
		for m, until := range t.spent {
			if until.Before(now) {
				delete(t.spent, m)
			}
		}
	}
	until, known := t.spent[m]
	if !known && len(t.spent) >= typingMost {
		return false
	}
	if until.Before(now) {
		until = now
	}
	if until = until.Add(typingEvery); until.Sub(now) > typingBurst*typingEvery {
		return false
	}
	t.spent[m] = until
	return true
}

// TypingStats counts since the start.
type TypingStats struct {
	Told    uint64 // to whoever is subscribed
	Crowded uint64 // dropped: too many members, or a hidden person
	Hurried uint64 // dropped: too often
}

// Stats is for metrics.
func (t *Typing) Stats() TypingStats {
	return TypingStats{Told: t.told.Load(), Crowded: t.crowded.Load(), Hurried: t.hurried.Load()}
}
