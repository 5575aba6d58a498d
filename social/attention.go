package social

import (
	"context"
	"time"
)

// Mute is that a person wants to be told nothing of a space. The zero value mutes
// nothing.
type Mute struct {
	On    bool
	Until time.Time // zero: for good
}

func (m Mute) holds(now time.Time) bool { return m.On && (m.Until.IsZero() || now.Before(m.Until)) }

// AttentionStore keeps what people want to be told of spaces. It is no right of
// anybody, and so in no journal.
type AttentionStore interface {
	// PutMute is KindNotFound for a removed person and a deleted space.
	PutMute(ctx context.Context, person PersonKey, space SpaceKey, m Mute) error
	// Mutes reads those of a person in these spaces, also such as are over.
	Mutes(ctx context.Context, person PersonKey, spaces []SpaceKey) (map[SpaceKey]Mute, error)
}

// Attention are the use cases on what people want to be told of the contexts and
// conversations that they belong to.
type Attention struct {
	dir   *Directory
	store AttentionStore
	now   func() time.Time
}

// NewAttention makes the use cases.
func NewAttention(dir *Directory, store AttentionStore, now func() time.Time) *Attention {
	return &Attention{dir: dir, store: store, now: now}
}

// Mute changes whether the actor wants to be told of what it belongs to, and until
// when. KindForbidden where it sees the space and is no member.
func (at *Attention) Mute(ctx context.Context, a Actor, w Where, m Mute) error {
	if err := a.RequireSelf(true); err != nil {
		return err
	}
	sight, err := at.dir.SeeAt(a, w)
	switch {
	case err != nil:
		return err
	case !sight.Member:
		return Errorf(KindForbidden, "Only members can mute a context.")
	case m.On && !m.Until.IsZero() && !m.Until.After(at.now()):
		return Invalid("until", "lies in the past")
	}
	return at.store.PutMute(ctx, a.Person, sight.Space.Key, m)
}

// Mutes are those of the actor that hold in these spaces.
func (at *Attention) Mutes(ctx context.Context, a Actor, spaces []SpaceKey) (map[SpaceKey]Mute, error) {
	found, err := at.store.Mutes(ctx, a.Person, spaces)
	if err != nil {
		return nil, err
	}
	for space, m := range found {
		if !m.holds(at.now()) {
			delete(found, space)
		}
	}
	return found, nil
}
