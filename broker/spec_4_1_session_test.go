package broker_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rambla/broker"
	"rambla/social"
)

// keep connects without a clean start, to a session that outlives the connection.
func (p *peer) keep(name, id string, list ...[]byte) received {
	p.t.Helper()
	if len(list) == 0 {
		list = [][]byte{expiry(3600)}
	}
	body := p.connectBody(name, id, 60, list...)
	body[7] &^= 2 // behind the protocol's name and level
	p.send(packet(0x10, body))
	r := p.expect(2)
	if r.code != 0 {
		p.t.Fatalf("CONNACK says %#x", r.code)
	}
	return r
}

// kept dials and keeps; present is what the CONNACK must say of a session.
func (s *server) kept(t testing.TB, version byte, transport, name, id string, present byte, list ...[]byte) *peer {
	t.Helper()
	p := s.dial(t, version, transport)
	if r := p.keep(name, id, list...); r.body[0] != present {
		t.Fatalf("session present is %d, want %d", r.body[0], present)
	}
	return p
}

// leave ends a connection, by DISCONNECT or by a cut, and waits until it is gone.
func (s *server) leave(p *peer, name, id string, bye []byte) {
	p.t.Helper()
	if bye != nil {
		p.send(bye)
	}
	p.nc.Close()
	waitFor(p.t, func() bool { return !s.connected(id, name) })
}

// awaitSignal waits, and fails the test if that takes too long.
func awaitSignal(t *testing.T, signal <-chan struct{}) {
	t.Helper()
	select {
	case <-signal:
	case <-time.After(eventually):
		t.Fatal("it did not happen in time")
	}
}

// silent tells that nothing comes within a moment.
func (p *peer) silent() {
	p.t.Helper()
	if err := p.limit.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		p.t.Fatal(err)
	}
	if b, err := p.in.Peek(1); !errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Fatalf("got % x, %v; want nothing yet", b, err)
	}
}

// collect reads n deliveries and answers each to its end.
func (p *peer) collect(n int) (out []received) {
	p.t.Helper()
	for open := 0; len(out) < n || open > 0; {
		switch r := p.read(); {
		case r.kind() == 3:
			out = append(out, r)
			if r.qos() == 2 {
				open++
			}
			if r.qos() > 0 {
				p.send(ack(3+r.qos(), r.id))
			}
		case r.kind() == 6 && r.code == 0:
			open--
			p.send(ack(7, r.id))
		default:
			p.t.Fatalf("got packet %#x % x", r.header, r.body)
		}
	}
	return out
}

var goodbye = []byte{0xE0, 0}

func TestSection3_1_2_4ASessionThatIsKeptGoesOn(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for name, bye := range map[string][]byte{"behind a DISCONNECT": goodbye, "behind a cut": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			variants(t, func(t *testing.T, version byte, transport string) {
				c := s.pair(t, version, transport)
				id := t.Name() + " kept"
				p := s.kept(t, version, transport, "bob", id, 0)
				p.subscribe("/ctx/"+c.space+"/messages", 1)
				p.subscribe(c.data+"x", 2)
				s.leave(p, "bob", id, bye)
				for i := range uint16(5) {
					c.pub.send(c.pub.message(1, 1, "/ctx/"+c.space+"/messages", fmt.Sprint("message ", i)))
					c.pub.expect(4)
					c.pub.send(c.pub.message(2, i+1, c.data+"x", fmt.Sprint("data ", i)))
					c.pub.expect(5)
				}
				p = s.kept(t, version, transport, "bob", id, 1)
				next := map[byte]int{}
				for _, r := range p.collect(10) {
					kind := map[byte]string{1: "message", 2: "data"}[r.qos()]
					if r.payload != fmt.Sprint(kind, " ", next[r.qos()]) || r.header&8 != 0 {
						t.Fatalf("got %q with header %#x", r.payload, r.header)
					}
					next[r.qos()]++
				}
				p.quiet()
			})
		})
	}
}

