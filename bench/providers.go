package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// providerNames are whom devices are pushed to through, in turn.
var providerNames = [...]string{"apns", "fcm", "webpush"}

// providers is the control address of simulated push providers.
type providers struct {
	base   string
	client *http.Client
	read   int // of their journal
}

// taking is one push that a provider has taken.
type taking struct {
	Token  string    `json:"token"`
	Kind   string    `json:"kind"`
	Stream string    `json:"stream"` // a topic
	Seq    uint64    `json:"seq"`
	At     time.Time `json:"at"`
}

// news are the pushes taken since it was called last.
func (p *providers) news(ctx context.Context) ([]taking, error) {
	var out []taking
	err := p.call(ctx, http.MethodGet, fmt.Sprintf("/journal?without=%d", p.read), nil, &out)
	p.read += len(out)
	return out, err
}

// subscribe gives a browser's subscription, and the name that its pushes have in
// the journal.
func (p *providers) subscribe(ctx context.Context, serverKey string) (sub json.RawMessage, token string, err error) {
	if err := p.call(ctx, http.MethodPost, "/subscriptions", map[string]string{"applicationServerKey": serverKey}, &sub); err != nil {
		return nil, "", err
	}
	var s struct{ Endpoint string }
	if err := json.Unmarshal(sub, &s); err != nil {
		return nil, "", fmt.Errorf("read a subscription: %w", err)
	}
	return sub, s.Endpoint[strings.LastIndexByte(s.Endpoint, '/')+1:], nil
}

// fail has all of them refuse what comes, or answer nothing at all (silent), until
// it is called with failing false.
func (p *providers) fail(ctx context.Context, failing, silent bool) error {
	reply := map[string]any{"status": http.StatusServiceUnavailable, "reason": "ServiceUnavailable"}
	if silent {
		reply = map[string]any{"black_hole": true}
	}
	replies := []any{}
	if failing {
		replies = append(replies, reply)
	}
	for _, name := range providerNames {
		script := map[string]any{"provider": name, "token": "*", "replies": replies}
		if err := p.call(ctx, http.MethodPut, "/script", script, nil); err != nil {
			return err
		}
	}
	return nil
}

// call asks the control address; whatever is not a success is an error.
func (p *providers) call(ctx context.Context, method, path string, body, into any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("ask the push providers: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("ask the push providers: %w", err)
	}
	res, err := p.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the push providers: %w", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("read what the push providers answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the push providers: %s %s: %d %.200s", method, path, res.StatusCode, answer)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("read what the push providers answer: %w", err)
	}
	return nil
}
