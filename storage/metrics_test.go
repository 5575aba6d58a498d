package storage_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"rambla/social"
	"rambla/storage"
	"rambla/storage/storagetest"
)

func gather(t *testing.T, r *prometheus.Registry) map[string]*dto.MetricFamily {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*dto.MetricFamily{}
	for _, f := range families {
		out[f.GetName()] = f
	}
	return out
}

func TestTheStoreCountsWhatItCommits(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine storagetest.Engine) {
		registry := prometheus.NewRegistry()
		cfg := storagetest.Config(t, engine)
		cfg.Metrics = registry
		db, err := storage.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		w := storagetest.NewWorld(t, db)
		if got := gather(t, registry)["rambla_storage_append_errors_total"]; len(got.GetMetric()) != len(social.Kinds()) {
			t.Errorf("not every kind of error begins at 0: %v", got)
		}
		w.Append(storagetest.Epoch(), w.Post(w.Alice, "1"), w.Post(w.Alice, "2"))
		got := gather(t, registry)
		batch := got["rambla_storage_append_batch_rows"].GetMetric()[0].GetHistogram()
		if batch.GetSampleCount() != 1 || batch.GetSampleSum() != 2 {
			t.Errorf("batches: %v", batch)
		}
		if n := got["rambla_storage_append_duration_seconds"].GetMetric()[0].GetHistogram().GetSampleCount(); n != 1 {
			t.Errorf("%d durations", n)
		}
		if n := len(gather(t, registry)["rambla_purge_rows_total"].GetMetric()); n < 15 {
			t.Errorf("removed rows begin at 0 for %d things", n)
		}
		if s := db.Stats(); s.PoolSize == 0 || s.PoolInUse > s.PoolSize {
			t.Errorf("stats %+v", s)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Append(t.Context(), storagetest.Entries(w.Post(w.Alice, "3")), storagetest.Epoch()); err == nil {
			t.Fatal("a closed store has stored something")
		}
		if left := gather(t, registry); len(left) != 0 {
			t.Errorf("a closed store still shows %d figures", len(left))
		}
		storagetest.OpenAt(t, cfg) // with the same registry
	})
}
