package broker

import "rambla/social"

// QoS 2 towards a session that outlives its connection: exactly once means that
// no crash of the server may make it forget what the client knows. So the
// position that holds a packet identifier is committed before its PUBLISH
// leaves, and one that holds its PUBREC before PUBREL leaves; the client has
// forgotten the identifier only after that.

// storeOutgoing saves the identifiers that were handed out, and then lets their
// packets leave.
func (s *session) storeOutgoing() {
	o := &s.conn.out
	o.mu.Lock()
	n := len(o.unstored)
	o.mu.Unlock()
	s.persist(func(err error) {
		if err != nil {
			s.conn.end(ending{codeServerBusy, social.Safe(err), causeUnavailable})
			return
		}
		o.mu.Lock()
		o.ready = append(o.ready, o.unstored[:n]...)
		if o.unstored = o.unstored[n:]; len(o.unstored) == 0 {
			o.unstored = nil
		}
		o.storing = len(o.unstored) > 0
		again := o.storing
		o.mu.Unlock()
		s.conn.wake()
		if again {
			s.storeOutgoing()
		}
	})
}

// answerReceived sends PUBREL for a PUBREC, once that cannot be forgotten.
func (s *session) answerReceived(id uint16) {
	s.persist(func(err error) {
		if err != nil {
			s.conn.end(ending{codeServerBusy, social.Safe(err), causeUnavailable})
			return
		}
		s.conn.out.acknowledge(typePubrel, id, codeSuccess, explanation{})
		s.conn.wake()
	})
}

// letGoLocked ends a delivery that is not made after all. held: it was sent at
// QoS 2 on a former connection, so the client may hold its identifier, and would
// take a later delivery with it for a repeat; PUBREL makes it let go too.
func (o *outbox) letGoLocked(id uint16, held bool) {
	s := o.window.slot(id)
	if !held || s == nil || s.state() != slotPubrec {
		o.window.forget(id)
		return
	}
	s.set(slotPubcomp)
	o.control = o.wire.appendAck(o.control, typePubrel, id, codeSuccess, explanation{})
}
