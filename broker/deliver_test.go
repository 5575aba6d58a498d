package broker

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/social"
)

// openGate lets everybody receive everything; it takes no connections.
type openGate struct{ mine []social.Scope }

func (g openGate) Cover(p *Principal, filter string) (Coverage, error) { return g.Subscribe(p, filter) }

func (openGate) Connect(context.Context, Login) (*Principal, error) { panic("not asked") }

func (openGate) Subscribe(*Principal, string) (Coverage, error) { panic("not asked") }

func (g openGate) Mine(*Principal, social.ScopeKind) []social.Scope { return g.mine }

func (openGate) MayReceive(*Principal, social.Scope) social.ChannelSet { return social.SpaceChannels() }

func (openGate) Publish(*Principal, *Publication, func(Receipt, error)) { panic("not asked") }

func (openGate) MayPublish(*Principal, string) error { panic("not asked") }

func (openGate) Revive(context.Context, social.PersonKey, social.GrantKey) (*Principal, error) {
	panic("not asked")
}

// emptyLog has a stream behind every channel, and nothing in it.
type emptyLog struct{ Backlog }

func (emptyLog) Stream(scope social.Scope, channel social.Channel) social.StreamKey {
	return social.StreamKey(scope.Key)<<4 | social.StreamKey(channel)
}

func (emptyLog) Head(social.StreamKey) (head, told uint64) { return 0, 0 }

// crowd is a broker with n subscribers whose sockets are never ready, so that
// only the fan-out loop itself runs; drain writes their queues to nowhere.
func crowd(t testing.TB, n int, cover Coverage) (b *Broker, drain func()) {
	t.Helper()
	b, err := New(Config{}, Deps{
		Gate: openGate{[]social.Scope{social.SpaceKey(1).Scope(), social.SpaceKey(2).Scope(), social.SpaceKey(3).Scope()}}, Backlog: emptyLog{}, Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	var conns []*conn
	for i := range n {
		c := &conn{broker: b, version: version311 + byte(i%2)}
		c.writing.Store(writeBlocked)
		c.out.open(wire{version: c.version, problemInfo: true}, limits{entries: 1 << 16, bytes: 1 << 30}, 1<<15)
		s := newSession(c, sessionKey{social.PersonKey(i), "x"}, &Principal{Person: social.PersonKey(i)})
		s.subscribe([]*subscription{s.newSubscription(social.Subscription{Filter: "f", QoS: 1}, cover)}, s.fromNow)
		conns = append(conns, c)
	}
	var batch batch
	return b, func() {
		for _, c := range conns {
			for c.out.pull(&batch, passBytes, time.Time{}).more {
				c.out.settle(&batch, len(batch.buf))
				batch.reset()
			}
			c.out.settle(&batch, len(batch.buf))
			batch.reset()
			for id := c.out.window.oldest; id < c.out.window.next; id++ {
				c.out.acked(packetID(id), slotPuback)
			}
		}
	}
}

func spaceMessage(payload []byte, seq uint64) *Delivery {
	return &Delivery{
		Seq:   seq,
		Scope: social.SpaceKey(1).Scope(), Channel: social.ChannelMessages, Topic: "/ctx/lobby/messages", QoS: 1,
		Payload: func() []byte { return payload },
	}
}

func TestTheFanOutLoopAllocatesNextToNothing(t *testing.T) {
	const subscribers, burst = 1000, 100
	b, drain := crowd(t, subscribers, Coverage{Scope: social.SpaceKey(1).Scope(), Channels: social.Channels(social.ChannelMessages)})
	payload := make([]byte, 256)
	var seq uint64
	round := func() {
		for range burst {
			seq++
			b.Deliver(spaceMessage(payload, seq))
		}
		drain()
	}
	round()
	if per := testing.AllocsPerRun(3, round) / (subscribers * burst); per > 0.05 {
		t.Errorf("%.4f allocations per delivery, want at most 0.05", per)
	} else {
		t.Logf("%.4f allocations per delivery", per)
	}
}

// BenchmarkDeliver is the fan-out loop with its queues, without sockets. One
// operation is one delivery.
func BenchmarkDeliver(b *testing.B) {
	const subscribers, burst = 1000, 100
	for name, cover := range map[string]Coverage{
		"explicit": {Scope: social.SpaceKey(1).Scope(), Channels: social.Channels(social.ChannelMessages)},
		"wildcard": {Mine: true, Channels: social.SpaceChannels(), Rest: "#"},
	} {
		b.Run(name, func(b *testing.B) {
			broker, drain := crowd(b, subscribers, cover)
			payload := make([]byte, 256)
			b.ReportAllocs()
			var seq uint64
			for done := 0; done < b.N; done += subscribers * burst {
				for range burst {
					seq++
					broker.Deliver(spaceMessage(payload, seq))
				}
				drain()
			}
		})
	}
}

func TestADataDeliveryMeetsOnlyWhomItMayMatch(t *testing.T) {
	t.Parallel()
	b, _ := crowd(t, 0, Coverage{})
	scope := social.SpaceKey(1).Scope()
	for i := range 100 {
		c := &conn{broker: b, version: version5}
		c.out.open(wire{version: version5}, limits{entries: 10, bytes: 1 << 20}, 10)
		s := newSession(c, sessionKey{social.PersonKey(i), "x"}, &Principal{Person: social.PersonKey(i)})
		s.subscribe([]*subscription{s.newSubscription(social.Subscription{Filter: "f", QoS: 1}, Coverage{
			Scope: scope, Channels: social.Channels(social.ChannelData), Rest: fmt.Sprint("sensor/", i),
		})}, s.fromNow)
	}
	a := b.feeds.find(scope)
	defer a.mu.RUnlock()
	ln := a.lanes[social.ChannelData]
	if len(ln.all) != 0 || len(ln.exact) != 100 || len(ln.exact["sensor/7"]) != 1 {
		t.Errorf("%d lines see every sample; %d by topic", len(ln.all), len(ln.exact))
	}
}
