package broker

import "rambla/social"

// slot is an unacknowledged delivery: what the client still has to answer for
// its packet identifier, and what it was.
type slot struct {
	track *track // nil: of no stream
	word  uint64 // seq<<4 | counted | state
}

// The states of a slot. They continue social.PacketState.
const (
	slotFree    = byte(0)
	slotPuback  = byte(social.AwaitsPuback)  // QoS 1: sent
	slotPubrec  = byte(social.AwaitsPubrec)  // QoS 2: sent
	slotPubcomp = byte(social.AwaitsPubcomp) // QoS 2: PUBREL sent

	slotState   = 0b0111
	slotCounted = 0b1000 // against Receive Maximum, see window.count
)

func (s *slot) state() byte  { return byte(s.word & slotState) }
func (s *slot) seq() uint64  { return s.word >> 4 }
func (s *slot) set(b byte)   { s.word = s.word&^slotState | uint64(b) }
func (s *slot) counts() bool { return s.word&slotCounted != 0 }

// packetIDs is how many packet identifiers there are; 0 is none.
const packetIDs = 65_535

// window holds the unacknowledged QoS 1 and 2 deliveries of a session.
// Identifiers are handed out in a row, so an acknowledgement is found by
// counting from the oldest.
type window struct {
	slots  []slot // a power of two long; by number & (len-1)
	oldest uint64 // number of the oldest that may be unacknowledged
	next   uint64 // number of the next to be handed out
	open   int    // how many of this connection are unacknowledged
	limit  int    // Receive Maximum [MQTT-3.3.4-9]
}

func packetID(n uint64) uint16 { return uint16(n%packetIDs) + 1 }

// span is how far the oldest unacknowledged may lie behind: a client that
// never answers one of them stops the window in the end.
func (w *window) span() int { return min(2*w.limit, packetIDs) }

// full tells whether nothing new of QoS 1 or 2 may be sent.
func (w *window) full() bool {
	return w.open >= w.limit && !fault("exceed-receive-maximum") || int(w.next-w.oldest) >= w.span()
}

// take hands out an identifier; the window must not be full.
func (w *window) take(qos byte, t *track, seq uint64) uint16 {
	state := slotPuback
	if qos == 2 {
		state = slotPubrec
	}
	n := w.next
	w.put(n, slot{t, seq<<4 | slotCounted | uint64(state)})
	w.next++
	w.open++
	if fault("reuse-packet-id") {
		return packetID(n - 1)
	}
	return packetID(n)
}

func (w *window) put(n uint64, s slot) {
	for int(n-w.oldest) >= len(w.slots) {
		bigger := make([]slot, max(8, 2*len(w.slots)))
		for n := w.oldest; n < w.next; n++ {
			bigger[n&uint64(len(bigger)-1)] = w.slots[n&uint64(len(w.slots)-1)]
		}
		w.slots = bigger
	}
	w.slots[n&uint64(len(w.slots)-1)] = s
}

// restore takes over what a former connection left open, none of it counted;
// track finds what it belonged to. Only in an empty window.
func (w *window) restore(open []social.OpenPacket, track func(social.StreamKey) *track) {
	for _, p := range open {
		n := uint64(p.Packet) - 1
		if w.oldest == w.next {
			w.oldest, w.next = n, n
		}
		for n < w.oldest {
			n += packetIDs // the identifiers began anew between the two
		}
		for w.next <= n {
			w.put(w.next, slot{})
			w.next++
		}
		w.put(n, slot{track(p.Stream), p.Seq<<4 | uint64(p.State)})
	}
	w.trim()
}

// count counts an identifier that was restored, or given back by uncount, as
// sent; false if it was acknowledged meanwhile.
func (w *window) count(id uint16) bool {
	s := w.slot(id)
	if s == nil || s.state() == slotFree {
		return false
	}
	if !s.counts() {
		s.word |= slotCounted
		w.open++
	}
	return true
}

// uncount notes that the packet with the identifier was not sent after all.
func (w *window) uncount(id uint16) {
	if s := w.slot(id); s != nil && s.counts() {
		s.word &^= slotCounted
		w.open--
	}
}

// newest tells whether the identifier is the one that was handed out last.
func (w *window) newest(id uint16) bool { return w.next > w.oldest && packetID(w.next-1) == id }

// untake gives back the newest identifier, whose packet was not sent.
func (w *window) untake() {
	if w.next == w.oldest {
		return // acknowledged though never sent: the client made it up
	}
	w.next--
	w.free(&w.slots[w.next&uint64(len(w.slots)-1)])
}

func (w *window) free(s *slot) {
	if s.counts() {
		w.open--
	}
	*s = slot{}
}

// slot finds an identifier that may be unacknowledged; nil if it is none.
func (w *window) slot(id uint16) *slot {
	if id == 0 || w.oldest == w.next {
		return nil
	}
	ahead := (int(id) - int(packetID(w.oldest)) + packetIDs) % packetIDs
	n := w.oldest + uint64(ahead)
	if n >= w.next {
		return nil
	}
	return &w.slots[n&uint64(len(w.slots)-1)]
}

// release ends the delivery with the identifier if it is in the state.
func (w *window) release(id uint16, state byte) bool {
	s := w.slot(id)
	if s == nil || s.state() != state {
		return false
	}
	w.free(s)
	w.trim()
	return true
}

// forget ends the delivery with the identifier, whatever its state.
func (w *window) forget(id uint16) {
	if s := w.slot(id); s != nil {
		w.free(s)
		w.trim()
	}
}

// keepSlots is how many slots an empty window keeps room for.
const keepSlots = 128

// trim moves the oldest on, and lets go of memory that a burst needed.
func (w *window) trim() {
	for w.oldest < w.next && w.slots[w.oldest&uint64(len(w.slots)-1)].state() == slotFree {
		w.oldest++
	}
	if w.oldest == w.next && len(w.slots) > keepSlots {
		w.slots = nil
	}
}

// advance moves a QoS 2 delivery from PUBREC to PUBCOMP; known tells whether a
// PUBREL is the answer, also to a repeated PUBREC.
func (w *window) advance(id uint16) (known bool) {
	s := w.slot(id)
	if s == nil || s.state() != slotPubrec && s.state() != slotPubcomp {
		return false
	}
	s.set(slotPubcomp)
	return true
}

// list appends the unacknowledged deliveries of streams, oldest first.
func (w *window) list(dst []social.OpenPacket) []social.OpenPacket {
	for n := w.oldest; n < w.next; n++ {
		s := &w.slots[n&uint64(len(w.slots)-1)]
		if s.state() != slotFree && s.track != nil && s.track.stream != 0 && s.seq() != 0 {
			dst = append(dst, social.OpenPacket{
				Packet: packetID(n), State: social.PacketState(s.state()), Stream: s.track.stream, Seq: s.seq(),
			})
		}
	}
	return dst
}
