package bench

import (
	"encoding/binary"
	"errors"
	"fmt"

	"rambla/mqttwire"
)

// hello is what a CONNECT of ours says.
type hello struct {
	version   byte
	client    string
	user      string
	password  string
	keepAlive uint16 // seconds
	// expiry is how long the session outlives its connection, in seconds; 3.1.1
	// knows only whether it does. 0: the session begins anew and ends with it.
	expiry uint32
	// receiveMaximum is how many deliveries may be unacknowledged; 0: as many as
	// there are packet ids. 3.1.1 cannot say it.
	receiveMaximum uint16
}

func appendConnect(b []byte, h hello) []byte {
	body := mqttwire.AppendText(make([]byte, 0, 128), "MQTT")
	var flags byte
	if h.expiry == 0 {
		flags = 0x02 // clean
	}
	if h.user != "" || h.password != "" {
		flags |= 0x80 // 3.1.1 allows no password without a user name [MQTT-3.1.2-22]
	}
	if h.password != "" {
		flags |= 0x40
	}
	body = append(body, h.version, flags)
	body = binary.BigEndian.AppendUint16(body, h.keepAlive)
	if h.version == 5 {
		body = append(mqttwire.AppendLength(body, len(h.properties())), h.properties()...)
	}
	body = mqttwire.AppendText(body, h.client)
	if flags&0x80 != 0 {
		body = mqttwire.AppendText(body, h.user)
	}
	if flags&0x40 != 0 {
		body = mqttwire.AppendText(body, h.password)
	}
	return append(mqttwire.AppendLength(append(b, mqttwire.Connect<<4), len(body)), body...)
}

// properties of a CONNECT of MQTT 5.
func (h hello) properties() (b []byte) {
	if h.expiry > 0 {
		b = binary.BigEndian.AppendUint32(append(b, mqttwire.SessionExpiry), h.expiry)
	}
	if h.receiveMaximum > 0 {
		b = binary.BigEndian.AppendUint16(append(b, mqttwire.ReceiveMaximum), h.receiveMaximum)
	}
	return b
}

// appendSubscribe asks for all filters at QoS 1.
func appendSubscribe(b []byte, version byte, id uint16, filters []string) []byte {
	body := binary.BigEndian.AppendUint16(nil, id)
	if version == 5 {
		body = append(body, 0)
	}
	for _, f := range filters {
		body = append(mqttwire.AppendText(body, f), 1)
	}
	return append(mqttwire.AppendLength(append(b, mqttwire.Subscribe<<4|2), len(body)), body...)
}

// appendPuback acknowledges a delivery; the short form is right in both versions.
func appendPuback(b []byte, id uint16) []byte {
	return append(b, mqttwire.Puback<<4, 2, byte(id>>8), byte(id))
}

func appendPingreq(b []byte) []byte { return append(b, mqttwire.Pingreq<<4, 0) }

func appendDisconnect(b []byte) []byte { return append(b, mqttwire.Disconnect<<4, 0) }

// welcome is what the server's CONNACK grants.
type welcome struct {
	code           byte
	reason         string
	present        bool   // the session was there
	expiry         uint32 // of the session in seconds, as was asked for unless told; 3.1.1: the same
	receiveMaximum int    // unacknowledged publishes; 65,535 when not told
	keepAlive      uint16 // seconds; 0 when the server leaves it to us
	maximumPacket  int    // bytes; 0 when not told
}

// parseConnack reads the answer to a hello that asked for a session expiry.
func parseConnack(version byte, expiry uint32, body []byte) (welcome, error) {
	w := welcome{receiveMaximum: 65535, expiry: expiry}
	if len(body) < 2 {
		return w, mqttwire.ErrMalformed
	}
	w.present, w.code = body[0]&1 == 1, body[1]
	if version != 5 {
		return w, nil
	}
	err := mqttwire.EachProperty(body[2:], func(id byte, value []byte) {
		switch id {
		case mqttwire.SessionExpiry:
			w.expiry = binary.BigEndian.Uint32(value)
		case mqttwire.ServerKeepAlive:
			w.keepAlive = binary.BigEndian.Uint16(value)
		case mqttwire.ReceiveMaximum:
			w.receiveMaximum = int(binary.BigEndian.Uint16(value))
		case mqttwire.MaximumPacket:
			w.maximumPacket = int(binary.BigEndian.Uint32(value))
		case mqttwire.Reason:
			w.reason = string(value)
		}
	})
	if err == nil && w.receiveMaximum == 0 {
		return w, mqttwire.ErrMalformed
	}
	return w, err
}

// parseSuback gives the packet id and one code per filter; 0x80 and above is a
// refusal in both versions.
func parseSuback(version byte, body []byte) (id uint16, codes []byte, err error) {
	if len(body) < 2 {
		return 0, nil, mqttwire.ErrMalformed
	}
	id, body = binary.BigEndian.Uint16(body), body[2:]
	if version == 5 {
		n, width := mqttwire.Length(body)
		if width <= 0 || len(body) < width+n {
			return 0, nil, mqttwire.ErrMalformed
		}
		body = body[width+n:]
	}
	return id, body, nil
}

// parsePuback gives the packet id and the reason code, 0 when there is none.
func parsePuback(body []byte) (id uint16, code byte, err error) {
	switch {
	case len(body) < 2:
		return 0, 0, mqttwire.ErrMalformed
	case len(body) == 2:
		return binary.BigEndian.Uint16(body), 0, nil
	}
	return binary.BigEndian.Uint16(body), body[2], nil
}

// parsePublish gives the packet id (0 at QoS 0) and the payload of a delivery.
func parsePublish(version, head byte, body []byte) (id uint16, payload []byte, err error) {
	if len(body) < 2 {
		return 0, nil, mqttwire.ErrMalformed
	}
	at := 2 + int(binary.BigEndian.Uint16(body))
	if head&0x06 != 0 {
		if len(body) < at+2 {
			return 0, nil, mqttwire.ErrMalformed
		}
		id = uint16(body[at])<<8 | uint16(body[at+1])
		at += 2
	}
	if version == 5 {
		if len(body) <= at {
			return 0, nil, mqttwire.ErrMalformed
		}
		n, width := mqttwire.Length(body[at:])
		if width <= 0 {
			return 0, nil, mqttwire.ErrMalformed
		}
		at += width + n
	}
	if len(body) < at {
		return 0, nil, mqttwire.ErrMalformed
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
		_ = mqttwire.EachProperty(body[1:], func(id byte, value []byte) {
			if id == mqttwire.Reason {
				reason = ": " + string(value)
			}
		})
	}
	return fmt.Errorf("the server ended the connection with 0x%02x%s", body[0], reason)
}
