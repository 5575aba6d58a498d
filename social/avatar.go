package social

import (
	"context"
	"time"
)

// Avatar is what is shown of a person, a context or a conversation.
type Avatar struct {
	Picture ID // that was uploaded; zero: one is drawn

	id, name string // what is drawn depends on
}

// AvatarStore keeps which picture is whose. Each method is one transaction with its
// Change and event; a zero picture is none. It returns the picture from before.
type AvatarStore interface {
	// SetPersonAvatar is KindNotFound for a removed person.
	SetPersonAvatar(ctx context.Context, person PersonKey, picture ID, now time.Time) (was ID, err error)
	// SetSpaceAvatar is KindNotFound for a deleted space; it appends the event where
	// the picture is another one.
	SetSpaceAvatar(ctx context.Context, space SpaceKey, picture ID, event *Post, now time.Time) (was ID, err error)
}

// avatarOf is what is shown of a person.
func avatarOf(p Person) Avatar { return Avatar{p.Avatar, p.Name, p.DisplayName} }

// avatarAt is what is shown of a space that the actor sees: of a conversation of two
// the other one.
func (d *Directory) avatarAt(a Actor, s *Space) Avatar {
	if s.Kind == KindConversation {
		return d.conversation(Sight{Space: s}, a.Person, 0).Avatar
	}
	return Avatar{s.Avatar, s.ID, s.DisplayName}
}

// pictures splits the uploaded pictures into those that somebody is shown with and
// those of who is gone.
func (d *Directory) pictures() (shown, gone map[ID]bool) {
	shown, gone = map[ID]bool{}, map[ID]bool{}
	put := func(picture ID, isGone bool) {
		switch {
		case picture.IsZero():
		case isGone:
			gone[picture] = true
		default:
			shown[picture] = true
		}
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, p := range d.people {
		put(p.Avatar, p.Removed)
	}
	for _, pl := range d.spaces {
		put(pl.space.Avatar, pl.space.Deleted)
	}
	return shown, gone
}
