package broker

import "rambla/social"

// Deliver hands a message to everybody who is subscribed to it here and may
// receive it. It runs in the caller's goroutine and never waits for a client;
// calls for one stream arrive in the order of its seqs.
func (b *Broker) Deliver(d *Delivery) {
	if d.Amends {
		b.feeder.pages.forget(d.Stream)
	}
	a := b.feeds.find(d.Scope)
	if a == nil {
		return
	}
	defer a.mu.RUnlock()
	ln := a.lanes[d.Channel]
	if ln == nil {
		return
	}
	out := fanOut{broker: b, d: d}
	for _, l := range ln.all {
		out.to(l)
	}
	if d.Channel.Nested() {
		for _, l := range ln.exact[d.Rest] {
			out.to(l)
		}
	}
}

// Covered tells whether some session here covers a channel of the scope. Where
// none does a delivery reaches nobody.
func (b *Broker) Covered(scope social.Scope, channel social.Channel) bool {
	a := b.feeds.find(scope)
	if a == nil {
		return false
	}
	defer a.mu.RUnlock()
	return a.lanes[channel] != nil
}

// fanOut is one Deliver under way.
type fanOut struct {
	broker *Broker
	d      *Delivery
	m      *message // nil until somebody receives it
}

func (f *fanOut) to(l *line) {
	right := l.track.right.Load()
	if right&1 == 0 || !f.d.isFor(l.session.key.person) {
		return
	}
	g, ok := l.grant(f.d)
	if !ok {
		return
	}
	if f.m == nil {
		f.m = newMessage(f.d, f.broker.now())
	}
	c := l.conn
	e := entry{message: f.m, track: l.track, right: right, qos: min(g.qos, f.d.QoS), marks: retainMark(g.retain && f.d.Retain)}
	if f.d.Seq == 0 {
		e.qos = 0 // nothing could be read again
	}
	v5 := c.version == version5
	if v5 {
		e.ids = g.ids
	}
	if e.ids.none() {
		f.m.prepare(v5, e.qos > 0)
	}
	switch c.out.enqueue(e) {
	case fateWake:
		c.wake()
	case fateDropped:
		f.broker.metrics.dropped(dropQueueFull, 1)
	case fateBehind:
		f.broker.metrics.fellBehind.Inc()
	}
}
