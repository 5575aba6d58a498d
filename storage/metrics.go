package storage

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/social"
)

// Stats are a few figures of an open store.
type Stats struct {
	PoolInUse int // connections at work (SQLite: readers)
	PoolSize  int // the most there can be
	// How often somebody had to wait for one since the start, and for how long.
	PoolWaits  int64
	PoolWaited time.Duration
	LogBytes   int64 // of SQLite's write-ahead log; 0 on PostgreSQL
	FileBytes  int64 // of SQLite's file without it; 0 on PostgreSQL
}

// Stats never blocks.
func (db *DB) Stats() Stats {
	var s Stats
	db.eng.stats(&s)
	return s
}

// metrics are the store's figures for Prometheus. Labels: kind is a code of
// social.Kinds, of one of those in purges.
type metrics struct {
	registerer prometheus.Registerer // nil: nobody listens

	batch    prometheus.Histogram
	duration prometheus.Histogram
	errors   [16]prometheus.Counter // by Kind
	races    prometheus.Counter
	logBytes prometheus.Gauge
	purged   *prometheus.CounterVec
	all      []prometheus.Collector
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	failures := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rambla_storage_append_errors_total",
		Help: "Batches that were not committed, by kind of error.",
	}, []string{"kind"})
	m := &metrics{
		registerer: r,
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "rambla_storage_append_batch_rows",
			Help:    "Posts and samples committed together.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 11),
		}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "rambla_storage_append_duration_seconds",
			Help:    "Time to commit a batch.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
		}),
		races: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "rambla_storage_lost_races_total",
			Help: "Transactions that were run again because another one came first.",
		}),
		logBytes: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rambla_storage_log_bytes",
			Help: "Size of the embedded store's write-ahead log.",
		}),
		purged: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rambla_purge_rows_total",
			Help: "Rows removed because their time was over, by what they were of.",
		}, []string{"of"}),
	}
	for _, kind := range social.Kinds() {
		m.errors[kind] = failures.WithLabelValues(kind.String())
	}
	m.all = []prometheus.Collector{m.batch, m.duration, failures, m.races, m.logBytes, m.purged}
	return m, m.register(m.all...)
}

func (m *metrics) register(cs ...prometheus.Collector) error {
	if m.registerer == nil {
		return nil
	}
	var errs []error
	for _, c := range cs {
		errs = append(errs, m.registerer.Register(c))
	}
	return errors.Join(errs...)
}

// watch adds the figures that are read when they are asked for.
func (m *metrics) watch(db *DB) error {
	inUse := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "rambla_storage_connections_in_use",
		Help: "Connections of the pool that are at work.",
	}, func() float64 { return float64(db.Stats().PoolInUse) })
	size := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "rambla_storage_connections", Help: "The most connections that the pool can have.",
	}, func() float64 { return float64(db.Stats().PoolSize) })
	waits := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "rambla_storage_connection_waits_total", Help: "Times that somebody had to wait for a connection of the pool.",
	}, func() float64 { return float64(db.Stats().PoolWaits) })
	waited := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "rambla_storage_connection_wait_seconds_total", Help: "Time waited for connections of the pool.",
	}, func() float64 { return db.Stats().PoolWaited.Seconds() })
	for _, p := range db.purges() {
		m.purged.WithLabelValues(p.of)
	}
	m.all = append(m.all, inUse, size, waits, waited)
	return m.register(inUse, size, waits, waited)
}

// unwatch lets another store be opened with the same registerer.
func (m *metrics) unwatch() {
	if m.registerer == nil {
		return
	}
	for _, c := range m.all {
		m.registerer.Unregister(c)
	}
}

func (m *metrics) appended(rows int, took time.Duration, err error) {
	if err != nil {
		m.errors[social.KindOf(err)].Inc()
		return
	}
	m.batch.Observe(float64(rows))
	m.duration.Observe(took.Seconds())
}
