package broker_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/broker"
	"rambla/social"
)

func holdConnect(checked, goOn chan struct{}) func(context.Context, broker.Login) error {
	return func(ctx context.Context, _ broker.Login) error {
		close(checked)
		select {
		case <-goOn:
			return nil
		case <-ctx.Done():
			return social.Unavailable(ctx.Err())
		}
	}
}

func TestASlowReaderLosesQoS0OnlyAndDelaysNobody(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{MaxQueuedBytes: 1 << 20})
	slow, fast := s.client(t, 4, "tcp", "bob", "slow"), s.client(t, 4, "tcp", "bob", "fast")
	slow.subscribe("/ctx/lobby/data/#", 1)
	fast.subscribe("/ctx/lobby/data/#", 0)
	send := func(qos byte, i int) {
		s.Deliver(&broker.Delivery{
			Scope: s.site.scope("lobby"), Channel: social.ChannelData, Topic: "/ctx/lobby/data/x", Rest: "x", QoS: qos,
			Payload: func() []byte { return append(fmt.Appendf(nil, "%d ", i), make([]byte, 10<<10)...) },
		})
		if r := fast.expect(3); !strings.HasPrefix(r.payload, fmt.Sprintf("%d ", i)) {
			t.Fatalf("the fast one got %.10q, want %d", r.payload, i)
		}
	}
	sent, kept := 0, []int{}
	for s.value("rambla_broker_dropped_total", "queue_full") < 10 {
		send(0, sent)
		sent++
	}
	for range 20 { // there is room for what was promised
		kept = append(kept, sent)
		send(1, sent)
		sent++
	}
	slow.send([]byte{0xC0, 0})
	last := -1
	for len(kept) > 0 {
		r := slow.read()
		if r.kind() == 13 {
			continue
		}
		var i int
		if _, err := fmt.Sscan(r.payload, &i); err != nil {
			t.Fatal(err)
		}
		if i <= last {
			t.Fatalf("%d after %d", i, last)
		}
		if last = i; r.qos() == 1 {
			if i != kept[0] {
				t.Fatalf("QoS 1 message %d is missing", kept[0])
			}
			kept = kept[1:]
			slow.send(ack(4, r.id))
		}
	}
}

func TestASubscriberThatFallsBehindIsFedFromTheStoreAndMissesNothing(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{MaxQueued: 10})
	variants(t, func(t *testing.T, version byte, transport string) {
		space := fmt.Sprint("behind-", version, transport)
		s.site.join(space, "bob")
		p := s.dial(t, version, transport)
		var props []byte
		if version == 5 {
			props = []byte{0x21, 0, 3} // Receive Maximum
		}
		p.join("bob", space, props)
		p.subscribe("/ctx/"+space+"/messages", 1)
		const n = 1000
		for i := range n {
			s.append(space, social.ChannelMessages, "", 1, fmt.Sprint(i))
		}
		for i := range n {
			r := p.expect(3)
			if r.payload != fmt.Sprint(i) {
				t.Fatalf("got %s, want %d", r.payload, i)
			}
			p.send(ack(4, r.id))
			if i == n/2 { // announced while it catches up
				s.append(space, social.ChannelMessages, "", 1, fmt.Sprint(n))
			}
		}
		if r := p.expect(3); r.payload != fmt.Sprint(n) {
			t.Fatalf("got %s last", r.payload)
		}
		if s.value("rambla_broker_behind_total", "") == 0 || s.value("rambla_broker_fed_total", "") == 0 {
			t.Error("nobody fell behind")
		}
	})
}

func TestASocketThatTakesNothingIsClosedAfterTheStallTimeout(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{StallTimeout: 200 * time.Millisecond, MaxQueuedBytes: 1 << 30})
	for _, transport := range []string{"tcp", "ws"} {
		p := s.client(t, 4, transport, "bob", transport)
		p.subscribe("/ctx/lobby/data/#", 0)
		for range 200 {
			s.Deliver(&broker.Delivery{
				Scope: s.site.scope("lobby"), Channel: social.ChannelData, Topic: "/ctx/lobby/data/x", Rest: "x",
				Payload: func() []byte { return make([]byte, 100<<10) },
			})
		}
		waitFor(t, func() bool { return len(s.Sessions()) == 0 })
	}
	if n := s.value("rambla_broker_disconnects_total", "stalled"); n != 2 {
		t.Errorf("%v counted, want 2", n)
	}
}

