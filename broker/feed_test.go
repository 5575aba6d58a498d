package broker_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/broker"
)

// A server that was told to stop while it started never returned: the feeders
// waited for a stop that had come before them.
func TestServeReturnsWhenItsContextHasEndedBefore(t *testing.T) {
	t.Parallel()
	site := newSite()
	b, err := broker.New(broker.Config{}, broker.Deps{
		Gate: site, Backlog: site.log, Sessions: site.store, Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	served := make(chan error, 1)
	go func() { served <- b.Serve(ctx) }()
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Serve did not return")
	}
}
