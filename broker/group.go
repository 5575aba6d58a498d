package broker

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

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

	rested chan struct{} // closed when nothing of it is in memory any more

	mu      sync.Mutex // guards all below; taken under any outbox's lock, holds nothing
	over    bool       // its last member has left
	members []*member
	turn    int     // who was last
	front   []entry // what members gave back; leaves first
	giving  *entry  // what is being offered to the members; nil for nothing
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
	m := &member{session: s, ids: sub.ids, qos: min(sub.QoS, 1), tracks: make(map[*track]*track), open: make(map[openKey]entry)}
	for {
		b.mu.Lock()
		g := b.groups[key]
		b.mu.Unlock()
		if g == nil {
			if g, err = b.newGroup(ctx, key, s, sub); err != nil {
				return err
			}
		}
		m.group = g // before anybody can see the member
		if g.take(m) {
			break
		}
		select {
		case <-g.rested: // its last save is on its way: who claims it comes behind
		case <-ctx.Done():
			return social.Unavailable(context.Cause(ctx))
		}
	}
	s.mu.Lock()
	gone := s.alone
	if !gone {
		s.shares = append(s.shares, m)
	}
	s.mu.Unlock()
	if gone { // its connection has ended meanwhile
		m.group.leave(ctx, m, !s.durable())
		return errOver()
	}
	m.group.s.conn.wake()
	return m.group.outlive(ctx, s)
}

// take makes m a member; false where the group is going to rest.
func (g *group) take(m *member) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return false
	}
	m.group = g
	g.members = append(g.members, m)
	return true
}

// newGroup makes a group, where it left off if it is stored.
func (b *Broker) newGroup(ctx context.Context, key groupKey, first *session, sub *subscription) (*group, error) {
	c := &conn{broker: b, version: version5}
	g := &group{key: key, s: newSession(c, sessionKey{key.person, ""}, first.principal), rested: make(chan struct{})}
	c.session, c.group, g.s.group = g.s, g, g
	g.s.stored = &persistence{last: b.now(), parted: make(chan struct{})}
	c.out.open(wire{version: version5}, limits{b.config.MaxQueued, b.config.MaxQueuedBytes, b.metrics}, 1)
	expiry, err := g.lifetime(ctx, first)
	if err != nil {
		return nil, err
	}
	var claimed *social.SessionClaimed
	if expiry > 0 {
		if claimed, err = g.claim(ctx, first, false, expiry); err != nil {
			return nil, err
		}
	}
	there := claimed != nil && claimed.Present
	if there {
		g.s.id = claimed.Session.ID
	}
	b.mu.Lock()
	b.groups[key] = g
	b.mu.Unlock()
	shared := sub.Subscription
	shared.Filter, shared.QoS, shared.NoLocal = sub.plain, 1, false
	subs := []*subscription{g.s.newSubscription(shared, sub.cover)}
	if !there {
		g.s.subscribe(subs, g.s.fromNow)
	} else if _, err := g.s.takeUp(ctx, subs, claimed); err != nil {
		b.mu.Lock()
		delete(b.groups, key)
		b.mu.Unlock()
		b.keeper.giveUp(claimed)
		return nil, err
	}
	g.s.stored.place()
	return g, nil
}

// lifetime is how long a group that is not in memory outlives its connections:
// as long as its first member, or as its row says of those that are away; 0 where
// there is none.
func (g *group) lifetime(ctx context.Context, first *session) (time.Duration, error) {
	b := g.s.broker
	row, err := b.store.FindSession(ctx, g.key.person, social.SessionGroup, g.key.name)
	var expiry time.Duration
	switch {
	case social.KindOrNil(err) == social.KindNotFound:
	case err != nil:
		return 0, err
	case !row.Over(b.now()):
		expiry = row.Expiry
	}
	if first.durable() {
		expiry = max(expiry, first.stored.lifetime())
	}
	return expiry, nil
}

// claim takes the group's row. A clean claim is of the id that the session has.
func (g *group) claim(ctx context.Context, by *session, clean bool, expiry time.Duration) (*social.SessionClaimed, error) {
	b := g.s.broker
	out, err := b.keeper.do(ctx, social.SessionWrite{Claim: &social.SessionClaim{
		ID: g.s.id, Person: g.key.person, Kind: social.SessionGroup, Name: g.key.name, Version: version5,
		Grant: by.principal.Credential().Grant, Node: b.node, Clean: clean, Expiry: expiry, Rights: b.backlog.Rights(),
	}})
	if err != nil {
		return nil, err
	}
	if !g.s.stored.claimed(out.Claimed) {
		b.keeper.giveUp(out.Claimed)
		return nil, errOver()
	}
	g.s.stored.extend(expiry)
	return out.Claimed, nil
}

// outlive has the group stored for as long as the session lives.
func (g *group) outlive(ctx context.Context, by *session) error {
	if !by.durable() {
		return nil
	}
	if g.s.durable() {
		g.s.stored.extend(by.stored.lifetime())
		return nil
	}
	_, err := g.claim(ctx, by, true, by.stored.lifetime())
	return err
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
	for _, t := range m.tracks {
		t.set(false) // what waits in its queue goes to the others
	}
	empty := len(g.members) == 0
	g.over = g.over || empty
	var next *session
	if !empty {
		next = g.members[0].session
	}
	g.mu.Unlock()
	if empty {
		g.rest(ctx, ended, m.session.id)
		return
	}
	g.s.mu.Lock()
	g.s.principal = next.principal
	g.s.mu.Unlock()
	g.s.conn.wake()
}

// rest ends what is in memory of a group that has nobody connected; left is the
// session that was its last member.
func (g *group) rest(ctx context.Context, ended bool, left social.SessionID) {
	b := g.s.broker
	defer close(g.rested)
	if ended && g.s.durable() && !g.hasAbsent(ctx, left) {
		g.s.stored.end()
	}
	g.s.leave(ctx)
	g.s.conn.out.close(0, "")
	b.mu.Lock()
	delete(b.groups, g.key)
	b.mu.Unlock()
}

// hasAbsent tells whether a stored session of the person, other than the one that
// has just left, subscribes to the group.
func (g *group) hasAbsent(ctx context.Context, left social.SessionID) bool {
	b := g.s.broker
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyWithin)
	defer cancel()
	list, err := b.store.Sessions(ctx, g.key.person, 0, b.config.MaxSessionsPerPerson, b.now())
	if err != nil {
		return true // it may; then its row ends with its time
	}
	return slices.ContainsFunc(list, func(stored social.Session) bool {
		subs, err := social.DecodeSubscriptions(stored.Subscriptions)
		return err == nil && stored.ID != left && slices.ContainsFunc(subs, func(sub social.Subscription) bool {
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
	defer g.given()
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

// given says that what next took has its place, with a member or in front.
func (g *group) given() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.giving = nil
}

// next takes what is to be handed out next. The position does not pass it before
// given.
func (g *group) next() (entry, bool) {
	g.mu.Lock()
	if len(g.front) > 0 {
		e := g.front[0]
		g.front, g.giving = g.front[1:], &e
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
			g.mu.Lock()
			g.giving = &e
			g.mu.Unlock()
			return e, true
		}
	}
	return entry{}, false
}

// floor is how far the group got in a track of which all up to sent was handed out.
func (g *group) floor(t *track, sent uint64) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	hold := func(e entry) {
		if e.track == t && e.qos > 0 {
			sent = min(sent, e.message.seq-1)
		}
	}
	if g.giving != nil {
		hold(*g.giving)
	}
	for _, e := range g.front {
		hold(e)
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
