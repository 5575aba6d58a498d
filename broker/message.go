package broker

import (
	"encoding/binary"
	"slices"
	"time"

	"rambla/social"
)

// message is a delivery on its way to subscribers: what they share. Deliver
// builds the frames that somebody needs; once queued it does not change.
type message struct {
	topic    string
	seq      uint64 // in its stream; 0 = in none
	kept     uint64 // of a retained message, which is no part of the stream's order: the seq by which it can be sent again
	payload  []byte
	props    []byte    // of MQTT 5.0, without the length in front
	expiryAt int       // of the expiry's four bytes in props; -1 if there is none
	expires  time.Time // zero = never
	frames   [2][2]frame
}

// frame is a whole PUBLISH without subscription identifiers, DUP, QoS and
// RETAIN; these and the packet identifier are put in while it is copied.
type frame struct {
	bytes    []byte // nil until somebody needs it
	id       int    // where the packet identifier stands
	expiryAt int    // where the message expiry stands; -1 if there is none
}

func newMessage(d *Delivery, now time.Time) *message {
	m := &message{topic: d.Topic, seq: d.Seq, payload: d.Payload(), expiryAt: -1}
	if p := d.Properties; p != nil {
		m.props, m.expiryAt = appendMessageProperties(nil, p)
		if p.Expiry > 0 {
			if !d.At.IsZero() {
				now = d.At
			}
			m.expires = now.Add(time.Duration(p.Expiry) * time.Second)
		}
	}
	return m
}

// bare is the message without frames, which nobody shares with it then.
func (m *message) bare() *message {
	return &message{topic: m.topic, seq: m.seq, payload: m.payload, props: m.props, expiryAt: m.expiryAt, expires: m.expires}
}

// size is what the message counts in a queue, in bytes.
func (m *message) size() int { return len(m.topic) + len(m.props) + len(m.payload) }

// prepare builds the shared frame for a version and for QoS 0 or above.
func (m *message) prepare(v5, acked bool) {
	f := &m.frames[index(v5)][index(acked)]
	if f.bytes != nil {
		return
	}
	f.bytes, f.id, f.expiryAt = m.appendFrame(make([]byte, 0, m.size()+16), v5, acked, identifiers{}, naming{})
}

// appendFrame writes a PUBLISH whose flags and packet identifier are zero.
func (m *message) appendFrame(dst []byte, v5, acked bool, ids identifiers, name naming) (out []byte, id, expiryAt int) {
	remaining := m.remaining(v5, acked, ids, name)
	dst = appendVarint(append(dst, typePublish<<4), remaining)
	dst = appendString(dst, name.written(m.topic))
	expiryAt, id = -1, len(dst)
	if acked {
		dst = append(dst, 0, 0)
	}
	if v5 {
		dst = appendVarint(dst, len(m.props)+len(ids.encoded())+name.size())
		if m.expiryAt >= 0 {
			expiryAt = len(dst) + m.expiryAt
		}
		dst = append(append(dst, m.props...), ids.encoded()...)
		if name.alias != 0 {
			dst = append(dst, propTopicAlias, byte(name.alias>>8), byte(name.alias))
		}
	}
	return append(dst, m.payload...), id, expiryAt
}

func (m *message) remaining(v5, acked bool, ids identifiers, name naming) int {
	n := 2 + len(name.written(m.topic)) + len(m.payload)
	if acked {
		n += 2
	}
	if v5 {
		props := len(m.props) + len(ids.encoded()) + name.size()
		n += varintSize(props) + props
	}
	return n
}

// expired tells whether the message is not worth delivering any more [MQTT-3.3.2-5].
func (m *message) expired(now time.Time) bool { return !m.expires.IsZero() && !now.Before(m.expires) }

// appendTo writes the packet of one subscriber.
func (m *message) appendTo(dst []byte, v5 bool, e *entry, name naming, id uint16, now time.Time) []byte {
	start := len(dst)
	acked := e.qos > 0
	var idAt, expiryAt int
	if f := &m.frames[index(v5)][index(acked)]; e.ids.none() && name.alias == 0 && f.bytes != nil {
		dst = append(dst, f.bytes...)
		idAt, expiryAt = start+f.id, start+f.expiryAt
		if f.expiryAt < 0 {
			expiryAt = -1
		}
	} else {
		dst, idAt, expiryAt = m.appendFrame(dst, v5, acked, e.ids, name)
	}
	dst[start] |= e.qos << 1
	if e.retain() {
		dst[start] |= 1
	}
	if e.dup() && !fault("no-dup") {
		dst[start] |= 1 << 3 // [MQTT-3.3.1-1]
	}
	if acked {
		binary.BigEndian.PutUint16(dst[idAt:], id)
	}
	if expiryAt >= 0 { // [MQTT-3.3.2-6]: less the time it waited here
		left := max(1, m.expires.Sub(now).Round(time.Second)/time.Second)
		if given := binary.BigEndian.Uint32(dst[expiryAt:]); left < time.Duration(given) { // a clock that jumps back adds nothing
			binary.BigEndian.PutUint32(dst[expiryAt:], uint32(left))
		}
	}
	return dst
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

// identifiers are encoded subscription identifiers; the zero value is none, by
// far the most frequent, and takes the room of a pointer.
type identifiers struct{ bytes *string }

// identifier is the encoded form of a subscription identifier; 0 = none.
func identifier(id uint32) identifiers {
	if id == 0 {
		return identifiers{}
	}
	return identifiers{new(string(appendVarint([]byte{propSubscriptionID}, int(id))))}
}

func (i identifiers) none() bool { return i.bytes == nil }

func (i identifiers) encoded() string {
	if i.bytes == nil {
		return ""
	}
	return *i.bytes
}

// and are both.
func (i identifiers) and(other identifiers) identifiers {
	switch {
	case other.none():
		return i
	case i.none():
		return other
	}
	return identifiers{new(*i.bytes + *other.bytes)}
}

// isFor tells whether the delivery is for the person.
func (d *Delivery) isFor(person social.PersonKey) bool {
	if d.Except != 0 && d.Except == person {
		return false
	}
	return d.Only == nil || slices.Contains(d.Only, person) || fault("private-to-all")
}
