package simulator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// The providers' names, in scripts and counts.
const (
	APNs        = "apns"
	APNsSandbox = "apns-sandbox"
	FCM         = "fcm"
	WebPush     = "webpush"
)

// Config is what a simulator is made with; the zero value listens on free ports
// of the loopback and keeps its files in a new temporary directory.
type Config struct {
	// Listen has an address for each provider, and "control"; 127.0.0.1:0 where it has none.
	Listen map[string]string
	// Dir is where the files for the server under test are written: ca.pem, apns.p8
	// and others. Empty: a temporary directory, removed by Close.
	Dir string
	// Topics are the apps that the APNs key may push to; none: org.example.chat.
	Topics []string
	// Keep is how many pushes are remembered with their content, per token; 0: 32,
	// below 0: none, for load.
	Keep int
	// Journal remembers of every push that was taken what it told of, for load too.
	Journal bool
	// Latency is how long every answer takes.
	Latency time.Duration
}

// Simulator is running push providers.
type Simulator struct {
	config    Config
	temporary bool
	authority *authority
	scripts   *scripts
	ledger    *ledger
	keys      *keys
	oauth     *oauth
	browsers  *browsers
	started   time.Time

	ctx     context.Context // ended by Close: the goroutines' own, nothing is called with it
	stop    context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex // guards what follows
	urls  map[string]string
	conns map[net.Conn]*peer
}

// peer is one connection of a client.
type peer struct {
	provider string
	goAway   func() // nil: it is not HTTP/2
	freeze   func() // likewise
}

// webConn is a connection that net/http serves.
type webConn struct {
	net.Conn
	frozen  atomic.Bool // what is written goes nowhere
	leaving atomic.Bool // its next answer is its last
}

