package broker_test

import (
	"fmt"
	"slices"
	"testing"

	"rambla/broker"
	"rambla/social"
)

// complete takes a QoS 2 delivery from its PUBREC on to the end.
func (p *peer) complete(id uint16) {
	p.t.Helper()
	r := p.expect(6)
	if r.id != id || r.code != 0 {
		p.t.Fatalf("PUBREL % x, want one for %d", r.body, id)
	}
	p.send(ack(7, id))
}

func TestSection4_4WhatWasNotAcknowledgedComesFirstWithItsIdentifierAndDup(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		id := t.Name() + " kept"
		p := s.kept(t, version, transport, "bob", id, 0)
		p.subscribe(c.data+"#", 2)
		send := func(n int, qos byte) {
			c.pub.send(c.pub.message(qos, uint16(n+1), c.data+"x", fmt.Sprint(n)))
			c.pub.expect(3 + qos)
		}
		ids := make([]uint16, 6)
		for i := range ids {
			send(i, byte(1+i%2))
			ids[i] = p.expect(3).id
		}
		p.send(ack(4, ids[2]), ack(5, ids[3])) // 2 is over; of 3 the PUBCOMP is missing
		if r := p.expect(6); r.id != ids[3] {
			t.Fatalf("PUBREL for %d", r.id)
		}
		p.send(ack(5, ids[5]))
		p.complete(ids[5]) // and 5 is over
		p.quiet()
		s.leave(p, "bob", id, nil)
		send(6, 1)
		send(7, 2)
		for round := range 2 { // the second time nothing was acknowledged since
			p = s.kept(t, version, transport, "bob", id, 1)
			released := 0
			for _, i := range []int{0, 1, 4} { // in the order in which they were sent
				r := p.read()
				for ; r.header == 0x62 && r.id == ids[3]; r = p.read() { // [MQTT-4.3.3-6]: PUBREL, never the PUBLISH
					released++
				}
				if want := byte(0x38 | (1+i%2)<<1); r.header != want || r.id != ids[i] || r.payload != fmt.Sprint(i) {
					t.Fatalf("round %d: got %#x %d %q, want %#x %d", round, r.header, r.id, r.payload, want, ids[i])
				}
			}
			for i, qos := range []byte{1, 2} {
				r := p.expect(3)
				dup := byte(8 * round)
				if r.header != 0x30|qos<<1|dup || r.payload != fmt.Sprint(6+i) {
					t.Fatalf("round %d: got %#x %q", round, r.header, r.payload)
				}
			}
			if released != 1 {
				t.Errorf("round %d: %d PUBRELs", round, released)
			}
			p.quiet()
			s.leave(p, "bob", id, nil)
		}
	})
}

func TestSection4_4ReceiveMaximumHoldsForWhatIsSentAgainToo(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{SendWindow3: 3})
	for _, version := range []byte{4, 5} {
		c := s.pair(t, version, "tcp")
		id := fmt.Sprint(t.Name(), version)
		p := s.kept(t, version, "tcp", "bob", id, 0, expiry(3600), []byte{0x21, 0, 3})
		p.subscribe(c.data+"x", 1)
		for i := range 10 {
			s.append(c.space, social.ChannelData, "x", 1, fmt.Sprint(i))
		}
		for range 3 {
			p.expect(3)
		}
		p.quiet()
		s.leave(p, "bob", id, nil)
		most := 3
		if version == 5 {
			most = 2 // the client has less room now
		}
		p = s.kept(t, version, "tcp", "bob", id, 1, expiry(3600), []byte{0x21, 0, 2})
		next := 0
		for next < 10 {
			var open []received
			for range min(most, 10-next) {
				r := p.expect(3)
				if r.payload != fmt.Sprint(next) || (r.header&8 != 0) != (next < 3) {
					t.Fatalf("got %#x %q, want %d", r.header, r.payload, next)
				}
				next++
				open = append(open, r)
			}
			p.quiet()
			for _, r := range open {
				p.send(ack(4, r.id))
			}
		}
		p.quiet()
	}
}

