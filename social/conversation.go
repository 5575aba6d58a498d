package social

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// ConversationStore changes conversations beside what SpaceStore does. Each
// method is one transaction with its Change and event.
type ConversationStore interface {
	// CreateConversation makes s and the memberships of the participants, who are
	// ascending and the owner among them. Of a one-to-one that is there already it
	// makes the owner a member again, if it is none; first is false then.
	// KindNotFound where a participant is removed.
	CreateConversation(ctx context.Context, s Space, participants []PersonKey, event *Post, now time.Time) (key SpaceKey, first bool, err error)
	// Enter is Join that leaves no more than most members: KindConflict.
	Enter(ctx context.Context, space SpaceKey, person PersonKey, most int, event *Post, now time.Time) (first bool, err error)
	// HandOver changes the owner: KindNotFound where the person is no member.
	HandOver(ctx context.Context, space SpaceKey, to PersonKey, event *Post, now time.Time) error
	// Recent lists the streams in which something was posted last, newest first,
	// behind before; one without posts as of when its space was made. Its cost is
	// a look-up per stream.
	Recent(ctx context.Context, streams []StreamKey, before Activity, limit int) ([]Activity, error)
}

// Activity is when something was posted last in a stream. The zero value is later
// than everything.
type Activity struct {
	At     time.Time
	Stream StreamKey
}

// TooManyParticipants is KindForbidden for one more than there may be.
func TooManyParticipants(most int) *Error {
	return Errorf(KindForbidden, "A conversation has room for %d people.", most)
}

// pairOf is the key of the one-to-one conversation of two.
func pairOf(a, b PersonKey) [2]PersonKey { return [2]PersonKey{min(a, b), max(a, b)} }

// partner is the other one of a one-to-one conversation.
func (s *Space) partner(of PersonKey) PersonKey {
	if s.Pair[0] == of {
		return s.Pair[1]
	}
	return s.Pair[0]
}

// Conversation is one as a participant sees it.
type Conversation struct {
	Sight
	Name         string   // as shown: of a one-to-one the other's
	Tags         []string // computed ones first: group or single, archive
	Participants []Person // by name, at most as many as asked for
	Total        int      // how many there are
	Avatar       Avatar
}

// conversation shows s to the person, with at most so many participants.
func (d *Directory) conversation(s Sight, person PersonKey, most int) Conversation {
	d.mu.RLock()
	defer d.mu.RUnlock()
	c := Conversation{Sight: s, Name: s.Space.DisplayName}
	pl := d.spaces[s.Space.Key]
	var all []Person
	if s.Space.Single() {
		// Who left is still one of the two.
		all = []Person{d.anyPersonLocked(s.Space.Pair[0]), d.anyPersonLocked(s.Space.Pair[1])}
		partner := d.anyPersonLocked(s.Space.partner(person))
		c.Name, c.Avatar = partner.DisplayName, avatarOf(partner)
	} else {
		for key, r := range pl.people.all() {
			if r.Member {
				all = append(all, d.anyPersonLocked(key))
			}
		}
	}
	slices.SortFunc(all, func(a, b Person) int { return cmp.Compare(a.Name, b.Name) })
	if c.Name == "" {
		c.Name = namesOfOthers(all, person)
	}
	if !s.Space.Single() {
		c.Avatar = Avatar{s.Space.Avatar, s.Space.ID, c.Name}
	}
	c.Tags, c.Total = d.conversationTagsLocked(pl), len(all)
	c.Participants = all[:min(most, len(all))]
	return c
}

// namedOthers is how many participants the name of a group without one tells.
const namedOthers = 4

func namesOfOthers(all []Person, person PersonKey) string {
	var names []string
	for _, p := range all {
		if p.Key == person {
			continue
		}
		if len(names) == namedOthers {
			names = append(names, "…")
			break
		}
		names = append(names, p.DisplayName)
	}
	return strings.Join(names, ", ")
}

// conversationTagsLocked are what the conversation is, and then its own tags.
func (d *Directory) conversationTagsLocked(pl *place) []string {
	var tags []string
	switch {
	case !pl.space.Single():
		tags = append(tags, "group")
	case pl.members < 2:
		tags = append(tags, "single")
	}
	if d.archivedLocked(pl) {
		tags = append(tags, "archive")
	}
	return append(tags, pl.space.Tags...)
}

// archivedLocked tells whether there is nobody to write to: all others have left
// a group, or one of two people was removed.
func (d *Directory) archivedLocked(pl *place) bool {
	if !pl.space.Single() {
		return pl.members < 2
	}
	for _, key := range pl.space.Pair {
		if p := d.people[key]; p == nil || p.Removed {
			return true
		}
	}
	return false
}

// conversationRightsLocked is what a participant may do: nobody else reads there,
// whatever its roles.
func (d *Directory) conversationRightsLocked(pl *place, owner bool, r Standing) Permissions {
	if !r.Member {
		return NoPermissions
	}
	may := Read | Unsubscribe
	if !d.archivedLocked(pl) && !d.blockedLocked(pl.space.Pair[0], pl.space.Pair[1]) {
		may |= Write
	}
	if owner && !pl.space.Single() {
		may = may&^Unsubscribe | Invite | Kick | Delete
	}
	return may
}

// oneLeft tells whether one of the two of a one-to-one conversation has left it.
func (d *Directory) oneLeft(s *Space) bool {
	members, _ := d.membership(s.Key, 0)
	return members < 2
}

// unwritable is why somebody who sees a conversation cannot write there; nil where
// it is for a reason of its own.
func (d *Directory) unwritableLocked(s Sight) *Error {
	switch pl := d.spaces[s.Space.Key]; {
	case s.Space.Kind != KindConversation:
		return nil
	case d.archivedLocked(pl):
		return Errorf(KindForbidden, "Nobody else is in this conversation any more.")
	case d.blockedLocked(s.Space.Pair[0], s.Space.Pair[1]):
		return notBetweenYou()
	}
	return nil
}

// notBetweenYou does not tell who of the two has blocked the other.
func notBetweenYou() *Error {
	return Errorf(KindForbidden, "You and this person cannot write to each other.")
}
