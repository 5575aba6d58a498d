package bench

import (
	"bytes"
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestTheMedianIsOfEachFigureByItself(t *testing.T) {
	t.Parallel()
	r := Report{Runs: []Run{
		{PerSecond: 3, Latency: Latency{P99: 10}, Lost: 0, ServerMemory: 5, ServerCPU: 1.5},
		{PerSecond: 1, Latency: Latency{P99: 30}, Lost: 7, ServerMemory: 7, ServerCPU: 0.5},
		{PerSecond: 2, Latency: Latency{P99: 20}, Lost: 0, ServerMemory: 6, ServerCPU: 2.5},
	}}
	r.finish()
	want := Run{PerSecond: 2, Latency: Latency{P99: 20}, ServerMemory: 6, ServerCPU: 1.5}
	if r.Median != want {
		t.Errorf("median %+v, want %+v", r.Median, want)
	}
	if r.Sound() {
		t.Error("a loss in one run is hidden by the median")
	}
	if r.Runs[0].PerSecond != 3 {
		t.Error("the runs have been put into another order")
	}
	r.Runs = r.Runs[:2]
	if r.finish(); r.Median.PerSecond != 1 {
		t.Errorf("the median of two is %g, want the lower", r.Median.PerSecond)
	}
	var none Report
	if none.finish(); none.Median != (Run{}) {
		t.Errorf("the median of nothing is %+v", none.Median)
	}
}

func TestAReportPrintsWhatWasMeasuredAndNothingElse(t *testing.T) {
	t.Parallel()
	r := Report{
		Load: "publish", Address: "127.0.0.1:1883", MQTT: "5.0", Shape: "2 connections", Connections: 2, ConnectsPerSecond: 1000,
		Runs: []Run{
			{Operations: 10, PerSecond: 1234, Latency: Latency{P50: 1.5, P99: 2.5}, ServerCPU: 4.5, ServerCores: 0.5},
			{Operations: 10, PerSecond: 1234, Refused: 3},
		},
		Problems: []string{"3 publishes were refused: PUBACK 0x97"},
	}
	r.finish()
	var b bytes.Buffer
	if err := r.Print(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"publish  127.0.0.1:1883  MQTT 5.0  2 connections", "1234/s", "p50 1.50 p99 2.50", "server 4.50 µs each, 0.50 cores",
		"3 refused", "median", "! 3 publishes were refused: PUBACK 0x97",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, b.String())
		}
	}
	for _, unwanted := range []string{"lost", "duplicates", "resident", "generator"} {
		if strings.Contains(b.String(), unwanted) {
			t.Errorf("%q was not measured, but is in:\n%s", unwanted, b.String())
		}
	}
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	median, ok := back["median"].(map[string]any)
	if !ok || median["per_second"] != 1234.0 || median["server_memory_bytes"] != nil {
		t.Errorf("JSON %s", raw)
	}
}

func TestProgressIsWrittenOnOneLineUntilItIsFinal(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	p := progress{w: &b}
	p.status("run %d", 1)
	p.line("run %d done", 1)
	if got := b.String(); got != "\r\x1b[Krun 1\r\x1b[Krun 1 done\n" {
		t.Errorf("wrote %q", got)
	}
	(&progress{}).status("to nobody")
}

func TestTheCPUOfAProcessIsReadBehindAnyName(t *testing.T) {
	t.Parallel()
	const rest = " S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1 0 100 1000 25 18446744073709551615 1 1"
	for _, row := range []struct {
		name, line string
		want       usage
		bad        bool
	}{
		{"an ordinary name", "42 (rambla)" + rest, usage{cpu: 3 * time.Second, resident: 25 * 4096}, false},
		{"a name with brackets and blanks", "42 (a) R 9 9 (b)" + rest, usage{cpu: 3 * time.Second, resident: 25 * 4096}, false},
		{"nothing", "", usage{}, true},
		{"cut off", "42 (rambla) S 1 2", usage{}, true},
		{"no number", strings.Replace("42 (rambla)"+rest, "250", "x", 1), usage{}, true},
	} {
		got, err := parseStat([]byte(row.line), 4096)
		if got != row.want || (err != nil) != row.bad {
			t.Errorf("%s: %+v, %v; want %+v", row.name, got, err, row.want)
		}
	}
}

func TestAProcessThatIsNotThereEndsTheLoad(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc on " + runtime.GOOS)
	}
	s := newStub(t, nil)
	o := s.options()
	o.PID = 1 << 29
	if _, err := Publish(t.Context(), o); err == nil || !strings.Contains(err.Error(), "process 536870912") {
		t.Errorf("error %v", err)
	}
	o.PID = os.Getpid()
	r, err := Publish(t.Context(), o)
	if err != nil || r.Median.ServerMemory == 0 {
		t.Errorf("%+v, %v", r.Median, err)
	}
}

func TestWhatAProcessWritesAndNeedsIsWatched(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc on " + runtime.GOOS)
	}
	if n, err := writtenBy(os.Getpid()); err != nil || n < 0 {
		t.Errorf("written %d, %v", n, err)
	}
	if _, err := writtenBy(1 << 29); err == nil || !strings.Contains(err.Error(), "process 536870912") {
		t.Errorf("error %v", err)
	}
	before, err := usageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	most := watchMemory(os.Getpid())
	block := make([]byte, 64<<20)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1 // not resident before
	}
	peak, err := most()
	if err != nil || peak < before.resident+32<<20 {
		t.Errorf("peak %d, before %d, %v", peak, before.resident, err)
	}
	runtime.KeepAlive(block)
	if _, err := watchMemory(1 << 29)(); err == nil {
		t.Error("nobody's memory was watched")
	}
}

func TestMoreConnectionsThanFilesAreRefusedWithAdvice(t *testing.T) {
	t.Parallel()
	if err := allowFiles(10); err != nil {
		t.Error(err)
	}
	if runtime.GOOS == "linux" {
		// The kernel's own bound (fs.nr_open) stops even root.
		if err := allowFiles(1 << 40); err == nil || !strings.Contains(err.Error(), "ulimit -n") {
			t.Errorf("error %v", err)
		}
	}
}
