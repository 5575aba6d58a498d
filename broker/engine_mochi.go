package broker

// This file is the only importer of the protocol engine: decoded packets in.
// Why only its decoder is used stands in docs/adr/0008-connection-loop.md.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"
	"strings"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"rambla/social"
)

// guard turns a panic of the decoder into a violation: the engine indexes past
// the end of a SUBSCRIBE whose last filter has no options byte.
func guard(out **violation) {
	if r := recover(); r != nil {
		*out = malformed("The packet cannot be read.")
	}
}

// found maps an error of the engine's decoders.
func found(err error) *violation {
	var code packets.Code
	if errors.As(err, &code) && code.Code == codeProtocolError {
		return protocolErr("The packet breaks a rule of the protocol.")
	}
	return malformed("The packet cannot be read.")
}

// decodeConnect reads the body of a CONNECT. Where the protocol name or level
// is none that is spoken here, the violation's code is codeUnsupportedVersion
// and version tells in which form to say so: 0 = say nothing and close.
func decodeConnect(body []byte) (p connectPacket, bad *violation) {
	defer guard(&bad)
	nameSize, ok := binarySize(body)
	if !ok || len(body) < nameSize+4 {
		return p, malformed("The CONNECT is cut short.")
	}
	level := body[nameSize]
	switch name := string(body[2:nameSize]); {
	case name == "MQIsdp" || name == "MQTT" && level < version311:
		p.version = version311
		return p, &violation{codeUnsupportedVersion, ""}
	case name == "MQTT" && level > version5:
		p.version = version5
		return p, &violation{codeUnsupportedVersion, "This server speaks MQTT 3.1.1 and 5.0."}
	case name != "MQTT": // [MQTT-3.1.2-1]
		return p, &violation{codeUnsupportedVersion, ""}
	}
	p.version = level
	flags := body[nameSize+1]
	if bad = checkConnectFlags(level, flags); bad != nil {
		return p, bad
	}
	at := nameSize + 4
	if level == version5 {
		n, bad := checkProperties(body[at:])
		if bad != nil {
			return p, bad
		}
		at += n
	}
	if bad = checkConnectTail(level, flags, body[at:]); bad != nil {
		return p, bad
	}
	pk := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Connect, Remaining: len(body)}}
	if err := pk.ConnectDecode(body); err != nil {
		return p, found(err)
	}
	if _, err := validText(pk.Connect.Username); err != nil { // [MQTT-3.1.3-11]
		return p, err
	}
	if pk.Connect.WillFlag {
		if p.will, bad = connectWill(&pk); bad != nil {
			return p, bad
		}
	}
	p.clean = pk.Connect.Clean
	p.hasUsername = pk.Connect.UsernameFlag
	p.keepAlive = pk.Connect.Keepalive
	p.clientID = strings.Clone(pk.Connect.ClientIdentifier) // the decoder's strings share memory with body
	p.username = string(pk.Connect.Username)
	p.password = bytes.Clone(pk.Connect.Password)
	p.authMethod = strings.Clone(pk.Properties.AuthenticationMethod)
	p.authData = bytes.Clone(pk.Properties.AuthenticationData)
	p.receiveMax = pk.Properties.ReceiveMaximum
	p.maxPacket = pk.Properties.MaximumPacketSize
	p.aliasMax = pk.Properties.TopicAliasMaximum
	p.problemInfo = !pk.Properties.RequestProblemInfoFlag || pk.Properties.RequestProblemInfo == 1
	p.responseInfo = pk.Properties.RequestResponseInfo == 1
	p.expiry = pk.Properties.SessionExpiryInterval
	if level == version311 && !p.clean {
		p.expiry = expiryNever
	}
	return p, nil
}

