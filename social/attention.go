package social

import (
	"context"
	"time"
)

// Level is how much somebody wants to be told of a space.
type Level uint8

const (
	LevelDefault  Level = iota // what the space says itself
	LevelAll                   // of everything
	LevelMentions              // of what names the person
	LevelNone
)

var levelWords = [...]string{LevelDefault: "default", LevelAll: "all", LevelMentions: "mentions", LevelNone: "none"}

// String is the word.
func (l Level) String() string {
	if int(l) < len(levelWords) {
		return levelWords[l]
	}
	return levelWords[LevelDefault]
}

// ParseLevel reads the word. The error is KindInvalid and names field.
func ParseLevel(field, word string) (Level, error) {
	for i, w := range levelWords {
		if w == word {
			return Level(i), nil //nolint:gosec // one of four
		}
	}
	return 0, Invalid(field, "%q is no level; there are default, all, mentions and none", clip(word))
}

// Interest is what a person wants to be told of a space; the zero value is what
// holds for who never said.
type Interest struct {
	Level Level
	Muted bool      // nothing, whatever the level
	Until time.Time // when Muted ends; zero: not by itself
}

// InterestPatch changes what it says.
type InterestPatch struct {
	Level *Level
	Mute  *Mute
}

// Mute is the part of an Interest that ends by itself.
type Mute struct {
	On    bool
	Until time.Time // zero: for good
}

// With is the interest after the patch.
func (a Interest) With(p InterestPatch) Interest {
	set(&a.Level, p.Level)
	if p.Mute != nil {
		a.Muted, a.Until = p.Mute.On, p.Mute.Until
	}
	if !a.Muted {
		a.Until = time.Time{}
	}
	return a
}

// AttentionStore keeps what people want to be told of spaces. It is no right of
// anybody, and so in no journal.
type AttentionStore interface {
	// SetInterest changes it in one transaction and tells how it is; a mute that has
	// ended was none. KindNotFound for a removed person or a deleted space.
	SetInterest(ctx context.Context, person PersonKey, space SpaceKey, p InterestPatch, now time.Time) (Interest, error)
	// Interests reads those of a person in these spaces; who said nothing of one is
	// not in the map.
	Interests(ctx context.Context, person PersonKey, spaces []SpaceKey, now time.Time) (map[SpaceKey]Interest, error)
}

// Attention are the use cases on what people want to be told of contexts and
// conversations.
type Attention struct {
	dir   *Directory
	store AttentionStore
	now   func() time.Time
}

// NewAttention makes the use cases.
func NewAttention(dir *Directory, store AttentionStore, now func() time.Time) *Attention {
	return &Attention{dir: dir, store: store, now: now}
}

// Set changes what the actor wants to be told of a space that it belongs to:
// KindForbidden where it sees the space and is no member.
func (at *Attention) Set(ctx context.Context, a Actor, w Where, p InterestPatch) (Interest, error) {
	if err := a.refuseActing(); err != nil {
		return Interest{}, err
	}
	sight, err := at.dir.SeeAt(a, w)
	if err != nil {
		return Interest{}, err
	}
	if !sight.Member {
		return Interest{}, Errorf(KindForbidden, "Only members can mute it.")
	}
	if !a.Scopes.MayWrite(sight.Space.scopeName(), false) {
		return Interest{}, Errorf(KindForbidden, "This token's scopes do not allow it.")
	}
	now := at.now()
	if m := p.Mute; m != nil && m.On && !m.Until.IsZero() {
		switch {
		case !m.Until.After(now):
			return Interest{}, Invalid("until", "lies in the past")
		case m.Until.Sub(now) > maxSentence:
			return Interest{}, Invalid("until", "lies further away than a hundred years; leave it out for one without end")
		}
	}
	return at.store.SetInterest(ctx, a.Person, sight.Space.Key, p, now)
}

// knownWithin is how long Known waits for the store.
const knownWithin = time.Second

// Known is Of for an answer that needs no store but for this: ok is false where
// that cannot tell, or not soon.
func (at *Attention) Known(ctx context.Context, a Actor, spaces []SpaceKey) (found map[SpaceKey]Interest, ok bool, err error) {
	soon, cancel := context.WithTimeout(ctx, knownWithin)
	defer cancel()
	if found, err = at.Of(soon, a, spaces); KindOrNil(err) == KindUnavailable {
		return nil, false, nil
	}
	return found, err == nil, err
}

// Of reads what the actor wants to be told of these spaces; the zero value of
// one that it said nothing of is not in the map.
func (at *Attention) Of(ctx context.Context, a Actor, spaces []SpaceKey) (map[SpaceKey]Interest, error) {
	if len(spaces) == 0 || a.Creator != 0 {
		return nil, nil
	}
	return at.store.Interests(ctx, a.Person, spaces, at.now())
}
