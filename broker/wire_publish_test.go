package broker_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"rambla/broker"
	"rambla/social"
)

func TestSection3_4AcknowledgementsOfStoredPublishesTellIDAndSeq(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	p := s.client(t, 5, "tcp", "alice", "a")
	p.send(p.message(1, 5, "/ctx/lobby/messages", "one"))
	r := p.expect(4)
	if r.id != 5 || r.code != 0 || !r.has(user("seq", "1")...) || !r.has(user("id", "id-1")...) {
		t.Errorf("PUBACK % x", r.body)
	}
	p.send(p.message(2, 6, "/ctx/lobby/messages", "two"))
	if r := p.expect(5); r.id != 6 || !r.has(user("seq", "2")...) {
		t.Errorf("PUBREC % x", r.body)
	}
	p.send(ack(6, 6))
	if r := p.expect(7); r.id != 6 || r.code != 0 {
		t.Errorf("PUBCOMP % x", r.body)
	}
	// [MQTT-3.1.2-29]: nobody who asked for no problem information gets any.
	silent := s.dial(t, 5, "tcp")
	silent.join("alice", "b", []byte{0x17, 0})
	silent.send(silent.message(1, 5, "/ctx/lobby/messages", "three"), silent.message(1, 6, "/ctx/none/messages", "x"))
	if r := silent.expect(4); len(r.body) != 2 {
		t.Errorf("PUBACK % x", r.body)
	}
	if r := silent.expect(4); len(r.body) != 3 || r.code != 0x87 {
		t.Errorf("PUBACK % x", r.body)
	}
	// [MQTT-3.4.2-3]: nor what is larger than the client takes.
	small := s.dial(t, 5, "tcp")
	small.join("alice", "c", []byte{0x27, 0, 0, 0, 25})
	small.send(small.message(1, 5, "/ctx/lobby/messages", "four"))
	if r := small.expect(4); len(r.body) != 2 {
		t.Errorf("PUBACK % x", r.body)
	}
}

// refusals are publishes that the gate refuses, with MQTT 5.0's code.
var refusals = []struct {
	name, topic, payload string
	code                 byte
	word                 string // on the errors topic
}{
	{"not a member", "/ctx/staff/messages", `{"content":"x","key":"k1"}`, 0x87, "forbidden"},
	{"no such context", "/ctx/none/messages", `{"content":"x","key":"k1"}`, 0x87, "forbidden"},
	{"the server's topic", "/ctx/lobby/events", `{"content":"x","key":"k1"}`, 0x87, "forbidden"},
	{"no topic of ours", "sensors/1", "x", 0x87, "forbidden"},
	{"empty", "/ctx/lobby/messages", "", 0x99, "invalid"},
	{"not UTF-8", "/ctx/lobby/messages", "\xff\xfe", 0x99, "invalid"},
	{"too many levels", "/ctx/lobby/data" + strings.Repeat("/x", 20), "x", 0x90, "invalid"},
	{"33,000 levels", strings.Repeat("/", 33_000), "x", 0x90, "invalid"},
}

func TestSection4_3ARefusedPublishIsAnsweredAndTheConnectionLivesOn(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for _, transport := range []string{"tcp", "ws"} {
		for _, c := range refusals {
			t.Run(c.name+" over "+transport, func(t *testing.T) {
				t.Parallel()
				p := s.client(t, 5, transport, "bob", t.Name())
				p.send(p.message(1, 3, c.topic, c.payload))
				r := p.expect(4)
				if r.code != c.code || r.id != 3 || len(r.props) < 10 || r.props[0] != 0x1F {
					t.Errorf("PUBACK % x, want code %#x with a reason", r.body, c.code)
				}
				p.send(p.message(2, 4, c.topic, c.payload))
				if r := p.expect(5); r.code != c.code {
					t.Errorf("PUBREC says %#x, want %#x", r.code, c.code)
				}
				p.send(p.message(2, 4, "/ctx/lobby/messages", "the identifier is free again"))
				if r := p.expect(5); r.code != 0 {
					t.Errorf("PUBREC says %#x", r.code)
				}
				p.send(p.message(0, 0, c.topic, c.payload))
				p.quiet()
			})
		}
	}
}