// Write pretends, on a frozen one, as the network does that has gone.
func (c *webConn) Write(b []byte) (int, error) {
	if c.frozen.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// webListener accepts such connections.
type webListener struct{ net.Listener }

func (l webListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &webConn{Conn: c}, nil
}

// webConnOf is what carries c, below TLS or not.
func webConnOf(c net.Conn) *webConn {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	w, _ := c.(*webConn)
	return w
}

// webConnKey finds it in the context of a request.
type webConnKey struct{}

// Start serves every provider and the control address. The error names the
// address that cannot be used, or the directory.
func Start(c Config) (_ *Simulator, err error) {
	s := &Simulator{config: c, scripts: newScripts(c.Latency), started: time.Now(), urls: map[string]string{}, conns: map[net.Conn]*peer{}}
	if len(s.config.Topics) == 0 {
		s.config.Topics = []string{"org.example.chat"}
	}
	switch {
	case s.config.Keep == 0:
		s.config.Keep = 32
	case s.config.Keep < 0:
		s.config.Keep = 0
	}
	s.ledger = newLedger(s.config.Keep, c.Journal)
	s.ctx, s.stop = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if c.Dir == "" {
		if s.config.Dir, err = os.MkdirTemp("", "simulator"); err != nil {
			return nil, fmt.Errorf("make a directory: %w", err)
		}
		s.temporary = true
	}
	if s.config.Dir, err = filepath.Abs(s.config.Dir); err != nil { // other processes are told of it
		return nil, fmt.Errorf("find the directory: %w", err)
	}
	if s.authority, err = newAuthority(); err != nil {
		return nil, err
	}
	if s.keys, err = newKeys(); err != nil {
		return nil, err
	}
	if err = s.write("ca.pem", s.authority.pem); err != nil {
		return nil, err
	}
	if err = s.write("apns.p8", s.keys.apnsPEM); err != nil {
		return nil, err
	}
	for _, start := range s.providers() {
		if err = start(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// providers start what is served; the files of a provider are written there too.
func (s *Simulator) providers() []func() error {
	return []func() error{
		func() error { return s.serveAPNs(APNs) },
		func() error { return s.serveAPNs(APNsSandbox) },
		s.serveOAuth,
		s.serveFCM,
		s.serveWebPush,
		s.serveControl,
	}
}

// Close ends every connection and waits for all goroutines.
func (s *Simulator) Close() error {
	s.stop()
	s.Cut("")
	s.running.Wait()
	if s.temporary {
		return os.RemoveAll(s.config.Dir)
	}
	return nil
}

// URL is where a provider, or "control", is reached; empty for one that is not served.
func (s *Simulator) URL(provider string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.urls[provider]
}

// File is the path of one of the files for the server under test.
func (s *Simulator) File(name string) string { return filepath.Join(s.config.Dir, name) }

// CA is the certificate, in PEM, that clients must trust.
func (s *Simulator) CA() []byte { return s.authority.pem }

func (s *Simulator) write(name string, content []byte) error {
	if err := os.WriteFile(s.File(name), content, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// listen binds a provider's address and remembers its URL.
func (s *Simulator) listen(provider, scheme string) (net.Listener, error) {
	addr := s.config.Listen[provider]
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for %s: %w", provider, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.urls[provider] = scheme + "://" + ln.Addr().String()
	return ln, nil
}

// serveHTTP serves a provider with net/http, over TLS with HTTP/2 and HTTP/1.1.
func (s *Simulator) serveHTTP(provider string, h http.Handler) error {
	ln, err := s.listen(provider, "https")
	if err != nil {
		return err
	}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	s.run(provider, ln, &http.Server{
		Handler: h, Protocols: protocols, ReadHeaderTimeout: 10 * time.Second, ErrorLog: quiet(),
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{s.authority.server}},
	}, true)
	return nil
}

// run serves until Close.
func (s *Simulator) run(provider string, ln net.Listener, server *http.Server, secure bool) {
	server.ConnState = func(c net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			w := webConnOf(c)
			s.enter(c, &peer{provider: provider, goAway: func() { w.leaving.Store(true) }, freeze: func() { w.frozen.Store(true) }})
		case http.StateClosed, http.StateHijacked:
			s.leave(c)
		default: // in use or waiting
		}
	}
	server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, webConnKey{}, webConnOf(c))
	}
	ln = webListener{ln}
	s.running.Go(func() {
		if secure {
			_ = server.ServeTLS(ln, "", "") // it says that it was closed
		} else {
			_ = server.Serve(ln)
		}
	})
	s.running.Go(func() {
		<-s.ctx.Done()
		_ = server.Close() // it is over, whatever that says
	})
}

func (s *Simulator) enter(c net.Conn, p *peer) {
	s.mu.Lock()
	s.conns[c] = p
	s.mu.Unlock()
	s.ledger.connected(p.provider)
}

func (s *Simulator) leave(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// Cut closes every connection of the provider, or of all for "", in the middle of whatever it does.
func (s *Simulator) Cut(provider string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c, p := range s.conns {
		if provider == "" || p.provider == provider {
			_ = c.Close() // its reader finds out
		}
	}
}

// GoAway has every connection of the provider say goodbye: what it has taken is
// still answered. One of FCM or Web Push says it with its next answer.
func (s *Simulator) GoAway(provider string) {
	s.each(provider, func(p *peer) func() { return p.goAway })
}

// Freeze has the open connections of the provider answer nothing any more, not
// even a PING, as when the network between has gone.
func (s *Simulator) Freeze(provider string) {
	s.each(provider, func(p *peer) func() { return p.freeze })
}

func (s *Simulator) each(provider string, what func(*peer) func()) {
	s.mu.Lock()
	var all []func()
	for _, p := range s.conns {
		if f := what(p); f != nil && (provider == "" || p.provider == provider) {
			all = append(all, f)
		}
	}
	s.mu.Unlock()
	for _, f := range all {
		f()
	}
}

// Connections is how many are open now.
func (s *Simulator) Connections(provider string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, p := range s.conns {
		if p.provider == provider {
			n++
		}
	}
	return n
}
