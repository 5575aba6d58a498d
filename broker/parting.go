package broker

import "rambla/social"

// RightsEnded is RightsChanged for one scope, where the change was itself told in
// one of its streams: last are deliveries that tell it, at most one of them for
// each person. A session that loses the right to their channel now gets it, if it
// is connected and has not had it yet, as the last thing of the scope: what was
// queued of that under the right stays behind, and nothing follows.
func (b *Broker) RightsEnded(scope social.Scope, people []social.PersonKey, last []*Delivery) {
	scopes := []social.Scope{scope}
	for _, s := range b.concerned(people) {
		s.rightsEnded(scopes, scope, last)
	}
}

func (s *session) rightsEnded(scopes []social.Scope, scope social.Scope, last []*Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.subs) == 0 {
		return
	}
	words := s.partingLocked(scope, last)
	s.rightsChangedLocked(scopes)
	for _, e := range words {
		if s.conn.out.part(e) == fateWake {
			s.conn.wake()
		}
	}
}

// partingLocked makes the entries of those deliveries that the session is to have
// although it loses the right to them. They hang on tracks of their own: no change
// of rights reaches them any more.
func (s *session) partingLocked(scope social.Scope, last []*Delivery) []entry {
	r := s.reaches[scope]
	if r == nil {
		return nil
	}
	rights := s.broker.gate.MayReceive(s.principal, scope)
	var out []entry
	for _, d := range last {
		t := r.tracks[d.Channel]
		if t == nil || !t.may() || rights.Has(d.Channel) || !d.isFor(s.key.person) || s.conn.out.passed(t, d.Seq) {
			continue
		}
		g, ok := t.grant(d)
		if !ok {
			continue
		}
		own := &track{scope: t.scope, channel: t.channel, stream: t.stream}
		own.lines.Store(&[]*line{})
		e := entry{message: newMessage(d, s.broker.now()), track: own, qos: min(g.qos, d.QoS)}
		if s.conn.version == version5 {
			e.ids = g.ids
		}
		if e.ids.none() {
			e.message.prepare(s.conn.version == version5, e.qos > 0)
		}
		out = append(out, e)
	}
	return out
}

// passed tells whether the track handed the seq to the socket.
func (o *outbox) passed(t *track, seq uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return t.kept && t.sent >= seq
}

// part queues a delivery that is the last of its scope, whatever else waits: there
// is one for each loss of a right.
func (o *outbox) part(e entry) fate {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing {
		return fateClosed
	}
	return o.pushLocked(e)
}
