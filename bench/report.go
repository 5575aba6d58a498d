package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Report is the outcome of one load. What a load does not measure is zero and
// absent from the JSON.
type Report struct {
	Load    string `json:"load"` // the name of the load
	Address string `json:"address"`
	MQTT    string `json:"mqtt"` // 3.1.1 or 5.0
	Foreign bool   `json:"foreign,omitempty"`
	Shape   string `json:"shape"` // in words: connections, window, sizes
	Filter  string `json:"filter,omitempty"`

	Connections int `json:"connections"` // that took part
	// Window is what the server granted, which may be less than was asked for.
	Window int `json:"window,omitempty"`
	// ConnectsPerSecond and ConnectLatency tell how the connections came in.
	ConnectsPerSecond float64 `json:"connects_per_second,omitempty"`
	ConnectLatency    Latency `json:"connect_ms,omitzero"`

	Runs   []Run `json:"runs"`
	Median Run   `json:"median"` // of each figure by itself

	// Problems are sentences about what went wrong: refusals by reason,
	// connections that were lost and why.
	Problems []string `json:"problems,omitempty"`
}

// Run is one measurement.
type Run struct {
	Seconds float64 `json:"seconds"`
	// Operations are acknowledged publishes or unique deliveries; PerSecond is
	// their rate.
	Operations uint64  `json:"operations"`
	PerSecond  float64 `json:"per_second"`
	// Latency is from sending to acknowledgement (publish) or from sending to
	// receipt by a subscriber (fanout).
	Latency Latency `json:"latency_ms,omitzero"`
	// Posts that were published for the deliveries, and how many a second.
	Posts          uint64  `json:"posts,omitempty"`
	PostsPerSecond float64 `json:"posts_per_second,omitempty"`

	Refused    uint64 `json:"refused,omitempty"`
	Errors     uint64 `json:"errors,omitempty"` // connections lost, acknowledgements of nothing
	Lost       uint64 `json:"lost,omitempty"`
	Duplicates uint64 `json:"duplicates,omitempty"`
	Disordered uint64 `json:"disordered,omitempty"`
	Uninvited  uint64 `json:"uninvited,omitempty"` // deliveries to who should not get them

	// CPU per operation in microseconds, of the server (where its pid is
	// known) and of the generator.
	ServerCPU    float64 `json:"server_cpu_us,omitempty"`
	GeneratorCPU float64 `json:"generator_cpu_us,omitempty"`
	// ServerCores and GeneratorCores are how many cores each kept busy.
	ServerCores    float64 `json:"server_cores,omitempty"`
	GeneratorCores float64 `json:"generator_cores,omitempty"`
	// ServerMemory is resident at the end of the run, in bytes;
	// MemoryPerConnection what each connection has added to it.
	ServerMemory        int64 `json:"server_memory_bytes,omitempty"`
	MemoryPerConnection int64 `json:"memory_per_connection_bytes,omitempty"`
	// MemoryGrowth is the most that was resident during the run over what was
	// before it, in bytes.
	MemoryGrowth int64 `json:"memory_growth_bytes,omitempty"`
	// BytesPerPost is what the store has written for each publish.
	BytesPerPost float64 `json:"bytes_per_post,omitempty"`
	// Connects a second and how long each took, where connections come in a run;
	// Repeated are deliveries that came again after a crash, as QoS 1 allows.
	ConnectsPerSecond float64 `json:"connects_per_second,omitempty"`
	ConnectLatency    Latency `json:"connect_ms,omitzero"`
	Repeated          uint64  `json:"repeated,omitempty"`
	// CaughtUp is how long slow subscribers took to get what had waited for
	// them, and how long it took to push what had waited for the end of an outage,
	// in seconds.
	CaughtUp float64 `json:"caught_up_seconds,omitempty"`
	// MostPerStream is how many pushes a device got of one stream after an outage.
	MostPerStream uint64 `json:"most_per_stream,omitempty"`
	// Kills is how often the server was killed.
	Kills uint64 `json:"kills,omitempty"`
	// ProviderCores is how many cores the simulated push providers kept busy.
	ProviderCores float64 `json:"provider_cores,omitempty"`
}

// Latency holds quantiles in milliseconds.
type Latency struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99_9"`
	Max  float64 `json:"max"`
}