func TestSection3_1_2_4ACleanStartEndsWhatWasKept(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		id, topic := t.Name()+" kept", "/ctx/"+c.space+"/messages"
		p := s.kept(t, version, transport, "bob", id, 0)
		p.subscribe(topic, 1)
		s.leave(p, "bob", id, goodbye)
		c.pub.send(c.pub.message(1, 1, topic, "for nobody"))
		c.pub.expect(4)
		p = s.dial(t, version, transport)
		if r := p.join("bob", id); r.body[0] != 0 { // [MQTT-3.2.2-2], [MQTT-3.2.2-1] of MQTT 3.1.1
			t.Error("session present is set")
		}
		c.pub.send(c.pub.message(1, 2, topic, "for nobody either"))
		c.pub.expect(4)
		p.quiet()
		s.leave(p, "bob", id, goodbye)
		s.kept(t, version, transport, "bob", id, 0) // it ended with its connection
	})
}

func TestSection3_1_2_4ASessionBelongsToThePersonWhoMadeIt(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		id, topic := t.Name()+" kept", "/ctx/"+c.space+"/messages"
		p := s.kept(t, version, transport, "bob", id, 0)
		p.subscribe(topic, 1)
		s.leave(p, "bob", id, goodbye)
		other := s.kept(t, version, transport, "alice", id, 0)
		c.pub.send(c.pub.message(1, 1, topic, "for bob"))
		c.pub.expect(4)
		other.quiet()
		s.kept(t, version, transport, "bob", id, 1).gets("for bob")
	})
}

func TestSection3_1_2_11TheSessionEndsWhenItsExpiryHasPassed(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	s := serve(t, broker.Config{
		SessionExpiryMax: time.Hour, SessionExpiry3: 10 * time.Minute,
		Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
	})
	for _, c := range []struct {
		name     string
		version  byte
		asked    uint32
		bye      []byte
		lives    time.Duration
		told     []byte
		deadline time.Duration
	}{
		{"ten seconds", 5, 10, goodbye, 9 * time.Second, nil, 10 * time.Second},
		{"ten seconds, cut", 5, 10, nil, 9 * time.Second, nil, 11 * time.Second},
		{"for ever is what the server keeps at most", 5, 0xFFFFFFFF, goodbye, 59 * time.Minute, expiry(3600), time.Hour},
		{"more than that", 5, 7200, goodbye, 59 * time.Minute, expiry(3600), time.Hour},
		{"3.1.1 cannot say", 4, 0, goodbye, 9 * time.Minute, nil, 10 * time.Minute},
		{"longer, said at the end", 5, 10, append([]byte{0xE0, 7, 0, 5}, expiry(100)...), 99 * time.Second, nil, 100 * time.Second},
		{"shorter, said at the end", 5, 1000, append([]byte{0xE0, 7, 0, 5}, expiry(50)...), 49 * time.Second, nil, 50 * time.Second},
		{"not at all, said at the end", 5, 1000, append([]byte{0xE0, 7, 0, 5}, expiry(0)...), -1, nil, 0},
		{"0", 5, 0, goodbye, -1, nil, 0},
	} {
		p := s.dial(t, c.version, "tcp")
		r := p.keep("bob", c.name, expiry(c.asked))
		if c.version == 5 && r.has(0x11) != (c.told != nil) || c.told != nil && !r.has(c.told...) {
			t.Errorf("%s: told % x", c.name, r.props)
		}
		now := ahead.Load()
		s.leave(p, "bob", c.name, c.bye)
		if c.lives > 0 {
			ahead.Store(now + int64(c.lives))
			p = s.kept(t, c.version, "tcp", "bob", c.name, 1, expiry(c.asked))
			now = ahead.Load()
			s.leave(p, "bob", c.name, c.bye)
		}
		ahead.Store(now + int64(c.deadline))
		p = s.dial(t, c.version, "tcp")
		if r := p.keep("bob", c.name, expiry(0)); r.body[0] != 0 {
			t.Errorf("%s: it is still there after %v", c.name, c.deadline)
		}
		s.leave(p, "bob", c.name, goodbye)
	}
}

