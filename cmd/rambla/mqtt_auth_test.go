package main

import (
	"bytes"
	"net/http"
	"testing"
)

// byToken is a CONNECT by the authentication method token.
func byToken(id, token string) hello {
	return hello{id: id, anonymous: true, properties: [][]byte{
		append([]byte{0x15}, utf8String("token")...), append([]byte{0x16}, utf8String(token)...),
	}}
}

// renewal is an AUTH that brings another token.
func (w *wire) renewal(token string) []byte {
	return bytesOf(0xF0, []byte{0x19}, w.props(
		append([]byte{0x15}, utf8String("token")...), append([]byte{0x16}, utf8String(token)...),
	))
}

func TestAConnectionByTokenRenewsItself(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		bob := s.login(t, "bob", "bob")
		type named struct{ ID, Token string }
		mint := func(scopes ...string) (out named) {
			t.Helper()
			if code := s.call(t, bob, http.MethodPost, "/v1/me/tokens", map[string]any{"name": "device", "scopes": scopes}, &out); code != http.StatusCreated {
				t.Fatalf("make a token: %d", code)
			}
			return out
		}
		end := func(n named) { s.do(t, http.StatusNoContent, bob, http.MethodDelete, "/v1/me/tokens/"+n.ID, nil) }
		first, second, narrow := mint("read", "write"), mint("read", "write"), mint("read", "data:lobby")

		w := s.wire(t, 5)
		if ack := w.connect(byToken("device", first.Token)); ack.code != 0 || ack.props[0x15] != "token" {
			t.Fatalf("CONNACK %+v", ack)
		}
		w.subscribe("/ctx/lobby/messages", 1)
		w.send(w.renewal(second.Token))
		if answer := w.expect(kindAuth); answer.code != 0 {
			t.Errorf("AUTH %+v", answer)
		}
		end(first)
		w.quiet() // it is the second's now

		// What the new credential does not reach is not delivered, though subscribed.
		w.send(w.renewal(narrow.Token))
		w.expect(kindAuth)
		alice := s.as(t, 5, "alice", "a")
		alice.publish(1, "/ctx/lobby/messages", "hidden")
		w.quiet()
		if ack := w.publish(1, "/ctx/lobby/data/x", "x"); ack.code != 0x87 {
			t.Errorf("PUBACK says %#x", ack.code)
		}
		w.send(w.renewal(second.Token))
		w.expect(kindAuth)
		alice.publish(1, "/ctx/lobby/messages", "seen")
		if f := w.hears(); !bytes.Contains([]byte(f.payload), []byte("seen")) {
			t.Errorf("heard %s", f.payload)
		}
		end(second)
		w.ends(0x87)

		other := s.wire(t, 5)
		other.connect(byToken("device", narrow.Token))
		other.send(other.renewal(s.login(t, "alice", "alice")))
		other.ends(0x87)
		refused := s.wire(t, 5)
		if ack := refused.connect(byToken("device", "bob")); ack.code != 0x86 { // a password is no token
			t.Errorf("CONNACK says %#x", ack.code)
		}
	})
}

func TestATrustedProxysHeaderIsReadWhereItIsConfigured(t *testing.T) {
	t.Parallel()
	header := append([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"), 192, 0, 2, 7, 127, 0, 0, 1, 0x12, 0x34, 7, 91)
	config := t.TempDir() + "/config.yaml"
	writeFile(t, config, "http: {trusted_proxies: [127.0.0.1]}\nbroker: {max_connections_per_address: 1}\n")
	s := serve(t, "--data", t.TempDir(), "--demo", "--config", config)
	hello := hello{id: "a", name: "alice", password: "alice"}
	w := s.wire(t, 5)
	w.send(header)
	w.connect(hello)
	own := s.wire(t, 5) // the proxy's own address has room
	hello.id = "b"
	own.connect(hello)
	again := s.wire(t, 5)
	again.send(header)
	again.ends(0) // the client's has not
}
