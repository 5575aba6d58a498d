package broker_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rambla/broker"
)

// alias is the property Topic Alias.
func alias(n uint16) []byte { return []byte{0x23, byte(n >> 8), byte(n)} }

func TestSection3_3_2ATopicAliasStandsForTheTopicItWasGivenLast(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		if version < 5 {
			return
		}
		p := s.client(t, version, transport, "alice", t.Name())
		p.send(
			p.message(1, 1, "/ctx/lobby/data/"+transport+"/a", "1", alias(1)),
			p.message(2, 2, "/ctx/lobby/data/"+transport+"/b", "2", alias(32)),
			p.message(1, 3, "", "3", alias(1)),
			p.message(0, 0, "", "4", alias(32)),
			p.message(1, 4, "/ctx/lobby/data/"+transport+"/c", "5", alias(1)), // another topic for the number
			p.message(1, 5, "", "6", alias(1)),
			p.message(1, 6, "/ctx/lobby/data/"+transport+"/d", "7"), // without one
			p.message(1, 7, "", "8", alias(1)),
		)
		for _, id := range []uint16{1, 2, 3, 4, 5, 6, 7} {
			if r := p.read(); r.id != id || r.code != 0 {
				t.Errorf("%+v answers publish %d", r, id)
			}
		}
		var got []string
		for _, pub := range s.site.published() {
			if rest, ours := strings.CutPrefix(pub.topic, "/ctx/lobby/data/"+transport+"/"); ours {
				got = append(got, rest+pub.payload)
			}
		}
		if want := []string{"a1", "b2", "a3", "b4", "c5", "c6", "d7", "c8"}; !slices.Equal(got, want) {
			t.Errorf("published %q, want %q", got, want)
		}
	})
}

func TestSection3_3_4AnAliasWithoutATopicEndsTheConnection(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for name, first := range map[string][]byte{"never given": alias(2), "below one that was": alias(1), "none at all": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := s.client(t, 5, "tcp", "alice", t.Name())
			p.send(p.message(1, 1, "/ctx/lobby/data/x", "x", alias(3)))
			p.expect(4)
			p.send(p.message(1, 2, "", "x", first))
			p.ended(0x82)
		})
	}
}

func TestSection3_3_2AliasesEndWithTheConnection(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	p := s.client(t, 5, "tcp", "alice", "same")
	p.send(p.message(1, 1, "/ctx/lobby/data/x", "x", alias(1)))
	p.expect(4)
	again := s.client(t, 5, "tcp", "alice", "same")
	again.send(again.message(1, 1, "", "x", alias(1)))
	again.ended(0x82)
}

func TestSection3_2_2AServerThatTakesNoAliasesSaysSo(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{TopicAliasMax: -1})
	p := s.dial(t, 5, "tcp")
	if r := p.join("alice", "a"); !r.has(0x22, 0, 0) {
		t.Errorf("CONNACK says % x", r.props)
	}
	p.send(p.message(1, 1, "/ctx/lobby/data/x", "x", alias(1)))
	p.ended(0x94)
	if n := s.value("rambla_broker_limited_total", "topic_alias"); n != 1 {
		t.Errorf("%v counted", n)
	}
}

func TestAnAliasOfATopicThatIsTooLongStaysTooLong(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{MaxTopicBytes: 32})
	p := s.client(t, 5, "tcp", "alice", "a")
	p.send(p.message(1, 1, "/ctx/lobby/data/"+strings.Repeat("x", 60_000), "x", alias(1)), p.message(1, 2, "", "y", alias(1)))
	for range 2 {
		if r := p.expect(4); r.code != 0x90 {
			t.Errorf("PUBACK says %#x", r.code)
		}
	}
	if n := s.value("rambla_broker_limited_total", "topic_bytes"); n != 2 || len(s.site.published()) != 0 {
		t.Errorf("%v counted, published %v", n, s.site.published())
	}
}

