package mqttwire

import (
	"encoding/binary"
	"errors"
)

// Packet types, the upper half of a packet's first byte [MQTT-2.1.2].
const (
	Connect     = 1
	Connack     = 2
	Publish     = 3
	Puback      = 4
	Pubrec      = 5
	Pubrel      = 6
	Pubcomp     = 7
	Subscribe   = 8
	Suback      = 9
	Unsubscribe = 10
	Unsuback    = 11
	Pingreq     = 12
	Pingresp    = 13
	Disconnect  = 14
)

// ErrMalformed says that the other side does not speak MQTT.
var ErrMalformed = errors.New("the server sent a malformed packet")

// AppendLength writes a variable byte integer; n is below 2^28.
func AppendLength(b []byte, n int) []byte {
	for n >= 0x80 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n))
}

// Length reads a variable byte integer. size is 0 when it is not complete, and
// -1 when it is longer than the four bytes allowed.
func Length(b []byte) (n, size int) {
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

// AppendText writes a text, at most 65,535 bytes of it, with its length.
func AppendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...) //nolint:gosec // as the comment says
}

// Split finds the first packet in b: its first byte, what follows the length,
// and how many bytes it takes in all. size is 0 when it is not complete yet.
// body is a part of b.
func Split(b []byte) (head byte, body []byte, size int, err error) {
	if len(b) < 2 {
		return 0, nil, 0, nil
	}
	n, width := Length(b[1:])
	if width < 0 {
		return 0, nil, 0, ErrMalformed
	}
	if width == 0 || len(b) < 1+width+n {
		return 0, nil, 0, nil
	}
	return b[0], b[1+width : 1+width+n], 1 + width + n, nil
}
