package pushgw

import (
	"sync"
	"time"

	"rambla/pushgw/phrase"
	"rambla/social"
)

// row is a claim on its way from the plan to the settlement.
type row struct {
	claim   social.PushClaim
	space   *social.Space
	channel social.Channel
	topic   string
	sight   social.Sight
	reads   bool // it may read there now
	wish    social.PushWish
	prefs   social.Preferences
	content content
	targets []*target

	wait   time.Time // the end of the flood's pause; zero: something new may be told of
	urgent bool

	mu      sync.Mutex // guards all below
	open    int        // pushes without an answer
	decided []social.PushDecision
	dead    []social.PushDead
	used    []social.DeviceKey
	sent    bool // something new was accepted
}

// content is what there is to tell of.
type content struct {
	count  int
	newest uint64
	named  []social.PushNamed
	read   uint64
	// ignored tells that there is more, by those whom the person ignores.
	ignored bool
	post    *social.Post // the newest; nil where there is nothing
}

// target is one device of a row.
type target struct {
	device  *social.Device
	told    social.PushTold
	acked   uint64  // up to here its session has acknowledged
	own     bool    // it has acknowledged some of the row's content
	content content // then what is left for it
	shown   content // of what it was told, while what is newer waits
	push    *push   // what is sent; nil: nothing
	again   time.Time
	pending bool // something new is left to tell it
	changed bool // told is to be stored
}

// action is what a push does.
type action uint8

const (
	actAlert   action = iota // tells of something new
	actReplace               // changes what is shown, without a sound
	actClear                 // takes away what is shown
)

// push is one message on its way.
type push struct {
	row       *row
	target    *target
	what      action
	mark      uint64
	m         Message
	occasion  phrase.Occasion
	languages []string
	begun     time.Time
}

// left is what there is to tell the device of.
func (t *target) left(r *row) *content {
	if t.own {
		return &t.content
	}
	return &r.content
}

// told is up to where some device was told: beyond what is decided where another
// one still waits.
func (r *row) told() uint64 {
	told := r.claim.Done
	for _, t := range r.targets {
		if t.told.Shown {
			told = max(told, min(t.told.Seq, r.claim.Last))
		}
	}
	return told
}

func (r *row) place() social.PushPlace { return r.claim.PushPlace }

// decide notes a decision on what came after what was decided before.
func (r *row) decide(device social.DeviceKey, now time.Time, what social.PushWhat, reason string, a *Answer) *social.PushDecision {
	d := social.PushDecision{
		Person: r.claim.Person, Device: device, Stream: r.claim.Stream, Since: r.claim.Done, Seq: r.claim.Last,
		At: now, What: what, Reason: reason,
	}
	if d.Since >= d.Seq { // about what was told of before
		d.Since = r.claim.First - 1
	}
	if a != nil {
		d.Status, d.Code, d.Answer = a.Status, a.Code, a.ID
	}
	r.decided = append(r.decided, d)
	return &r.decided[len(r.decided)-1]
}
