package pushgw

import (
	"time"

	"rambla/social"
)

// Kind is why a device is pushed to; the word in the data of the push.
type Kind string

const (
	KindMessage      Kind = "message"
	KindComment      Kind = "comment"
	KindMention      Kind = "mention"
	KindNotification Kind = "notification"
	KindClear        Kind = "clear" // what was shown of the stream up to Seq is over
)

// Message is one push to one device. Whoever sends it may keep neither it nor
// what it points to after Send has returned.
type Message struct {
	// ID is the same whenever this push is tried again, and in no other.
	ID     social.ID
	Device *social.Device
	Kind   Kind
	Stream string // the topic, such as /ctx/lobby/messages
	Seq    uint64 // of the newest post that it tells of
	Post   string // the id of that post
	Count  int    // how many it tells of
	Badge  int    // what the person has not read at all; 0 clears the badge

	// Collapse is the same for all pushes of one person and stream: the newer one
	// replaces what is shown. At most 32 characters of base64url.
	Collapse string
	// Title and Body are shown; for a device without Preview they are a localised
	// line of how many and where, and nothing of the content. Empty for KindClear.
	Title, Body string
	// Sealed is Title and Body encrypted for the device's PayloadKey; where it is
	// set they are the line that says nothing.
	Sealed []byte
	// Silent replaces what is shown without a sound: the content has changed.
	Silent  bool
	Expires time.Time // the provider gives up then
}
