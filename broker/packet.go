package broker

import "rambla/social"

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
	typeWill        byte = 99 // the will's properties inside CONNECT, for checkProperties
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
	clean        bool
	will         bool
	hasUsername  bool
	keepAlive    uint16 // seconds; 0 = none
	clientID     string
	username     string
	password     []byte
	authMethod   string
	receiveMax   uint16 // 0 = the client set no limit
	maxPacket    uint32 // bytes; 0 = the client set no limit
	problemInfo  bool   // false: no reason strings and user properties on acknowledgements [MQTT-3.1.2-29]
	wantsSession bool   // session expiry above 0
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
	alias      bool // a topic alias was used
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
