package broker

import (
	"context"
	"slices"
	"time"

	"rambla/social"
)

// resume brings a session back to where its last connection left it. The CONNACK
// is queued; what the last connection left unacknowledged leaves next, with its
// identifiers, and then all that was missed [MQTT-4.4.0-1]. It blocks for the
// store where the session is a member of groups.
func (s *session) resume(ctx context.Context, from *social.SessionClaimed) error {
	if !fault("forget-inbound") {
		s.conn.inbound.restore(from.Inbound)
	}
	var covered, shared []*subscription
	for _, stored := range s.subscriptions(&from.Session) {
		name, plain, isShared, err := parseShare(stored.Filter)
		if err != nil {
			continue
		}
		cover, err := s.broker.gate.Cover(s.principal, plain)
		if err != nil {
			continue // what it was about is no more
		}
		sub := s.newSubscription(stored, cover)
		covered = append(covered, sub)
		if isShared {
			sub.group, sub.plain = name, plain
			shared = append(shared, sub)
		}
	}
	s.conn.out.hold()
	open, err := s.takeUp(ctx, covered, from)
	if err != nil {
		return err
	}
	s.reopen(open)
	if s.stored != nil {
		s.stored.place()
	}
	for _, sub := range shared {
		if err := s.broker.join(ctx, s, sub); err != nil {
			return err
		}
	}
	return nil
}

// takeUpAgain is the pause before takeUp reads again: it may be many that come back
// while rights change.
const takeUpAgain = 5 * time.Millisecond

// takeUp puts the subscriptions of a stored session in force, their cursors where it
// left them, and gives what it left unacknowledged. What it may not have of what
// it missed is told by the history of rights, which was read before: the gate must
// answer by nothing newer from the beginning of this to its end, or the history is
// read again. It blocks for the store then, until ctx ends.
func (s *session) takeUp(ctx context.Context, subs []*subscription, from *social.SessionClaimed) ([]social.OpenPacket, error) {
	b := s.broker
	for reads, to := from.Reads, from.ReadsTo; ; {
		if version := b.backlog.Rights(); version <= to {
			continues, open := s.continues(from, reads)
			if s.subscribeWhile(subs, continues, func() bool { return b.backlog.Rights() == version }) {
				return open, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, social.Unavailable(context.Cause(ctx))
		case <-time.After(takeUpAgain):
		}
		var err error
		if reads, to, err = b.store.SessionReads(ctx, &from.Session, b.now()); err != nil {
			return nil, err
		}
	}
}

// subscribeWhile is subscribe, and false without any effect where still no longer
// holds when all is done. Deliveries must be held.
func (s *session) subscribeWhile(subs []*subscription, from begins, still func() bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return true
	}
	s.subscribeLocked(subs, from)
	if still() {
		return true
	}
	s.detachLocked()
	clear(s.subs)
	return false
}

// continues says where the cursors of a stored session go on, and what it left
// unacknowledged. What is corrupt is treated as absent: doctor tells of it.
func (s *session) continues(from *social.SessionClaimed, reads []social.ReadChange) (begins, []social.OpenPacket) {
	position, err := social.DecodePosition(from.Session.Position)
	if err != nil {
		s.unreadable(err)
		return s.fromNow, nil
	}
	cursors := make(map[social.StreamKey]social.Cursor, len(position.Cursors))
	for _, c := range position.Cursors {
		cursors[c.Stream] = c
	}
	back := s.broker.backlog.Resume(s.principal, reads)
	kept := len(from.Session.Position) > 0
	return func(t *track) uint64 {
		c, known := cursors[t.stream]
		moved, regained := back[t.stream]
		switch {
		case !known && kept && s.namedLocked(t):
			return 0 // it was made since: all of it was missed
		case !known:
			return s.fromJoin(t)
		case regained:
			return max(c.Seq, moved)
		case c.Asleep:
			return s.fromNow(t) // the right came by a way that leaves no date
		case fault("forget-cursor"):
			return s.fromNow(t)
		default:
			return c.Seq
		}
	}, position.Open
}

// namedLocked tells whether some filter names the scope of the track: then the
// session covered it as long as there was something to cover.
func (s *session) namedLocked(t *track) bool {
	return slices.ContainsFunc(s.reaches[t.scope].subs, func(sub *subscription) bool {
		return !sub.cover.Mine && sub.cover.Channels.Has(t.channel)
	})
}

func (s *session) subscriptions(from *social.Session) []social.Subscription {
	subs, err := social.DecodeSubscriptions(from.Subscriptions)
	if err != nil {
		s.unreadable(err)
	}
	return subs
}

func (s *session) unreadable(err error) {
	s.broker.log.Error("a stored session cannot be read", "session", uint64(s.id), "err", err)
}

// reopen takes over the deliveries that a former connection left unacknowledged,
// and lets all that is newer follow them.
func (s *session) reopen(open []social.OpenPacket) {
	tracks := make(map[social.StreamKey]*track)
	s.mu.Lock()
	for _, r := range s.reaches {
		for _, t := range r.tracks {
			if t.stream != 0 {
				tracks[t.stream] = t
			}
		}
	}
	s.mu.Unlock()
	o := &s.conn.out
	o.mu.Lock()
	o.window.restore(open, func(stream social.StreamKey) *track {
		t := tracks[stream]
		if t == nil { // covered no more; what is left is to end it
			t = &track{stream: stream}
			t.lines.Store(&[]*line{})
			tracks[stream] = t
		}
		return t
	})
	for _, p := range open {
		if p.State == social.AwaitsPubcomp {
			o.control = o.wire.appendAck(o.control, typePubrel, p.Packet, codeSuccess, explanation{})
		}
	}
	o.resend = slices.DeleteFunc(slices.Clone(open), func(p social.OpenPacket) bool { return p.State == social.AwaitsPubcomp })
	if fault("resend-out-of-order") {
		slices.Reverse(o.resend)
	}
	if fault("drop-resend") {
		o.resend = nil
	}
	if len(o.resend) == 0 {
		o.resend = nil
		o.held--
	}
	o.mu.Unlock()
	s.askFeeder()
}

// whole tells whether nothing that the session missed was given up by retention,
// or lost with what is newer than a backup.
func whole(from *social.SessionClaimed) bool {
	position, err := social.DecodePosition(from.Session.Position)
	if err != nil || position.Restored {
		return false
	}
	floors := make(map[social.StreamKey]uint64, len(from.Streams))
	for _, st := range from.Streams {
		floors[st.Stream] = st.Floor
	}
	return !slices.ContainsFunc(position.Cursors, func(c social.Cursor) bool {
		return !c.Asleep && c.Seq < floors[c.Stream]
	})
}

// last completes the last save with how the session ended.
func (s *session) last(w *social.SessionSave) {
	c, p := s.conn, s.stored
	if s.group != nil {
		expiry := p.lifetime()
		w.Expiry, w.Gone = &expiry, p.ended
		return
	}
	switch {
	case c.ending.cause == causeForgotten:
		w.Expiry = new(time.Duration)
	case c.goodbye.hasExpiry:
		expiry := s.broker.config.sessionExpiry(c.version, c.goodbye.expiry)
		w.Expiry = &expiry
	}
	if w.Expiry != nil {
		p.expiry.Store(int64(*w.Expiry))
	}
	if c.will != nil {
		w.WillDue, _ = willDue(c.ending.cause, c.will.delay, p.lifetime(), w.Left)
	}
}
