package broker

import (
	"sync"
	"time"

	"rambla/social"
)

// inbound is what a connection has published and not yet had answered. Answers
// leave in the order of the publishes, whatever order the gate finishes them in
// [MQTT-4.6.0-2], [MQTT-4.6.0-3].
type inbound struct {
	conn *conn

	mu     sync.Mutex // guards all below; above the outbox's, see doc.go
	room   sync.Cond  // something finished, or the connection ended
	ended  bool
	first  uint64    // number of the oldest unanswered publish
	wait   []arrival // wait[head:] are the unanswered, in order
	head   int
	active int                   // handed to the gate and not done, QoS 0 included
	bytes  int                   // of their payloads
	held   map[uint16]heldPacket // QoS 2, until PUBREL
	open   int                   // QoS 1 and 2 of which the handshake is not over, for MQTT 5.0
}

// heldPacket is a QoS 2 publish whose PUBREL has not come, or is being stored.
type heldPacket struct {
	told    *Receipt // what its PUBREC says; nil until that is queued
	counted bool     // in inbound.open: it came on this connection
	lets    int      // PUBRELs that came and are not answered
}

// arrival is one QoS 1 or 2 publish in line for its answer.
type arrival struct {
	id      uint16
	qos     byte
	done    bool
	code    byte
	fatal   bool // never to be acknowledged: the connection ends
	refusal *refusal
	receipt Receipt
	reason  string
}

func (in *inbound) begin(c *conn) {
	in.conn = c
	in.room.L = &in.mu
}

// claim says what a QoS 1 or 2 publish is.
type claim byte

const (
	claimNew     claim = iota
	claimRepeat        // a QoS 2 identifier whose PUBREC was sent: send it again
	claimPending       // likewise, but the first is not answered yet: its answer will do
	claimTooMany       // more than Receive Maximum [MQTT-3.3.4-7]
)

// claim takes a publish into line. n numbers it, for finish; told is what the
// answer to a repeat says again.
func (in *inbound) claim(p *publishPacket, payload int) (n uint64, told Receipt, is claim) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if p.qos == 2 {
		if answered, known := in.held[p.id]; known {
			if answered.told != nil {
				return 0, *answered.told, claimRepeat // [MQTT-4.3.3-10]
			}
			return 0, told, claimPending
		}
	}
	if p.qos > 0 {
		if in.conn.version == version5 && in.open >= in.conn.broker.config.ReceiveMaximum {
			return 0, told, claimTooMany
		}
		in.open++
		n = in.first + uint64(len(in.wait)-in.head)
		in.wait = append(in.wait, arrival{id: p.id, qos: p.qos})
		if p.qos == 2 {
			in.holdLocked(p.id, heldPacket{counted: true})
		}
	}
	in.active++
	in.bytes += payload
	return n, told, claimNew
}

// finish takes the gate's word on a publish and sends all answers that are due.
func (in *inbound) finish(n uint64, a arrival, payload int) {
	c := in.conn
	in.mu.Lock()
	in.active--
	in.bytes -= payload
	var fatal *arrival
	if a.qos == 0 {
		if a.refusal != nil {
			c.tellErrors(a.refusal)
		}
	} else {
		a.done = true
		in.wait[in.head+int(n-in.first)] = a
		fatal = in.answerLocked()
	}
	idle := in.active == 0
	in.room.Broadcast()
	in.mu.Unlock()
	if fatal != nil {
		c.end(ending{fatal.code, fatal.reason, causeUnavailable})
		return
	}
	if a.qos > 0 || a.refusal != nil {
		c.wake()
	}
	if idle && c.draining.Load() {
		c.endDrained()
	}
}