func TestSection4_3_3AQoS2PublishIsKnownAgainWhenItsSessionComesBack(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		c.sub.subscribe(c.data+"x", 2)
		id := t.Name() + " kept"
		p := s.kept(t, version, transport, "alice", id, 0)
		first, second := p.message(2, 7, c.data+"x", "first"), p.message(2, 8, c.data+"x", "second")
		p.send(first, second)
		p.expect(5)
		p.expect(5)
		p.send(ack(6, 8))
		p.expect(7)
		s.leave(p, "alice", id, nil)
		p = s.kept(t, version, transport, "alice", id, 1)
		p.send(append([]byte{first[0] | 8}, first[1:]...))
		if r := p.expect(5); r.id != 7 || r.code != 0 {
			t.Errorf("PUBREC % x", r.body)
		}
		p.send(ack(6, 8)) // its PUBCOMP was lost, for all that we know
		if r := p.expect(7); r.id != 8 || version == 5 && r.code != 0x92 {
			t.Errorf("PUBCOMP % x", r.body)
		}
		p.send(ack(6, 7))
		if r := p.expect(7); r.id != 7 || r.code != 0 {
			t.Errorf("PUBCOMP % x", r.body)
		}
		row, _ := s.site.store.row(s.site.person("alice"), id)
		if _, kept := s.site.store.received(row.ID, 7); kept {
			t.Error("the identifier is in the store, though PUBCOMP was sent")
		}
		p.send(p.message(2, 7, c.data+"x", "third"))
		p.expect(5)
		for _, want := range []string{"first", "second", "third"} {
			if r := c.sub.expect(3); r.payload != want {
				t.Fatalf("delivered %q, want %q", r.payload, want)
			}
		}
		c.sub.quiet()
	})
}

func TestSection4_3_3TheIdentifierOfAQoS2DeliveryIsKeptBeforeItLeaves(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	c := s.pair(t, 5, "tcp")
	p := s.kept(t, 5, "tcp", "bob", "kept", 0)
	p.subscribe(c.data+"x", 2)
	s.append(c.space, social.ChannelData, "x", 2, "the first")
	p.collect(1)
	for _, state := range []social.PacketState{social.AwaitsPubrec, social.AwaitsPubcomp} {
		committing, goOn := make(chan struct{}, 16), make(chan struct{})
		s.site.store.watch(func(ws []social.SessionWrite) {
			for _, w := range ws {
				if w.Save != nil && opens(t, w.Save.Position, state) {
					committing <- struct{}{}
					<-goOn
				}
			}
		})
		kind := byte(3)
		if state == social.AwaitsPubrec {
			s.append(c.space, social.ChannelData, "x", 2, "the second")
		} else {
			p.send(ack(5, 2))
			kind = 6
		}
		awaitSignal(t, committing)
		p.quiet() // neither PUBLISH nor PUBREL leaves while the store is at work
		s.site.store.watch(nil)
		close(goOn)
		if r := p.expect(kind); r.id != 2 {
			t.Errorf("packet %#x for %d", r.header, r.id)
		}
	}
}

// opens tells whether a stored position has a delivery in the state.
func opens(t *testing.T, stored []byte, state social.PacketState) bool {
	position, err := social.DecodePosition(stored)
	if err != nil {
		t.Error(err)
	}
	return slices.ContainsFunc(position.Open, func(o social.OpenPacket) bool { return o.State == state })
}

func TestSection4_4WhatTheLogCannotGiveNowComesWhenItIsBack(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for _, version := range []byte{4, 5} {
		c := s.pair(t, version, "tcp")
		id := fmt.Sprint(t.Name(), version)
		p := s.kept(t, version, "tcp", "bob", id, 0)
		p.subscribe("/ctx/"+c.space+"/messages", 1)
		s.leave(p, "bob", id, goodbye)
		for i := range 10 {
			s.append(c.space, social.ChannelMessages, "", 1, fmt.Sprint(i))
		}
		s.site.log.fail(social.Unavailable(nil))
		p = s.kept(t, version, "tcp", "bob", id, 1)
		p.quiet()
		s.append(c.space, social.ChannelMessages, "", 1, "10") // it must not overtake
		p.quiet()
		s.site.log.fail(nil)
		for i, r := range p.collect(11) {
			if r.payload != fmt.Sprint(i) {
				t.Fatalf("got %q, want %d", r.payload, i)
			}
		}
	}
}

func TestWhatIsPublishedCostsAbsentSessionsNothing(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	const absent = 30
	for i := range absent {
		id := fmt.Sprint("absent ", i)
		p := s.kept(t, 5, "tcp", "bob", id, 0)
		p.subscribe("/ctx/lobby/#", 1)
		s.leave(p, "bob", id, goodbye)
	}
	waitFor(t, func() bool {
		row, ok := s.site.store.row(s.site.person("bob"), fmt.Sprint("absent ", absent-1))
		return ok && row.Node == 0
	})
	before := s.site.store.committed()
	a := s.client(t, 5, "tcp", "alice", "a")
	for i := range uint16(200) {
		a.send(a.message(1, i+1, "/ctx/lobby/messages", "x"))
		a.expect(4)
	}
	if after := s.site.store.committed(); after != before {
		t.Errorf("%d transactions for sessions that are away", after-before)
	}
}
