package broker

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"rambla/social"
)

// SessionInfo is one live session, for administrators.
type SessionInfo struct {
	ID             social.SessionID
	Person         social.PersonKey
	Name           string // of the person at CONNECT
	ClientID       string
	Version        byte   // protocol level
	Transport      string // tcp, tls or ws
	Remote         netip.AddrPort
	Since          time.Time
	Subscriptions  int
	Queued         int // messages
	QueuedBytes    int
	Unacknowledged int
	Ended          bool // the connection has, and waits for the client to close it
}

// Sessions lists the live sessions in no order.
func (b *Broker) Sessions() []SessionInfo {
	sessions := b.snapshot()
	out := make([]SessionInfo, len(sessions))
	for i, s := range sessions {
		queued, bytes, open := s.conn.out.depth()
		out[i] = SessionInfo{
			ID: s.id, Person: s.key.person, Name: s.principal.Name, ClientID: s.key.clientID, Version: s.conn.version,
			Transport: s.conn.transport, Remote: s.conn.remote, Since: s.since, Subscriptions: s.count(),
			Queued: queued, QueuedBytes: bytes, Unacknowledged: open, Ended: s.conn.over.Load(),
		}
	}
	return out
}

// live finds a live session; nil if there is none.
func (b *Broker) live(person social.PersonKey, clientID string) *session {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sessions[sessionKey{person, clientID}]
}

// Subscriptions lists those of a live session by filter; nil where there is none.
func (b *Broker) Subscriptions(person social.PersonKey, clientID string) []social.Subscription {
	s := b.live(person, clientID)
	if s == nil {
		return nil
	}
	return s.filters()
}

// EndSession ends a live session with its connection, MQTT 5.0 clients with the
// reason 0x98 and the text, and waits until nothing of it is kept. false where
// there is none, or where its connection has just ended for another reason. The
// error is of ctx.
func (b *Broker) EndSession(ctx context.Context, person social.PersonKey, clientID, text string) (bool, error) {
	key := sessionKey{person, clientID}
	release, err := b.claims.lock(ctx, key) // its client may come back at once
	if err != nil {
		return false, err
	}
	defer release()
	s := b.live(person, clientID)
	if s == nil {
		return false, nil
	}
	s.conn.end(ending{ReasonAdministrative, text, causeForgotten})
	if s.conn.ending.cause != causeForgotten {
		return false, nil
	}
	s.leave(ctx)
	b.mu.Lock()
	if b.sessions[key] == s {
		b.forgetLocked(s) // its connection may take a while to close
		b.metrics.connections.Set(float64(len(b.sessions)))
	}
	b.mu.Unlock()
	if s.stored == nil {
		return true, nil
	}
	select {
	case <-s.stored.parted:
		return true, nil
	case <-ctx.Done():
		return true, context.Cause(ctx)
	}
}

func (b *Broker) snapshot() []*session {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]*session, 0, len(b.sessions))
	for _, s := range b.sessions {
		out = append(out, s)
	}
	return out
}

// register takes a session in, whose claim the caller holds, and queues its
// CONNACK, so that nothing can reach the client before it.
func (b *Broker) register(s *session, ack connack) (refused *ending) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.conns[s.conn]
	if b.state != lifeServing || a == nil {
		return &ending{code: codeServerUnavailable, reason: "The server is shutting down."}
	}
	for _, v := range a.verdicts {
		if v.match(s.principal) {
			return &ending{code: v.code, reason: v.text}
		}
	}
	b.settleLocked(a)
	s.conn.session = s
	if older := b.sessions[s.key]; older != nil {
		b.forgetLocked(older)
	}
	b.sessions[s.key] = s
	b.people[s.key.person] = append(b.people[s.key.person], s)
	b.metrics.connections.Set(float64(len(b.sessions)))
	b.metrics.connects.Inc()
	s.conn.out.greet(ack)
	return nil
}

// remove forgets a connection and its session.
func (b *Broker) remove(c *conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dismissLocked(c)
	if s := c.session; s != nil && b.sessions[s.key] == s {
		b.forgetLocked(s)
		b.metrics.connections.Set(float64(len(b.sessions)))
	}
	b.metrics.ended[c.ending.cause].Inc()
}

// forgetLocked takes a session out of the registry.
func (b *Broker) forgetLocked(s *session) {
	delete(b.sessions, s.key)
	person := s.key.person
	left := slices.DeleteFunc(b.people[person], func(other *session) bool { return other == s })
	if len(left) == 0 {
		delete(b.people, person)
	} else {
		b.people[person] = left
	}
}
