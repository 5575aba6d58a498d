package broker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
)

// A trusted proxy tells whom it speaks for by a PROXY protocol header of version
// 2 (https://www.haproxy.org/download/1.8/doc/proxy-protocol.txt, section 2.2)
// in front of all else, TLS included. Its first byte begins neither a CONNECT
// nor a TLS handshake, so an address may be a proxy's and that of clients too.

const proxySignature = "\r\n\r\n\x00\r\nQUIT\n"

// maxProxyHeader bounds what follows the fixed part, in bytes: addresses, and
// what else the proxy tells, which is passed over.
const maxProxyHeader = 4 << 10

const proxyFixedSize = 16

var errProxyHeader = errors.New("malformed PROXY protocol header")

// readProxyHeader reads one header and not a byte more. The zero address means
// that the proxy speaks for itself, or for what has no address of IP.
func readProxyHeader(r io.Reader) (netip.AddrPort, error) {
	var fixed [proxyFixedSize]byte
	if _, err := io.ReadFull(r, fixed[:]); err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: %w", errProxyHeader, err)
	}
	size := int(binary.BigEndian.Uint16(fixed[14:]))
	if !bytes.Equal(fixed[:12], []byte(proxySignature)) || fixed[12]>>4 != 2 || size > maxProxyHeader {
		return netip.AddrPort{}, errProxyHeader
	}
	rest := make([]byte, size)
	if _, err := io.ReadFull(r, rest); err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: %w", errProxyHeader, err)
	}
	switch fixed[12] & 0x0f {
	case 0: // LOCAL: a health check of the proxy's own
		return netip.AddrPort{}, nil
	case 1: // PROXY
		return proxiedAddress(fixed[13], rest)
	default:
		return netip.AddrPort{}, errProxyHeader
	}
}

// proxiedAddress finds the client's address among those that a header tells.
func proxiedAddress(family byte, rest []byte) (netip.AddrPort, error) {
	size := 0 // of an address
	switch family {
	case 0x00, 0x31: // unspecified, or a local socket
		return netip.AddrPort{}, nil
	case 0x11: // TCP over IPv4
		size = 4
	case 0x21: // over IPv6
		size = 16
	default:
		return netip.AddrPort{}, errProxyHeader
	}
	if len(rest) < 2*size+4 {
		return netip.AddrPort{}, errProxyHeader
	}
	addr, _ := netip.AddrFromSlice(rest[:size]) // any 4 or 16 bytes are one
	return netip.AddrPortFrom(addr.Unmap(), binary.BigEndian.Uint16(rest[2*size:])), nil
}

// trusts tells whether connections from the address may begin with a header.
func (b *Broker) trusts(peer netip.Addr) bool {
	for _, p := range b.config.TrustedProxies {
		if p.Contains(peer) {
			return true
		}
	}
	return false
}

// readProxy reads the header of a trusted proxy, if there is one, and counts the
// connection as its client's; false ends it. It blocks for no longer than
// ConnectTimeout.
func (c *conn) readProxy() bool {
	nc := c.nc
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = t.NetConn() // TLS, of which nothing was read so far
	}
	first, err := peekByte(nc)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
	case err != nil:
		c.endInput(err)
		return false
	case first == proxySignature[0]:
		told, err := readProxyHeader(nc)
		if err != nil {
			c.broker.log.Warn("closing a connection whose PROXY protocol header cannot be read", "proxy", c.remote.String(), "err", err)
			c.end(ending{cause: causeProxyHeader})
			return false
		}
		if told.IsValid() {
			c.remote = told
		}
	}
	if !c.broker.readmit(c) {
		c.end(ending{cause: causeRefused})
		return false
	}
	return true
}

// peekByte waits for the first byte of a connection and leaves it there.
// errors.ErrUnsupported where that cannot be done: then there is no header.
func peekByte(nc net.Conn) (first byte, err error) {
	raw := rawOf(nc)
	if raw == nil {
		return 0, errors.ErrUnsupported
	}
	waited := raw.Read(func(fd uintptr) bool {
		var again bool
		first, again, err = peekFD(fd)
		return !again
	})
	if waited != nil {
		return 0, waited
	}
	return first, err
}
