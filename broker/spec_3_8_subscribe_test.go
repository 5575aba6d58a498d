package broker_test

import (
	"bytes"
	"fmt"
	"testing"

	"rambla/broker"
)

func TestSection3_8_3ReservedOptionsAndQoS3EndTheConnection(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for _, version := range []byte{4, 5} {
		for _, options := range []byte{3, 0x40, 0x80, 0xC1, 0x30, 0x04, 0x08, 0x10} {
			if version == 5 && options < 0x30 && options != 3 {
				continue // options of MQTT 5.0
			}
			t.Run(fmt.Sprintf("v%d %#x", version, options), func(t *testing.T) {
				t.Parallel()
				p := s.client(t, version, "tcp", "bob", t.Name())
				p.send(p.subscribePacket(1, nil, subscription("/ctx/lobby/messages", options)))
				code := byte(0x82)
				if options&0xC0 != 0 {
					code = 0x81 // [MQTT-3.8.3-5]
				}
				p.ended(code)
			})
		}
	}
}

func TestSection3_9_3TheCodesOfASubackStandInTheOrderOfTheFilters(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		p := s.client(t, version, transport, "bob", t.Name())
		refused := map[byte]byte{4: 0x80, 5: 0x87}[version]
		p.send(p.subscribePacket(1, nil,
			subscription("/ctx/lobby/data/a", 2), subscription("/ctx/none/messages", 2), subscription("/ctx/lobby/data/b", 1),
			subscription("/ctx/lobby/data/c", 0), subscription("/ctx/none/events", 0), subscription("/ctx/lobby/data/a", 1)))
		if r := p.expect(9); !bytes.Equal(r.codes, []byte{2, refused, 1, 0, refused, 1}) {
			t.Errorf("SUBACK % x", r.codes)
		}
		p.send(p.subscribePacket(2, nil, subscription("/ctx/lobby/data/a", 1)))
		p.expect(9)
		p.send(p.unsubscribePacket(3, "/ctx/lobby/data/c", "/ctx/lobby/data/none", "/ctx/lobby/data/a", "/ctx/lobby/data/a", "/ctx/lobby/data/b"))
		r := p.expect(11)
		if want := []byte{0, 0x11, 0, 0x11, 0}; version == 5 && !bytes.Equal(r.codes, want) || version == 4 && len(r.codes) > 0 {
			t.Errorf("UNSUBACK % x", r.codes)
		}
	})
}

func TestSection3_8_4OfTheSameFilterTwiceTheLastCounts(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		c.sub.send(c.sub.subscribePacket(1, nil, subscription(c.data+"x", 2), subscription(c.data+"x", 0)))
		c.sub.expect(9)
		c.pub.send(c.pub.message(1, 1, c.data+"x", "one copy"))
		if r := c.sub.expect(3); r.qos() != 0 || r.payload != "one copy" {
			t.Errorf("delivered %#x %q", r.header, r.payload)
		}
		c.sub.quiet()
		c.sub.subscribe(c.data+"x", 1)
		c.pub.send(c.pub.message(1, 2, c.data+"x", "again one"))
		if r := c.sub.expect(3); r.qos() != 1 {
			t.Errorf("delivered %#x", r.header)
		}
		c.sub.quiet()
	})
}

func TestSection3_10_4OnlyTheFilterItselfIsUnsubscribed(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		c.sub.subscribe(c.data+"+", 1)
		for _, other := range []string{"#", "x", "+/", "/+", "+/#", ""} { // none is the filter, though some cover it
			c.sub.send(c.sub.unsubscribePacket(1, c.data+other))
			if r := c.sub.expect(11); version == 5 && !bytes.Equal(r.codes, []byte{0x11}) {
				t.Errorf("%q: % x", other, r.codes)
			}
		}
		c.pub.send(c.pub.message(1, 1, c.data+"x", "still here"))
		c.sub.gets("still here")
		c.sub.send(c.sub.unsubscribePacket(1, c.data+"+"))
		c.sub.expect(11)
		c.pub.send(c.pub.message(1, 2, c.data+"x", "gone"))
		c.pub.expect(4)
		c.pub.expect(4)
		c.sub.quiet()
	})
}

