package broker

import (
	"context"
	"slices"
)

// walk is a new subscription's way through the retained messages of one channel
// of one scope. It goes page by page, whenever the session's queue has room, and
// ends with the last of them or when the session has no right to the channel. It
// is guarded by the outbox's lock.
type walk struct {
	sub   *subscription // a later one with the same filter takes its place
	track *track        // by whose right they are delivered
	after string        // the Rest up to which they were queued
}

// retainedPage is how many retained messages are read at a time at most: what
// waits in memory for one session, beside its queue.
const retainedPage = 50

// walkRetained has the retained messages sent that the subscriptions cover.
func (s *session) walkRetained(subs []*subscription) {
	if len(subs) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var walks []*walk
	for _, r := range s.reaches {
		for _, sub := range subs {
			if !slices.Contains(r.subs, sub) {
				continue // not there, or another one has taken its place
			}
			for channel, t := range r.tracks {
				if channel.Retains() && sub.cover.Channels.Has(channel) {
					walks = append(walks, &walk{sub: sub, track: t})
				}
			}
		}
	}
	s.conn.out.walk(walks)
	s.askFeeder()
}

// walk begins walks, anew where the subscription is walking already.
func (o *outbox) walk(walks []*walk) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing {
		return
	}
	for _, w := range walks {
		o.walks = slices.DeleteFunc(o.walks, func(other *walk) bool { return other.sub == w.sub && other.track == w.track })
	}
	o.walks = append(o.walks, walks...)
}

// endWalks ends those of a subscription.
func (o *outbox) endWalks(sub *subscription) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.walks = slices.DeleteFunc(o.walks, func(w *walk) bool { return w.sub == sub })
}

func (o *outbox) endWalk(w *walk) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.walks = slices.DeleteFunc(o.walks, func(other *walk) bool { return other == w })
}

// passWalks lets the walks of a subscription go on as those of the one that
// replaces it [MQTT-3.8.4-4].
func (o *outbox) passWalks(from, to *subscription) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, w := range o.walks {
		if w.sub == from {
			w.sub = to
		}
	}
}

// retained gives a session a page of what a walk finds. It leaves before all
// that is queued otherwise, and nothing leaves while it is read: so the newest
// message of each topic is also the last to arrive.
func (f *feeder) retained(ctx context.Context, s *session, m meal) error {
	o := &s.conn.out
	o.hold()
	defer s.conn.wake()
	defer o.unhold()
	t := m.walk.track
	right := t.right.Load()
	if right&1 == 0 {
		o.endWalk(m.walk)
		return nil
	}
	list, next, err := f.broker.backlog.Retained(ctx, s.principal, t.scope, t.channel, m.rest, m.after, min(m.room, retainedPage))
	if err != nil {
		return err
	}
	items := make([]item, 0, len(list))
	now := f.broker.now()
	for _, d := range list {
		msg := newMessage(d, now)
		msg.seq, msg.kept = 0, d.Seq // no step of the track's cursor
		items = append(items, item{delivery: d, message: msg})
	}
	f.broker.metrics.fed.Add(float64(o.step(s, m.walk, right, items, next)))
	return nil
}

// step queues what a walk found, as far as there is room, and takes it there;
// next is what it goes on behind, empty at its end. It returns how many entries
// were queued.
func (o *outbox) step(s *session, w *walk, right uint32, items []item, next string) (queued int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing || !slices.Contains(o.walks, w) {
		return 0
	}
	v5, over := o.wire.v5(), next == ""
	for i := range items {
		d, msg := items[i].delivery, items[i].message
		if !d.isFor(s.key.person) || w.sub.NoLocal && d.Session == s.id { // [MQTT-3.8.3-3]
			w.after = d.Rest
			continue
		}
		if o.early.count > 0 && o.early.bytes+msg.size() > feedBytes {
			o.stuffed, over, next = true, false, w.after
			break
		}
		e := entry{message: msg, track: w.track, right: right, marks: markRetain | markEarly} // section 3.3.1.3
		e.qos = min(w.sub.QoS, w.track.channel.MostQoS(), d.QoS)
		if v5 {
			e.ids = w.sub.ids
		}
		o.early.push(e)
		queued++
		w.after = d.Rest
	}
	if w.after = next; over {
		o.walks = slices.DeleteFunc(o.walks, func(other *walk) bool { return other == w })
	}
	return queued
}

// wantsRetained tells whether a subscription asks for what is retained, by its
// Retain Handling [MQTT-3.3.1-9], [MQTT-3.3.1-10], [MQTT-3.3.1-11].
func wantsRetained(sub *subscription, isNew bool) bool {
	return sub.RetainHandling == 0 || sub.RetainHandling == 1 && isNew
}
