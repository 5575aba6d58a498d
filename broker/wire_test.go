package broker_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// The scenarios speak in bytes: what is sent and expected is spelled out, so
// that a fault that both ends would share cannot hide.

// str is a length-prefixed string.
func str(s string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}

// packet puts the fixed header in front of a body.
func packet(header byte, body []byte) []byte {
	return append(binary.AppendUvarint([]byte{header}, uint64(len(body))), body...)
}

// publish is a PUBLISH of MQTT 3.1.1.
func publish(qos byte, id uint16, topic, payload string) []byte {
	body := str(topic)
	if qos > 0 {
		body = binary.BigEndian.AppendUint16(body, id)
	}
	return packet(0x30|qos<<1, append(body, payload...))
}

// peer is one client made of bytes.
type peer struct {
	t       testing.TB
	nc      io.ReadWriteCloser
	in      *bufio.Reader
	version byte
	limit   interface{ SetReadDeadline(time.Time) error }
}

// variants runs a scenario in both versions over both transports.
func variants(t *testing.T, f func(t *testing.T, version byte, transport string)) {
	for _, version := range []byte{4, 5} {
		for _, transport := range []string{"tcp", "ws"} {
			t.Run(fmt.Sprintf("v%d over %s", version, transport), func(t *testing.T) {
				t.Parallel()
				f(t, version, transport)
			})
		}
	}
}