// checkConnectTail walks what follows the properties of CONNECT: the engine
// does not notice bytes behind the end, nor what checkProperties is for in the
// properties of the will.
func checkConnectTail(level, flags byte, rest []byte) *violation {
	skip := func(fields int) bool {
		for range fields {
			n, ok := binarySize(rest)
			if !ok {
				return false
			}
			rest = rest[n:]
		}
		return true
	}
	more := bits.OnesCount8(flags & (connectUsernameFlag | connectPasswordFlag))
	ok := skip(1) // the client identifier
	if ok && flags&connectWillFlag != 0 {
		if level == version5 {
			n, bad := checkProperties(rest)
			if bad != nil {
				return bad
			}
			rest = rest[n:]
		}
		more += 2 // topic and payload
	}
	switch {
	case !ok || !skip(more):
		return malformed("The CONNECT is cut short.")
	case len(rest) > 0:
		return malformed("The CONNECT has bytes behind its end.")
	}
	return nil
}

// connectWill takes the will out of a CONNECT, with memory of its own.
func connectWill(pk *packets.Packet) (*will, *violation) {
	in := &pk.Connect.WillProperties
	if strings.ContainsAny(in.ResponseTopic, "+#") { // [MQTT-3.3.2-14]
		return nil, protocolErr("A response topic has no wildcards.")
	}
	w := &will{
		topic: strings.Clone(pk.Connect.WillTopic), payload: bytes.Clone(pk.Connect.WillPayload), qos: pk.Connect.WillQos,
		retain: pk.Connect.WillRetain, properties: messageProperties(in),
		delay: time.Duration(in.WillDelayInterval) * time.Second,
	}
	if p := w.properties; p != nil {
		p.ContentType, p.ResponseTopic = strings.Clone(p.ContentType), strings.Clone(p.ResponseTopic)
		p.CorrelationData = bytes.Clone(p.CorrelationData)
		for i, u := range p.User {
			p.User[i] = social.UserProperty{Name: strings.Clone(u.Name), Value: strings.Clone(u.Value)}
		}
	}
	return w, nil
}

// Connect Flags, section 3.1.2.3.
const (
	connectReservedFlag byte = 0x01
	connectWillFlag     byte = 0x04
	connectWillQoS      byte = 0x18
	connectWillRetain   byte = 0x20
	connectPasswordFlag byte = 0x40
	connectUsernameFlag byte = 0x80
)

func checkConnectFlags(level, flags byte) *violation {
	switch {
	case flags&connectReservedFlag != 0: // [MQTT-3.1.2-3]
		return malformed("A reserved flag of CONNECT is set.")
	case flags&connectWillFlag == 0 && flags&(connectWillQoS|connectWillRetain) != 0: // [MQTT-3.1.2-11], [MQTT-3.1.2-13]
		return malformed("A flag of the will is set, but no will.")
	case flags&connectWillQoS == connectWillQoS: // [MQTT-3.1.2-12]
		return malformed("The will has QoS 3.")
	case level == version311 && flags&(connectPasswordFlag|connectUsernameFlag) == connectPasswordFlag: // MQTT 3.1.1 [MQTT-3.1.2-22]
		return protocolErr("")
	}
	return nil
}

// decodePublish takes body over.
func decodePublish(version, header byte, body []byte) (p publishPacket, bad *violation) {
	defer guard(&bad)
	pk := packets.Packet{ProtocolVersion: version, FixedHeader: packets.FixedHeader{Remaining: len(body)}}
	if err := pk.FixedHeader.Decode(header); err != nil {
		return p, malformed("The flags of PUBLISH are wrong.") // [MQTT-3.3.1-2], [MQTT-3.3.1-4]
	}
	if version == version5 {
		at, ok := binarySize(body)
		if !ok {
			return p, malformed("The topic is cut short.")
		}
		if pk.FixedHeader.Qos > 0 {
			at += 2
		}
		if at > len(body) {
			return p, malformed("The packet identifier is cut short.")
		}
		if _, bad = checkProperties(body[at:]); bad != nil {
			return p, bad
		}
	}
	if err := pk.PublishDecode(body); err != nil {
		return p, found(err)
	}
	p.topic, p.payload, p.id = pk.TopicName, pk.Payload, pk.PacketID
	p.qos, p.retain, p.dup = pk.FixedHeader.Qos, pk.FixedHeader.Retain, pk.FixedHeader.Dup
	p.alias, p.hasAlias = pk.Properties.TopicAlias, pk.Properties.TopicAliasFlag
	switch {
	case p.qos > 0 && p.id == 0: // [MQTT-2.2.1-3]
		return p, protocolErr("A packet identifier must not be zero.")
	case len(pk.Properties.SubscriptionIdentifier) > 0: // [MQTT-3.3.4-6]
		return p, protocolErr("A client's PUBLISH has no subscription identifier.")
	case strings.ContainsAny(pk.Properties.ResponseTopic, "+#"): // [MQTT-3.3.2-14]
		return p, protocolErr("A response topic has no wildcards.")
	case strings.ContainsAny(p.topic, "+#"): // [MQTT-3.3.2-2]
		return p, &violation{codeTopicNameInvalid, "A topic to publish to has no wildcards."}
	}
	p.properties = messageProperties(&pk.Properties)
	return p, nil
}

