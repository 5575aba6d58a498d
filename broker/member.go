package broker

import (
	"slices"

	"rambla/social"
)

// member is one session's part in a group.
type member struct {
	group   *group
	session *session
	ids     identifiers
	qos     byte
	tracks  map[*track]*track // by the group's; guarded by group.mu
	open    map[openKey]entry // unacknowledged; guarded by group.mu
}

type openKey struct {
	track *track // the group's
	seq   uint64
}

// mostShared is how many deliveries of groups wait in a member's queue.
const mostShared = 32

type offer byte

const (
	offerTaken offer = iota
	offerFull
	offerForbidden // for the member's credential
)

// offer gives the member a delivery of the group.
func (m *member) offer(e entry) offer {
	g, s := m.group, m.session
	key := openKey{e.track, e.message.seq}
	g.mu.Lock()
	t := m.tracks[e.track]
	if t == nil {
		t = &track{scope: e.track.scope, channel: e.track.channel, share: m, of: e.track}
		t.set(s.broker.gate.MayReceive(s.principal, t.scope).Has(t.channel))
		m.tracks[e.track] = t
	}
	right := t.right.Load()
	if right&1 == 0 {
		g.mu.Unlock()
		return offerForbidden
	}
	if m.open == nil { // it has left
		g.mu.Unlock()
		return offerFull
	}
	qos := min(e.qos, m.qos)
	if qos > 0 {
		m.open[key] = e
	}
	g.mu.Unlock()
	given := entry{message: e.message.bare(), track: t, right: right, qos: qos}
	if s.conn.version == version5 {
		given.ids = m.ids
	}
	if s.conn.out.share(given) {
		s.conn.wake()
		return offerTaken
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if m.open == nil && qos > 0 { // it left meanwhile, and gave it back
		return offerTaken
	}
	delete(m.open, key)
	return offerFull
}

// share queues a delivery of a group, if there is room.
func (o *outbox) share(e entry) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing || o.queue.count >= mostShared || e.qos > 0 && o.window.full() {
		return false
	}
	o.queue.push(e)
	o.shared = true
	return true
}

// wakeGroups has the session's groups look for what they can hand out.
func (s *session) wakeGroups() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.shares {
		m.group.s.conn.wake()
	}
}

// done notes that the member is through with a delivery.
func (m *member) done(t *track, seq uint64) {
	m.group.mu.Lock()
	delete(m.open, openKey{t.of, seq})
	m.group.mu.Unlock()
	m.group.s.conn.out.touch()
	m.group.s.conn.wake()
}

// refresh asks the gate again for what the member may receive of a scope; nil = all.
func (m *member) refresh(scopes []social.Scope) {
	m.group.mu.Lock()
	defer m.group.mu.Unlock()
	for _, t := range m.tracks {
		if scopes == nil || slices.Contains(scopes, t.scope) {
			t.set(m.session.broker.gate.MayReceive(m.session.principal, t.scope).Has(t.channel))
		}
	}
}
