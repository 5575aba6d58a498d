package broker_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"rambla/broker"
	"rambla/social"
)

// unsubscribePacket is an UNSUBSCRIBE in the peer's version.
func (p *peer) unsubscribePacket(id uint16, filters ...string) []byte {
	body := append(binary.BigEndian.AppendUint16(nil, id), p.props()...)
	for _, f := range filters {
		body = append(body, str(f)...)
	}
	return packet(0xA2, body)
}

func TestSection2_1_3ReservedFlagsThatAreSetEndTheConnection(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for name, header := range map[string]byte{
		"PUBACK": 0x40, "PUBREC": 0x50, "PUBREL": 0x62, "PUBCOMP": 0x70, "SUBSCRIBE": 0x82, "UNSUBSCRIBE": 0xA2,
		"PINGREQ": 0xC0, "DISCONNECT": 0xE0,
	} {
		for _, version := range []byte{4, 5} {
			t.Run(fmt.Sprintf("%s v%d", name, version), func(t *testing.T) {
				t.Parallel()
				for flags := range byte(16) {
					if flags == header&15 {
						continue
					}
					p := s.client(t, version, "tcp", "bob", fmt.Sprint(t.Name(), flags))
					body := []byte{0, 1}
					switch header >> 4 {
					case 8:
						body = p.subscribePacket(1, nil, subscription("/ctx/lobby/messages", 1))[2:]
					case 10:
						body = p.unsubscribePacket(1, "/ctx/lobby/messages")[2:]
					case 12, 14:
						body = nil
					}
					p.send(packet(header&0xF0|flags, body))
					p.ended(0x81)
				}
			})
		}
	}
}

func TestSection2_1_3TheServersHeadersHaveTheFlagsOfTheTable(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		space := fmt.Sprint("flags-", version, transport)
		s.site.join(space, "alice")
		topic := "/ctx/" + space + "/data/x"
		p := s.dial(t, version, transport)
		header := func(want byte) received {
			t.Helper()
			r := p.read()
			if r.header != want {
				t.Fatalf("header %#x, want %#x", r.header, want)
			}
			return r
		}
		p.send(packet(0x10, p.connectBody("alice", t.Name(), 60)))
		header(0x20)
		p.send(p.subscribePacket(1, nil, subscription(topic, 2)))
		header(0x90)
		p.send(p.message(2, 9, topic, "x"))
		seen := []byte{p.read().header, p.read().header}
		slices.Sort(seen)
		if !slices.Equal(seen, []byte{0x34, 0x50}) {
			t.Fatalf("headers % x", seen)
		}
		p.send(ack(6, 9))
		header(0x70)
		p.send(ack(5, 1))
		header(0x62)
		p.send(ack(7, 1), p.unsubscribePacket(2, topic))
		header(0xB0)
		p.send(p.message(1, 9, topic, "x"))
		header(0x40)
		p.send([]byte{0xC0, 0})
		header(0xD0)
		if version == 5 {
			p.send([]byte{0xC0, 1, 0})
			header(0xE0)
		}
	})
}

func TestSection2_2_1IdentifierZeroEndsTheConnection(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for name, build := range map[string]func(p *peer) []byte{
		"PUBLISH at QoS 1": func(p *peer) []byte { return p.message(1, 0, "/ctx/lobby/messages", "x") },
		"PUBLISH at QoS 2": func(p *peer) []byte { return p.message(2, 0, "/ctx/lobby/messages", "x") },
		"SUBSCRIBE":        func(p *peer) []byte { return p.subscribePacket(0, nil, subscription("/ctx/lobby/messages", 1)) },
		"UNSUBSCRIBE":      func(p *peer) []byte { return p.unsubscribePacket(0, "/ctx/lobby/messages") },
		"PUBACK":           func(*peer) []byte { return ack(4, 0) },
		"PUBREC":           func(*peer) []byte { return ack(5, 0) },
		"PUBREL":           func(*peer) []byte { return ack(6, 0) },
		"PUBCOMP":          func(*peer) []byte { return ack(7, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			variants(t, func(t *testing.T, version byte, transport string) {
				p := s.client(t, version, transport, "bob", t.Name())
				p.send(build(p))
				p.ended(0x82)
			})
		})
	}
}

