//nolint:staticcheck // x/net's client is deprecated for net/http's, which opens a connection for each request that waits
package apns

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

// Times and numbers of the pool.
const (
	dialTimeout = 10 * time.Second
	// warmWithin is how long a connection's first push may keep the others waiting
	// before a second connection is tried.
	warmWithin = 2 * time.Second
	// maxReplays bounds how often one push is refused a stream.
	maxReplays = 50
	// peek is how often those who wait look by themselves: the peer may widen a
	// connection at any time, and nothing tells of it.
	peek = 50 * time.Millisecond
)

// conns are the connections to one world with the tokens of one key. A new one
// takes a single push until that was accepted; one with no stream free takes
// none. Whoever finds no room waits in order of arrival, until its context ends:
// so the callers' number is bounded by whoever calls, see pushgw.Router.
type conns struct {
	transport *http2.Transport
	roots     *tls.Config
	most      int
	opened    func()

	mu      sync.Mutex // guards the rest
	all     []*conn
	dialing bool
	drained bool // no new ones
	waiting []chan error
}

// conn is one connection; its fields are guarded by conns.mu.
type conn struct {
	cc       *http2.ClientConn
	warm     bool      // a push was accepted
	first    time.Time // when the push that is to warm it was given; zero: none is on its way
	inFlight int
	retired  bool // takes no more
}

var errDrained = errors.New("the connection pool is closed")

func newConns(c *Config, opened func()) *conns {
	p := &conns{roots: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.Roots, NextProtos: []string{http2.NextProtoTLS}}, most: c.Connections, opened: opened}
	p.transport = &http2.Transport{
		ConnPool: p, ReadIdleTimeout: c.PingAfter, PingTimeout: c.PingTimeout, WriteByteTimeout: 10 * time.Second,
		DisableCompression: true, MaxHeaderListSize: 64 << 10,
	}
	return p
}

// errReplay is for a request that the peer has not processed.
var errReplay = errors.New("the push was not processed; it may be sent again")

// roundTrip sends the request, again and at once if its stream was refused: the
// pool waits for room, where http2.Transport would wait for seconds.
func (p *conns) roundTrip(req *http.Request) (*http.Response, error) {
	for replays := 0; ; replays++ {
		res, err := p.transport.RoundTrip(req)
		if err == nil || replays == maxReplays || !errors.Is(err, errReplay) || req.GetBody == nil {
			return res, err
		}
		again := *req
		if again.Body, err = req.GetBody(); err != nil {
			return nil, err
		}
		req = &again
	}
}

// GetClientConn reserves a stream for the request; see http2.ClientConnPool. It
// waits for one as long as the request's context lets it. Being asked a second
// time for the same request means that the first one was not processed.
func (p *conns) GetClientConn(req *http.Request, addr string) (*http2.ClientConn, error) {
	f := flightOf(req.Context())
	if f.conn != nil {
		f.leave(p, false)
		return nil, errReplay
	}
	for {
		c, dial, wait, err := p.reserve()
		switch {
		case err != nil:
			return nil, err
		case c != nil:
			f.conn = c
			return c.cc, nil
		case dial:
			if err := p.dial(req.Context(), addr); err != nil {
				return nil, err
			}
			continue
		}
		look := time.NewTimer(peek)
		select {
		case err = <-wait:
		case <-look.C:
			err = p.unwait(wait)
		case <-req.Context().Done():
			err = errors.Join(context.Cause(req.Context()), p.unwait(wait))
		}
		look.Stop()
		if err != nil {
			return nil, err
		}
	}
}

