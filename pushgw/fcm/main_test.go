package fcm

import (
	"context"
	"crypto/x509"
	"os"
	"testing"
	"time"

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

// simulate starts a simulator and makes a sender to it; change adjusts the sender's configuration.
func simulate(t *testing.T, change func(*simulator.Simulator, *Config)) (*simulator.Simulator, *Sender) {
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
	account, err := os.ReadFile(sim.File("fcm.json"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Credentials: social.Secret(account), URL: sim.URL(simulator.FCM), TokenURL: sim.URL(simulator.OAuth) + "/token",
		CAs: x509.NewCertPool(),
	}
	cfg.CAs.AppendCertsFromPEM(sim.CA())
	if change != nil {
		change(sim, &cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return sim, s
}

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
