package broker_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"rambla/broker"
)

// connectWith is the body of a CONNECT with the flags and any payload.
func (p *peer) connectWith(flags byte, fields ...[]byte) []byte {
	body := append(append(str("MQTT"), p.version, flags, 0, 60), p.props()...)
	return append(body, bytes.Join(fields, nil)...)
}

func TestSection3_1_2FlagsAndPayloadMustAgree(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	alice := str("alice")
	for name, c := range map[string]struct {
		flags  byte
		fields [][]byte
	}{
		"a user name without its flag":         {0x02, [][]byte{str("c"), alice}},
		"a password without its flag":          {0x82, [][]byte{str("c"), alice, alice}},
		"a flag without its user name":         {0x82, [][]byte{str("c")}},
		"a flag without its password":          {0xC2, [][]byte{str("c"), alice}},
		"a will without its flag":              {0xC2, [][]byte{str("c"), str("/ctx/lobby/data/w"), str("m"), alice, alice}},
		"a flag without its will":              {0x06, [][]byte{str("c")}},
		"a flag without the will's payload":    {0x06, [][]byte{str("c"), str("/ctx/lobby/data/w")}},
		"a will QoS without a will":            {0xCA, [][]byte{str("c"), alice, alice}},
		"another will QoS without a will":      {0xD2, [][]byte{str("c"), alice, alice}},
		"a will to retain without a will":      {0xE2, [][]byte{str("c"), alice, alice}},
		"a will of QoS 3":                      {0xDE, [][]byte{str("c"), str("/ctx/lobby/data/w"), str("m"), alice, alice}},
		"the reserved flag":                    {0xC3, [][]byte{str("c"), alice, alice}},
		"no client identifier":                 {0x02, nil},
		"half a client identifier":             {0x02, [][]byte{{0, 9, 'c'}}},
		"a field whose length is one byte":     {0x02, [][]byte{str("c"), {0}}},
		"a password that ends behind the body": {0xC2, [][]byte{str("c"), alice, {0, 9, 'a'}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			variants(t, func(t *testing.T, version byte, transport string) {
				p := s.dial(t, version, transport)
				fields := c.fields
				if version == 5 && c.flags&4 != 0 { // the will's properties
					fields = append([][]byte{fields[0], {0}}, fields[1:]...)
				}
				p.send(packet(0x10, p.connectWith(c.flags, fields...)))
				if version == 5 {
					if r := p.expect(2); r.code != 0x81 || r.body[0] != 0 {
						t.Errorf("CONNACK % x", r.body)
					}
				}
				p.ended(0) // MQTT 3.1.1: without a word
			})
		})
	}
}

func TestSection3_1_3ClientIdentifiersOfLettersAndDigitsAreTaken(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	variants(t, func(t *testing.T, version byte, transport string) {
		ids := []string{letters[:23], letters[23:46], letters[46:], "-_.:/ñ 漢", strings.Repeat("x", 100)}
		for n := range 23 {
			ids = append(ids, letters[20:21+n])
		}
		person := fmt.Sprint("of-", version, transport) // the identifiers are this one's
		s.site.join("lobby", person)
		for _, id := range ids {
			p := s.dial(t, version, transport)
			if r := p.join(person, id); r.has(0x12) {
				t.Errorf("%q is not taken as it is", id)
			}
			p.send([]byte{0xE0, 0})
			p.ended(0)
		}
	})
}

func TestSection3_1_3WhoBringsNoIdentifierGetsOneOfItsOwn(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		first, second := s.dial(t, version, transport), s.dial(t, version, transport)
		a, b := first.join("bob", ""), second.join("bob", "")
		if version == 5 {
			one, two := assigned(t, a), assigned(t, b)
			if one == "" || one == two {
				t.Errorf("assigned %q and %q", one, two)
			}
			third := s.client(t, version, transport, "bob", one) // the name works like any other
			first.ended(0x8E)
			third.quiet()
		} else {
			first.quiet()
		}
		second.quiet()
	})
}

