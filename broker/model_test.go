package broker

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/social"
)

// modelLog is a stream of which some is not announced yet. Its methods that
// Backlog has and a session does not call are not there.
type modelLog struct {
	Backlog
	entries      []*Delivery
	handed, told uint64
}

func (l *modelLog) Head(social.StreamKey) (head, told uint64) { return l.handed, l.told }
func (l *modelLog) Rights() int64                             { return 0 }

func (l *modelLog) Read(_ context.Context, _ social.StreamKey, _ string, after uint64, limit int) ([]*Delivery, error) {
	return l.entries[min(after, uint64(len(l.entries))):min(after+uint64(limit), uint64(len(l.entries)))], nil
}

const (
	modelPerson   = social.PersonKey(1)
	modelStranger = social.PersonKey(2)
	modelStream   = social.StreamKey(7)
)

// model is one stream and one session, stepped by hand: nothing runs but what a
// step does, so that every interleaving of the parts that run side by side can
// come up. It knows what the client has and what it has to get.
type model struct {
	t   *testing.T
	r   *rand.Rand
	log *modelLog
	b   *Broker

	s      *session
	qos2   bool // else the cursor may be moved back
	track  *track
	stored []byte // the position

	// What is under way.
	meal     *meal
	items    []item
	covered  uint64
	batch    batch
	pulled   bool
	unheard  bool // the cursor was moved, and nobody said yet how far announcing is
	sleeping bool

	// The client.
	input []byte
	open  []clientPacket  // not answered yet
	held  map[uint16]bool // QoS 2, between PUBREC and PUBREL

	due  map[uint64]bool // it has to get
	got  map[uint64]int  // since the cursor was moved
	last uint64          // likewise, the newest
	not  map[uint64]bool // it must not get
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{
		t: t, r: rand.New(rand.NewPCG(seed, 11)), log: &modelLog{},
		held: map[uint16]bool{}, due: map[uint64]bool{}, got: map[uint64]int{}, not: map[uint64]bool{},
	}
	m.qos2 = seed%2 == 0
	b, err := New(Config{Now: func() time.Time { return time.Unix(1000, 0) }}, Deps{
		Backlog: m.log, Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	m.b = b
	m.connect()
	m.track.set(true)
	m.move(0)
	m.place()
	return m
}

// connect brings the session back to its stored position.
func (m *model) connect() {
	c := &conn{broker: m.b, version: version311}
	c.writing.Store(writeQueued) // a writer will come: the model itself
	m.s = newSession(c, sessionKey{modelPerson, "c"}, NewPrincipal(modelPerson, "p", Credential{}))
	c.session = m.s
	m.s.stored = &persistence{id: m.s.id, fence: 1, placed: true, last: m.b.now(), parted: make(chan struct{})}
	m.s.stored.expiry.Store(int64(time.Hour))
	may := m.track == nil || m.track.may()
	m.track = &track{stream: modelStream, channel: social.ChannelData}
	l := &line{conn: c, session: m.s, track: m.track, channel: social.ChannelData}
	l.grants.Store(newGrants(social.ChannelData, []*subscription{{Subscription: social.Subscription{QoS: 2}, cover: Coverage{Rest: "#"}}}, false))
	m.track.lines.Store(&[]*line{l})
	m.s.reaches[social.Scope{}] = &reach{tracks: map[social.Channel]*track{social.ChannelData: m.track}}
	m.track.set(may)
	o := &c.out
	o.open(wire{version: version311}, limits{entries: 6, bytes: 1 << 20}, 1+m.r.IntN(8))
	o.setDurable(true)
	m.meal, m.pulled, m.unheard, m.input, m.open = nil, false, false, nil, nil
	m.batch.reset()
	position, err := social.DecodePosition(m.stored)
	if err != nil {
		m.t.Fatal(err)
	}
	if len(position.Cursors) == 0 {
		return
	}
	o.hold()
	o.begin(m.track, position.Cursors[0].Seq)
	o.hear(m.track, m.log.handed)
	m.s.reopen(position.Open)
}

// move moves the cursor: all that follows has to come.
func (m *model) move(after uint64) {
	m.s.conn.out.begin(m.track, after)
	m.unheard = true
	m.due = map[uint64]bool{}
	for _, d := range m.log.entries[after:] {
		if m.due[d.Seq] = d.Only == nil; d.Only == nil {
			delete(m.not, d.Seq)
			delete(m.got, d.Seq)
		}
	}
	m.last = min(m.last, after)
}

// place has the store know where the session is.
func (m *model) place() {
	m.s.persist(nil)
	m.keep(m.b.keeper)
}

// still tells whether nothing is half on its way to the client.
func (m *model) still() bool {
	o := &m.s.conn.out
	return !m.pulled && !m.unheard && len(o.rest)+len(o.control) == 0
}

func (m *model) commit() {
	d := &Delivery{Stream: modelStream, Channel: social.ChannelData, Seq: uint64(len(m.log.entries) + 1), QoS: 1, Rest: "x", Topic: "t"}
	if m.qos2 && m.r.IntN(2) == 0 {
		d.QoS = 2
	}
	if m.r.IntN(4) == 0 {
		d.Only = []social.PersonKey{modelStranger}
	}
	d.Payload = func() []byte { return []byte(strconv.FormatUint(d.Seq, 10)) }
	m.log.entries = append(m.log.entries, d)
	if m.due[d.Seq] = d.Only == nil && !m.sleeping; m.sleeping || d.Only != nil {
		m.not[d.Seq] = true
	}
}

func (m *model) announce() {
	if m.log.handed == uint64(len(m.log.entries)) {
		return
	}
	d := m.log.entries[m.log.handed]
	m.log.handed++
	f := fanOut{broker: m.b, d: d}
	f.to((*m.track.lines.Load())[0])
	m.log.told = m.log.handed
}

// step does one thing of what may happen next.
func (m *model) step() {
	o := &m.s.conn.out
	switch m.r.IntN(24) {
	case 0, 1, 2, 3:
		m.commit()
	case 4, 5, 6, 7:
		m.announce()
	case 8, 9, 10, 11, 12:
		m.feed()
	case 13, 14, 15, 16:
		m.write()
	case 17, 18:
		m.answer()
	case 19:
		m.keep(m.b.keeper)
	case 20:
		if m.unheard {
			o.hear(m.track, m.log.handed)
			m.unheard = false
		}
	case 21:
		m.rights()
	case 22:
		if m.r.IntN(8) == 0 && !m.sleeping && !m.qos2 && m.still() {
			after := uint64(m.r.IntN(len(m.log.entries) + 1))
			if m.r.IntN(2) == 0 {
				after = m.log.handed - min(m.log.handed, uint64(m.r.IntN(20)))
			}
			m.move(after)
			m.place()
		} else if m.r.IntN(4) == 0 {
			m.s.persist(nil)
		}
	case 23:
		if m.r.IntN(10) == 0 && !m.sleeping && !m.unheard {
			m.reconnect()
		}
	}
}

// feed is one of the three parts of a feeder's turn.
func (m *model) feed() {
	o := &m.s.conn.out
	switch {
	case m.meal == nil:
		if o.wants(); !o.feeding {
			return
		}
		if meal, ok := o.appetite(); ok {
			m.meal, m.items = &meal, nil
		}
	case len(m.meal.resend) > 0:
		if err := m.b.feeder.resend(m.t.Context(), m.s, m.meal.resend); err != nil {
			m.t.Fatal(err)
		}
		m.meal = nil
	case m.items == nil:
		var err error
		if m.items, m.covered, err = m.b.feeder.pages.read(m.t.Context(), modelStream, m.meal.at, m.meal.heard); err != nil {
			m.t.Fatal(err)
		}
		m.items = append([]item{}, m.items...)
	default:
		o.fill(m.s, *m.meal, m.items, m.covered)
		m.meal = nil
	}
}

// write pulls, or writes some of what was pulled.
func (m *model) write() {
	o := &m.s.conn.out
	if !m.pulled {
		after := o.pull(&m.batch, 1+m.r.IntN(60), m.b.now())
		o.mu.Lock()
		o.feeding = o.feeding && !after.hungry || m.meal != nil
		o.mu.Unlock()
		if m.pulled = true; after.unstored {
			defer m.s.storeOutgoing()
		}
		if !after.unstored {
			return
		}
	}
	n := len(m.batch.buf)
	if m.r.IntN(2) == 0 {
		n = m.r.IntN(n + 1)
	}
	m.input = append(m.input, m.batch.buf[:n]...)
	o.settle(&m.batch, n)
	m.batch.reset()
	m.pulled = false
	m.receive()
}

// keep commits what was handed to the keeper.
func (m *model) keep(k *keeper) {
	for len(k.queue) > 0 {
		w := k.queue[0]
		k.queue = k.queue[1:]
		if m.s.stored.id == w.write.Save.ID {
			m.stored = w.write.Save.Position
		}
		w.done(social.SessionWritten{}, nil)
	}
}

// rights takes the right away, or gives it back, part by part.
func (m *model) rights() {
	switch {
	case !m.still() || m.r.IntN(3) > 0:
	case len(m.held)+len(m.s.conn.out.window.list(nil)) > 0: // to let go of a QoS 2 identifier is another story
	case !m.sleeping:
		m.track.set(false)
		m.sleeping = true
		m.due = map[uint64]bool{}
		for _, d := range m.log.entries[m.log.handed:] {
			m.not[d.Seq] = true
		}
	default:
		m.wakeUp()
	}
}

func (m *model) wakeUp() {
	m.sleeping = false
	m.move(m.log.handed)
	m.track.set(true)
	m.place()
}

// reconnect ends the connection or the server, and comes back.
func (m *model) reconnect() {
	if m.r.IntN(2) == 0 {
		m.s.conn.out.close(0, "")
		for range m.r.IntN(4) {
			m.commit()
			m.announce()
		}
		m.stored = social.EncodePosition(m.s.position())
	} else {
		m.last = 0 // what the store did not hear of comes again
	}
	m.b.keeper.queue = nil
	m.connect()
}

// settle lets all that has begun come to its end.
func (m *model) settle() {
	if m.sleeping {
		m.wakeUp()
	}
	m.s.conn.out.hear(m.track, m.log.handed)
	m.unheard = false
	for range 4000 {
		m.announce()
		m.feed()
		m.write()
		m.answer()
		m.keep(m.b.keeper)
	}
}

func TestEverySeqComesOncePerCursorAndInOrderHoweverThePartsInterleave(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := newModel(t, seed)
			for range 3000 {
				m.step()
			}
			m.settle()
			for seq, due := range m.due {
				if due && m.got[seq] == 0 {
					t.Errorf("%d never came: %+v, %+v", seq, m.track, &m.s.conn.out.window)
				}
			}
			if at := m.track.at; m.track.behind || at != uint64(len(m.log.entries)) && m.due[uint64(len(m.log.entries))] {
				t.Errorf("it ends at %d of %d, behind: %v", at, len(m.log.entries), m.track.behind)
			}
		})
	}
}