func TestSection4_3A311ClientReadsWhyItsPublishWasRefusedBeforeTheAcknowledgement(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for _, transport := range []string{"tcp", "ws"} {
		for _, c := range refusals {
			t.Run(c.name+" over "+transport, func(t *testing.T) {
				t.Parallel()
				other := s.client(t, 4, transport, "bob", t.Name()+" other")
				other.subscribe("/user/bob/errors", 0)
				p := s.client(t, 4, transport, "bob", t.Name())
				p.send(p.message(1, 2, c.topic, c.payload))
				p.expect(4)                                           // without a subscription nothing is told
				if code := p.subscribe("/user/bob/#", 2); code != 1 { // of its posts
					t.Fatalf("granted %d", code)
				}
				for qos := range byte(3) {
					p.send(p.message(qos, uint16(qos), c.topic, c.payload))
					r := p.expect(3)
					var told struct {
						Topic, Key, Code, Detail string
						Packet                   *uint16
					}
					if err := json.Unmarshal([]byte(r.payload), &told); err != nil {
						t.Fatal(err)
					}
					key := ""
					if strings.Contains(c.payload, "k1") && c.word == "forbidden" && s.site.knows(c.topic) {
						key = "k1"
					}
					if r.topic != "/user/bob/errors" || r.qos() != 0 || told.Topic != c.topic || told.Packet == nil ||
						*told.Packet != uint16(qos) || told.Code != c.word || told.Detail == "" || told.Key != key {
						t.Errorf("told %s %s", r.topic, r.payload)
					}
					if qos > 0 {
						p.expect(3 + qos)
					}
				}
				p.send(ack(6, 2))
				p.expect(7)
				p.quiet()
				other.quiet() // it is told to the connection that published only
			})
		}
	}
}

// knows tells whether the gate gets as far as the payload's key.
func (s *site) knows(topic string) bool {
	_, err := social.ParseTopic(topic)
	return err == nil
}

func TestSection4_3WhatMayPassIsNeverAcknowledged(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for kind, code := range map[social.Kind]byte{social.KindUnavailable: 0x89, social.KindInternal: 0x80} {
		s.site.fail(social.Errorf(kind, "The store is away."))
		for _, version := range []byte{4, 5} {
			for qos := byte(1); qos <= 2; qos++ {
				p := s.client(t, version, "tcp", "alice", fmt.Sprint("c", version, qos))
				p.send(p.message(0, 0, "/ctx/lobby/messages", "lost, and that is all"))
				p.quiet()
				p.send(p.message(qos, 3, "/ctx/lobby/messages", "x"))
				p.ended(code)
			}
		}
	}
	if n := s.value("rambla_broker_publishes_refused_total", "unavailable"); n != 8 {
		t.Errorf("%v refusals counted, want 8", n)
	}
}

func TestSection3_3BadPublishesEndTheConnection(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{MaxPacket: 4096})
	for name, c := range map[string]struct {
		code   byte
		packet func(p *peer) []byte
	}{
		"wildcard +":     {0x90, func(p *peer) []byte { return p.message(1, 1, "/ctx/+/messages", "x") }},
		"wildcard #":     {0x90, func(p *peer) []byte { return p.message(0, 0, "#", "x") }},
		"NUL":            {0x81, func(p *peer) []byte { return p.message(1, 1, "/ctx/a\x00b/messages", "x") }},
		"bad UTF-8":      {0x81, func(p *peer) []byte { return p.message(1, 1, "/ctx/\xff/messages", "x") }},
		"empty topic":    {0x82, func(p *peer) []byte { return p.message(1, 1, "", "x") }},
		"QoS 3":          {0x81, func(p *peer) []byte { return packet(0x36, append(str("/ctx/lobby/messages"), 0, 1, 0)) }},
		"DUP at QoS 0":   {0x81, func(p *peer) []byte { return packet(0x38, append(str("/ctx/lobby/messages"), 0)) }},
		"identifier 0":   {0x82, func(p *peer) []byte { return p.message(1, 0, "/ctx/lobby/messages", "x") }},
		"cut short":      {0x81, func(*peer) []byte { return packet(0x32, []byte{0, 20, 'x'}) }},
		"no identifier":  {0x81, func(*peer) []byte { return packet(0x32, str("/ctx/lobby/messages")) }},
		"nothing":        {0x81, func(*peer) []byte { return []byte{0x30, 0} }},
		"too large":      {0x95, func(p *peer) []byte { return p.message(1, 1, "/ctx/lobby/messages", strings.Repeat("x", 5000))[:300] }},
		"endless length": {0x81, func(*peer) []byte { return []byte{0x30, 0x80, 0x80, 0x80, 0x80, 0x01} }},
	} {
		for _, version := range []byte{4, 5} {
			t.Run(fmt.Sprintf("%s v%d", name, version), func(t *testing.T) {
				t.Parallel()
				p := s.client(t, version, "tcp", "alice", t.Name())
				p.send(c.packet(p))
				p.ended(c.code)
			})
		}
	}
	for name, c := range map[string]struct {
		code byte
		prop []byte
	}{
		"topic alias above ours":  {0x94, []byte{0x23, 0, 33}},
		"topic alias 0":           {0x94, []byte{0x23, 0, 0}},
		"subscription identifier": {0x82, []byte{0x0B, 1}},
		"response topic with +":   {0x82, append([]byte{0x08}, str("a/+")...)},
		"payload format 2":        {0x82, []byte{0x01, 2}},
		"unknown property":        {0x81, []byte{0x7E, 0}},
		"string cut short":        {0x81, []byte{0x03, 0, 9, 'x'}},
		"content type twice":      {0x82, append(append([]byte{0x03}, str("a")...), append([]byte{0x03}, str("a")...)...)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := s.client(t, 5, "tcp", "alice", t.Name())
			p.send(p.message(1, 1, "/ctx/lobby/messages", "x", c.prop))
			p.ended(c.code)
		})
	}
}