// assigned is the Assigned Client Identifier of a CONNACK.
func assigned(t *testing.T, r received) string {
	t.Helper()
	_, after, found := bytes.Cut(r.props, []byte{0x12, 0})
	if !found {
		t.Fatalf("no identifier in % x", r.props)
	}
	return string(after[1 : 1+after[0]])
}

func TestSection3_1_3AClientIdentifierBelongsToThePersonWhoUsesIt(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		space := fmt.Sprint("own-", version, transport)
		s.site.join(space, "alice", "bob")
		topic := "/ctx/" + space + "/messages"
		a, b := s.client(t, version, transport, "alice", t.Name()), s.client(t, version, transport, "bob", t.Name())
		a.subscribe(topic, 1)
		b.send(b.message(1, 1, topic, "x"))
		b.expect(4)
		a.gets("x")
		b.quiet() // the other's subscription is not its own
	})
}

func TestSection3_1_4WhatFollowsARefusedConnectIsNotProcessed(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		p := s.dial(t, version, transport)
		login := append(str("alice"), str("wrong")...)
		topic := fmt.Sprint("/ctx/lobby/data/", version, transport)
		p.send(
			packet(0x10, p.connectWith(0xC2, str(t.Name()), login)),
			p.subscribePacket(1, nil, subscription("/ctx/lobby/data/#", 1)), p.message(1, 2, topic, "x"), []byte{0xC0, 0},
		)
		if r := p.expect(2); r.code == 0 || r.body[0] != 0 {
			t.Errorf("CONNACK % x", r.body)
		}
		p.ended(0)
		for _, m := range s.site.published() {
			if m.topic == topic {
				t.Error("the gate got the publish")
			}
		}
	})
}

func TestSection3_2_0TheConnackComesFirstWhateverFollowedTheConnect(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		p := s.dial(t, version, transport)
		p.send(
			packet(0x10, p.connectBody("alice", t.Name(), 60)), []byte{0xC0, 0},
			p.subscribePacket(1, nil, subscription("/ctx/lobby/messages", 1)), p.message(1, 2, "/ctx/staff/messages", "x"),
		)
		if r := p.expect(2); r.code != 0 || r.body[0] != 0 {
			t.Errorf("CONNACK % x", r.body)
		}
		p.expect(13)
		p.expect(9)
		p.expect(4)
		p.quiet() // and no second CONNACK
	})
}

func TestSection3_2_2WhatWasAgreedIsNotExceeded(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{MaxPacket: 1000})
	p := s.dial(t, 5, "tcp")
	r := p.join("alice", "a")
	if !r.has(0x27, 0, 0, 0x03, 0xE8) {
		t.Fatalf("no Maximum Packet Size of 1,000 in % x", r.props)
	}
	topic := "/ctx/lobby/data/x"
	fit := 1000 - len(p.message(1, 1, topic, strings.Repeat("x", 900))) + 900
	p.send(p.message(1, 1, topic, strings.Repeat("x", fit)))
	if r := p.expect(4); r.code != 0 {
		t.Errorf("a packet of 1,000 bytes: %#x", r.code)
	}
	p.send(p.message(1, 2, topic, strings.Repeat("x", fit+1)))
	p.ended(0x95)
}

func TestSection3_2_2AReasonThatDoesNotFitIsLeftOut(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for _, size := range []uint32{5, 20, 1000} {
		p := s.dial(t, 5, "tcp")
		props := binary.BigEndian.AppendUint32([]byte{0x27}, size)
		body := append(append(str("MQTT"), 5, 0xC2, 0, 60), p.props(props)...)
		body = append(append(append(body, str("c")...), str("alice")...), str("wrong")...)
		p.send(packet(0x10, body))
		r := p.expect(2)
		if r.code != 0x86 || len(r.body)+2 > int(size) || r.has(0x1F) != (size == 1000) {
			t.Errorf("where %d bytes are taken: % x", size, r.body)
		}
		p.ended(0)
	}
}

func TestSection3_1_0_2ASecondConnectGetsNoSecondConnack(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		p := s.dial(t, version, transport)
		connect := packet(0x10, p.connectBody("alice", t.Name(), 60))
		p.send(connect, connect)
		p.expect(2)
		p.ended(0x82)
	})
}
