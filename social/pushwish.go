package social

import "encoding/json"

// PushWish is what a person wants to be told of a stream.
type PushWish struct {
	All   bool // of each post
	Named bool // of what concerns it by name
	// Why not all: a word for the record; empty where the space itself does not
	// tell of it.
	Why string
}

// PushWishOf puts together what the space says, what the person says of it, and
// what it says in general.
func PushWishOf(s *Space, c Channel, i Interest, p *Preferences) PushWish {
	usual := PushWish{All: s.PushesAll(c), Named: true}
	switch {
	case i.Muted:
		return PushWish{Why: "muted"}
	case i.Level == LevelNone:
		return PushWish{Why: "level"}
	case i.Level == LevelMentions:
		return PushWish{Named: true, Why: "level"}
	case i.Level == LevelAll:
		return PushWish{All: s.Kind != KindWall && c != ChannelEvents, Named: true}
	case p.Notify == "nothing":
		return PushWish{Why: "preferences"}
	case p.Notify == "mentions":
		return PushWish{Named: true, Why: "preferences"}
	}
	return usual
}

// ParsePreferences reads preferences as they were stored; what cannot be read says
// nothing.
func ParsePreferences(body []byte) Preferences {
	var p Preferences
	if json.Unmarshal(body, &p) != nil {
		return Preferences{}
	}
	return p
}
