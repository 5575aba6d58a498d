package pushgw

import (
	"github.com/prometheus/client_golang/prometheus"

	"rambla/social"
)

// pauseReason is why a push was not sent; the label reason of rambla_push_paused_total.
type pauseReason uint8

const (
	pauseOutage pauseReason = iota
	pauseCredentials
	pauseRate       // more than the provider takes, or than it should get so soon after an outage
	pauseGate       // too many wait for answers
	pauseQuarantine // it was sent, but the answer that the device is gone is not believed
	pauseCount
)

var pauseNames = [pauseCount]string{"outage", "credentials", "rate", "gate", "quarantine"}

var causePauses = [causeCount]pauseReason{causeOutage: pauseOutage, causeCredentials: pauseCredentials}

var verdictNames = [...]string{
	Accepted: "accepted", Gone: "gone", Retry: "retry", Throttled: "throttled", Paused: "paused",
	Misconfigured: "misconfigured", TooLarge: "too_large", Refused: "refused",
}

// String is the word of the metrics and of what is recorded.
func (v Verdict) String() string {
	if int(v) < len(verdictNames) && verdictNames[v] != "" {
		return verdictNames[v]
	}
	return "none"
}

// metrics are labelled with provider (apns, fcm, webpush), app (what the
// configuration lists) and env (production, sandbox of APNs; else empty): the
// hosts of Web Push are too many.
type metrics struct {
	answers  *prometheus.CounterVec
	paused   *prometheus.CounterVec
	pauses   *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight *prometheus.GaugeVec
	open     *prometheus.GaugeVec
}

func newMetrics(registry prometheus.Registerer) *metrics {
	labels := []string{"provider", "app", "env"}
	with := func(more string) []string { return append(labels[:len(labels):len(labels)], more) }
	m := &metrics{
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rambla_push_answers_total", Help: "Pushes by what became of them.",
		}, with("result")),
		paused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rambla_push_paused_total", Help: "Pushes that were told to wait, or whose answer was not believed.",
		}, with("reason")),
		pauses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rambla_push_lane_paused_total", Help: "Times that all pushes of an app were paused.",
		}, with("cause")),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rambla_push_answer_seconds", Help: "Time from handing a push over to the provider's answer.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20},
		}, labels),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "rambla_push_in_flight", Help: "Pushes that wait for the provider's answer.",
		}, labels),
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "rambla_push_lanes_paused", Help: "Lanes that send nothing now: 1, or of Web Push the number of hosts.",
		}, labels),
	}
	registry.MustRegister(m.answers, m.paused, m.pauses, m.seconds, m.inFlight, m.open)
	return m
}

// laneCounters are the metrics of a lane, resolved once.
type laneCounters struct {
	answers  [len(verdictNames)]prometheus.Counter
	paused   [pauseCount]prometheus.Counter
	pauses   [causeCount]prometheus.Counter
	seconds  prometheus.Observer
	inFlight prometheus.Gauge
	open     prometheus.Gauge
}

func (m *metrics) lane(name laneName) *laneCounters {
	env := name.world
	if name.platform == social.PlatformWebPush {
		env = ""
	}
	labels := []string{name.platform.String(), name.app, env}
	with := func(more string) []string { return append(labels[:len(labels):len(labels)], more) }
	c := &laneCounters{
		seconds: m.seconds.WithLabelValues(labels...), inFlight: m.inFlight.WithLabelValues(labels...), open: m.open.WithLabelValues(labels...),
	}
	for v, word := range verdictNames {
		if word != "" {
			c.answers[v] = m.answers.WithLabelValues(with(word)...)
		}
	}
	for p, word := range pauseNames {
		c.paused[p] = m.paused.WithLabelValues(with(word)...)
	}
	for w, word := range causeNames {
		if word != "" {
			c.pauses[w] = m.pauses.WithLabelValues(with(word)...)
		}
	}
	return c
}

func (c *laneCounters) answer(v Verdict) {
	if int(v) < len(c.answers) && c.answers[v] != nil {
		c.answers[v].Inc()
	}
}

func (c *laneCounters) pause(p pauseReason) { c.paused[p].Inc() }

// opened counts a pause; a probe that found another cause was paused before.
func (c *laneCounters) opened(why cause, probe bool) {
	c.pauses[why].Inc()
	if !probe {
		c.open.Inc()
	}
}
