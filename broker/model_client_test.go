package broker

import (
	"encoding/binary"
	"slices"
	"strconv"
)

// The client's part of the model.

type clientPacket struct {
	id   uint16
	kind byte // the answer
}

// receive is the client reading.
func (m *model) receive() {
	for len(m.input) > 2 {
		size, n, ok := readVarint(m.input[1:])
		if !ok || len(m.input) < 1+n+size {
			return
		}
		header, body := m.input[0], m.input[1+n:1+n+size]
		m.input = m.input[1+n+size:]
		if header>>4 == typePubrel {
			id := binary.BigEndian.Uint16(body)
			delete(m.held, id)
			m.open = append(m.open, clientPacket{id, typePubcomp})
			continue
		}
		id := binary.BigEndian.Uint16(body[3:])
		seq, err := strconv.ParseUint(string(body[5:]), 10, 64)
		if err != nil {
			m.t.Fatal(err)
		}
		m.message(header, id, seq)
	}
}

func (m *model) message(header byte, id uint16, seq uint64) {
	qos, dup := header>>1&3, header&8 != 0
	if want := m.log.entries[seq-1].QoS; qos != want {
		m.t.Fatalf("%d has QoS %d, want %d", seq, qos, want)
	}
	if qos == 2 {
		m.open = append(m.open, clientPacket{id, typePubrec})
		if m.held[id] { // [MQTT-4.3.3-10]
			return
		}
		m.held[id] = true
		if m.got[seq]++; m.got[seq] > 1 {
			m.t.Fatalf("%d came %d times at QoS 2", seq, m.got[seq])
		}
	} else {
		m.open = append(m.open, clientPacket{id, typePuback})
		m.got[seq]++
	}
	if m.not[seq] {
		m.t.Fatalf("%d came, which is not for it", seq)
	}
	if dup {
		return // of before the cursor was moved, perhaps
	}
	if seq <= m.last {
		m.t.Fatalf("%d came after %d", seq, m.last)
	}
	m.last = seq
}

// answer is the client answering something, mostly the oldest.
func (m *model) answer() {
	if len(m.open) == 0 {
		return
	}
	i := min(m.r.IntN(3)*m.r.IntN(2), len(m.open)-1)
	p := m.open[i]
	m.open = slices.Delete(m.open, i, i+1)
	if bad := m.s.conn.acknowledge(p.kind<<4, []byte{byte(p.id >> 8), byte(p.id)}); bad != nil {
		m.t.Fatal(bad)
	}
}
