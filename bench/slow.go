package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Slowness tells what subscribers that stop reading do to the others. All
// latencies are those of the others; so are the deliveries of Steady.
type Slowness struct {
	// Steady is before anybody stops, Stalled while some do not read, Resumed
	// while these catch up.
	Steady  Report `json:"steady"`
	Stalled Report `json:"stalled"`
	Resumed Report `json:"resumed"`
	// Change is the p99 of the others while some do not read over that before;
	// 1 means that nobody notices.
	Change float64 `json:"p99_ratio"`
}

// Slow publishes o.Rate posts a second to o.Subscribers of one context, of whom
// o.Slow stop reading for o.Stall and then go on. It measures the latency of
// the others before, meanwhile and afterwards (o.Duration each but the middle),
// and whether everybody, the slow ones too, got every post once and in order.
// Besides what all loads use it reads Subscribers, Slow, Stall, ReceiveMaximum,
// Rate, Contexts, Topic, Filter, Window, Payload and JSON. A report comes with
// an error when a run was cut short.
func Slow(ctx context.Context, o Options) (Slowness, error) {
	o = o.withDefaults(1, 5000, 1)
	if o.Slow == 0 {
		o.Slow = max(1, o.Subscribers/100)
	}
	if o.Rate == 0 {
		o.Rate = 20
	}
	if err := o.validate(); err != nil {
		return Slowness{}, err
	}
	t, err := openTarget(ctx, o, 0)
	if err != nil {
		return Slowness{}, err
	}
	s, err := slowFrom(ctx, o, t)
	return s, errors.Join(err, t.close(ctx))
}

func slowFrom(ctx context.Context, o Options, t *target) (s Slowness, err error) {
	for name, r := range map[string]*Report{"slow, before": &s.Steady, "slow, stalled": &s.Stalled, "slow, resumed": &s.Resumed} {
		*r = newFanoutReport(o, name, len(t.topics))
		r.Shape += fmt.Sprintf(", %d of them stop reading for %s", o.Slow, o.Stall)
	}
	f, joined, err := gather(ctx, o, t, t.credential, func(int) ([]string, []int) {
		if o.Filter != "" {
			return []string{o.Filter}, nil
		}
		return t.topics, nil
	})
	if err != nil {
		return s, err
	}
	defer f.close()
	joined.tell(&s.Steady)
	if err := f.warmUp(ctx); err != nil {
		return s, err
	}
	for i := range o.Runs {
		t.report.status("run %d of %d", i+1, o.Runs)
		if err = f.stumble(ctx, &s); err != nil {
			break
		}
		last := len(s.Steady.Runs) - 1
		t.report.line("run %d of %d  before: %s\n  stalled: %s\n  resumed: %s", i+1, o.Runs,
			s.Steady.Runs[last], s.Stalled.Runs[last], s.Resumed.Runs[last])
	}
	s.finish()
	return s, err
}

// stumble is one run: all read, some stop, they go on.
func (f *fanout) stumble(ctx context.Context, s *Slowness) error {
	o, a := f.options, f.audience
	base, due := a.unique.Load(), 0
	steady, _, err := f.stage(ctx, o.Duration, func(posts int) int64 {
		due += posts * o.Subscribers
		return base + int64(due)
	})
	if err != nil {
		return err
	}
	steady.count(a.collect())
	if err := a.stall(); err != nil {
		return err
	}
	stalled, _, err := f.stage(ctx, o.Stall, func(posts int) int64 {
		due += posts * o.Subscribers
		return base + int64(due-posts*o.Slow)
	})
	if err != nil {
		return err
	}
	stalled.count(a.collect())
	if err := a.resume(); err != nil {
		return err
	}
	resumed, seen, err := f.stage(ctx, o.Duration, func(posts int) int64 {
		due += posts * o.Subscribers
		return base + int64(due)
	})
	if err != nil {
		return err
	}
	resumed.CaughtUp = a.caughtUp().Seconds()
	problems, err := resumed.judge(ctx, o, a, &seen, f.publisher.sent)
	s.Steady.Runs = append(s.Steady.Runs, steady)
	s.Stalled.Runs = append(s.Stalled.Runs, stalled)
	s.Resumed.Runs = append(s.Resumed.Runs, resumed)
	s.Resumed.Problems = append(s.Resumed.Problems, problems...)
	return err
}

// stage publishes at the load's pace for a time, and waits until the audience
// has as many deliveries as wanted says for so many posts.
func (f *fanout) stage(ctx context.Context, d time.Duration, wanted func(posts int) int64) (run Run, seen published, err error) {
	o, a := f.options, f.audience
	m, err := newMeter(o.PID)
	if err != nil {
		return run, seen, err
	}
	posts := max(1, int(o.Rate*d.Seconds()))
	begin, before := a.clock.now(), a.unique.Load()
	a.wanted.Store(wanted(posts))
	err = f.publisher.drive(ctx, plan{begin: begin, count: posts, interval: time.Duration(float64(time.Second) / o.Rate)}, &seen)
	if err != nil {
		return run, seen, fmt.Errorf("publish: %w", err)
	}
	if _, err := a.await(ctx, o.Patience); err != nil {
		return run, seen, err
	}
	run.Operations, run.Posts, run.Refused = uint64(a.unique.Load()-before), seen.acked, seen.refused
	return run, seen, run.spend(m, time.Duration(max(a.last.Load(), begin)-begin), run.Operations)
}

// finish computes the medians and what they say.
func (s *Slowness) finish() {
	s.Steady.finish()
	s.Stalled.finish()
	s.Resumed.finish()
	if before := s.Steady.Median.Latency.P99; before > 0 {
		s.Change = s.Stalled.Median.Latency.P99 / before
	}
}

// Print writes the reports and the change for a person.
func (s Slowness) Print(w io.Writer) error {
	if err := errors.Join(s.Steady.Print(w), s.Stalled.Print(w), s.Resumed.Print(w)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "while some do not read, the p99 of the others is %.2f times what it was\n", s.Change)
	return err
}

// Sound reports whether all three are.
func (s Slowness) Sound() bool { return s.Steady.Sound() && s.Stalled.Sound() && s.Resumed.Sound() }
