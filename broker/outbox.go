package broker

import (
	"sync"

	"rambla/social"
)

// outbox is all that waits to be written to one connection: control packets,
// the unsent end of a packet that the socket took in part, and deliveries. The
// writers pull from it; nobody waits for it.
type outbox struct {
	mu      sync.Mutex // guards all below; the innermost lock, see doc.go
	wire    wire       // as negotiated at CONNECT
	limits  limits
	durable bool   // the session outlives the connection: see outgoing.go
	greeted bool   // a CONNACK that says yes was queued
	rest    []byte // leaves first
	control []byte // whole packets, oldest first
	ready   []entry
	early   queue // retained messages without an identifier yet; they leave after ready
	queue   queue // other deliveries, likewise; they leave after early
	window  window
	aliases sentAliases
	held    int  // deliveries wait while it is not 0, see hold
	closing bool // only rest and control still leave
	moved   bool // something was sent or acknowledged since the last position

	behind  []*track            // fed from the store, in turn
	walks   []*walk             // through what is retained, one after the other, before that
	resend  []social.OpenPacket // of a former connection, to be read from the store
	feeding bool                // a feeder has the session in its list
	stuffed bool                // what was read last did not fit; until something leaves

	unstored []entry // QoS 2 of a durable session, and what is behind, until their identifiers are stored
	storing  bool    // a save is under way that stores some of them
	shared   bool    // the session is a member of groups, or was
}

// limits bound an outbox's queue.
type limits struct {
	entries int
	bytes   int
	metrics *metrics // counts when they are met; nil = nobody does
}

// met counts that a delivery did not fit, for want of a place or of bytes.
func (l *limits) met(places bool) {
	switch {
	case l.metrics == nil:
	case places:
		l.metrics.limited(limitQueued)
	default:
		l.metrics.limited(limitQueuedBytes)
	}
}

// fate is what became of a delivery handed to an outbox.
type fate byte

const (
	fateQueued  fate = iota // the writer will come by itself, or it was queued before
	fateWake                // queued; the writer must be told
	fateDropped             // QoS 0, and the queue is full of what cannot leave
	fateBehind              // QoS 1 or 2: the store has it for when there is room
	fateClosed              // the connection is ending
)

// enqueue takes a delivery. What if full: QoS 0 may fill half of the queue and
// is dropped beyond, so that it cannot crowd out what was promised. QoS 1 and 2
// may fill all of it; beyond that the track falls behind, and is fed from the
// store at the pace at which the client takes it.
func (o *outbox) enqueue(e entry) fate {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing && e.qos == 0 {
		return fateClosed
	}
	if e.qos == 0 {
		if t := e.track; t.replay && e.message.seq > 0 {
			t.heard = max(t.heard, e.message.seq)
			return fateBehind
		}
		if !o.fitsLocked(e.message.size(), o.limits.entries/2, o.limits.bytes/2) {
			o.limits.met(o.queue.count >= o.limits.entries/2)
			return fateDropped
		}
		return o.pushLocked(e)
	}
	t, seq := e.track, e.message.seq
	switch {
	case !t.kept || seq <= t.at:
		return fateQueued
	case t.behind:
		t.heard = max(t.heard, seq)
		return fateBehind
	case o.closing: // the last position must not take it for had
		t.heard = seq
		o.fallBackLocked(t)
		return fateClosed
	case !o.fitsLocked(e.message.size(), o.limits.entries, o.limits.bytes):
		o.limits.met(o.queue.count >= o.limits.entries)
		if fault("drop-on-overflow") {
			t.at = seq
			return fateDropped
		}
		t.heard = seq
		o.fallBackLocked(t)
		return fateBehind
	}
	t.at = seq
	if fault("deliver-twice") {
		o.queue.push(e)
	}
	if fault("overtake") {
		o.queue.pushFront(e)
		return fateWake
	}
	return o.pushLocked(e)
}

func (o *outbox) fitsLocked(size, entries, bytes int) bool {
	return o.queue.count < entries && (o.queue.count == 0 || o.queue.bytes+size <= bytes)
}

