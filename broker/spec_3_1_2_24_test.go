package broker_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"rambla/broker"
	"rambla/social"
)

func TestSection3_1_2NothingIsSentThatIsLargerThanTheClientTakes(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	connected := 0
	for size := uint32(1); size <= 64; size++ {
		p := s.dial(t, 5, "tcp")
		most := binary.BigEndian.AppendUint32([]byte{0x27}, size)
		fits := func(r received) {
			t.Helper()
			if n := 2 + len(r.body); n > int(size) {
				t.Errorf("a packet %#x of %d bytes, where %d are taken", r.header, n, size)
			}
		}
		p.send(packet(0x10, p.connectBody("alice", fmt.Sprint("c", size), 60, most, expiry(9), []byte{0x19, 1})))
		r, err := p.next()
		if err != nil {
			if size >= 5 {
				t.Errorf("no CONNACK, though %d bytes are taken: %v", size, err)
			}
			continue
		}
		fits(r)
		if r.code != 0 {
			if r.code != 0x95 {
				t.Errorf("CONNACK says %#x", r.code)
			}
			p.ended(0)
			continue
		}
		connected++
		p.send(p.subscribePacket(1, nil, subscription("/ctx/none/messages", 1)))
		fits(p.expect(9))
		p.send(p.message(1, 2, "/ctx/none/messages", "x"), p.message(2, 3, "/ctx/lobby/messages", "x"))
		fits(p.expect(4))
		fits(p.expect(5))
		p.send(ack(6, 3))
		fits(p.expect(7))
		p.send(p.unsubscribePacket(4, "/ctx/none/messages"))
		fits(p.expect(11))
		var filters [][]byte
		for range size {
			filters = append(filters, subscription("/ctx/lobby/data/x", 1))
		}
		p.send(p.subscribePacket(5, nil, filters...))
		fits(p.ended(0x95))
		again := s.kept(t, 5, "tcp", "alice", fmt.Sprint("c", size), 1)
		s.append("lobby", social.ChannelData, "x", 1, "x")
		again.quiet() // what could not be answered was not taken
		s.leave(again, "alice", fmt.Sprint("c", size), append([]byte{0xE0, 7, 0, 5}, expiry(0)...))
	}
	if connected < 20 {
		t.Errorf("only %d of 64 were connected", connected)
	}
}
