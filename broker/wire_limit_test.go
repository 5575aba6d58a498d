package broker_test

import (
	"strings"
	"testing"
	"time"

	"rambla/broker"
)

// TestEveryLimitIsCountedWhereItIsMet has a scenario for each label of
// rambla_broker_limited_total, but accept, for which descriptors have to run out.
func TestEveryLimitIsCountedWhereItIsMet(t *testing.T) {
	t.Parallel()
	scenarios := limitScenarios()
	for label, c := range scenarios {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			s := serve(t, c.config)
			if n := s.value("rambla_broker_limited_total", label); n != 0 {
				t.Fatalf("it begins at %v", n)
			}
			c.meet(t, s)
			waitFor(t, func() bool { return s.value("rambla_broker_limited_total", label) > 0 })
			for other := range scenarios {
				if n := s.value("rambla_broker_limited_total", other); other != label && n != 0 {
					t.Errorf("%s is counted too", other)
				}
			}
		})
	}
}

type limitScenario struct {
	config broker.Config
	meet   func(t *testing.T, s *server)
}

func limitScenarios() map[string]limitScenario {
	connected := func(version byte, meet func(s *server, p *peer)) func(*testing.T, *server) {
		return func(t *testing.T, s *server) { meet(s, s.client(t, version, "tcp", "alice", "a")) }
	}
	return map[string]limitScenario{
		"connecting": {broker.Config{MaxConnecting: 1}, func(t *testing.T, s *server) {
			s.dial(t, 4, "tcp")
			s.dial(t, 4, "tcp")
		}},
		"connecting_per_address": {broker.Config{MaxConnectingPerAddr: 1}, func(t *testing.T, s *server) {
			s.dial(t, 4, "tcp")
			s.dial(t, 4, "ws").ended(0)
		}},
		"connections_per_address": {broker.Config{MaxConnectionsPerAddr: 1}, connected(4, func(s *server, p *peer) {
			if !s.refuses(p.t) {
				p.t.Error("a second connection was taken")
			}
		})},
		"connect_timeout": {broker.Config{ConnectTimeout: 50 * time.Millisecond}, func(t *testing.T, s *server) {
			s.dial(t, 4, "tcp").ended(0)
		}},
		"packet_bytes": {broker.Config{MaxPacket: 100}, connected(5, func(_ *server, p *peer) {
			p.try(p.message(0, 0, "/ctx/lobby/data/x", strings.Repeat("x", 100)))
			p.ended(0x95)
		})},
		"keep_alive": {broker.Config{MaxKeepAlive: 59 * time.Second}, connected(5, func(_ *server, p *peer) { p.quiet() })},
		"idle": {broker.Config{IdleLimit: 50 * time.Millisecond}, func(t *testing.T, s *server) {
			p := s.dial(t, 4, "tcp")
			p.send(packet(0x10, p.connectBody("alice", "a", 0)))
			p.expect(2)
			p.ended(0)
		}},
		"receive_maximum": {broker.Config{ReceiveMaximum: 1}, connected(5, func(s *server, p *peer) {
			p.send(p.message(2, 1, "/ctx/lobby/data/x", "x"), p.message(2, 2, "/ctx/lobby/data/x", "x"))
			p.expect(5)
			p.ended(0x93)
		})},
		"inbound_bytes": {broker.Config{MaxInboundBytes: 10}, connected(4, func(s *server, p *peer) {
			count, release := held(s.site)
			p.send(p.message(1, 1, "/ctx/lobby/data/x", strings.Repeat("x", 10)))
			waitFor(p.t, func() bool { return count() == 1 })
			waitFor(p.t, func() bool { return s.value("rambla_broker_limited_total", "inbound_bytes") == 1 })
			release(0, nil)
			p.expect(4)
		})},
		"publish_rate": {broker.Config{PublishRate: 1, PublishBurst: 1}, connected(5, func(_ *server, p *peer) {
			p.send(p.message(1, 1, "/ctx/lobby/data/x", "x"), p.message(1, 2, "/ctx/lobby/data/x", "x"))
			p.expect(4)
			if r := p.expect(4); r.code != 0x97 {
				p.t.Errorf("PUBACK says %#x", r.code)
			}
		})},
		"topic_bytes": {broker.Config{MaxTopicBytes: 20}, connected(5, func(_ *server, p *peer) {
			p.subscribe("/ctx/lobby/data/12345", 0)
		})},
		"topic_levels": {broker.Config{MaxTopicLevels: 5}, connected(5, func(_ *server, p *peer) {
			p.subscribe("/ctx/lobby/data/1/2", 0)
		})},
		"topic_alias": {broker.Config{TopicAliasMax: 1}, connected(5, func(_ *server, p *peer) {
			p.send(p.message(0, 0, "/ctx/lobby/data/x", "x", alias(2)))
			p.ended(0x94)
		})},
		"session_expiry": {broker.Config{SessionExpiryMax: time.Minute}, func(t *testing.T, s *server) {
			if r := s.dial(t, 5, "tcp").join("alice", "a", expiry(60)); r.has(0x11) {
				t.Errorf("what was asked for is told: % x", r.props)
			}
			if r := s.dial(t, 5, "tcp").join("alice", "a", expiry(61)); !r.has(expiry(60)...) {
				t.Errorf("CONNACK says % x", r.props)
			}
		}},
		"sessions_per_person": {broker.Config{MaxSessionsPerPerson: 1}, func(t *testing.T, s *server) {
			s.dial(t, 5, "tcp").join("alice", "a", expiry(60))
			s.dial(t, 5, "tcp").join("alice", "b") // which is not stored
			for version, code := range map[byte]byte{4: 3, 5: 0x97} {
				p := s.dial(t, version, "tcp")
				body := p.connectBody("alice", "c", 60, expiry(60))
				body[7] &^= 2 // no clean start
				p.send(packet(0x10, body))
				if r := p.expect(2); r.code != code {
					t.Errorf("v%d: CONNACK says %#x", version, r.code)
				}
			}
			s.dial(t, 5, "tcp").join("bob", "c", expiry(60))
		}},
		"queued":       {broker.Config{MaxQueued: 2}, fillsQueue(10)},
		"queued_bytes": {broker.Config{MaxQueuedBytes: 1000}, fillsQueue(400)},
		"subscriptions": {broker.Config{MaxSubscriptions: 1}, connected(5, func(_ *server, p *peer) {
			p.subscribe("/ctx/lobby/messages", 0)
			if code := p.subscribe("/ctx/lobby/events", 0); code != 0x97 {
				p.t.Errorf("SUBACK says %#x", code)
			}
		})},
	}
}

