package broker_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"rambla/broker"
)

var (
	loopback  = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	elsewhere = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
)

// proxied is a PROXY protocol header for a client at an IPv4 address; the zero
// address makes it one of the proxy's own (LOCAL).
func proxied(from netip.AddrPort) []byte {
	b := []byte("\r\n\r\n\x00\r\nQUIT\n")
	if !from.IsValid() {
		return append(b, 0x20, 0, 0, 0)
	}
	b = append(b, 0x21, 0x11, 0, 12+7)
	b = append(b, from.Addr().AsSlice()...)
	b = append(b, 127, 0, 0, 1)
	b = binary.BigEndian.AppendUint16(b, from.Port())
	return append(b, 7, 91, 0xE0, 0, 4, 'm', 'o', 'r', 'e') // and something that is passed over
}

func TestATrustedProxyTellsWhoseConnectionItIs(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{TrustedProxies: loopback})
	remotes := make(chan netip.AddrPort, 1)
	s.site.connect = func(_ context.Context, l broker.Login) error { remotes <- l.Remote; return nil }
	client := netip.MustParseAddrPort("192.0.2.7:4660")
	for name, c := range map[string]struct {
		header []byte
		pause  bool
		want   netip.AddrPort // the zero value: the peer's own
	}{
		"of a client":            {proxied(client), false, client},
		"in pieces":              {proxied(client), true, client},
		"of the proxy":           {proxied(netip.AddrPort{}), false, netip.AddrPort{}},
		"none: it is no proxy's": {nil, false, netip.AddrPort{}},
	} {
		p := s.dial(t, 5, "tcp")
		own, ok := p.nc.(net.Conn)
		if !ok {
			t.Fatal("not TCP")
		}
		if c.want == (netip.AddrPort{}) {
			c.want = netip.MustParseAddrPort(own.LocalAddr().String())
		}
		if c.pause {
			for _, b := range c.header {
				p.send([]byte{b})
				<-time.After(time.Millisecond)
			}
			p.join("alice", "a")
		} else {
			p.send(append(c.header, packet(0x10, p.connectBody("alice", "a", 60))...))
			p.expect(2)
		}
		if got := <-remotes; got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if all := s.Sessions(); len(all) != 1 || all[0].Remote != c.want {
			t.Errorf("%s: sessions %+v", name, all)
		}
		p.quiet()
		p.send([]byte{0xE0, 0})
		p.ended(0)
		waitFor(t, func() bool { return len(s.Sessions()) == 0 })
	}
}

func TestAProxyHeaderStandsInFrontOfTLS(t *testing.T) {
	t.Parallel()
	l, config := tlsListener(t)
	s, plain := bare(t, broker.Config{TrustedProxies: loopback})
	plain.Close()
	s.addr = l.Addr().String()
	s.run(t, l)
	client := netip.MustParseAddrPort("192.0.2.7:4660")
	for _, header := range [][]byte{proxied(client), nil} {
		nc, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := nc.Write(header); err != nil {
			t.Fatal(err)
		}
		p := s.dial(t, 5, "tcp")
		p.nc.Close()
		p.adopt(tls.Client(nc, config))
		p.join("bob", "b")
		if all := s.Sessions(); len(all) != 1 || (all[0].Remote == client) != (header != nil) {
			t.Errorf("sessions %+v", all)
		}
		p.send([]byte{0xE0, 0})
		p.ended(0)
		waitFor(t, func() bool { return len(s.Sessions()) == 0 })
	}
}

func TestAProxyHeaderOfWhoIsNotTrustedIsNoConnect(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{TrustedProxies: elsewhere})
	p := s.dial(t, 5, "tcp")
	p.try(append(proxied(netip.MustParseAddrPort("192.0.2.7:4660")), packet(0x10, p.connectBody("alice", "a", 60))...))
	p.ended(0)
	waitFor(t, func() bool { return s.value("rambla_broker_disconnects_total", "protocol") == 1 })
}

func TestAMalformedProxyHeaderEndsTheConnection(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{TrustedProxies: loopback})
	good := proxied(netip.MustParseAddrPort("192.0.2.7:4660"))
	huge := append([]byte(nil), good...)
	huge[14] = 0xFF
	counted := 0.0
	for name, bytes := range map[string][]byte{
		"another signature": append([]byte("\r\n\r\n\x00\r\nquit\n"), good[12:]...),
		"too large":         huge,
		"a line break":      []byte("\r\nPROXY TCP4 192.0.2.7 127.0.0.1 1 1883\r\n"),
	} {
		p := s.dial(t, 5, "tcp")
		p.try(bytes)
		p.ended(0)
		p.nc.Close()
		counted++
		waitFor(t, func() bool { return s.value("rambla_broker_disconnects_total", "proxy_header") == counted })
		t.Log(name)
	}
	waitFor(t, func() bool { return s.value("rambla_broker_connecting", "") == 0 })
	s = serve(t, broker.Config{TrustedProxies: loopback, ConnectTimeout: 100 * time.Millisecond})
	for _, bytes := range [][]byte{nil, good[:1], good[:20]} { // it does not end in time
		p := s.dial(t, 5, "tcp")
		p.try(bytes)
		p.ended(0)
	}
	if n := s.value("rambla_broker_limited_total", "connect_timeout"); n != 3 {
		t.Errorf("%v counted as too late", n)
	}
	waitFor(t, func() bool { return s.value("rambla_broker_connecting", "") == 0 })
}

func TestBehindAProxyTheLimitsAreThoseOfTheClientsAddress(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{TrustedProxies: loopback, MaxConnectionsPerAddr: 1})
	join := func(from string) *peer {
		p := s.dial(t, 5, "tcp")
		p.try(append(proxied(netip.MustParseAddrPort(from)), packet(0x10, p.connectBody("alice", from, 60))...))
		return p
	}
	for _, from := range []string{"192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"} {
		join(from).expect(2)
	}
	again := join("192.0.2.1:2")
	if _, err := again.next(); err == nil {
		t.Error("a second connection of one address was taken")
	}
	waitFor(t, func() bool { return s.value("rambla_broker_limited_total", "connections_per_address") == 1 })
}
