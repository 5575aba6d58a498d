package pushgw

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/social"
)

// figures are those of the queue. Labels name no person and no device.
type figures struct {
	derivedTotal    prometheus.Counter
	suppressedTotal *prometheus.CounterVec
	sentTotal       *prometheus.CounterVec
	sendingNow      prometheus.Gauge
	toDue           prometheus.Histogram
	toClaim         prometheus.Histogram
	toAccepted      prometheus.Histogram
	waiting         prometheus.Gauge
	oldest          prometheus.Gauge
	dead            prometheus.Gauge
	holding         prometheus.Gauge
}

func newFigures(registry prometheus.Registerer) *figures {
	seconds := []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 3600}
	f := &figures{
		derivedTotal: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "rambla_push_enqueued_total", Help: "Times that something new was noted for a person.",
		}),
		suppressedTotal: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rambla_push_suppressed_total", Help: "Pushes that were not sent, or not yet, by reason.",
		}, []string{"reason"}),
		sentTotal: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rambla_push_sent_total", Help: "Pushes that a provider was asked to carry, by kind and what became of them.",
		}, []string{"kind", "result"}),
		sendingNow: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rambla_push_sending", Help: "Pushes that are being sent.",
		}),
		toDue: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "rambla_push_derive_seconds", Help: "From a post's commit to its being noted for those who are told.", Buckets: seconds,
		}),
		toClaim: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "rambla_push_claim_seconds", Help: "From the end of a post's hold to its being worked on.", Buckets: seconds,
		}),
		toAccepted: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "rambla_push_accept_seconds", Help: "From a post's commit to a provider's acceptance.", Buckets: seconds,
		}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rambla_push_waiting", Help: "Rows that wait, one per person and stream.",
		}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rambla_push_oldest_seconds", Help: "Age of the post that waits longest.",
		}),
		dead: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rambla_push_dead", Help: "Dead letters that are kept.",
		}),
		holding: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rambla_push_people", Help: "People who have a device.",
		}),
	}
	// Counters exist before they count, so that their first step is one.
	for _, why := range []string{
		"acknowledged", "read", "muted", "level", "preferences", "quiet", "limited", "right", "blocked", "ignored", "removed", "registered_later", "no_device", "expired",
	} {
		f.suppressedTotal.WithLabelValues(why)
	}
	for _, kind := range []Kind{KindMessage, KindComment, KindMention, KindNotification, KindClear} {
		f.sentTotal.WithLabelValues(string(kind), Accepted.String())
	}
	if registry != nil {
		registry.MustRegister(f.derivedTotal, f.suppressedTotal, f.sentTotal, f.sendingNow, f.toDue, f.toClaim, f.toAccepted,
			f.waiting, f.oldest, f.dead, f.holding)
	}
	return f
}

func (f *figures) derived(news []social.PushNews, now time.Time) {
	f.derivedTotal.Add(float64(len(news)))
	for i := range news {
		f.toDue.Observe(now.Sub(news[i].Posted).Seconds())
	}
}

func (f *figures) suppressed(why string) { f.suppressedTotal.WithLabelValues(why).Inc() }

func (f *figures) sending(n float64) { f.sendingNow.Add(n) }

func (f *figures) claimed(c *social.PushClaim, now time.Time, hold time.Duration) {
	if c.Last > c.Done && c.Attempt == 0 {
		f.toClaim.Observe(max(now.Sub(c.Posted.Add(hold)), 0).Seconds())
	}
}

func (f *figures) answered(p *push, a *Answer, now time.Time) {
	f.sentTotal.WithLabelValues(string(p.m.Kind), a.Verdict.String()).Inc()
	if a.Verdict == Accepted && p.what == actAlert {
		f.toAccepted.Observe(now.Sub(p.row.claim.Posted).Seconds())
	}
}

// measureEvery is how often the depth of the queue is counted: a look at all that waits.
const measureEvery = 15 * time.Second

// measure keeps the gauges up until ctx ends.
func (g *Gateway) measure(ctx context.Context) {
	for ctx.Err() == nil {
		g.sleep(ctx, measureEvery, nil)
		g.figures.holding.Set(float64(g.holders.count()))
		d, err := g.Store.PushDepth(ctx)
		if err != nil {
			continue // whoever works on them tells of it
		}
		g.figures.waiting.Set(float64(d.Waiting))
		g.figures.dead.Set(float64(d.Dead))
		age := 0.0
		if !d.Oldest.IsZero() {
			age = g.Now().Sub(d.Oldest).Seconds()
		}
		g.figures.oldest.Set(age)
	}
}
