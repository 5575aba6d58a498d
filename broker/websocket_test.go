package broker_test

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"rambla/broker"
)

func (s *server) upgrade(protocol, origin string) (*websocket.Conn, *http.Response, error) {
	d := websocket.Dialer{HandshakeTimeout: eventually}
	if protocol != "" {
		d.Subprotocols = []string{protocol}
	}
	h := http.Header{}
	if origin != "" {
		h.Set("Origin", origin)
	}
	ws, r, err := d.Dial(s.url, h)
	if r != nil {
		r.Body.Close()
	}
	return ws, r, err
}

func TestSection6TheSubprotocolIsRequiredAndOriginsAreChecked(t *testing.T) {
	t.Parallel()
	own := serve(t, broker.Config{})
	listed := serve(t, broker.Config{Origins: []string{"https://app.example.org"}})
	all := serve(t, broker.Config{Origins: []string{"*"}})
	for _, c := range []struct {
		name, protocol, origin string
		server                 *server
		status                 int
	}{
		{"no sub-protocol", "", "", own, 400},
		{"another sub-protocol", "chat", "", own, 400},
		{"no browser", "mqtt", "", own, 101},
		{"the old name", "mqttv3.1", "", own, 101},
		{"our own page", "mqtt", "http://" + strings.TrimPrefix(own.url, "ws://"), own, 101},
		{"a foreign page", "mqtt", "https://evil.example", own, 403},
		{"a listed page", "mqtt", "https://app.example.org", listed, 101},
		{"a listed host over http", "mqtt", "http://app.example.org", listed, 403},
		{"a page behind a listed name", "mqtt", "https://app.example.org.evil.example", listed, 403},
		{"null", "mqtt", "null", listed, 403},
		{"any page", "mqtt", "https://evil.example", all, 101},
	} {
		ws, r, err := c.server.upgrade(c.protocol, c.origin)
		if r == nil || r.StatusCode != c.status {
			t.Errorf("%s: %v %v, want %d", c.name, r, err, c.status)
		}
		if err == nil {
			if ws.Subprotocol() != c.protocol {
				t.Errorf("%s: sub-protocol %q", c.name, ws.Subprotocol())
			}
			ws.Close()
		}
	}
	r, err := http.Get("http" + strings.TrimPrefix(own.url, "ws"))
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != 400 {
		t.Errorf("a plain GET gets %d", r.StatusCode)
	}
}

func TestSection6PacketsMaySpanAndShareMessages(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	ws, _, err := s.upgrade("mqtt", "")
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	p := &peer{t: t, version: 4}
	stream := &wsStream{ws: ws}
	p.nc, p.limit = stream, ws
	p.in = bufio.NewReader(stream)
	all := bytes.Join([][]byte{
		packet(0x10, p.connectBody("bob", "b", 60)), p.subscribePacket(1, nil, subscription("/ctx/lobby/messages", 1)),
		p.message(1, 2, "/ctx/lobby/messages", "x"),
		{0xC0, 0},
	}, nil)
	for i := range 40 { // bytes one by one, with empty messages between them
		p.send(all[i : i+1])
		p.send(nil)
	}
	p.send(all[40:])
	p.expect(2)
	p.expect(9)
	seen := make(map[byte]bool)
	for range 3 {
		seen[p.read().kind()] = true
	}
	if !seen[3] || !seen[4] || !seen[13] {
		t.Errorf("answers: %v", seen)
	}
}

func TestSection6ATextMessageEndsTheConnection(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	p := s.client(t, 5, "ws", "bob", "b")
	if err := p.nc.(*wsStream).ws.WriteMessage(websocket.TextMessage, []byte{0xC0, 0}); err != nil {
		t.Fatal(err)
	}
	p.ended(0x81)
}

func TestAWebSocketIsPinged(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{PingInterval: 10 * time.Millisecond})
	p := s.client(t, 5, "ws", "bob", "b")
	ws := p.nc.(*wsStream).ws
	pings := 0
	ws.SetPingHandler(func(string) error {
		if pings++; pings == 3 {
			p.send([]byte{0xE0, 0})
		}
		return nil
	})
	p.ended(0)
	if pings < 3 {
		t.Errorf("%d pings", pings)
	}
}

func TestAWebSocketToABrokerThatDoesNotServeIsClosed(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	ws, _, err := s.upgrade("mqtt", "")
	if err != nil {
		return // refused at once: as good
	}
	defer ws.Close()
	if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseTryAgainLater) {
		t.Errorf("it says %v", err)
	}
}
