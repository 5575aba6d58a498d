package check

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	restWithin = 15 * time.Second // one request
	maxAnswer  = 8 << 20          // bytes
)

// rest speaks to the server's REST API.
type rest struct {
	base   string
	client *http.Client
}

func newRest(base string, roots *x509.CertPool) *rest {
	return &rest{
		base: strings.TrimSuffix(base, "/"),
		client: &http.Client{
			Timeout: restWithin,
			Transport: &http.Transport{
				MaxIdleConnsPerHost: 32,
				TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			},
			// A token is for the server that was named, not for where it points.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// request is one call. body is sent as JSON, raw as it is; both nil: nothing.
type request struct {
	method, path, token string
	body                any
	raw                 []byte
	key                 string // Idempotency-Key
}

// statusError is an answer that is not a success.
type statusError struct {
	status int
	detail string
}

func (e *statusError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%d %s: %s", e.status, http.StatusText(e.status), e.detail))
}

// statusOf is the status of an answer that is not a success; 0 where there was
// no answer at all.
func statusOf(err error) int {
	if e, ok := errors.AsType[*statusError](err); ok {
		return e.status
	}
	return 0
}

// passes tells whether asking again may help: nobody answered, or the server is
// busy or without its database.
func passes(err error) bool {
	status := statusOf(err)
	return status == 0 || status == http.StatusTooManyRequests || status >= 500
}

// do sends the request and reads the answer into into, which may be nil.
func (r *rest) do(ctx context.Context, q request, into any) error {
	raw, kind := q.raw, "application/octet-stream"
	if q.body != nil {
		var err error
		if raw, err = json.Marshal(q.body); err != nil {
			return fmt.Errorf("%s %s: %w", q.method, q.path, err)
		}
		kind = "application/json"
	}
	req, err := http.NewRequestWithContext(ctx, q.method, r.base+q.path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	if q.token != "" {
		req.Header.Set("Authorization", "Bearer "+q.token)
	}
	if raw != nil {
		req.Header.Set("Content-Type", kind)
	}
	if q.key != "" {
		req.Header.Set("Idempotency-Key", q.key)
	}
	return r.send(req, into)
}

func (r *rest) send(req *http.Request, into any) error {
	res, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		var problem struct {
			Detail      string `json:"detail"`
			Description string `json:"error_description"`
		}
		_ = json.Unmarshal(raw, &problem) // the status says enough
		return &statusError{res.StatusCode, problem.Detail + problem.Description}
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

// untilAnswered repeats the request for as long as ctx lasts while nobody
// answers or the server says that it cannot now.
func (r *rest) untilAnswered(ctx context.Context, q request, into any) error {
	pause := 20 * time.Millisecond
	for {
		err := r.do(ctx, q, into)
		if err == nil || !passes(err) || ctx.Err() != nil {
			return err
		}
		if wait(ctx, pause) != nil {
			return err
		}
		pause = min(2*pause, time.Second)
	}
}

// login gives an access token for a password.
func (r *rest) login(ctx context.Context, name, password string) (string, error) {
	form := url.Values{"grant_type": {"password"}, "username": {name}, "password": {password}}.Encode()
	var answer struct {
		Access string `json:"access_token"`
	}
	pause := 50 * time.Millisecond
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base+"/v1/oauth/token", strings.NewReader(form))
		if err != nil {
			return "", err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		err = r.send(req, &answer)
		if err == nil && answer.Access == "" {
			err = errors.New("the server gave no token")
		}
		if err == nil {
			return answer.Access, nil
		}
		if status := statusOf(err); status != http.StatusTooManyRequests && status < 500 || wait(ctx, pause) != nil {
			return "", fmt.Errorf("log in as %s: %w", name, err)
		}
		pause = min(2*pause, time.Second)
	}
}

// wait pauses; the error is that of a context that ended first.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
