package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// maxPublishers keeps every publisher's keys apart: a stamp has 16 bits for it.
const maxPublishers = 10_000

// connectsAtOnce bounds the connections being made at the same time.
const connectsAtOnce = 64

// waitingAtOnce is the same for those of which each waits for a commit or for
// its turn, more than for the processor.
const waitingAtOnce = 256

// Publish keeps o.Connections connections busy, each with o.Window
// unacknowledged QoS 1 publishes, and measures how many are acknowledged.
// Besides what all loads use it reads Connections, Window, Payload, JSON,
// Contexts and Topic. A report comes with an error when a run was cut short.
func Publish(ctx context.Context, o Options) (Report, error) {
	o = o.withDefaults(8, 1, 1)
	if err := o.validate(); err != nil {
		return Report{}, err
	}
	if o.Connections > maxPublishers {
		return Report{}, fmt.Errorf("connections is %d; at most %d can publish", o.Connections, maxPublishers)
	}
	t, err := openTarget(ctx, o, 0)
	if err != nil {
		return Report{}, err
	}
	report, err := publishTo(ctx, o, t)
	return report, errors.Join(err, t.close(ctx))
}

func publishTo(ctx context.Context, o Options, t *target) (Report, error) {
	kind := "text"
	if o.JSON {
		kind = "JSON"
	}
	report := Report{
		Load: "publish", Address: o.Address, MQTT: mqttName(o.Version), Foreign: o.Foreign, Connections: o.Connections,
	}
	c := newClock()
	publishers := make([]*publisher, o.Connections)
	defer func() {
		for _, p := range publishers {
			if p != nil {
				p.wire.bye()
			}
		}
	}()
	joined, err := t.connect(ctx, crowd{role: "p", n: o.Connections, who: t.credential}, func(i int, w *wire) error {
		p := newPublisher(w, c, o.Window, o.Patience, t.load)
		publishers[i] = p
		for k := range t.topics {
			// Each begins at another topic, so that they do not walk in step.
			topic := t.topics[(i+k)%len(t.topics)]
			p.publishTo(newTemplate(byte(o.Version), topic, o.Payload, o.JSON, t.keyOf(k)), uint16(i))
		}
		return t.awaitRefusals(ctx, i, w)
	})
	if err != nil {
		return report, err
	}
	joined.tell(&report)
	report.Window = publishers[0].window()
	report.Shape = fmt.Sprintf("%d connections × %d unacknowledged, %d bytes of %s, topics: %d",
		o.Connections, report.Window, o.Payload, kind, len(t.topics))

	if o.Warmup > 0 {
		t.report.status("warming up for %s", o.Warmup)
		if _, _, err := publishRun(ctx, o, publishers, c, o.Warmup, 0); err != nil {
			return report, err
		}
	}
	err = t.measure(&report, func(int) (Run, []string, error) { return publishRun(ctx, o, publishers, c, o.Duration, o.Count) })
	return report, err
}

// publishRun drives all publishers once. It fails when ctx has ended or when a
// connection is lost, as the shape of the load is then another.
func publishRun(ctx context.Context, o Options, publishers []*publisher, c clock, d time.Duration, count int) (Run, []string, error) {
	before, err := o.written(ctx)
	if err != nil {
		return Run{}, nil, err
	}
	m, err := newMeter(o.PID)
	if err != nil {
		return Run{}, nil, err
	}
	seen := make([]published, len(publishers))
	errs := make([]error, len(publishers))
	begin := c.now()
	var wg sync.WaitGroup
	for i, p := range publishers {
		todo := plan{begin: begin, deadline: begin + int64(d)}
		if count > 0 {
			todo = plan{begin: begin, count: count / len(publishers)}
			if i < count%len(publishers) {
				todo.count++
			}
			if todo.count == 0 {
				continue
			}
		}
		wg.Go(func() { errs[i] = p.drive(ctx, todo, &seen[i]) })
	}
	wg.Wait()

	var run Run
	var all histogram
	var answered uint64
	elapsed := d
	last := begin
	reasons := map[string]uint64{}
	for i := range seen {
		all.merge(&seen[i].latency)
		run.Operations += seen[i].acked
		run.Refused += seen[i].refused
		run.Errors += seen[i].stray
		answered += seen[i].answered
		last = max(last, seen[i].last)
		for reason, n := range seen[i].reasons {
			reasons[reason] += n
		}
	}
	if count > 0 {
		elapsed = time.Duration(last - begin)
	}
	run.Latency = latencyOf(&all)
	if err := run.spend(m, elapsed, answered); err != nil {
		return run, nil, err
	}
	after, err := o.written(ctx)
	if err != nil {
		return run, nil, err
	}
	if answered > 0 {
		run.BytesPerPost = float64(after-before) / float64(answered)
	}
	problems := tellReasons(reasons)
	if run.Errors > 0 {
		problems = append(problems, fmt.Sprintf("%d acknowledgements of what was not on its way", run.Errors))
	}
	return run, problems, firstError(ctx, errs)
}

// firstError of several connections, with how many it hit.
func firstError(ctx context.Context, errs []error) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	n, first := 0, error(nil)
	for _, err := range errs {
		if err != nil {
			if n++; first == nil {
				first = err
			}
		}
	}
	if first == nil {
		return nil
	}
	return fmt.Errorf("%d of %d connections were lost: %w", n, len(errs), first)
}

func tellReasons(reasons map[string]uint64) (told []string) {
	for reason, n := range reasons {
		told = append(told, fmt.Sprintf("%d publishes were refused: %s", n, reason))
	}
	slices.Sort(told)
	return told
}
