package bench

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Connect lets o.Connections connections in, some at once, and measures how many
// a second are let in and how long each takes; with o.Durable into sessions
// that outlive them, which are there already in every run but the warm-up.
// Besides what all loads use it reads Connections, Durable, PerPerson and Topic.
// A report comes with an error when a run was cut short.
func Connect(ctx context.Context, o Options) (Report, error) {
	o = o.withDefaults(5000, 1, 1)
	if err := o.validate(); err != nil {
		return Report{}, err
	}
	o.MemberOf = o.Contexts
	t, err := openRegulars(ctx, o, o.Connections)
	if err != nil {
		return Report{}, err
	}
	r := &regulars{target: t, role: "c"}
	report, err := connectTo(ctx, o, r)
	return report, errors.Join(err, r.remove(ctx), t.close(ctx))
}

func connectTo(ctx context.Context, o Options, r *regulars) (report Report, err error) {
	kind := "clean sessions"
	c := r.crowd(0, o.Connections)
	if o.Durable {
		kind = "sessions that are there"
		if _, err := r.add(ctx, o.Connections); err != nil {
			return report, err
		}
	} else {
		c.expiry = 0
	}
	report = Report{
		Load: "connect", Address: o.Address, MQTT: mqttName(o.Version), Foreign: o.Foreign, Connections: o.Connections,
		Shape: fmt.Sprintf("%d connections, %s", o.Connections, kind),
	}
	warm := 0
	if o.Warmup > 0 {
		warm = 1
	}
	for i := range o.Runs + warm {
		run, problems, err := connectOnce(ctx, o, r.target, c)
		if err != nil {
			report.finish()
			return report, err
		}
		if i < warm {
			continue
		}
		report.Problems = append(report.Problems, problems...)
		report.Runs = append(report.Runs, run)
		r.target.report.line("run %d of %d  %s", i+1-warm, o.Runs, run)
	}
	report.finish()
	return report, nil
}

// connectOnce lets everybody in, looks whether all are still there, and ends them.
func connectOnce(ctx context.Context, o Options, t *target, c crowd) (run Run, problems []string, err error) {
	a, err := newAudience(newClock(), t.load, len(t.topics), t.follow)
	if err != nil {
		return run, nil, err
	}
	defer a.close()
	m, err := newMeter(o.PID)
	if err != nil {
		return run, nil, err
	}
	var fresh atomic.Uint64
	begin := time.Now()
	joined, err := t.connect(ctx, c, func(_ int, w *wire) error {
		if c.expiry > 0 && !w.granted.present {
			fresh.Add(1)
		}
		return a.join(w, []int{}, false)
	})
	if err != nil {
		return run, nil, err
	}
	run.Operations, run.Latency = joined.latency.total, latencyOf(&joined.latency)
	if err := run.spend(m, time.Since(begin), run.Operations); err != nil {
		return run, nil, err
	}
	if err := a.settle(ctx, o.Patience); err != nil {
		return run, nil, err
	}
	problems = forgottenProblem(fresh.Load())
	if n, why := a.broken(); n > 0 {
		run.Errors = uint64(n)
		problems = append(problems, fmt.Sprintf("%d connections were cut off, the first by: %v", n, why))
	}
	return run, problems, nil
}
