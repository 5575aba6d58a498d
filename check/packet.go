package check

import (
	"encoding/binary"

	"rambla/mqttwire"
)

// hello is what a CONNECT of ours says.
type hello struct {
	version        byte
	client         string
	user, password string
	clean          bool
	expiry         uint32 // seconds that the session lives on, MQTT 5.0
	receiveMaximum uint16 // MQTT 5.0; 0 = not told
}

// keepAlive is ours in seconds: longer than any pause of a client's.
const keepAlive = 120

func appendPacket(b []byte, head byte, body []byte) []byte {
	return append(mqttwire.AppendLength(append(b, head), len(body)), body...)
}

func appendConnect(b []byte, h hello) []byte {
	body := mqttwire.AppendText(make([]byte, 0, 256), "MQTT")
	flags := byte(0xc0) // user name and password
	if h.clean {
		flags |= 0x02
	}
	body = append(body, h.version, flags, keepAlive>>8, keepAlive&0xff)
	if h.version == 5 {
		props := make([]byte, 0, 8)
		if h.expiry > 0 {
			props = binary.BigEndian.AppendUint32(append(props, mqttwire.SessionExpiry), h.expiry)
		}
		if h.receiveMaximum > 0 {
			props = binary.BigEndian.AppendUint16(append(props, mqttwire.ReceiveMaximum), h.receiveMaximum)
		}
		body = append(mqttwire.AppendLength(body, len(props)), props...)
	}
	body = mqttwire.AppendText(body, h.client)
	body = mqttwire.AppendText(body, h.user)
	body = mqttwire.AppendText(body, h.password)
	return appendPacket(b, mqttwire.Connect<<4, body)
}

func appendSubscribe(b []byte, version byte, id uint16, filters []string, qos byte) []byte {
	body := binary.BigEndian.AppendUint16(nil, id)
	if version == 5 {
		body = append(body, 0)
	}
	for _, f := range filters {
		body = append(mqttwire.AppendText(body, f), qos)
	}
	return appendPacket(b, mqttwire.Subscribe<<4|2, body)
}

// outgoing is a PUBLISH of ours.
type outgoing struct {
	topic   string
	payload []byte
	key     string // as an MQTT 5.0 user property; empty = none
	qos     byte
	dup     bool
	packet  uint16
}

func appendPublish(b []byte, version byte, p *outgoing) []byte {
	head := byte(mqttwire.Publish<<4) | p.qos<<1
	if p.dup {
		head |= 0x08
	}
	body := mqttwire.AppendText(make([]byte, 0, len(p.topic)+len(p.payload)+64), p.topic)
	if p.qos > 0 {
		body = binary.BigEndian.AppendUint16(body, p.packet)
	}
	if version == 5 {
		var props []byte
		if p.key != "" {
			props = append(props, mqttwire.UserProperty)
			props = mqttwire.AppendText(mqttwire.AppendText(props, "key"), p.key)
		}
		body = append(mqttwire.AppendLength(body, len(props)), props...)
	}
	return appendPacket(b, head, append(body, p.payload...))
}

// appendAck writes PUBACK, PUBREC, PUBREL or PUBCOMP of success; the short form
// is right in both versions.
func appendAck(b []byte, kind byte, id uint16) []byte {
	head := kind << 4
	if kind == mqttwire.Pubrel {
		head |= 2 // [MQTT-3.6.1-1]
	}
	return append(b, head, 2, byte(id>>8), byte(id))
}

// packet is one that the server sent, taken apart as far as the check looks.
type packet struct {
	kind    byte
	qos     byte
	dup     bool
	retain  bool
	present bool // CONNACK
	code    byte
	codes   []byte // SUBACK
	id      uint16
	topic   string
	payload []byte
	user    []pair
	reason  string
}

type pair struct{ name, value string }

// told gives a user property; empty where there is none.
func (p *packet) told(name string) string {
	for _, u := range p.user {
		if u.name == name {
			return u.value
		}
	}
	return ""
}

// parse takes a packet apart. Its parts share body.
func parse(version, head byte, body []byte) (packet, error) {
	p := packet{kind: head >> 4}
	r := reader{rest: body, version: version}
	switch p.kind {
	case mqttwire.Connack:
		p.present = r.byte()&1 == 1
		p.code = r.byte()
		r.properties(&p)
	case mqttwire.Publish:
		p.qos, p.dup, p.retain = head>>1&3, head&8 != 0, head&1 != 0
		p.topic = r.text()
		if p.qos > 0 {
			if p.id = r.number(); p.id == 0 || p.qos == 3 {
				r.bad = true // [MQTT-2.2.1-4], [MQTT-3.3.1-4]
			}
		}
		r.properties(&p)
		p.payload = r.rest
	case mqttwire.Puback, mqttwire.Pubrec, mqttwire.Pubrel, mqttwire.Pubcomp:
		p.id = r.number()
		r.reasoned(&p)
	case mqttwire.Suback, mqttwire.Unsuback:
		p.id = r.number()
		r.properties(&p)
		p.codes = r.rest
	case mqttwire.Disconnect:
		r.reasoned(&p)
	case mqttwire.Pingresp:
	default:
		r.bad = true
	}
	if r.bad {
		return p, mqttwire.ErrMalformed
	}
	return p, nil
}

// reader walks a packet; bad is set by the first thing that is wrong, and all
// after it reads as zero.
type reader struct {
	rest    []byte
	version byte
	bad     bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.rest) {
		r.bad = true
		return nil
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) number() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) text() string { return string(r.take(int(r.number()))) }

// reasoned reads a reason code and properties, both of which may be left out.
func (r *reader) reasoned(p *packet) {
	if len(r.rest) > 0 {
		p.code = r.byte()
	}
	if len(r.rest) > 0 {
		r.properties(p)
	}
}

func (r *reader) properties(p *packet) {
	if r.version != 5 || r.bad {
		return
	}
	n, width := mqttwire.Length(r.rest)
	if width <= 0 {
		r.bad = true
		return
	}
	err := mqttwire.EachProperty(r.take(width+n), func(id byte, value []byte) {
		switch id {
		case mqttwire.UserProperty:
			name := int(binary.BigEndian.Uint16(value))
			p.user = append(p.user, pair{string(value[2 : 2+name]), string(value[4+name:])})
		case mqttwire.Reason:
			p.reason = string(value)
		}
	})
	if err != nil {
		r.bad = true
	}
}
