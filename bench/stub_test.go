package bench

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rambla/mqttwire"
)

func TestMain(m *testing.M) {
	if address := os.Getenv(engineEnv); address != "" {
		os.Exit(serveEngine(address))
	}
	goleak.VerifyTestMain(m)
}

// stub is a broker that does as it is told, and a REST server beside it.
type stub struct {
	t        *testing.T
	listener net.Listener
	rest     *httptest.Server
	wg       sync.WaitGroup

	// What it does otherwise than a good broker.
	receiveMaximum int                                              // told in CONNACK; 0: not told
	wrap           bool                                             // deliver as a server that keeps posts as JSON
	deliver        func(sub, post int, frame []byte) (out [][]byte) // nil: as it is
	ack            func(publish int) (code byte, send bool)         // nil: 0, true
	holdAcks       int                                              // acknowledge only when so many wait
	cutAfter       int                                              // end a connection after so many publishes
	uninvited      bool                                             // deliver to everybody
	busyLogins     int                                              // tokens to refuse with a 429; guarded by mu
	busyHellos     int                                              // CONNECTs to refuse as busy; guarded by mu
	failContext    string                                           // suffix of the context whose creation fails
	noSessions     bool                                             // grant no session expiry
	forget         func(client string) bool                         // the session is not there any more; nil: all are

	mu         sync.Mutex // guards what follows
	clients    []*stubClient
	publishes  int
	mostHeld   int
	subs       int
	pings      int
	hellos     []hello
	contexts   map[string]bool
	people     map[string]string // password by name
	members    map[string]map[string]bool
	requests   []string
	revoked    bool
	keys       map[string]bool
	repeatKeys int
}

type stubClient struct {
	conn    net.Conn
	version byte
	hello   hello    // guarded by stub.mu until it is in
	filters []string // guarded by stub.mu
	number  int      // of those that subscribe, from 0; guarded by stub.mu
	posts   int      // guarded by stub.mu
	nextID  uint16   // guarded by stub.mu
	away    bool     // guarded by stub.mu
	unacked []owed   // of a session that outlives its connection; guarded by stub.mu
	held    []byte   // acknowledgements not sent yet
	heldN   int
	writing sync.Mutex // one packet after the other
}

func newStub(t *testing.T, change func(*stub)) *stub {
	t.Helper()
	s := &stub{
		t: t, contexts: map[string]bool{}, people: map[string]string{},
		members: map[string]map[string]bool{}, keys: map[string]bool{},
	}
	if change != nil {
		change(s)
	}
	s.rest = httptest.NewServer(http.HandlerFunc(s.serveREST))
	if s.listener == nil {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s.listener = l
	}
	s.wg.Go(s.accept)
	t.Cleanup(func() {
		s.listener.Close()
		s.mu.Lock()
		for _, c := range s.clients {
			c.conn.Close()
		}
		s.mu.Unlock()
		s.wg.Wait()
		s.rest.Close()
	})
	return s
}

// options for a short load of it as a foreign broker.
func (s *stub) options() Options {
	return Options{
		Address: s.listener.Addr().String(), Foreign: true, Runs: 2, Count: 200, Warmup: -1,
		Patience: 5 * time.Second, Connections: 4, Subscribers: 7, Burst: 25,
	}
}

// siteOptions for a load of it as a Rambla server.
func (s *stub) siteOptions() Options {
	o := s.options()
	o.Foreign, o.HTTP, o.User, o.Password = false, s.rest.URL, "admin", "secret"
	return o
}

// newTLSStub makes a stub that speaks TLS and gives the roots to trust it.
func newTLSStub(t *testing.T) (*stub, *x509.CertPool) {
	t.Helper()
	h := httptest.NewTLSServer(nil)
	t.Cleanup(h.Close)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: h.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(h.Certificate())
	return newStub(t, func(s *stub) { s.listener = l }), roots
}

func (s *stub) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		c := &stubClient{conn: conn}
		s.mu.Lock()
		s.clients = append(s.clients, c)
		s.mu.Unlock()
		s.wg.Go(func() {
			defer conn.Close()
			s.serve(c)
			s.mu.Lock()
			c.away = true
			s.mu.Unlock()
		})
	}
}

