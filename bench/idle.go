package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Idle opens o.Connections connections that subscribe and then do nothing, and
// measures what each has added to the server's resident memory (o.PID) and how
// fast they came in. There is one run, as a server keeps what it has once
// grown to; so the server should have been started for it. Besides what all loads use it reads Connections, Topic, Filter and
// Settle.
func Idle(ctx context.Context, o Options) (Report, error) {
	o = o.withDefaults(10_000, 1, 1)
	if err := o.validate(); err != nil {
		return Report{}, err
	}
	t, err := openTarget(ctx, o, 0)
	if err != nil {
		return Report{}, err
	}
	report, err := idleAt(ctx, o, t)
	return report, errors.Join(err, t.close(ctx))
}

func idleAt(ctx context.Context, o Options, t *target) (Report, error) {
	filters := t.topics
	if o.Filter != "" {
		filters = []string{o.Filter}
	}
	report := Report{
		Load: "idle", Address: o.Address, MQTT: mqttName(o.Version), Foreign: o.Foreign,
		Filter: o.Filter, Connections: o.Connections,
		Shape: fmt.Sprintf("%d connections, subscribed and idle for %s", o.Connections, o.Settle),
	}
	a, err := newAudience(newClock(), t.load, len(t.topics), t.follow)
	if err != nil {
		return report, err
	}
	defer a.close()
	keep := uint16(keepAlive)
	join := func(i int, w *wire) error {
		if err := w.subscribe(ctx, filters, 1); err != nil {
			w.Close()
			return err
		}
		return a.join(w, nil, false)
	}
	// The first connection pays for what a server sets up once.
	if _, err := t.connect(ctx, crowd{role: "first", n: 1, who: t.credential}, func(i int, w *wire) error {
		if w.granted.keepAlive > 0 {
			keep = w.granted.keepAlive
		}
		return join(i, w)
	}); err != nil {
		return report, err
	}
	before, err := usageOf(o.PID)
	if err != nil {
		return report, err
	}
	m, err := newMeter(o.PID)
	if err != nil {
		return report, err
	}
	begin := time.Now()
	joined, err := t.connect(ctx, crowd{role: "s", n: o.Connections, who: t.credential}, join)
	if err != nil {
		return report, err
	}
	joined.tell(&report)
	t.report.status("%d connections; waiting for %s", o.Connections, o.Settle)
	if err := rest(ctx, o.Settle, time.Duration(keep)*time.Second/2, func() { a.ping() }); err != nil {
		return report, err
	}
	var run Run
	if err := run.spend(m, time.Since(begin), 0); err != nil {
		return report, err
	}
	if o.PID > 0 {
		run.MemoryPerConnection = (run.ServerMemory - before.resident) / int64(o.Connections)
	}
	if n, why := a.broken(); n > 0 {
		run.Errors = uint64(n)
		report.Problems = append(report.Problems, fmt.Sprintf("%d connections were cut off, the first by: %v", n, why))
	}
	report.Runs = []Run{run}
	report.finish()
	t.report.line("%s", run)
	return report, nil
}

// rest waits for d and calls ping every so often.
func rest(ctx context.Context, d, every time.Duration, ping func()) error {
	end := time.NewTimer(d)
	defer end.Stop()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-end.C:
			return nil
		case <-tick.C:
			ping()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
