package fcm

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
)

const (
	// dialTimeout bounds name lookup, connection and handshake together, since all
	// pushes wait for the one connection that is being made.
	dialTimeout = 5 * time.Second
	maxAnswer   = 64 << 10 // of an answer's body is read, in bytes
)

// errPlain is of a server that speaks HTTP/1.1 only: a proxy, or a test's.
var errPlain = errors.New("the server does not speak HTTP/2")

// wire carries requests. HTTP/2 goes over x/net's transport by itself: inside of
// net/http's, each request beyond what a connection may carry dials another one,
// six hundred of them under load where five do (golang/go#70809 is why the
// strict setting is none). What speaks HTTP/1.1 only gets net/http's, after the
// first handshake has told; and so do the few requests for access tokens.
//
//nolint:staticcheck // deprecated for net/http, whose way of dialling is why this one is used
type wire struct {
	h2    *http2.Transport
	h1    *http.Transport
	plain atomic.Bool // the server of the URL speaks HTTP/1.1
}

//nolint:staticcheck // see wire
func newWire(c *Config) *wire {
	config := &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12}
	dialer := &net.Dialer{Timeout: dialTimeout}
	return &wire{
		h2: &http2.Transport{
			TLSClientConfig: config, DialTLSContext: dialH2,
			ReadIdleTimeout: c.PingAfter, PingTimeout: c.PingTimeout, WriteByteTimeout: 10 * time.Second,
			IdleConnTimeout: 10 * time.Minute,
		},
		// It asks no proxy: where the provider is to be reached through one, its URL says so.
		h1: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: dialTimeout, TLSClientConfig: config.Clone(),
			MaxConnsPerHost: 64, MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute,
		},
	}
}

func dialH2(ctx context.Context, network, address string, cfg *tls.Config) (net.Conn, error) {
	cfg = cfg.Clone()
	cfg.NextProtos = []string{"h2", "http/1.1"}
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: dialTimeout}, Config: cfg}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if conn.(*tls.Conn).ConnectionState().NegotiatedProtocol != http2.NextProtoTLS { //nolint:errcheck // a tls.Dialer makes no other
		_ = conn.Close() // nothing was sent
		return nil, errPlain
	}
	return conn, nil
}

//nolint:staticcheck // see wire
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "http" || w.plain.Load() {
		return w.h1.RoundTrip(r)
	}
	resp, err := w.h2.RoundTrip(r)
	if !errors.Is(err, errPlain) {
		return resp, err
	}
	w.plain.Store(true)
	if r.GetBody != nil { // the transport has closed the first
		r = r.Clone(r.Context())
		if r.Body, err = r.GetBody(); err != nil {
			return nil, err
		}
	}
	return w.h1.RoundTrip(r)
}

//nolint:staticcheck // see wire
func (w *wire) close() {
	w.h2.CloseIdleConnections()
	w.h1.CloseIdleConnections()
}

// attempt is one request and what came of it. It goes past the library in the
// context, because the library drops what it cannot read and repeats what it
// takes for a failure.
type attempt struct {
	token string // of OAuth

	made   bool
	status int
	header http.Header
	body   []byte
	err    error // in place of an answer
}

type attemptKey struct{}

// once keeps the answer in the attempt and shows the library one that it does
// not repeat: it repeats what failed on the way and 503.
type once struct{ next http.RoundTripper }

func (o once) RoundTrip(r *http.Request) (*http.Response, error) {
	try, ok := r.Context().Value(attemptKey{}).(*attempt)
	if !ok || try.made {
		return nil, errors.New("not the one request of an attempt")
	}
	try.made = true
	sent := r.Clone(r.Context())
	sent.Header.Set("Authorization", "Bearer "+try.token)
	try.status, try.header, try.body, try.err = exchange(o.next, sent)
	shown := &http.Response{
		Proto: "HTTP/2.0", ProtoMajor: 2, Header: http.Header{}, Request: r, StatusCode: try.status,
		Body: io.NopCloser(strings.NewReader("{}")),
	}
	if try.err != nil || try.status != http.StatusOK {
		shown.StatusCode = http.StatusInternalServerError
	}
	return shown, nil
}

// exchange reads the whole answer, or the part of it that matters.
func exchange(rt http.RoundTripper, r *http.Request) (int, http.Header, []byte, error) {
	resp, err := rt.RoundTrip(r)
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, nil, nil, err
	}
	return resp.StatusCode, resp.Header, body, nil
}