func (c *stubClient) write(b []byte) {
	c.writing.Lock()
	defer c.writing.Unlock()
	_, _ = c.conn.Write(b) // the client may have gone
}

func (s *stub) serve(c *stubClient) {
	r := bufio.NewReaderSize(c.conn, 64<<10)
	publishes := 0
	for {
		head, body, err := readPacket(r)
		if err != nil {
			return
		}
		switch head >> 4 {
		case mqttwire.Connect:
			h, err := readConnect(body)
			if err != nil {
				s.t.Errorf("CONNECT: %v", err)
				return
			}
			s.mu.Lock()
			c.hello, c.version = h, h.version
			s.mu.Unlock()
			s.connected(c)
		case mqttwire.Subscribe:
			s.subscribed(c, body)
		case mqttwire.Publish:
			publishes++
			if !s.published(c, body) || publishes == s.cutAfter {
				return
			}
		case mqttwire.Puback:
			id := binary.BigEndian.Uint16(body)
			s.mu.Lock()
			c.unacked = slices.DeleteFunc(c.unacked, func(o owed) bool { return o.id == id })
			s.mu.Unlock()
		case mqttwire.Pingreq:
			s.mu.Lock()
			s.pings++
			s.mu.Unlock()
			c.write([]byte{mqttwire.Pingresp << 4, 0})
		case mqttwire.Disconnect:
			return
		default:
			s.t.Errorf("a packet that begins with %#x", head)
			return
		}
	}
}

func readPacket(r *bufio.Reader) (head byte, body []byte, err error) {
	if head, err = r.ReadByte(); err != nil {
		return 0, nil, err
	}
	n, shift := 0, 0
	for {
		b, err := r.ReadByte()
		if err != nil {
			return 0, nil, err
		}
		n |= int(b&0x7f) << shift
		if shift += 7; b < 0x80 {
			break
		}
	}
	body = make([]byte, n)
	_, err = io.ReadFull(r, body)
	return head, body, err
}

func (s *stub) connected(c *stubClient) {
	c.writing.Lock() // what is new comes behind what is owed
	defer c.writing.Unlock()
	s.mu.Lock()
	s.hellos = append(s.hellos, c.hello)
	body := []byte{0, 0}
	if s.busyHellos > 0 {
		s.busyHellos--
		if body[1] = 3; c.version == 5 {
			body[1] = 0x88
		}
	}
	owing := s.resumedLocked(c)
	if owing != nil {
		body[0] = 1
	}
	s.mu.Unlock()
	if c.version == 5 {
		var props []byte
		if s.noSessions {
			props = append(props, mqttwire.SessionExpiry, 0, 0, 0, 0)
		}
		if s.receiveMaximum > 0 {
			props = binary.BigEndian.AppendUint16(append(props, mqttwire.ReceiveMaximum), uint16(s.receiveMaximum))
		}
		// Two that a client has to step over: a pair and a text.
		props = mqttwire.AppendText(mqttwire.AppendText(append(props, 0x26), "name"), "value")
		props = mqttwire.AppendText(append(props, 0x12), "assigned")
		body = append(mqttwire.AppendLength(body, len(props)), props...)
	}
	all := append([]byte{mqttwire.Connack << 4, byte(len(body))}, body...)
	for _, o := range owing {
		all = append(all, slices.Concat(o.frames...)...)
	}
	_, _ = c.conn.Write(all) // the client may have gone
}

func (s *stub) subscribed(c *stubClient, body []byte) {
	answer := append([]byte(nil), body[:2]...)
	b := body[2:]
	if c.version == 5 {
		b = b[1+int(b[0]):]
		answer = append(answer, 0)
	}
	s.mu.Lock()
	ordinary := false
	for len(b) > 2 {
		n := int(binary.BigEndian.Uint16(b))
		f := string(b[2 : 2+n])
		c.filters = append(c.filters, f)
		b = b[3+n:]
		switch {
		case strings.HasSuffix(f, "/errors"):
			answer = append(answer, 0)
		case strings.HasPrefix(f, "forbidden"):
			answer = append(answer, 0x80)
		default:
			answer, ordinary = append(answer, 1), true
		}
	}
	if ordinary {
		c.number = s.subs
		s.subs++
	}
	s.mu.Unlock()
	c.write(append(mqttwire.AppendLength([]byte{mqttwire.Suback << 4}, len(answer)), answer...))
}

