package broker

import (
	"cmp"
	"time"
)

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
		more: !o.closing && (!o.blockedLocked() || len(o.control) > 0), hungry: o.hungryLocked(), unstored: len(o.unstored) > 0 && !o.storing,
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
		e = o.nextQueueLocked().pop()
		o.stuffed = false
	}
	skip := &b.skips.right
	if e.track.right.Load() == e.right {
		if e.qos > 0 && !e.dup() { // what comes again is in the window, also where the cursor was moved back
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
		o.letGoLocked(e.id, e.dup() && e.qos == 2)
		if e.track.share != nil && e.qos > 0 {
			e.track.share.done(e.track, e.message.seq)
		}
		return e, false
	case e.qos == 0:
		return e, true
	case e.id != 0:
		return e, o.window.count(e.id)
	}
	e.id = o.window.take(e.qos, e.track, cmp.Or(e.message.seq, e.message.kept))
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
	case !e.dup() && o.window.newest(e.id) && len(o.ready) == 0:
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
	switch {
	case o.closing:
	case e.early():
		o.early.pushFront(e)
	default:
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
