package broker_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rambla/broker"
	"rambla/social"
)

// pair is a publisher and a subscriber who share a space of their own.
type pair struct {
	pub, sub *peer
	space    string
	data     string // the prefix of its data topics
}

func (s *server) pair(t *testing.T, version byte, transport string) pair {
	t.Helper()
	space := "pair-" + strings.ToLower(rand.Text())
	s.site.join(space, "alice", "bob")
	return pair{
		pub: s.client(t, version, transport, "alice", t.Name()), sub: s.client(t, version, transport, "bob", t.Name()),
		space: space, data: "/ctx/" + space + "/data/",
	}
}

func TestSection3_3_1TheDupOfAPublishIsNotThatOfItsDelivery(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		c.sub.subscribe(c.data+"#", 2)
		for i, qos := range []byte{1, 2} {
			m := c.pub.message(qos, uint16(i+1), c.data+"x", "again")
			m[0] |= 8
			c.pub.send(m)
			c.pub.expect(3 + qos)
			if r := c.sub.expect(3); r.header != 0x30|qos<<1 {
				t.Errorf("header %#x", r.header)
			}
		}
	})
}

func TestSection3_3_4EachQoSHasItsAnswer(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		c.pub.send(c.pub.message(0, 0, c.data+"x", "x"))
		c.pub.quiet()
		c.pub.send(c.pub.message(1, 5, c.data+"x", "x"))
		if r := c.pub.expect(4); r.id != 5 || r.code != 0 {
			t.Errorf("PUBACK % x", r.body)
		}
		c.pub.send(c.pub.message(2, 6, c.data+"x", "x"))
		if r := c.pub.expect(5); r.id != 6 || r.code != 0 {
			t.Errorf("PUBREC % x", r.body)
		}
	})
}

func TestSection3_8_4ADeliveryHasTheLowerQoSOfPublishAndGrant(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		for granted := range byte(3) {
			if code := c.sub.subscribe(c.data+"x", granted); code != granted {
				t.Fatalf("asked for %d, granted %d", granted, code)
			}
			for published := range byte(3) {
				c.pub.send(c.pub.message(published, uint16(published), c.data+"x", "x"))
				if published > 0 {
					c.pub.expect(3 + published)
				}
				if published == 2 {
					c.pub.send(ack(6, 2))
					c.pub.expect(7)
				}
				r := c.sub.expect(3)
				if want := min(published, granted); r.qos() != want || r.header&9 != 0 {
					t.Errorf("published at %d, granted %d, delivered with header %#x", published, granted, r.header)
				}
			}
		}
	})
}

func TestSection3_3_2TheTopicOfADeliveryMatchesItsFilter(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		rests := []string{"a", "a/b", "a/b/c", "b", "a/", "/a", "a//b", "b/a/c"}
		for filter, matched := range map[string]string{
			"a": "a", "+": "a b", "#": "a a/b a/b/c b a/ /a a//b b/a/c", "a/#": "a a/b a/b/c a/ a//b", "a/+": "a/b a/",
			"+/a": "/a", "+/+": "a/b a/ /a", "a/+/b": "a//b", "+/+/+": "a/b/c a//b b/a/c", "+/b/#": "a/b a/b/c", "/+": "/a",
		} {
			if code := c.sub.subscribe(c.data+filter, 0); code != 0 {
				t.Fatalf("%q: %#x", filter, code)
			}
			for _, rest := range rests {
				c.pub.send(c.pub.message(1, 1, c.data+rest, rest))
				c.pub.expect(4)
			}
			for _, want := range strings.Fields(matched) {
				if r := c.sub.expect(3); r.topic != c.data+want || r.payload != want {
					t.Errorf("%q got %q, want %q", filter, r.topic, want)
				}
			}
			c.sub.quiet()
			c.sub.send(c.sub.unsubscribePacket(1, c.data+filter))
			c.sub.expect(11)
		}
	})
}

func TestSection3_3_4WhileTheWindowIsFullAllElseGoesOn(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{SendWindow3: 1})
	for _, version := range []byte{4, 5} {
		for _, qos := range []byte{1, 2} {
			t.Run(fmt.Sprintf("v%d QoS %d", version, qos), func(t *testing.T) {
				t.Parallel()
				c := s.pair(t, version, "tcp")
				sub := s.dial(t, version, "tcp")
				sub.join("bob", t.Name()+" 1", []byte{0x21, 0, 1})
				sub.subscribe(c.data+"x", qos)
				for i := range uint16(2) {
					c.pub.send(c.pub.message(1+byte(i), i+1, c.data+"x", fmt.Sprint(i)))
					c.pub.expect(4 + byte(i))
				}
				first := sub.expect(3)
				sub.quiet()
				if code := sub.subscribe(c.data+"y", 0); code != 0 {
					t.Errorf("SUBACK says %#x", code)
				}
				sub.send(sub.message(1, 9, c.data+"z", "one's own"))
				if r := sub.expect(4); r.id != 9 {
					t.Errorf("PUBACK for %d", r.id)
				}
				sub.send(sub.message(2, 9, c.data+"z", "one's own"))
				sub.expect(5)
				sub.send(ack(6, 9))
				sub.expect(7)
				sub.send(sub.unsubscribePacket(3, c.data+"y"))
				sub.expect(11)
				sub.quiet()
				sub.send(ack(4+first.qos()-1, first.id))
				if first.qos() == 2 {
					sub.expect(6)
					sub.send(ack(7, first.id))
				}
				if r := sub.expect(3); r.payload != "1" {
					t.Errorf("delivered %q", r.payload)
				}
			})
		}
	}
}

