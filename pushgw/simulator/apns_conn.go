package simulator

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// How many streams a connection of APNs may have: one until a first push was
// taken, and again behind each refusal.
const (
	coldStreams = 1
	warmStreams = 1000
)

// tokenChange is how seldom a connection may change its provider token.
const tokenChange = 20 * time.Minute

// serveAPNs is HTTP/2 by hand: net/http's server cannot change the number of
// streams of a connection, nor refuse one.
func (s *Simulator) serveAPNs(provider string) error {
	ln, err := s.listen(provider, "https")
	if err != nil {
		return err
	}
	secure := tls.NewListener(ln, &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{s.authority.server}, NextProtos: []string{"h2"},
	})
	s.running.Go(func() {
		<-s.ctx.Done()
		_ = secure.Close() // nothing to do about it
	})
	s.running.Go(func() {
		for {
			conn, err := secure.Accept()
			if err != nil {
				return
			}
			s.running.Go(func() { s.talkAPNs(provider, conn) })
		}
	})
	return nil
}

// apnsConn is one connection. Its reader is the goroutine of talkAPNs; every
// push that was read whole is answered by a goroutine of its own.
type apnsConn struct {
	sim      *Simulator
	provider string
	conn     net.Conn
	answers  sync.WaitGroup

	// Of the reader.
	streams map[uint32]*apnsPush
	highest uint32

	mu       sync.Mutex // guards the rest; written under it
	out      *bufio.Writer
	framer   *http2.Framer
	block    bytes.Buffer
	encoder  *hpack.Encoder
	limit    uint32
	warm     bool // a push has been taken
	open     int
	leaving  bool
	frozen   bool                // as if the network had gone: nothing is written, whatever comes
	tokens   map[string]struct{} // the provider tokens seen on it; a few
	changed  time.Time           // when another one came last; zero: never
	poisoned time.Time           // until when it refuses, having seen too many tokens
}

func (s *Simulator) talkAPNs(provider string, conn net.Conn) {
	defer conn.Close()
	secure, ok := conn.(*tls.Conn)
	hello, cancel := context.WithTimeout(s.ctx, 10*time.Second)
	defer cancel()
	if !ok || secure.HandshakeContext(hello) != nil || secure.ConnectionState().NegotiatedProtocol != "h2" {
		return // it speaks HTTP/2 only
	}
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(conn, preface); err != nil || string(preface) != http2.ClientPreface {
		return
	}
	c := &apnsConn{
		sim: s, provider: provider, conn: conn, streams: map[uint32]*apnsPush{}, tokens: map[string]struct{}{},
		out: bufio.NewWriterSize(conn, 16<<10), limit: coldStreams,
	}
	c.framer = http2.NewFramer(c.out, bufio.NewReaderSize(conn, 32<<10))
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.encoder = hpack.NewEncoder(&c.block)
	s.enter(conn, &peer{provider: provider, goAway: c.sayGoodbye, freeze: c.freeze})
	defer s.leave(conn)
	defer c.answers.Wait()
	c.write(func(f *http2.Framer) error {
		return f.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: coldStreams})
	})
	for {
		frame, err := c.framer.ReadFrame()
		if err != nil || !c.take(frame) {
			_ = conn.Close() // so that no answer waits for a peer that is gone
			return
		}
	}
}

// write sends frames under the lock. An error closes the connection, which its
// reader notices.
func (c *apnsConn) write(f func(*http2.Framer) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writeLocked(f)
}

func (c *apnsConn) writeLocked(f func(*http2.Framer) error) {
	if c.frozen {
		return
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(10 * time.Second)) // a closed one fails below
	err := f(c.framer)
	if err == nil {
		err = c.out.Flush()
	}
	if err != nil {
		_ = c.conn.Close() // its reader ends
	}
}

// take handles one frame; false ends the connection.
func (c *apnsConn) take(frame http2.Frame) bool {
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() {
			table, ok := f.Value(http2.SettingHeaderTableSize)
			c.write(func(fr *http2.Framer) error {
				if ok {
					c.encoder.SetMaxDynamicTableSizeLimit(table)
				}
				return fr.WriteSettingsAck()
			})
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			c.write(func(fr *http2.Framer) error { return fr.WritePing(true, f.Data) })
		}
	case *http2.MetaHeadersFrame:
		return c.begin(f)
	case *http2.DataFrame:
		return c.more(f)
	case *http2.RSTStreamFrame:
		if _, reading := c.streams[f.StreamID]; reading {
			delete(c.streams, f.StreamID)
			c.ended()
		}
	case *http2.GoAwayFrame:
		return len(c.streams) > 0
	default: // PRIORITY, WINDOW_UPDATE: answers are small
	}
	return true
}

