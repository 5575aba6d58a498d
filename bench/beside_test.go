//nolint:misspell // Mosquitto is a broker's name
package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// Machines differ threefold, so a figure says little without what another
// broker does on the same machine at the same time. These benchmarks run
// Rambla beside the bare engine that it is built on, and beside Mosquitto,
// every server in its own process:
//
//	go test -run '^$' -bench Beside -benchtime 1x ./bench
//
// They take about a minute each and need a machine with nothing else to do.

// engineEnv makes the test binary a bare engine that listens on the address
// that the variable holds.
const engineEnv = "RAMBLA_BENCH_ENGINE"

// serveEngine runs until its input ends, and so no longer than its parent.
func serveEngine(address string) int {
	server := mqtt.New(&mqtt.Options{Logger: slog.New(slog.DiscardHandler)})
	if err := server.AddHook(new(allowAll), nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := server.AddListener(listeners.NewTCP(listeners.Config{ID: "tcp", Address: address})); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := server.Serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // ends when the parent does
	return 0
}

// allowAll lets everybody do everything.
type allowAll struct{ mqtt.HookBase }

func (*allowAll) Provides(b byte) bool {
	return b == mqtt.OnConnectAuthenticate || b == mqtt.OnACLCheck
}

func (*allowAll) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool { return true }

func (*allowAll) OnACLCheck(*mqtt.Client, string, bool) bool { return true }

// freeAddress is one that nobody listens on just now.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start runs a server until the test ends and waits for it to answer. Its
// output is shown only when something goes wrong.
func start(tb testing.TB, cmd *exec.Cmd, ready func() error) (pid int) {
	tb.Helper()
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait() // it is told to end
	}()
	tb.Cleanup(func() {
		in.Close()
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended with its input
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill() // as above
			<-done
		}
		if tb.Failed() {
			tb.Logf("%s:\n%s", cmd.Path, output.String())
		}
	})
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready()
		if err == nil {
			return cmd.Process.Pid
		}
		select {
		case <-tick.C:
		case <-done:
			tb.Fatalf("%s ended before it was ready: %v\n%s", cmd.Path, err, output.String())
		case <-deadline:
			tb.Fatalf("%s is not ready: %v", cmd.Path, err)
		}
	}
}

func answers(address string) func() error {
	return func() error {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err
	}
}

// startEngine runs the bare engine.
func startEngine(tb testing.TB) Options {
	tb.Helper()
	own, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	address := freeAddress(tb)
	cmd := exec.CommandContext(context.Background(), own)
	cmd.Env = append(os.Environ(), engineEnv+"="+address)
	return Options{Address: address, Foreign: true, PID: start(tb, cmd, answers(address))}
}

// startMosquitto runs Debian's Mosquitto, which stores nothing here and is
// told not to drop what is on its way.
func startMosquitto(tb testing.TB) Options {
	tb.Helper()
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			tb.Skip("there is no mosquitto to compare with: apt-get install mosquitto")
		}
	}
	address := freeAddress(tb)
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		tb.Fatal(err)
	}
	config := filepath.Join(tb.TempDir(), "mosquitto.conf")
	lines := fmt.Sprintf("listener %s %s\nallow_anonymous true\npersistence false\nlog_type error\n"+
		"max_inflight_messages 0\nmax_queued_messages 0\nset_tcp_nodelay true\n", port, host)
	if err := os.WriteFile(config, []byte(lines), 0o600); err != nil {
		tb.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), program, "-c", config)
	return Options{Address: address, Foreign: true, PID: start(tb, cmd, answers(address))}
}

// startRambla builds this repository's server and runs it with an empty store.
func startRambla(tb testing.TB) Options {
	tb.Helper()
	program := filepath.Join(tb.TempDir(), "rambla")
	build := exec.CommandContext(tb.Context(), "go", "build", "-o", program, "rambla/cmd/rambla")
	if out, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("build the server: %v\n%s", err, out)
	}
	const password = "correct horse battery staple"
	broker, web, admin := freeAddress(tb), freeAddress(tb), freeAddress(tb)
	cmd := exec.CommandContext(context.Background(), program, "serve",
		"--data", tb.TempDir(), "--mqtt", broker, "--http", web, "--admin", admin, "--log-level", "warn")
	cmd.Env = append(os.Environ(), "RAMBLA_ADMIN_PASSWORD="+password)
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	pid := start(tb, cmd, func() error {
		res, err := client.Get("http://" + web + "/readyz")
		if err != nil {
			return err
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("readyz: %s", res.Status)
		}
		return nil
	})
	return Options{Address: broker, HTTP: "http://" + web, User: "admin", Password: password, PID: pid}
}

// beside puts the same load, to which shape adds what is its own, on both in
// turn, and reports the one beside the other.
func beside(b *testing.B, ours, theirs Options, load func(context.Context, Options) (Report, error), shape func(*Options)) {
	b.Helper()
	measure := func(o Options) Run {
		shape(&o)
		r, err := load(b.Context(), o)
		if err != nil {
			b.Fatal(err)
		}
		if !r.Sound() {
			b.Errorf("%s: %+v", o.Address, r)
		}
		var text bytes.Buffer
		if err := r.Print(&text); err != nil {
			b.Fatal(err)
		}
		b.Log(text.String())
		return r.Median
	}
	var our, their Run
	for b.Loop() {
		our, their = measure(ours), measure(theirs)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(our.PerSecond, "ours/s")
	b.ReportMetric(their.PerSecond, "theirs/s")
	b.ReportMetric(our.PerSecond/their.PerSecond, "rate-ratio")
	b.ReportMetric(our.ServerCPU, "ours-µs")
	b.ReportMetric(their.ServerCPU, "theirs-µs")
	b.ReportMetric(our.ServerCPU/their.ServerCPU, "cpu-ratio")
}

// BenchmarkFanoutBesideTheBareEngine compares a delivery of one post to 1,000
// subscribers.
func BenchmarkFanoutBesideTheBareEngine(b *testing.B) {
	beside(b, startRambla(b), startEngine(b), Fanout, func(o *Options) { o.Duration = 3 * time.Second })
}

// BenchmarkPublishBesideMosquitto compares an acknowledged publish. Mosquitto
// acknowledges what it has not stored.
func BenchmarkPublishBesideMosquitto(b *testing.B) {
	beside(b, startRambla(b), startMosquitto(b), Publish, func(o *Options) { o.Duration = 3 * time.Second })
}

// TestAnotherBrokerIsMeasuredByTheSameGenerator keeps the benchmarks and the
// packets honest: the bare engine is a broker that nobody here has written.
func TestAnotherBrokerIsMeasuredByTheSameGenerator(t *testing.T) {
	t.Parallel()
	for _, version := range []int{4, 5} {
		o := startEngine(t)
		o.Version, o.Runs, o.Count, o.Warmup, o.Subscribers, o.Connections = version, 1, 200, -1, 20, 3
		o.Burst = 50
		p, err := Publish(t.Context(), o)
		if err != nil || !p.Sound() || p.Median.Operations != 200 {
			t.Errorf("publish: %+v, %v", p, err)
		}
		f, err := Fanout(t.Context(), o)
		if err != nil || !f.Sound() || f.Median.Operations != 4000 {
			t.Errorf("fanout: %+v, %v", f, err)
		}
		i, err := Idle(t.Context(), Options{Address: o.Address, Foreign: true, Connections: 500, Settle: time.Millisecond, PID: o.PID})
		if err != nil || !i.Sound() || i.Median.MemoryPerConnection <= 0 {
			t.Errorf("idle: %+v, %v", i, err)
		}
	}
}
