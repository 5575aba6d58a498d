package deploy_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

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
