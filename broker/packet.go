package broker

import (
	"math"

	"rambla/social"
)

// Control packet types, MQTT 5.0 table 2-1.
const (
	typeConnect     byte = 1
	typeConnack     byte = 2
	typePublish     byte = 3
	typePuback      byte = 4
	typePubrec      byte = 5
	typePubrel      byte = 6
	typePubcomp     byte = 7
	typeSubscribe   byte = 8
	typeSuback      byte = 9
	typeUnsubscribe byte = 10
	typeUnsuback    byte = 11
	typePingreq     byte = 12
	typePingresp    byte = 13
	typeDisconnect  byte = 14
	typeAuth        byte = 15
)

const (
	version311 byte = 4
	version5   byte = 5
)

// violation is why a packet cannot be taken: the DISCONNECT (or CONNACK) code
// of MQTT 5.0 and a sentence for its reason string.
type violation struct {
	code byte
	text string
}

func malformed(text string) *violation   { return &violation{codeMalformedPacket, text} }
func protocolErr(text string) *violation { return &violation{codeProtocolError, text} }

type connectPacket struct {
	version      byte
	clean        bool   // Clean Start; Clean Session of MQTT 3.1.1
	expiry       uint32 // seconds that the session lives beyond the connection, see expiryNever
	will         *will  // nil for none
	hasUsername  bool
	keepAlive    uint16 // seconds; 0 = none
	clientID     string
	username     string
	password     []byte
	authMethod   string // empty = the password authenticates
	authData     []byte
	receiveMax   uint16 // 0 = the client set no limit
	maxPacket    uint32 // bytes; 0 = the client set no limit
	aliasMax     uint16 // topic aliases that the client takes; 0 = none
	problemInfo  bool   // false: no reason strings and user properties on acknowledgements [MQTT-3.1.2-29]
	responseInfo bool   // the client asks where responses may go (section 3.1.2.11.6)
}

// expiryNever is the Session Expiry Interval of a session that does not expire
// by itself. A client of MQTT 3.1.1 that wants its session kept asks for it.
const expiryNever = math.MaxUint32

// disconnectPacket is what a client says at the end.
type disconnectPacket struct {
	code      byte
	expiry    uint32 // seconds; only with hasExpiry
	hasExpiry bool
}

// authPacket is one step of enhanced authentication, MQTT 5.0 section 4.12.
type authPacket struct {
	code   byte
	method string
	data   []byte
}

// publishPacket owns its payload; its strings share memory with it.
type publishPacket struct {
	topic      string
	payload    []byte
	properties *social.Properties // nil where there were none
	id         uint16
	qos        byte
	retain     bool
	dup        bool
	alias      uint16 // only with hasAlias
	hasAlias   bool
}

type subscribePacket struct {
	id         uint16
	identifier uint32 // 0 = none
	filters    []filterRequest
}

type filterRequest struct {
	filter            string
	qos               byte
	noLocal           bool
	retainAsPublished bool
	retainHandling    byte
}

type unsubscribePacket struct {
	id      uint16
	filters []string
}

// ackPacket is PUBACK, PUBREC, PUBREL or PUBCOMP.
type ackPacket struct {
	id   uint16
	code byte
}
