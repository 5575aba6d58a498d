package bench

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"rambla/mqttwire"
)

// owed is a delivery that was not acknowledged.
type owed struct {
	id     uint16
	frames [][]byte
}

// readConnect is the other side of appendConnect, written by the layout of the
// packet in the specification.
func readConnect(b []byte) (h hello, err error) {
	text := func() string {
		if len(b) < 2 || len(b) < 2+int(binary.BigEndian.Uint16(b)) {
			err = io.ErrUnexpectedEOF
			return ""
		}
		n := int(binary.BigEndian.Uint16(b))
		s := string(b[2 : 2+n])
		b = b[2+n:]
		return s
	}
	if name := text(); name != "MQTT" || len(b) < 4 {
		return h, fmt.Errorf("protocol %q", name)
	}
	h.version = b[0]
	flags := b[1]
	h.keepAlive = binary.BigEndian.Uint16(b[2:])
	b = b[4:]
	if h.version == 5 {
		for p := b[1 : 1+int(b[0])]; len(p) > 0; {
			switch p[0] {
			case mqttwire.SessionExpiry:
				h.expiry, p = binary.BigEndian.Uint32(p[1:]), p[5:]
			case mqttwire.ReceiveMaximum:
				h.receiveMaximum, p = binary.BigEndian.Uint16(p[1:]), p[3:]
			default:
				return h, fmt.Errorf("property %#x", p[0])
			}
		}
		b = b[1+int(b[0]):]
	} else if flags&0x02 == 0 {
		h.expiry = sessionLife
	}
	if clean := flags&0x02 != 0; clean != (h.expiry == 0) {
		return h, fmt.Errorf("clean is %v and the session lives for %d s", clean, h.expiry)
	}
	h.client = text()
	if flags&0x80 != 0 {
		h.user = text()
	}
	if flags&0x40 != 0 {
		h.password = text()
	}
	if err == nil && len(b) > 0 {
		err = fmt.Errorf("%d bytes too many", len(b))
	}
	return h, err
}

// resumedLocked lets the client go on with its session and gives what is owed
// to it; nil where there is none.
func (s *stub) resumedLocked(c *stubClient) []owed {
	i := slices.IndexFunc(s.clients, func(old *stubClient) bool {
		return old != c && old.hello.client == c.hello.client && old.hello.expiry > 0
	})
	if i < 0 {
		return nil
	}
	old := s.clients[i]
	s.clients = slices.Delete(s.clients, i, i+1)
	if c.hello.expiry == 0 || s.forget != nil && s.forget(c.hello.client) {
		return nil
	}
	c.filters, c.number, c.posts, c.nextID, c.unacked = old.filters, old.number, old.posts, old.nextID, old.unacked
	return append([]owed{}, c.unacked...)
}
