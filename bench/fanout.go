package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// warmPosts is a burst small enough for any server's first.
const warmPosts = 10

// Fanout lets o.Subscribers connections receive what one publishes and
// measures their deliveries: how many, how soon, and whether every subscriber
// got every post once and in order. A burst of o.Burst posts is published and
// its deliveries are awaited, again and again; with o.Rate they are published
// at that pace instead. Besides what all loads use it reads Subscribers,
// Window, Payload, JSON, Contexts, Topic, Filter, Burst and Rate. A report
// comes with an error when a run was cut short.
func Fanout(ctx context.Context, o Options) (Report, error) {
	o = o.withDefaults(1, 1000, 1)
	if err := o.validate(); err != nil {
		return Report{}, err
	}
	t, err := openTarget(ctx, o, 0)
	if err != nil {
		return Report{}, err
	}
	report, err := fanoutFrom(ctx, o, t)
	return report, errors.Join(err, t.close(ctx))
}

func fanoutFrom(ctx context.Context, o Options, t *target) (report Report, err error) {
	report = newFanoutReport(o, "fanout", len(t.topics))
	f, joined, err := gather(ctx, o, t, t.credential, func(int) ([]string, []int) {
		if o.Filter != "" {
			return []string{o.Filter}, nil
		}
		return t.topics, nil
	})
	if err != nil {
		return report, err
	}
	defer f.close()
	joined.tell(&report)
	report.Window = f.publisher.window()
	if err := f.warmUp(ctx); err != nil {
		return report, err
	}
	err = t.measure(&report, func(int) (Run, []string, error) { return f.run(ctx, o.Duration, o.Count) })
	return report, err
}

func newFanoutReport(o Options, load string, topics int) Report {
	pace := fmt.Sprintf("bursts of %d", o.Burst)
	if o.Rate > 0 {
		pace = fmt.Sprintf("%g posts/s", o.Rate)
	}
	return Report{
		Load: load, Address: o.Address, MQTT: mqttName(o.Version), Foreign: o.Foreign,
		Filter: o.Filter, Connections: o.Subscribers,
		Shape: fmt.Sprintf("1 publisher → %d subscribers, %s, %d bytes, topics: %d", o.Subscribers, pace, o.Payload, topics),
	}
}

// fanout is one publisher and its audience.
type fanout struct {
	options   Options
	clock     clock
	publisher *publisher
	audience  *audience
}

// gather connects the subscribers and the publisher. who lets the i-th
// subscriber in; filters says what it subscribes to and which of the target's
// topics it has to receive, nil all.
func gather(ctx context.Context, o Options, t *target, who func(int) Credential, filters func(int) ([]string, []int)) (_ *fanout, _ *arrivals, err error) {
	c := newClock()
	a, err := newAudience(c, t.load, len(t.topics), t.follow)
	if err != nil {
		return nil, nil, err
	}
	f := &fanout{options: o, clock: c, audience: a}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	joined, err := t.connect(ctx, crowd{role: "s", n: o.Subscribers, who: who, receiveMaximum: uint16(o.ReceiveMaximum)}, func(i int, w *wire) error {
		topics, invited := filters(i)
		if err := w.subscribe(ctx, topics, 1); err != nil {
			w.Close()
			return err
		}
		return f.audience.join(w, invited, i < o.Slow)
	})
	if err != nil {
		return nil, nil, err
	}
	f.publisher, err = t.author(ctx, c)
	return f, joined, err
}

// close ends all connections.
func (f *fanout) close() {
	f.audience.close()
	if f.publisher != nil {
		f.publisher.wire.bye()
	}
}

// deliveries that the next n posts of the publisher make.
func (f *fanout) deliveries(n int) (sum uint64) {
	p, streams := f.publisher, len(f.publisher.streams)
	for k := range streams {
		posts := n / streams
		if k < n%streams {
			posts++
		}
		sum += uint64(posts) * f.audience.invited[p.streams[(p.turn+k)%streams]]
	}
	return sum
}

