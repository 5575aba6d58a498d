package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Packet types, the upper half of a packet's first byte [MQTT-2.1.2].
const (
	typeConnect    = 1
	typeConnack    = 2
	typePublish    = 3
	typePuback     = 4
	typeSubscribe  = 8
	typeSuback     = 9
	typePingreq    = 12
	typePingresp   = 13
	typeDisconnect = 14
)

var errMalformed = errors.New("the server sent a malformed packet")

// appendLength writes a variable byte integer.
func appendLength(b []byte, n int) []byte {
	for n >= 0x80 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n))
}

// length reads a variable byte integer. size is 0 when it is not complete, and
// -1 when it is longer than the four bytes allowed.
func length(b []byte) (n, size int) {
	for i := 0; i < 4; i++ {
		if i == len(b) {
			return 0, 0
		}
		n |= int(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			return n, i + 1
		}
	}
	return 0, -1
}

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// packet finds the first packet in b: its first byte, what follows the length,
// and how many bytes it takes in all. size is 0 when it is not complete yet.
func packet(b []byte) (head byte, body []byte, size int, err error) {
	if len(b) < 2 {
		return 0, nil, 0, nil
	}
	n, width := length(b[1:])
	if width < 0 {
		return 0, nil, 0, errMalformed
	}
	if width == 0 || len(b) < 1+width+n {
		return 0, nil, 0, nil
	}
	return b[0], b[1+width : 1+width+n], 1 + width + n, nil
}

// hello is what a CONNECT of ours says. Every session is clean and ends with
// its connection.
type hello struct {
	version   byte
	client    string
	user      string
	password  string
	keepAlive uint16 // seconds
}

func appendConnect(b []byte, h hello) []byte {
	body := appendText(make([]byte, 0, 128), "MQTT")
	flags := byte(0x02)
	if h.user != "" || h.password != "" {
		flags |= 0x80 // 3.1.1 allows no password without a user name [MQTT-3.1.2-22]
	}
	if h.password != "" {
		flags |= 0x40
	}
	body = append(body, h.version, flags)
	body = binary.BigEndian.AppendUint16(body, h.keepAlive)
	if h.version == 5 {
		body = append(body, 0)
	}
	body = appendText(body, h.client)
	if flags&0x80 != 0 {
		body = appendText(body, h.user)
	}
	if flags&0x40 != 0 {
		body = appendText(body, h.password)
	}
	return append(appendLength(append(b, typeConnect<<4), len(body)), body...)
}

// appendSubscribe asks for all filters at QoS 1.
func appendSubscribe(b []byte, version byte, id uint16, filters []string) []byte {
	body := binary.BigEndian.AppendUint16(nil, id)
	if version == 5 {
		body = append(body, 0)
	}
	for _, f := range filters {
		body = append(appendText(body, f), 1)
	}
	return append(appendLength(append(b, typeSubscribe<<4|2), len(body)), body...)
}

// appendPuback acknowledges a delivery; the short form is right in both versions.
func appendPuback(b []byte, id uint16) []byte {
	return append(b, typePuback<<4, 2, byte(id>>8), byte(id))
}

func appendPingreq(b []byte) []byte { return append(b, typePingreq<<4, 0) }

func appendDisconnect(b []byte) []byte { return append(b, typeDisconnect<<4, 0) }

// welcome is what the server's CONNACK grants.
type welcome struct {
	code           byte
	reason         string
	receiveMaximum int    // unacknowledged publishes; 65,535 when not told
	keepAlive      uint16 // seconds; 0 when the server leaves it to us
	maximumPacket  int    // bytes; 0 when not told
}

func parseConnack(version byte, body []byte) (welcome, error) {
	w := welcome{receiveMaximum: 65535}
	if len(body) < 2 {
		return w, errMalformed
	}
	w.code = body[1]
	if version != 5 {
		return w, nil
	}
	err := eachProperty(body[2:], func(id byte, value []byte) {
		switch id {
		case propertyServerKeepAlive:
			w.keepAlive = binary.BigEndian.Uint16(value)
		case propertyReceiveMaximum:
			w.receiveMaximum = int(binary.BigEndian.Uint16(value))
		case propertyMaximumPacket:
			w.maximumPacket = int(binary.BigEndian.Uint32(value))
		case propertyReason:
			w.reason = string(value)
		}
	})
	if err == nil && w.receiveMaximum == 0 {
		return w, errMalformed
	}
	return w, err
}

// parseSuback gives the packet id and one code per filter; 0x80 and above is a
// refusal in both versions.
func parseSuback(version byte, body []byte) (id uint16, codes []byte, err error) {
	if len(body) < 2 {
		return 0, nil, errMalformed
	}
	id, body = binary.BigEndian.Uint16(body), body[2:]
	if version == 5 {
		n, width := length(body)
		if width <= 0 || len(body) < width+n {
			return 0, nil, errMalformed
		}
		body = body[width+n:]
	}
	return id, body, nil
}

// parsePuback gives the packet id and the reason code, 0 when there is none.
func parsePuback(body []byte) (id uint16, code byte, err error) {
	switch {
	case len(body) < 2:
		return 0, 0, errMalformed
	case len(body) == 2:
		return binary.BigEndian.Uint16(body), 0, nil
	}
	return binary.BigEndian.Uint16(body), body[2], nil
}

// parsePublish gives the packet id (0 at QoS 0) and the payload of a delivery.
func parsePublish(version, head byte, body []byte) (id uint16, payload []byte, err error) {
	if len(body) < 2 {
		return 0, nil, errMalformed
	}
	at := 2 + int(binary.BigEndian.Uint16(body))
	if head&0x06 != 0 {
		if len(body) < at+2 {
			return 0, nil, errMalformed
		}
		id = uint16(body[at])<<8 | uint16(body[at+1])
		at += 2
	}
	if version == 5 {
		if len(body) <= at {
			return 0, nil, errMalformed
		}
		n, width := length(body[at:])
		if width <= 0 {
			return 0, nil, errMalformed
		}
		at += width + n
	}
	if len(body) < at {
		return 0, nil, errMalformed
	}
	return id, body[at:], nil
}

// parseDisconnect tells why the server ended the connection.
func parseDisconnect(body []byte) error {
	if len(body) == 0 {
		return errors.New("the server ended the connection")
	}
	reason := ""
	if len(body) > 1 {
		// A reason that cannot be read leaves the code, which says enough.
		_ = eachProperty(body[1:], func(id byte, value []byte) {
			if id == propertyReason {
				reason = ": " + string(value)
			}
		})
	}
	return fmt.Errorf("the server ended the connection with 0x%02x%s", body[0], reason)
}
