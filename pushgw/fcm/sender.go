package fcm

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"firebase.google.com/go/v4/messaging"
	"github.com/prometheus/client_golang/prometheus"

	"rambla/pushgw"
)

// maxToken is the longest device token that is asked about, in bytes; Google's
// have some 160 today.
const maxToken = 4096

// Sender sends to the devices of some projects. It is safe for concurrent use.
type Sender struct {
	config Config
	apps   map[string]*app
	first  *app // for devices that name none
	wire   *wire
	failed *prometheus.CounterVec
	now    func() time.Time
}

// New reads every key file; it asks nobody. The error names the app whose
// configuration is wrong, and holds no secret.
func New(c Config, logger *slog.Logger, metrics prometheus.Registerer, now func() time.Time) (*Sender, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c.Timeout = cmp.Or(c.Timeout, 15*time.Second)
	c.PingAfter = cmp.Or(c.PingAfter, 15*time.Second)
	c.PingTimeout = cmp.Or(c.PingTimeout, 5*time.Second)
	s := &Sender{config: c, apps: map[string]*app{}, wire: newWire(&c), now: now}
	s.failed = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rambla_push_fcm_tokens_failed_total", Help: "Pushes that Google's OAuth gave no access token for.",
	}, []string{"app"}) // as the configuration lists them
	for _, configured := range c.Apps {
		a := &app{App: configured, file: pushgw.KeyFile{Path: configured.File, Now: now}, logger: logger, open: func(a App) (*project, error) {
			return openProject(a, &s.config, s.wire, now)
		}}
		if err := a.load(); err != nil {
			return nil, fmt.Errorf("app %q: %w", a.Name, err)
		}
		s.apps[a.Name] = a
		s.failed.WithLabelValues(a.Name)
	}
	s.first = s.apps[c.Apps[0].Name]
	metrics.MustRegister(s.failed)
	return s, nil
}

// Apps are the names that are configured, the one of devices that name none first.
func (s *Sender) Apps() []string {
	out := make([]string, len(s.config.Apps))
	for i, a := range s.config.Apps {
		out[i] = a.Name
	}
	return out
}

// Version changes when the credentials of the app are read anew.
func (s *Sender) Version(name string) uint64 {
	if a := s.app(name); a != nil {
		return a.version()
	}
	return 0
}

// Close ends the connections that nobody uses.
func (s *Sender) Close() { s.wire.close() }

func (s *Sender) app(name string) *app {
	if a := s.apps[name]; a != nil || name != "" {
		return a
	}
	return s.first
}

// Send is one request within Config.Timeout, and one more only where Google did
// not take the access token of the first, which is then renewed: nothing has been
// accepted in that case.
func (s *Sender) Send(ctx context.Context, m *pushgw.Message) pushgw.Answer {
	a := s.app(m.Device.App)
	switch {
	case a == nil:
		return pushgw.Answer{Verdict: pushgw.Misconfigured, Code: "unknown_app"}
	case m.Device.Token == "" || len(m.Device.Token) > maxToken:
		return pushgw.Answer{Verdict: pushgw.Gone, Code: "INVALID_ARGUMENT"}
	}
	msg := message(m, s.now())
	if msg == nil {
		return pushgw.Answer{Verdict: pushgw.TooLarge, Code: "TooBig"}
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	p := a.current()
	token, failed := p.tokens.get(ctx)
	for again := false; failed == nil; again = true {
		answer := p.send(ctx, msg, token, s.now())
		if !tokenRefused(answer) {
			return answer
		}
		p.tokens.drop(ctx, token)
		if again {
			return answer
		}
		token, failed = p.tokens.get(ctx)
	}
	s.failed.WithLabelValues(a.Name).Inc()
	return *failed
}

func (p *project) send(ctx context.Context, msg *messaging.Message, token string, now time.Time) pushgw.Answer {
	if ctx.Err() != nil {
		return unanswered(ctx, ctx.Err())
	}
	try := &attempt{token: token}
	_, err := p.client.Send(context.WithValue(ctx, attemptKey{}, try), msg)
	switch {
	case !try.made:
		// The library did not like the message, and may quote it.
		return pushgw.Answer{Verdict: pushgw.Refused, Code: "InvalidMessage", Err: fmt.Errorf("check the message: %T", err)}
	case try.err != nil:
		return unanswered(ctx, try.err)
	}
	return read(try.status, try.header, try.body, now) // err has less in it
}

// tokenRefused: the token of OAuth, and not that of a device on Apple's side.
func tokenRefused(a pushgw.Answer) bool {
	return a.Status == http.StatusUnauthorized && fcmVerdicts[a.Code] == 0
}

// unanswered is for requests that no answer came to. What became of the push,
// nobody knows.
func unanswered(ctx context.Context, err error) pushgw.Answer {
	a := pushgw.Answer{Verdict: pushgw.Retry, Code: "connection", Err: err}
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case untrusted: // push.ca_file, or somebody in between
		a.Verdict, a.Code = pushgw.Misconfigured, "certificate"
	case errors.Is(ctx.Err(), context.Canceled):
		a.Code, a.Err = "canceled", ctx.Err()
	case ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded):
		a.Code, a.Err = "timeout", context.DeadlineExceeded
	}
	return a
}
