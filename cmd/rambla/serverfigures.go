package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// sweeping is how the removal of what is out of date goes.
type sweeping struct {
	failures atomic.Uint64
	clean    atomic.Int64 // when there was last nothing left, or the start, Unix ns
}

// serverMetrics exports the figures of the process itself.
type serverMetrics struct{ *server }

func (m serverMetrics) figures() []figure {
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	told, waiting := m.dir.Audit().Stats(), m.broker.Waiting()
	severe, coped := m.mishaps.Counts()
	out := []figure{
		{"rambla_audit_entries_total", "Administrative acts written into the audit log.", counter, float64(told.Told)},
		{"rambla_audit_failures_total", "Administrative acts that could not be written into it.", counter, float64(told.Failures)},
		{"rambla_log_errors_total", "Lines of the log at level error.", counter, float64(severe)},
		{"rambla_log_warnings_total", "Lines of the log at level warn.", counter, float64(coped)},
		{"rambla_broker_feeds_waiting", "Sessions that are behind and wait for a page from the store.", gauge, float64(waiting.Feeds)},
		{"rambla_broker_feeds_unanswered", "Of these, those that the store did not answer.", gauge, float64(waiting.FeedsLater)},
		{"rambla_purge_failures_total", "Attempts to remove what is out of date that did not work.", counter, float64(m.sweeps.failures.Load())},
		{"rambla_purge_age_seconds", "Time since all that was out of date was removed.", gauge, time.Since(time.Unix(0, m.sweeps.clean.Load())).Seconds()},
	}
	out = append(out, m.storeFigures()...)
	if free, ok := freeBytes(m.config.Data); ok {
		out = append(out, figure{"rambla_data_free_bytes", "Room on the disk of the data directory.", gauge, free})
	}
	if m.config.TLSCert != "" {
		keys := &keyPair{cert: m.config.TLSCert, key: m.config.TLSKey}
		if pair, err := keys.get(nil); err == nil && pair.Leaf != nil {
			out = append(out, figure{"rambla_tls_certificate_expiry_timestamp_seconds", "When the certificate in the file ends, in Unix time.", gauge, float64(pair.Leaf.NotAfter.Unix())})
		}
	}
	return out
}

// storeFigures asks the store, at most for two seconds.
func (m serverMetrics) storeFigures() []figure {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	up := figure{"rambla_storage_up", "1 if the store answered within two seconds, else 0.", prometheus.GaugeValue, 0}
	if m.db.Ping(ctx) != nil {
		return []figure{up}
	}
	up.value = 1
	newest, err := m.db.Version(ctx)
	if err != nil {
		return []figure{up}
	}
	behind := max(0, newest-m.dir.Version()) // in this order, or what was followed meanwhile would count
	return []figure{up, {"rambla_rights_behind_changes", "Changes of people, contexts and rights that the server has not followed yet.", prometheus.GaugeValue, float64(behind)}}
}

// Describe is part of prometheus.Collector; unchecked, as some figures come and go.
func (m serverMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect is part of prometheus.Collector.
func (m serverMetrics) Collect(ch chan<- prometheus.Metric) {
	for _, f := range m.figures() {
		ch <- prometheus.MustNewConstMetric(prometheus.NewDesc(f.name, f.help, nil, nil), f.kind, f.value)
	}
	build := prometheus.NewDesc("rambla_build_info", "1, with the version of the binary.", []string{"version"}, nil)
	ch <- prometheus.MustNewConstMetric(build, prometheus.GaugeValue, 1, versionText())
}