func TestSection2_2_1AnswersCarryTheIdentifierOfTheirPacket(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		p := s.client(t, version, transport, "bob", t.Name())
		for _, id := range []uint16{1, 7, 255, 256, 32767, 32768, 65535} {
			p.send(p.subscribePacket(id, nil, subscription("/ctx/lobby/data/none", 1)))
			if r := p.expect(9); r.id != id {
				t.Errorf("SUBACK %d for %d", r.id, id)
			}
			p.send(p.unsubscribePacket(id, "/ctx/lobby/data/none"))
			if r := p.expect(11); r.id != id {
				t.Errorf("UNSUBACK %d for %d", r.id, id)
			}
			p.send(p.message(1, id, "/ctx/lobby/messages", "x"))
			if r := p.expect(4); r.id != id {
				t.Errorf("PUBACK %d for %d", r.id, id)
			}
			p.send(p.message(2, id, "/ctx/lobby/messages", "x"))
			if r := p.expect(5); r.id != id {
				t.Errorf("PUBREC %d for %d", r.id, id)
			}
			p.send(ack(6, id))
			if r := p.expect(7); r.id != id {
				t.Errorf("PUBCOMP %d for %d", r.id, id)
			}
		}
	})
}

func TestSection2_2_1ADeliveryAtQoS0HasNoIdentifierAndOnesAboveHaveUnusedOnes(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		space := fmt.Sprint("ids-", version, transport)
		s.site.join(space, "bob")
		topic := "/ctx/" + space + "/data/x"
		p := s.client(t, version, transport, "bob", t.Name())
		p.subscribe(topic, 2)
		s.append(space, social.ChannelData, "x", 1, "") // an entry of the store, so that both kinds meet
		s.Deliver(&broker.Delivery{
			Scope: s.site.scope(space), Channel: social.ChannelData, Topic: topic, Rest: "x",
			Payload: func() []byte { return []byte("at 0") },
		})
		used := make(map[uint16]bool)
		for i := range 20 {
			s.append(space, social.ChannelData, "x", byte(1+i%2), fmt.Sprint(i))
		}
		for range 22 {
			r := p.expect(3)
			if r.qos() == 0 {
				want := append(str(topic), p.props()...)
				if string(r.body) != string(want)+"at 0" {
					t.Errorf("delivered at QoS 0: % x", r.body)
				}
				continue
			}
			if r.id == 0 || used[r.id] {
				t.Errorf("identifier %d for %q", r.id, r.payload)
			}
			used[r.id] = true
		}
	})
}

func TestSection2_2_2APacketWithoutPropertiesSaysSo(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	p := s.client(t, 5, "tcp", "bob", "b")
	p.send(p.subscribePacket(1, nil, subscription("/ctx/lobby/data/#", 0)))
	if r := p.expect(9); string(r.body) != "\x00\x01\x00\x00" {
		t.Errorf("SUBACK % x", r.body)
	}
	p.send(p.message(0, 0, "/ctx/lobby/data/x", "y"))
	if r := p.expect(3); string(r.body) != string(str("/ctx/lobby/data/x"))+"\x00y" {
		t.Errorf("PUBLISH % x", r.body)
	}
	p.send(p.unsubscribePacket(2, "/ctx/lobby/data/#"))
	if r := p.expect(11); string(r.body) != "\x00\x02\x00\x00" {
		t.Errorf("UNSUBACK % x", r.body)
	}
}

func TestSection1_5_5LengthsTakeNoMoreBytesThanTheyNeed(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		space := fmt.Sprint("len-", version, transport)
		s.site.join(space, "bob")
		topic := "/ctx/" + space + "/data/x"
		p := s.client(t, version, transport, "bob", t.Name())
		p.subscribe(topic, 0)
		fixed := 2 + len(topic) + len(p.props())
		for _, remaining := range []int{fixed, 127, 128, 16383, 16384, 200_000} {
			s.Deliver(&broker.Delivery{
				Scope: s.site.scope(space), Channel: social.ChannelData, Topic: topic, Rest: "x",
				Payload: func() []byte { return make([]byte, remaining-fixed) },
			})
			if err := p.limit.SetReadDeadline(time.Now().Add(eventually)); err != nil {
				t.Fatal(err)
			}
			want := binary.AppendUvarint([]byte{0x30}, uint64(remaining))
			got := make([]byte, len(want)+remaining)
			if _, err := io.ReadFull(p.in, got); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got[:len(want)], want) || string(got[len(want)+2:len(want)+2+len(topic)]) != topic {
				t.Errorf("a packet of %d begins with % x", remaining, got[:8])
			}
		}
	})
}
