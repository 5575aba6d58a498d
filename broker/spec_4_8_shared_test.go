package broker_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"rambla/broker"
	"rambla/social"
)

func TestSection4_8_2BadGroupsAreRefusedAndTheConnectionLivesOn(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		p := s.client(t, version, transport, "bob", t.Name())
		for filter, code := range map[string]byte{
			"$share":                              0x8F,
			"$share/":                             0x8F,
			"$share//":                            0x8F,
			"$share/g":                            0x8F,
			"$share/g/":                           0x8F,
			"$share///ctx/lobby/data/x":           0x8F,
			"$share/a+b//ctx/lobby/data/x":        0x8F,
			"$share/+//ctx/lobby/data/x":          0x8F,
			"$share/#//ctx/lobby/data/x":          0x8F,
			"$share/a#//ctx/lobby/data/x":         0x8F,
			"$share/g//ctx/lobby/data/#/x":        0x8F,
			"$share/g//ctx/lobby/data/x+":         0x8F,
			"$share/g/x":                          0x87,
			"$share/g/#":                          0x87,
			"$share/g//ctx/none/data/x":           0x87,
			"$share/g//ctx/staff/messages":        0x87,
			"$share/g/$share/g//ctx/lobby/data/x": 0x87,
		} {
			if version == 4 {
				code = 0x80
			}
			if got := p.subscribe(filter, 1); got != code {
				t.Errorf("%q is granted %#x, want %#x", filter, got, code)
			}
		}
		for asked, granted := range []byte{0, 1, 1} { // QoS 1 at most, so that none is bound to one member
			if code := p.subscribe("$share/g//ctx/lobby/data/x", byte(asked)); code != granted {
				t.Errorf("a good one that asks for QoS %d is granted %#x", asked, code)
			}
		}
	})
}

func TestSection3_8_3NoLocalOnASharedSubscriptionEndsTheConnection(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for _, transport := range []string{"tcp", "ws"} {
		for _, filter := range []string{"$share/g//ctx/lobby/data/x", "$share/g//ctx/none/messages", "$share/g"} {
			p := s.client(t, 5, transport, "bob", fmt.Sprint(transport, filter))
			p.send(p.subscribePacket(1, nil, subscription("/ctx/lobby/messages", 1), subscription(filter, 1|4)))
			p.ended(0x82)
		}
	}
}

// members are clients of one person behind one group.
func (s *server) members(t *testing.T, version byte, transport, filter string, grants ...byte) []*peer {
	t.Helper()
	out := make([]*peer, len(grants))
	for i, qos := range grants {
		out[i] = s.client(t, version, transport, "bob", fmt.Sprint(t.Name(), " member ", i))
		if code := out[i].subscribe(filter, qos); code != qos {
			t.Fatalf("granted %#x, want %d", code, qos)
		}
	}
	return out
}

// pending reads whatever came to each of the peers, until each has answered a PINGREQ.
func pending(peers ...*peer) (out [][]received) {
	for _, p := range peers {
		var got []received
		p.send([]byte{0xC0, 0})
		for r := p.read(); r.kind() != 13; r = p.read() {
			got = append(got, r)
		}
		out = append(out, got)
	}
	return out
}

func TestSection4_8_2EachMessageReachesOneMemberAtTheQoSOfItsOwnGrant(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		filter := "$share/workers/" + c.data + "#"
		members := s.members(t, version, transport, filter, 0, 1, 1)
		c.sub.subscribe(c.data+"#", 0) // a subscription of one's own gets a copy of its own
		const n = 60
		seen := make(map[string]int)
		for i := range n {
			s.append(c.space, social.ChannelData, "x", 2, fmt.Sprint(i))
			if r := c.sub.expect(3); r.payload != fmt.Sprint(i) {
				t.Fatalf("delivered %q", r.payload)
			}
		}
		per := make([]int, 3)
		for len(seen) < n {
			for m, got := range pending(members...) {
				for _, r := range got {
					if r.kind() != 3 || int(r.qos()) != min(m, 1) || r.topic != c.data+"x" {
						t.Fatalf("member %d got %#x %q", m, r.header, r.topic)
					}
					per[m]++
					seen[r.payload]++
					if m > 0 {
						members[m].send(ack(4, r.id))
					}
				}
			}
		}
		for payload, times := range seen {
			if times != 1 {
				t.Errorf("%s was delivered %d times", payload, times)
			}
		}
		for m, count := range per {
			if count < n/6 {
				t.Errorf("member %d got %d of %d", m, count, n)
			}
		}
	})
}

func TestSection4_8_2AGroupBelongsToOnePerson(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		filter := "$share/workers/" + c.data + "#"
		alice := s.client(t, version, transport, "alice", t.Name()+" member")
		alice.subscribe(filter, 1)
		bob := s.members(t, version, transport, filter, 1)[0]
		other := s.client(t, version, transport, "bob", t.Name()+" of another group")
		other.subscribe(strings.Replace(filter, "workers", "others", 1), 1)
		s.append(c.space, social.ChannelData, "x", 1, "x")
		alice.gets("x")
		bob.gets("x")
		other.gets("x")
	})
}

func TestSection4_8_2WhoUnsubscribesGetsNoMore(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		filter := "$share/workers/" + c.data + "#"
		members := s.members(t, version, transport, filter, 1, 1)
		members[0].send(members[0].unsubscribePacket(9, c.data+"#", "$share/others/"+c.data+"#", filter))
		if r := members[0].expect(11); version == 5 && !bytes.Equal(r.codes, []byte{0x11, 0x11, 0}) {
			t.Errorf("UNSUBACK % x", r.codes)
		}
		for i := range 10 {
			s.append(c.space, social.ChannelData, "x", 1, fmt.Sprint(i))
			members[1].gets(fmt.Sprint(i))
		}
		members[0].quiet()
	})
}

func TestSection4_8_2WhatAMemberRefusesIsOfferedToNoOther(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for _, transport := range []string{"tcp", "ws"} {
		c := s.pair(t, 5, transport)
		members := s.members(t, 5, transport, "$share/workers/"+c.data+"#", 1, 1)
		for i := range 10 {
			s.append(c.space, social.ChannelData, "x", 1, fmt.Sprint(i))
		}
		count := 0
		for count < 10 {
			for m, got := range pending(members...) {
				for _, r := range got {
					count++
					members[m].send([]byte{0x40, 3, byte(r.id >> 8), byte(r.id), 0x83})
				}
			}
		}
		members[0].quiet()
		members[0].nc.Close()
		waitFor(t, func() bool { return !s.connected(t.Name()+" member 0", "bob") })
		members[1].quiet()
		if count != 10 {
			t.Errorf("%d deliveries of 10 messages", count)
		}
	}
}

func TestSection4_8_2QoS1ThatALostMemberDidNotAcknowledgeGoesToAnother(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		members := s.members(t, version, transport, "$share/workers/"+c.data+"#", 1, 1)
		for i := range 10 {
			s.append(c.space, social.ChannelData, "x", 1, fmt.Sprint(i))
		}
		seen := make(map[string]bool)
		var open int
		for open+len(seen) < 10 {
			got := pending(members...)
			open += len(got[0])
			for _, r := range got[1] {
				seen[r.payload] = true
				members[1].send(ack(4, r.id))
			}
		}
		if open == 0 {
			t.Fatal("the first member got nothing")
		}
		members[0].nc.Close()
		for len(seen) < 10 {
			r := members[1].expect(3)
			if seen[r.payload] {
				t.Errorf("%s came twice", r.payload)
			}
			seen[r.payload] = true
			members[1].send(ack(4, r.id))
		}
	})
}
