package mqttwire

import "encoding/binary"

// The properties that our clients have to understand; the others are stepped
// over [MQTT5-2.2.2.2].
const (
	SessionExpiry   = 0x11
	ServerKeepAlive = 0x13
	Reason          = 0x1f
	ReceiveMaximum  = 0x21
	UserProperty    = 0x26
	MaximumPacket   = 0x27
)

// EachProperty calls f for every property of a block that begins with its
// length. Texts and binaries come without their length, pairs with. An empty
// b has no block, which some packets allow.
func EachProperty(b []byte, f func(id byte, value []byte)) error {
	if len(b) == 0 {
		return nil
	}
	n, width := Length(b)
	if width <= 0 || len(b) < width+n {
		return ErrMalformed
	}
	b = b[width : width+n]
	for len(b) > 0 {
		id := b[0]
		b = b[1:]
		skip, size := propertySize(id, b)
		if size < 0 || len(b) < skip+size {
			return ErrMalformed
		}
		f(id, b[skip:skip+size])
		b = b[skip+size:]
	}
	return nil
}

// propertySize says how many bytes of a length come first and how many of the
// value follow; size is -1 for a property that does not exist or is cut off.
func propertySize(id byte, b []byte) (skip, size int) {
	switch id {
	case 0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2a:
		return 0, 1
	case 0x13, 0x21, 0x22, 0x23:
		return 0, 2
	case 0x02, 0x11, 0x18, 0x27:
		return 0, 4
	case 0x0b:
		_, width := Length(b)
		if width <= 0 {
			return 0, -1
		}
		return 0, width
	case 0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1a, 0x1c, 0x1f:
		if len(b) < 2 {
			return 0, -1
		}
		return 2, int(binary.BigEndian.Uint16(b))
	case 0x26:
		if len(b) < 2 {
			return 0, -1
		}
		name := 2 + int(binary.BigEndian.Uint16(b))
		if len(b) < name+2 {
			return 0, -1
		}
		return 0, name + 2 + int(binary.BigEndian.Uint16(b[name:]))
	}
	return 0, -1
}
