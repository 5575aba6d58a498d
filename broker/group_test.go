package broker_test

import (
	"fmt"
	"testing"

	"rambla/broker"
	"rambla/social"
)

// [MQTT-4.8.2-3], and what becomes of what a member does not acknowledge.
func TestMembersOfAGroupTakeTurnsAndInheritWhatOneLeaves(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		space := fmt.Sprint("shared-", version, transport)
		s.site.join(space, "bob")
		filter := "$share/workers//ctx/" + space + "/messages"
		a, b := s.client(t, version, transport, "bob", space+"-a"), s.client(t, version, transport, "bob", space+"-b")
		a.subscribe(filter, 1)
		b.subscribe(filter, 1)
		const n = 10
		for i := range n {
			s.append(space, social.ChannelMessages, "", 1, fmt.Sprint(i))
		}
		seen := make(map[string]int)
		left := 0
		for range n / 2 {
			seen[a.expect(3).payload]++
			r := b.expect(3) // b acknowledges nothing
			if r.qos() != 1 {
				t.Fatalf("QoS %d", r.qos())
			}
			left++
		}
		b.nc.Close()
		for range left {
			seen[a.expect(3).payload]++
		}
		for i := range n {
			if seen[fmt.Sprint(i)] != 1 {
				t.Errorf("%d came %d times to who stayed", i, seen[fmt.Sprint(i)])
			}
		}
	})
}

func TestAGroupKeepsItsPlaceWhileAMemberSessionLives(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	s.site.join("shop", "bob")
	filter := "$share/workers//ctx/shop/messages"
	post := func(payload string) { s.append("shop", social.ChannelMessages, "", 1, payload) }
	gets := func(p *peer, want string, answer bool) {
		t.Helper()
		r := p.expect(3)
		if r.payload != want {
			t.Fatalf("got %q, want %q", r.payload, want)
		}
		if answer {
			p.send(ack(4, r.id))
		}
	}
	a := s.dial(t, 4, "tcp")
	a.keep("bob", "a")
	a.subscribe(filter, 1)
	post("1")
	gets(a, "1", true)
	a.nc.Close()
	waitFor(t, func() bool { return len(s.Sessions()) == 0 })
	post("2")
	b := s.dial(t, 5, "tcp")
	b.keep("bob", "b")
	b.subscribe(filter, 1)
	gets(b, "2", true)
	post("3")
	gets(b, "3", false)
	b.nc.Close()
	post("4")
	a = s.dial(t, 4, "tcp")
	if r := a.keep("bob", "a"); r.body[0] != 1 {
		t.Error("the session is gone")
	}
	gets(a, "3", true)
	gets(a, "4", true)
}
