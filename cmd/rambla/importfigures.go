package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"rambla/social"
)

// collectImports exports what became of imported lines. Labels: type is a line's,
// result one of three, kind one of social.Kinds.
func collectImports(ch chan<- prometheus.Metric, s social.ImportStats) {
	lines := prometheus.NewDesc("rambla_import_lines_total", "Lines that were imported, by type and what they did.", []string{"type", "result"}, nil)
	for kind, n := range map[string]social.ImportCount{
		"person": s.People, "context": s.Contexts, "member": s.Members, "activity": s.Activities, "comment": s.Comments,
	} {
		for result, n := range map[string]int{"added": n.Added, "changed": n.Changed, "unchanged": n.Unchanged} {
			ch <- prometheus.MustNewConstMetric(lines, prometheus.CounterValue, float64(n), kind, result)
		}
	}
	refused := prometheus.NewDesc("rambla_import_refused_total", "Lines that did not go in, by what was wrong with them.", []string{"kind"}, nil)
	for _, kind := range social.Kinds() {
		ch <- prometheus.MustNewConstMetric(refused, prometheus.CounterValue, float64(s.Refused[kind]), kind.String())
	}
}
