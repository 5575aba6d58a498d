package broker

// This file is the only importer of the protocol engine: decoded packets in.
// Why only its decoder is used stands in docs/adr/0008-connection-loop.md.

import (
	"encoding/binary"
	"errors"
	"strings"

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
	tail := nameSize + 4
	if level == version5 {
		n, bad := checkProperties(typeConnect, body[tail:])
		if bad != nil {
			return p, bad
		}
		tail += n
	}
	pk := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Connect, Remaining: len(body)}}
	if err := pk.ConnectDecode(body); err != nil {
		return p, found(err)
	}
	if p.will = pk.Connect.WillFlag; !p.will {
		size := tail + 2 + len(pk.Connect.ClientIdentifier)
		if pk.Connect.UsernameFlag {
			size += 2 + len(pk.Connect.Username)
		}
		if pk.Connect.PasswordFlag {
			size += 2 + len(pk.Connect.Password)
		}
		if size != len(body) {
			return p, malformed("The CONNECT has bytes behind its end.")
		}
	}
	if _, err := validText(pk.Connect.Username); err != nil { // [MQTT-3.1.3-11]
		return p, err
	}
	p.clean = pk.Connect.Clean
	p.hasUsername = pk.Connect.UsernameFlag
	p.keepAlive = pk.Connect.Keepalive
	p.clientID = strings.Clone(pk.Connect.ClientIdentifier) // the decoder's strings share memory with body
	p.username = string(pk.Connect.Username)
	p.password = append([]byte(nil), pk.Connect.Password...)
	p.authMethod = strings.Clone(pk.Properties.AuthenticationMethod)
	p.receiveMax = pk.Properties.ReceiveMaximum
	p.maxPacket = pk.Properties.MaximumPacketSize
	p.problemInfo = !pk.Properties.RequestProblemInfoFlag || pk.Properties.RequestProblemInfo == 1
	p.wantsSession = pk.Properties.SessionExpiryInterval > 0
	return p, nil
}

func checkConnectFlags(level, flags byte) *violation {
	const reserved, will, willQoS, willRetain, password, username = 0x01, 0x04, 0x18, 0x20, 0x40, 0x80
	switch {
	case flags&reserved != 0: // [MQTT-3.1.2-3]
		return malformed("A reserved flag of CONNECT is set.")
	case flags&will == 0 && flags&(willQoS|willRetain) != 0: // [MQTT-3.1.2-11], [MQTT-3.1.2-13]
		return malformed("A flag of the will is set, but no will.")
	case flags&willQoS == willQoS: // [MQTT-3.1.2-12]
		return malformed("The will has QoS 3.")
	case level == version311 && flags&(password|username) == password: // MQTT 3.1.1 [MQTT-3.1.2-22]
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
		if _, bad = checkProperties(typePublish, body[at:]); bad != nil {
			return p, bad
		}
	}
	if err := pk.PublishDecode(body); err != nil {
		return p, found(err)
	}
	p.topic, p.payload, p.id = pk.TopicName, pk.Payload, pk.PacketID
	p.qos, p.retain, p.dup = pk.FixedHeader.Qos, pk.FixedHeader.Retain, pk.FixedHeader.Dup
	p.alias = pk.Properties.TopicAliasFlag
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
	pk, at, bad := beginFilters(packets.Subscribe, version, header, body)
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
		if version == version5 && (body[at]&0xC0 != 0 || f.RetainHandling > 2) { // [MQTT-3.8.3-4], [MQTT-3.8.3-5]
			return p, protocolErr("The options of a subscription are wrong.")
		}
		at++
		p.filters = append(p.filters, filterRequest{
			filter: strings.Clone(f.Filter), qos: f.Qos, noLocal: f.NoLocal, retainAsPublished: f.RetainAsPublished,
		})
	}
	return p, nil
}

func decodeUnsubscribe(version, header byte, body []byte) (p unsubscribePacket, bad *violation) {
	defer guard(&bad)
	pk, _, bad := beginFilters(packets.Unsubscribe, version, header, body)
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
func beginFilters(packetType, version, header byte, body []byte) (pk *packets.Packet, at int, bad *violation) {
	pk = &packets.Packet{ProtocolVersion: version, FixedHeader: packets.FixedHeader{Remaining: len(body)}}
	if err := pk.FixedHeader.Decode(header); err != nil { // [MQTT-3.8.1-1], [MQTT-3.10.1-1]
		return nil, 0, malformed("The flags of the packet are wrong.")
	}
	if len(body) < 2 || binary.BigEndian.Uint16(body) == 0 { // [MQTT-2.2.1-3]
		return nil, 0, protocolErr("A packet identifier must not be zero.")
	}
	at = 2
	if version == version5 {
		n, bad := checkProperties(packetType, body[at:])
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
		n, bad := checkProperties(pk.FixedHeader.Type, body[3:])
		if bad != nil {
			return p, bad
		}
		if 3+n != len(body) {
			return p, malformed("An acknowledgement has bytes behind its end.")
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
func decodeDisconnect(version, header byte, body []byte) (bad *violation) {
	defer guard(&bad)
	pk := packets.Packet{ProtocolVersion: version, FixedHeader: packets.FixedHeader{Remaining: len(body)}}
	if err := pk.FixedHeader.Decode(header); err != nil { // [MQTT-3.14.1-1]
		return malformed("The flags of DISCONNECT are wrong.")
	}
	if version == version5 && len(body) > 1 {
		n, bad := checkProperties(typeDisconnect, body[1:])
		if bad != nil {
			return bad
		}
		if 1+n != len(body) {
			return malformed("The DISCONNECT has bytes behind its end.")
		}
	} else if version < version5 && len(body) > 0 {
		return malformed("")
	}
	if err := pk.DisconnectDecode(body); err != nil {
		return found(err)
	}
	if pk.Properties.SessionExpiryInterval > 0 { // it was 0 in CONNACK [MQTT-3.14.2-2]
		return protocolErr("A session without expiry cannot be given one at the end.")
	}
	return nil
}

func validText(b []byte) (string, *violation) {
	s := string(b)
	if strings.IndexByte(s, 0) >= 0 || strings.ToValidUTF8(s, "") != s {
		return "", malformed("A string is not UTF-8 text.")
	}
	return s, nil
}