func TestSection3_4ReasonsThatDoNotFitAreLeftOut(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for _, qos := range []byte{1, 2} {
		for _, size := range []byte{31, 200} {
			p := s.dial(t, 5, "tcp")
			p.join("alice", fmt.Sprint(qos, size), []byte{0x27, 0, 0, 0, size})
			p.send(p.message(qos, 1, "/ctx/none/messages", "x"))
			r := p.expect(3 + qos)
			if r.code != 0x87 || len(r.body)+2 > int(size) || r.has(0x1F) != (size == 200) {
				t.Errorf("where %d bytes are taken: % x", size, r.body)
			}
		}
	}
}

func TestSection3_14_2AReasonOfDisconnectThatDoesNotFitIsLeftOut(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for _, size := range []byte{30, 200} {
		p := s.dial(t, 5, "tcp")
		p.join("alice", fmt.Sprint(size), []byte{0x27, 0, 0, 0, size})
		p.send([]byte{0xC1, 0})
		if r := p.ended(0x81); len(r.body)+2 > int(size) || r.has(0x1F) != (size == 200) || r.has(0x11) {
			t.Errorf("where %d bytes are taken: % x", size, r.body)
		}
	}
}

func TestSection3_5_2UserPropertiesThatDoNotFitAreLeftOut(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for _, qos := range []byte{1, 2} {
		for _, size := range []byte{29, 200} {
			p := s.dial(t, 5, "tcp")
			p.join("alice", fmt.Sprint(qos, size), []byte{0x27, 0, 0, 0, size})
			for range 100 { // so that the numbers have two digits
				s.append("lobby", social.ChannelMessages, "", 1, "x")
			}
			p.send(p.message(qos, 1, "/ctx/lobby/messages", "x"))
			r := p.expect(3 + qos)
			if r.code != 0 || len(r.body)+2 > int(size) || r.has(0x26) != (size == 200) {
				t.Errorf("where %d bytes are taken: % x", size, r.body)
			}
		}
	}
}

func TestSection3_3_2ADeliveryTellsTheExpiryThatIsLeftAndNoneIsMadeBehindIt(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	s := serve(t, broker.Config{
		SendWindow3: 1, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
	})
	c := s.pair(t, 5, "tcp")
	sub := s.dial(t, 5, "tcp")
	sub.join("bob", "one at a time", []byte{0x21, 0, 1})
	sub.subscribe(c.data+"x", 2)
	expiry := func(seconds byte) []byte { return []byte{0x02, 0, 0, 0, seconds} }
	for i, seconds := range []byte{200, 50, 200} { // the first holds the window
		c.pub.send(c.pub.message(2, uint16(i+1), c.data+"x", fmt.Sprint(i), expiry(seconds)))
		c.pub.expect(5)
	}
	first := sub.expect(3)
	sub.quiet()
	ahead.Store(int64(100 * time.Second))
	sub.send(ack(5, first.id))
	sub.expect(6)
	sub.send(ack(7, first.id))
	r := sub.expect(3)
	if left := r.props[4]; r.payload != "2" || r.props[0] != 2 || left < 99 || left > 100 {
		t.Errorf("delivered %q with % x", r.payload, r.props)
	}
	// What was sent goes on, and so does what was received, though both expired.
	ahead.Store(int64(time.Hour))
	sub.send(ack(5, r.id))
	if rel := sub.expect(6); rel.id != r.id || rel.code != 0 {
		t.Errorf("PUBREL % x", rel.body)
	}
	sub.send(ack(7, r.id))
	sub.quiet()
	for id := range uint16(3) {
		c.pub.send(ack(6, id+1))
		if r := c.pub.expect(7); r.id != id+1 || r.code != 0 {
			t.Errorf("PUBCOMP % x", r.body)
		}
	}
}

func TestSection3_3_2AClockThatJumpsBackAddsNothingToAnExpiry(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	s := serve(t, broker.Config{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	c := s.pair(t, 5, "tcp")
	sub := s.dial(t, 5, "tcp")
	sub.join("bob", "one at a time", []byte{0x21, 0, 1})
	sub.subscribe(c.data+"x", 1)
	for i := range uint16(2) {
		c.pub.send(c.pub.message(1, i+1, c.data+"x", fmt.Sprint(i), []byte{0x02, 0, 0, 0, 100}))
		c.pub.expect(4)
	}
	r := sub.expect(3)
	ahead.Store(-int64(24 * time.Hour))
	sub.send(ack(4, r.id))
	if r := sub.expect(3); r.payload != "1" || !r.has(0x02, 0, 0, 0, 100) {
		t.Errorf("delivered %q with % x", r.payload, r.props)
	}
}
