package broker

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"rambla/social"
)

// sessionKey names a session: a client id belongs to the person who uses it.
type sessionKey struct {
	person   social.PersonKey
	clientID string
}

// session is a connection's part of an MQTT session: what it covers, and how far
// it got. What outlives the connection is in the store, see persistence.
type session struct {
	broker    *Broker
	conn      *conn
	key       sessionKey
	id        social.SessionID
	principal *Principal
	since     time.Time
	// stored is nil where nothing of the session is in the store. It is set before
	// anybody else can see the session.
	stored *persistence

	// errors holds the identifiers of the subscriptions to the person's errors
	// topic; nil if there are none.
	errors atomic.Pointer[identifiers]

	mu      sync.Mutex // guards all below; above feeds.mu, see doc.go
	closed  bool
	alone   bool // it joins no groups any more
	subs    map[string]*subscription
	reaches map[social.Scope]*reach
	shares  []*member

	group *group // whose streams it follows; nil for a client's session
}

// subscription is one topic filter of a session; it does not change. A new one
// with the same filter replaces it.
type subscription struct {
	social.Subscription
	session social.SessionID
	cover   Coverage
	ids     identifiers
	group   string // the share name, see group; empty for a subscription of its own
	plain   string // the filter without it
}

func newSession(c *conn, key sessionKey, p *Principal) *session {
	return &session{
		broker: c.broker, conn: c, key: key, id: newSessionID(), principal: p, since: c.broker.now(),
		subs: make(map[string]*subscription), reaches: make(map[social.Scope]*reach),
	}
}

// newSessionID makes a number that no session ever had.
func newSessionID() social.SessionID { return social.SessionID(randomNumber()) }

// randomNumber is a positive number of 63 bits, so that a store's integer holds it.
func randomNumber() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return binary.BigEndian.Uint64(b[:])>>1 | 1
}

// durable tells whether the session outlives its connection.
func (s *session) durable() bool { return s.stored != nil && s.stored.lifetime() > 0 }

func (s *session) newSubscription(sub social.Subscription, cover Coverage) *subscription {
	return &subscription{Subscription: sub, session: s.id, cover: cover, ids: identifier(sub.Identifier)}
}

// begins says where the cursor of a track that has none yet begins.
type begins func(t *track) uint64

// fromNow begins with what is announced from now on.
func (s *session) fromNow(t *track) uint64 {
	head, _ := s.broker.backlog.Head(t.stream)
	return head
}

// fromJoin begins where the person's membership does, for a space that a
// wildcard has come to cover; where it is none, with what is announced from now on.
func (s *session) fromJoin(t *track) uint64 {
	if seq, member := s.broker.backlog.Joined(s.principal, t.stream); member {
		return seq
	}
	return s.fromNow(t)
}

// subscribe puts the subscriptions in force. They are attached before the right
// is asked for, so a change of rights meanwhile finds them. Cursors that they need
// anew begin where from says.
func (s *session) subscribe(subs []*subscription, from begins) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.subscribeLocked(subs, from)
	}
}

func (s *session) subscribeLocked(subs []*subscription, from begins) {
	touched := make(map[social.Scope]bool)
	mine := make(map[social.ScopeKind][]social.Scope)
	for _, sub := range subs {
		if old := s.subs[sub.Filter]; old != nil { // [MQTT-3.8.4-3]
			s.dropLocked(old, touched)
			s.conn.out.passWalks(old, sub)
		}
		s.subs[sub.Filter] = sub
		if sub.group != "" {
			continue // its group covers it
		}
		if !sub.cover.Mine {
			s.coverLocked(sub, sub.cover.Scope, touched)
			continue
		}
		kind := sub.cover.Scope.Kind
		if mine[kind] == nil {
			mine[kind] = s.broker.gate.Mine(s.principal, kind)
		}
		for _, scope := range mine[kind] {
			s.coverLocked(sub, scope, touched)
		}
	}
	for scope := range touched {
		s.reattachLocked(scope, from)
		s.refreshLocked(scope)
	}
	s.askFeeder()
}

// unsubscribe ends a subscription; false if there was none.
func (s *session) unsubscribe(filter string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.subs[filter]
	if sub == nil {
		return false
	}
	touched := make(map[social.Scope]bool)
	delete(s.subs, filter)
	s.dropLocked(sub, touched)
	s.conn.out.endWalks(sub)
	for scope := range touched {
		s.reattachLocked(scope, s.fromNow)
	}
	return true
}

// rewind moves the cursor of a stream: what is behind after comes (again).
func (s *session) rewind(cover Coverage, after uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.reaches[cover.Scope]
	if r == nil {
		return
	}
	for channel, t := range r.tracks {
		if cover.Channels.Has(channel) && t.stream != 0 {
			s.conn.out.replay(t, after)
			head, _ := s.broker.backlog.Head(t.stream)
			s.conn.out.hear(t, head)
		}
	}
	s.askFeeder()
}

// askFeeder has what is behind fed, if there is anything and room for it.
func (s *session) askFeeder() {
	if s.conn.out.wants() {
		s.broker.feeder.push(s)
	}
}

// leave takes the session out of the index and hands over its last save. The
// connection has ended: nothing more is sent or acknowledged.
func (s *session) leave(ctx context.Context) {
	if s.stored != nil {
		s.part()
	}
	s.mu.Lock()
	s.alone = true
	s.mu.Unlock()
	s.leaveGroups(ctx, "", !s.durable())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.detachLocked()
	s.subs = nil
}

// detachLocked takes all subscriptions out of the index.
func (s *session) detachLocked() {
	for scope, r := range s.reaches {
		r.subs = nil
		s.reattachLocked(scope, s.fromNow)
	}
}

// position is how far the session got.
func (s *session) position() social.Position {
	var p social.Position
	if !s.durable() {
		return p
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	type known struct {
		track *track
		told  uint64
	}
	var tracks []known
	for scope, r := range s.reaches {
		if r.asleep() { // what is noted of the right must be no older than the version beside it
			s.refreshLocked(scope)
		}
		for _, t := range r.tracks {
			if t.stream != 0 {
				_, told := s.broker.backlog.Head(t.stream)
				tracks = append(tracks, known{t, told})
			}
		}
	}
	o := &s.conn.out
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, k := range tracks {
		t := k.track
		if !t.kept {
			continue
		}
		if t.may() && !t.behind && t.sent == t.at { // what it was not handed was not for it
			t.at = max(t.at, k.told)
			t.sent = t.at
		}
		seq := t.sent
		if fault("save-ahead") {
			seq += 5
		}
		if s.group != nil {
			seq = s.group.floor(t, seq)
		}
		p.Cursors = append(p.Cursors, social.Cursor{Stream: t.stream, Seq: seq, Asleep: !t.may()})
	}
	p.Open = o.window.list(nil)
	o.moved = false
	return p
}

func (s *session) encodeSubscriptions() []byte { return social.EncodeSubscriptions(s.filters()) }

// count is how many subscriptions the session has.
func (s *session) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.subs)
}

func (s *session) has(filter string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.subs[filter] != nil
}

// holds tells whether the subscription is in force: none with its filter came
// behind it.
func (s *session) holds(sub *subscription) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.subs[sub.Filter] == sub
}

// filters lists the subscriptions by filter.
func (s *session) filters() []social.Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]social.Subscription, 0, len(s.subs))
	for _, sub := range s.subs {
		out = append(out, sub.Subscription)
	}
	slices.SortFunc(out, func(a, b social.Subscription) int { return strings.Compare(a.Filter, b.Filter) })
	return out
}
