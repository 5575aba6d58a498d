package broker

import "encoding/binary"

// Property identifiers, MQTT 5.0 table 2-4.
const (
	propPayloadFormat     byte = 0x01
	propMessageExpiry     byte = 0x02
	propContentType       byte = 0x03
	propResponseTopic     byte = 0x08
	propCorrelation       byte = 0x09
	propSubscriptionID    byte = 0x0B
	propSessionExpiry     byte = 0x11
	propAssignedID        byte = 0x12
	propServerKeepAlive   byte = 0x13
	propAuthMethod        byte = 0x15
	propAuthData          byte = 0x16
	propProblemInfo       byte = 0x17
	propWantResponseInfo  byte = 0x19
	propResponseInfo      byte = 0x1A
	propReasonString      byte = 0x1F
	propReceiveMaximum    byte = 0x21
	propTopicAliasMaximum byte = 0x22
	propTopicAlias        byte = 0x23
	propUser              byte = 0x26
	propMaximumPacket     byte = 0x27
)

// propertyForm is how a property's value is encoded.
type propertyForm byte

const (
	formNone propertyForm = iota
	formByte
	formUint16
	formUint32
	formVarint
	formBinary // and strings: two bytes of length first
	formPair
)

func formOf(id byte) propertyForm {
	switch id {
	case 0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A:
		return formByte
	case 0x13, 0x21, 0x22, 0x23:
		return formUint16
	case 0x02, 0x11, 0x18, 0x27:
		return formUint32
	case 0x0B:
		return formVarint
	case 0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F:
		return formBinary
	case 0x26:
		return formPair
	default:
		return formNone
	}
}

// checkProperties walks the properties at the start of buf and finds what the
// engine's decoder lets pass: values that run beyond the stated length, repeats
// of what may stand once, and values outside their range. It returns how many
// bytes they take, their length included. Which property may stand in which
// packet is left to the engine.
func checkProperties(buf []byte) (int, *violation) {
	length, n, ok := readVarint(buf)
	if !ok || n+length > len(buf) {
		return 0, malformed("The properties are longer than the packet.")
	}
	total := n + length
	buf = buf[n:total]
	var seen uint64
	for len(buf) > 0 {
		id := buf[0]
		size, ok := valueSize(formOf(id), buf[1:])
		if !ok {
			return 0, malformed("A property is cut short or unknown.")
		}
		if id != propUser { // formOf knows no id above 0x2A
			if seen&(1<<id) != 0 {
				return 0, protocolErr("A property stands twice.")
			}
			seen |= 1 << id
		}
		if v := checkValue(id, buf[1:1+size]); v != nil {
			return 0, v
		}
		buf = buf[1+size:]
	}
	if seen&(1<<propAuthData) != 0 && seen&(1<<propAuthMethod) == 0 {
		return 0, protocolErr("Authentication data without a method.") // section 3.1.2.11.10
	}
	return total, nil
}

func valueSize(form propertyForm, buf []byte) (int, bool) {
	size := 0
	switch form {
	case formByte:
		size = 1
	case formUint16:
		size = 2
	case formUint32:
		size = 4
	case formVarint:
		_, n, ok := readVarint(buf)
		return n, ok
	case formBinary:
		n, ok := binarySize(buf)
		return n, ok
	case formPair:
		name, ok := binarySize(buf)
		if !ok {
			return 0, false
		}
		value, ok := binarySize(buf[name:])
		return name + value, ok
	default:
		return 0, false
	}
	return size, size <= len(buf)
}

func checkValue(id byte, value []byte) *violation {
	switch id {
	case propPayloadFormat, propProblemInfo, propWantResponseInfo:
		if value[0] > 1 {
			return protocolErr("A property is neither 0 nor 1.")
		}
	case propReceiveMaximum, propMaximumPacket, propSubscriptionID:
		for _, b := range value {
			if b != 0 {
				return nil
			}
		}
		return protocolErr("A property must not be zero.")
	}
	return nil
}

// binarySize is the size of a length-prefixed value at the start of buf, the
// two bytes of length included.
func binarySize(buf []byte) (int, bool) {
	if len(buf) < 2 {
		return 0, false
	}
	n := 2 + int(binary.BigEndian.Uint16(buf))
	return n, n <= len(buf)
}

// readVarint reads a variable byte integer of at most four bytes [MQTT-1.5.5-1].
func readVarint(buf []byte) (value, n int, ok bool) {
	for n < len(buf) && n < 4 {
		b := buf[n]
		value |= int(b&0x7f) << (7 * n)
		n++
		if b&0x80 == 0 {
			return value, n, true
		}
	}
	return 0, 0, false
}
