package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Catchup lets o.Subscribers sessions subscribe to one context and leave,
// publishes o.Count posts, and measures what happens when all come back for
// them: deliveries per second from the first CONNECT to the last delivery, by
// how much the server's memory grows meanwhile (o.PID), and whether every
// session got every post once and in order. Where o.Restart allows it, the server
// is started anew before each run: what is left of a run would hide how much the
// next one takes. Besides what all loads use it reads
// Subscribers, PerPerson, ReceiveMaximum, Contexts, Topic, Filter, Window,
// Payload, JSON, Count and Settle. A report comes with an error when a run was
// cut short.
func Catchup(ctx context.Context, o Options) (Report, error) {
	o = o.withDefaults(1, 1000, 1)
	if o.Count == 0 {
		o.Count = 1000
	}
	if err := o.validate(); err != nil {
		return Report{}, err
	}
	o.MemberOf = o.Contexts
	t, err := openRegulars(ctx, o, o.Subscribers)
	if err != nil {
		return Report{}, err
	}
	r := &regulars{target: t, role: "c"}
	report, err := catchUp(ctx, o, r)
	return report, errors.Join(err, r.remove(ctx), t.close(ctx))
}

func catchUp(ctx context.Context, o Options, r *regulars) (report Report, err error) {
	t := r.target
	report = Report{
		Load: "catchup", Address: o.Address, MQTT: mqttName(o.Version), Foreign: o.Foreign, Filter: o.Filter,
		Connections: o.Subscribers,
		Shape: fmt.Sprintf("%d returning sessions, each missed %d posts of %d bytes, topics: %d",
			o.Subscribers, o.Count, o.Payload, len(t.topics)),
	}
	joined, err := r.add(ctx, o.Subscribers)
	if err != nil {
		return report, err
	}
	joined.tell(&report)
	c, sent := newClock(), make([]uint32, len(t.topics))
	err = t.measure(&report, func(int) (Run, []string, error) { return returnOnce(ctx, o, r, c, sent) })
	return report, err
}

// author is one publisher to all topics in turn.
func (t *target) author(ctx context.Context, c clock) (p *publisher, err error) {
	o := t.options
	_, err = t.connect(ctx, crowd{role: "p", n: 1, who: t.credential}, func(i int, w *wire) error {
		p = newPublisher(w, c, o.Window, o.Patience, t.load)
		for k, topic := range t.topics {
			p.publishTo(newTemplate(byte(o.Version), topic, o.Payload, o.JSON, t.keyOf(k)), uint16(k))
		}
		return t.awaitRefusals(ctx, i, w)
	})
	return p, err
}

// returnOnce publishes while all are away and lets them come for it. sent counts
// what was published to each topic, in all runs.
func returnOnce(ctx context.Context, o Options, r *regulars, c clock, sent []uint32) (run Run, problems []string, err error) {
	if err := r.target.anew(ctx, false); err != nil {
		return run, nil, err
	}
	o.PID = r.target.options.PID
	p, err := r.target.author(ctx, c)
	if err != nil {
		return run, nil, err
	}
	defer p.wire.bye()
	copy(p.sent, sent)
	defer func() { copy(sent, p.sent) }()
	a, err := newAudience(c, r.target.load, len(r.target.topics), r.target.follow)
	if err != nil {
		return run, nil, err
	}
	defer a.close()
	a.from(p.sent)
	var seen published
	if err := p.drive(ctx, plan{begin: c.now(), count: o.Count}, &seen); err != nil {
		return run, nil, fmt.Errorf("publish: %w", err)
	}
	r.target.report.status("%d posts; waiting for %s", o.Count, o.Settle)
	if err := rest(ctx, o.Settle, keepAlive*time.Second/2, func() {}); err != nil {
		return run, nil, err
	}
	m, err := newMeter(o.PID)
	if err != nil {
		return run, nil, err
	}
	peak := watchMemory(o.PID)
	begin := c.now()
	a.expect(uint64(o.Subscribers) * uint64(o.Count))
	joined, fresh, err := r.comeBack(ctx, r.crowd(0, r.n), a)
	if err == nil {
		_, err = a.await(ctx, o.Patience)
	}
	elapsed := time.Duration(max(a.last.Load(), begin) - begin)
	most, failed := peak()
	if err = errors.Join(err, failed); err != nil {
		return run, nil, err
	}
	run.Operations, run.Posts = uint64(a.unique.Load()), seen.acked
	if err := run.spend(m, elapsed, run.Operations); err != nil {
		return run, nil, err
	}
	run.MemoryGrowth = most - m.server.resident
	run.ConnectsPerSecond, run.ConnectLatency = joined.perSecond(), latencyOf(&joined.latency)
	problems, err = run.judge(ctx, o, a, &seen, p.sent)
	run.Latency = Latency{} // how long a post had waited for those who were away
	return run, append(problems, forgottenProblem(fresh)...), err
}
