package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"time"
)

// admission is a connection's place in the limits.
type admission struct {
	addr     netip.Addr
	proxied  bool      // by a trusted proxy, and whose it is is not told yet
	in       bool      // authenticated
	noting   bool      // a credential is being checked
	verdicts []verdict // of End, while it is
}

// verdict is an End that came while the connection was authenticating.
type verdict struct {
	match func(*Principal) bool
	code  byte
	text  string
}

// address counts the connections of one address.
type address struct{ connecting, all int }

// countedAs is what an address counts as: of IPv6, one subscriber has a /64.
func countedAs(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if a.Is4() {
		return a
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return a // not an IP address; it counts as itself
	}
	return p.Addr()
}

// admit makes a connection and enters it into the limits; nil if there is no
// room, or no broker any more. One that a trusted proxy may have made for
// somebody is in the limits of an address after readmit.
func (b *Broker) admit(ctx context.Context, nc net.Conn, transport string, remote netip.AddrPort, proxied bool) (*conn, context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state != lifeServing {
		return nil, nil
	}
	if b.connecting >= b.config.MaxConnecting {
		b.metrics.limited(limitConnecting)
		return nil, nil
	}
	a := &admission{addr: countedAs(remote.Addr()), proxied: proxied, noting: true}
	if !proxied && !b.enterLocked(a.addr) {
		return nil, nil
	}
	b.connecting++
	c, ctx := newConn(ctx, b, nc, transport, remote)
	c.proxied = proxied
	b.conns[c] = a
	return c, ctx
}

// enterLocked counts a connection at its address, if there is room.
func (b *Broker) enterLocked(addr netip.Addr) bool {
	n := b.addresses[addr]
	if n == nil {
		n = &address{}
	}
	switch most := b.config.MaxConnectionsPerAddr; {
	case n.connecting >= b.config.MaxConnectingPerAddr:
		b.metrics.limited(limitConnectingPer)
		return false
	case most > 0 && n.all >= most:
		b.metrics.limited(limitConnectionsPer)
		return false
	}
	b.addresses[addr] = n
	n.connecting++
	n.all++
	return true
}

// readmit counts a proxied connection where it belongs, now that its remote
// address is known; false if there is no room.
func (b *Broker) readmit(c *conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.conns[c]
	if a == nil || !b.enterLocked(countedAs(c.remote.Addr())) {
		return false
	}
	a.addr, a.proxied = countedAs(c.remote.Addr()), false
	return true
}

// settleLocked counts a connection as authenticated.
func (b *Broker) settleLocked(a *admission) {
	a.in, a.noting, a.verdicts = true, false, nil
	b.connecting--
	if !a.proxied {
		b.addresses[a.addr].connecting--
	}
}

// dismissLocked takes a connection out of the limits.
func (b *Broker) dismissLocked(c *conn) {
	a := b.conns[c]
	if a == nil {
		return
	}
	if !a.in {
		b.settleLocked(a)
	}
	delete(b.conns, c)
	if a.proxied {
		return
	}
	n := b.addresses[a.addr]
	if n.all--; n.all == 0 {
		delete(b.addresses, a.addr)
	}
}

// The accept loop waits this long after a failure, doubling.
const (
	acceptBackoff    = 5 * time.Millisecond
	acceptBackoffMax = time.Second
)

// accept serves a listener until it is closed. A failure of accepting, such as
// no descriptor being left, passes: the loop waits a little and goes on.
func (b *Broker) accept(ctx context.Context, l net.Listener) {
	delay := acceptBackoff
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			delay = acceptBackoff
			b.serveTCP(ctx, nc)
		case errors.Is(err, net.ErrClosed) || ctx.Err() != nil:
			return
		default:
			b.metrics.limited(limitAccept)
			b.log.WarnContext(ctx, "accepting connections is failing", "listener", l.Addr().String(), "err", err, "retry_in", delay)
			select {
			case <-time.After(delay):
			case <-b.stopping:
				return
			}
			delay = min(2*delay, acceptBackoffMax)
		}
	}
}

// sendBuffer is the kernel's room for unsent bytes: small, so that what waits
// is still ours, and a change of rights reaches it.
const sendBuffer = 128 << 10

func (b *Broker) serveTCP(ctx context.Context, nc net.Conn) {
	transport := "tcp"
	if _, ok := nc.(*tls.Conn); ok {
		transport = "tls"
	}
	tune(nc)
	remote := addrPort(nc.RemoteAddr())
	c, ctx := b.admit(ctx, nc, transport, remote, b.trusts(remote.Addr()))
	if c == nil || !b.tasks.spawn(func() { c.serve(ctx) }) {
		// The limit is counted; there is nobody to tell.
		_ = nc.Close()
		if c != nil {
			b.remove(c)
		}
	}
}

// tune sets what can be set; a connection that is closed already shows itself
// when it is read.
func tune(nc net.Conn) {
	if t, ok := nc.(*tls.Conn); ok {
		nc = t.NetConn()
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer)
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{
			Enable: true, Idle: time.Minute, Interval: 15 * time.Second, Count: 6,
		})
	}
}

// addrPort is the zero value where the address is not of IP.
func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		p := tcp.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	return parseAddrPort(a.String())
}

// parseAddrPort reads an address with a port or without; the zero value stands
// for what is none of IP, such as a unix socket.
func parseAddrPort(s string) netip.AddrPort {
	p, err := netip.ParseAddrPort(s)
	if err == nil {
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr.Unmap(), 0)
}
