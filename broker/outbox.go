package broker

import (
	"sync"
	"time"

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
	queue   queue // deliveries without an identifier yet; they leave after ready
	window  window
	aliases sentAliases
	held    int  // deliveries wait while it is not 0, see hold
	closing bool // only rest and control still leave
	moved   bool // something was sent or acknowledged since the last position

	behind  []*track            // fed from the store, in turn
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
	if o.closing {
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
		return o.ready[0].dup && o.window.open >= o.window.limit
	default:
		return o.queue.count == 0 || o.queue.front().qos > 0 && o.window.full()
	}
}

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
	o.queue.clear()
	o.ready = nil
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

// depth is what waits, for the figures.
func (o *outbox) depth() (messages, bytes, unacknowledged int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.queue.count, o.queue.bytes, o.window.open
}

// batch is what one pass writes to one connection. A writer reuses it.
type batch struct {
	buf   []byte
	plain int // bytes of buf that are not deliveries
	sent  []pulled
	skips skips
}

// pulled is a delivery in a batch: its packet ends at end in batch.buf.
type pulled struct {
	entry entry
	name  naming
	end   int
}

// skips counts deliveries that were not made after all.
type skips struct{ right, expired, tooLarge int }

// keepBatch is the room that a batch keeps between passes.
const keepBatch = 128 << 10

func (b *batch) reset() {
	if cap(b.buf) > keepBatch {
		b.buf = nil
	}
	clear(b.sent) // lets go of the messages
	b.buf, b.sent, b.plain, b.skips = b.buf[:0], b.sent[:0], 0, skips{}
}

// pulledState is how a pull leaves an outbox.
type pulledState struct {
	more     bool // it could have gone on
	hungry   bool // a feeder has to be told
	unstored bool // there are identifiers to be stored
	shared   bool // something of a group left: there is room for more
}

// pull fills b with about limit bytes: the permission of each delivery is asked
// here, the last moment before the socket. Control packets stand in front but are
// taken together with the deliveries, so an answer that was queued first also
// leaves first.
func (o *outbox) pull(b *batch, limit int, now time.Time) pulledState {
	o.mu.Lock()
	b.buf = append(append(b.buf, o.rest...), o.control...)
	b.plain = len(b.buf)
	o.rest, o.control = nil, keepSmall(o.control)
	size := len(b.buf)
	for !o.closing && size < limit && !o.blockedLocked() {
		if e, ok := o.nextLocked(b, now); ok {
			name := o.nameLocked(&e)
			o.aliases.tell(e.message.topic, name)
			b.sent = append(b.sent, pulled{entry: e, name: name})
			size += e.message.size()
		}
	}
	after := pulledState{
		more: !o.closing && !o.blockedLocked(), hungry: o.hungryLocked(), unstored: len(o.unstored) > 0 && !o.storing,
		shared: o.shared && len(b.sent) > 0,
	}
	o.storing = o.storing || after.unstored
	v5 := o.wire.v5()
	o.mu.Unlock()
	for i := range b.sent {
		p := &b.sent[i]
		b.buf = p.entry.message.appendTo(b.buf, v5, &p.entry, p.name, p.entry.id, now)
		p.end = len(b.buf)
	}
	return after
}

// nextLocked takes the next delivery; false where it is not to be sent, now or
// at all.
func (o *outbox) nextLocked(b *batch, now time.Time) (entry, bool) {
	var e entry
	if len(o.ready) > 0 {
		e = o.ready[0]
		if o.ready = o.ready[1:]; len(o.ready) == 0 {
			o.ready = nil
		}
	} else {
		e = o.queue.pop()
		o.stuffed = false
	}
	skip := &b.skips.right
	if e.track.right.Load() == e.right {
		if e.qos > 0 {
			e.track.sent = max(e.track.sent, e.message.seq)
		}
		switch m := e.message; {
		case m.expired(now):
			skip = &b.skips.expired
		case !o.wire.fits(m.remaining(o.wire.v5(), e.qos > 0, e.ids, o.nameLocked(&e))): // [MQTT-3.1.2-24], [MQTT-3.1.2-25]
			skip = &b.skips.tooLarge
		default:
			skip = nil
		}
	}
	o.moved = true
	switch {
	case skip != nil:
		*skip++
		o.window.forget(e.id)
		if e.track.share != nil && e.qos > 0 {
			e.track.share.done(e.track, e.message.seq)
		}
		return e, false
	case e.qos == 0:
		return e, true
	case e.id != 0:
		return e, o.window.count(e.id)
	}
	e.id = o.window.take(e.qos, e.track, e.message.seq)
	if e.qos == 2 && o.durable || len(o.unstored) > 0 { // what is behind keeps its place
		o.unstored = append(o.unstored, e)
		return e, false
	}
	return e, true
}

// settle takes back what the socket did not: whole packets return to the queue,
// where a change of rights still reaches them; the end of a packet that left in
// part stays as it is. It returns how many deliveries left or began to.
func (o *outbox) settle(b *batch, written int) (delivered int) {
	if written == len(b.buf) {
		return len(b.sent)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if written < b.plain {
		o.rest = append(o.rest, b.buf[written:b.plain]...)
	}
	delivered = len(b.sent)
	for delivered > 0 {
		p := &b.sent[delivered-1]
		start := b.plain
		if delivered > 1 {
			start = b.sent[delivered-2].end
		}
		if start < written {
			if p.end > written {
				o.rest = append(o.rest, b.buf[written:p.end]...)
			}
			break
		}
		o.aliases.untell(p.entry.message.topic, p.name)
		o.putBackLocked(p.entry)
		delivered--
	}
	return delivered
}

// nameLocked is how a delivery's packet names its topic: by its alias, if it has
// one, and else in full, with an alias for the next time if one is left and the
// client's Maximum Packet Size has the room.
func (o *outbox) nameLocked(e *entry) naming {
	if o.aliases.most == 0 {
		return naming{}
	}
	name := o.aliases.name(e.message.topic)
	if !name.bare && !o.wire.fits(e.message.remaining(true, e.qos > 0, e.ids, name)) {
		return naming{}
	}
	return name
}

// putBackLocked makes an entry that was not sent the next to be sent.
func (o *outbox) putBackLocked(e entry) {
	switch {
	case e.qos == 0:
	case !e.dup && o.window.newest(e.id) && len(o.ready) == 0:
		o.window.untake()
		e.id = 0
		if e.track.right.Load() == e.right {
			e.track.sent = min(e.track.sent, e.message.seq-1)
		}
	default: // it keeps its identifier
		o.window.uncount(e.id)
		if !o.closing {
			o.ready = append([]entry{e}, o.ready...)
		}
		return
	}
	if !o.closing {
		o.queue.pushFront(e)
	}
}

// keepSmall empties a buffer and lets go of a large one.
func keepSmall(b []byte) []byte {
	if cap(b) > 1<<10 {
		return nil
	}
	return b[:0]
}