// warmUp delivers something to everybody for as long as the options say.
func (f *fanout) warmUp(ctx context.Context) error {
	if f.options.Warmup <= 0 {
		return nil
	}
	begin := f.clock.now()
	var seen published
	for n := warmPosts; f.clock.now()-begin < int64(f.options.Warmup); n = min(2*n, f.options.Burst) {
		whole, err := f.burst(ctx, min(n, f.options.Burst), 0, &seen)
		if err != nil {
			return err
		}
		if !whole {
			break // the first run will tell
		}
	}
	if err := f.audience.settle(ctx, f.options.Patience); err != nil {
		return err
	}
	f.audience.collect()
	f.audience.miss(f.publisher.sent)
	return nil
}

// burst publishes n posts and awaits their deliveries; false when some did not
// come.
func (f *fanout) burst(ctx context.Context, n int, interval time.Duration, seen *published) (bool, error) {
	f.audience.expect(f.deliveries(n))
	if err := f.publisher.drive(ctx, plan{begin: f.clock.now(), count: n, interval: interval}, seen); err != nil {
		return false, fmt.Errorf("publish: %w", err)
	}
	return f.audience.await(ctx, f.options.Patience)
}

// run measures for a time, or for a number of posts if count > 0.
func (f *fanout) run(ctx context.Context, d time.Duration, count int) (Run, []string, error) {
	var interval time.Duration
	size, posts := f.options.Burst, count
	if f.options.Rate > 0 {
		interval = time.Duration(float64(time.Second) / f.options.Rate)
		if posts == 0 {
			posts = max(1, int(f.options.Rate*d.Seconds()))
		}
		size = posts
	}
	m, err := newMeter(f.options.PID)
	if err != nil {
		return Run{}, nil, err
	}
	var run Run
	var seen published
	var elapsed int64
	before := f.audience.unique.Load()
	begin := f.clock.now()
	for sent := 0; posts == 0 || sent < posts; {
		n := size
		if posts > 0 {
			n = min(n, posts-sent)
		}
		start := f.clock.now()
		whole, err := f.burst(ctx, n, interval, &seen)
		if err != nil {
			return run, nil, err
		}
		sent += n
		// A burst has taken until its last delivery, not until we gave up on the rest.
		elapsed += max(f.audience.last.Load(), start) - start
		if !whole || posts == 0 && f.clock.now()-begin >= int64(d) {
			break
		}
	}
	run.Operations, run.Posts = uint64(f.audience.unique.Load()-before), seen.acked
	if err := run.spend(m, time.Duration(elapsed), run.Operations); err != nil {
		return run, nil, err
	}
	problems, err := run.judge(ctx, f.options, f.audience, &seen, f.publisher.sent)
	return run, problems, err
}

// count writes what subscribers have seen.
func (r *Run) count(all *tally) {
	r.Operations, r.Latency = all.unique, latencyOf(&all.latency)
	r.Duplicates, r.Disordered, r.Uninvited = all.duplicates, all.disordered, all.uninvited
}

// judge writes what the audience has seen, and what it has not, of the posts up
// to the given ones of each stream.
func (r *Run) judge(ctx context.Context, o Options, a *audience, seen *published, sent []uint32) (problems []string, err error) {
	if err := a.settle(ctx, o.Patience); err != nil {
		return nil, err
	}
	all := a.collect()
	r.count(all)
	r.Refused, r.Errors = seen.refused, seen.stray
	r.Lost = a.miss(sent)
	problems = tellReasons(seen.reasons)
	if seen.refused > 0 && r.Lost > 0 {
		problems = append(problems, "the deliveries of refused posts count as lost")
	}
	if o.Kill {
		r.Repeated = all.late
	} else if all.late > 0 {
		problems = append(problems, fmt.Sprintf("%d deliveries came after they had counted as lost", all.late))
	}
	if n, why := a.broken(); n > 0 {
		r.Errors += uint64(n)
		problems = append(problems, fmt.Sprintf("%d subscribers were cut off, the first by: %v", n, why))
	}
	return problems, nil
}
