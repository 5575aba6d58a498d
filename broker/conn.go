package broker

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// conn is one network connection. Its reader goroutine (serve) owns the input
// and the lifetime; writers and gate callbacks reach it through the outbox and
// the inbound window.
type conn struct {
	broker    *Broker
	nc        net.Conn
	raw       syscall.RawConn // nil: writes may wait, see schedule
	transport string          // a label: tcp, tls, ws
	remote    netip.AddrPort
	proxied   bool // remote is a trusted proxy until readProxy
	writer    *writer

	input   input
	out     outbox
	inbound inbound
	writing atomic.Uint32
	turn    turn

	version     byte     // 0 until CONNECT
	expiryAsked uint32   // of the session, in seconds, as CONNECT said
	authMethod  string   // agreed at CONNECT; empty = none
	will        *will    // nil for none, or once it is void
	session     *session // nil until CONNECT was accepted
	left        func()   // tells that it is over; nil where nobody was told that it came
	group       *group   // not a network connection: what is sent goes to a group's members
	rate        bucket
	aliases     aliases
	needsWake   bool // the reader queued something; told before it waits

	begun  time.Time    // of the monotonic clock: the silence of a client is no matter of the wall clock, which jumps
	heard  atomic.Int64 // nanoseconds since begun when the last byte came
	paused atomic.Bool  // the reader does not read, by our choice
	quiet  atomic.Int64 // nanoseconds that the client may say nothing; 0 before CONNECT
	idle   bool         // quiet is the limit of who asked for no keep alive; set before watch is started
	watch  *time.Timer

	over      atomic.Bool
	endOnce   sync.Once
	ending    ending           // set before gone is closed
	goodbye   disconnectPacket // likewise, where the client said DISCONNECT
	cancel    context.CancelFunc
	gone      chan struct{} // closed by end
	closed    chan struct{} // closed when the reader is done
	draining  atomic.Bool   // ends as soon as nothing is with the gate
	flush     chan struct{} // closed when all that may leave has left
	flushOnce sync.Once
}

// ending is why a connection ends: the DISCONNECT of MQTT 5.0 and the label of
// the counter.
type ending struct {
	code   byte // 0: say nothing
	reason string
	cause  cause
}

// newConn also makes the context of what the gate does for the connection,
// which end cancels; it is for serve.
func newConn(ctx context.Context, b *Broker, nc net.Conn, transport string, remote netip.AddrPort) (*conn, context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	c := &conn{
		cancel: cancel, begun: time.Now(),
		broker: b, nc: nc, raw: rawOf(nc), transport: transport, remote: remote, writer: b.nextWriter(),
		gone: make(chan struct{}), flush: make(chan struct{}), closed: make(chan struct{}),
	}
	c.inbound.begin(c)
	c.openTurn()
	c.watch = time.AfterFunc(b.config.ConnectTimeout, c.check)
	return c, ctx
}

// serve runs the connection until it is closed.
func (c *conn) serve(ctx context.Context) {
	defer c.cleanUp(ctx)
	c.input.open(c.nc, c.raw, &c.broker.buffers)
	c.input.waiting = c.beforeRead
	c.input.arrived = c.afterRead
	c.run(ctx)
	c.linger()
}

// run handles packets until the input ends. A panic, which only foreign input
// can cause, ends this connection alone.
func (c *conn) run(ctx context.Context) {
	defer func() {
		if r := recover(); r != nil {
			c.broker.metrics.panics.Inc()
			c.broker.log.ErrorContext(ctx, "connection panicked", "panic", r, "stack", string(debug.Stack()))
			c.end(ending{codeUnspecified, "", causePanic})
		}
	}()
	if c.proxied && !c.readProxy() || !c.handshake(ctx) {
		return
	}
	for {
		header, body, err := c.input.next(c.broker.config.MaxPacket)
		if err != nil {
			c.endInput(err)
			return
		}
		c.broker.metrics.received(header >> 4)
		if bad := c.handle(ctx, header, body); bad != nil {
			c.broker.metrics.violated(bad.code)
			c.end(ending{bad.code, bad.text, causeOf(bad.code)})
			return
		}
		if c.draining.Load() {
			c.tellWriter()
			<-c.gone
		}
		if c.over.Load() {
			return
		}
	}
}

// drainInput takes no more packets and ends the connection once the gate has
// answered what it has.
func (c *conn) drainInput() {
	c.draining.Store(true)
	if c.inbound.busy() == 0 {
		c.endDrained()
	}
}