func (o *outbox) pushLocked(e entry) fate {
	o.queue.push(e)
	if o.blockedLocked() {
		return fateQueued
	}
	return fateWake
}

// blockedLocked tells whether no delivery may leave now.
func (o *outbox) blockedLocked() bool {
	switch {
	case o.held > 0:
		return true
	case len(o.ready) > 0:
		return o.ready[0].dup() && o.window.open >= o.window.limit
	default:
		q := o.nextQueueLocked()
		return q.count == 0 || q.front().qos > 0 && o.window.full()
	}
}

// nextQueueLocked is the queue that leaves next.
func (o *outbox) nextQueueLocked() *queue {
	if o.early.count > 0 {
		return &o.early
	}
	return &o.queue
}

// countLocked is how many deliveries wait in both.
func (o *outbox) countLocked() int { return o.early.count + o.queue.count }

// open sets what CONNECT negotiated; the CONNACK that says yes is queued first.
func (o *outbox) open(w wire, l limits, sendWindow int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wire, o.limits, o.window.limit, o.aliases.most = w, l, sendWindow, int(w.aliasMax)
}

// setDurable says that the session outlives the connection.
func (o *outbox) setDurable(durable bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.durable = durable
}

// greet queues the CONNACK that says yes, unless the connection is ending.
func (o *outbox) greet(a connack) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closing {
		o.control = o.wire.appendConnack(o.control, a)
		o.greeted = true
	}
}

// fits tells whether the client takes a packet with this remaining length.
func (o *outbox) fits(remaining int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.wire.fits(remaining)
}

// put appends control packets. The caller wakes the writer.
func (o *outbox) put(build func(dst []byte, w wire) []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closing {
		o.control = build(o.control, o.wire)
	}
}

// acknowledge appends PUBACK, PUBREC, PUBREL or PUBCOMP, likewise.
func (o *outbox) acknowledge(packetType byte, id uint16, code byte, x explanation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closing {
		o.control = o.wire.appendAck(o.control, packetType, id, code, x)
	}
}

// backlog is how many bytes of control packets wait; the reader takes no more
// packets while a client does not read their answers.
func (o *outbox) backlog() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.rest) + len(o.control)
}

// hold keeps deliveries back, so that a SUBACK leaves before what it announces,
// and what a former connection left open before all else. Holds add up.
func (o *outbox) hold() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held++
}

func (o *outbox) unhold() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held--
}

// close lets only what the socket has begun, the answers that wait, and a
// DISCONNECT with the code (0: none) still leave.
func (o *outbox) close(code byte, reason string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if code != 0 && o.greeted { // [MQTT-3.14.0-1]
		o.control = o.wire.appendDisconnect(o.control, code, reason)
	}
	o.closing = true
	o.early.clear()
	o.queue.clear()
	o.ready, o.walks = nil, nil
}

// acked takes a PUBACK or PUBCOMP; wake tells whether a delivery waited for it.
func (o *outbox) acked(id uint16, state byte) (known, wake bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing {
		return false, false // the position is taken already, see session.position
	}
	was := o.blockedLocked()
	var of slot
	if s := o.window.slot(id); s != nil {
		of = *s
	}
	known = o.window.release(id, state)
	o.moved = o.moved || known
	if known && of.track != nil && of.track.share != nil {
		of.track.share.done(of.track, of.seq())
	}
	return known, was && !o.blockedLocked()
}

// received takes a PUBREC.
func (o *outbox) received(id uint16) (known bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing {
		return false
	}
	known = o.window.advance(id)
	o.moved = o.moved || known
	return known
}

// touch notes that the position has changed.
func (o *outbox) touch() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.moved = true
}

// hasMoved tells whether something was sent or acknowledged since the position
// was asked for.
func (o *outbox) hasMoved() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.moved
}

// isBehind tells whether some track is fed from the store.
func (o *outbox) isBehind() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.behind) > 0
}

// depth is what waits, for the figures.
func (o *outbox) depth() (messages, bytes, unacknowledged int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.countLocked(), o.early.bytes + o.queue.bytes, o.window.open
}
