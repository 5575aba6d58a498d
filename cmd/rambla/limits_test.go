package main

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/broker"
)

// TestTheTableOfLimitsAgreesWithSettingsAndLabels holds docs/operations.md to
// the settings that there are, their defaults, and the labels that are counted.
func TestTheTableOfLimitsAgreesWithSettingsAndLabels(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "| bound | setting | default | label | what the client notices |\n|---|---|---|---|---|\n")
	if !found {
		t.Fatal("there is no table")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	defaults, known := defaultConfig(), map[string]setting{}
	for _, s := range settings() {
		known[s.key] = s
	}
	var keys, labels []string
	for row := range strings.SplitSeq(table, "\n") {
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		if len(cells) != 5 {
			t.Fatalf("a row has %d cells: %s", len(cells), row)
		}
		key, value, label := strings.Trim(cells[1], "`"), cells[2], strings.Trim(cells[3], "`")
		if label != "–" {
			labels = append(labels, label)
		}
		if key == "–" {
			continue
		}
		keys = append(keys, key)
		if s, ok := known[key]; !ok {
			t.Errorf("there is no setting %s", key)
		} else if want := fmt.Sprint(s.get(&defaults)); value != want {
			t.Errorf("%s is %s in the table, and %s by default", key, value, want)
		}
	}
	for key := range known {
		if strings.HasPrefix(key, "broker.") && !slices.Contains(keys, key) && key != "broker.open_topics" {
			t.Errorf("%s is not in the table", key)
		}
	}
	slices.Sort(labels)
	if counted := limitLabels(t); !slices.Equal(slices.Compact(labels), counted) {
		t.Errorf("the table has %q, counted is %q", labels, counted)
	}
}

// limitLabels are the labels of rambla_broker_limited_total, in order.
func limitLabels(t *testing.T) []string {
	t.Helper()
	reg := prometheus.NewRegistry()
	config := defaultConfig()
	if _, err := broker.New(brokerConfig(&config), broker.Deps{Logger: slog.New(slog.DiscardHandler), Metrics: reg}); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range families {
		if f.GetName() == "rambla_broker_limited_total" {
			for _, m := range f.GetMetric() {
				out = append(out, m.GetLabel()[0].GetValue())
			}
		}
	}
	slices.Sort(out)
	return out
}
