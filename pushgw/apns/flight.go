package apns

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxAnswer is how much of an answer is read, in bytes: Apple's have a hundred,
// the pages of middleboxes more.
const maxAnswer = 16 << 10

// flight is one request on its way, in its context: apns2 tells neither the
// headers of an answer nor, unless it is JSON, its status.
type flight struct {
	conn   *conn
	bearer string // the token that it was signed with

	answered   bool
	status     int
	retryAfter string
	id         string
	json       bool // the body is an object, or empty
	reason     string
	since      time.Time
}

type flightKey struct{}

// flightOf is never nil; a request that nobody follows has one of its own.
func flightOf(ctx context.Context) *flight {
	if f, ok := ctx.Value(flightKey{}).(*flight); ok {
		return f
	}
	return &flight{}
}

// token is what signed it, without the word before it.
func (f *flight) token() string { return strings.TrimPrefix(f.bearer, "bearer ") }

func (f *flight) leave(p *conns, accepted bool) {
	if f.conn != nil {
		p.release(f.conn, accepted)
		f.conn = nil
	}
}

// observer is the transport that fills in the flight.
type observer struct{ conns *conns }

func (o observer) RoundTrip(req *http.Request) (*http.Response, error) {
	f := flightOf(req.Context())
	f.bearer = req.Header.Get("Authorization")
	res, err := o.conns.roundTrip(req)
	if err != nil {
		f.leave(o.conns, false)
		return nil, err
	}
	// The body is read here, so that the stream is over when the connection is given back.
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	_ = res.Body.Close() // read as far as it matters
	if err != nil {
		f.leave(o.conns, false)
		return nil, err
	}
	f.answered, f.status = true, res.StatusCode
	f.retryAfter, f.id = res.Header.Get("Retry-After"), res.Header.Get("Apns-Id")
	var words struct {
		Reason    string      `json:"reason"`
		Timestamp json.Number `json:"timestamp"` // milliseconds
	}
	if len(bytes.TrimSpace(body)) == 0 {
		f.json = true
	} else if err := json.Unmarshal(body, &words); err == nil {
		f.json, f.reason = true, words.Reason
		if ms, err := words.Timestamp.Int64(); err == nil && ms > 0 {
			f.since = time.UnixMilli(ms)
		}
	}
	if spoils(f.status, f.reason) && f.conn != nil {
		o.conns.retire(f.conn)
	}
	f.leave(o.conns, f.status == http.StatusOK)
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}
