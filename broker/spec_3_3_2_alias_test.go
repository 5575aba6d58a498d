package broker_test

import (
	"fmt"
	"testing"

	"rambla/broker"
)

func TestSection3_3_2EveryAliasUpToTheMaximumIsTakenAndNoneBeyond(t *testing.T) {
	t.Parallel()
	const most = 300
	s := serve(t, broker.Config{TopicAliasMax: most})
	for _, transport := range []string{"tcp", "ws"} {
		c := s.pair(t, 5, transport)
		c.sub.subscribe(c.data+"#", 0)
		for n := uint16(1); n <= most; n++ {
			topic := c.data + fmt.Sprint(n)
			c.pub.send(c.pub.message(0, 0, topic, "given", alias(n)), c.pub.message(0, 0, "", "taken", alias(n)))
			for _, want := range []string{"given", "taken"} {
				if r := c.sub.expect(3); r.topic != topic || r.payload != want || r.has(0x23) {
					t.Fatalf("delivered %q on %s with % x", r.payload, r.topic, r.props)
				}
			}
		}
		for _, n := range []uint16{0, most + 1, 65535} {
			for _, topic := range []string{"", c.data + "x"} {
				p := s.client(t, 5, transport, "alice", fmt.Sprint(t.Name(), n, topic))
				p.send(p.message(1, 1, topic, "x", alias(n)))
				p.ended(0x94)
			}
		}
		c.sub.quiet()
	}
}

func TestSection3_3_2AnAliasIsCheckedLikeItsTopic(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	p := s.client(t, 5, "tcp", "bob", "b")
	// Bob may not write to staff: neither by name nor by the number of the name.
	p.send(p.message(1, 1, "/ctx/staff/messages", "x", alias(1)), p.message(1, 2, "", "x", alias(1)), p.message(2, 3, "", "x", alias(1)))
	for range 2 {
		if r := p.expect(4); r.code != 0x87 {
			t.Errorf("PUBACK says %#x", r.code)
		}
	}
	if r := p.expect(5); r.code != 0x87 {
		t.Errorf("PUBREC says %#x", r.code)
	}
	// A wildcard is none for being a number's name.
	p.send(p.message(1, 4, "/ctx/+/messages", "x", alias(2)))
	p.ended(0x90)
}
