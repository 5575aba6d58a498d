package broker

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"rambla/social"
)

// group is a shared subscription, MQTT 5.0 section 4.8.2: the sessions of one
// person behind one share name and filter take turns. It follows its streams as
// a session of its own does, with tracks and cursors, live or behind; what that
// session's queue holds goes to a member that has room. The group has one
// position, stored while any member session lives: all before the oldest
// delivery that no member has acknowledged.
//
// A group grants QoS 1 at most: what a member leaves unacknowledged goes to
// another, which exactly once would forbid [MQTT-4.8.2-4], [MQTT-4.8.2-5].
type group struct {
	key groupKey
	s   *session // follows the streams; its connection is no network's

	mu      sync.Mutex // guards all below; taken under any outbox's lock, holds nothing
	members []*member
	turn    int     // who was last
	front   []entry // what members gave back; leaves first
}

type groupKey struct {
	person social.PersonKey
	name   string // {share name}/{filter}
}

// parseShare takes $share/{name}/ off a filter; ok is false for none. The error
// is KindInvalid: [MQTT-4.8.2-1], [MQTT-4.8.2-2].
func parseShare(filter string) (name, plain string, ok bool, err error) {
	rest, ok := strings.CutPrefix(filter, "$share/")
	if !ok {
		return "", filter, filter == "$share", shareError(filter == "$share")
	}
	name, plain, found := strings.Cut(rest, "/")
	return name, plain, true, shareError(!found || name == "" || plain == "" || strings.ContainsAny(name, "+#"))
}

func shareError(bad bool) error {
	if bad {
		return social.Invalid("filter", "$share needs a name without wildcards, and a filter behind it")
	}
	return nil
}

// join makes the session a member of the group of its subscription. It blocks
// for the store where the group outlives its connections.
func (b *Broker) join(ctx context.Context, s *session, sub *subscription) error {
	key := groupKey{s.key.person, sub.group + "/" + sub.plain}
	release, err := b.claims.lock(ctx, sessionKey{key.person, "\x00" + key.name})
	if err != nil {
		return social.Unavailable(err)
	}
	defer release()
	b.mu.Lock()
	g := b.groups[key]
	b.mu.Unlock()
	if g == nil {
		if g, err = b.newGroup(ctx, key, s, sub); err != nil {
			return err
		}
	} else if err := g.outlive(ctx, s); err != nil {
		return err
	}
	m := &member{group: g, session: s, ids: sub.ids, qos: min(sub.QoS, 1), tracks: make(map[*track]*track), open: make(map[openKey]entry)}
	g.mu.Lock()
	g.members = append(g.members, m)
	g.mu.Unlock()
	s.mu.Lock()
	s.shares = append(s.shares, m)
	s.mu.Unlock()
	g.s.conn.wake()
	return nil
}

// newGroup makes a group, where it left off if it is stored.
func (b *Broker) newGroup(ctx context.Context, key groupKey, first *session, sub *subscription) (*group, error) {
	c := &conn{broker: b, version: version5}
	g := &group{key: key, s: newSession(c, sessionKey{key.person, ""}, first.principal)}
	c.session, c.group, g.s.group = g.s, g, g
	c.out.open(wire{version: version5}, limits{b.config.MaxQueued, b.config.MaxQueuedBytes, b.metrics}, 1)
	from := g.s.fromNow
	if first.durable() {
		claimed, err := g.claim(ctx, first, false)
		if err != nil {
			return nil, err
		}
		if claimed.Present {
			from, _ = g.s.continues(claimed)
		}
	}
	b.mu.Lock()
	b.groups[key] = g
	b.mu.Unlock()
	shared := sub.Subscription
	shared.Filter, shared.QoS, shared.NoLocal = sub.plain, 1, false
	g.s.subscribe([]*subscription{g.s.newSubscription(shared, sub.cover)}, from)
	return g, nil
}

// claim takes the group's row.
func (g *group) claim(ctx context.Context, by *session, clean bool) (*social.SessionClaimed, error) {
	b := g.s.broker
	out, err := b.keeper.do(ctx, social.SessionWrite{Claim: &social.SessionClaim{
		ID: g.s.id, Person: g.key.person, Kind: social.SessionGroup, Name: g.key.name, Version: version5,
		Grant: by.principal.Credential().Grant, Node: b.node, Clean: clean, Expiry: by.stored.expiry, Rights: b.backlog.Rights(),
	}})
	if err != nil {
		return nil, err
	}
	g.s.take(out.Claimed, by.stored.expiry)
	return out.Claimed, nil
}

// outlive has the group stored for as long as the session lives.
func (g *group) outlive(ctx context.Context, by *session) error {
	if !by.durable() {
		return nil
	}
	if g.s.stored == nil {
		_, err := g.claim(ctx, by, true)
		return err
	}
	g.s.stored.extend(by.stored.expiry)
	return nil
}

