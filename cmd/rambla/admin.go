package main

import (
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// adminHandler is the private listener: metrics and profiles.
func (s *server) adminHandler() http.Handler {
	s.metrics.MustRegister(siteMetrics{s.site})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{Registry: s.metrics}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// siteMetrics exports the figures of the rooms that know no metrics system.
type siteMetrics struct{ *site }

func (m siteMetrics) descriptions() [6]*prometheus.Desc {
	d := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }
	return [6]*prometheus.Desc{
		d("rambla_committer_entries_total", "Posts and samples committed."),
		d("rambla_committer_batches_total", "Transactions that committed them."),
		d("rambla_committer_failures_total", "Entries not committed: the store was away or the queue full."),
		d("rambla_committer_queue_entries", "Entries waiting for their transaction."),
		d("rambla_committer_queue_bytes", "Bytes of the entries waiting."),
		d("rambla_rights_age_seconds", "Time since the journal of rights was last read to its end."),
	}
}

// Describe is part of prometheus.Collector.
func (m siteMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range m.descriptions() {
		ch <- d
	}
}

// Collect is part of prometheus.Collector.
func (m siteMetrics) Collect(ch chan<- prometheus.Metric) {
	st := m.committer.Stats()
	counter, gauge := prometheus.CounterValue, prometheus.GaugeValue
	values := []struct {
		kind prometheus.ValueType
		v    float64
	}{
		{counter, float64(st.Entries)},
		{counter, float64(st.Batches)},
		{counter, float64(st.Failures)},
		{gauge, float64(st.Waiting)},
		{gauge, float64(st.WaitingBytes)},
		{gauge, m.dir.StaleFor().Seconds()},
	}
	for i, d := range m.descriptions() {
		ch <- prometheus.MustNewConstMetric(d, values[i].kind, values[i].v)
	}
}
