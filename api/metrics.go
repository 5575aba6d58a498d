package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/social"
)

// metrics are the figures of this package. Labels: route is a pattern of
// routes.go or "none", method one of HTTP's, status a class such as 2xx, code
// one of the problems', by is person or address, outcome one of replayOutcomes.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	problems *prometheus.CounterVec
	limited  *prometheus.CounterVec
	replays  *prometheus.CounterVec
	running  prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rambla_http_requests_total", Help: "Requests answered, by route pattern, method and class of status.",
		}, []string{"route", "method", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rambla_http_request_duration_seconds", Help: "Time from the request's header to the end of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"route", "method"}),
		problems: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rambla_http_problems_total", Help: "Problem details answered, by code.",
		}, []string{"code"}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rambla_http_limited_total", Help: "Requests refused by a rate limit, by whose it was.",
		}, []string{"by"}),
		replays: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rambla_http_replays_total", Help: "Writes with an Idempotency-Key, by what came of the key.",
		}, []string{"outcome"}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rambla_http_requests_running", Help: "Requests being answered at this moment.",
		}),
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.problems, m.limited, m.replays, m.running} {
		errs = append(errs, reg.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	for code := range titles() {
		m.problems.WithLabelValues(code)
	}
	for _, by := range []string{byPerson, byAddress} {
		m.limited.WithLabelValues(by)
	}
	for _, outcome := range replayOutcomes() {
		m.replays.WithLabelValues(outcome)
	}
	return m, nil
}

const (
	byPerson  = "person"
	byAddress = "address"
)

// What came of an idempotency key: nobody had used it, or only for what failed; its
// answer was given again; its first request is still at work, was another one, or had
// an answer too large to be kept; it failed too often.
const (
	replayFirst   = "first"
	replayAgain   = "again"
	replayRunning = "running"
	replayOther   = "other"
	replayUnkept  = "unkept"
	replayFailed  = "failed"
)

func replayOutcomes() []string {
	return []string{replayFirst, replayAgain, replayRunning, replayOther, replayUnkept, replayFailed}
}

func (m *metrics) replayed(outcome string) { m.replays.WithLabelValues(outcome).Inc() }

func (m *metrics) problem(code string) { m.problems.WithLabelValues(code).Inc() }

func (m *metrics) answered(route, method string, status int, took time.Duration) {
	method = knownMethod(method)
	m.requests.WithLabelValues(route, method, strconv.Itoa(status/100)+"xx").Inc()
	m.duration.WithLabelValues(route, method).Observe(took.Seconds())
}

// knownMethod keeps what clients invent out of the labels.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// refuseFast is the error of a rate limit, counted.
func (m *metrics) refuseFast(by string, wait time.Duration) error {
	m.limited.WithLabelValues(by).Inc()
	return &social.Error{Kind: social.KindRateLimited, Safe: "Too many requests; wait a moment.", RetryAfter: wait}
}