func messageProperties(in *packets.Properties) *social.Properties {
	if in.PayloadFormat == 0 && in.ContentType == "" && in.ResponseTopic == "" && in.CorrelationData == nil &&
		in.MessageExpiryInterval == 0 && in.User == nil {
		return nil
	}
	out := &social.Properties{
		TextPayload: in.PayloadFormat == 1, ContentType: in.ContentType, ResponseTopic: in.ResponseTopic,
		CorrelationData: in.CorrelationData, Expiry: in.MessageExpiryInterval,
	}
	for _, u := range in.User { // [MQTT-3.3.2-17], [MQTT-3.3.2-18]: all of them, in order
		out.User = append(out.User, social.UserProperty{Name: u.Key, Value: u.Val})
	}
	return out
}

func decodeSubscribe(version, header byte, body []byte) (p subscribePacket, bad *violation) {
	defer guard(&bad)
	pk, at, bad := beginFilters(version, header, body)
	if bad != nil {
		return p, bad
	}
	if err := pk.SubscribeDecode(body); err != nil {
		return p, found(err)
	}
	if len(pk.Filters) == 0 { // [MQTT-3.8.3-2]
		return p, protocolErr("A SUBSCRIBE has at least one filter.")
	}
	p.id = pk.PacketID
	if ids := pk.Properties.SubscriptionIdentifier; len(ids) > 0 {
		p.identifier = uint32(ids[0])
	}
	for _, f := range pk.Filters {
		at += 2 + len(f.Filter)
		switch {
		case version == version5 && body[at]&0xC0 != 0: // [MQTT-3.8.3-5]
			return p, malformed("A reserved option of a subscription is set.")
		case version == version5 && f.RetainHandling > 2: // section 3.8.3.1
			return p, protocolErr("Retain Handling is at most 2.")
		}
		at++
		p.filters = append(p.filters, filterRequest{
			filter: strings.Clone(f.Filter), qos: f.Qos, noLocal: f.NoLocal, retainAsPublished: f.RetainAsPublished,
			retainHandling: f.RetainHandling,
		})
	}
	return p, nil
}

func decodeUnsubscribe(version, header byte, body []byte) (p unsubscribePacket, bad *violation) {
	defer guard(&bad)
	pk, _, bad := beginFilters(version, header, body)
	if bad != nil {
		return p, bad
	}
	if err := pk.UnsubscribeDecode(body); err != nil {
		return p, found(err)
	}
	if len(pk.Filters) == 0 { // [MQTT-3.10.3-2]
		return p, protocolErr("An UNSUBSCRIBE has at least one filter.")
	}
	p.id = pk.PacketID
	for _, f := range pk.Filters {
		p.filters = append(p.filters, strings.Clone(f.Filter))
	}
	return p, nil
}

// beginFilters checks what SUBSCRIBE and UNSUBSCRIBE begin with; at is where
// their first filter stands.
func beginFilters(version, header byte, body []byte) (pk *packets.Packet, at int, bad *violation) {
	pk = &packets.Packet{ProtocolVersion: version, FixedHeader: packets.FixedHeader{Remaining: len(body)}}
	if err := pk.FixedHeader.Decode(header); err != nil { // [MQTT-3.8.1-1], [MQTT-3.10.1-1]
		return nil, 0, malformed("The flags of the packet are wrong.")
	}
	if len(body) < 2 || binary.BigEndian.Uint16(body) == 0 { // [MQTT-2.2.1-3]
		return nil, 0, protocolErr("A packet identifier must not be zero.")
	}
	at = 2
	if version == version5 {
		n, bad := checkProperties(body[at:])
		if bad != nil {
			return nil, 0, bad
		}
		at += n
	}
	return pk, at, nil
}

