package broker_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"rambla/broker"
	"rambla/social"
)

func TestSection3_1_1ConnackTellsWhatTheServerCan(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{ReceiveMaximum: 77, MaxPacket: 9999})
	p := s.dial(t, 5, "tcp")
	r := p.join("alice", "", []byte{0x11, 0, 0, 0, 9})
	for name, want := range map[string][]byte{
		"receive maximum":        {0x21, 0, 77},
		"maximum packet size":    {0x27, 0, 0, 0x27, 0x0F},
		"assigned client id":     {0x12, 0},
		"topic alias maximum 32": {0x22, 0, 32},
	} {
		if !r.has(want...) {
			t.Errorf("CONNACK lacks %s: % x", name, r.props)
		}
	}
	if r.body[0] != 0 {
		t.Error("session present is set")
	}
}

func TestSection3_1_2KeepAliveIsLimitedByTheServer(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{MaxKeepAlive: 100 * time.Second})
	for asked, told := range map[uint16]bool{0: true, 101: true, 100: false, 65535: true} {
		p := s.dial(t, 5, "tcp")
		p.send(packet(0x10, p.connectBody("alice", "", asked)))
		if r := p.expect(2); r.has(0x13, 0, 100) != told {
			t.Errorf("asked for %d s: % x", asked, r.props)
		}
	}
}

func TestSection3_1RefusedConnectsGetTheirCode(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	refusal := make(map[string]error)
	for kind, name := range map[social.Kind]string{
		social.KindUnavailable: "down", social.KindForbidden: "forbidden", social.KindRateLimited: "many", social.KindInternal: "broken",
	} {
		refusal[name] = social.Errorf(kind, "A sentence.")
	}
	s.site.connect = func(_ context.Context, l broker.Login) error { return refusal[l.Username] }
	body := func(level, flags byte, props []byte, rest ...[]byte) []byte {
		b := append(str("MQTT"), level, flags, 0, 60)
		b = append(b, props...)
		for _, r := range rest {
			b = append(b, r...)
		}
		return b
	}
	login := func(name string) []byte { return append(str(name), str(name)...) }
	for name, c := range map[string]struct {
		version, code byte
		body          []byte
	}{
		"wrong password 3.1.1":      {4, 4, body(4, 0xC2, nil, str("c"), str("alice"), str("x"))},
		"wrong password 5.0":        {5, 0x86, body(5, 0xC2, []byte{0}, str("c"), str("alice"), str("x"))},
		"nobody 3.1.1":              {4, 4, body(4, 2, nil, str("c"))},
		"store away 3.1.1":          {4, 3, body(4, 0xC2, nil, str("c"), login("down"))},
		"store away 5.0":            {5, 0x88, body(5, 0xC2, []byte{0}, str("c"), login("down"))},
		"forbidden 3.1.1":           {4, 5, body(4, 0xC2, nil, str("c"), login("forbidden"))},
		"forbidden 5.0":             {5, 0x87, body(5, 0xC2, []byte{0}, str("c"), login("forbidden"))},
		"too often 5.0":             {5, 0x9F, body(5, 0xC2, []byte{0}, str("c"), login("many"))},
		"fault 5.0":                 {5, 0x80, body(5, 0xC2, []byte{0}, str("c"), login("broken"))},
		"a forbidden will 3.1.1":    {4, 5, body(4, 0xC6, nil, str("c"), str("w"), str("m"), login("alice"))},
		"a forbidden will 5.0":      {5, 0x87, body(5, 0xC6, []byte{0}, str("c"), []byte{0}, str("w"), str("m"), login("alice"))},
		"empty id kept 3.1.1":       {4, 2, body(4, 0xC0, nil, str(""), login("alice"))},
		"MQTT 3.1":                  {4, 1, append(append(str("MQIsdp"), 3, 0xC2, 0, 60), append(str("c"), login("alice")...)...)},
		"level 3 of MQTT":           {4, 1, body(3, 0xC2, nil, str("c"), login("alice"))},
		"level 6":                   {5, 0x84, body(6, 0xC2, []byte{0}, str("c"), login("alice"))},
		"authentication method":     {5, 0x8C, body(5, 0xC2, append([]byte{5, 0x15}, str("xy")...), str("c"), login("alice"))},
		"reserved flag 5.0":         {5, 0x81, body(5, 0xC3, []byte{0}, str("c"), login("alice"))},
		"will QoS without will 5.0": {5, 0x81, body(5, 0xCA, []byte{0}, str("c"), login("alice"))},
		"receive maximum 0":         {5, 0x82, body(5, 0xC2, []byte{3, 0x21, 0, 0}, str("c"), login("alice"))},
		"property twice":            {5, 0x82, body(5, 0xC2, []byte{6, 0x21, 0, 1, 0x21, 0, 1}, str("c"), login("alice"))},
		"property of PUBLISH":       {5, 0x81, body(5, 0xC2, []byte{2, 0x01, 0}, str("c"), login("alice"))},
		"properties too long":       {5, 0x81, body(5, 0xC2, []byte{120}, str("c"), login("alice"))},
		"NUL in the client id":      {5, 0x81, body(5, 0xC2, []byte{0}, str("a\x00b"), login("alice"))},
		"bytes behind the end":      {5, 0x81, body(5, 0xC2, []byte{0}, str("c"), login("alice"), []byte("more"))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := s.dial(t, c.version, "tcp")
			p.send(packet(0x10, c.body))
			if r := p.expect(2); r.code != c.code {
				t.Errorf("CONNACK says %#x, want %#x", r.code, c.code)
			}
			p.ended(0)
		})
	}
}