// fillsQueue has a client that acknowledges nothing sent six messages of a size.
func fillsQueue(size int) func(*testing.T, *server) {
	return func(t *testing.T, s *server) {
		p := s.dial(t, 5, "tcp")
		p.join("bob", "b", []byte{0x21, 0, 1})
		p.subscribe("/ctx/lobby/data/#", 1)
		pub := s.client(t, 5, "tcp", "alice", "a")
		for range 6 {
			pub.send(pub.message(1, 1, "/ctx/lobby/data/x", strings.Repeat("x", size)))
			pub.expect(4)
		}
		for range 6 { // nothing is lost for it
			p.send(ack(4, p.expect(3).id))
		}
	}
}

func TestSection3_1_2ResponseInformationIsGivenWhereItIsAskedFor(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	p := s.dial(t, 5, "tcp")
	r := p.join("alice", "a", []byte{0x19, 1})
	if !r.has(append([]byte{0x1A}, str("/user/alice/sync/")...)...) {
		t.Fatalf("CONNACK says % x", r.props)
	}
	// It is where a response reaches whoever asks, and nobody else.
	if code := p.subscribe("/user/alice/sync/answers", 0); code != 0 {
		t.Errorf("SUBACK says %#x", code)
	}
	service := s.client(t, 5, "tcp", "alice", "service")
	correlation := append([]byte{0x09}, str("7")...)
	service.send(service.message(0, 0, "/user/alice/sync/answers", "yes", correlation))
	if r := p.expect(3); r.payload != "yes" || !r.has(correlation...) {
		t.Errorf("got %+v", r)
	}
}

func TestSection3_1_2WithoutProblemInformationOnlyCodesAreTold(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{PublishRate: 1, PublishBurst: 2})
	p := s.dial(t, 5, "tcp")
	p.join("alice", "a", []byte{0x17, 0})
	p.send(
		p.message(1, 1, "/ctx/lobby/messages", "x"), // PUBACK without id and seq
		p.message(2, 2, "/ctx/lobby/events", "x"),   // PUBREC without a reason
		p.message(1, 3, "/ctx/lobby/messages", "x"), // too fast
	)
	for _, want := range []struct{ kind, code byte }{{4, 0}, {5, 0x87}, {4, 0x97}} {
		if r := p.expect(want.kind); r.code != want.code || len(r.props) > 0 {
			t.Errorf("got %+v, want %+v", r, want)
		}
	}
	p.send(p.subscribePacket(4, nil, subscription("/ctx/nowhere/messages", 1)))
	if r := p.expect(9); r.codes[0] != 0x87 || len(r.props) > 0 {
		t.Errorf("SUBACK %+v", r)
	}
	p.send(p.auth(0x19, method("token"))) // DISCONNECT may explain itself all the same
	if r := p.ended(0x82); len(r.props) == 0 {
		t.Errorf("DISCONNECT %+v", r)
	}
}
