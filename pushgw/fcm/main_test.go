package fcm

import (
	"context"
	"crypto/x509"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"rambla/pushgw"
	"rambla/pushgw/simulator"
	"rambla/social"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "fcm-token-of-ann:APA91b"

func message1() *pushgw.Message {
	return &pushgw.Message{
		Device: &social.Device{Platform: social.PlatformFCM, Token: token}, Kind: pushgw.KindMessage,
		Stream: "/ctx/lobby/messages", Seq: 42, Post: "01JD", Count: 5, Badge: 12, Collapse: "abc",
		Title: "Lobby", Body: "5 new messages", Expires: time.Now().Add(time.Hour),
	}
}

// simulate starts a simulator and makes a sender to it; change adjusts its configuration.
func simulate(t *testing.T, change func(*Config)) (*simulator.Simulator, *Sender) {
	t.Helper()
	sim, err := simulator.Start(simulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg := config(sim)
	if change != nil {
		change(&cfg)
	}
	return sim, open(t, cfg, time.Now)
}

func config(sim *simulator.Simulator) Config {
	cfg := Config{
		Apps: []App{{Name: "chat", File: sim.File("fcm.json")}},
		URL:  sim.URL(simulator.FCM), TokenURL: sim.URL(simulator.OAuth) + "/token",
		Roots: x509.NewCertPool(), Timeout: 8 * time.Second,
		PingAfter: 500 * time.Millisecond, PingTimeout: 1500 * time.Millisecond,
	}
	cfg.Roots.AppendCertsFromPEM(sim.CA())
	return cfg
}

func open(t *testing.T, cfg Config, now func() time.Time) *Sender {
	t.Helper()
	s, err := New(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// clock can be put forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func send(t *testing.T, s *Sender, m *pushgw.Message) pushgw.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return s.Send(ctx, m)
}

// requests is how many pushes came to the simulator.
func requests(s *simulator.Simulator) int {
	c := s.Counts(simulator.FCM)
	n := c.Accepted
	for _, times := range c.Rejected {
		n += times
	}
	return n
}
