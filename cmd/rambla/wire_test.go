package main

import (
	"bufio"
	"bytes"
	bits "encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// wire is a client made of bytes, so that what a library would hide or repair
// is seen.
type wire struct {
	t       testing.TB
	version byte // 3, 4 or 5
	nc      io.ReadWriteCloser
	limit   interface{ SetReadDeadline(time.Time) error }
	in      *bufio.Reader
	live    bool    // the test is about who is there or what is unread; to all others these go by
	early   []frame // deliveries that overtook the acknowledgement of what this client published
}

// frame is a packet taken apart as far as tests look.
type frame struct {
	kind    byte
	flags   byte
	present bool // CONNACK: the session was there
	id      uint16
	code    byte
	codes   []byte // SUBACK, UNSUBACK
	topic   string
	payload string
	user    map[string]string // user properties; values of one name are joined by commas
	props   map[byte]any      // the others, by identifier
}

func (f frame) qos() byte { return f.flags >> 1 & 3 }

// tellsLife tells whether it is about who is there or what is unread: wildcards
// cover that with all else.
func (f frame) tellsLife() bool {
	return !strings.Contains(f.topic, "/data/") && (strings.Contains(f.topic, "/presence") || strings.HasSuffix(f.topic, "/counters"))
}

// The control packets by their kind.
const (
	kindConnack    = 2
	kindPublish    = 3
	kindPuback     = 4
	kindPubrec     = 5
	kindPubrel     = 6
	kindPubcomp    = 7
	kindSuback     = 9
	kindUnsuback   = 11
	kindPingresp   = 13
	kindDisconnect = 14
	kindAuth       = 15
)

func (s *instance) wire(t testing.TB, version byte) *wire {
	t.Helper()
	nc, err := net.Dial("tcp", s.mqtt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return &wire{t: t, version: version, nc: nc, limit: nc, in: bufio.NewReader(nc)}
}

// socket is a WebSocket of a browser on the origin; empty: of no browser.
func (s *instance) socket(t testing.TB, version byte, subprotocol, origin string) (*wire, *http.Response, error) {
	t.Helper()
	d := websocket.Dialer{HandshakeTimeout: patience}
	if subprotocol != "" {
		d.Subprotocols = []string{subprotocol}
	}
	header := http.Header{}
	if origin != "" {
		header.Set("Origin", origin)
	}
	ws, resp, err := d.Dial("ws"+strings.TrimPrefix(s.http, "http")+"/mqtt", header)
	if err != nil {
		return nil, resp, err
	}
	t.Cleanup(func() { _ = ws.Close() })
	conn := &wsBytes{Conn: ws}
	return &wire{t: t, version: version, nc: conn, limit: ws, in: bufio.NewReader(conn)}, resp, nil
}

// wsBytes sends each write as one binary message and reads messages as a stream.
type wsBytes struct {
	*websocket.Conn
	rest []byte
}

func (w *wsBytes) Write(p []byte) (int, error) {
	return len(p), w.WriteMessage(websocket.BinaryMessage, p)
}

func (w *wsBytes) Read(p []byte) (int, error) {
	for len(w.rest) == 0 {
		_, b, err := w.ReadMessage()
		if err != nil {
			if _, closed := err.(*websocket.CloseError); closed { //nolint:errorlint // ReadMessage returns it bare
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

func utf8String(s string) []byte {
	return append(bits.BigEndian.AppendUint16(nil, uint16(len(s))), s...) //nolint:gosec // short in tests
}

func twoBytes(n uint16) []byte { return bits.BigEndian.AppendUint16(nil, n) }

func bytesOf(header byte, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	return append(bits.AppendUvarint([]byte{header}, uint64(len(body))), body...)
}

// property is a user property.
func property(name, value string) []byte {
	return bytes.Join([][]byte{{0x26}, utf8String(name), utf8String(value)}, nil)
}

// props encodes properties; 3.1.1 has none.
func (w *wire) props(list ...[]byte) []byte {
	if w.version < 5 {
		return nil
	}
	all := bytes.Join(list, nil)
	return append(bits.AppendUvarint(nil, uint64(len(all))), all...)
}

func (w *wire) send(packets ...[]byte) {
	w.t.Helper()
	if _, err := w.nc.Write(bytes.Join(packets, nil)); err != nil {
		w.t.Fatalf("send: %v", err)
	}
}

// hello is a CONNECT; will is a part of the payload with its flag bits, or nil.
type hello struct {
	id, name, password string
	anonymous          bool // neither name nor password
	unclean            bool
	will               []byte
	properties         [][]byte
	protocol           string
	level              byte
}

func (w *wire) connectPacket(h hello) []byte {
	flags := byte(0xC0)
	if h.anonymous {
		flags = 0
	}
	if !h.unclean {
		flags |= 2
	}
	if h.will != nil {
		flags |= 4 | 1<<3
	}
	protocol, level := h.protocol, h.level
	if protocol == "" {
		protocol = "MQTT"
	}
	if level == 0 {
		level = w.version
	}
	parts := [][]byte{utf8String(protocol), {level, flags}, twoBytes(60), w.props(h.properties...), utf8String(h.id)}
	if h.will != nil {
		parts = append(parts, w.props(), h.will)
	}
	if !h.anonymous {
		parts = append(parts, utf8String(h.name), utf8String(h.password))
	}
	return bytesOf(0x10, parts...)
}

// connect gives the CONNACK.
func (w *wire) connect(h hello) frame {
	w.t.Helper()
	w.send(w.connectPacket(h))
	return w.expect(kindConnack)
}

// as connects with the password that equals the name.
func (s *instance) as(t testing.TB, version byte, name, id string) *wire {
	t.Helper()
	w := s.wire(t, version)
	if ack := w.connect(hello{id: id, name: name, password: name}); ack.code != 0 {
		t.Fatalf("%s connects: %#x", name, ack.code)
	}
	return w
}

// subscribe gives the code of the one filter.
func (w *wire) subscribe(filter string, qos byte) byte {
	w.t.Helper()
	w.live = w.live || frame{topic: filter}.tellsLife()
	w.send(bytesOf(0x82, twoBytes(5), w.props(), utf8String(filter), []byte{qos}))
	f := w.acknowledged(kindSuback)
	if f.id != 5 || len(f.codes) != 1 {
		w.t.Fatalf("SUBACK %+v", f)
	}
	return f.codes[0]
}

// publishPacket has the packet id 9 where qos is not 0.
func (w *wire) publishPacket(qos byte, topic, payload string, props ...[]byte) []byte {
	var id []byte
	if qos > 0 {
		id = twoBytes(9)
	}
	return bytesOf(0x30|qos<<1, utf8String(topic), id, w.props(props...), []byte(payload))
}

// publish sends and gives the acknowledgement of QoS 1 or 2, whose exchange it
// completes.
func (w *wire) publish(qos byte, topic, payload string, props ...[]byte) frame {
	w.t.Helper()
	w.send(w.publishPacket(qos, topic, payload, props...))
	var ack frame
	switch qos {
	case 1:
		ack = w.acknowledged(kindPuback)
	case 2:
		if ack = w.acknowledged(kindPubrec); ack.code < 0x80 {
			w.send(bytesOf(kindPubrel<<4|2, twoBytes(9)))
			w.expect(kindPubcomp)
		}
	}
	if ack.id != 9 && qos > 0 {
		w.t.Fatalf("acknowledged %d", ack.id)
	}
	return ack
}

// acknowledged is expect, for who may be delivered its own publish first, or what it
// subscribed to before: an acknowledgement waits for nobody, and nobody for it.
func (w *wire) acknowledged(kind byte) frame {
	w.t.Helper()
	for {
		f, err := w.readWithin(patience)
		switch {
		case err != nil:
			w.t.Fatalf("waiting for a packet of kind %d: %v", kind, err)
		case f.kind == kind:
			return f
		case f.kind != kindPublish:
			w.t.Fatalf("got %+v, want kind %d", f, kind)
		case w.live || !f.tellsLife():
			w.early = append(w.early, f)
		}
	}
}

var errQuiet = errors.New("nothing came")

func (w *wire) read() (frame, error) {
	if len(w.early) > 0 {
		f := w.early[0]
		w.early = w.early[1:]
		return f, nil
	}
	return w.readWithin(patience)
}

func (w *wire) readWithin(limit time.Duration) (frame, error) {
	if err := w.limit.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return frame{}, err
	}
	header, err := w.in.ReadByte()
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return frame{}, errQuiet
		}
		return frame{}, io.EOF // however it ended
	}
	if err := w.limit.SetReadDeadline(time.Now().Add(patience)); err != nil { // the rest is under way
		return frame{}, err
	}
	size, err := bits.ReadUvarint(w.in)
	if err != nil {
		return frame{}, err
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(w.in, body); err != nil {
		return frame{}, err
	}
	return w.parse(header, body), nil
}

// expect reads a packet of the kind.
func (w *wire) expect(kind byte) frame {
	w.t.Helper()
	f, err := w.read()
	for err == nil && !w.live && f.kind == kindPublish && f.tellsLife() {
		f, err = w.read()
	}
	if err != nil {
		w.t.Fatalf("waiting for a packet of kind %d: %v", kind, err)
	}
	if f.kind != kind {
		w.t.Fatalf("got %+v, want kind %d", f, kind)
	}
	return f
}

// ends reads to the end; MQTT 5 is told why first (0: not).
func (w *wire) ends(code byte) frame {
	w.t.Helper()
	var last frame
	if w.version == 5 && code != 0 {
		if last = w.expect(kindDisconnect); last.code != code {
			w.t.Fatalf("DISCONNECT says %#x, want %#x", last.code, code)
		}
	}
	if f, err := w.read(); !errors.Is(err, io.EOF) {
		w.t.Fatalf("got %+v, %v; want the end", f, err)
	}
	return last
}

// quiet tells that nothing is on its way and the connection lives: the next
// packet answers a PINGREQ.
func (w *wire) quiet() {
	w.t.Helper()
	w.send([]byte{0xC0, 0})
	w.expect(kindPingresp)
}

// hears waits for a message and acknowledges it.
func (w *wire) hears() frame {
	w.t.Helper()
	f := w.expect(kindPublish)
	switch f.qos() {
	case 1:
		w.send(bytesOf(kindPuback<<4, twoBytes(f.id)))
	case 2:
		w.send(bytesOf(kindPubrec<<4, twoBytes(f.id)))
		w.expect(kindPubrel)
		w.send(bytesOf(kindPubcomp<<4, twoBytes(f.id)))
	}
	return f
}

func (w *wire) parse(header byte, body []byte) frame {
	f := frame{kind: header >> 4, flags: header & 15}
	take := func(n int) []byte {
		part := body[:n]
		body = body[n:]
		return part
	}
	number := func() uint16 { return bits.BigEndian.Uint16(take(2)) }
	properties := func() {
		if w.version == 5 && len(body) > 0 {
			n, used := bits.Uvarint(body)
			take(used)
			f.user, f.props = readProperties(w.t, take(int(n))) //nolint:gosec // within the packet
		}
	}
	code := func() {
		if len(body) > 0 {
			f.code = take(1)[0]
			properties()
		}
	}
	switch f.kind {
	case kindConnack:
		f.present = take(1)[0]&1 == 1
		code()
	case kindPublish:
		f.topic = string(take(int(number())))
		if f.qos() > 0 {
			f.id = number()
		}
		properties()
		f.payload = string(body)
	case kindPuback, kindPubrec, kindPubrel, kindPubcomp:
		f.id = number()
		code()
	case kindSuback, kindUnsuback:
		f.id = number()
		properties()
		f.codes = body
	case kindDisconnect, kindAuth:
		code()
	}
	return f
}

// readProperties knows the properties that a server sends.
func readProperties(t testing.TB, b []byte) (user map[string]string, others map[byte]any) {
	user, others = map[string]string{}, map[byte]any{}
	str := func() string {
		n := bits.BigEndian.Uint16(b)
		s := string(b[2 : 2+n])
		b = b[2+n:]
		return s
	}
	for len(b) > 0 {
		id := b[0]
		b = b[1:]
		switch id {
		case 0x01, 0x24, 0x25, 0x28, 0x29, 0x2A:
			others[id], b = b[0], b[1:]
		case 0x02, 0x11, 0x27:
			others[id], b = bits.BigEndian.Uint32(b), b[4:]
		case 0x13, 0x21, 0x22:
			others[id], b = bits.BigEndian.Uint16(b), b[2:]
		case 0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F:
			others[id] = str()
		case 0x26:
			name := str()
			if former, more := user[name]; more {
				user[name] = former + "," + str()
			} else {
				user[name] = str()
			}
		default:
			t.Fatalf("property %#x", id)
		}
	}
	return user, others
}
