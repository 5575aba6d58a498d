package broker_test

import (
	"testing"

	"rambla/broker"
	"rambla/social"
)

// The client holds the identifier until PUBREL, and would take a later message
// with it for a repeat of this one.
func TestAnExactlyOnceDeliveryWhoseRightIsGoneIsEndedByPubrel(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	s.site.join("lab", "bob")
	p := s.kept(t, 4, "tcp", "bob", "sensor", 0)
	p.subscribe("/ctx/lab/data/#", 2)
	s.append("lab", social.ChannelData, "t", 2, "secret")
	first := p.expect(3)
	if first.qos() != 2 {
		t.Fatalf("QoS %d", first.qos())
	}
	p.nc.Close() // the PUBREC is lost
	waitFor(t, func() bool { return len(s.Sessions()) == 0 })
	s.site.allow("lab", "bob", 0, false)
	p = s.kept(t, 4, "tcp", "bob", "sensor", 1)
	if r := p.expect(6); r.id != first.id {
		t.Errorf("PUBREL for %d, want %d", r.id, first.id)
	}
	p.send([]byte{0x70, 2, byte(first.id >> 8), byte(first.id)})
	s.site.allow("lab", "bob", social.SpaceChannels(), true)
	s.RightsChanged(nil, nil)
	s.append("lab", social.ChannelData, "t", 2, "public")
	if r := p.expect(3); r.payload != "public" {
		t.Errorf("got %q", r.payload)
	}
}

// With PUBCOMP an identifier is free: the answer to a doubled PUBREL must not end
// the exchange that has it by then.
func TestADoubledPubrelEndsOneExchange(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	p := s.kept(t, 5, "tcp", "alice", "twice", 0)
	pubrel := []byte{0x62, 2, 0, 9}
	p.send(p.message(2, 9, "/ctx/lobby/data/t", "one"))
	p.expect(5)
	p.send(pubrel, pubrel)
	p.expect(7)
	p.expect(7)
	p.send(p.message(2, 9, "/ctx/lobby/data/t", "two"))
	p.expect(5)
	again := p.message(2, 9, "/ctx/lobby/data/t", "two")
	again[0] |= 8 // DUP
	p.send(again)
	p.expect(5)
	if n := len(s.site.published()); n != 2 {
		t.Errorf("%d publishes, want 2", n)
	}
}