func TestSection3_1_4TheSessionGoesOnWithTheConnectionThatTakesItOver(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		id := t.Name() + " kept"
		first := s.kept(t, version, transport, "bob", id, 0)
		first.subscribe(c.data+"x", 1)
		c.pub.send(c.pub.message(1, 1, c.data+"x", "x"))
		r := first.expect(3)
		second := s.kept(t, version, transport, "bob", id, 1)
		first.ended(0x8E)
		again := second.expect(3)
		if again.id != r.id || again.header != 0x3A || again.payload != "x" {
			t.Errorf("resent %#x %d %q", again.header, again.id, again.payload)
		}
		second.send(ack(4, again.id))
		c.pub.send(c.pub.message(1, 2, c.data+"x", "y"))
		second.gets("y")
		second.quiet()
	})
}

func TestSection4_1ASessionRowThatIsCorruptIsAnEmptyOne(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for name, spoil := range map[string]func(*social.Session){
		"the position":      func(r *social.Session) { r.Position = []byte{9, 9, 9} },
		"the subscriptions": func(r *social.Session) { r.Subscriptions = []byte("nonsense") },
		"half the position": func(r *social.Session) { r.Position = append([]byte{1}, 0xFF, 0xFF, 0xFF) },
		"a filter that is none": func(r *social.Session) {
			r.Subscriptions = social.EncodeSubscriptions([]social.Subscription{{Filter: "/+/#/x", QoS: 1}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := t.Name()
			p := s.kept(t, 5, "tcp", "bob", id, 0)
			p.subscribe("/ctx/lobby/messages", 1)
			s.leave(p, "bob", id, goodbye)
			if !s.site.store.edit(s.site.person("bob"), id, spoil) {
				t.Fatal("there is no row")
			}
			p = s.dial(t, 5, "tcp")
			p.keep("bob", id)
			if code := p.subscribe("/ctx/lobby/messages", 1); code != 1 {
				t.Errorf("SUBACK says %#x", code)
			}
			s.append("lobby", social.ChannelMessages, "", 1, id)
			for {
				r := p.expect(3)
				p.send(ack(4, r.id))
				if r.payload == id {
					break
				}
			}
		})
	}
}

func TestSection4_1WhatMayPassOfTheSessionStoreRefusesTheConnectOnly(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	s.site.store.fail(social.Unavailable(nil))
	variants(t, func(t *testing.T, version byte, transport string) {
		p := s.dial(t, version, transport)
		body := p.connectBody("bob", t.Name(), 60, expiry(3600))
		body[7] &^= 2
		p.send(packet(0x10, body))
		want := map[byte]byte{4: 3, 5: 0x88}[version]
		if r := p.expect(2); r.code != want || r.body[0] != 0 {
			t.Errorf("CONNACK % x", r.body)
		}
		p.ended(0)
	})
}

func TestSection3_8_4ASubackOfAKeptSessionMeansThatTheSubscriptionIsKept(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	p := s.kept(t, 5, "tcp", "bob", "kept", 0)
	committing, goOn := make(chan struct{}, 16), make(chan struct{})
	release := sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(release)
	s.site.store.watch(func(ws []social.SessionWrite) {
		for _, w := range ws {
			if w.Save != nil && w.Save.Subscriptions != nil {
				committing <- struct{}{}
				<-goOn
			}
		}
	})
	p.send(p.subscribePacket(7, nil, subscription("/ctx/lobby/messages", 1)))
	awaitSignal(t, committing)
	p.silent()
	release()
	p.expect(9)
	row, _ := s.site.store.row(s.site.person("bob"), "kept")
	if subs, err := social.DecodeSubscriptions(row.Subscriptions); err != nil || len(subs) != 1 || subs[0].Filter != "/ctx/lobby/messages" {
		t.Errorf("stored: %v, %v", subs, err)
	}
}

func TestSection3_1_3AnIdentifierThatCannotBeKeptIsRefusedAsSuch(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		p := s.dial(t, version, transport)
		body := p.connectBody("bob", strings.Repeat("x", maxStoredName+1), 60, expiry(3600))
		body[7] &^= 2
		p.send(packet(0x10, body))
		want := map[byte]byte{4: 2, 5: 0x85}[version]
		if r := p.expect(2); r.code != want || r.body[0] != 0 {
			t.Errorf("CONNACK % x", r.body)
		}
		p.ended(0)
		s.kept(t, version, transport, "bob", t.Name()+strings.Repeat("x", maxStoredName-len(t.Name())), 0)
	})
}
