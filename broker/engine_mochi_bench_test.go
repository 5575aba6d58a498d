package broker_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/prometheus/client_golang/prometheus"

	"rambla/broker"
)

// The comparison runs each server in a process of its own, so that its CPU time
// can be told from that of the 1,000 clients, which are the same for both.
const childVariable = "RAMBLA_BROKER_BENCH_CHILD"

// child serves until its standard input ends, and answers each line there with
// its CPU time, resident memory and allocations so far.
func child(kind string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	quiet := slog.New(slog.DiscardHandler)
	web := "-"
	switch kind {
	case "rambla":
		site := newSite()
		b, err := broker.New(broker.Config{}, broker.Deps{Gate: site, Backlog: site.log, Sessions: site.store, Logger: quiet, Metrics: prometheus.NewRegistry()})
		if err != nil {
			panic(err)
		}
		site.broker = b
		go func() { _ = b.Serve(ctx, l) }() // ends with the process
		web = httptest.NewServer(b.Handler()).Listener.Addr().String()
	case "mochi":
		caps := mochi.NewDefaultServerCapabilities()
		caps.MaximumClientWritesPending = 1 << 16
		caps.ReceiveMaximum = 1024
		s := mochi.New(&mochi.Options{Capabilities: caps, Logger: quiet})
		if err := s.AddHook(new(allowAll), nil); err != nil {
			panic(err)
		}
		if err := s.AddListener(listeners.NewNet("t", l)); err != nil {
			panic(err)
		}
		go func() { _ = s.Serve() }() // ends with the process
	}
	fmt.Fprintln(os.Stdout, l.Addr(), web)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if in.Text() == "gc" {
			debug.FreeOSMemory()
		}
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			panic(err)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		status, _ := os.ReadFile("/proc/self/statm") // empty where there is no such file
		pages := 0
		if f := strings.Fields(string(status)); len(f) > 1 {
			pages, _ = strconv.Atoi(f[1])
		}
		fmt.Fprintln(os.Stdout, u.Utime.Nano()+u.Stime.Nano(), pages*os.Getpagesize(), m.Mallocs, m.TotalAlloc)
	}
}

// allowAll lets everybody do everything on the bare engine.
type allowAll struct{ mochi.HookBase }

func (*allowAll) ID() string { return "allow-all" }

func (*allowAll) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck
}

func (*allowAll) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }

func (*allowAll) OnACLCheck(*mochi.Client, string, bool) bool { return true }

// process is a child as its parent sees it.
type process struct {
	addr string
	web  string // of the WebSocket; "-" where there is none
	in   io.Writer
	out  *bufio.Scanner
}

func startChild(b *testing.B, kind string) *process {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+kind)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			b.Error(err)
		}
	})
	p := &process{in: in, out: bufio.NewScanner(out)}
	if _, err := fmt.Sscan(p.line(b), &p.addr, &p.web); err != nil {
		b.Fatal(err)
	}
	return p
}

func (p *process) line(b *testing.B) string {
	if !p.out.Scan() {
		b.Fatal("the server's process ended")
	}
	return p.out.Text()
}

type usage struct {
	cpu                       time.Duration
	resident, mallocs, memory int64
}

func (p *process) usage(b *testing.B, command string) (u usage) {
	b.Helper()
	fmt.Fprintln(p.in, command)
	if _, err := fmt.Sscan(p.line(b), &u.cpu, &u.resident, &u.mallocs, &u.memory); err != nil {
		b.Fatal(err)
	}
	return u
}

// loadClient is a client that costs little: it counts and acknowledges what it
// gets and looks at nothing else.
type loadClient struct {
	nc  net.Conn
	got *atomic.Int64
}

func dialLoad(b *testing.B, addr, id, name string, got *atomic.Int64) *loadClient {
	b.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { nc.Close() })
	c := &loadClient{nc: nc, got: got}
	body := append([]byte{0, 4, 'M', 'Q', 'T', 'T', 4, 0xC2, 0, 0}, str(id)...)
	body = append(append(body, str(name)...), str(name)...)
	c.write(b, packet(0x10, body))
	c.expect(b, 4)
	return c
}

func (c *loadClient) write(b *testing.B, p []byte) {
	if _, err := c.nc.Write(p); err != nil {
		b.Error(err)
	}
}

func (c *loadClient) expect(b *testing.B, n int) {
	b.Helper()
	if _, err := io.ReadFull(c.nc, make([]byte, n)); err != nil {
		b.Fatal(err)
	}
}

// run counts PUBLISH and PUBACK packets until the connection ends; it
// acknowledges the former.
func (c *loadClient) run() {
	buf := make([]byte, 64<<10)
	var acks []byte
	have := 0
	for {
		n, err := c.nc.Read(buf[have:])
		if err != nil {
			return
		}
		have += n
		at, count := 0, int64(0)
		acks = acks[:0]
		for {
			remaining, used := binary.Uvarint(buf[min(at+1, have):have])
			if used <= 0 || at+1+used+int(remaining) > have {
				break
			}
			body := buf[at+1+used : at+1+used+int(remaining)]
			switch buf[at] >> 4 {
			case 3:
				count++
				if buf[at]&6 != 0 {
					skip := 2 + int(binary.BigEndian.Uint16(body))
					acks = append(acks, 0x40, 2, body[skip], body[skip+1])
				}
			case 4:
				count++
			}
			at += 1 + used + int(remaining)
		}
		have = copy(buf, buf[at:have])
		if len(acks) > 0 {
			if _, err := c.nc.Write(acks); err != nil {
				return
			}
		}
		c.got.Add(count)
	}
}

