package broker

// What the client still has to answer for a packet identifier.
const (
	slotFree    byte = iota
	slotPuback       // QoS 1: sent
	slotPubrec       // QoS 2: sent
	slotPubcomp      // QoS 2: PUBREL sent
)

// packetIDs is how many packet identifiers there are; 0 is none.
const packetIDs = 65_535

// window holds the unacknowledged QoS 1 and 2 deliveries of a connection.
// Identifiers are handed out in a row, so an acknowledgement is found by
// counting from the oldest.
type window struct {
	slots  []byte // a power of two long; state by number & (len-1)
	oldest uint64 // number of the oldest that may be unacknowledged
	next   uint64 // number of the next to be handed out
	open   int    // how many are unacknowledged
	limit  int    // Receive Maximum [MQTT-3.3.4-9]
}

func packetID(n uint64) uint16 { return uint16(n%packetIDs) + 1 }

// span is how far the oldest unacknowledged may lie behind: a client that
// never answers one of them stops the window in the end.
func (w *window) span() int { return min(2*w.limit, packetIDs) }

// full tells whether nothing of QoS 1 or 2 may be sent.
func (w *window) full() bool { return w.open >= w.limit || int(w.next-w.oldest) >= w.span() }

// take hands out an identifier; the window must not be full.
func (w *window) take(qos byte) uint16 {
	used := int(w.next - w.oldest)
	if used >= len(w.slots) {
		bigger := make([]byte, max(8, 2*len(w.slots)))
		for n := w.oldest; n < w.next; n++ {
			bigger[n&uint64(len(bigger)-1)] = w.slots[n&uint64(len(w.slots)-1)]
		}
		w.slots = bigger
	}
	state := slotPuback
	if qos == 2 {
		state = slotPubrec
	}
	n := w.next
	w.slots[n&uint64(len(w.slots)-1)] = state
	w.next++
	w.open++
	return packetID(n)
}

// untake gives back the newest identifier, whose packet was not sent.
func (w *window) untake() {
	if w.next == w.oldest {
		return // acknowledged though never sent: the client made it up
	}
	w.next--
	if s := &w.slots[w.next&uint64(len(w.slots)-1)]; *s != slotFree {
		*s = slotFree
		w.open--
	}
}

// slot finds an unacknowledged identifier; nil if there is none.
func (w *window) slot(id uint16) *byte {
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
	if s == nil || *s != state {
		return false
	}
	*s = slotFree
	w.open--
	for w.oldest < w.next && w.slots[w.oldest&uint64(len(w.slots)-1)] == slotFree {
		w.oldest++
	}
	return true
}

// advance moves a QoS 2 delivery from PUBREC to PUBCOMP; known tells whether a
// PUBREL is the answer, also to a repeated PUBREC.
func (w *window) advance(id uint16) (known bool) {
	s := w.slot(id)
	if s == nil || *s != slotPubrec && *s != slotPubcomp {
		return false
	}
	*s = slotPubcomp
	return true
}