func TestSection3_3_1RetainIsIgnoredOnMessages(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for _, version := range []byte{4, 5} {
		p := s.client(t, version, "tcp", "alice", "a")
		p.publishRetained(1, "/ctx/lobby/messages", "x")
		p.subscribe("/ctx/lobby/messages", 1)
		p.quiet()
	}
}

func TestThePublishRateIsLimited(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{PublishRate: 0.1, PublishBurst: 2})
	five := s.client(t, 5, "tcp", "alice", "a")
	for i := range uint16(3) {
		five.send(five.message(1, i+1, "/ctx/lobby/messages", "x"))
	}
	five.expect(4)
	five.expect(4)
	if r := five.expect(4); r.code != 0x97 {
		t.Errorf("PUBACK says %#x", r.code)
	}
	if n := len(s.site.published()); n != 2 {
		t.Errorf("the gate got %d publishes, want 2", n)
	}
	s = serve(t, broker.Config{PublishRate: 20, PublishBurst: 2})
	three := s.client(t, 4, "tcp", "alice", "b") // it cannot be told: it is slowed
	for i := range uint16(5) {
		three.send(three.message(1, i+1, "/ctx/lobby/messages", "x"))
	}
	for i := range uint16(5) {
		if r := three.expect(4); r.id != i+1 {
			t.Errorf("PUBACK for %d", r.id)
		}
	}
	if n := len(s.site.published()); n != 5 {
		t.Errorf("the gate got %d publishes, want 5", n)
	}
	if s.value("rambla_broker_limited_total", "publish_rate") < 1 {
		t.Error("the limit is not counted")
	}
}

func TestPropertiesOfDataPassUnchangedAndTheQoSIsTheLower(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	sub := s.client(t, 5, "tcp", "bob", "b")
	old := s.client(t, 4, "tcp", "bob", "c")
	for _, p := range []*peer{sub, old} {
		if code := p.subscribe("/ctx/lobby/data/#", 2); code != 2 {
			t.Fatalf("granted %d", code)
		}
	}
	pub := s.client(t, 5, "tcp", "alice", "a")
	list := [][]byte{
		{0x01, 1},
		append([]byte{0x03}, str("text/csv")...), append([]byte{0x08}, str("/ctx/lobby/data/answers")...),
		append([]byte{0x09}, str("\x00\x01")...), user("a", "1"), user("a", "1"), user("", ""),
	}
	pub.send(pub.message(2, 1, "/ctx/lobby/data/t/1", "1,2", list...))
	pub.expect(5)
	pub.send(ack(6, 1))
	pub.expect(7)
	r := sub.expect(3)
	if r.qos() != 2 || r.payload != "1,2" || string(r.props) != string(pub.props(list...)[1:]) {
		t.Errorf("delivered %x: % x %q", r.header, r.props, r.payload)
	}
	sub.send(ack(5, r.id))
	if rel := sub.expect(6); rel.id != r.id || rel.code != 0 || rel.header != 0x62 {
		t.Errorf("PUBREL % x", rel.body)
	}
	sub.send(ack(5, r.id)) // repeated: answered again
	sub.expect(6)
	sub.send(ack(7, r.id))
	sub.send(ack(5, r.id)) // over
	if rel := sub.expect(6); rel.code != 0x92 {
		t.Errorf("PUBREL for what is over says %#x", rel.code)
	}
	if r := old.expect(3); r.qos() != 2 || r.payload != "1,2" {
		t.Errorf("delivered %x %q", r.header, r.payload)
	}
	pub.send(pub.message(0, 0, "/ctx/lobby/data/t/1", "", []byte{0x02, 0, 0, 0, 100}))
	r = sub.expect(3)
	left := binary.BigEndian.Uint32(r.props[1:])
	if r.qos() != 0 || r.payload != "" || r.props[0] != 2 || left < 99 || left > 100 {
		t.Errorf("delivered %x: % x %q", r.header, r.props, r.payload)
	}
}