// reserve finds a stream, or says that the caller is to dial, or where to wait.
func (p *conns) reserve() (c *conn, dial bool, wait chan error, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drained {
		return nil, false, nil, errDrained
	}
	now, warming, live := time.Now(), false, 0
	for i := len(p.all) - 1; i >= 0; i-- { // from behind, as dead ones leave the list
		c := p.all[i]
		live++
		cold := !c.warm && !c.first.IsZero()
		if cold {
			warming = warming || now.Sub(c.first) < warmWithin
			continue
		}
		if c.cc.ReserveNewRequest() {
			if !c.warm {
				c.first = now
			}
			c.inFlight++
			p.wakeLocked() // there may be more room
			return c, false, nil, nil
		}
		if s := c.cc.State(); s.Closed || s.Closing {
			p.retireLocked(c)
			live--
		}
	}
	if !p.dialing && !warming && live < p.most {
		p.dialing = true
		return nil, true, nil, nil
	}
	wait = make(chan error, 1)
	p.waiting = append(p.waiting, wait)
	return nil, false, wait, nil
}

// unwait leaves the queue; who was woken meanwhile wakes the next one instead.
func (p *conns) unwait(wait chan error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.waiting, wait); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
		return nil
	}
	p.wakeLocked()
	return <-wait
}

func (p *conns) wakeLocked() {
	if len(p.waiting) > 0 {
		p.waiting[0] <- nil // it has room for one
		p.waiting = p.waiting[1:]
	}
}

// dial adds a connection. Where it does not work, those who wait are told too:
// each of them would find the same.
func (p *conns) dial(ctx context.Context, addr string) error {
	cc, err := p.connect(ctx, addr)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialing = false
	switch {
	case err == nil && p.drained:
		_ = cc.Close() // nothing was sent over it
		return errDrained
	case err == nil:
		p.all = append(p.all, &conn{cc: cc})
		p.opened()
	case ctx.Err() == nil:
		for _, wait := range p.waiting {
			wait <- err // it has room for one
		}
		p.waiting = nil
	default:
		p.wakeLocked() // one with more time
	}
	return err
}

func (p *conns) connect(ctx context.Context, addr string) (*http2.ClientConn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	dialer := &tls.Dialer{NetDialer: &net.Dialer{KeepAlive: 15 * time.Second}, Config: p.roots}
	c, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if secure, ok := c.(*tls.Conn); !ok || secure.ConnectionState().NegotiatedProtocol != http2.NextProtoTLS {
		_ = c.Close() // nothing was sent over it
		return nil, errNotHTTP2
	}
	cc, err := p.transport.NewClientConn(c)
	if err != nil {
		return nil, fmt.Errorf("open a connection: %w", err)
	}
	return cc, nil
}

var errNotHTTP2 = errors.New("the peer does not speak HTTP/2; is a proxy in between?")

// MarkDead forgets a connection that has ended or was said goodbye to.
func (p *conns) MarkDead(cc *http2.ClientConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.all {
		if c.cc == cc {
			p.retireLocked(c)
			p.wakeLocked() // to dial another one
			return
		}
	}
}

// retireLocked gives a connection no more pushes; it is closed with its last one.
func (p *conns) retireLocked(c *conn) {
	if c.retired {
		return
	}
	c.retired = true
	if i := slices.Index(p.all, c); i >= 0 {
		p.all = slices.Delete(p.all, i, i+1)
	}
	if c.inFlight == 0 {
		_ = c.cc.Close() // nothing is on its way
	}
}

// release ends a push's use of a connection.
func (p *conns) release(c *conn, accepted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.inFlight--
	c.warm = c.warm || accepted
	c.first = time.Time{}
	if c.retired && c.inFlight == 0 {
		_ = c.cc.Close() // nothing is on its way
	}
	p.wakeLocked()
}

// retire is for a connection that Apple has spoilt.
func (p *conns) retire(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retireLocked(c)
}

// drain lets what is on its way finish and takes nothing more.
func (p *conns) drain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drained = true
	for len(p.all) > 0 {
		p.retireLocked(p.all[0])
	}
	for _, wait := range p.waiting {
		wait <- errDrained // it has room for one
	}
	p.waiting = nil
}

// close drains and breaks off what is on its way.
func (p *conns) close() {
	p.mu.Lock()
	all := slices.Clone(p.all)
	p.mu.Unlock()
	p.drain()
	for _, c := range all {
		_ = c.cc.Close() // that is what was asked for
	}
}

func (p *conns) live() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all)
}

func (p *conns) closed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.drained
}
