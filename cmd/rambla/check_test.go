package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"rambla/check"
	"rambla/storage/pgtest"
)

// longCheck is how long TestEveryPromiseHolds… runs on each store where `make
// check-long` asks for it.
const longCheck = "RAMBLA_CHECK_FOR"

func checkTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv(longCheck)
	if text == "" {
		return 15 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("%s: %v", longCheck, err)
	}
	return d
}

// ordeal is a server that is checked while it is killed and started again, in
// the same place.
type ordeal struct {
	t     *testing.T
	start start
	flags []string
	alive *instance
}

func newOrdeal(t *testing.T, path string, flags ...string) *ordeal {
	t.Helper()
	o := &ordeal{t: t, flags: flags, start: start{
		path: path, mqtt: freeAddress(t), http: freeAddress(t), env: forCheck(),
	}}
	t.Cleanup(func() {
		if o.alive != nil && o.alive.running() {
			if code := o.alive.stop(); code != 0 {
				t.Errorf("the server ended with %d\n%s", code, o.alive.logged())
			}
		}
	})
	o.begin()
	return o
}

func (o *ordeal) begin() {
	o.t.Helper()
	s, err := o.start.launch(o.flags...)
	if err != nil {
		o.t.Fatal(err)
	}
	o.alive = s
}

// kill ends the server and starts it again.
func (o *ordeal) kill() {
	o.t.Helper()
	o.alive.kill()
	o.sane()
	o.begin()
}

// sane looks for data races in what the server logged.
func (o *ordeal) sane() {
	o.t.Helper()
	if log := o.alive.logged(); strings.Contains(log, "WARNING: DATA RACE") || strings.Contains(log, "panic") {
		o.t.Errorf("the server logged\n%s", log)
	}
}

// check runs the checker, and meanwhile what happens at its times, each a part
// of the whole.
func (o *ordeal) check(options check.Options, meanwhile func(ctx context.Context)) *check.Report {
	o.t.Helper()
	options.Address, options.HTTP, options.User, options.Password = o.start.mqtt, "http://"+o.start.http, "admin", "correct horse"
	ctx, cancel := context.WithCancel(o.t.Context())
	defer cancel()
	begun, done := make(chan struct{}), make(chan struct{})
	options.Begun = func() { close(begun) }
	var report *check.Report
	var err error
	go func() {
		defer close(done)
		report, err = check.Run(ctx, options)
	}()
	select {
	case <-begun:
		meanwhile(ctx)
	case <-done:
	}
	<-done
	o.sane()
	if err != nil {
		o.t.Fatalf("%v\n%s", err, o.alive.logged())
	}
	return report
}

// freeAddress is one that nobody listens on, below the ports that the system
// hands out: else a client that dials the server while it is away might be given
// its port, and even connect to itself.
func freeAddress(t interface{ Fatal(reason ...any) }) string {
	for port := 20_000 + os.Getpid()%7_000; port < 32_000; port++ {
		address := fmt.Sprintf("127.0.0.1:%d", port)
		if _, used := taken.LoadOrStore(address, true); used {
			continue
		}
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// taken are the addresses that tests of this process have been given.
var taken sync.Map

func TestEveryPromiseHoldsWhileTheServerIsKilledAndTheDatabaseRestarted(t *testing.T) {
	t.Parallel()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	options := check.Options{For: checkTime(t), Clients: 40, Disturb: true, Patience: 20 * time.Second}
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		o := newOrdeal(t, path, "--data", t.TempDir())
		hold(t, o, options, nil)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		db := pgtest.Private(t)
		o := newOrdeal(t, path, "--data", t.TempDir(), "--database", db.URL())
		hold(t, o, options, db)
	})
}

// hold kills the server at a quarter and at three quarters of each 15 s, and
// restarts its database between.
func hold(t *testing.T, o *ordeal, options check.Options, db *pgtest.Server) {
	t.Helper()
	report := o.check(options, func(ctx context.Context) {
		const round = 15 * time.Second
		for begun := time.Now(); time.Since(begun)+round <= options.For+time.Second; {
			pause(ctx, round/4)
			o.kill()
			pause(ctx, round/4)
			if db != nil {
				if err := db.Kill(); err != nil {
					t.Error(err)
				}
				pause(ctx, 500*time.Millisecond)
				if err := db.Restart(ctx); err != nil {
					t.Error(err)
				}
			}
			pause(ctx, round/4)
			o.kill()
			pause(ctx, round/8)
		}
	})
	tell(t, report)
	if !report.Sound() {
		t.Errorf("%d kinds of promises were not kept", len(report.Broken))
	}
	if report.Refusals == 0 || report.Resumed == 0 || report.Repeats == 0 || report.Changes < 4 || report.Acknowledged < 200 {
		t.Error("too little happened to prove anything")
	}
	verify(t, o.flags)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// tell shows a report where the test fails or is verbose.
func tell(t *testing.T, r *check.Report) {
	t.Helper()
	var text strings.Builder
	if err := r.Print(&text); err != nil {
		t.Error(err)
	}
	for i := 1; i < len(r.Offences); i++ {
		text.WriteString("\n")
		if err := r.Offences[i].Print(&text); err != nil {
			t.Error(err)
		}
	}
	t.Log(text.String())
}

func TestTheCheckCommandStartsAServerAndReports(t *testing.T) {
	t.Parallel()
	out, errOut, code := rambla(t, "check", "--self", "--for", "2s", "--clients", "12", "--json")
	var report check.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitOK {
		t.Fatalf("exit %d, %v\n%s\n%s", code, err, out, errOut)
	}
	if report.Clients != 12 || report.Deliveries == 0 || !report.Sound() {
		t.Errorf("%+v", report)
	}
}

func TestTheCheckCommandFailsWhereItCannotCheck(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		args []string
		want string
	}{
		{"too long", []string{"--for", "2h"}, "45m"},
		{"nobody there", []string{"--http", "http://127.0.0.1:1"}, "connection refused"},
		{"of another name", []string{"--self", "--user", "alice"}, "--self"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			file := t.TempDir() + "/password"
			writeFile(t, file, "secret\n")
			_, errOut, code := rambla(t, append([]string{"check", "--password-file", file}, row.args...)...)
			if code == exitOK || !strings.Contains(errOut, row.want) {
				t.Errorf("exit %d: %s", code, errOut)
			}
		})
	}
}