func TestWhatASlowReaderGetsIsByteForByteWhatWasSent(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{MaxQueuedBytes: 1 << 30, MaxQueued: 1 << 20})
	variants(t, func(t *testing.T, version byte, transport string) {
		space := fmt.Sprint("bytes", version, transport)
		s.site.join(space, "bob")
		p := s.client(t, version, transport, "bob", space)
		p.subscribe("/ctx/"+space+"/data/#", 1)
		const n = 3000
		go func() {
			for i := range n {
				s.Deliver(&broker.Delivery{
					Scope: s.site.scope(space), Channel: social.ChannelData, Topic: "/ctx/" + space + "/data/x", Rest: "x",
					QoS: byte(i % 2), Payload: func() []byte { return bytes.Repeat([]byte{byte(i)}, i*7%4000) },
				})
			}
		}()
		next := uint16(1)
		for i := range n {
			if i%500 == 0 { // let it pile up
				waitFor(t, func() bool {
					for _, info := range s.Sessions() {
						if info.ClientID == space {
							return info.Queued > 400 || i > n/2
						}
					}
					return false
				})
			}
			r := p.expect(3)
			if want := bytes.Repeat([]byte{byte(i)}, i*7%4000); r.payload != string(want) {
				t.Fatalf("message %d has %d bytes, want %d", i, len(r.payload), len(want))
			}
			if r.qos() == 1 {
				if r.id != next {
					t.Fatalf("message %d has identifier %d, want %d", i, r.id, next)
				}
				next++
				p.send(ack(4, r.id))
			}
		}
	})
}