func await(b *testing.B, got *atomic.Int64, want int64) {
	b.Helper()
	tick := time.NewTicker(200 * time.Microsecond)
	defer tick.Stop()
	for deadline := time.Now().Add(2 * time.Minute); got.Load() < want; <-tick.C {
		if time.Now().After(deadline) {
			b.Fatalf("%d of %d arrived", got.Load(), want)
		}
	}
}

const subscribers, payloadSize = 1000, 256

// BenchmarkFanout1to1000 publishes bursts at QoS 1 to 1,000 subscribers at
// QoS 1. One operation is one delivery.
func BenchmarkFanout1to1000(b *testing.B) {
	for _, c := range []struct{ name, kind, filter string }{
		{"rambla", "rambla", "/ctx/lobby/messages"},
		{"rambla-wildcard", "rambla", "/ctx/+/messages"},
		{"mochi", "mochi", "/ctx/lobby/messages"},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := startChild(b, c.kind)
			var delivered, acked atomic.Int64
			var clients sync.WaitGroup
			b.Cleanup(clients.Wait) // after the clients were closed
			for i := range subscribers {
				s := dialLoad(b, p.addr, "s"+strconv.Itoa(i), "bob", &delivered)
				s.write(b, packet(0x82, append([]byte{0, 1}, append(str(c.filter), 1)...)))
				s.expect(b, 5)
				clients.Go(s.run)
			}
			publisher := dialLoad(b, p.addr, "p", "alice", &acked)
			clients.Go(publisher.run)
			posts := max(1, b.N/subscribers)
			burst := 500
			before := p.usage(b, "gc")
			b.ResetTimer()
			for sent := 0; sent < posts; {
				n := min(burst, posts-sent)
				var out []byte
				for range n {
					sent++
					out = append(out, publish(1, uint16(sent%60000+1), "/ctx/lobby/messages", strings.Repeat("x", payloadSize))...)
				}
				publisher.write(b, out)
				await(b, &acked, int64(sent))
				await(b, &delivered, int64(sent)*subscribers)
			}
			b.StopTimer()
			after := p.usage(b, "")
			n := float64(posts * subscribers)
			b.ReportMetric(float64((after.cpu-before.cpu).Nanoseconds())/n, "server-ns/delivery")
			b.ReportMetric(float64(after.mallocs-before.mallocs)/n, "server-allocs/delivery")
			b.ReportMetric(n/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}

// BenchmarkInboundQoS1 publishes on one connection with 512 unacknowledged.
func BenchmarkInboundQoS1(b *testing.B) {
	for _, kind := range []string{"rambla", "mochi"} {
		b.Run(kind, func(b *testing.B) {
			p := startChild(b, kind)
			var acked atomic.Int64
			var clients sync.WaitGroup
			b.Cleanup(clients.Wait) // after the client was closed
			c := dialLoad(b, p.addr, "p", "alice", &acked)
			clients.Go(c.run)
			payload := strings.Repeat("x", payloadSize)
			before := p.usage(b, "gc")
			b.ResetTimer()
			for sent := 0; sent < b.N; {
				await(b, &acked, int64(sent-448))
				var out []byte
				for range min(64, b.N-sent) {
					sent++
					out = append(out, publish(1, uint16(sent%60000+1), "/ctx/lobby/messages", payload)...)
				}
				c.write(b, out)
			}
			await(b, &acked, int64(b.N))
			b.StopTimer()
			after := p.usage(b, "")
			b.ReportMetric(float64((after.cpu-before.cpu).Nanoseconds())/float64(b.N), "server-ns/publish")
			b.ReportMetric(float64(after.mallocs-before.mallocs)/float64(b.N), "server-allocs/publish")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "publishes/s")
		})
	}
}

// BenchmarkIdleConnections reports the resident memory per idle subscribed
// connection.
func BenchmarkIdleConnections(b *testing.B) {
	for _, c := range []struct{ name, kind, transport string }{
		{"rambla", "rambla", "tcp"}, {"rambla-ws", "rambla", "ws"}, {"mochi", "mochi", "tcp"},
	} {
		b.Run(c.name, func(b *testing.B) {
			const n = 2000
			p := startChild(b, c.kind)
			s := &server{addr: p.addr, url: "ws://" + p.web}
			before := p.usage(b, "gc")
			for i := range n {
				s.client(b, 4, c.transport, "bob", strconv.Itoa(i)).subscribe("/ctx/lobby/messages", 1)
			}
			after := p.usage(b, "gc")
			b.ReportMetric(float64(after.resident-before.resident)/n, "resident-bytes/connection")
			b.ReportMetric(0, "ns/op")
		})
	}
}
