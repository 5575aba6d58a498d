package broker_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"rambla/broker"
)

func TestMain(m *testing.M) {
	if kind := os.Getenv(childVariable); kind != "" {
		child(kind)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// server is a broker that serves on a loopback port, and what it stands on.
type server struct {
	*broker.Broker
	site    *site
	addr    string
	url     string // of the WebSocket
	metrics *prometheus.Registry
	log     *logBuffer
	stop    func() // ends Serve and waits for it
}

// serve runs a broker for a test; everything is stopped and waited for at its end.
func serve(t testing.TB, config broker.Config) *server {
	t.Helper()
	site := newSite()
	reg := prometheus.NewRegistry()
	log := &logBuffer{}
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b, err := broker.New(config, broker.Deps{Gate: site, Backlog: site.log, Sessions: site.store, Logger: logger, Metrics: reg})
	if err != nil {
		t.Fatal(err)
	}
	site.broker = b
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	started := make(chan struct{})
	go func() {
		close(started)
		ended <- b.Serve(ctx, l)
	}()
	<-started
	web := httptest.NewServer(b.Handler())
	stopped := false
	s := &server{
		Broker: b, site: site, addr: l.Addr().String(), url: "ws" + web.URL[len("http"):], metrics: reg, log: log,
	}
	s.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(eventually):
			t.Error("Serve did not return")
		}
		web.Close()
		if left := b.Leftovers(); left != "" {
			t.Errorf("when all is over there are still %s", left)
		}
	}
	t.Cleanup(s.stop)
	return s
}

// logBuffer keeps the log.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// value is a metric's value; label is the value of its label, "" without one.
func (s *server) value(name, label string) float64 {
	families, err := s.metrics.Gather()
	if err != nil {
		return -1
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if label == "" || m.GetLabel()[0].GetValue() == label {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return -1
}

// waitFor polls until ok, and fails the test if that takes too long.
func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(eventually)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it did not happen in time")
		}
	}
}
