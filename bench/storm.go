package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// stormAfter is how long publishing goes on after the last of a storm has come.
const stormAfter = 2 * time.Second

// Storm lets o.Subscribers sessions subscribe, restarts the server (or, where it
// may not, ends the connections), and lets all come back within o.Spread while
// o.Rate posts a second are published. It measures the connects, how soon
// publishes are acknowledged meanwhile (that is the latency of the report), and
// whether every session got every post once and in order; after a kill, repeats
// of what it had got before are no fault. Besides what all loads use it reads
// Subscribers, Spread, Rate, Kill, PerPerson, MemberOf, ReceiveMaximum, Contexts,
// Topic, Filter, Window, Payload and JSON. A report comes with an error when a
// run was cut short.
func Storm(ctx context.Context, o Options) (Report, error) {
	if o.MemberOf == 0 {
		o.MemberOf = 5
	}
	if o.Rate == 0 {
		o.Rate = 200
	}
	o = o.withDefaults(1, 5000, 100)
	if err := o.validate(); err != nil {
		return Report{}, err
	}
	if o.Kill && o.Restart == nil {
		return Report{}, errors.New("this server cannot be killed; only one that was started for the load")
	}
	t, err := openRegulars(ctx, o, o.Subscribers)
	if err != nil {
		return Report{}, err
	}
	r := &regulars{target: t, role: "c"}
	report, err := stormAt(ctx, o, r)
	return report, errors.Join(err, r.remove(ctx), t.close(ctx))
}

func stormAt(ctx context.Context, o Options, r *regulars) (report Report, err error) {
	t := r.target
	how := "they left"
	switch {
	case o.Kill:
		how = "the server was killed"
	case o.Restart != nil:
		how = "a restart"
	}
	report = Report{
		Load: "storm", Address: o.Address, MQTT: mqttName(o.Version), Foreign: o.Foreign, Filter: o.Filter, Connections: o.Subscribers,
		Shape: fmt.Sprintf("%d sessions come back within %s after %s, %g posts/s, %d bytes, topics: %d",
			o.Subscribers, o.Spread, how, o.Rate, o.Payload, len(t.topics)),
	}
	if _, err := r.add(ctx, o.Subscribers); err != nil {
		return report, err
	}
	s := &storm{options: o, regulars: r, clock: newClock(), sent: make([]uint32, len(t.topics))}
	defer s.close()
	_, fresh, err := s.gather(ctx, 0)
	if err != nil {
		return report, err
	}
	report.Problems = forgottenProblem(fresh)
	err = t.measure(&report, func(int) (Run, []string, error) { return s.run(ctx) })
	return report, err
}

// storm is the audience of sessions that lasts from one restart to the next.
type storm struct {
	options  Options
	regulars *regulars
	clock    clock
	audience *audience
	sent     []uint32 // of each stream, in all runs
}

func (s *storm) close() {
	if s.audience != nil {
		s.audience.close()
	}
}

// gather lets all sessions come within the time, for what was not sent yet.
func (s *storm) gather(ctx context.Context, within time.Duration) (*arrivals, uint64, error) {
	t := s.regulars.target
	a, err := newAudience(s.clock, t.load, len(t.topics), t.follow)
	if err != nil {
		return nil, 0, err
	}
	s.audience = a
	a.from(s.sent)
	c := s.regulars.crowd(0, s.regulars.n)
	c.spread = within
	return s.regulars.comeBack(ctx, c, a)
}

// run is one restart and what follows.
func (s *storm) run(ctx context.Context) (run Run, problems []string, err error) {
	o, t := s.options, s.regulars.target
	if o.Restart == nil {
		s.audience.close()
	} else {
		if err := t.anew(ctx, o.Kill); err != nil {
			return run, nil, err
		}
		s.audience.close()
	}
	p, err := t.author(ctx, s.clock)
	if err != nil {
		return run, nil, err
	}
	defer p.wire.bye()
	copy(p.sent, s.sent)
	m, err := newMeter(t.options.PID)
	if err != nil {
		return run, nil, err
	}
	var seen published
	begin := s.clock.now()
	done := make(chan error, 1)
	publishing, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		done <- p.drive(publishing, plan{
			begin: begin, deadline: begin + int64(o.Spread+stormAfter), interval: time.Duration(float64(time.Second) / o.Rate),
		}, &seen)
	}()
	joined, fresh, err := s.gather(ctx, o.Spread)
	if err != nil {
		cancel()
	}
	if failed := <-done; err == nil && failed != nil {
		err = fmt.Errorf("publish: %w", failed)
	}
	if err != nil {
		return run, nil, err
	}
	posts := s.sent
	s.sent = append([]uint32(nil), p.sent...)
	wanted := int64(0)
	for k := range s.sent {
		wanted += int64(s.sent[k]-posts[k]) * int64(s.audience.invited[k])
	}
	s.audience.wanted.Store(wanted)
	if _, err := s.audience.await(ctx, o.Patience); err != nil {
		return run, nil, err
	}
	elapsed := time.Duration(max(s.audience.last.Load(), begin) - begin)
	run.Operations, run.Posts = uint64(s.audience.unique.Load()), seen.acked
	if err := run.spend(m, elapsed, run.Operations); err != nil {
		return run, nil, err
	}
	run.ConnectsPerSecond, run.ConnectLatency = joined.perSecond(), latencyOf(&joined.latency)
	problems, err = run.judge(ctx, o, s.audience, &seen, s.sent)
	run.Latency = latencyOf(&seen.latency)
	return run, append(problems, forgottenProblem(fresh)...), err
}
