package social

import (
	"encoding/json"
	"time"
)

// Status says whether a person is there.
type Status uint8

const (
	StatusOffline Status = iota
	StatusOnline
	StatusAway
	StatusBusy
	StatusInvisible // there, and offline to all others
)

var statusWords = [...]string{
	StatusOffline: "offline", StatusOnline: "online", StatusAway: "away", StatusBusy: "busy", StatusInvisible: "invisible",
}

// String is the status's word.
func (s Status) String() string {
	if int(s) < len(statusWords) {
		return statusWords[s]
	}
	return ""
}

// shown is the status as others see it.
func (s Status) shown() Status {
	if s == StatusInvisible {
		return StatusOffline
	}
	return s
}

// Presence is whether somebody is there, as one reader sees it.
type Presence struct {
	Person PersonKey
	Status Status
	// LastSeen is when an offline person was there last, for all that the reader
	// may know; zero where that is not known, and for those who are there.
	LastSeen time.Time
}

// ParseStatus reads {"status":"away"}: what a person may say of itself. Errors
// are KindInvalid and name the field.
func ParseStatus(payload []byte) (Status, error) {
	said := StatusOffline
	err := eachMember(payload, func(name string, raw json.RawMessage) error {
		if name != "status" {
			return Invalid(clip(name), "is not a field of a status")
		}
		var word string
		if err := decode(name, raw, &word, "text"); err != nil {
			return err
		}
		for s := StatusOnline; s <= StatusInvisible; s++ {
			if word == s.String() {
				said = s
				return nil
			}
		}
		return Invalid(name, "%q is none; there are online, away, busy and invisible", clip(word))
	})
	if err == nil && said == StatusOffline {
		err = Invalid("status", "is missing")
	}
	return said, err
}

// RenderPresence appends the JSON in which a presence is told.
func (d *Directory) RenderPresence(dst []byte, p Presence) []byte {
	w := jsonWriter{dst}
	w.raw(`{"actor":`)
	w.person(d.AnyPerson(p.Person))
	w.field("status", p.Status.String())
	w.time("lastSeen", p.LastSeen)
	w.raw("}")
	return w.b
}

// RenderAttendance appends the JSON in which is told how many are there.
func RenderAttendance(dst []byte, online int) []byte {
	w := jsonWriter{dst}
	w.raw(`{"online":`)
	w.uint(uint64(max(0, online))) //nolint:gosec // not negative
	w.raw("}")
	return w.b
}

// SeesPresence tells whether the actor may know whether the person is there:
// one's own is one's own, and others' is for those who have a conversation with
// them and for those whom they follow and who follow them, unless one blocks the
// other.
func (d *Directory) SeesPresence(a Actor, person PersonKey) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.seesPresenceLocked(a, person)
}

func (d *Directory) seesPresenceLocked(a Actor, person PersonKey) bool {
	switch p := d.people[person]; {
	case p == nil || p.Removed || a.RequireSelf(false) != nil:
		return false
	case a.Person == person:
		return true
	case p.Discreet, p.Roles.Has(RoleHidden) && !d.seesHiddenLocked(a), d.blockedLocked(a.Person, person):
		return false
	}
	return d.acquaintedLocked(a.Person, person)
}

// showsPresenceLocked tells whether a space tells its readers that the person is
// there.
func (d *Directory) showsPresenceLocked(person PersonKey) bool {
	p := d.people[person]
	return p != nil && !p.Removed && !p.Suspended && !p.Discreet && !p.Roles.Has(RoleHidden)
}

// acquaintedLocked tells whether two people follow each other or are in one
// conversation. Cost: the spaces of the one who belongs to fewer.
func (d *Directory) acquaintedLocked(a, b PersonKey) bool {
	if d.followsLocked(a, b) && d.followsLocked(b, a) {
		return true
	}
	fewer, other := d.mine[a], b
	if len(d.mine[b]) < len(fewer) {
		fewer, other = d.mine[b], a
	}
	for key := range fewer {
		if pl := d.spaces[key]; pl != nil && pl.space.Kind == KindConversation && !pl.space.Deleted && pl.people.at(other).Member {
			return true
		}
	}
	return false
}

// followsLocked tells whether who follows whom.
func (d *Directory) followsLocked(who, whom PersonKey) bool {
	pl := d.spaces[d.walls[whom]]
	return pl != nil && pl.people.at(who).Member
}

// Acquaintances are the people whose view of each other's presence depends on
// the membership of these in the space: of a wall or conversation; else none.
func (d *Directory) Acquaintances(space SpaceKey, changed []PersonKey) []PersonKey {
	d.mu.RLock()
	defer d.mu.RUnlock()
	pl := d.spaces[space]
	if pl == nil || pl.space.Kind == KindContext {
		return nil
	}
	out := append([]PersonKey(nil), changed...)
	if pl.space.Kind == KindWall {
		return append(out, pl.space.Owner)
	}
	for person, r := range pl.people.all() {
		if r.Member {
			out = append(out, person)
		}
	}
	return out
}
