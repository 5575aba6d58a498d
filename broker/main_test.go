package broker_test

import (
	"context"
	"log/slog"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"rambla/broker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a broker that serves on a loopback port, and what it stands on.
type server struct {
	*broker.Broker
	site    *site
	addr    string
	url     string // of the WebSocket
	metrics *prometheus.Registry
	stop    func() // ends Serve and waits for it
}

// serve runs a broker for a test; everything is stopped and waited for at its end.
func serve(t testing.TB, config broker.Config) *server {
	t.Helper()
	site := newSite()
	reg := prometheus.NewRegistry()
	b, err := broker.New(config, site, slog.New(slog.NewTextHandler(testWriter{t}, nil)), reg)
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
		Broker: b, site: site, addr: l.Addr().String(), url: "ws" + web.URL[len("http"):], metrics: reg,
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
	}
	t.Cleanup(s.stop)
	return s
}

// testWriter sends the log to the test.
type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p)
	return len(p), nil
}
