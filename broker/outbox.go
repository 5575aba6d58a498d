package broker

import (
	"sync"
	"time"
)

// outbox is all that waits to be written to one connection: control packets,
// the unsent end of a packet that the socket took in part, and deliveries. The
// writers pull from it; nobody waits for it.
type outbox struct {
	mu      sync.Mutex // guards all below; the innermost lock, see doc.go
	wire    wire       // as negotiated at CONNECT
	limits  limits
	greeted bool   // a CONNACK that says yes was queued
	rest    []byte // leaves first
	control []byte // whole packets, oldest first
	queue   queue  // deliveries
	window  window
	held    bool // deliveries wait, see hold
	closing bool // only rest and control still leave
}

// limits bound an outbox's queue.
type limits struct {
	entries int
	bytes   int
}

// fate is what became of a delivery handed to an outbox.
type fate byte

const (
	fateQueued   fate = iota // the writer will come by itself
	fateWake                 // queued; the writer must be told
	fateDropped              // QoS 0, and the queue is full of what cannot leave
	fateOverflow             // QoS 1 or 2 does not fit
	fateClosed               // the connection is ending
)

// enqueue takes a delivery. What if full: QoS 0 may fill half of the queue and
// is dropped beyond, so that it cannot crowd out what was promised; QoS 1 and 2
// may fill all of it, and a subscriber that is further behind cannot be served
// from memory: fateOverflow, and nothing more is taken in its place. The caller
// ends the connection, because nothing durable may be missing silently.
func (o *outbox) enqueue(e entry) fate {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing {
		return fateClosed
	}
	entries, bytes := o.limits.entries, o.limits.bytes
	if e.qos == 0 {
		entries, bytes = entries/2, bytes/2
	}
	if o.queue.count >= entries || o.queue.count > 0 && o.queue.bytes+e.message.size() > bytes {
		if e.qos == 0 {
			return fateDropped
		}
		return fateOverflow
	}
	o.queue.push(e)
	if o.blockedLocked() {
		return fateQueued
	}
	return fateWake
}

// blockedLocked tells whether no delivery may leave now.
func (o *outbox) blockedLocked() bool {
	return o.held || o.queue.count == 0 || o.queue.front().qos > 0 && o.window.full()
}

// open sets what CONNECT negotiated; the CONNACK that says yes is queued first.
func (o *outbox) open(w wire, l limits, sendWindow int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wire, o.limits, o.window.limit = w, l, sendWindow
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

// hold keeps deliveries back, so that a SUBACK leaves before what it announces.
func (o *outbox) hold() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held = true
}

func (o *outbox) unhold() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held = false
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
}

// acked takes a PUBACK or PUBCOMP; wake tells whether a delivery waited for it.
func (o *outbox) acked(id uint16, state byte) (known, wake bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	was := o.blockedLocked()
	known = o.window.release(id, state)
	return known, was && !o.blockedLocked()
}

// received takes a PUBREC.
func (o *outbox) received(id uint16) (known bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.window.advance(id)
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
	id    uint16
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

// pull fills b with about limit bytes: the permission of each delivery is asked
// here, the last moment before the socket. more tells that it could have gone
// on. Control packets stand in front but are taken together with the deliveries,
// so an answer that was queued first also leaves first.
func (o *outbox) pull(b *batch, limit int, now time.Time) (more bool) {
	o.mu.Lock()
	b.buf = append(append(b.buf, o.rest...), o.control...)
	b.plain = len(b.buf)
	o.rest, o.control = nil, keepSmall(o.control)
	size := len(b.buf)
	for !o.closing && size < limit && !o.blockedLocked() {
		e := o.queue.pop()
		m := e.message
		switch {
		case e.permit.Load() != e.right:
			b.skips.right++
			continue
		case m.expired(now):
			b.skips.expired++
			continue
		case !o.wire.fits(m.remaining(o.wire.v5(), e.qos > 0, e.ids)): // [MQTT-3.1.2-24], [MQTT-3.1.2-25]
			b.skips.tooLarge++
			continue
		}
		p := pulled{entry: e}
		if e.qos > 0 {
			p.id = o.window.take(e.qos)
		}
		b.sent = append(b.sent, p)
		size += m.size()
	}
	more = !o.closing && !o.blockedLocked()
	v5 := o.wire.v5()
	o.mu.Unlock()
	for i := range b.sent {
		p := &b.sent[i]
		b.buf = p.entry.message.appendTo(b.buf, v5, &p.entry, p.id, now)
		p.end = len(b.buf)
	}
	return more
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
		if p.entry.qos > 0 {
			o.window.untake()
		}
		if !o.closing {
			o.queue.pushFront(p.entry)
		}
		delivered--
	}
	return delivered
}

// keepSmall empties a buffer and lets go of a large one.
func keepSmall(b []byte) []byte {
	if cap(b) > 1<<10 {
		return nil
	}
	return b[:0]
}