func latencyOf(h *histogram) Latency {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return Latency{
		P50: ms(h.quantile(0.50)), P99: ms(h.quantile(0.99)),
		P999: ms(h.quantile(0.999)), Max: ms(time.Duration(h.most)),
	}
}

// spend writes what a run cost; operations are those that the cost was for.
func (r *Run) spend(m *meter, elapsed time.Duration, operations uint64) error {
	server, own, resident, err := m.stop()
	if err != nil {
		return err
	}
	r.Seconds = elapsed.Seconds()
	if elapsed > 0 {
		r.PerSecond = float64(r.Operations) / r.Seconds
		r.PostsPerSecond = float64(r.Posts) / r.Seconds
		r.ServerCores = float64(server) / float64(elapsed)
		r.GeneratorCores = float64(own) / float64(elapsed)
	}
	if operations > 0 {
		r.ServerCPU = float64(server) / float64(time.Microsecond) / float64(operations)
		r.GeneratorCPU = float64(own) / float64(time.Microsecond) / float64(operations)
	}
	r.ServerMemory = resident
	return nil
}

// measure makes as many runs as the load has, and writes them and their medians
// into the report, also of those before one that failed.
func (t *target) measure(report *Report, once func(i int) (Run, []string, error)) error {
	defer report.finish()
	for i := range t.options.Runs {
		t.report.status("run %d of %d", i+1, t.options.Runs)
		run, problems, err := once(i)
		report.Problems = append(report.Problems, problems...)
		if err != nil {
			return err
		}
		report.Runs = append(report.Runs, run)
		t.report.line("run %d of %d  %s", i+1, t.options.Runs, run)
	}
	return nil
}

// finish computes the medians. A figure of an even number of runs is the lower
// of the middle two, so that it is one that was measured.
func (r *Report) finish() {
	if len(r.Runs) == 0 {
		return
	}
	real := func(f func(*Run) *float64) {
		v := make([]float64, len(r.Runs))
		for i := range r.Runs {
			v[i] = *f(&r.Runs[i])
		}
		*f(&r.Median) = median(v)
	}
	count := func(f func(*Run) *uint64) {
		v := make([]uint64, len(r.Runs))
		for i := range r.Runs {
			v[i] = *f(&r.Runs[i])
		}
		*f(&r.Median) = median(v)
	}
	size := func(f func(*Run) *int64) {
		v := make([]int64, len(r.Runs))
		for i := range r.Runs {
			v[i] = *f(&r.Runs[i])
		}
		*f(&r.Median) = median(v)
	}
	real(func(x *Run) *float64 { return &x.Seconds })
	real(func(x *Run) *float64 { return &x.PerSecond })
	real(func(x *Run) *float64 { return &x.PostsPerSecond })
	real(func(x *Run) *float64 { return &x.Latency.P50 })
	real(func(x *Run) *float64 { return &x.Latency.P99 })
	real(func(x *Run) *float64 { return &x.Latency.P999 })
	real(func(x *Run) *float64 { return &x.Latency.Max })
	real(func(x *Run) *float64 { return &x.ServerCPU })
	real(func(x *Run) *float64 { return &x.GeneratorCPU })
	real(func(x *Run) *float64 { return &x.ServerCores })
	real(func(x *Run) *float64 { return &x.GeneratorCores })
	real(func(x *Run) *float64 { return &x.BytesPerPost })
	real(func(x *Run) *float64 { return &x.ConnectsPerSecond })
	real(func(x *Run) *float64 { return &x.ConnectLatency.P50 })
	real(func(x *Run) *float64 { return &x.ConnectLatency.P99 })
	real(func(x *Run) *float64 { return &x.ConnectLatency.P999 })
	real(func(x *Run) *float64 { return &x.ConnectLatency.Max })
	real(func(x *Run) *float64 { return &x.CaughtUp })
	real(func(x *Run) *float64 { return &x.ProviderCores })
	count(func(x *Run) *uint64 { return &x.MostPerStream })
	count(func(x *Run) *uint64 { return &x.Kills })
	count(func(x *Run) *uint64 { return &x.Repeated })
	count(func(x *Run) *uint64 { return &x.Operations })
	count(func(x *Run) *uint64 { return &x.Posts })
	count(func(x *Run) *uint64 { return &x.Refused })
	count(func(x *Run) *uint64 { return &x.Errors })
	count(func(x *Run) *uint64 { return &x.Lost })
	count(func(x *Run) *uint64 { return &x.Duplicates })
	count(func(x *Run) *uint64 { return &x.Disordered })
	count(func(x *Run) *uint64 { return &x.Uninvited })
	size(func(x *Run) *int64 { return &x.ServerMemory })
	size(func(x *Run) *int64 { return &x.MemoryPerConnection })
	size(func(x *Run) *int64 { return &x.MemoryGrowth })
}