// published acknowledges and delivers; false ends the connection.
func (s *stub) published(c *stubClient, body []byte) bool {
	n := int(binary.BigEndian.Uint16(body))
	topic := string(body[2 : 2+n])
	id := binary.BigEndian.Uint16(body[2+n:])
	payload := body[4+n:]
	if c.version == 5 {
		payload = payload[1:]
	}
	s.mu.Lock()
	s.publishes++
	code, send := byte(0), true
	if s.ack != nil {
		code, send = s.ack(s.publishes)
	}
	var post struct{ Key, Content string }
	if payload[0] == '{' {
		if err := json.Unmarshal(payload, &post); err != nil {
			s.t.Errorf("payload: %v", err)
		}
		if s.keys[post.Key] {
			s.repeatKeys++
		}
		s.keys[post.Key] = true
	}
	if s.wrap {
		if post.Content == "" {
			post.Content = string(payload)
		}
		payload, _ = json.Marshal(map[string]any{
			"id": "0190~", "seq": s.publishes, "object": map[string]string{"content": post.Content},
		})
	}
	type out struct {
		to     *stubClient
		frames [][]byte
	}
	var outs []out
	for _, to := range s.clients {
		if code >= 0x80 || !s.matchesLocked(to, topic) {
			continue
		}
		to.nextID = to.nextID%65535 + 1
		frame := delivery(to.version, topic, to.nextID, payload)
		frames := [][]byte{frame}
		to.posts++
		if s.deliver != nil {
			frames = s.deliver(to.number, to.posts, frame)
		}
		if to.hello.expiry > 0 {
			to.unacked = append(to.unacked, owed{to.nextID, frames})
			if to.away {
				continue
			}
		}
		outs = append(outs, out{to, frames})
	}
	s.mu.Unlock()

	for _, o := range outs {
		for _, f := range o.frames {
			o.to.write(f)
		}
	}
	if !send {
		return true
	}
	switch {
	case c.version == 5 && code != 0:
		c.held = append(c.held, mqttwire.Puback<<4, 4, byte(id>>8), byte(id), code, 0)
	case code != 0:
		c.held = append(c.held, delivery3(4, "/user/admin/errors", []byte(`{"code":151}`))...)
		fallthrough
	default:
		c.held = append(c.held, mqttwire.Puback<<4, 2, byte(id>>8), byte(id))
	}
	c.heldN++
	s.mu.Lock()
	s.mostHeld = max(s.mostHeld, c.heldN)
	s.mu.Unlock()
	if c.heldN >= s.holdAcks {
		c.write(c.held)
		c.held, c.heldN = nil, 0
	}
	return true
}

// matchesLocked knows plain topics and, for members, the wildcard of contexts.
func (s *stub) matchesLocked(c *stubClient, topic string) bool {
	for _, f := range c.filters {
		if f == topic || s.uninvited && !strings.HasSuffix(f, "/errors") {
			return true
		}
		if id, ok := strings.CutPrefix(topic, "/ctx/"); ok && f == "/ctx/+/messages" {
			id, _ = strings.CutSuffix(id, "/messages")
			if c.hello.user == "admin" || s.members[id][c.hello.user] {
				return true
			}
		}
	}
	return false
}

func delivery(version byte, topic string, id uint16, payload []byte) []byte {
	body := binary.BigEndian.AppendUint16(mqttwire.AppendText(nil, topic), id)
	if version == 5 {
		body = append(body, 3, 0x23, 0, 1) // a topic alias, to be stepped over
	}
	body = append(body, payload...)
	return append(mqttwire.AppendLength([]byte{mqttwire.Publish<<4 | 2}, len(body)), body...)
}

// delivery3 is one at QoS 0.
func delivery3(version byte, topic string, payload []byte) []byte {
	body := mqttwire.AppendText(nil, topic)
	if version == 5 {
		body = append(body, 0)
	}
	body = append(body, payload...)
	return append(mqttwire.AppendLength([]byte{mqttwire.Publish << 4}, len(body)), body...)
}
