package broker

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// errTextFrame is a WebSocket message that is not binary [MQTT-6.0.0-1].
var errTextFrame = errors.New("websocket message is not binary")

// subprotocols in the order of our preference [MQTT-6.0.0-4].
var subprotocols = []string{"mqtt", "mqttv3.1"}

// websocketMessage bounds one WebSocket message, which may hold many packets or
// a part of one [MQTT-6.0.0-3]; nothing of its size is allocated.
const websocketMessage = 4 << 20

// Handler serves MQTT over WebSocket at whatever path it is hung in. The
// client's address is the request's RemoteAddr, with a port or without. Connections live as long as
// [Broker.Serve], not the HTTP server.
func (b *Broker) Handler() http.Handler {
	upgrader := &websocket.Upgrader{
		HandshakeTimeout: b.config.ConnectTimeout,
		ReadBufferSize:   1 << 10,
		WriteBufferSize:  4 << 10,
		WriteBufferPool:  &sync.Pool{},
		Subprotocols:     subprotocols,
		CheckOrigin:      b.originAllowed,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		offered := websocket.Subprotocols(r)
		if websocket.IsWebSocketUpgrade(r) && !slices.ContainsFunc(offered, func(p string) bool {
			return slices.Contains(subprotocols, p)
		}) { // [MQTT-6.0.0-3]
			http.Error(w, "The WebSocket sub-protocol must be mqtt.", http.StatusBadRequest)
			return
		}
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return // the upgrader has answered
		}
		b.serveWebsocket(context.WithoutCancel(r.Context()), ws, parseAddrPort(r.RemoteAddr))
	})
}

func (b *Broker) serveWebsocket(ctx context.Context, ws *websocket.Conn, remote netip.AddrPort) {
	tune(ws.NetConn())
	nc := &wsConn{ws: ws}
	nc.ping = time.AfterFunc(b.config.PingInterval, func() { nc.sendPing(b.config.PingInterval) })
	ws.SetReadLimit(max(websocketMessage, 4*int64(b.config.MaxPacket)))
	c, ctx := b.admit(ctx, nc, "ws", remote, false)
	if c == nil || !b.tasks.spawn(func() { c.serve(ctx) }) {
		// Who does not hear the close frame sees the connection end.
		_ = nc.sayClose(websocket.CloseTryAgainLater)
		_ = nc.Close()
		if c != nil {
			b.remove(c)
		}
	}
}

// originAllowed keeps other sites' pages out: browsers send Origin, other
// clients need not.
func (b *Broker) originAllowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil {
		return false
	}
	return strings.EqualFold(u.Host, r.Host) || slices.ContainsFunc(b.config.Origins, func(allowed string) bool {
		return allowed == "*" || strings.EqualFold(strings.TrimSuffix(allowed, "/"), origin)
	})
}

// wsConn makes a stream of bytes out of binary messages. One goroutine reads
// and one writes at a time.
type wsConn struct {
	ws     *websocket.Conn
	ping   *time.Timer
	reader io.Reader // of the message under way; nil between messages
	done   bool      // CloseWrite was called: only the end of the stream is of interest
}

// closeWait is how long a control frame may wait for the socket.
const closeWait = time.Second

func (w *wsConn) Read(p []byte) (int, error) {
	if w.done {
		return w.ws.NetConn().Read(p)
	}
	for {
		if w.reader == nil {
			kind, r, err := w.ws.NextReader()
			if err != nil {
				return 0, streamError(err)
			}
			if kind != websocket.BinaryMessage {
				return 0, errTextFrame
			}
			w.reader = r
		}
		n, err := w.reader.Read(p)
		if errors.Is(err, io.EOF) {
			w.reader, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, streamError(err)
		}
	}
}

// streamError makes an orderly end of the WebSocket the end of the stream.
func streamError(err error) error {
	switch {
	case err == nil:
		return nil
	case websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseNoStatusReceived):
		return io.EOF
	case errors.Is(err, websocket.ErrReadLimit):
		return tooLargeError{websocketMessage}
	default:
		return err
	}
}

func (w *wsConn) Write(p []byte) (int, error) {
	if err := w.ws.WriteMessage(websocket.BinaryMessage, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// CloseWrite says goodbye; the reader's goroutine calls it when it is done.
func (w *wsConn) CloseWrite() error {
	w.done = true
	return w.sayClose(websocket.CloseNormalClosure)
}

func (w *wsConn) sayClose(code int) error {
	return w.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(closeWait))
}

// sendPing keeps proxies from closing a quiet connection. If it cannot be sent
// the connection is ending, or so full that no proxy finds it quiet.
func (w *wsConn) sendPing(every time.Duration) {
	if w.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(closeWait)) == nil {
		w.ping.Reset(every)
	}
}

func (w *wsConn) Close() error {
	w.ping.Stop()
	return w.ws.Close()
}

func (w *wsConn) LocalAddr() net.Addr                { return w.ws.LocalAddr() }
func (w *wsConn) RemoteAddr() net.Addr               { return w.ws.RemoteAddr() }
func (w *wsConn) SetReadDeadline(t time.Time) error  { return w.ws.SetReadDeadline(t) }
func (w *wsConn) SetWriteDeadline(t time.Time) error { return w.ws.SetWriteDeadline(t) }
func (w *wsConn) SetDeadline(t time.Time) error {
	return errors.Join(w.SetReadDeadline(t), w.SetWriteDeadline(t))
}
