package broker_test

import (
	"fmt"
	"testing"

	"rambla/broker"
)

func TestSection4_3_1AtQoS0NothingIsAcknowledgedAndNothingDup(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		c.sub.subscribe(c.data+"x", 0)
		for i := range 3 {
			c.pub.send(c.pub.message(byte(i), 1, c.data+"x", fmt.Sprint(i)))
		}
		for range 3 {
			if r := c.sub.expect(3); r.header != 0x30 {
				t.Errorf("header %#x", r.header)
			}
		}
		c.sub.quiet()
	})
}

func TestSection4_3_2AfterItsPubackAnIdentifierIsANewMessageDupOrNot(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		c.sub.subscribe(c.data+"x", 1)
		m := c.pub.message(1, 7, c.data+"x", "x")
		again := append([]byte{m[0] | 8}, m[1:]...)
		for _, packet := range [][]byte{m, again, m, again} {
			c.pub.send(packet)
			if r := c.pub.expect(4); r.id != 7 || r.code != 0 {
				t.Errorf("PUBACK % x", r.body)
			}
			c.sub.gets("x")
		}
		c.sub.quiet()
	})
}

func TestSection4_3_2ADeliveryIsOpenUntilItsPuback(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		c.sub.subscribe(c.data+"x", 1)
		c.pub.send(c.pub.message(1, 1, c.data+"x", "x"))
		r := c.sub.expect(3)
		if r.header != 0x32 {
			t.Errorf("header %#x", r.header)
		}
		for _, nonsense := range [][]byte{ack(5, r.id+1), ack(7, r.id), ack(4, r.id+1), ack(4, 65535)} {
			c.sub.send(nonsense) // a PUBREC of what is none is answered
		}
		if rel := c.sub.expect(6); rel.id != r.id+1 || version == 5 && rel.code != 0x92 {
			t.Errorf("PUBREL % x", rel.body)
		}
		c.sub.quiet()
		if n := s.unacknowledged(t.Name()); n != 1 {
			t.Errorf("%d are open, want 1", n)
		}
		c.sub.send(ack(4, r.id))
		c.sub.quiet()
		if n := s.unacknowledged(t.Name()); n != 0 {
			t.Errorf("%d are open, want none", n)
		}
	})
}

func TestSection4_3_3ADeliveryAtQoS2TakesItsFourSteps(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		c.sub.subscribe(c.data+"x", 2)
		c.pub.send(c.pub.message(2, 1, c.data+"x", "x"))
		c.pub.expect(5)
		r := c.sub.expect(3)
		if r.header != 0x34 {
			t.Errorf("header %#x", r.header)
		}
		c.sub.send(ack(4, r.id), ack(7, r.id)) // PUBACK and PUBCOMP are no answers to it
		c.sub.quiet()
		if n := s.unacknowledged(t.Name()); n != 1 {
			t.Errorf("%d are open, want 1", n)
		}
		for range 2 { // a PUBREC that comes again gets its PUBREL again, never the PUBLISH
			c.sub.send(ack(5, r.id))
			if rel := c.sub.expect(6); rel.header != 0x62 || rel.id != r.id || rel.code != 0 {
				t.Errorf("PUBREL % x", rel.body)
			}
			c.sub.quiet()
		}
		if n := s.unacknowledged(t.Name()); n != 1 {
			t.Errorf("%d are open after PUBREC, want 1", n)
		}
		c.sub.send(ack(7, r.id))
		c.sub.quiet()
		if n := s.unacknowledged(t.Name()); n != 0 {
			t.Errorf("%d are open, want none", n)
		}
	})
}

func TestSection4_4WhatTheClientRefusesIsOverAndNotSentAgain(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for _, transport := range []string{"tcp", "ws"} {
		for _, qos := range []byte{1, 2} {
			c := s.pair(t, 5, transport)
			c.sub.subscribe(c.data+"x", qos)
			c.pub.send(c.pub.message(qos, 1, c.data+"x", "x"))
			r := c.sub.expect(3)
			for range 2 {
				c.sub.send([]byte{(3 + qos) << 4, 3, byte(r.id >> 8), byte(r.id), 0x97})
				c.sub.quiet() // no PUBREL either
			}
			if n := s.unacknowledged(t.Name()); n != 0 {
				t.Errorf("%d are open, want none", n)
			}
		}
	}
}

func TestSection4_4NothingIsSentAgainWhileTheConnectionLasts(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		c.sub.subscribe(c.data+"x", 2)
		for i, qos := range []byte{1, 2, 2} {
			c.pub.send(c.pub.message(qos, uint16(i+1), c.data+"x", fmt.Sprint(i)))
			c.sub.expect(3)
		}
		c.sub.subscribe(c.data+"x", 2) // a subscription that is replaced sends nothing again
		for range 20 {
			c.sub.quiet()
		}
	})
}

func TestSection4_3_3PubrelTwiceAndForWhatNeverWas(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		c.sub.subscribe(c.data+"x", 2)
		c.pub.send(ack(6, 3), c.pub.message(2, 3, c.data+"x", "x"))
		unknown := byte(0)
		if version == 5 {
			unknown = 0x92
		}
		if r := c.pub.expect(7); r.id != 3 || r.code != unknown {
			t.Errorf("PUBCOMP % x for what never was", r.body)
		}
		c.pub.expect(5)
		for _, want := range []byte{0, unknown, unknown} {
			c.pub.send(ack(6, 3))
			if r := c.pub.expect(7); r.id != 3 || r.code != want {
				t.Errorf("PUBCOMP % x, want code %#x", r.body, want)
			}
		}
		c.sub.expect(3)
		c.sub.quiet() // once
	})
}

func TestSection4_3OldIdentifiersComeAgainWithoutHarm(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		c.sub.subscribe(c.data+"x", 2)
		const n = 100
		for i := range uint16(n) {
			c.pub.send(c.pub.message(2, i+1, c.data+"x", fmt.Sprint(i)))
			c.pub.expect(5)
			r := c.sub.expect(3)
			if r.payload != fmt.Sprint(i) {
				t.Fatalf("delivered %q", r.payload)
			}
			c.sub.send(ack(5, r.id))
			c.sub.expect(6)
			c.sub.send(ack(7, r.id))
		}
		for i := range uint16(n) { // none is released: each is known, whatever it carries
			c.pub.send(c.pub.message(2, i+1, c.data+"x", "replayed"))
			if r := c.pub.expect(5); r.id != i+1 || r.code != 0 {
				t.Fatalf("PUBREC % x", r.body)
			}
		}
		for id := range uint16(3) { // acknowledged long ago, and never sent
			c.sub.send(ack(4, id+1), ack(7, id+1), ack(4, 60000+id), ack(7, 60000+id))
		}
		c.sub.quiet()
		for i := range uint16(n) {
			c.pub.send(ack(6, i+1))
			c.pub.expect(7)
		}
		c.pub.send(c.pub.message(2, 1, c.data+"x", "a new one"))
		if r := c.sub.expect(3); r.payload != "a new one" {
			t.Errorf("delivered %q", r.payload)
		}
	})
}
