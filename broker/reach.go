package broker

import (
	"slices"
	"strings"

	"rambla/social"
)

// reach is all of one scope that a session covers.
type reach struct {
	tracks map[social.Channel]*track
	subs   []*subscription
	lines  []*line
}

// asleep tells whether some stream waits for its right.
func (r *reach) asleep() bool {
	for _, t := range r.tracks {
		if t.asleep {
			return true
		}
	}
	return false
}

func (s *session) coverLocked(sub *subscription, scope social.Scope, touched map[social.Scope]bool) {
	r := s.reaches[scope]
	if r == nil {
		r = &reach{tracks: make(map[social.Channel]*track)}
		s.reaches[scope] = r
	}
	if !slices.Contains(r.subs, sub) {
		r.subs = append(r.subs, sub)
		touched[scope] = true
	}
}

func (s *session) dropLocked(sub *subscription, touched map[social.Scope]bool) {
	if sub.group != "" {
		return
	}
	if !sub.cover.Mine {
		if r := s.reaches[sub.cover.Scope]; r != nil {
			r.drop(sub, sub.cover.Scope, touched)
		}
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
// one it goes, except for deliveries that have begun [MQTT-3.10.4-3]. Cursors
// that are new begin where from says, before their lines are in the index: what
// is announced from then on is noted by them.
func (s *session) reattachLocked(scope social.Scope, from begins) {
	r := s.reaches[scope]
	wanted := r.wanted()
	for key, subs := range wanted {
		s.trackLocked(r, scope, key.channel, subs, from)
	}
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
	var added []*line
	for key, subs := range wanted {
		l := &line{conn: s.conn, session: s, track: r.tracks[key.channel], channel: key.channel, exact: key.exact}
		l.grants.Store(newGrants(key.channel, subs, key.exact != ""))
		added = append(added, l)
	}
	r.lines = append(r.lines, added...)
	for channel, t := range r.tracks {
		var lines []*line
		for _, l := range r.lines {
			if l.channel == channel {
				lines = append(lines, l)
			}
		}
		t.lines.Store(&lines)
	}
	for _, l := range added {
		a.addLocked(l)
	}
	s.broker.feeds.done(a)
	s.settleLocked(r)
	if scope == s.key.person.Scope() {
		s.noteErrors(r)
	}
	if len(r.subs) == 0 {
		for _, t := range r.tracks {
			t.set(false)
			s.conn.out.abandon(t)
		}
		delete(s.reaches, scope)
	}
}

// trackLocked makes or changes the track that lines of a channel hang on.
func (s *session) trackLocked(r *reach, scope social.Scope, channel social.Channel, subs []*subscription, from begins) {
	t := r.tracks[channel]
	if t == nil {
		t = &track{scope: scope, channel: channel, stream: s.broker.backlog.Stream(scope, channel)}
		t.lines.Store(&[]*line{})
		r.tracks[channel] = t
	}
	kept := t.stream != 0 && slices.ContainsFunc(subs, func(sub *subscription) bool {
		return min(sub.QoS, channel.MostQoS()) > 0
	})
	if kept && !s.conn.out.keep(t) {
		s.conn.out.begin(t, from(t))
	}
}

// settleLocked ends the cursors that nothing needs any more, and tells the
// others what was announced until now: those that have it all go live.
func (s *session) settleLocked(r *reach) {
	for _, t := range r.tracks {
		if !s.conn.out.keeps(t) {
			continue
		}
		if !t.keeps() {
			s.conn.out.drop(t)
			continue
		}
		head, _ := s.broker.backlog.Head(t.stream)
		s.conn.out.hear(t, head)
	}
}

// keeps tells whether some subscription takes the track at QoS 1 or 2.
func (t *track) keeps() bool {
	return slices.ContainsFunc(*t.lines.Load(), func(l *line) bool { return l.grants.Load().sum.qos > 0 })
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
	var ids identifiers
	covered := false
	for _, sub := range r.subs {
		if sub.cover.Channels.Has(social.ChannelErrors) {
			covered = true
			ids = ids.and(sub.ids)
		}
	}
	if covered {
		s.errors.Store(&ids)
	} else {
		s.errors.Store(nil)
	}
}

// refreshLocked asks the gate for the right to a scope and applies it. A right
// that is back moves the cursor to that moment.
func (s *session) refreshLocked(scope social.Scope) {
	r := s.reaches[scope]
	if r == nil {
		return
	}
	s.beginStreamsLocked(scope, r)
	rights := s.broker.gate.MayReceive(s.principal, scope)
	for channel, t := range r.tracks {
		may := rights.Has(channel)
		switch {
		case t.stream == 0:
			t.set(may)
		case !may:
			s.sleepLocked(t)
		case !t.may():
			s.wakeLocked(t)
		}
	}
}

// beginStreamsLocked gives tracks a stream that was made after they were: whoever
// subscribed to somebody's posts before there were any gets all of them. It
// replaces them, as nothing was ever told on those.
func (s *session) beginStreamsLocked(scope social.Scope, r *reach) {
	made := false
	for channel, t := range r.tracks {
		if t.stream != 0 || !channel.Log() || s.broker.backlog.Stream(scope, channel) == 0 {
			continue
		}
		made = true
		delete(r.tracks, channel)
		t.set(false)
		a := s.broker.feeds.edit(scope)
		r.lines = slices.DeleteFunc(r.lines, func(l *line) bool {
			if l.track == t {
				a.removeLocked(l)
			}
			return l.track == t
		})
		s.broker.feeds.done(a)
	}
	if made {
		s.reattachLocked(scope, func(*track) uint64 { return 0 })
	}
}

// sleepLocked takes the right to a track away, or notes that it is not there.
func (s *session) sleepLocked(t *track) {
	t.set(false)
	if !t.asleep {
		t.asleep = true
		t.lost, _ = s.broker.backlog.Head(t.stream)
	}
	t.joined, t.member = s.broker.backlog.Joined(s.principal, t.stream)
}

// wakeLocked gives a track its right. It goes on with what is posted from then
// on, or with the join where that brought the right: a membership that there was
// without it did not.
func (s *session) wakeLocked(t *track) {
	if t.asleep && s.conn.out.keeps(t) {
		at := s.fromNow(t)
		joined, member := s.broker.backlog.Joined(s.principal, t.stream)
		if member && joined >= t.lost && !(t.member && t.joined == joined) {
			at = joined
		}
		if fault("sleep-on") {
			at = t.lost
		}
		s.conn.out.begin(t, at)
	}
	t.asleep = false
	t.set(true)
	head, _ := s.broker.backlog.Head(t.stream)
	s.conn.out.hear(t, head)
}