func (s *server) dial(t testing.TB, version byte, transport string) *peer {
	t.Helper()
	p := &peer{t: t, version: version}
	switch transport {
	case "tcp":
		nc, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		p.nc, p.limit = nc, nc
	case "ws":
		d := websocket.Dialer{Subprotocols: []string{"mqtt"}, HandshakeTimeout: eventually}
		ws, _, err := d.Dial(s.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		p.nc, p.limit = &wsStream{ws: ws}, ws
	}
	p.in = bufio.NewReader(p.nc)
	t.Cleanup(func() { p.nc.Close() })
	return p
}

// adopt speaks through another connection.
func (p *peer) adopt(nc net.Conn) {
	p.nc, p.limit, p.in = nc, nc, bufio.NewReader(nc)
	p.t.Cleanup(func() { nc.Close() })
}

// wsStream sends each write as one binary message and reads messages as a stream.
type wsStream struct {
	ws   *websocket.Conn
	rest []byte
}

func (w *wsStream) Write(p []byte) (int, error) {
	return len(p), w.ws.WriteMessage(websocket.BinaryMessage, p)
}

func (w *wsStream) Read(p []byte) (int, error) {
	for len(w.rest) == 0 {
		_, b, err := w.ws.ReadMessage()
		if err != nil {
			if websocket.IsCloseError(err, websocket.CloseNormalClosure) {
				err = io.EOF
			}
			return 0, err
		}
		w.rest = b
	}
	n := copy(p, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

func (w *wsStream) Close() error { return w.ws.Close() }

// props is an encoded list of properties; nothing for MQTT 3.1.1.
func (p *peer) props(list ...[]byte) []byte {
	if p.version < 5 {
		return nil
	}
	all := bytes.Join(list, nil)
	return append(binary.AppendUvarint(nil, uint64(len(all))), all...)
}

// connectBody is the body of a CONNECT with a clean start.
func (p *peer) connectBody(name, id string, keepAlive uint16, list ...[]byte) []byte {
	body := append(str("MQTT"), p.version, 0xC2)
	body = binary.BigEndian.AppendUint16(body, keepAlive)
	body = append(body, p.props(list...)...)
	return append(append(append(body, str(id)...), str(name)...), str(name)...)
}

func (p *peer) send(packets ...[]byte) {
	p.t.Helper()
	if _, err := p.nc.Write(bytes.Join(packets, nil)); err != nil {
		p.t.Fatalf("send: %v", err)
	}
}

// try sends what the other side may have lost interest in.
func (p *peer) try(packet []byte) { _, _ = p.nc.Write(packet) }

// received is a packet taken apart as far as tests look.
type received struct {
	header  byte
	id      uint16
	code    byte   // CONNACK, acks, DISCONNECT
	codes   []byte // SUBACK, UNSUBACK
	topic   string
	payload string
	props   []byte
	body    []byte
}

func (r received) kind() byte { return r.header >> 4 }
func (r received) qos() byte  { return r.header >> 1 & 3 }

// has tells whether the properties contain the bytes.
func (r received) has(prop ...byte) bool { return bytes.Contains(r.props, prop) }

// user is an encoded user property.
func user(name, value string) []byte {
	return append(append([]byte{0x26}, str(name)...), str(value)...)
}

func (p *peer) next() (received, error) {
	if err := p.limit.SetReadDeadline(time.Now().Add(eventually)); err != nil {
		return received{}, err
	}
	header, err := p.in.ReadByte()
	if err != nil {
		return received{}, err
	}
	size, err := binary.ReadUvarint(p.in)
	if err != nil {
		return received{}, err
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(p.in, body); err != nil {
		return received{}, err
	}
	return p.parse(header, body), nil
}

func (p *peer) parse(header byte, body []byte) received {
	r := received{header: header, body: body}
	properties := func() {
		if p.version == 5 && len(body) > 0 {
			n, used := binary.Uvarint(body)
			r.props, body = body[used:used+int(n)], body[used+int(n):]
		}
	}
	number := func() uint16 {
		n := binary.BigEndian.Uint16(body)
		body = body[2:]
		return n
	}
	switch r.kind() {
	case 2:
		r.code, body = body[1], body[2:]
		properties()
	case 3:
		n := number()
		r.topic, body = string(body[:n]), body[n:]
		if r.qos() > 0 {
			r.id = number()
		}
		properties()
		r.payload = string(body)
	case 4, 5, 6, 7:
		r.id = number()
		if len(body) > 0 {
			r.code, body = body[0], body[1:]
			properties()
		}
	case 9, 11:
		r.id = number()
		properties()
		r.codes = body
	case 14:
		if len(body) > 0 {
			r.code, body = body[0], body[1:]
			properties()
		}
	}
	return r
}

func (p *peer) read() received {
	p.t.Helper()
	r, err := p.next()
	if err != nil {
		p.t.Fatalf("read: %v", err)
	}
	return r
}

// expect reads a packet of a kind.
func (p *peer) expect(kind byte) received {
	p.t.Helper()
	r := p.read()
	if r.kind() != kind {
		p.t.Fatalf("got packet %d % x, want kind %d", r.kind(), r.body, kind)
	}
	return r
}

// ended reads to the end of the connection: a DISCONNECT with the code in MQTT
// 5.0 (0: none), nothing in 3.1.1.
func (p *peer) ended(code byte) received {
	p.t.Helper()
	var last received
	if p.version == 5 && code != 0 {
		last = p.expect(14)
		if last.code != code {
			p.t.Fatalf("DISCONNECT says %#x, want %#x", last.code, code)
		}
	}
	r, err := p.next()
	if err == nil {
		p.t.Fatalf("got packet %d % x, want the end", r.kind(), r.body)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Fatal("the connection stays open")
	}
	return last
}

// quiet tells that nothing is on its way: the answer to a PINGREQ comes next.
func (p *peer) quiet() {
	p.t.Helper()
	p.send([]byte{0xC0, 0})
	p.expect(13)
}

// join connects as a person and expects success.
func (p *peer) join(name, id string, list ...[]byte) received {
	p.t.Helper()
	p.send(packet(0x10, p.connectBody(name, id, 60, list...)))
	r := p.expect(2)
	if r.code != 0 {
		p.t.Fatalf("CONNACK says %#x", r.code)
	}
	return r
}

// client dials and joins.
func (s *server) client(t testing.TB, version byte, transport, name, id string) *peer {
	t.Helper()
	p := s.dial(t, version, transport)
	p.join(name, id)
	return p
}

// subscription is one filter of a SUBSCRIBE with its options byte.
func subscription(filter string, options byte) []byte { return append(str(filter), options) }

func (p *peer) subscribePacket(id uint16, list []byte, filters ...[]byte) []byte {
	body := binary.BigEndian.AppendUint16(nil, id)
	body = append(body, p.props(list)...)
	return packet(0x82, append(body, bytes.Join(filters, nil)...))
}

// subscribe subscribes to one filter and returns its code.
func (p *peer) subscribe(filter string, options byte) byte {
	p.t.Helper()
	p.send(p.subscribePacket(7, nil, subscription(filter, options)))
	r := p.expect(9)
	if r.id != 7 || len(r.codes) != 1 {
		p.t.Fatalf("SUBACK % x", r.body)
	}
	return r.codes[0]
}

// message is a PUBLISH in the peer's version.
func (p *peer) message(qos byte, id uint16, topic, payload string, list ...[]byte) []byte {
	body := str(topic)
	if qos > 0 {
		body = binary.BigEndian.AppendUint16(body, id)
	}
	return packet(0x30|qos<<1, append(append(body, p.props(list...)...), payload...))
}

// ack is PUBACK, PUBREC, PUBREL or PUBCOMP without a code.
func ack(kind byte, id uint16) []byte {
	header := kind << 4
	if kind == 6 {
		header |= 2
	}
	return []byte{header, 2, byte(id >> 8), byte(id)}
}

// willConnect is a CONNECT with a will; flags are those of CONNECT less the
// name's and the password's.
func (p *peer) willConnect(name, id string, flags byte, props []byte, topic, payload string) []byte {
	return packet(0x10, p.willBody(name, id, flags, nil, props, topic, payload))
}

func (p *peer) willBody(name, id string, flags byte, list, props []byte, topic, payload string) []byte {
	body := append(str("MQTT"), p.version, 0xC0|flags, 0, 60)
	body = append(append(body, p.props(list)...), str(id)...)
	body = append(append(append(body, p.props(props)...), str(topic)...), str(payload)...)
	return append(append(body, str(name)...), str(name)...)
}
