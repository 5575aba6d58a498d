package broker

import (
	"encoding/binary"
	"math"
	"strconv"

	"rambla/social"
)

// maxRemaining is the largest remaining length, MQTT 5.0 section 2.1.4.
const maxRemaining = 268_435_455

func appendVarint(dst []byte, v int) []byte {
	for v >= 0x80 {
		dst = append(dst, byte(v)|0x80)
		v >>= 7
	}
	return append(dst, byte(v))
}

func varintSize(v int) int {
	switch {
	case v < 1<<7:
		return 1
	case v < 1<<14:
		return 2
	case v < 1<<21:
		return 3
	default:
		return 4
	}
}

// appendString cuts at 65,535 bytes, the most that a string can have.
func appendString(dst []byte, s string) []byte {
	s = s[:min(len(s), math.MaxUint16)]
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(s)))
	return append(dst, s...)
}

func appendUserProperty(dst []byte, name, value string) []byte {
	return appendString(appendString(append(dst, propUser), name), value)
}

// explanation is what MQTT 5.0 packets tell beside their code. Both parts are
// left out where the client's Maximum Packet Size has no room for them.
type explanation struct {
	reason  string // a Safe sentence
	receipt Receipt
}

func (x explanation) appendProperties(dst []byte) []byte {
	if x.receipt.ID != "" {
		dst = appendUserProperty(dst, "id", x.receipt.ID)
	}
	if x.receipt.Seq != 0 {
		dst = appendUserProperty(dst, "seq", strconv.FormatUint(x.receipt.Seq, 10))
	}
	if x.reason != "" {
		dst = appendString(append(dst, propReasonString), x.reason)
	}
	return dst
}

// appendAck writes PUBACK, PUBREC, PUBREL or PUBCOMP. In MQTT 5.0 a success
// with nothing to tell has no code and no properties (section 3.4.2.1).
func (w wire) appendAck(dst []byte, packetType byte, id uint16, code byte, x explanation) []byte {
	header := packetType << 4
	if packetType == typePubrel {
		header |= 2 // [MQTT-3.6.1-1]
	}
	if !w.v5() {
		return append(dst, header, 2, byte(id>>8), byte(id))
	}
	var scratch [128]byte
	props := scratch[:0]
	if w.problemInfo { // [MQTT-3.1.2-29]
		props = x.appendProperties(props)
	}
	size := 2 + 1 + varintSize(len(props)) + len(props)
	if !w.fits(size) {
		props, size = nil, 3 // [MQTT-3.4.2-2], [MQTT-3.4.2-3]
	}
	if len(props) == 0 {
		if code == codeSuccess {
			return append(dst, header, 2, byte(id>>8), byte(id))
		}
		return append(dst, header, 3, byte(id>>8), byte(id), code)
	}
	dst = appendVarint(append(dst, header), size)
	dst = append(dst, byte(id>>8), byte(id), code)
	return append(appendVarint(dst, len(props)), props...)
}

// appendSubscribed writes SUBACK or UNSUBACK. told are user properties of MQTT
// 5.0; they are left out where the client wants none or has no room for them.
func (w wire) appendSubscribed(dst []byte, packetType byte, id uint16, codes []byte, told []social.UserProperty) []byte {
	if !w.v5() {
		return appendSubscribed3(dst, packetType, id, codes)
	}
	var props []byte
	if w.problemInfo { // [MQTT-3.1.2-29]
		for _, u := range told {
			props = appendUserProperty(props, u.Name, u.Value)
		}
	}
	size := func() int { return 2 + varintSize(len(props)) + len(props) + len(codes) }
	if !w.fits(size()) { // [MQTT-3.9.2-2], [MQTT-3.11.2-2]
		props = nil
	}
	dst = appendVarint(append(dst, packetType<<4), size())
	dst = append(dst, byte(id>>8), byte(id))
	dst = append(appendVarint(dst, len(props)), props...)
	return append(dst, codes...)
}

func appendSubscribed3(dst []byte, packetType byte, id uint16, codes []byte) []byte {
	if packetType == typeUnsuback {
		codes = nil
	}
	dst = appendVarint(append(dst, packetType<<4), 2+len(codes))
	dst = append(dst, byte(id>>8), byte(id))
	for _, code := range codes {
		if code >= codeUnspecified {
			code = 0x80 // the one failure of MQTT 3.1.1 [MQTT-3.9.3-2]
		}
		dst = append(dst, code)
	}
	return dst
}

// appendDisconnect writes a DISCONNECT of MQTT 5.0; MQTT 3.1.1 knows none from
// a server and gets nothing.
func (w wire) appendDisconnect(dst []byte, code byte, reason string) []byte {
	if !w.v5() {
		return dst
	}
	props := explanation{reason: reason}.appendProperties(nil)
	size := 1 + varintSize(len(props)) + len(props)
	if len(props) == 0 || !w.fits(size) { // [MQTT-3.14.2-3]
		return append(dst, typeDisconnect<<4, 1, code)
	}
	dst = appendVarint(append(dst, typeDisconnect<<4), size)
	return append(appendVarint(append(dst, code), len(props)), props...)
}