func TestSection3_1WhatIsNoConnectIsClosedWithoutAWord(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for name, bytes := range map[string][]byte{
		"another packet first":  {0xC0, 0},
		"flags in the header":   packet(0x11, append(str("MQTT"), 4, 2, 0, 60, 0, 1, 'c')),
		"another protocol":      packet(0x10, append(str("HTTP"), 4, 2, 0, 60, 0, 1, 'c')),
		"GET":                   []byte("GET / HTTP/1.1\r\n\r\n"),
		"endless length":        {0x10, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80},
		"larger than a CONNECT": {0x10, 0xFF, 0xFF, 0x7F},
		"empty":                 {0x10, 0},
		"reserved flag 3.1.1":   packet(0x10, append(str("MQTT"), 4, 3, 0, 60, 0, 1, 'c')),
		"cut short 3.1.1":       packet(0x10, append(str("MQTT"), 4, 2, 0, 60, 0, 9, 'c')),
		"password, no username": packet(0x10, append(append(str("MQTT"), 4, 0x42, 0, 60, 0, 1, 'c'), str("p")...)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := s.dial(t, 4, "tcp")
			p.send(bytes)
			p.ended(0)
		})
	}
}

func TestSection3_1_0ASecondConnectEndsTheConnection(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		p := s.client(t, version, transport, "alice", t.Name())
		p.send(packet(0x10, p.connectBody("alice", t.Name(), 60)))
		p.ended(0x82)
	})
}

func TestSection3_1_4ASilentConnectionIsClosed(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{ConnectTimeout: 400 * time.Millisecond})
	for _, transport := range []string{"tcp", "ws"} {
		p := s.dial(t, 4, transport)
		p.ended(0)
	}
	p := s.client(t, 4, "tcp", "alice", "lives")
	half := s.dial(t, 4, "tcp")
	half.send(packet(0x10, half.connectBody("alice", "x", 60))[:9])
	half.ended(0)
	p.quiet() // whoever has connected is not meant
}

func TestSection3_1_4TheSameClientIDTakesTheSessionOver(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		id := t.Name()
		first := s.client(t, version, transport, "alice", id)
		other := s.client(t, version, transport, "bob", id) // of another person: another session
		second := s.client(t, version, transport, "alice", id)
		first.ended(0x8E)
		second.quiet()
		other.quiet()
	})
}

func TestOfManySimultaneousConnectsOneConnectionRemains(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	var wg sync.WaitGroup
	peers := make([]*peer, 40)
	for i := range peers {
		wg.Go(func() {
			p := s.dial(t, 5, "tcp")
			p.try(packet(0x10, p.connectBody("alice", "same", 60))) // it may be taken over at once
			peers[i] = p
		})
	}
	wg.Wait()
	waitFor(t, func() bool { return s.value("rambla_broker_disconnects_total", "taken_over") == float64(len(peers)-1) })
	if sessions := s.Sessions(); len(sessions) != 1 || sessions[0].ClientID != "same" {
		t.Errorf("sessions: %+v", sessions)
	}
	var alive sync.Map
	for i, p := range peers {
		wg.Go(func() {
			p.try([]byte{0xC0, 0})
			for {
				r, err := p.next()
				if err != nil {
					return
				}
				if r.kind() == 13 {
					alive.Store(i, true)
					return
				}
			}
		})
	}
	wg.Wait()
	n := 0
	alive.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d connections live, want 1", n)
	}
}

