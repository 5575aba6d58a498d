package broker

import (
	"slices"
	"sync/atomic"

	"rambla/social"
)

// track is a session's way along one channel of one scope: its right to it and,
// where the channel has a stream, how far it got. A track that keeps a cursor is
// either live, fed by Deliver, or behind, fed from the store until it has caught
// up with what was announced meanwhile. Every cursor starts behind: beginning,
// coming back and falling back are one thing.
type track struct {
	// right is odd while the session may receive, and changes with every change
	// of that, so that what was queued under another value is not delivered. It
	// is set under the session's lock and read without.
	right atomic.Uint32

	// Guarded by the outbox's lock. It stands beside right because each delivery
	// touches both and little else.
	kept   bool   // some subscription takes it at QoS 1 or 2, or a replay is under way: there is a cursor
	replay bool   // what is read goes out at QoS 0 too, until the track is level
	behind bool   // fed from the store
	deaf   bool   // nobody said yet how far announcing got: heard means nothing, and nothing is read
	at     uint64 // all up to here was queued, or is not for this session
	sent   uint64 // likewise handed to the socket
	heard  uint64 // the newest that was announced while behind

	share   *member // it carries what a group gives the session; of is the group's track
	of      *track
	scope   social.Scope
	channel social.Channel
	stream  social.StreamKey // 0: there is none, and no cursor
	lines   atomic.Pointer[[]*line]

	// asleep: the right was looked for and not there; lost is the head of when that
	// was first so, joined and member are the membership of the last time. Guarded
	// by the session's lock.
	asleep bool
	lost   uint64
	joined uint64
	member bool
}

// may tells whether the session has the right now.
func (t *track) may() bool { return t.right.Load()&1 == 1 }

// set changes the right; it tells whether that was a change.
func (t *track) set(may bool) (changed bool) {
	now := t.right.Load()
	if now&1 == 1 == may {
		return false
	}
	t.right.Store(now + 1)
	return true
}

// renew makes what is queued undeliverable without touching the right.
func (t *track) renew() { t.right.Add(2) }

// grant is what the session's subscriptions give for a delivery on the track.
func (t *track) grant(d *Delivery) (grant, bool) {
	for _, l := range *t.lines.Load() {
		if l.exact == "" || l.exact == d.Rest {
			return l.grant(d)
		}
	}
	return grant{}, false
}

// mostTopics is up to how many single topics are read each by itself.
const mostTopics = 8

// topics are the single topics that the track consists of; nil where the whole
// stream has to be read to find what is for it.
func (t *track) topics() []string {
	if !t.channel.Nested() {
		return nil
	}
	var out []string
	for _, l := range *t.lines.Load() {
		if l.exact == "" || len(out) == mostTopics {
			return nil
		}
		if l.grants.Load().sum.qos > 0 {
			out = append(out, l.exact)
		}
	}
	return out
}

// begin starts or moves the cursor: the session has had all up to at. What is
// queued of the track is forgotten. The track is behind, and not fed before hear,
// until it is found level.
func (o *outbox) begin(t *track, at uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.beginLocked(t, at, false)
}

// replay is begin for a track that may have no cursor beyond the replay.
func (o *outbox) replay(t *track, at uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.beginLocked(t, at, !t.kept || t.replay)
}

func (o *outbox) beginLocked(t *track, at uint64, replay bool) {
	t.renew()
	t.kept, t.replay, t.at, t.sent, t.heard, t.deaf = true, replay, at, at, at, true
	o.fallBackLocked(t)
}

// hear tells a track that all up to head was announced.
func (o *outbox) hear(t *track, head uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if t.behind {
		t.heard, t.deaf = max(t.heard, head), false
		o.levelLocked(t)
	}
}

// keep has the cursor of a track outlive its replay; false if there is none.
func (o *outbox) keep(t *track) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	t.replay = false
	return t.kept
}

// abandon ends the cursor of a track that nothing covers any more.
func (o *outbox) abandon(t *track) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t.kept, t.replay = false, false
	o.catchUpLocked(t)
}

// drop ends the cursor of a track.
func (o *outbox) drop(t *track) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !t.replay {
		t.kept = false
		o.catchUpLocked(t)
	}
}

// keeps tells whether the track has a cursor.
func (o *outbox) keeps(t *track) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return t.kept
}

// edible tells whether reading for the track brings it on.
func (t *track) edible() bool { return t.may() && !t.deaf }

func (o *outbox) fallBackLocked(t *track) {
	if !t.behind {
		t.behind = true
		o.behind = append(o.behind, t)
	}
}

func (o *outbox) catchUpLocked(t *track) {
	if t.behind {
		t.behind = false
		o.behind = slices.DeleteFunc(o.behind, func(other *track) bool { return other == t })
	}
}

// levelLocked switches a track to live once nothing that was announced is
// missing: announcements skip it until then, and find it live afterwards, both
// under the outbox's lock.
func (o *outbox) levelLocked(t *track) {
	if t.deaf || t.heard > t.at && !fault("live-too-early") {
		return
	}
	o.catchUpLocked(t)
	if t.replay {
		t.replay, t.kept = false, false
	}
}
