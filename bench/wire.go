package bench

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"rambla/mqttwire"
)

// dialTime is how long a connection may take to be made, let in and
// subscribed. A server that hashes passwords one after the other needs some.
const dialTime = 60 * time.Second

// keepAlive that we ask for, in seconds: longer than any run is idle.
const keepAlive = 1200

// sourcePorts is how many connections leave from one loopback address before
// the next is used: the kernel has some 28,000 ports for each.
const sourcePorts = 20_000

// wire is one connection that has been let in.
type wire struct {
	net.Conn
	version byte
	granted welcome
	rest    []byte // read, but not yet looked at
}

// dial connects, says hello and waits for the server's word. index spreads
// very many connections over the loopback addresses.
func dial(ctx context.Context, address string, roots *x509.CertPool, h hello, index int) (*wire, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	plain, secure := strings.CutPrefix(address, "tls://")
	var d net.Dialer
	if host, _, err := net.SplitHostPort(plain); err == nil && index >= sourcePorts {
		if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() && ip.To4() != nil {
			d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+index/sourcePorts))}
		}
	}
	var c net.Conn
	var err error
	if secure {
		config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
		c, err = (&tls.Dialer{NetDialer: &d, Config: config}).DialContext(ctx, "tcp", plain)
	} else {
		c, err = d.DialContext(ctx, "tcp", plain)
	}
	if err != nil {
		return nil, err
	}
	w := &wire{Conn: c, version: h.version}
	defer w.endWith(ctx)()
	err = w.hello(h)
	if err != nil {
		c.Close()
		return nil, ended(ctx, err)
	}
	return w, nil
}

// endWith lets reads and writes fail as soon as the context ends, until the
// function it returns is called.
func (w *wire) endWith(ctx context.Context) (release func()) {
	stop := context.AfterFunc(ctx, func() {
		// An error here means that the connection is gone already.
		_ = w.SetDeadline(time.Unix(1, 0))
	})
	return func() {
		if stop() {
			_ = w.SetDeadline(time.Time{}) // as above
		}
	}
}

// ended gives the reason of a context that ended instead of what this did to
// the connection.
func ended(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

func (w *wire) hello(h hello) error {
	if _, err := w.Write(appendConnect(nil, h)); err != nil {
		return fmt.Errorf("send CONNECT: %w", err)
	}
	head, body, err := w.next()
	if err != nil {
		return fmt.Errorf("await CONNACK: %w", err)
	}
	if head>>4 != mqttwire.Connack {
		return fmt.Errorf("await CONNACK: %w", mqttwire.ErrMalformed)
	}
	if w.granted, err = parseConnack(h.version, h.expiry, body); err != nil {
		return fmt.Errorf("read CONNACK: %w", err)
	}
	if code := w.granted.code; code != 0 {
		return &refusal{version: h.version, code: code, reason: w.granted.reason}
	}
	return nil
}

// refusal is a CONNACK that lets nobody in.
type refusal struct {
	version, code byte
	reason        string
}

func (r *refusal) Error() string {
	return strings.TrimSpace(fmt.Sprintf("the server does not let us in: 0x%02x %s", r.code, r.reason))
}

// busy: server unavailable, server busy, connection rate exceeded.
func (r *refusal) busy() bool {
	if r.version == 5 {
		return r.code == 0x88 || r.code == 0x89 || r.code == 0x9f
	}
	return r.code == 3
}

// next reads one packet. body is good until the next call.
func (w *wire) next() (head byte, body []byte, err error) {
	for {
		head, body, size, err := mqttwire.Split(w.rest)
		if err != nil {
			return 0, nil, err
		}
		if size > 0 {
			w.rest = w.rest[size:]
			return head, body, nil
		}
		w.rest = append(make([]byte, 0, len(w.rest)+512), w.rest...)
		n, err := w.Read(w.rest[len(w.rest):cap(w.rest)])
		if n == 0 && err != nil {
			return 0, nil, err
		}
		w.rest = w.rest[:len(w.rest)+n]
	}
}

// subscribe asks for the filters at QoS 1 and awaits the answer, which has to
// grant at least the QoS least. Deliveries that overtake it are kept in rest
// for the reader that comes after.
func (w *wire) subscribe(ctx context.Context, filters []string, least byte) error {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	defer w.endWith(ctx)()
	if _, err := w.Write(appendSubscribe(nil, w.version, 1, filters)); err != nil {
		return ended(ctx, fmt.Errorf("send SUBSCRIBE: %w", err))
	}
	var early []byte
	for {
		head, body, err := w.next()
		if err != nil {
			return ended(ctx, fmt.Errorf("await SUBACK: %w", err))
		}
		switch head >> 4 {
		case mqttwire.Suback:
			_, codes, err := parseSuback(w.version, body)
			if err != nil {
				return fmt.Errorf("read SUBACK: %w", err)
			}
			if len(codes) != len(filters) {
				return fmt.Errorf("read SUBACK: %w", mqttwire.ErrMalformed)
			}
			for i, code := range codes {
				if code >= 0x80 {
					return fmt.Errorf("the server refuses the subscription to %s: 0x%02x", filters[i], code)
				}
				if code < least {
					return fmt.Errorf("the server grants %s at QoS %d only", filters[i], code)
				}
			}
			w.rest = append(early, w.rest...)
			return nil
		case mqttwire.Publish:
			early = append(mqttwire.AppendLength(append(early, head), len(body)), body...)
		case mqttwire.Disconnect:
			return parseDisconnect(body)
		default:
			return fmt.Errorf("await SUBACK: %w", mqttwire.ErrMalformed)
		}
	}
}

// bye ends the connection in good order, as far as it is still there.
func (w *wire) bye() {
	_ = w.SetWriteDeadline(time.Now().Add(time.Second)) // closed below in any case
	_, _ = w.Write(appendDisconnect(nil))               // the server may have gone first
	w.Close()
}

var errStalled = errors.New("the server has stopped answering")
