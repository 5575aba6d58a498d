package webpush

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

const (
	dialTimeout = 5 * time.Second
	// perService is how many connections one push service gets; over HTTP/2 each
	// carries a hundred pushes at once. Without a bound, net/http dials one for
	// every push that finds the others full.
	perService = 8
)

// newTransport speaks HTTP/2 and, since self-hosted push services may not,
// HTTP/1.1. It asks no proxy: one would look names up where nobody checks them.
func newTransport(c *Config) *http.Transport {
	return &http.Transport{
		Proxy:               nil,
		DialContext:         guardedDial(c.Allow),
		TLSClientConfig:     &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: dialTimeout,
		ForceAttemptHTTP2:   true,
		MaxConnsPerHost:     perService, MaxIdleConns: 256, MaxIdleConnsPerHost: perService,
		IdleConnTimeout:    2 * time.Minute,
		DisableCompression: true, MaxResponseHeaderBytes: 32 << 10,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: cmp.Or(c.PingAfter, 15*time.Second), PingTimeout: cmp.Or(c.PingTimeout, 5*time.Second), WriteByteTimeout: 10 * time.Second,
		},
	}
}

// guardedDial looks at the address that is really connected to: what the name
// meant when the endpoint was registered says nothing about now.
func guardedDial(allow *Allow) func(context.Context, string, string) (net.Conn, error) {
	open := &net.Dialer{Timeout: dialTimeout}
	guarded := &net.Dialer{Timeout: dialTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if !public(at.Addr()) {
			return &notPublicError{at.Addr()}
		}
		return nil
	}}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if allow.private(host, port) {
			return open.DialContext(ctx, network, address)
		}
		return guarded.DialContext(ctx, network, address)
	}
}