// connack is what a CONNACK tells. Properties are sent on success only, except
// the reason. What is not told has the meaning that the specification gives to
// its absence: retained messages, wildcards, subscription identifiers and shared
// subscriptions are available.
type connack struct {
	code         byte
	reason       string
	present      bool   // a session was there; on success only [MQTT-3.2.2-6]
	assignedID   string // empty = the client brought its own
	expiry       int64  // of the session, in seconds; -1 = as the client asked
	keepAlive    int    // seconds; -1 = as the client asked
	receiveMax   int
	maxPacket    int
	aliasMax     int    // topic aliases that the server takes
	responseInfo string // empty = not asked for
	authMethod   string // empty = none was agreed
	authData     []byte
	told         []social.UserProperty
}

func (w wire) appendConnack(dst []byte, a connack) []byte {
	present := index(a.present && a.code == codeSuccess)
	if !w.v5() {
		return append(dst, typeConnack<<4, 2, byte(present), connackCode3(a.code))
	}
	var props []byte
	if a.code == codeSuccess {
		props = a.appendProperties(nil)
		// What explains may be left out, what is agreed may not.
		if told := a.appendTold(props); w.fits(2 + varintSize(len(told)) + len(told)) { // [MQTT-3.2.2-20]
			props = told
		}
	} else if a.reason != "" {
		props = appendString(append(props, propReasonString), a.reason)
		if !w.fits(2 + varintSize(len(props)) + len(props)) { // [MQTT-3.2.2-19]
			props = nil
		}
	}
	if a.code != codeSuccess && !w.fits(3) { // [MQTT-3.1.2-24]: not even the code
		return dst
	}
	dst = appendVarint(append(dst, typeConnack<<4), 2+varintSize(len(props))+len(props))
	dst = append(dst, byte(present), a.code)
	return append(appendVarint(dst, len(props)), props...)
}

func (a *connack) appendProperties(props []byte) []byte {
	if a.expiry >= 0 {
		props = binary.BigEndian.AppendUint32(append(props, propSessionExpiry), uint32(a.expiry))
	}
	props = binary.BigEndian.AppendUint16(append(props, propReceiveMaximum), uint16(a.receiveMax))
	props = binary.BigEndian.AppendUint32(append(props, propMaximumPacket), uint32(a.maxPacket))
	if a.assignedID != "" { // [MQTT-3.2.2-16]
		props = appendString(append(props, propAssignedID), a.assignedID)
	}
	props = binary.BigEndian.AppendUint16(append(props, propTopicAliasMaximum), uint16(a.aliasMax))
	if a.keepAlive >= 0 { // [MQTT-3.2.2-21]
		props = binary.BigEndian.AppendUint16(append(props, propServerKeepAlive), uint16(a.keepAlive))
	}
	if a.authMethod != "" { // [MQTT-4.12.0-5]
		props = appendString(append(props, propAuthMethod), a.authMethod)
	}
	if a.authData != nil {
		props = appendString(append(props, propAuthData), string(a.authData))
	}
	return props
}

func (a *connack) appendTold(props []byte) []byte {
	if a.responseInfo != "" {
		props = appendString(append(props, propResponseInfo), a.responseInfo)
	}
	for _, u := range a.told {
		props = appendUserProperty(props, u.Name, u.Value)
	}
	return props
}

// appendAuth writes an AUTH of MQTT 5.0.
func (w wire) appendAuth(dst []byte, code byte, method string) []byte {
	props := appendString([]byte{propAuthMethod}, method)
	dst = appendVarint(append(dst, typeAuth<<4), 1+varintSize(len(props))+len(props))
	return append(appendVarint(append(dst, code), len(props)), props...)
}

// wire is what the encoding of packets to one client depends on.
type wire struct {
	version     byte
	problemInfo bool
	maxPacket   uint32 // bytes; 0 = no limit
	aliasMax    uint16 // topic aliases that it is given at most; 0 = none
}

func (w wire) v5() bool { return w.version >= version5 }

// fits tells whether a packet with this remaining length may be sent [MQTT-3.1.2-24].
func (w wire) fits(remaining int) bool {
	size := 1 + varintSize(remaining) + remaining
	return remaining <= maxRemaining && (w.maxPacket == 0 || size <= int(w.maxPacket))
}

// appendMessageProperties writes p without the length in front. expiryAt is
// where the four bytes of the message expiry stand in dst, -1 if there is none.
func appendMessageProperties(dst []byte, p *social.Properties) (out []byte, expiryAt int) {
	expiryAt = -1
	if p == nil {
		return dst, expiryAt
	}
	if p.TextPayload {
		dst = append(dst, propPayloadFormat, 1)
	}
	if p.Expiry > 0 {
		dst = append(dst, propMessageExpiry)
		expiryAt = len(dst)
		dst = binary.BigEndian.AppendUint32(dst, p.Expiry)
	}
	if p.ContentType != "" {
		dst = appendString(append(dst, propContentType), p.ContentType)
	}
	if p.ResponseTopic != "" {
		dst = appendString(append(dst, propResponseTopic), p.ResponseTopic)
	}
	if p.CorrelationData != nil {
		dst = appendString(append(dst, propCorrelation), string(p.CorrelationData))
	}
	for _, u := range p.User {
		dst = appendUserProperty(dst, u.Name, u.Value)
	}
	return dst, expiryAt
}
