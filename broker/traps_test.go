package broker_test

import (
	"bytes"
	"fmt"
	"testing"

	"rambla/broker"
)

// Each of these went wrong in the bare engine.

func TestAKeepAliveNearItsMaximumIsNoShortOne(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for _, seconds := range []uint16{43690, 43691, 43692, 65535} { // times 1.5 they leave 16 bits
		p := s.dial(t, 4, "tcp")
		p.send(packet(0x10, p.connectBody("bob", fmt.Sprint(seconds), seconds)))
		p.expect(2)
		p.quiet()
	}
}

func TestIdentifiersOfPublishesAndDeliveriesDoNotMeet(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for _, qos := range []byte{1, 2} {
		p := s.client(t, 5, "tcp", "bob", fmt.Sprint(qos))
		p.subscribe("/ctx/lobby/data/#", 2)
		other := s.client(t, 5, "tcp", "alice", fmt.Sprint(qos))
		for id := range uint16(3) {
			other.send(other.message(qos, id+1, "/ctx/lobby/data/x", "from the other"))
			other.expect(3 + qos)
			if r := p.expect(3); r.id != 2*id+1 {
				t.Fatalf("delivery %d", r.id)
			}
			p.send(p.message(qos, 2*id+1, "/ctx/lobby/data/x", "from oneself"))
			for range 2 {
				if r := p.read(); r.kind() == 3 && r.id != 2*id+2 || r.kind() != 3 && (r.id != 2*id+1 || r.code != 0) {
					t.Fatalf("packet %d for %d says %#x", r.kind(), r.id, r.code)
				}
			}
		}
		for id := range uint16(6) { // all of them are still there to be acknowledged
			if qos == 1 {
				p.send(ack(4, id+1))
				continue
			}
			p.send(ack(5, id+1))
			if r := p.expect(6); r.code != 0 || r.id != id+1 {
				t.Errorf("PUBREL for %d says %#x", r.id, r.code)
			}
		}
		if qos == 1 {
			waitFor(t, func() bool {
				for _, i := range s.Sessions() {
					if i.Name == "bob" {
						return i.Unacknowledged == 0
					}
				}
				return false
			})
		}
		p.send([]byte{0xE0, 0})
		p.ended(0)
	}
}

func TestTheReasonOfADisconnectArrivesThoughInputIsUnread(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for range 20 {
		p := s.client(t, 5, "tcp", "bob", "b")
		flood := bytes.Repeat(p.message(0, 0, "/ctx/lobby/messages", "x"), 5000)
		go p.try(append([]byte{0x00, 0}, flood...)) // it may be cut short
		p.ended(0x81)
	}
}

func TestASlowSubscriberDoesNotBlockAPublisher(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	slow := s.client(t, 4, "tcp", "bob", "slow")
	slow.subscribe("/ctx/lobby/data/#", 1)
	p := s.client(t, 4, "tcp", "alice", "a")
	payload := string(make([]byte, 100<<10))
	for i := range uint16(100) { // 10 MB that nobody reads
		p.send(p.message(1, i+1, "/ctx/lobby/data/x", payload))
		p.expect(4)
	}
}

func TestAnUnsubscribeOfWhatWasNeverSubscribedSaysSo(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	p := s.client(t, 5, "tcp", "bob", "b")
	p.send(packet(0xA2, append([]byte{0, 1, 0}, str("/ctx/lobby/messages")...)))
	if r := p.expect(11); !bytes.Equal(r.codes, []byte{0x11}) {
		t.Errorf("UNSUBACK % x", r.body)
	}
}
