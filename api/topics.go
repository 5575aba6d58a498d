package api

import "rambla/social"

// The types of this file describe, for the AsyncAPI document, what travels over
// MQTT beside posts. Tests hold them to what package social writes and reads.

// TypingSaid is what a client publishes while somebody types.
type TypingSaid struct {
	Typing bool `json:"typing" doc:"false: no longer"`
}

// TypingTold is what the others get.
type TypingTold struct {
	Actor  Party  `json:"actor"`
	Typing bool   `json:"typing"`
	At     string `json:"at" format:"date-time"`
}

// MarkerTold is how far somebody has read.
type MarkerTold struct {
	Delivered uint64 `json:"delivered"`
	Read      uint64 `json:"read"`
	Actor     Party  `json:"actor"`
	At        string `json:"at,omitempty" format:"date-time"`
}

// StatusSaid is what a person says of itself.
type StatusSaid struct {
	Status string `json:"status" enum:"online,away,busy,invisible"`
}

// PresenceTold is whether somebody is there.
type PresenceTold struct {
	Actor    Party  `json:"actor"`
	Status   string `json:"status" enum:"online,away,busy,offline,invisible"`
	LastSeen string `json:"lastSeen,omitempty" format:"date-time"`
}

// AttendanceTold is how many are there.
type AttendanceTold struct {
	Online uint64 `json:"online"`
}

// CountsTold is how much somebody has not read.
type CountsTold struct {
	Unread struct {
		Contexts      uint64 `json:"contexts"`
		Conversations uint64 `json:"conversations"`
	} `json:"unread"`
	Total uint64 `json:"total"`
}

// RefusalTold tells a client of MQTT 3.1.1 why a publish was refused.
type RefusalTold struct {
	Topic  string `json:"topic"`
	Packet uint16 `json:"packet" doc:"Of the publish; 0 at QoS 0"`
	Key    string `json:"key" doc:"Of the payload; empty where it had none"`
	Code   string `json:"code" doc:"As in a problem of REST"`
	Detail string `json:"detail"`
}

// BroadcastTold is what a manager tells everybody.
type BroadcastTold struct {
	ID        string    `json:"id" format:"uuid"`
	Type      string    `json:"type" enum:"Announce"`
	Actor     SiteActor `json:"actor"`
	Object    SiteNote  `json:"object"`
	Published string    `json:"published" format:"date-time"`
	EndTime   string    `json:"endTime,omitempty" format:"date-time" doc:"Until when it stands"`
}

// SiteActor is who tells it: the site.
type SiteActor struct {
	Type string `json:"type" enum:"Service"`
	Name string `json:"name"`
}

// SiteNote is what is told.
type SiteNote struct {
	Type    string `json:"type" enum:"Note"`
	Content string `json:"content" doc:"Plain text"`
}

// saidOn is a value of the type that clients publish on a channel; nil: any bytes.
func saidOn(c social.Channel) any {
	switch c {
	case social.ChannelMessages, social.ChannelComments:
		return Draft{}
	case social.ChannelTyping:
		return TypingSaid{}
	case social.ChannelReceipts:
		return Receipt{}
	case social.ChannelPresence:
		return StatusSaid{}
	default:
		return nil
	}
}

// toldOn is likewise what arrives on topics of a form.
func toldOn(f social.Form) any {
	if f.Kind == social.ScopeOpen {
		return BroadcastTold{}
	}
	switch f.Channel {
	case social.ChannelTyping:
		return TypingTold{}
	case social.ChannelReceipts:
		return MarkerTold{}
	case social.ChannelPresence:
		if f.Kind != social.ScopePerson && f.Rest == "" {
			return AttendanceTold{}
		}
		return PresenceTold{}
	case social.ChannelCounters:
		return CountsTold{}
	case social.ChannelErrors:
		return RefusalTold{}
	}
	if f.Channel.Log() {
		return Post{}
	}
	return nil
}