// begin takes a request's headers, or refuses its stream.
func (c *apnsConn) begin(f *http2.MetaHeadersFrame) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.leaving:
		return true // beyond the last stream of the goodbye: unprocessed
	case c.open >= int(c.limit) && !c.warm:
		c.sim.ledger.count(c.provider, func(n *Counts) { n.GoAways++; n.Refused++ })
		c.leaving = true
		c.writeLocked(func(fr *http2.Framer) error {
			return fr.WriteGoAway(c.highest, http2.ErrCodeRefusedStream, []byte("Maximum active streams violated for this endpoint."))
		})
		return true
	case c.open >= int(c.limit):
		c.sim.ledger.count(c.provider, func(n *Counts) { n.Refused++ })
		c.writeLocked(func(fr *http2.Framer) error { return fr.WriteRSTStream(f.StreamID, http2.ErrCodeRefusedStream) })
		return true
	}
	c.highest = f.StreamID
	c.open++
	p := &apnsPush{method: f.PseudoValue("method"), path: f.PseudoValue("path"), header: map[string]string{}}
	for _, field := range f.RegularFields() {
		p.header[field.Name] = field.Value
	}
	c.streams[f.StreamID] = p
	if f.StreamEnded() {
		c.answer(f.StreamID, p)
	}
	return true
}

// more takes a piece of a body.
func (c *apnsConn) more(f *http2.DataFrame) bool {
	if n := len(f.Data()); n > 0 {
		c.write(func(fr *http2.Framer) error { return fr.WriteWindowUpdate(0, uint32(n)) })
	}
	p := c.streams[f.StreamID]
	if p == nil {
		return true // refused
	}
	if p.body = append(p.body, f.Data()...); len(p.body) > 4*maxAPNsPayload {
		p.body, p.tooLarge = p.body[:0], true
	}
	if f.StreamEnded() {
		c.answer(f.StreamID, p)
	}
	return true
}

func (c *apnsConn) ended() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
}

// answer judges a push that was read whole, and says so after its delay.
func (c *apnsConn) answer(stream uint32, p *apnsPush) {
	delete(c.streams, stream)
	c.answers.Go(func() {
		a, r, delay := c.answerAPNs(p)
		if r.BlackHole || !wait(c.sim.ctx, delay) {
			return // the stream stays open, and counts
		}
		switch {
		case r.Freeze:
			c.noteAPNs(p, a, false)
			c.freeze()
			return
		case r.Refuse:
			c.sim.ledger.count(c.provider, func(n *Counts) { n.Refused++ })
			c.ended()
			c.write(func(fr *http2.Framer) error { return fr.WriteRSTStream(stream, http2.ErrCodeRefusedStream) })
			return
		case r.Lose:
			c.noteAPNs(p, a, false)
			_ = c.conn.Close() // the answer goes with it
			return
		}
		c.noteAPNs(p, a, true)
		c.say(stream, p, a, r)
		if r.GoAway {
			c.sayGoodbye()
		}
	})
}

// say writes an answer, and what it does to the number of streams.
func (c *apnsConn) say(stream uint32, p *apnsPush, a apnsAnswer, r Reply) {
	id := p.header["apns-id"]
	if id == "" {
		id = newUUID()
	}
	body, contentType := a.body(), "application/json"
	if r.Body != "" {
		body, contentType = []byte(r.Body), "text/html"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	limit := uint32(coldStreams)
	if a.status == http.StatusOK {
		limit, c.warm = warmStreams, true
	}
	c.writeLocked(func(fr *http2.Framer) error {
		c.block.Reset()
		fields := []hpack.HeaderField{{Name: ":status", Value: strconv.Itoa(a.status)}, {Name: "apns-id", Value: id}}
		if len(body) > 0 {
			fields = append(fields, hpack.HeaderField{Name: "content-type", Value: contentType})
		}
		for name, value := range r.Header {
			fields = append(fields, hpack.HeaderField{Name: strings.ToLower(name), Value: value})
		}
		for _, field := range fields {
			if err := c.encoder.WriteField(field); err != nil {
				return fmt.Errorf("encode an answer: %w", err)
			}
		}
		if limit != c.limit {
			c.limit = limit
			if err := fr.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: limit}); err != nil {
				return err
			}
		}
		err := fr.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: c.block.Bytes(), EndHeaders: true, EndStream: len(body) == 0})
		if err == nil && len(body) > 0 {
			err = fr.WriteData(stream, true, body)
		}
		return err
	})
}

// sayGoodbye announces that no further stream is taken.
func (c *apnsConn) sayGoodbye() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leaving {
		return
	}
	c.leaving = true
	c.sim.ledger.count(c.provider, func(n *Counts) { n.GoAways++ })
	c.writeLocked(func(fr *http2.Framer) error { return fr.WriteGoAway(c.highest, http2.ErrCodeNo, nil) })
}

// changedToken refuses a connection whose provider token changes too often.
func (c *apnsConn) changedToken(token string, now time.Time) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Before(c.poisoned) {
		return "TooManyProviderTokenUpdates"
	}
	if _, seen := c.tokens[token]; seen {
		return ""
	}
	c.tokens[token] = struct{}{}
	if len(c.tokens) == 1 {
		return ""
	}
	often := !c.changed.IsZero() && now.Sub(c.changed) < tokenChange
	c.changed = now
	if often {
		c.poisoned = now.Add(tokenChange)
		return "TooManyProviderTokenUpdates"
	}
	return ""
}

// freeze has the connection answer nothing any more, not even a PING.
func (c *apnsConn) freeze() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen = true
}
