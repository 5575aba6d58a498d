package broker_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"rambla/broker"
)

// FuzzConnection sends any bytes over a real connection, raw (mode 0) or behind
// a CONNECT of MQTT 3.1.1 or 5.0 (mode 1, 2). Whatever they are, the server
// lives, closes the connection when its input ends, and serves another client.
func FuzzConnection(f *testing.F) {
	s := serve(f, broker.Config{ConnectTimeout: time.Minute, TrustedProxies: loopback})
	witness := s.client(f, 5, "tcp", "alice", "witness")
	three, five := &peer{version: 4}, &peer{version: 5}
	for mode, p := range []*peer{five, three, five} {
		for _, seed := range [][]byte{
			packet(0x10, p.connectBody("bob", "x", 60, []byte{0x21, 0, 1})),
			p.message(1, 1, "/ctx/lobby/messages", `{"content":"x"}`), p.message(2, 2, "/ctx/lobby/data/x", "x", user("a", "b")),
			p.subscribePacket(1, []byte{0x0B, 1}, subscription("/ctx/+/messages", 1), subscription("/ctx/lobby/#", 2)),
			p.subscribePacket(1, nil, str("/ctx/lobby/messages")), packet(0xA2, append([]byte{0, 1, 0}, str("/ctx/#")...)),
			ack(4, 1), ack(5, 1), ack(6, 1), ack(7, 1),
			{0x40, 4, 0, 1, 0x80, 0},
			{0xC0, 0},
			{0xE0, 0},
			{0xE0, 2, 0, 0},
			{0xF0, 0},
			p.auth(0x19, method("token"), data("token:bob")), five.tokenConnect("t", method("token"), data("token:bob")),
			proxied(netip.MustParseAddrPort("192.0.2.7:4660")), proxied(netip.AddrPort{}),
			append(proxied(netip.AddrPort{}), packet(0x10, p.connectBody("bob", "x", 60))...),
			p.message(0, 0, "/ctx/lobby/data/x", "x", alias(1)), p.message(1, 3, "", "x", alias(1)),
			p.willConnect("bob", "w", 0x2E, []byte{0x18, 0, 0, 0, 1}, "/ctx/lobby/data/w", "gone"),
			{0x30, 0xFF, 0xFF, 0xFF, 0x7F},
			{0x82, 0x80, 0x80, 0x80, 0x80},
		} {
			f.Add(byte(mode), seed)
		}
	}
	f.Fuzz(func(t *testing.T, mode byte, data []byte) {
		nc, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		if mode %= 3; mode > 0 {
			p := &peer{version: 3 + mode}
			data = append(packet(0x10, p.connectBody("bob", "fuzz", 60)), data...)
		}
		go func() {
			_, _ = nc.Write(data) // an error means that the server had enough of it
			if half, ok := nc.(*net.TCPConn); ok {
				_ = half.CloseWrite()
			}
		}()
		if err := nc.SetReadDeadline(time.Now().Add(eventually)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, nc); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("the connection stays open after % x", data)
		}
		witness.t = t
		witness.quiet()
		if s.value("rambla_broker_panics_total", "") != 0 {
			t.Fatalf("a panic was caught: %s", s.log)
		}
	})
}