func median[T float64 | uint64 | int64](v []T) T {
	slices.Sort(v)
	return v[(len(v)-1)/2]
}

// Sound reports whether nothing was lost, repeated, disordered, refused or cut
// off in any run. A median would hide what happened once.
func (r Report) Sound() bool {
	for _, x := range r.Runs {
		if x.Refused+x.Errors+x.Lost+x.Duplicates+x.Disordered+x.Uninvited > 0 {
			return false
		}
	}
	return len(r.Problems) == 0
}

// Print writes the report for a person.
func (r Report) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  MQTT %s  %s\n", r.Load, r.Address, r.MQTT, r.Shape)
	if r.ConnectsPerSecond > 0 {
		fmt.Fprintf(&b, "%d connections at %.0f/s, each within %.1f ms (p50) %.1f ms (p99)\n",
			r.Connections, r.ConnectsPerSecond, r.ConnectLatency.P50, r.ConnectLatency.P99)
	}
	for i, x := range r.Runs {
		fmt.Fprintf(&b, "%8d  %s\n", i+1, x)
	}
	if len(r.Runs) > 1 {
		fmt.Fprintf(&b, "  median  %s\n", r.Median)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "! %s\n", p)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// String is one line with what was measured.
func (r Run) String() string {
	var b strings.Builder
	if r.Operations > 0 {
		fmt.Fprintf(&b, "%.0f/s", r.PerSecond)
		if r.Posts > 0 {
			fmt.Fprintf(&b, " (%.0f posts/s)", r.PostsPerSecond)
		}
		if r.Latency != (Latency{}) {
			fmt.Fprintf(&b, "  ms p50 %.2f p99 %.2f p99.9 %.2f max %.2f", r.Latency.P50, r.Latency.P99, r.Latency.P999, r.Latency.Max)
		}
	}
	if r.ConnectsPerSecond > 0 {
		fmt.Fprintf(&b, "  %.0f connects/s, p99 %.1f ms", r.ConnectsPerSecond, r.ConnectLatency.P99)
	}
	if r.CaughtUp > 0 {
		fmt.Fprintf(&b, "  caught up after %.2f s", r.CaughtUp)
	}
	if r.BytesPerPost > 0 {
		fmt.Fprintf(&b, "  %.0f bytes written each", r.BytesPerPost)
	}
	if r.ServerCPU > 0 {
		fmt.Fprintf(&b, "  server %.2f µs each, %.2f cores", r.ServerCPU, r.ServerCores)
	}
	if r.GeneratorCPU > 0 {
		fmt.Fprintf(&b, "  generator %.2f µs, %.2f cores", r.GeneratorCPU, r.GeneratorCores)
	}
	if r.ProviderCores > 0 {
		fmt.Fprintf(&b, "  providers %.2f cores", r.ProviderCores)
	}
	if r.ServerMemory > 0 {
		fmt.Fprintf(&b, "  resident %.1f MiB", float64(r.ServerMemory)/(1<<20))
	}
	if r.MemoryPerConnection > 0 {
		fmt.Fprintf(&b, "  %.1f KiB per connection", float64(r.MemoryPerConnection)/(1<<10))
	}
	if r.MemoryGrowth > 0 {
		fmt.Fprintf(&b, "  grew by %.1f MiB", float64(r.MemoryGrowth)/(1<<20))
	}
	for _, x := range []struct {
		n    uint64
		what string
	}{
		{r.Kills, "kills"},
		{r.MostPerStream, "at most per stream"},
		{r.Refused, "refused"},
		{r.Errors, "errors"},
		{r.Lost, "lost"},
		{r.Repeated, "repeated"},
		{r.Duplicates, "duplicates"},
		{r.Disordered, "out of order"},
		{r.Uninvited, "uninvited"},
	} {
		if x.n > 0 {
			fmt.Fprintf(&b, "  %d %s", x.n, x.what)
		}
	}
	return strings.TrimSpace(b.String())
}

// version in words.
func mqttName(version int) string {
	if version == 4 {
		return "3.1.1"
	}
	return "5.0"
}
