package webpush

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdh"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ergochat/webpush-go/v2"

	"rambla/pushgw"
)

const (
	// maxTTL is four weeks, what the services keep at most.
	maxTTL    = 28 * 24 * time.Hour
	maxAnswer = 8 << 10 // of an answer's body is read, in bytes
	// overhead is what encryption adds to a push: salt, sizes and key before it
	// (RFC 8188 2.1), the byte that ends it and the tag.
	overhead = 16 + 4 + 1 + 65 + 1 + 16
)

// buckets are the sizes of pushes, in bytes: what carries them learns no more of
// how much was written. The last is what every service takes (RFC 8030 7.2).
var buckets = [...]int{512, 1024, 4096}

// Config is what a site sends with.
type Config struct {
	Key *Key
	// Contact is who answers for the pushes, for the operators of push services:
	// an address of mail, or https. Apple refuses one at localhost.
	Contact string
	Allow   *Allow
	Roots   *x509.CertPool // who may sign the services' certificates; nil: the system's
	Timeout time.Duration  // of one push, with its connection; 0: 15 s

	PingAfter   time.Duration // of silence a connection is asked whether it lives; 0: 15 s
	PingTimeout time.Duration // that it may take to answer; 0: 5 s
}

// Sender sends to browsers.
type Sender struct {
	allow   *Allow
	vapid   *vapid
	client  *http.Client
	timeout time.Duration
	now     func() time.Time
}

// New makes a sender. The error is KindInvalid.
func New(c Config, now func() time.Time) (*Sender, error) {
	contact, err := subject(c.Contact)
	if err != nil {
		return nil, err
	}
	return &Sender{
		allow: c.Allow, timeout: cmp.Or(c.Timeout, 15*time.Second), now: now,
		vapid: &vapid{key: c.Key, subject: contact, now: now, tokens: map[string]signedToken{}},
		client: &http.Client{
			Transport:     newTransport(&c),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// PublicKey is what browsers subscribe for.
func (s *Sender) PublicKey() string { return s.vapid.key.Public() }

// Close ends the connections that nobody uses.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

// Send is one request within Config.Timeout. A KindClear is refused: each push has to show something,
// or the browser takes the permission away.
func (s *Sender) Send(ctx context.Context, m *pushgw.Message) pushgw.Answer {
	if m.Kind == pushgw.KindClear {
		return pushgw.Answer{Verdict: pushgw.Refused, Code: "NothingToShow"}
	}
	endpoint, err := s.allow.parse(m.Device.Token)
	if err != nil {
		return pushgw.Answer{Verdict: pushgw.Refused, Code: "EndpointNotAllowed", Err: err}
	}
	body, answer := seal(m)
	if answer != nil {
		return *answer
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	origin := "https://" + strings.ToLower(strings.TrimSuffix(endpoint.Host, ":443"))
	token, err := s.vapid.header(origin)
	if err != nil {
		return pushgw.Answer{Verdict: pushgw.Misconfigured, Code: "VAPID", Err: err}
	}
	answered := s.post(ctx, m, endpoint, origin, token, body)
	switch answered.Verdict {
	case pushgw.Accepted:
		s.vapid.accepted(origin)
	case pushgw.Misconfigured:
		s.vapid.refused(origin)
	default: // says nothing of the token
	}
	return answered
}

func (s *Sender) post(ctx context.Context, m *pushgw.Message, to *url.URL, origin, token string, body []byte) pushgw.Answer {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(body))
	if err != nil {
		return pushgw.Answer{Verdict: pushgw.Refused, Code: "BadEndpoint"} // err quotes it
	}
	r.Header = http.Header{
		"Authorization":    {token},
		"Content-Encoding": {"aes128gcm"},
		"Content-Type":     {"application/octet-stream"},
		"Ttl":              {strconv.Itoa(ttl(m, s.now()))},
		"Urgency":          {urgency(m)},
		"User-Agent":       {"Rambla"},
	}
	if m.Collapse != "" {
		r.Header.Set("Topic", m.Collapse)
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return unanswered(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil && accepted(resp.StatusCode) {
		err = nil // the status has said it all
	}
	if err != nil {
		return unanswered(ctx, err)
	}
	return read(resp.StatusCode, resp.Header, text, to, s.vapid.proven(origin), s.now())
}

// unanswered is for a push that no answer came to. What net/http says begins with
// the address, which is the device's secret.
func unanswered(ctx context.Context, err error) pushgw.Answer {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	a := pushgw.Answer{Verdict: pushgw.Retry, Code: "connection", Err: err}
	_, inside := errors.AsType[*notPublicError](err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case inside:
		// Hosts are on a list: this is a resolver gone wrong, or an entry that needs a port.
		a.Code = "address_not_public"
	case untrusted:
		a.Verdict, a.Code = pushgw.Misconfigured, "certificate" // push.ca_file, or somebody in between
	case errors.Is(ctx.Err(), context.Canceled):
		a.Code, a.Err = "canceled", ctx.Err()
	case ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded):
		a.Code, a.Err = "timeout", context.DeadlineExceeded
	}
	return a
}

// seal encrypts the data of the push for the browser; a sealed preview that makes
// it too large is left out.
func seal(m *pushgw.Message) ([]byte, *pushgw.Answer) {
	keys := webpush.Keys{}
	point, err := ecdh.P256().NewPublicKey(m.Device.P256dh)
	if err != nil || len(m.Device.Auth) != len(keys.Auth) {
		return nil, &pushgw.Answer{Verdict: pushgw.Refused, Code: "BadKeys"}
	}
	keys.P256dh = point
	copy(keys.Auth[:], m.Device.Auth)
	data := m.DataWithText()
	text, err := json.Marshal(data)
	if err == nil && len(text)+overhead > buckets[len(buckets)-1] {
		delete(data, "sealed")
		text, err = json.Marshal(data)
	}
	if err != nil {
		return nil, &pushgw.Answer{Verdict: pushgw.Refused, Code: "encoding", Err: err}
	}
	for _, size := range buckets {
		if len(text)+overhead > size {
			continue
		}
		body, err := webpush.EncryptNotification(text, keys, uint32(size)) //nolint:gosec // one of three
		if err != nil {
			return nil, &pushgw.Answer{Verdict: pushgw.Refused, Code: "BadKeys", Err: err}
		}
		return body, nil
	}
	return nil, &pushgw.Answer{Verdict: pushgw.TooLarge, Code: "PayloadTooLarge"}
}

// ttl is in seconds; 0 is now or never.
func ttl(m *pushgw.Message, now time.Time) int {
	return int(min(max(m.Expires.Sub(now), 0), maxTTL) / time.Second)
}

// urgency: a phone that saves its battery is woken for what is written, and not
// for a correction of what is shown.
func urgency(m *pushgw.Message) string {
	if m.Silent {
		return "normal"
	}
	return "high"
}