func (c *conn) endDrained() {
	c.end(ending{codeShuttingDown, "The server is shutting down.", causeShutdown})
}

// endInput ends the connection because its input did.
func (c *conn) endInput(err error) {
	var tooLarge tooLargeError
	switch {
	case errors.As(err, &tooLarge):
		c.broker.metrics.violated(codePacketTooLarge)
		c.end(ending{codePacketTooLarge, "The packet is larger than this server takes.", causeTooLarge})
	case errors.Is(err, errNoLength):
		c.end(ending{codeMalformedPacket, "The packet's length is malformed.", causeMalformed})
	case errors.Is(err, errTextFrame):
		c.end(ending{codeMalformedPacket, "MQTT travels in binary frames.", causeMalformed}) // [MQTT-6.0.0-1]
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), timedOut(err):
		c.end(ending{cause: causeClosed})
	default:
		c.end(ending{cause: causeLost})
	}
}

// handle takes one packet behind CONNECT.
func (c *conn) handle(ctx context.Context, header byte, body []byte) *violation {
	switch header >> 4 {
	case typePublish:
		return c.publish(header, body)
	case typePuback, typePubrec, typePubrel, typePubcomp:
		return c.acknowledge(header, body)
	case typeSubscribe:
		return c.subscribe(ctx, header, body)
	case typeUnsubscribe:
		return c.unsubscribe(ctx, header, body)
	case typePingreq:
		if header&0x0f != 0 || len(body) > 0 {
			return malformed("The PINGREQ is malformed.")
		}
		c.answer(func(dst []byte, _ wire) []byte { return append(dst, typePingresp<<4, 0) }) // [MQTT-3.12.4-1]
		return nil
	case typeDisconnect:
		return c.disconnected(header, body)
	case typeConnect: // [MQTT-3.1.0-2]
		return protocolErr("A connection has one CONNECT.")
	case typeAuth:
		return c.reauthenticate(ctx, header, body)
	default:
		return malformed("A client sends no such packet.")
	}
}

// disconnected takes a DISCONNECT. Whatever code but success it says, the
// client wants its will sent [MQTT-3.14.4-3].
func (c *conn) disconnected(header byte, body []byte) *violation {
	p, bad := decodeDisconnect(c.version, header, body)
	switch {
	case bad != nil:
		return bad
	case c.expiryAsked == 0 && p.expiry > 0: // [MQTT-3.14.2-2]
		return protocolErr("A session without expiry cannot be given one at the end.")
	}
	if p.code == codeSuccess {
		c.endWith(ending{cause: causeDisconnect}, p)
	} else {
		c.endWith(ending{cause: causeDisconnectWithWill}, p)
	}
	return nil
}

// acknowledge takes the packets about delivered messages, and the PUBREL of a
// published one. The short form of PUBACK is most of what a subscriber sends.
func (c *conn) acknowledge(header byte, body []byte) *violation {
	var p ackPacket
	if header == typePuback<<4 && len(body) == 2 && (body[0] != 0 || body[1] != 0) {
		p.id = uint16(body[0])<<8 | uint16(body[1])
	} else {
		var bad *violation
		if p, bad = decodeAck(c.version, header, body); bad != nil {
			return bad
		}
	}
	switch header >> 4 {
	case typePuback:
		c.acked(p.id, slotPuback)
	case typePubcomp:
		c.acked(p.id, slotPubcomp)
	case typePubrec:
		if p.code >= codeUnspecified { // the client refuses; the delivery is over [MQTT-4.3.3-4]
			c.acked(p.id, slotPubrec)
			return nil
		}
		switch known := c.out.received(p.id); {
		case !known:
			c.reply(typePubrel, p.id, codePacketIDNotFound)
		case c.session.durable():
			c.session.answerReceived(p.id)
		default:
			c.reply(typePubrel, p.id, codeSuccess)
		}
	case typePubrel:
		c.released(p.id)
	}
	return nil
}

func (c *conn) acked(id uint16, state byte) {
	if _, wake := c.out.acked(id, state); wake {
		c.needsWake = true
	}
}

// answer queues a control packet from the reader's goroutine.
func (c *conn) answer(build func(dst []byte, w wire) []byte) {
	c.out.put(build)
	c.needsWake = true
}

// reply queues an acknowledgement from the reader's goroutine.
func (c *conn) reply(packetType byte, id uint16, code byte) {
	c.out.acknowledge(packetType, id, code, explanation{})
	c.needsWake = true
}