func TestSection3_1_2SilenceEndsTheConnectionAndAnyPacketKeepsIt(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	quiet := s.dial(t, 5, "tcp")
	spoke := time.Now() // or a moment later
	quiet.send(packet(0x10, quiet.connectBody("alice", "quiet", 1)))
	quiet.expect(2)
	busy := s.dial(t, 5, "tcp")
	busy.send(packet(0x10, busy.connectBody("alice", "busy", 1)))
	busy.expect(2)
	start := time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for time.Since(start) < 2*time.Second {
			busy.send(ack(4, 9)) // acknowledgements count, also of what was never sent
			<-tick.C
		}
	}()
	quiet.ended(0x8D)
	if d := time.Since(spoke); d < 1400*time.Millisecond || d > 10*time.Second {
		t.Errorf("ended after %v, want 1.5 s", d)
	}
	<-done
	busy.quiet()
}

func TestTheTimeInWhichTheServerDoesNotReadIsNoSilenceOfTheClient(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{ReceiveMaximum: 1})
	count, release := held(s.site)
	p := s.dial(t, 4, "tcp")
	p.send(packet(0x10, p.connectBody("alice", "a", 1)))
	p.expect(2)
	p.send(p.message(1, 1, "/ctx/lobby/messages", "x"))
	waitFor(t, func() bool { return count() == 1 })
	p.send([]byte{0xC0, 0}) // nobody reads it while the gate holds the publish
	<-time.After(2500 * time.Millisecond)
	release(0, nil)
	p.expect(4)
	p.expect(13)
}

func TestAConnectionWithoutKeepAliveEndsAtTheIdleLimit(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{IdleLimit: 100 * time.Millisecond})
	p := s.dial(t, 4, "tcp")
	p.send(packet(0x10, p.connectBody("alice", "x", 0)))
	p.expect(2)
	p.ended(0)
}

func TestConnectionsPerAddressAreLimitedUntilTheyAuthenticate(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{MaxConnectingPerAddr: 2})
	one := s.client(t, 4, "tcp", "alice", "a")
	first, second := s.dial(t, 4, "tcp"), s.dial(t, 4, "tcp")
	waitFor(t, func() bool {
		return s.value("rambla_broker_limited_total", "connecting_per_address") > 0 || s.refuses(t)
	})
	one.quiet()
	first.join("alice", "b")
	second.join("alice", "c")
	s.client(t, 4, "tcp", "alice", "d") // there is room again
}

func TestConnectionsPerAddressAreLimited(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{MaxConnectionsPerAddr: 1})
	p := s.client(t, 4, "tcp", "alice", "a")
	if !s.refuses(t) {
		t.Error("a second connection was taken")
	}
	p.send([]byte{0xE0, 0})
	p.ended(0)
	waitFor(t, func() bool { return !s.refuses(t) })
}

// refuses tells whether a new connection is closed at once.
func (s *server) refuses(t testing.TB) bool {
	p := s.dial(t, 4, "tcp")
	p.try(packet(0x10, p.connectBody("alice", "probe", 60))) // an error is the answer
	_, err := p.next()
	p.nc.Close()
	return err != nil
}

func TestAPasswordIsNeverLogged(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	s.site.connect = func(_ context.Context, l broker.Login) error {
		if strings.Contains(fmt.Sprint(s.log.String()), "sesame") {
			t.Error("the log has the password")
		}
		return nil
	}
	p := s.dial(t, 5, "tcp")
	body := append(append(str("MQTT"), 5, 0xC2, 0, 60, 0), str("c")...)
	p.send(packet(0x10, append(append(body, str("alice")...), str("sesame")...)))
	p.expect(2)
	p.ended(0)
	if strings.Contains(s.log.String(), "sesame") {
		t.Error("the log has the password")
	}
}
