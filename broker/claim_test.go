package broker

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/social"
)

// The claim has replaced the row that held the will, so nobody else has it.
func TestAWillThatCouldNotBeSentAtTheClaimIsSentLater(t *testing.T) {
	t.Parallel()
	w := someWills()[1]
	g := &willGate{publish: social.Unavailable(errors.New("connection refused"))}
	b, err := New(Config{}, Deps{Gate: g, Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	before := social.Session{ID: 7, Person: 3, Version: 5, Will: w.encode()} // connected, and taken over
	b.settleWill(t.Context(), &social.SessionClaimed{Before: &before}, true)
	for round, owed := range []int{1, 1, 0} {
		if len(b.owed) != owed {
			t.Errorf("round %d: %d wills are owed, want %d", round, len(b.owed), owed)
		}
		if round == 1 {
			g.publish = nil
		}
		g.got = nil
		b.sendOwed(t.Context())
	}
	if g.got != nil {
		t.Error("it was sent twice")
	}
	for range mostOwed + 1 {
		b.owe(before)
	}
	if len(b.owed) != mostOwed {
		t.Errorf("%d wills wait in memory", len(b.owed))
	}
}
