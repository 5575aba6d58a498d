package broker_test

import (
	"fmt"
	"slices"
	"testing"

	"rambla/broker"
)

// beginsWith reads what a subscription begins with, in the order of the topics.
func (p *peer) beginsWith(n int) []received {
	p.t.Helper()
	out := p.collect(n)
	slices.SortFunc(out, func(a, b received) int { return slices.Compare([]byte(a.topic), []byte(b.topic)) })
	return out
}

func TestSection3_3_1AnEmptyRetainedMessagePassesAndRemoves(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		for qos := range byte(3) {
			c.pub.publishRetained(1, c.data+"x", "kept")
			early := s.client(t, version, transport, "bob", fmt.Sprint(t.Name(), " early ", qos))
			early.subscribe(c.data+"x", 2)
			if r := early.collect(1)[0]; r.header&1 == 0 || r.payload != "kept" {
				t.Errorf("a new subscription got %#x %q", r.header, r.payload)
			}
			c.pub.publishRetained(qos, c.data+"x", "")
			if r := early.collect(1)[0]; r.header != 0x30|qos<<1 || r.payload != "" { // [MQTT-3.3.1-12]
				t.Errorf("an established one got %#x %q", r.header, r.payload)
			}
			late := s.client(t, version, transport, "bob", fmt.Sprint(t.Name(), " late ", qos))
			late.subscribe(c.data+"#", 2)
			late.quiet()
		}
	})
}

func TestSection3_1_2RetainedMessagesSurviveTheSessionOfTheirPublisher(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		p := s.client(t, version, transport, "alice", t.Name()+" brief")
		p.publishRetained(1, c.data+"x", "kept")
		s.leave(p, "alice", t.Name()+" brief", goodbye)
		w := s.dial(t, version, transport)
		w.bequeathed("alice", t.Name()+" mortal", testament{topic: c.data + "will", payload: "gone", qos: 1, retain: true, clean: true})
		p = s.client(t, version, transport, "alice", t.Name()+" before")
		p.publishRetained(1, c.data+"will", "here")
		c.sub.subscribe(c.data+"will", 1)
		if r := c.sub.collect(1)[0]; r.payload != "here" || r.header&1 == 0 { // it is established with that
			t.Errorf("delivered %#x %q", r.header, r.payload)
		}
		w.nc.Close()
		if r := c.sub.collect(1)[0]; r.payload != "gone" || r.header&1 != 0 {
			t.Errorf("delivered %#x %q", r.header, r.payload)
		}
		late := s.client(t, version, transport, "bob", t.Name()+" late")
		late.subscribe(c.data+"#", 1)
		got := late.beginsWith(2)
		if got[0].payload != "gone" || got[1].payload != "kept" || got[0].header&1 == 0 || got[1].header&1 == 0 {
			t.Errorf("%q and %q are retained", got[0].payload, got[1].payload)
		}
	})
}

func TestSection4_8ASharedSubscriptionBeginsWithNothing(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		c.pub.publishRetained(1, c.data+"x", "kept")
		c.sub.subscribe("$share/workers/"+c.data+"#", 1)
		c.sub.quiet()
	})
}