func TestDrainAnswersWhatIsUnderWayAndSaysWhy(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	count, release := held(s.site)
	five, three, idle := s.client(t, 5, "ws", "alice", "5"), s.client(t, 4, "tcp", "alice", "3"), s.client(t, 5, "tcp", "alice", "idle")
	silent := s.dial(t, 4, "tcp")
	waitFor(t, func() bool { return len(s.Sessions()) == 3 })
	five.send(five.message(1, 1, "/ctx/lobby/messages", "x"))
	waitFor(t, func() bool { return count() == 1 })
	three.send(three.message(1, 1, "/ctx/lobby/messages", "x"))
	waitFor(t, func() bool { return count() == 2 })
	drained := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), eventually)
	defer cancel()
	go func() { drained <- s.Drain(ctx) }()
	idle.ended(0x8B)
	for _, i := range s.Sessions() {
		if i.ClientID == "idle" && !i.Ended {
			t.Error("who was told that it is over is connected")
		}
	}
	silent.ended(0)
	if _, err := net.Dial("tcp", s.addr); err == nil {
		t.Error("a draining server accepts")
	}
	release(0, nil)
	release(1, nil)
	five.expect(4)
	five.ended(0x8B)
	three.expect(4)
	three.ended(0)
	for _, p := range []*peer{five, three, idle, silent} {
		p.nc.Close()
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

func TestDrainGivesUpWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	count, _ := held(s.site)
	p := s.client(t, 5, "tcp", "alice", "5")
	p.send(p.message(1, 1, "/ctx/lobby/messages", "x"))
	waitFor(t, func() bool { return count() == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := s.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Drain says %v", err)
	}
	s.stop() // what the gate still holds does not keep Serve
}

// flaky fails to accept some times, as a process without descriptors does.
type flaky struct {
	net.Listener
	failures atomic.Int32
}

func (f *flaky) Accept() (net.Conn, error) {
	if f.failures.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return f.Listener.Accept()
}

func TestAFailingAcceptIsTriedAgain(t *testing.T) {
	t.Parallel()
	s, l := bare(t, broker.Config{})
	f := &flaky{Listener: l}
	f.failures.Store(4)
	s.run(t, f)
	s.client(t, 4, "tcp", "alice", "a")
	if n := s.value("rambla_broker_limited_total", "accept"); n != 4 {
		t.Errorf("%v failures counted", n)
	}
}

// bare is a server whose Serve is yet to be called.
func bare(t *testing.T, config broker.Config) (*server, net.Listener) {
	t.Helper()
	site, reg := newSite(), prometheus.NewRegistry()
	b, err := broker.New(config, broker.Deps{Gate: site, Backlog: site.log, Sessions: site.store, Logger: slog.New(slog.DiscardHandler), Metrics: reg})
	if err != nil {
		t.Fatal(err)
	}
	site.broker = b
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return &server{Broker: b, site: site, addr: l.Addr().String(), metrics: reg}, l
}

func (s *server) run(t *testing.T, l net.Listener) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// tlsListener listens with a certificate of its own for localhost.
func tlsListener(t *testing.T) (net.Listener, *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(mustParse(t, der))
	return l, &tls.Config{RootCAs: roots, ServerName: "localhost"}
}

func TestTLSServesAndASilentHandshakeIsClosed(t *testing.T) {
	t.Parallel()
	l, config := tlsListener(t)
	s, plain := bare(t, broker.Config{ConnectTimeout: time.Second})
	plain.Close()
	s.addr = l.Addr().String()
	s.run(t, l)
	for i := range 2 {
		nc, err := tls.Dial("tcp", s.addr, config)
		if err != nil {
			t.Fatal(err)
		}
		p := s.dial(t, 5, "tcp")
		p.nc.Close()
		p.adopt(nc)
		p.join("bob", fmt.Sprint(i))
		p.subscribe("/ctx/lobby/messages", 1)
		s.post("lobby", social.ChannelMessages, strings.Repeat("x", 100<<10))
		p.gets(strings.Repeat("x", 100<<10))
		p.send([]byte{0xE0, 0})
		p.ended(0)
	}
	silent := s.dial(t, 5, "tcp")
	begun := s.dial(t, 5, "tcp")
	begun.send([]byte{0x16, 3, 1, 2, 0, 1, 0}) // the start of a ClientHello
	silent.ended(0)
	begun.ended(0)
}

func mustParse(t *testing.T, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSysFiguresAreToldToWhoSubscribes(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{SysInterval: 20 * time.Millisecond, Version: "1.2.3"})
	p := s.client(t, 4, "tcp", "alice", "a")
	p.subscribe("$SYS/broker/+", 1)
	r := p.expect(3)
	if r.topic == "$SYS/broker/uptime" {
		r = p.expect(3) // of the next round
	}
	if r.topic != "$SYS/broker/version" || r.payload != "1.2.3" || r.qos() != 0 {
		t.Errorf("got %s %s", r.topic, r.payload)
	}
	if r := p.expect(3); r.topic != "$SYS/broker/uptime" {
		t.Errorf("got %s", r.topic)
	}
	other := s.client(t, 5, "ws", "alice", "b")
	other.subscribe("$SYS/broker/clients/connected", 0)
	if r := other.expect(3); r.topic != "$SYS/broker/clients/connected" || r.payload != "2" {
		t.Errorf("got %s %s", r.topic, r.payload)
	}
}

func TestSessionsTellsWhoIsThere(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	p := s.dial(t, 5, "ws")
	p.join("bob", "phone", []byte{0x21, 0, 1})
	p.subscribe("/ctx/lobby/messages", 1)
	for range 3 {
		s.post("lobby", social.ChannelMessages, "12345")
	}
	p.expect(3)
	waitFor(t, func() bool { return len(s.Sessions()) == 1 && s.Sessions()[0].Unacknowledged == 1 })
	got := s.Sessions()[0]
	if got.Name != "bob" || got.ClientID != "phone" || got.Version != 5 || got.Transport != "ws" || !got.Remote.IsValid() ||
		got.Subscriptions != 1 || got.Queued != 2 || got.QueuedBytes == 0 {
		t.Errorf("%+v", got)
	}
	s.dial(t, 4, "tcp")
	waitFor(t, func() bool { return s.value("rambla_broker_connecting", "") == 1 })
	for name, want := range map[string]float64{
		"connections": 1, "subscriptions": 1, "queued_messages": 2, "queued_bytes": float64(got.QueuedBytes), "unacknowledged": 1,
	} {
		if n := s.value("rambla_broker_"+name, ""); n != want {
			t.Errorf("%s is %v, want %v", name, n, want)
		}
	}
	p.send([]byte{0xE0, 0})
	waitFor(t, func() bool { return len(s.Sessions()) == 0 })
}

func TestConfigurationIsRefusedByTheNameOfItsField(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]broker.Config{
		"MaxPacket": {MaxPacket: 3}, "ReceiveMaximum": {ReceiveMaximum: 70000}, "ConnectTimeout": {ConnectTimeout: -1},
		"MaxKeepAlive": {MaxKeepAlive: 20 * time.Hour}, "PublishRate": {PublishRate: -1}, "Writers": {Writers: -1},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (broker.Config{}).Validate(); err != nil {
		t.Errorf("the zero value: %v", err)
	}
}
