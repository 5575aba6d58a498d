package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

var metricName = regexp.MustCompile(`\brambla_[a-z0-9_]*[a-z0-9]\b`)

// sourceMetrics are the names of all metrics that the sources make, also of those
// that are exposed only once something has happened.
func sourceMetrics(t *testing.T) map[string]bool {
	t.Helper()
	whole := regexp.MustCompile(`"(rambla_[a-z0-9_]*[a-z0-9])"`)
	prefixed := regexp.MustCompile(`\b(?:counter|vector|desc)\("([a-z0-9_]+)"`)
	out := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range whole.FindAllSubmatch(text, -1) {
			out[string(m[1])] = true
		}
		if filepath.Base(filepath.Dir(path)) == "broker" {
			for _, m := range prefixed.FindAllSubmatch(text, -1) {
				out["rambla_broker_"+string(m[1])] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	delete(out, "rambla_test") // databases of tests
	return out
}

func readText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEveryMetricIsInTheManual(t *testing.T) {
	t.Parallel()
	known, manual := sourceMetrics(t), map[string]bool{}
	for _, name := range metricName.FindAllString(readText(t, "../../docs/operations.md"), -1) {
		manual[name] = true
		if !known[name] {
			t.Errorf("docs/operations.md tells of %s, which there is not", name)
		}
	}
	for name := range known {
		if !manual[name] {
			t.Errorf("%s is not in docs/operations.md", name)
		}
	}
}

// checkExposed holds what a server has at /metrics against the sources: else the
// other tests would compare with names that nobody sees.
func checkExposed(t *testing.T, body string) {
	t.Helper()
	known, seen := sourceMetrics(t), 0
	for line := range strings.Lines(body) {
		name, isType := strings.CutPrefix(line, "# TYPE rambla_")
		if !isType {
			continue
		}
		name, _, _ = strings.Cut("rambla_"+name, " ")
		if seen++; !known[name] {
			t.Errorf("the server has the metric %s, which no test finds in the sources", name)
		}
	}
	if seen < 60 {
		t.Errorf("the server has only %d metrics", seen)
	}
}

// checkQuery holds a query to the names of metrics and to the little of PromQL that
// rules use: known functions and balanced brackets. promtool knows the rest.
func checkQuery(t *testing.T, where, query string, known map[string]bool) {
	t.Helper()
	functions := map[string]bool{
		"sum": true, "by": true, "rate": true, "increase": true, "delta": true, "histogram_quantile": true, "time": true, "up": true,
	}
	var open []rune
	for _, c := range query {
		switch c {
		case '(', '[', '{':
			open = append(open, c)
		case ')', ']', '}':
			if len(open) == 0 || map[rune]rune{')': '(', ']': '[', '}': '{'}[c] != open[len(open)-1] {
				t.Errorf("%s: %q is not balanced", where, query)
				return
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("%s: %q is not balanced", where, query)
	}
	labels := regexp.MustCompile(`\{[^}]*\}|\[[^\]]*\]|by \([^)]*\)`).ReplaceAllString(query, "")
	for _, word := range regexp.MustCompile(`[a-z][a-z0-9_]*`).FindAllString(labels, -1) {
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(word, "_bucket"), "_sum"), "_count")
		switch {
		case known[word], known[base], functions[word], word == "e9", word == "le":
		case strings.HasPrefix(word, "go_"), strings.HasPrefix(word, "process_"):
		default:
			t.Errorf("%s: there is no %s, of %q", where, word, query)
		}
	}
}

func TestAlertsAskForMetricsThatThereAre(t *testing.T) {
	t.Parallel()
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr, For string
				Labels           map[string]string
				Annotations      map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(readText(t, "../../deploy/prometheus/alerts.yml")), &file); err != nil {
		t.Fatal(err)
	}
	known, manual, n := sourceMetrics(t), readText(t, "../../docs/operations.md"), 0
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			n++
			checkQuery(t, r.Alert, r.Expr, known)
			if !strings.Contains(manual, "| `"+r.Alert+"` |") {
				t.Errorf("docs/operations.md does not say what to do about %s", r.Alert)
			}
			if s := r.Labels["severity"]; s != "critical" && s != "warning" || r.Annotations["summary"] == "" || r.For == "" {
				t.Errorf("%+v", r)
			}
		}
	}
	if n < 20 {
		t.Errorf("there are only %d alerts", n)
	}
}

func TestTheDashboardAsksForMetricsThatThereAre(t *testing.T) {
	t.Parallel()
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(readText(t, "../../deploy/grafana/rambla.json")), &board); err != nil {
		t.Fatal(err)
	}
	known, n := sourceMetrics(t), 0
	for _, p := range board.Panels {
		for _, q := range p.Targets {
			n++
			checkQuery(t, p.Title, q.Expr, known)
		}
	}
	if n < 30 {
		t.Errorf("only %d queries were looked at", n)
	}
}
