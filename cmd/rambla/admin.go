package main

import (
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// adminHandler is the private listener: metrics and profiles.
func (s *server) adminHandler() http.Handler {
	s.metrics.MustRegister(siteMetrics{s.site}, serverMetrics{s})
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

// figure is one metric without labels.
type figure struct {
	name, help string
	kind       prometheus.ValueType
	value      float64
}

func (m siteMetrics) figures() []figure {
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	committed, marked, login := m.committer.Stats(), m.markers.Stats(), m.auth.Stats()
	found, kept := m.indexer.Stats(), m.files.attachments.Stats()
	typed, present, counted, ends := m.typing.Stats(), m.presences.Stats(), m.counters.Stats(), m.tails.Stats()
	return []figure{
		{"rambla_committer_entries_total", "Posts and samples committed.", counter, float64(committed.Entries)},
		{"rambla_committer_batches_total", "Transactions that committed them.", counter, float64(committed.Batches)},
		{"rambla_committer_failures_total", "Entries not committed: the store was away or the queue full.", counter, float64(committed.Failures)},
		{"rambla_committer_queue_entries", "Entries waiting for their transaction.", gauge, float64(committed.Waiting)},
		{"rambla_committer_queue_bytes", "Bytes of the entries waiting.", gauge, float64(committed.WaitingBytes)},
		{"rambla_committer_commit_age_seconds", "For how long the store has not answered the commit that is under way; 0 where none is.", gauge, committed.Age.Seconds()},
		{"rambla_markers_receipts_total", "Receipts of readers stored.", counter, float64(marked.Receipts)},
		{"rambla_markers_batches_total", "Transactions that stored them.", counter, float64(marked.Batches)},
		{"rambla_markers_failures_total", "Receipts not stored: the store was away or the queue full.", counter, float64(marked.Failures)},
		{"rambla_markers_queue_receipts", "Receipts waiting for their transaction.", gauge, float64(marked.Waiting)},
		{"rambla_typing_told_total", "Notices of typing that went out.", counter, float64(typed.Told)},
		{"rambla_typing_crowded_total", "Notices of typing dropped: the context has too many members, or the person is hidden.", counter, float64(typed.Crowded)},
		{"rambla_typing_hurried_total", "Notices of typing dropped: the person sent too many.", counter, float64(typed.Hurried)},
		{"rambla_presence_people", "People who are there: connected, or a moment ago.", gauge, float64(present.Here)},
		{"rambla_presence_told_total", "Messages about who is there, each to all who are subscribed to it.", counter, float64(present.Told)},
		{"rambla_presence_merged_total", "Changes of presence that were told with a later one.", counter, float64(present.Merged)},
		{"rambla_presence_dropped_total", "Memberships of which presence was not told at once: too many changed.", counter, float64(present.Dropped)},
		{"rambla_presence_failures_total", "Attempts to store when people were last seen that did not work.", counter, float64(present.Failures)},
		{"rambla_counters_people", "People who are told how much they have not read.", gauge, float64(counted.Readers)},
		{"rambla_counters_told_total", "Messages with such counters.", counter, float64(counted.Told)},
		{"rambla_counters_asked_total", "Questions about one person in one space that the store was asked for them.", counter, float64(counted.Asked)},
		{"rambla_counters_failures_total", "Attempts to ask the store that did not work.", counter, float64(counted.Failures)},
		{"rambla_search_indexed_total", "Posts, comments and messages indexed for search, again after an edit.", counter, float64(found.Indexed)},
		{"rambla_search_behind_posts", "Entries of the log that search has not read yet.", gauge, float64(found.Behind)},
		{"rambla_search_lag_seconds", "Age of the first of them; 0 where there is none.", gauge, found.Lag.Seconds()},
		{"rambla_search_failures_total", "Attempts to index that did not work.", counter, float64(found.Failures)},
		{"rambla_files_uploaded_total", "Files kept.", counter, float64(kept.Uploaded)},
		{"rambla_files_uploaded_bytes_total", "Their bytes.", counter, float64(kept.Bytes)},
		{"rambla_files_refused_total", "Uploads refused: too large, of a type that is not taken, or beyond a quota.", counter, float64(kept.Refused)},
		{"rambla_files_broken_total", "Uploads that broke off, or found no room on the disk.", counter, float64(kept.Broken)},
		{"rambla_files_running", "Uploads at this moment.", gauge, float64(kept.Running)},
		{"rambla_files_removed_total", "Files removed: with their posts, or never posted.", counter, float64(kept.Removed)},
		{"rambla_files_missing_total", "Files asked for whose bytes are not there.", counter, float64(kept.Missing)},
		{"rambla_tails_streams", "Streams whose end is remembered, to tell how much of them is unread.", gauge, float64(ends.Streams)},
		{"rambla_tails_hits_total", "Questions about one person in one stream that were answered by these.", counter, float64(ends.Hits)},
		{"rambla_tails_misses_total", "Those for which streams were read.", counter, float64(ends.Misses)},
		{"rambla_tails_stored_total", "Of these, those that the store had to count.", counter, float64(ends.Stored)},
		{"rambla_tails_evicted_total", "Streams that were forgotten for want of room.", counter, float64(ends.Evicted)},
		{"rambla_import_running", "Imports at this moment, dry runs left out.", gauge, float64(m.imports.Stats().Running)},
		{"rambla_rights_version", "Changes of people, contexts and rights since the site began, as far as the server follows them.", gauge, float64(m.dir.Version())},
		{"rambla_rights_age_seconds", "Time since the journal of rights was last read to its end.", gauge, m.dir.StaleFor().Seconds()},
		{"rambla_auth_hashes_total", "Passwords hashed.", counter, float64(login.Hashes)},
		{"rambla_auth_hashes_waiting", "Logins in line for a hash.", gauge, float64(login.HashesWaiting)},
		{"rambla_auth_line_full_total", "Logins turned away because that line was full.", counter, float64(login.LineFull)},
		{"rambla_auth_remembered_total", "Passwords verified without a hash.", counter, float64(login.Remembered)},
		{"rambla_auth_failures_total", "Wrong names or passwords.", counter, float64(login.Failed)},
		{"rambla_auth_limited_total", "Attempts refused after too many failures.", counter, float64(login.Limited)},
		{"rambla_auth_replays_total", "Refresh tokens used twice; their logins were ended.", counter, float64(login.Replays)},
	}
}

// Describe is part of prometheus.Collector.
func (m siteMetrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect is part of prometheus.Collector.
func (m siteMetrics) Collect(ch chan<- prometheus.Metric) {
	for _, f := range m.figures() {
		ch <- prometheus.MustNewConstMetric(prometheus.NewDesc(f.name, f.help, nil, nil), f.kind, f.value)
	}
	collectImports(ch, m.imports.Stats())
}
