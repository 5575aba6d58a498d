package webpush

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rambla/pushgw"
	"rambla/pushgw/simulator"
	"rambla/social"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is a simulated push service and a sender that may use it.
type service struct {
	*simulator.Simulator
	*Sender
}

func start(t *testing.T, change func(*Config), now func() time.Time) service {
	t.Helper()
	if now == nil {
		now = time.Now
	}
	sim, err := simulator.Start(simulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg := config(t, sim)
	if change != nil {
		change(&cfg)
	}
	return service{sim, open(t, cfg, now)}
}

func config(t *testing.T, sim *simulator.Simulator) Config {
	t.Helper()
	key, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	allow, err := NewAllow([]string{strings.TrimPrefix(sim.URL(simulator.WebPush), "https://")})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Key: key, Contact: "ops@example.org", Allow: allow, Roots: x509.NewCertPool(), Timeout: 8 * time.Second, PingAfter: 500 * time.Millisecond, PingTimeout: 1500 * time.Millisecond}
	cfg.Roots.AppendCertsFromPEM(sim.CA())
	return cfg
}

func open(t *testing.T, cfg Config, now func() time.Time) *Sender {
	t.Helper()
	s, err := New(cfg, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// browser subscribes for the sender's key.
func (s service) browser(t *testing.T) (*social.Device, string) {
	t.Helper()
	return subscribe(t, s.Simulator, s.PublicKey())
}

func subscribe(t *testing.T, sim *simulator.Simulator, key string) (*social.Device, string) {
	t.Helper()
	sub, err := sim.Subscribe(key)
	if err != nil {
		t.Fatal(err)
	}
	point, err := base64.RawURLEncoding.DecodeString(sub.Keys.P256dh)
	if err != nil {
		t.Fatal(err)
	}
	auth, err := base64.RawURLEncoding.DecodeString(sub.Keys.Auth)
	if err != nil {
		t.Fatal(err)
	}
	return &social.Device{Platform: social.PlatformWebPush, Token: social.Secret(sub.Endpoint), P256dh: point, Auth: auth}, sub.ID()
}

func news(d *social.Device) *pushgw.Message {
	return &pushgw.Message{
		Device: d, Kind: pushgw.KindMessage, Stream: "/ctx/lobby/messages", Seq: 42, Post: "01JD", Count: 5, Badge: 12,
		Collapse: "3q2-7w_abcdefghijklmno", Title: "Lobby", Body: "5 new messages", Expires: time.Now().Add(24 * time.Hour),
	}
}

func (s service) send(t *testing.T, m *pushgw.Message) pushgw.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return s.Send(ctx, m)
}

// requests is how many pushes came.
func (s service) requests() int {
	c := s.Counts(simulator.WebPush)
	n := c.Accepted
	for _, times := range c.Rejected {
		n += times
	}
	return n
}