// beforeRead wakes the writer once for all that a buffer of packets caused, and
// reads no further while the client does not read the answers.
func (c *conn) beforeRead() {
	c.tellWriter()
	if c.out.backlog() > maxBacklog {
		c.pauseWhile(func() bool { return c.out.backlog() > maxBacklog/2 })
	}
}

// tellWriter wakes the writer if the reader queued something; it comes before
// all that the reader waits for.
func (c *conn) tellWriter() {
	if c.needsWake {
		c.needsWake = false
		c.wake()
	}
}

// maxBacklog is how many bytes of answers may wait before the reader does.
const maxBacklog = 64 << 10

// pauseWhile polls: it is the path of a client that floods us and reads nothing.
func (c *conn) pauseWhile(full func() bool) {
	c.paused.Store(true)
	defer c.paused.Store(false)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for full() {
		select {
		case <-tick.C:
		case <-c.gone:
			return
		}
	}
}

func (c *conn) afterRead(n int) {
	c.heard.Store(int64(time.Since(c.begun)))
	c.broker.metrics.bytesReceived.Add(float64(n))
}

// end ends the connection: deliveries stop here and now; the reason is written
// if the client can understand it; the reader then closes. Only the first call
// counts. It never waits.
func (c *conn) end(e ending) { c.endWith(e, disconnectPacket{}) }

// endWith is end for what the client's DISCONNECT says.
func (c *conn) endWith(e ending, goodbye disconnectPacket) {
	c.endOnce.Do(func() {
		c.ending, c.goodbye = e, goodbye
		c.out.close(e.code, e.reason)
		c.over.Store(true)
		close(c.gone)
		c.cancel()
		c.inbound.end()
		// The reader may be waiting for bytes; an error means that it is not.
		_ = c.nc.SetReadDeadline(time.Unix(1, 0))
		c.wake()
	})
}

// endFlush says that nothing more can or will leave.
func (c *conn) endFlush() { c.flushOnce.Do(func() { close(c.flush) }) }

// linger lets the last packets leave and the client read them: closing while
// input is unread would reset the connection and lose the reason.
func (c *conn) linger() {
	c.wake()
	timer := time.NewTimer(lingerTime)
	defer timer.Stop()
	select {
	case <-c.flush:
	case <-timer.C:
	case <-c.broker.stopping:
		return
	}
	if c.ending.cause.byClient() {
		return
	}
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	if c.nc.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		c.input.discard()
	}
}

// cleanUp gives back all that the connection holds.
func (c *conn) cleanUp(ctx context.Context) {
	c.watch.Stop()
	c.cancel()
	// Nothing is left to say, so an error of closing has no meaning.
	_ = c.nc.Close()
	c.endFlush()
	c.input.release()
	if c.session != nil {
		c.session.leave(ctx)
	}
	c.broker.remove(c)
	if c.left != nil {
		c.left()
	}
	close(c.closed)
}

// watchQuiet starts the watch over a client that may say nothing for quiet.
func (c *conn) watchQuiet(quiet time.Duration) {
	c.quiet.Store(int64(quiet))
	c.watch.Reset(quiet)
}

// A watch that fires so late tells of a process that was stopped, or had no processor;
// then the reader has this long to read what has come.
const (
	watchLate = 100 * time.Millisecond
	readOn    = time.Second
)

// check runs when the watch fires: it ends a connection that has not finished
// its CONNECT in time, or that was silent for too long [MQTT-3.1.2-22]. Any byte
// counts; the time in which we do not read is not the client's fault.
func (c *conn) check() {
	quiet := time.Duration(c.quiet.Load())
	if quiet == 0 {
		if !c.over.Load() {
			c.broker.metrics.limited(limitConnectTimeout)
		}
		c.end(ending{cause: causeConnectTimeout})
		_ = c.nc.Close() // wakes a reader inside a handshake; the error says nothing new
		return
	}
	if c.over.Load() {
		return
	}
	if c.paused.Load() {
		c.heard.Store(int64(time.Since(c.begun)))
	}
	heard := c.heard.Load()
	left := quiet - time.Since(c.begun) + time.Duration(heard)
	if left < -watchLate {
		// We stood still, and so did the reader: what the client said may be unread.
		c.heard.CompareAndSwap(heard, int64(time.Since(c.begun)-quiet+readOn))
		left = readOn
	}
	if left > 0 {
		c.watch.Reset(left)
		return
	}
	if c.idle {
		c.broker.metrics.limited(limitIdle)
	}
	c.end(ending{codeKeepAliveTimeout, "Nothing was heard for one and a half times the keep alive.", causeKeepAlive})
}
