package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"rambla/mqttwire"
)

// helloWithin bounds dialling and the handshake of one connection.
const helloWithin = 10 * time.Second

// writeWithin bounds one write: a server that reads nothing for so long has gone.
const writeWithin = 10 * time.Second

// link is one connection that was let in. A goroutine of its own reads; where
// nobody takes what it read, the socket fills, as with any slow client.
type link struct {
	conn    net.Conn
	number  int
	version byte
	present bool        // CONNACK: session present
	in      chan packet // closed when nothing more comes
	over    chan struct{}
	once    sync.Once
	done    chan struct{} // the reader has ended
}

// shut is a CONNACK that lets nobody in.
type shut struct {
	code   byte
	reason string
}

func (s *shut) Error() string {
	return strings.TrimSpace(fmt.Sprintf("the server does not let us in: 0x%02x %s", s.code, s.reason))
}

// passing: server unavailable, server busy, connection rate exceeded.
func (s *shut) passing(version byte) bool {
	if version == 5 {
		return s.code == 0x88 || s.code == 0x89 || s.code == 0x9f
	}
	return s.code == 3
}

// dial connects and shakes hands. receiveBuffer bounds what the kernel takes for
// a client that does not read, in bytes; 0 leaves it to the system.
func dial(ctx context.Context, address string, roots *x509.CertPool, h hello, receiveBuffer int) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, helloWithin)
	defer cancel()
	plain, secure := strings.CutPrefix(address, "tls://")
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", plain)
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok && receiveBuffer > 0 {
		_ = tcp.SetReadBuffer(receiveBuffer) // a slow client with a larger buffer is one still
	}
	if secure {
		host, _, _ := net.SplitHostPort(plain) // it was dialled
		conn = tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: host})
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // else it is gone already
	defer stop()
	l := &link{conn: conn, version: h.version, in: make(chan packet, 16), over: make(chan struct{}), done: make(chan struct{})}
	first, rest, err := l.handshake(h)
	if err == nil && first.code != 0 {
		err = &shut{first.code, first.reason}
	}
	if err == nil && !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	l.present = first.present
	go l.read(rest)
	return l, nil
}

func (l *link) handshake(h hello) (packet, []byte, error) {
	if _, err := l.conn.Write(appendConnect(nil, h)); err != nil {
		return packet{}, nil, fmt.Errorf("send CONNECT: %w", err)
	}
	buf := make([]byte, 0, 4096)
	for {
		n, err := l.conn.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		head, body, size, bad := mqttwire.Split(buf)
		switch {
		case bad != nil:
			return packet{}, nil, bad
		case size > 0 && head>>4 != mqttwire.Connack:
			return packet{}, nil, mqttwire.ErrMalformed
		case size > 0:
			p, err := parse(h.version, head, body)
			return p, buf[size:], err
		case err != nil:
			return packet{}, nil, fmt.Errorf("await CONNACK: %w", err)
		case len(buf) == cap(buf):
			return packet{}, nil, mqttwire.ErrMalformed
		}
	}
}

// read hands on what the server sends until the connection ends.
func (l *link) read(buf []byte) {
	defer close(l.done)
	defer close(l.in)
	buf = append(make([]byte, 0, 64<<10), buf...)
	for {
		head, body, size, err := mqttwire.Split(buf)
		if err != nil {
			return
		}
		if size > 0 {
			p, err := parse(l.version, head, append([]byte(nil), body...))
			if err != nil {
				p = packet{kind: malformed}
			}
			select {
			case l.in <- p:
			case <-l.over:
				return
			}
			if err != nil {
				return
			}
			buf = buf[size:]
			continue
		}
		if cap(buf)-len(buf) < 16<<10 {
			buf = append(make([]byte, 0, max(64<<10, 2*len(buf))), buf...)
		}
		n, err := l.conn.Read(buf[len(buf):cap(buf)])
		if n == 0 && err != nil {
			return
		}
		buf = buf[:len(buf)+n]
	}
}

// malformed is the kind of what was no packet.
const malformed = 0

// write sends packets. The error says that the connection is over.
func (l *link) write(b []byte) error {
	_ = l.conn.SetWriteDeadline(time.Now().Add(writeWithin)) // a broken connection fails at the write
	_, err := l.conn.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errors.New("the server reads nothing any more")
	}
	return err
}

// forget stops reading, and leaves the connection open.
func (l *link) forget() {
	l.once.Do(func() { close(l.over) })
	_ = l.conn.SetReadDeadline(time.Unix(1, 0)) // a broken connection ends the reader too
	<-l.done
}

// goodbyeWithin is how long a client waits for the server to close after its
// DISCONNECT.
const goodbyeWithin = 2 * time.Second

// drain reads, and throws away, what still comes until the server closes. A
// connection that is closed with something unread is reset, and then the server
// may never read what was sent before.
func (l *link) drain() {
	limit := time.NewTimer(goodbyeWithin)
	defer limit.Stop()
	for {
		select {
		case _, more := <-l.in:
			if !more {
				return
			}
		case <-limit.C:
			return
		}
	}
}

// close ends the connection, with a reset if that is asked for.
func (l *link) close(reset bool) {
	if tcp, ok := l.conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0) // the close tells nothing that one could act on
	}
	_ = l.conn.Close()
	l.once.Do(func() { close(l.over) })
	<-l.done
}
