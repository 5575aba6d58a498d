package broker_test

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"rambla/broker"
)

func TestSection6AMessageMayComeInManyFrames(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	d := websocket.Dialer{Subprotocols: []string{"mqtt"}, HandshakeTimeout: eventually, WriteBufferSize: 32}
	ws, _, err := d.Dial(s.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	for _, version := range []byte{4, 5} {
		p := &peer{t: t, version: version, nc: &wsStream{ws: ws}, limit: ws}
		p.in = bufio.NewReader(p.nc)
		if version == 4 {
			p.join("bob", "in frames")
		} else {
			p = s.client(t, 5, "ws", "bob", "other frames")
		}
		large := strings.Repeat("x", 10_000) // some three hundred continuation frames of the first client
		p.subscribe("/ctx/lobby/data/frames", 0)
		p.send(p.message(0, 0, "/ctx/lobby/data/frames", large))
		if r := p.expect(3); r.payload != large {
			t.Errorf("delivered %d bytes", len(r.payload))
		}
		p.send(p.unsubscribePacket(2, "/ctx/lobby/data/frames"))
		p.expect(11)
	}
}

func TestSection6EveryMessageOfTheServerIsBinary(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	ws, r, err := s.upgrade("mqtt", "")
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	if got := r.Header.Get("Sec-Websocket-Protocol"); got != "mqtt" { // [MQTT-6.0.0-4]
		t.Errorf("sub-protocol %q", got)
	}
	p := &peer{t: t, version: 5}
	write := func(b []byte) {
		t.Helper()
		if err := ws.WriteMessage(websocket.BinaryMessage, b); err != nil {
			t.Fatal(err)
		}
	}
	write(packet(0x10, p.connectBody("bob", "b", 60)))
	write([]byte{0xC0, 0})
	write([]byte{0xC0, 1, 0})
	var all bytes.Buffer
	for {
		kind, b, err := ws.ReadMessage()
		if err != nil {
			break
		}
		if kind != websocket.BinaryMessage {
			t.Errorf("a message of type %d", kind)
		}
		all.Write(b)
	}
	if b := all.Bytes(); len(b) < 10 || b[0] != 0x20 || !bytes.Contains(b, []byte{0xD0, 0, 0xE0}) {
		t.Errorf("read % x", b)
	}
}

func TestSection6OfManySubprotocolsTheServerChoosesMQTT(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	d := websocket.Dialer{Subprotocols: []string{"chat", "mqtt", "soap"}, HandshakeTimeout: eventually}
	ws, r, err := d.Dial(s.url, http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	if got := r.Header.Get("Sec-Websocket-Protocol"); got != "mqtt" {
		t.Errorf("sub-protocol %q", got)
	}
}