func TestTopicsAndFiltersThatAreTooLongOrTooDeepAreRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{MaxTopicBytes: 64, MaxTopicLevels: 6})
	long, deep := "/ctx/lobby/data/"+strings.Repeat("x", 49), "/ctx/lobby/data/x/y/z"
	for _, version := range []byte{4, 5} {
		p := s.client(t, version, "tcp", "alice", fmt.Sprint(version))
		for _, topic := range []string{long, deep} {
			p.send(p.message(1, 1, topic, "x"))
			if r := p.expect(4); r.code != map[byte]byte{4: 0, 5: 0x90}[version] {
				t.Errorf("v%d: PUBACK says %#x for %s", version, r.code, topic)
			}
			if code := p.subscribe(topic, 1); code != map[byte]byte{4: 0x80, 5: 0x8F}[version] {
				t.Errorf("v%d: SUBACK says %#x for %s", version, code, topic)
			}
		}
		p.send(p.message(1, 1, long[:64], "x"), p.message(1, 2, deep[:len(deep)-2], "x"))
		p.expect(4)
		p.expect(4)
	}
	if n := len(s.site.published()); n != 4 {
		t.Errorf("%d were published", n)
	}
	for _, label := range []string{"topic_bytes", "topic_levels"} {
		if n := s.value("rambla_broker_limited_total", label); n != 4 {
			t.Errorf("%v counted as %s", n, label)
		}
	}
}

func TestSection3_3_2TheServerGivesAliasesToWhoTakesThem(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{SendTopicAliasMax: 3})
	takes := func(n uint16) []byte { return []byte{0x22, byte(n >> 8), byte(n)} }
	const a, b, c = "/ctx/lobby/data/a", "/ctx/lobby/data/b", "/ctx/lobby/data/c"
	type delivery struct {
		topic string
		alias uint16
	}
	for name, scenario := range map[string]struct {
		list [][]byte
		want []delivery
	}{
		"two":              {[][]byte{takes(2)}, []delivery{{a, 1}, {"", 1}, {b, 2}, {c, 0}, {"", 2}, {c, 0}}},
		"more than we do":  {[][]byte{takes(65535)}, []delivery{{a, 1}, {"", 1}, {b, 2}, {c, 3}, {"", 2}, {"", 3}}},
		"none":             {[][]byte{takes(0)}, []delivery{{a, 0}, {a, 0}, {b, 0}, {c, 0}, {b, 0}, {c, 0}}},
		"none, by silence": {nil, []delivery{{a, 0}, {a, 0}, {b, 0}, {c, 0}, {b, 0}, {c, 0}}},
	} {
		for _, transport := range []string{"tcp", "ws"} {
			p := s.dial(t, 5, transport)
			p.join("bob", name, scenario.list...)
			p.send(p.subscribePacket(7, []byte{0x0B, 9}, subscription("/ctx/lobby/data/#", 1)))
			p.expect(9)
			pub := s.client(t, 5, "tcp", "alice", name)
			for i, topic := range []string{a, a, b, c, b, c} {
				pub.send(pub.message(1, 1, topic, topic, user("x", "y")))
				pub.expect(4)
				r := p.expect(3)
				want := scenario.want[i]
				if r.topic != want.topic || r.payload != topic || !r.has(user("x", "y")...) || !r.has(0x0B, 9) || r.has(0x23) != (want.alias > 0) ||
					want.alias > 0 && !r.has(alias(want.alias)...) {
					t.Errorf("%s over %s: delivery %d is %+v, want %+v", name, transport, i, r, want)
				}
				p.send(ack(4, r.id))
			}
		}
	}
}

func TestSection3_3_2ANewConnectionLearnsAliasesAnew(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	pub := s.client(t, 5, "tcp", "alice", "pub")
	for round := range 2 {
		p := s.dial(t, 5, "tcp")
		body := p.connectBody("bob", "kept", 60, []byte{0x22, 0, 9}, []byte{0x11, 0, 0, 1, 0})
		body[7] &^= 2 // no clean start
		p.send(packet(0x10, body))
		p.expect(2)
		if round == 0 {
			p.subscribe("/ctx/lobby/data/#", 1)
			pub.send(pub.message(1, 1, "/ctx/lobby/data/x", "x"))
			pub.expect(4)
		}
		if r := p.expect(3); r.topic != "/ctx/lobby/data/x" || !r.has(alias(1)...) || int(r.header>>3&1) != round {
			t.Errorf("%+v", r)
		}
		p.nc.Close() // the delivery stays open, and is sent again with its topic
		waitFor(t, func() bool { return len(s.Sessions()) == 1 })
	}
}
