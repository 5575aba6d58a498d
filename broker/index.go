package broker

import (
	"sync"
	"sync/atomic"

	"rambla/social"
)

// channels is how many a social.ChannelSet has room for.
const channels = 16

// feeds is the fan-out index: which sessions receive what is delivered in a
// scope. A wildcard over scopes has one line per scope in it, so a delivery
// never meets a session that it is not for.
type feeds struct {
	mu    sync.RWMutex // guards areas; above area.mu
	areas map[social.Scope]*area
}

// area is one scope's part of the index.
type area struct {
	scope social.Scope
	mu    sync.RWMutex // guards all below
	gone  bool         // empty, and taken out of feeds
	lines int
	lanes map[social.Channel]*lane
}

// lane holds the lines of one channel.
type lane struct {
	all   []*line            // in no order: flat channels, and filters with wildcards on nested ones
	exact map[string][]*line // nested channels: by the one topic behind the word
}

// line is what one session receives of one channel: the attachment of all of
// its subscriptions that cover it. Nested channels have one line per exact
// filter, or a single one if any of the filters has a wildcard.
type line struct {
	conn    *conn
	session *session
	track   *track
	channel social.Channel
	exact   string // "" = in lane.all
	at      int    // in its slice; guarded by area.mu

	// grants is never nil; replaced as a whole when subscriptions change.
	grants atomic.Pointer[grants]
}

// grants are the subscriptions behind a line, with their sum worked out for the
// usual case.
type grants struct {
	subs []*subscription // at least one
	sum  grant
	own  bool // some say No Local: the publisher's own messages need a look at each
	each bool // what matches depends on the topic
}

// grant is what a delivery gets: the highest QoS of the subscriptions that
// match, and the identifiers of all of them [MQTT-3.3.4-2], [MQTT-3.3.4-3].
type grant struct {
	qos    byte
	retain bool // Retain As Published
	ids    identifiers
}

// find gives the scope's area read-locked; nil if nobody is there.
func (f *feeds) find(scope social.Scope) *area {
	f.mu.RLock()
	defer f.mu.RUnlock()
	a := f.areas[scope]
	if a != nil {
		a.mu.RLock()
	}
	return a
}

// edit gives the scope's area locked, made if need be. End with done.
func (f *feeds) edit(scope social.Scope) *area {
	for {
		f.mu.RLock()
		a := f.areas[scope]
		f.mu.RUnlock()
		if a == nil {
			f.mu.Lock()
			if a = f.areas[scope]; a == nil {
				a = &area{scope: scope, lanes: make(map[social.Channel]*lane)}
				f.areas[scope] = a
			}
			f.mu.Unlock()
		}
		a.mu.Lock()
		if !a.gone {
			return a
		}
		a.mu.Unlock()
	}
}

// done unlocks an area from edit, and takes it out where it is empty.
func (f *feeds) done(a *area) {
	empty := a.lines == 0
	a.mu.Unlock()
	if !empty {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lines == 0 && !a.gone {
		a.gone = true
		delete(f.areas, a.scope)
	}
}

// addLocked hangs a line in.
func (a *area) addLocked(l *line) {
	ln := a.lanes[l.channel]
	if ln == nil {
		ln = &lane{}
		a.lanes[l.channel] = ln
	}
	if l.exact == "" {
		l.at = len(ln.all)
		ln.all = append(ln.all, l)
	} else {
		if ln.exact == nil {
			ln.exact = make(map[string][]*line)
		}
		l.at = len(ln.exact[l.exact])
		ln.exact[l.exact] = append(ln.exact[l.exact], l)
	}
	a.lines++
}

// removeLocked takes a line out; its last place is filled by the last line.
func (a *area) removeLocked(l *line) {
	ln := a.lanes[l.channel]
	from := ln.all
	if l.exact != "" {
		from = ln.exact[l.exact]
	}
	last := from[len(from)-1]
	from[l.at], last.at = last, l.at
	from[len(from)-1] = nil
	from = from[:len(from)-1]
	switch {
	case l.exact == "":
		ln.all = from
	case len(from) == 0:
		delete(ln.exact, l.exact)
	default:
		ln.exact[l.exact] = from
	}
	if a.lines--; len(ln.all) == 0 && len(ln.exact) == 0 {
		delete(a.lanes, l.channel)
	}
}

// newGrants works out what subs give on the channel together.
func newGrants(channel social.Channel, subs []*subscription, exact bool) *grants {
	g := &grants{subs: subs, each: channel.Nested() && !exact}
	for _, s := range subs {
		g.own = g.own || s.NoLocal
	}
	g.sum, _ = g.match(channel, nil)
	return g
}

// match sums the subscriptions that take the delivery; all of them where d is
// nil. ok is false if there is none.
func (g *grants) match(channel social.Channel, d *Delivery) (sum grant, ok bool) {
	for _, s := range g.subs {
		if d != nil {
			if s.NoLocal && d.Session == s.session {
				continue // [MQTT-3.8.3-3]
			}
			if g.each && !social.MatchRest(s.cover.Rest, d.Rest) {
				continue
			}
		}
		ok = true
		sum.qos = max(sum.qos, min(s.QoS, channel.MostQoS()))
		sum.retain = sum.retain || s.RetainAsPublished
		sum.ids = sum.ids.and(s.ids)
	}
	return sum, ok
}

// grant is what the line gives for a delivery.
func (l *line) grant(d *Delivery) (grant, bool) {
	g := l.grants.Load()
	if !g.each && !(g.own && d.Session == l.session.id) {
		return g.sum, true
	}
	return g.match(l.channel, d)
}