// decodeAck reads PUBACK, PUBREC, PUBREL and PUBCOMP.
func decodeAck(version, header byte, body []byte) (p ackPacket, bad *violation) {
	defer guard(&bad)
	pk := packets.Packet{ProtocolVersion: version, FixedHeader: packets.FixedHeader{Remaining: len(body)}}
	if err := pk.FixedHeader.Decode(header); err != nil { // [MQTT-3.6.1-1]
		return p, malformed("The flags of an acknowledgement are wrong.")
	}
	if version == version5 && len(body) > 3 {
		if bad := checkWhole(body[3:]); bad != nil {
			return p, bad
		}
	} else if version < version5 && len(body) != 2 {
		return p, malformed("")
	}
	if err := pk.PubackDecode(body); err != nil { // the four share one form
		return p, found(err)
	}
	if pk.PacketID == 0 {
		return p, protocolErr("A packet identifier must not be zero.")
	}
	return ackPacket{id: pk.PacketID, code: pk.ReasonCode}, nil
}

// decodeDisconnect reads a client's DISCONNECT.
func decodeDisconnect(version, header byte, body []byte) (p disconnectPacket, bad *violation) {
	defer guard(&bad)
	pk := packets.Packet{ProtocolVersion: version, FixedHeader: packets.FixedHeader{Remaining: len(body)}}
	if err := pk.FixedHeader.Decode(header); err != nil { // [MQTT-3.14.1-1]
		return p, malformed("The flags of DISCONNECT are wrong.")
	}
	if version < version5 {
		if len(body) > 0 {
			return p, malformed("")
		}
		return p, nil
	}
	if len(body) > 0 {
		p.code = body[0] // the engine passes over a code that stands alone
	}
	if len(body) > 1 {
		if bad := checkWhole(body[1:]); bad != nil {
			return p, bad
		}
	}
	if err := pk.DisconnectDecode(body); err != nil {
		return p, found(err)
	}
	p.expiry, p.hasExpiry = pk.Properties.SessionExpiryInterval, pk.Properties.SessionExpiryIntervalFlag
	return p, nil
}

// decodeAuth reads a client's AUTH. Code and properties may both be left out:
// success, and no method.
func decodeAuth(header byte, body []byte) (p authPacket, bad *violation) {
	defer guard(&bad)
	if header&0x0f != 0 { // [MQTT-3.15.1-1]
		return p, malformed("The flags of AUTH are wrong.")
	}
	if len(body) < 2 {
		return p, protocolErr("An AUTH names its authentication method.") // section 3.15.2.2.2
	}
	if bad := checkWhole(body[1:]); bad != nil {
		return p, bad
	}
	pk := packets.Packet{ProtocolVersion: version5, FixedHeader: packets.FixedHeader{Type: packets.Auth, Remaining: len(body)}}
	if err := pk.AuthDecode(body); err != nil {
		return p, found(err)
	}
	p.code = pk.ReasonCode
	p.method = strings.Clone(pk.Properties.AuthenticationMethod)
	p.data = bytes.Clone(pk.Properties.AuthenticationData)
	return p, nil
}

// checkWhole is checkProperties where nothing may follow.
func checkWhole(buf []byte) *violation {
	n, bad := checkProperties(buf)
	if bad == nil && n != len(buf) {
		bad = malformed("The packet has bytes behind its end.")
	}
	return bad
}

func validText(b []byte) (string, *violation) {
	s := string(b)
	if strings.IndexByte(s, 0) >= 0 || strings.ToValidUTF8(s, "") != s {
		return "", malformed("A string is not UTF-8 text.")
	}
	return s, nil
}
