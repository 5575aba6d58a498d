package broker

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"rambla/social"
)

// How much of the store's a session's queue is filled with, and when it is
// filled again.
const (
	feedHigh  = 128 // entries
	feedLow   = 64
	feedBytes = 128 << 10
)

// feedRetry is how long a session waits after the store did not answer.
const feedRetry = 250 * time.Millisecond

// feeder fills the queues of sessions that are behind from the store: whoever
// has room is in its list, at most once, and gets a page at a turn.
type feeder struct {
	broker *Broker
	pages  *pages

	mu      sync.Mutex // guards all below
	hungry  []*session
	later   []*session // the store did not answer them
	stopped bool
	more    sync.Cond
}

func newFeeder(b *Broker, backlog Backlog) *feeder {
	f := &feeder{broker: b, pages: newPages(backlog, b.config.PageCacheBytes, b.now)}
	f.more.L = &f.mu
	return f
}

func (f *feeder) push(s *session) {
	f.mu.Lock()
	f.hungry = append(f.hungry, s)
	f.mu.Unlock()
	f.more.Signal()
}

// run works until stop; several run side by side.
func (f *feeder) run(ctx context.Context) {
	for {
		f.mu.Lock()
		for len(f.hungry) == 0 && !f.stopped {
			f.more.Wait()
		}
		if f.stopped {
			f.mu.Unlock()
			return
		}
		s := f.hungry[0]
		f.hungry[0] = nil
		f.hungry = f.hungry[1:]
		f.mu.Unlock()
		f.turn(ctx, s)
	}
}

// retry lets those try again whom the store did not answer, until ctx ends; then
// it stops the others.
func (f *feeder) retry(ctx context.Context) {
	tick := time.NewTicker(feedRetry)
	defer tick.Stop()
	for stopped := false; !stopped; {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		stopped = ctx.Err() != nil
		f.mu.Lock()
		f.hungry = append(f.hungry, f.later...)
		f.later = nil
		f.stopped = stopped
		f.mu.Unlock()
		f.more.Broadcast()
	}
}

// turn gives a session one page.
func (f *feeder) turn(ctx context.Context, s *session) {
	m, ok := s.conn.out.appetite()
	if !ok {
		return
	}
	var err error
	switch {
	case len(m.resend) > 0:
		err = f.resend(ctx, s, m.resend)
	case m.walk != nil:
		err = f.retained(ctx, s, m)
	default:
		err = f.feed(ctx, s, m)
	}
	if err == nil {
		s.conn.wake()
		f.push(s)
		return
	}
	if ctx.Err() == nil {
		f.broker.metrics.feedFailures.Inc()
		f.broker.log.DebugContext(ctx, "session waits for the store", "err", err)
	}
	f.mu.Lock()
	f.later = append(f.later, s)
	f.mu.Unlock()
}

// feed reads on from a track's cursor.
func (f *feeder) feed(ctx context.Context, s *session, m meal) error {
	var items []item
	var covered uint64
	var err error
	if topics := m.track.topics(); topics != nil {
		items, covered, err = f.readTopics(ctx, m, topics)
	} else {
		items, covered, err = f.pages.read(ctx, m.track.stream, m.at, m.heard)
	}
	if err != nil {
		return err
	}
	f.broker.metrics.fed.Add(float64(s.conn.out.fill(s, m, items, covered)))
	return nil
}

// topicSeqs is how many entries of a single topic are read at a time: nobody
// shares them.
const topicSeqs = 32

// readTopics reads single topics of a stream, as far as all of them are known.
func (f *feeder) readTopics(ctx context.Context, m meal, topics []string) ([]item, uint64, error) {
	var all []item
	covered := m.heard
	for i, topic := range topics {
		read, err := f.pages.backlog.Read(ctx, m.track.stream, topic, m.at, topicSeqs)
		if err != nil {
			return nil, 0, err
		}
		items, upTo := makeItems(read, 1<<63, topicSeqs, m.heard, f.broker.now())
		all = append(all, items...)
		if i == 0 || upTo < covered {
			covered = upTo
		}
	}
	slices.SortFunc(all, func(a, b item) int { return cmp.Compare(a.message.seq, b.message.seq) })
	for i := range all {
		if all[i].message.seq > covered {
			all = all[:i]
			break
		}
	}
	return all, covered, nil
}