func TestSection3_10_4WhatWasBegunIsFinishedBehindTheUnsubscribe(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		c.sub.subscribe(c.data+"x", 2)
		for i, qos := range []byte{1, 2, 2} {
			c.pub.send(c.pub.message(qos, uint16(i+1), c.data+"x", fmt.Sprint(i)))
			c.pub.expect(3 + qos)
		}
		one, two, three := c.sub.expect(3), c.sub.expect(3), c.sub.expect(3)
		c.sub.send(ack(5, two.id))
		c.sub.expect(6)
		c.sub.send(c.sub.unsubscribePacket(9, c.data+"x"))
		c.sub.expect(11)
		c.sub.send(ack(4, one.id), ack(7, two.id), ack(5, three.id))
		if r := c.sub.expect(6); r.id != three.id || r.code != 0 {
			t.Errorf("PUBREL % x", r.body)
		}
		c.sub.send(ack(7, three.id))
		c.sub.quiet()
		waitFor(t, func() bool { return s.unacknowledged(t.Name()) == 0 })
	})
}

// unacknowledged is how many deliveries a client still has to answer; -1 where
// it is not connected.
func (s *server) unacknowledged(clientID string) int {
	for _, i := range s.Sessions() {
		if i.ClientID == clientID && i.Name == "bob" {
			return i.Unacknowledged
		}
	}
	return -1
}

func TestSection4_7AFilterThatBeginsWithAWildcardReachesNothing(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		p := s.client(t, version, transport, "bob", t.Name())
		for _, filter := range []string{"#", "+", "+/#", "+/broker/#", "/#", "/+", "/+/#", "/+/+/messages"} {
			if code := p.subscribe(filter, 1); code < 0x80 {
				t.Errorf("%q is granted %d", filter, code)
			}
		}
	})
}

func TestSection4_7_1MisplacedWildcardsAreRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		p := s.client(t, version, transport, "bob", t.Name())
		want := map[byte]byte{4: 0x80, 5: 0x8F}[version]
		for _, filter := range []string{
			"", "/ctx/lobby/data/#/x", "/ctx/lobby/data#", "/ctx/lobby/data/x#", "/ctx/lobby/data/#x", "/ctx/lobby/data/##",
			"/ctx/lobby/data/x+", "/ctx/lobby/data/+x", "/ctx/lobby/data/++", "/ctx/lobby+/messages", "/ctx/lobby/data/+/x+/y",
		} {
			if code := p.subscribe(filter, 1); code != want {
				t.Errorf("%q is granted %#x, want %#x", filter, code, want)
			}
		}
	})
}

func TestSection3_12_4EachPingreqHasItsPingresp(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		p := s.client(t, version, transport, "bob", t.Name())
		p.send([]byte{0xC0, 0, 0xC0, 0, 0xC0, 0})
		for range 3 {
			if r := p.expect(13); r.header != 0xD0 || len(r.body) > 0 {
				t.Errorf("PINGRESP %#x % x", r.header, r.body)
			}
		}
	})
}

func TestSection3_14_4BehindADisconnectNothingIsProcessed(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		c.sub.subscribe(c.data+"#", 0)
		bye := []byte{0xE0, 0}
		c.pub.send(bye, c.pub.message(0, 0, c.data+"x", "late"), []byte{0xC0, 0})
		c.pub.ended(0)
		c.sub.quiet()
	})
}

func TestSection3_10_3AnUnsubscribeFromNothingEndsTheConnection(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		p := s.client(t, version, transport, "bob", t.Name())
		p.send(p.unsubscribePacket(1))
		p.ended(0x82)
	})
}

func TestSection3_8_2ASubscriptionIdentifierOfAnySizeComesBack(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for _, transport := range []string{"tcp", "ws"} {
		c := s.pair(t, 5, transport)
		for _, id := range [][]byte{{1}, {0x7F}, {0x80, 1}, {0xFF, 0x7F}, {0x80, 0x80, 1}, {0xFF, 0xFF, 0xFF, 0x7F}} {
			prop := append([]byte{0x0B}, id...)
			c.sub.send(c.sub.subscribePacket(1, prop, subscription(c.data+"x", 0)))
			c.sub.expect(9)
			c.pub.send(c.pub.message(0, 0, c.data+"x", "x"))
			if r := c.sub.expect(3); !bytes.Equal(r.props, prop) {
				t.Errorf("delivered with % x, want % x", r.props, prop)
			}
		}
		c.sub.send(c.sub.subscribePacket(1, []byte{0x0B, 0xFF, 0xFF, 0xFF, 0xFF, 1}, subscription(c.data+"x", 0)))
		c.sub.ended(0x81)
	}
}
