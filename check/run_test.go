package check

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// forgetful is a server that says yes to all over REST, remembers nothing, and
// ends every connection of MQTT.
func forgetful(t *testing.T) (o Options, requests *atomic.Int64) {
	t.Helper()
	requests = &atomic.Int64{}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch n := requests.Add(1); {
		case strings.HasSuffix(r.URL.Path, "/token"):
			fmt.Fprint(w, `{"access_token":"t"}`)
		case r.Method == http.MethodGet:
			fmt.Fprint(w, `{"items":[]}`)
		default:
			w.WriteHeader(http.StatusCreated)
			fmt.Fprintf(w, `{"id":"id-%d","seq":%d}`, n, n)
		}
	}))
	t.Cleanup(web.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return Options{
		Address: l.Addr().String(), HTTP: web.URL, User: "admin", Password: "secret",
		For: 300 * time.Millisecond, Clients: 12, Seed: 1, Patience: 200 * time.Millisecond,
	}, requests
}

func TestAServerThatForgetsEverythingIsFoundOut(t *testing.T) {
	t.Parallel()
	o, _ := forgetful(t)
	began := false
	o.Begun = func() { began = true }
	report, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if !began || report.Refusals == 0 || report.Acknowledged == 0 || report.Connections != 0 {
		t.Errorf("%+v", report)
	}
	if report.Sound() || report.Broken["acknowledged but absent"] != report.Acknowledged || report.Broken["not committed yet"] == 0 {
		t.Errorf("broken: %v", report.Broken)
	}
}

func TestACheckEndsWithItsContext(t *testing.T) {
	t.Parallel()
	o, requests := forgetful(t)
	o.For = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	o.Begun = cancel
	if report, err := Run(ctx, o); err == nil {
		t.Errorf("a report without a run: %+v", report)
	}
	if n := requests.Load(); n < 20 { // what was made was removed all the same
		t.Errorf("only %d requests", n)
	}
}

func TestWhatCannotBeCheckedIsRefused(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{For: time.Hour}, {For: -1}, {Clients: -1}, {Clients: 5000}, {Patience: -1}} {
		if _, err := Run(t.Context(), o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
