package broker_test

import (
	"slices"
	"sync"
	"testing"

	"rambla/broker"
	"rambla/social"
)

// held makes the gate hold publishes back; release finishes the nth.
func held(s *site) (count func() int, release func(n int, err error)) {
	var mu sync.Mutex
	var waiting []func(error)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hold = func(_ *broker.Publication, finish func(error)) bool {
		mu.Lock()
		defer mu.Unlock()
		waiting = append(waiting, finish)
		return true
	}
	return func() int {
			mu.Lock()
			defer mu.Unlock()
			return len(waiting)
		}, func(n int, err error) {
			mu.Lock()
			f := waiting[n]
			mu.Unlock()
			f(err)
		}
}

func TestSection4_6AcknowledgementsLeaveInTheOrderOfThePublishes(t *testing.T) {
	t.Parallel()
	variants(t, func(t *testing.T, version byte, transport string) {
		s := serve(t, broker.Config{})
		count, release := held(s.site)
		p := s.client(t, version, transport, "alice", "a")
		const n = 50
		for i := range uint16(n) {
			p.send(p.message(byte(1+i%2), i+1, "/ctx/lobby/messages", "x"))
		}
		waitFor(t, func() bool { return count() == n })
		p.quiet() // the reader is free while the gate works
		for i := n - 1; i >= 0; i-- {
			var err error
			if i%5 == 0 {
				err = social.Errorf(social.KindForbidden, "No.")
			}
			go release(i, err)
		}
		for i := range uint16(n) {
			r := p.read()
			if want := 4 + byte(i%2); r.kind() != want || r.id != i+1 {
				t.Fatalf("answer %d is packet %d for %d", i, r.kind(), r.id)
			}
			if refused := version == 5 && i%5 == 0; refused != (r.code == 0x87) {
				t.Fatalf("answer %d says %#x", i, r.code)
			}
		}
	})
}

func TestAFailedPublishEndsTheConnectionAfterTheAnswersBeforeIt(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	count, release := held(s.site)
	p := s.client(t, 5, "tcp", "alice", "a")
	for i := range uint16(3) {
		p.send(p.message(1, i+1, "/ctx/lobby/messages", "x"))
	}
	waitFor(t, func() bool { return count() == 3 })
	release(2, nil)
	release(1, social.Unavailable(nil))
	release(0, nil)
	if r := p.expect(4); r.id != 1 {
		t.Errorf("PUBACK for %d", r.id)
	}
	p.ended(0x89) // and nothing for the third, though it is stored: it would overtake the second
}

func TestSection4_3_3AQoS2PublishIsHandedOnOnce(t *testing.T) {
	t.Parallel()
	variants(t, func(t *testing.T, version byte, transport string) {
		s := serve(t, broker.Config{})
		count, release := held(s.site)
		p := s.client(t, version, transport, "alice", "a")
		first := p.message(2, 9, "/ctx/lobby/messages", "x")
		again := append([]byte{first[0] | 8}, first[1:]...)
		p.send(first, again)
		p.quiet()
		if count() != 1 {
			t.Fatalf("the gate got it %d times", count())
		}
		release(0, nil)
		if r := p.expect(5); r.id != 9 || r.code != 0 {
			t.Fatalf("PUBREC % x", r.body)
		}
		p.quiet() // one PUBREC for both
		p.send(again)
		if r := p.expect(5); r.id != 9 || r.code != 0 || version == 5 && !r.has(user("seq", "1")...) {
			t.Fatalf("PUBREC % x", r.body)
		}
		p.send(ack(6, 9))
		if r := p.expect(7); r.id != 9 || r.code != 0 {
			t.Fatalf("PUBCOMP % x", r.body)
		}
		p.send(ack(6, 9))
		if r := p.expect(7); version == 5 && r.code != 0x92 {
			t.Errorf("PUBCOMP for what is over says %#x", r.code)
		}
		p.send(first) // the identifier is free: a new message
		waitFor(t, func() bool { return count() == 2 })
		release(1, nil)
		p.expect(5)
	})
}

func TestSection3_3_4MoreThanReceiveMaximumEndsAnMQTT5Connection(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{ReceiveMaximum: 3})
	count, release := held(s.site)
	p := s.client(t, 5, "tcp", "alice", "a")
	p.send(p.message(1, 1, "/ctx/lobby/messages", "x"), p.message(2, 2, "/ctx/lobby/messages", "x"))
	waitFor(t, func() bool { return count() == 2 })
	release(0, nil)
	release(1, nil)
	p.expect(4)
	p.expect(5)
	// The QoS 2 publish counts until its PUBCOMP.
	p.send(p.message(1, 3, "/ctx/lobby/messages", "x"), p.message(1, 4, "/ctx/lobby/messages", "x"))
	waitFor(t, func() bool { return count() == 4 })
	p.send(p.message(0, 0, "/ctx/lobby/messages", "QoS 0 never counts"))
	waitFor(t, func() bool { return count() == 5 })
	release(4, nil)
	p.send(p.message(1, 5, "/ctx/lobby/messages", "x"))
	p.ended(0x93)
}

func TestSection4_3A311ClientIsReadNoFurtherWhileItsWindowIsFullAndGoesOnAfter(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{ReceiveMaximum: 2})
	count, release := held(s.site)
	p := s.client(t, 4, "tcp", "alice", "a")
	for i := range uint16(6) { // the PUBRELs lie behind publishes that wait
		p.send(p.message(2, i+1, "/ctx/lobby/messages", "x"))
	}
	for i := range uint16(6) {
		p.send(ack(6, i+1))
	}
	for i := range 6 {
		waitFor(t, func() bool { return count() > i })
		if i%2 == 0 {
			waitFor(t, func() bool { return count() == i+2 })
		}
		release(i, nil)
	}
	var got [8][]uint16
	for range 12 {
		r := p.read()
		got[r.kind()] = append(got[r.kind()], r.id)
	}
	if want := []uint16{1, 2, 3, 4, 5, 6}; !slices.Equal(got[5], want) || !slices.Equal(got[7], want) {
		t.Errorf("PUBREC %v, PUBCOMP %v", got[5], got[7])
	}
	p.quiet()
}

func TestAnswersLeaveWhileTheReaderWaitsForTheGate(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{ReceiveMaximum: 1})
	count, release := held(s.site)
	p := s.client(t, 4, "tcp", "alice", "a")
	p.send(append([]byte{0xC0, 0}, p.message(1, 1, "/ctx/lobby/messages", "x")...)) // one buffer
	p.expect(13)
	waitFor(t, func() bool { return count() == 1 })
	release(0, nil)
	p.expect(4)
}
