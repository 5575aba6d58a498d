package broker

import (
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

// session is what the broker knows of one client. It lives as long as its
// connection: session expiry is 0.
type session struct {
	broker    *Broker
	conn      *conn
	key       sessionKey
	id        social.SessionID
	principal *Principal
	since     time.Time

	// errors holds the identifiers of the subscriptions to the person's errors
	// topic; nil if there are none.
	errors atomic.Pointer[string]

	mu      sync.Mutex // guards all below; above feeds.mu, see doc.go
	closed  bool
	subs    map[string]*subscription
	reaches map[social.Scope]*reach
}

// subscription is one topic filter of a session; it does not change. A new one
// with the same filter replaces it.
type subscription struct {
	filter            string
	session           social.SessionID
	cover             Coverage
	qos               byte // as asked; what a channel grants may be less
	noLocal           bool
	retainAsPublished bool
	ids               string // its encoded identifier, or ""
}

// reach is all of one scope that a session covers.
type reach struct {
	permits map[social.Channel]*permit
	subs    []*subscription
	lines   []*line
}

// permit is the right of a session to one channel of a scope. It is odd while
// the session may receive, and changes with every change of that: what was
// queued under another value is not delivered. It is set under the session's
// lock and read without.
type permit struct{ atomic.Uint32 }

func (p *permit) set(may bool) {
	if now := p.Load(); now&1 == 1 != may {
		p.Store(now + 1)
	}
}

func newSession(c *conn, key sessionKey, p *Principal) *session {
	return &session{
		broker: c.broker, conn: c, key: key, id: newSessionID(), principal: p, since: c.broker.now(),
		subs: make(map[string]*subscription), reaches: make(map[social.Scope]*reach),
	}
}

// subscribe puts the subscriptions in force. They are attached before the right
// is asked for, so a change of rights meanwhile finds them.
func (s *session) subscribe(subs []*subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	touched := make(map[social.Scope]bool)
	var mine []social.SpaceKey
	for _, sub := range subs {
		if old := s.subs[sub.filter]; old != nil { // [MQTT-3.8.4-3]
			s.dropLocked(old, touched)
		}
		s.subs[sub.filter] = sub
		if !sub.cover.Mine {
			s.coverLocked(sub, sub.cover.Scope, touched)
			continue
		}
		if mine == nil {
			mine = s.broker.gate.Mine(s.principal)
		}
		for _, space := range mine {
			s.coverLocked(sub, space.Scope(), touched)
		}
	}
	for scope := range touched {
		s.reattachLocked(scope)
		s.refreshLocked(scope)
	}
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
	for scope := range touched {
		s.reattachLocked(scope)
	}
	return true
}

// close takes the session out of the index.
func (s *session) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for scope, r := range s.reaches {
		r.subs = nil
		s.reattachLocked(scope)
	}
	s.subs = nil
}

func (s *session) coverLocked(sub *subscription, scope social.Scope, touched map[social.Scope]bool) {
	r := s.reaches[scope]
	if r == nil {
		r = &reach{permits: make(map[social.Channel]*permit)}
		s.reaches[scope] = r
	}
	if !slices.Contains(r.subs, sub) {
		r.subs = append(r.subs, sub)
		touched[scope] = true
	}
}

func (s *session) dropLocked(sub *subscription, touched map[social.Scope]bool) {
	if !sub.cover.Mine {
		s.reaches[sub.cover.Scope].drop(sub, sub.cover.Scope, touched)
		return
	}
	for scope, r := range s.reaches {
		r.drop(sub, scope, touched)
	}
}

func (r *reach) drop(sub *subscription, scope social.Scope, touched map[social.Scope]bool) {
	if i := slices.Index(r.subs, sub); i >= 0 {
		r.subs = slices.Delete(r.subs, i, i+1)
		touched[scope] = true
	}
}

// lineKey is a line that a reach needs.
type lineKey struct {
	channel social.Channel
	exact   string
}

// reattachLocked brings the index in line with the subscriptions of a scope.
// What is queued already stays queued while the session covers anything of the
// scope, so replacing a subscription loses nothing [MQTT-3.8.4-3]; with the last
// one it goes, except for deliveries that have begun [MQTT-3.10.4-3].
func (s *session) reattachLocked(scope social.Scope) {
	r := s.reaches[scope]
	wanted := r.wanted()
	a := s.broker.feeds.edit(scope)
	r.lines = slices.DeleteFunc(r.lines, func(l *line) bool {
		key := lineKey{l.channel, l.exact}
		if subs := wanted[key]; subs != nil {
			l.grants.Store(newGrants(l.channel, subs, l.exact != ""))
			delete(wanted, key)
			return false
		}
		a.removeLocked(l)
		return true
	})
	for key, subs := range wanted {
		p := r.permits[key.channel]
		if p == nil {
			p = &permit{}
			r.permits[key.channel] = p
		}
		l := &line{conn: s.conn, session: s, permit: p, channel: key.channel, exact: key.exact}
		l.grants.Store(newGrants(key.channel, subs, key.exact != ""))
		a.addLocked(l)
		r.lines = append(r.lines, l)
	}
	s.broker.feeds.done(a)
	if scope == s.key.person.Scope() {
		s.noteErrors(r)
	}
	if len(r.subs) == 0 {
		for _, p := range r.permits {
			p.set(false)
		}
		delete(s.reaches, scope)
	}
}

// wanted groups the subscriptions of a reach into lines.
func (r *reach) wanted() map[lineKey][]*subscription {
	out := make(map[lineKey][]*subscription)
	for _, sub := range r.subs {
		for channel := range social.Channel(channels) {
			if !sub.cover.Channels.Has(channel) {
				continue
			}
			key := lineKey{channel: channel}
			if channel.Nested() && !r.wild(channel) {
				key.exact = sub.cover.Rest
			}
			out[key] = append(out[key], sub)
		}
	}
	return out
}

// wild tells whether some filter on a nested channel has a wildcard.
func (r *reach) wild(channel social.Channel) bool {
	return slices.ContainsFunc(r.subs, func(sub *subscription) bool {
		return sub.cover.Channels.Has(channel) && strings.ContainsAny(sub.cover.Rest, "+#")
	})
}

// noteErrors keeps what tellErrors needs.
func (s *session) noteErrors(r *reach) {
	var ids string
	covered := false
	for _, sub := range r.subs {
		if sub.cover.Channels.Has(social.ChannelErrors) {
			covered = true
			ids += sub.ids
		}
	}
	if covered {
		s.errors.Store(&ids)
	} else {
		s.errors.Store(nil)
	}
}

// refreshLocked asks the gate for the right to a scope and applies it.
func (s *session) refreshLocked(scope social.Scope) {
	r := s.reaches[scope]
	if r == nil {
		return
	}
	rights := s.broker.gate.MayReceive(s.principal, scope)
	for channel, p := range r.permits {
		p.set(rights.Has(channel))
	}
}

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

// newSessionID makes a number that no session ever had.
func newSessionID() social.SessionID {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return social.SessionID(binary.BigEndian.Uint64(b[:])>>1 | 1)
}
