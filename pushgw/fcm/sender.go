package fcm

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	firebase "firebase.google.com/go/v4"
	"firebase.google.com/go/v4/messaging"
	"google.golang.org/api/option"

	"rambla/pushgw"
	"rambla/social"
)

const (
	defaultURL = "https://fcm.googleapis.com"
	// The only right that is asked for; a stolen token opens nothing else.
	scope = "https://www.googleapis.com/auth/firebase.messaging"
)

// Config is one project of Firebase.
type Config struct {
	// Credentials is the key file of a service account, as Google hands it out.
	Credentials social.Secret
	Project     string // empty: the project of Credentials
	// URL and TokenURL stand in for Google's where they are set: https, or http for
	// a proxy on the same machine.
	URL, TokenURL string
	// CAs are the authorities that both are checked against; nil: the system's.
	CAs *x509.CertPool
	Now func() time.Time // nil: time.Now
}

// Sender sends to the devices of one project.
type Sender struct {
	client *messaging.Client
	tokens *tokens
	wire   *wire
	now    func() time.Time
}

// New reads the credentials; it asks nobody. The error is KindInvalid and names
// nothing of them.
func New(cfg Config) (*Sender, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	account, err := readAccount(cfg.Credentials)
	if err != nil {
		e := social.Invalid("credentials", "is not the key file of a service account, as the Firebase console makes it")
		e.Err = err
		return nil, e
	}
	project := cmp.Or(cfg.Project, account.project)
	if project == "" {
		return nil, social.Invalid("project", "is neither configured nor in the credentials")
	}
	if account.grant.TokenURL, err = endpoint("push.fcm.token_url", cfg.TokenURL, account.grant.TokenURL); err != nil {
		return nil, err
	}
	base, err := endpoint("push.fcm.url", cfg.URL, defaultURL)
	if err != nil {
		return nil, err
	}
	s := &Sender{wire: newWire(cfg.CAs), now: cfg.Now}
	s.tokens = newTokens(account.grant, cfg.CAs, cfg.Now)
	app, err := firebase.NewApp(context.Background(), &firebase.Config{ProjectID: project},
		option.WithHTTPClient(&http.Client{
			Transport: once{s.wire},
			// A redirect is an answer like another.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}),
		option.WithEndpoint(strings.TrimSuffix(base, "/v1")+"/v1"), option.WithTelemetryDisabled())
	if err != nil {
		return nil, fmt.Errorf("set up Firebase: %w", err)
	}
	s.client, err = app.Messaging(context.Background())
	if err != nil {
		return nil, fmt.Errorf("set up Firebase messaging: %w", err)
	}
	return s, nil
}

// Send is one request, and one more only where Google did not take the token of
// the first, which is then renewed: nothing has been accepted in that case.
func (s *Sender) Send(ctx context.Context, m *pushgw.Message) pushgw.Answer {
	msg := message(m, s.now())
	if size(msg.Data) > maxData {
		return pushgw.Answer{Verdict: pushgw.TooLarge, Code: "MessageTooBig"}
	}
	token, failed := s.tokens.get(ctx)
	if failed != nil {
		return *failed
	}
	answer := s.send(ctx, msg, token)
	if !tokenRefused(answer) {
		return answer
	}
	s.tokens.drop(token)
	if token, failed = s.tokens.get(ctx); failed != nil {
		return *failed
	}
	if answer = s.send(ctx, msg, token); tokenRefused(answer) {
		s.tokens.drop(token)
	}
	return answer
}

func (s *Sender) send(ctx context.Context, msg *messaging.Message, token string) pushgw.Answer {
	try := &attempt{token: token}
	// What the library makes of the answer has less in it than the attempt.
	_, _ = s.client.Send(context.WithValue(ctx, attemptKey{}, try), msg) //nolint:errcheck // see above
	switch {
	case !try.made && ctx.Err() != nil:
		return pushgw.Answer{Verdict: pushgw.Retry, Err: ctx.Err()}
	case !try.made:
		// The library did not like the message. Its words may quote the message.
		return pushgw.Answer{Verdict: pushgw.Refused, Code: "InvalidMessage"}
	case try.err != nil:
		return pushgw.Answer{Verdict: verdictOfFailure(try.err), Err: try.err}
	}
	return read(try.status, try.header, try.body, s.now())
}

// tokenRefused: the token of OAuth, and not that of a device on Apple's side.
func tokenRefused(a pushgw.Answer) bool {
	return a.Status == http.StatusUnauthorized && fcmVerdicts[a.Code] == 0
}

// Close ends the connections that nobody uses.
func (s *Sender) Close() {
	s.wire.close()
	s.tokens.client.CloseIdleConnections()
}

func endpoint(key, given, otherwise string) (string, error) {
	if given == "" {
		return otherwise, nil
	}
	u, err := url.Parse(given)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.RawQuery != "" || u.User != nil {
		return "", social.Invalid(key, "begins with https:// and names a host")
	}
	return strings.TrimRight(given, "/"), nil
}

// verdictOfFailure is for requests that no answer came to.
func verdictOfFailure(err error) pushgw.Verdict {
	var untrusted x509.UnknownAuthorityError
	if errors.As(err, &untrusted) {
		return pushgw.Misconfigured // push.ca_file, or somebody in between
	}
	return pushgw.Retry
}
