package broker

import (
	"errors"
	"slices"

	"rambla/social"
)

// Reason codes of MQTT 5.0 section 2.4 that this server sends. MQTT 3.1.1 has
// codes in CONNACK and SUBACK only; see connackCode3.
const (
	codeSuccess                byte = 0x00
	codeNoSubscriptionExisted  byte = 0x11
	codeReauthenticate         byte = 0x19
	codeUnspecified            byte = 0x80
	codeMalformedPacket        byte = 0x81
	codeProtocolError          byte = 0x82
	codeImplementationSpecific byte = 0x83
	codeUnsupportedVersion     byte = 0x84
	codeClientIDInvalid        byte = 0x85
	codeBadCredentials         byte = 0x86
	codeNotAuthorized          byte = 0x87
	codeServerUnavailable      byte = 0x88
	codeServerBusy             byte = 0x89
	codeShuttingDown           byte = 0x8B
	codeBadAuthMethod          byte = 0x8C
	codeKeepAliveTimeout       byte = 0x8D
	codeSessionTakenOver       byte = 0x8E
	codeTopicFilterInvalid     byte = 0x8F
	codeTopicNameInvalid       byte = 0x90
	codePacketIDNotFound       byte = 0x92
	codeReceiveMaximumExceeded byte = 0x93
	codeTopicAliasInvalid      byte = 0x94
	codePacketTooLarge         byte = 0x95
	codeQuotaExceeded          byte = 0x97
	codeAdministrative         byte = 0x98
	codePayloadInvalid         byte = 0x99
	codeConnectionRateExceeded byte = 0x9F
)

// The codes that an operator may pass to [Broker.End].
const (
	ReasonNotAuthorized  = codeNotAuthorized // the grant of the connection is gone
	ReasonTakenOver      = codeSessionTakenOver
	ReasonAdministrative = codeAdministrative // somebody in charge ended it
)

// connectCode is the CONNACK reason for a refusal by the gate. A kind that is
// not listed fails closed and tells nothing.
func connectCode(err error) byte {
	switch social.KindOf(err) {
	case social.KindUnauthenticated:
		return codeBadCredentials
	case social.KindForbidden, social.KindNotFound:
		return codeNotAuthorized
	case social.KindUnavailable:
		return codeServerUnavailable
	case social.KindRateLimited:
		return codeConnectionRateExceeded
	case social.KindInvalid, social.KindTooLarge, social.KindConflict:
		return codeImplementationSpecific
	default:
		return codeUnspecified
	}
}

// connackCode3 is the MQTT 3.1.1 return code (section 3.2.2.3) for a reason
// code of MQTT 5.0.
func connackCode3(code byte) byte {
	switch code {
	case codeSuccess:
		return 0
	case codeUnsupportedVersion:
		return 1
	case codeClientIDInvalid:
		return 2
	case codeBadCredentials:
		return 4
	case codeNotAuthorized, codeTopicNameInvalid: // of a will
		return 5
	default:
		return 3
	}
}

// publishCode is the PUBACK or PUBREC reason for a refusal of the gate. fatal
// tells that nothing may be acknowledged: the connection ends with the code and
// the client sends again.
func publishCode(topic string, err error) (code byte, fatal bool) {
	switch social.KindOf(err) {
	case social.KindForbidden, social.KindNotFound, social.KindUnauthenticated:
		return codeNotAuthorized, false
	case social.KindInvalid:
		if _, bad := social.ParseTopic(topic); bad != nil && social.KindOf(bad) == social.KindInvalid || concernsTopic(err) {
			return codeTopicNameInvalid, false
		}
		return codePayloadInvalid, false
	case social.KindTooLarge: // 0x95 is no code of PUBACK; the payload is what is wrong
		return codePayloadInvalid, false
	case social.KindConflict:
		return codeImplementationSpecific, false
	case social.KindRateLimited:
		return codeQuotaExceeded, false
	case social.KindUnavailable:
		return codeServerBusy, true
	default:
		return codeUnspecified, true
	}
}

// concernsTopic tells whether the topic is what an invalid publish is refused for.
func concernsTopic(err error) bool {
	e, ok := errors.AsType[*social.Error](err)
	return ok && slices.ContainsFunc(e.Fields, func(f social.Field) bool { return f.Name == "topic" })
}

// willCode is the CONNACK reason for a will that the gate refused.
func willCode(err error) byte {
	if social.KindOf(err) == social.KindInvalid {
		return codeTopicNameInvalid
	}
	return connectCode(err)
}

// subscribeCode is the SUBACK reason for a filter that the gate refused.
func subscribeCode(err error) byte {
	switch social.KindOf(err) {
	case social.KindForbidden, social.KindNotFound, social.KindUnauthenticated:
		return codeNotAuthorized
	case social.KindInvalid:
		return codeTopicFilterInvalid
	case social.KindRateLimited:
		return codeQuotaExceeded
	default:
		return codeUnspecified
	}
}
