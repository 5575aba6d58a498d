package main

import (
	"encoding/json"
	"strings"
	"testing"

	"rambla/bench"
	"rambla/storage/pgtest"
)

// measure runs a load on a server of its own.
func measure(t *testing.T, report any, args string, flags ...string) {
	t.Helper()
	stdout, stderr, code := rambla(t, append(strings.Fields("bench "+args+" --self --json --runs 1"), flags...)...)
	if err := json.Unmarshal([]byte(stdout), report); code != exitOK || err != nil {
		t.Fatalf("bench %s: %d, %v\n%s%s", args, code, err, stdout, stderr)
	}
}

func TestBenchMeasuresSessionsOfAServerOfItsOwn(t *testing.T) {
	t.Parallel()
	t.Run("that come back", func(t *testing.T) {
		t.Parallel()
		var r bench.Report
		measure(t, &r, "catchup --sessions 6 --per-person 3 --count 30 --settle 100ms")
		if run := r.Median; run.Operations != 6*30 || run.ServerMemory == 0 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("that come back at once after a kill", func(t *testing.T) {
		t.Parallel()
		var r bench.Report
		measure(t, &r, "storm --kill --sessions 6 --per-person 3 --contexts 3 --member-of 2 --within 300ms --rate 50")
		if run := r.Median; run.Operations == 0 || run.Lost+run.Disordered > 0 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("some of which are slow", func(t *testing.T) {
		t.Parallel()
		var r bench.Slowness
		measure(t, &r, "slow --subscribers 6 --slow 2 --rate 50 --stall 1s --duration 500ms --receive-maximum 4")
		if r.Resumed.Median.CaughtUp == 0 || !r.Sound() {
			t.Errorf("%+v", r)
		}
	})
	for store, flags := range map[string][]string{"the embedded store": nil, "PostgreSQL": {"--database", pgtest.Database(t)}} {
		t.Run("that stay away, in "+store, func(t *testing.T) {
			t.Parallel()
			var r bench.Absence
			measure(t, &r, "absent --sessions 12 --per-person 4 --count 300 --settle 100ms", flags...)
			if len(r.Stages) != 3 || r.RateRatio == 0 || store == "PostgreSQL" && r.BytesRatio == 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestBenchReadsListsOfAServerOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, list := range bench.Lists() {
		t.Run(list, func(t *testing.T) {
			t.Parallel()
			var r bench.Report
			measure(t, &r, "read --list "+list+" --connections 2 --contexts 3 --member-of 2 --fill 30 --rate 40 --duration 500ms")
			if run := r.Median; run.Operations != 20 || run.Errors > 0 || run.Latency.P99 == 0 || len(r.Problems) > 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestBenchPushesFromAServerOfItsOwn(t *testing.T) {
	t.Parallel()
	const few = "push --people 6 --member-of 2 --members 4 --rate 30 --latency 5ms --linger 300ms"
	for store, flags := range map[string][]string{"the embedded store": nil, "PostgreSQL": {"--database", pgtest.Database(t)}} {
		t.Run("from "+store, func(t *testing.T) {
			t.Parallel()
			var r bench.Report
			measure(t, &r, few, flags...)
			if run := r.Median; run.Operations != 12 || run.Posts != 3 || run.Latency.P50 < 2000 || run.ServerMemory == 0 || run.ServerCPU == 0 {
				t.Errorf("%+v", r)
			}
		})
	}
	t.Run("once for each context after an outage", func(t *testing.T) {
		t.Parallel()
		var r bench.Report
		measure(t, &r, few+" --outage 1s")
		if run := r.Median; run.Operations != 12 || run.Posts != 7 || run.MostPerStream != 1 || run.CaughtUp == 0 {
			t.Errorf("%+v", r)
		}
	})
}

func TestBenchPushSaysWhatItNeeds(t *testing.T) {
	t.Parallel()
	for name, args := range map[string]string{
		"providers":                  "--user admin",
		"no others than its own":     "--self --providers http://127.0.0.1:1",
		"people enough for the rate": "--self --people 10 --members 10 --member-of 40 --rate 400",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, stderr, code := rambla(t, strings.Fields("bench push "+args)...); code == exitOK || stderr == "" {
				t.Errorf("%d: %s", code, stderr)
			}
		})
	}
}
