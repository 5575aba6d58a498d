package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPublishCountsWhatIsAcknowledged(t *testing.T) {
	t.Parallel()
	for _, version := range []int{4, 5} {
		for _, isJSON := range []bool{false, true} {
			t.Run(fmt.Sprintf("version %d, JSON %v", version, isJSON), func(t *testing.T) {
				t.Parallel()
				s := newStub(t, nil)
				o := s.options()
				o.Version, o.JSON, o.Count = version, isJSON, 1003 // not divisible by the connections
				r, err := Publish(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				if len(r.Runs) != 2 || r.Runs[0].Operations != 1003 || r.Runs[1].Operations != 1003 || s.publishes != 2006 {
					t.Errorf("%d runs, %+v, and the server saw %d", len(r.Runs), r.Runs, s.publishes)
				}
				m := r.Median
				if m.PerSecond <= 0 || m.Latency.P50 <= 0 || m.Latency.P99 < m.Latency.P50 || m.Latency.Max < m.Latency.P999 {
					t.Errorf("median %+v", m)
				}
				if !r.Sound() || r.Connections != 4 || r.Window != 64 || r.ConnectsPerSecond <= 0 {
					t.Errorf("report %+v", r)
				}
				if isJSON && (len(s.keys) != 2006 || s.repeatKeys != 0) {
					t.Errorf("%d keys, %d of them again", len(s.keys), s.repeatKeys)
				}
			})
		}
	}
}

func TestPublishEndsAfterItsTime(t *testing.T) {
	t.Parallel()
	s := newStub(t, nil)
	o := s.options()
	o.Count, o.Duration, o.Warmup = 0, 200*time.Millisecond, 50*time.Millisecond
	begin := time.Now()
	r, err := Publish(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < 450*time.Millisecond {
		t.Errorf("two runs and a warm-up took %s", took)
	}
	if len(r.Runs) != 2 || r.Runs[0].Seconds != 0.2 || r.Runs[0].Operations == 0 {
		t.Errorf("runs %+v", r.Runs)
	}
	if sum := r.Runs[0].Operations + r.Runs[1].Operations; sum >= uint64(s.publishes) {
		t.Errorf("%d publishes are reported of the %d that the server saw, the warm-up among them", sum, s.publishes)
	}
}

func TestTheWindowIsFullAndNeverMore(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name           string
		asked, granted int
		want           int
	}{
		{"one", 1, 0, 1},
		{"as asked", 16, 0, 16},
		{"what the server grants is less", 64, 5, 5},
		{"what the server grants is more", 16, 1000, 16},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			// A server that waits for a full window would wait for ever, and one
			// that gets more tells.
			s := newStub(t, func(s *stub) { s.holdAcks, s.receiveMaximum = row.want, row.granted })
			o := s.options()
			o.Connections, o.Window, o.Count = 2, row.asked, 4*row.want
			r, err := Publish(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if s.mostHeld != row.want || r.Window != row.want {
				t.Errorf("%d were unacknowledged at once, the report says %d; want %d", s.mostHeld, r.Window, row.want)
			}
		})
	}
}

func TestRefusedPublishesAreNotAcknowledged(t *testing.T) {
	t.Parallel()
	for version, reason := range map[int]string{4: "told on the errors topic", 5: "PUBACK 0x97"} {
		t.Run(mqttName(version), func(t *testing.T) {
			t.Parallel()
			s := newStub(t, func(s *stub) {
				s.ack = func(n int) (byte, bool) {
					if n%10 == 0 {
						return 0x97, true
					}
					return 0, true
				}
			})
			o := s.siteOptions()
			o.Version = version
			r, err := Publish(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			for _, run := range r.Runs {
				if run.Operations != 180 || run.Refused != 20 {
					t.Errorf("%d acknowledged, %d refused; want 180, 20", run.Operations, run.Refused)
				}
			}
			if r.Sound() || !slices.ContainsFunc(r.Problems, func(p string) bool { return strings.Contains(p, reason) }) {
				t.Errorf("sound %v, problems %q", r.Sound(), r.Problems)
			}
		})
	}
}

func TestPublishSpreadsOverContextsAndRemovesThem(t *testing.T) {
	t.Parallel()
	s := newStub(t, nil)
	o := s.siteOptions()
	o.Contexts = 3
	r, err := Publish(t.Context(), o)
	if err != nil || !r.Sound() {
		t.Fatalf("%+v, %v", r, err)
	}
	if left := s.leftBehind(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	made := 0
	for _, line := range s.requests {
		if line == "POST /v1/contexts" {
			made++
		}
	}
	if made != 3 {
		t.Errorf("%d contexts were made, want 3", made)
	}
	for _, h := range s.hellos {
		if h.user != "admin" || h.password != "access" {
			t.Errorf("%+v did not come in by the token", h)
		}
	}
}

func TestAServerThatStopsAnsweringEndsTheRun(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(s *stub) { s.ack = func(n int) (byte, bool) { return 0, n < 50 } })
	o := s.options()
	o.Patience = 100 * time.Millisecond
	r, err := Publish(t.Context(), o)
	if !errors.Is(err, errStalled) {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAConnectionThatIsCutEndsTheRun(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(s *stub) { s.cutAfter = 20 })
	_, err := Publish(t.Context(), s.options())
	if err == nil || !strings.Contains(err.Error(), "4 of 4 connections were lost") {
		t.Errorf("error %v", err)
	}
}

func TestACancelEndsALoadAndRemovesWhatItMade(t *testing.T) {
	t.Parallel()
	for name, load := range map[string]func(context.Context, Options) error{
		"publish": func(ctx context.Context, o Options) error { _, err := Publish(ctx, o); return err },
		"fanout":  func(ctx context.Context, o Options) error { _, err := Fanout(ctx, o); return err },
		"paced":   func(ctx context.Context, o Options) error { o.Rate = 20; _, err := Fanout(ctx, o); return err },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			enough := errors.New("enough")
			s := newStub(t, func(s *stub) {
				s.ack = func(n int) (byte, bool) {
					if n == 3 {
						cancel(enough)
					}
					return 0, true
				}
			})
			o := s.siteOptions()
			o.Count, o.Duration = 0, time.Minute
			begin := time.Now()
			err := load(ctx, o)
			if !errors.Is(err, enough) || time.Since(begin) > 20*time.Second {
				t.Errorf("after %s: %v", time.Since(begin), err)
			}
			if left := s.leftBehind(); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestOptionsThatCannotBeAreRefusedByName(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Options){
		"connections is -1":      func(o *Options) { o.Connections = -1 },
		"connections is 20000":   func(o *Options) { o.Connections = 20000 },
		"window is 5000":         func(o *Options) { o.Window = 5000 },
		"payload is 10":          func(o *Options) { o.Payload = 10 },
		"payload is 60":          func(o *Options) { o.JSON, o.Payload = true, 60 },
		"version is 3":           func(o *Options) { o.Version = 3 },
		"duration is 1h0m0s":     func(o *Options) { o.Duration = time.Hour },
		"runs is 101":            func(o *Options) { o.Runs = 101 },
		"rate is -1":             func(o *Options) { o.Rate = -1 },
		"a plain topic":          func(o *Options) { o.Topic = "a/#" },
		"address: ":              func(o *Options) { o.Address = "localhost" },
		"user and password":      func(o *Options) { o.Foreign = false },
		"subscribers × contexts": func(o *Options) { o.Subscribers, o.Contexts = 100_000, 10_000 },
	} {
		o := Options{Address: "127.0.0.1:1", Foreign: true}
		change(&o)
		if _, err := Publish(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