// resend reads what a former connection left unacknowledged.
func (f *feeder) resend(ctx context.Context, s *session, open []social.OpenPacket) error {
	found := make([]item, len(open))
	for i, p := range open {
		items, _, err := f.pages.read(ctx, p.Stream, p.Seq-1, p.Seq)
		if err != nil {
			return err
		}
		if len(items) > 0 && items[0].message.seq == p.Seq {
			found[i] = items[0]
		}
	}
	s.conn.out.refill(s, open, found)
	return nil
}

// meal is what a session needs next.
type meal struct {
	resend []social.OpenPacket
	track  *track
	right  uint32 // of the track when it was asked for
	at     uint64
	heard  uint64

	walk  *walk
	rest  string // of its subscription
	after string
	room  int // entries
}

// hungryLocked tells whether a feeder has to be told of the session, and notes
// that it was.
func (o *outbox) hungryLocked() bool {
	if o.feeding || o.closing || !o.appetiteLocked(feedLow) {
		return false
	}
	o.feeding = true
	return true
}

func (o *outbox) appetiteLocked(most int) bool {
	if len(o.resend) > 0 {
		return true
	}
	return o.countLocked() <= most && !o.stuffed && (len(o.walks) > 0 || slices.ContainsFunc(o.behind, (*track).edible))
}

// wants is hungryLocked for callers without the lock.
func (o *outbox) wants() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.hungryLocked()
}

// resends is how many deliveries of a former connection are read at a time.
const resends = 128

// appetite says what to read for the session; false where it needs nothing, or
// has no room: then it will be told of again.
func (o *outbox) appetite() (meal, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing || !o.appetiteLocked(feedHigh-1) {
		o.feeding = false
		return meal{}, false
	}
	if n := min(len(o.resend), resends); n > 0 {
		return meal{resend: o.resend[:n:n]}, true
	}
	if len(o.walks) > 0 {
		w := o.walks[0]
		return meal{walk: w, rest: w.sub.cover.Rest, after: w.after, room: feedHigh - o.countLocked()}, true
	}
	i := slices.IndexFunc(o.behind, (*track).edible)
	t := o.behind[i]
	o.behind = append(slices.Delete(o.behind, i, i+1), t) // all in turn
	return meal{track: t, right: t.right.Load(), at: t.at, heard: t.heard}, true
}

// fill queues what was read for a track; it returns how many entries.
func (o *outbox) fill(s *session, m meal, items []item, covered uint64) (queued int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := m.track
	if o.closing || !t.behind || t.at != m.at || t.right.Load() != m.right {
		return 0 // the cursor was moved meanwhile
	}
	v5 := o.wire.v5()
	for i := range items {
		d, msg := items[i].delivery, items[i].message
		e := entry{message: msg, track: t, right: m.right}
		mine := false
		if d.isFor(s.key.person) {
			if g, ok := t.grant(d); ok {
				mine = true
				e.qos, e.marks = min(g.qos, d.QoS), retainMark(g.retain && d.Retain)
				if v5 {
					e.ids = g.ids
				}
			}
		}
		if !mine || e.qos == 0 && !t.replay {
			t.at = msg.seq // not for this session, or only while it keeps up
			continue
		}
		if !o.fitsLocked(msg.size(), feedHigh, feedBytes) {
			o.stuffed = true
			return queued
		}
		t.at = msg.seq
		o.queue.push(e)
		queued++
	}
	t.at = max(t.at, covered)
	if fault("skip-after-page") {
		t.at++
	}
	o.levelLocked(t)
	return queued
}

// refill makes deliveries of a former connection ready to be sent again, and
// lets go of those that are no more or not for the session any more.
func (o *outbox) refill(s *session, open []social.OpenPacket, found []item) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing {
		return
	}
	for i, p := range open {
		slot := o.window.slot(p.Packet)
		if slot == nil || slot.state() != byte(p.State) {
			continue // acknowledged meanwhile
		}
		t, d := slot.track, found[i].delivery
		if d == nil || t == nil || !t.may() || !d.isFor(s.key.person) {
			o.letGoLocked(p.Packet, p.State == social.AwaitsPubrec)
			continue
		}
		e := entry{message: found[i].message, track: t, right: t.right.Load(), id: p.Packet, qos: 1, marks: markDup}
		if p.State == social.AwaitsPubrec {
			e.qos = 2
		}
		if g, ok := t.grant(d); ok && o.wire.v5() {
			e.ids = g.ids
		}
		o.ready = append(o.ready, e)
	}
	if o.resend = o.resend[len(open):]; len(o.resend) == 0 {
		o.resend = nil
		o.held-- // what is newer may follow
	}
}