// leaveGroups ends the session's part in its groups, or in the one of filter.
// ended: its subscription is over, not its connection alone.
func (s *session) leaveGroups(ctx context.Context, filter string, ended bool) {
	s.mu.Lock()
	var left []*member
	s.shares = slices.DeleteFunc(s.shares, func(m *member) bool {
		if filter != "" && "$share/"+m.group.key.name != filter {
			return false
		}
		left = append(left, m)
		return true
	})
	s.mu.Unlock()
	for _, m := range left {
		m.group.leave(ctx, m, ended)
	}
}

// leave takes a member out. What it has not acknowledged goes to another.
func (g *group) leave(ctx context.Context, m *member, ended bool) {
	g.mu.Lock()
	g.members = slices.DeleteFunc(g.members, func(other *member) bool { return other == m })
	for _, e := range m.open {
		g.front = append(g.front, e)
	}
	m.open = nil
	slices.SortFunc(g.front, func(a, b entry) int { return cmp.Compare(a.message.seq, b.message.seq) })
	empty := len(g.members) == 0
	var next *session
	if !empty {
		next = g.members[0].session
	}
	g.mu.Unlock()
	if empty {
		g.rest(ctx, ended)
		return
	}
	g.s.mu.Lock()
	g.s.principal = next.principal
	g.s.mu.Unlock()
	g.s.conn.wake()
}

// rest ends what is in memory of a group that has nobody connected.
func (g *group) rest(ctx context.Context, ended bool) {
	b := g.s.broker
	b.mu.Lock()
	if b.groups[g.key] == g {
		delete(b.groups, g.key)
	}
	b.mu.Unlock()
	if g.s.stored != nil && ended && !g.hasAbsent(ctx) {
		g.s.stored.end()
	}
	g.s.leave(ctx)
	g.s.conn.out.close(0, "")
}

// hasAbsent tells whether a stored session of the person subscribes to the group.
func (g *group) hasAbsent(ctx context.Context) bool {
	b := g.s.broker
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyWithin)
	defer cancel()
	list, err := b.store.Sessions(ctx, g.key.person, 0, b.config.MaxSessionsPerPerson, b.now())
	if err != nil {
		return true // it may; then its row ends with its time
	}
	return slices.ContainsFunc(list, func(stored social.Session) bool {
		subs, err := social.DecodeSubscriptions(stored.Subscriptions)
		return err == nil && slices.ContainsFunc(subs, func(sub social.Subscription) bool {
			return sub.Filter == "$share/"+g.key.name
		})
	})
}

// distribute hands what the group has to its members, until there is nothing or
// nobody has room: an acknowledgement or a pull of a member wakes it again.
func (g *group) distribute() {
	c := g.s.conn
	for {
		c.writing.Store(writeBusy)
		for g.one() {
		}
		if c.out.wants() {
			c.broker.feeder.push(g.s)
		}
		if c.writing.CompareAndSwap(writeBusy, writeIdle) {
			return
		}
	}
}

// one hands out one delivery; false where there is none, or no room.
func (g *group) one() bool {
	e, ok := g.next()
	if !ok {
		return false
	}
	g.mu.Lock()
	members := slices.Clone(g.members)
	g.turn++
	turn := g.turn
	g.mu.Unlock()
	full := false
	for i := range members {
		m := members[(turn+i)%len(members)]
		switch m.offer(e) {
		case offerTaken:
			return true
		case offerFull:
			full = true
		case offerForbidden:
		}
	}
	if !full && len(members) > 0 { // nobody may have it
		g.s.broker.metrics.dropped(dropRight, 1)
		return true
	}
	if e.qos == 0 {
		g.s.broker.metrics.dropped(dropQueueFull, 1)
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.front = append([]entry{e}, g.front...)
	return false
}

// next takes what is to be handed out next.
func (g *group) next() (entry, bool) {
	g.mu.Lock()
	if len(g.front) > 0 {
		e := g.front[0]
		g.front = g.front[1:]
		g.mu.Unlock()
		return e, true
	}
	g.mu.Unlock()
	o := &g.s.conn.out
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.queue.count > 0 && !o.closing {
		e := o.queue.pop()
		o.stuffed = false
		if e.track.right.Load() == e.right && !e.message.expired(g.s.broker.now()) {
			if e.qos > 0 {
				e.track.sent = max(e.track.sent, e.message.seq)
				o.moved = true
			}
			return e, true
		}
	}
	return entry{}, false
}

// floor is how far the group got in a track of which all up to sent was handed out.
func (g *group) floor(t *track, sent uint64) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.front {
		if e.track == t && e.qos > 0 {
			sent = min(sent, e.message.seq-1)
		}
	}
	for _, m := range g.members {
		for key := range m.open {
			if key.track == t {
				sent = min(sent, key.seq-1)
			}
		}
	}
	return sent
}
