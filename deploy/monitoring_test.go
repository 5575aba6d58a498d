package deploy_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

func parse(t *testing.T, file string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, file)), into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func TestMonitoringIsMadeOfFilesThatFindEachOther(t *testing.T) {
	t.Parallel()
	var compose struct {
		Services map[string]struct {
			Profiles []string
			Volumes  []string
			Secrets  []string
			Env      map[string]string `yaml:"environment"`
		}
		Volumes map[string]any
	}
	parse(t, "compose.yaml", &compose)
	inside := map[string]string{} // of what is mounted: where it is here
	for name, service := range compose.Services {
		if extra := name == "prometheus" || name == "grafana"; extra != slices.Equal(service.Profiles, []string{"monitoring"}) {
			t.Errorf("%s has the profiles %q", name, service.Profiles)
		}
		for _, volume := range service.Volumes {
			from, to, _ := strings.Cut(volume, ":")
			if !strings.HasPrefix(from, "./") {
				if _, ok := compose.Volumes[from]; !ok {
					t.Errorf("%s mounts %s, which is not declared", name, from)
				}
				continue
			}
			if _, err := os.Stat(from); err != nil || !strings.HasSuffix(to, ":ro") {
				t.Errorf("%s mounts %s: %v", name, volume, err)
			}
			inside[strings.TrimSuffix(to, ":ro")] = from
		}
		for key, value := range service.Env {
			if secret, is := strings.CutPrefix(value, "/run/secrets/"); is && !slices.Contains(service.Secrets, secret) {
				t.Errorf("%s reads %s from %s, which it is not given", name, key, value)
			}
		}
	}

	// What these programs read without being told, and that nothing lies there unread.
	for at, file := range map[string]string{
		"/etc/prometheus/prometheus.yml": "./prometheus/prometheus.yml", "/etc/grafana/provisioning": "./grafana/provisioning",
	} {
		if inside[at] != file {
			t.Errorf("%s is %q, want %s", at, inside[at], file)
		}
	}
	mounted := slices.Collect(maps.Values(inside))
	for _, dir := range []string{"prometheus", "grafana"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && !slices.ContainsFunc(mounted, func(m string) bool { return m == "./"+path || strings.HasPrefix("./"+path, m+"/") }) {
				t.Errorf("nobody is given %s", path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}

	var prometheus struct {
		RuleFiles     []string `yaml:"rule_files"`
		ScrapeConfigs []struct {
			JobName       string                       `yaml:"job_name"`
			StaticConfigs []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	parse(t, "prometheus/prometheus.yml", &prometheus)
	for _, file := range prometheus.RuleFiles {
		if inside["/etc/prometheus/"+file] == "" {
			t.Errorf("Prometheus has no rules %s", file)
		}
	}
	scrape := prometheus.ScrapeConfigs
	if len(prometheus.RuleFiles) == 0 || len(scrape) != 1 || scrape[0].StaticConfigs[0].Targets[0] != "rambla:9464" ||
		!strings.Contains(read(t, "Dockerfile"), "9464") || !strings.Contains(read(t, "prometheus/alerts.yml"), `up{job="`+scrape[0].JobName+`"}`) {
		t.Errorf("%+v", prometheus)
	}

	var sources struct{ Datasources []struct{ Type, URL string } }
	parse(t, "grafana/provisioning/datasources/rambla.yml", &sources)
	if len(sources.Datasources) != 1 || sources.Datasources[0].Type != "prometheus" || sources.Datasources[0].URL != "http://prometheus:9090" {
		t.Errorf("%+v", sources)
	}
	var providers struct {
		Providers []struct {
			Options struct{ Path string }
		}
	}
	parse(t, "grafana/provisioning/dashboards/rambla.yml", &providers)
	if len(providers.Providers) != 1 || inside[providers.Providers[0].Options.Path+"/rambla.json"] != "./grafana/rambla.json" {
		t.Errorf("%+v of %v", providers, inside)
	}
	var board struct {
		Templating struct {
			List []struct{ Name, Type, Query string }
		}
		Panels []struct {
			ID         int
			Title      string
			Datasource struct{ Type, UID string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "grafana/rambla.json")), &board); err != nil {
		t.Fatal(err)
	}
	variable := board.Templating.List[0]
	if variable.Type != "datasource" || variable.Query != sources.Datasources[0].Type {
		t.Errorf("%+v", variable)
	}
	seen := map[int]bool{}
	for _, p := range board.Panels {
		if p.Datasource.UID != "${"+variable.Name+"}" || p.Datasource.Type != variable.Query || seen[p.ID] {
			t.Errorf("%d %s: %+v", p.ID, p.Title, p.Datasource)
		}
		seen[p.ID] = true
	}
}

// What Prometheus refuses to load, or takes for another rule, as far as that can be
// told without it. What the rules ask for is held to the server's metrics elsewhere.
func TestTheAlertRulesAreOnesThatPrometheusLoads(t *testing.T) {
	t.Parallel()
	type rule struct {
		Alert, Expr, For    string
		Labels, Annotations map[string]string
	}
	type rules struct {
		Groups []struct {
			Name  string
			Rules []rule
		}
	}
	var file rules
	if err := yaml.UnmarshalWithOptions([]byte(read(t, "prometheus/alerts.yml")), &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, g := range file.Groups {
		if g.Name == "" || seen["group "+g.Name] {
			t.Errorf("a group is called %q", g.Name)
		}
		seen["group "+g.Name] = true
		for _, r := range g.Rules {
			if wait, err := time.ParseDuration(r.For); err != nil || wait < 0 || seen[r.Alert] || !strings.HasPrefix(r.Alert, "Rambla") || r.Expr == "" {
				t.Errorf("%+v: %v", r, err)
			}
			seen[r.Alert] = true
		}
	}
	if len(seen) < 20 {
		t.Errorf("there are only %d rules", len(seen))
	}
}