// answerLocked queues the answers of all publishes at the head of the line that
// are done; it stops at one that must not be acknowledged and returns it.
func (in *inbound) answerLocked() (fatal *arrival) {
	c := in.conn
	for ; in.head < len(in.wait); in.head++ {
		a := &in.wait[in.head]
		in.confuseLocked()
		if !a.done {
			break
		}
		if a.fatal {
			return &arrival{code: a.code, reason: a.reason}
		}
		if a.refusal != nil {
			c.tellErrors(a.refusal) // before the acknowledgement
		}
		answer := typePuback
		if a.qos == 2 {
			answer = typePubrec
			if a.code >= codeUnspecified {
				delete(in.held, a.id) // a refusal ends the exchange (figure 4.3)
				in.open--
			} else {
				in.held[a.id] = heldPacket{told: &Receipt{ID: a.receipt.ID, Seq: a.receipt.Seq}, counted: true}
			}
		} else {
			in.open--
		}
		c.out.acknowledge(answer, a.id, a.code, explanation{a.reason, a.receipt})
		in.first++
	}
	switch { // moving the rest down costs as much as what was answered since
	case in.head == len(in.wait) && cap(in.wait) > 64:
		in.wait, in.head = nil, 0
	case in.head*2 >= len(in.wait):
		in.wait, in.head = in.wait[:copy(in.wait, in.wait[in.head:])], 0
	}
	return nil
}

func (in *inbound) holdLocked(id uint16, h heldPacket) {
	if in.held == nil {
		in.held = make(map[uint16]heldPacket)
	}
	in.held[id] = h
}

// restore takes over what a former connection of the session left without PUBREL.
func (in *inbound) restore(packets []social.InboundPacket) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, p := range packets {
		r := &Receipt{Seq: p.Seq}
		if !p.Post.IsZero() {
			r.ID = p.Post.String()
		}
		in.holdLocked(p.Packet, heldPacket{told: r})
	}
}

// let notes a PUBREL; known tells whether the PUBREC of the exchange is out, first
// whether it is the first PUBREL.
func (in *inbound) let(id uint16) (known, first bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	h := in.held[id]
	if h.told == nil {
		return false, false
	}
	h.lets++
	in.held[id] = h
	return true, h.lets == 1
}

// release ends a QoS 2 exchange; lets is how many PUBRELs wait for their PUBCOMP.
func (in *inbound) release(id uint16) (lets int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	h, known := in.held[id]
	if known && h.counted {
		in.open--
	}
	delete(in.held, id)
	return h.lets
}

// waitRoom blocks the reader while too much is with the gate. All of it
// finishes without the client's doing, so nothing can wait in a circle: a
// PUBREL behind a publish is read as soon as the gate has caught up.
func (in *inbound) waitRoom() {
	config := &in.conn.broker.config
	full := func() bool {
		return !in.ended && (in.active >= config.ReceiveMaximum || in.bytes >= config.MaxInboundBytes)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if !full() {
		return
	}
	if in.bytes >= config.MaxInboundBytes {
		in.conn.broker.metrics.limited(limitInboundBytes)
	} else {
		in.conn.broker.metrics.limited(limitReceiveMaximum)
	}
	in.conn.tellWriter()
	in.conn.paused.Store(true)
	defer in.conn.paused.Store(false)
	for full() {
		in.room.Wait()
	}
}

// busy is how many publishes are with the gate.
func (in *inbound) busy() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.active
}

// end lets a waiting reader go.
func (in *inbound) end() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ended = true
	in.room.Broadcast()
}

// bucket limits the rate of publishes; it belongs to the reader.
type bucket struct {
	rate, burst float64 // per second; rate 0 = no limit
	tokens      float64
	last        time.Time
}

func newBucket(rate float64, burst int, now time.Time) bucket {
	b := max(1, float64(burst))
	return bucket{rate: rate, burst: b, tokens: b, last: now}
}

// take uses one token if there is one; else wait is when there will be.
func (b *bucket) take(now time.Time) (wait time.Duration) {
	if b.rate == 0 {
		return 0
	}
	b.tokens = min(b.burst, b.tokens+b.rate*max(0, now.Sub(b.last).Seconds()))
	b.last = now
	if b.tokens >= 1 {
		b.tokens--
		return 0
	}
	return time.Duration((1 - b.tokens) / b.rate * float64(time.Second))
}
