package deploy_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// manifest checks a file with the loaders of Docker and Kubernetes, which are a
// module of their own so that Rambla does not depend on them.
func manifest(t *testing.T, kind, file string) *exec.Cmd {
	t.Helper()
	path, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	return command(t, "go", "run", "-C", "../.ci/tools", "./manifest", kind, path)
}

func TestDockerComposeLoadsTheComposeFile(t *testing.T) {
	t.Parallel()
	accepts(t, manifest(t, "compose", "compose.yaml"))

	text := read(t, "compose.yaml")
	refuses(t, manifest(t, "compose", with(t, "compose.yaml", text, "restart:", "restrat:")), "restrat")
	refuses(t, manifest(t, "compose", with(t, "compose.yaml", text, "  postgres:\n    image", "  database:\n    image")), "postgres")
	refuses(t, manifest(t, "compose", with(t, "compose.yaml", text, "secrets: [grafana_password]", "secrets: [grafana_pasword]")), "grafana_pasword")
}

func TestComposeOpensNoPortToTheWorldAndWaitsForPostgres(t *testing.T) {
	t.Parallel()
	var file struct {
		Services map[string]struct {
			Ports     []string
			Healthy   any                                   `yaml:"healthcheck"`
			DependsOn map[string]struct{ Condition string } `yaml:"depends_on"`
			Env       map[string]string                     `yaml:"environment"`
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Services) != 4 {
		t.Fatalf("found %d services", len(file.Services))
	}
	for name, service := range file.Services {
		for _, port := range service.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s opens %s to everybody", name, port)
			}
		}
		for key, value := range service.Env {
			if strings.Contains(key, "PASSWORD") && !strings.HasSuffix(key, "_FILE") {
				t.Errorf("%s has a secret in its environment: %s=%s", name, key, value)
			}
		}
	}
	if file.Services["postgres"].Healthy == nil {
		t.Error("nobody can tell when PostgreSQL is up")
	}
	if got := file.Services["rambla"].DependsOn["postgres"].Condition; got != "service_healthy" {
		t.Errorf("rambla starts when PostgreSQL is %q", got)
	}
}

func TestDockerParsesTheDockerfile(t *testing.T) {
	t.Parallel()
	accepts(t, manifest(t, "dockerfile", "Dockerfile"))
	refuses(t, manifest(t, "dockerfile", with(t, "Dockerfile", read(t, "Dockerfile"), "STOPSIGNAL", "STOPSINGAL")), "STOPSINGAL")
}

func TestTheImageIsStaticAndNotRoot(t *testing.T) {
	t.Parallel()
	text := read(t, "Dockerfile")
	if !strings.Contains(text, "CGO_ENABLED=0 go build") {
		t.Error("the binary needs a libc, which the image does not have")
	}
	user := regexp.MustCompile(`(?m)^USER (\S+)$`).FindStringSubmatch(text)
	if user == nil {
		t.Fatal("the image runs as root")
	}
	uid, _, _ := strings.Cut(user[1], ":")
	if n, err := strconv.Atoi(uid); err != nil || n == 0 {
		t.Errorf("USER %s: Kubernetes can only see of a number that it is not root", user[1])
	}
	if _, last, ok := strings.Cut(text, "USER "+user[1]); !ok || strings.Contains(last, "\nUSER ") || strings.Contains(last, "\nFROM ") {
		t.Error("a later instruction undoes USER")
	}
}

func TestKubernetesKnowsEveryFieldOfTheManifest(t *testing.T) {
	t.Parallel()
	const file = "kubernetes/rambla.yaml"
	accepts(t, manifest(t, "kubernetes", file))
	refuses(t, manifest(t, "kubernetes", with(t, "rambla.yaml", read(t, file), "readinessProbe", "readynessProbe")), "readynessProbe")
}

// object is what the tests look at in a Kubernetes object.
type object struct {
	Kind string
	Data map[string]string
	Spec struct {
		Replicas int
		Strategy struct{ Type string }
		Selector any
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				SecurityContext struct {
					RunAsNonRoot bool  `yaml:"runAsNonRoot"`
					RunAsUser    int64 `yaml:"runAsUser"`
				} `yaml:"securityContext"`
				Containers []struct {
					Ports []struct {
						Name          string
						ContainerPort int `yaml:"containerPort"`
					}
					StartupProbe   probe                   `yaml:"startupProbe"`
					ReadinessProbe probe                   `yaml:"readinessProbe"`
					LivenessProbe  probe                   `yaml:"livenessProbe"`
					VolumeMounts   []struct{ Name string } `yaml:"volumeMounts"`
				}
				Volumes []struct{ Name string }
			}
		}
		Ports []struct {
			Name       string
			TargetPort string `yaml:"targetPort"`
		}
	}
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

func objects(t *testing.T) map[string]object {
	t.Helper()
	found := map[string]object{}
	for _, text := range strings.Split(read(t, "kubernetes/rambla.yaml"), "\n---\n") {
		var o object
		if err := yaml.Unmarshal([]byte(text), &o); err != nil {
			t.Fatal(err)
		}
		found[o.Kind] = o
	}
	return found
}

// What a cluster accepts and what then does not work: names that meet nobody.
func TestTheManifestRefersOnlyToWhatIsThere(t *testing.T) {
	t.Parallel()
	all := objects(t)
	pod := all["Deployment"].Spec.Template
	if len(pod.Spec.Containers) != 1 {
		t.Fatalf("found %d containers", len(pod.Spec.Containers))
	}
	container := pod.Spec.Containers[0]
	ports := map[string]int{}
	for _, port := range container.Ports {
		ports[port.Name] = port.ContainerPort
	}
	for name, c := range map[string]struct {
		probe probe
		path  string
	}{
		"startup":   {container.StartupProbe, "/healthz"},
		"readiness": {container.ReadinessProbe, "/readyz"},
		"liveness":  {container.LivenessProbe, "/healthz"},
	} {
		if c.probe.HTTPGet.Path != c.path || ports[c.probe.HTTPGet.Port] != 8080 {
			t.Errorf("the %s probe asks %s on port %s", name, c.probe.HTTPGet.Path, c.probe.HTTPGet.Port)
		}
	}
	for _, port := range all["Service"].Spec.Ports {
		if ports[port.TargetPort] == 0 {
			t.Errorf("the service sends %s to a port %s that the pod does not have", port.Name, port.TargetPort)
		}
		if port.TargetPort == "admin" {
			t.Error("the service offers metrics and profiles to everybody")
		}
	}
	selector, ok := all["Service"].Spec.Selector.(map[string]any)
	if !ok || len(selector) == 0 {
		t.Fatalf("the service selects by %v", all["Service"].Spec.Selector)
	}
	for key, value := range selector {
		if pod.Metadata.Labels[key] != value {
			t.Errorf("the service selects %s=%v and the pod has %q", key, value, pod.Metadata.Labels[key])
		}
	}
	volumes := map[string]bool{}
	for _, volume := range pod.Spec.Volumes {
		volumes[volume.Name] = true
	}
	for _, mount := range container.VolumeMounts {
		if !volumes[mount.Name] {
			t.Errorf("the volume %s is mounted and not declared", mount.Name)
		}
	}
	if c := pod.Spec.SecurityContext; !c.RunAsNonRoot || c.RunAsUser == 0 {
		t.Error("the pod may run as root")
	}
	if d := all["Deployment"].Spec; d.Replicas != 1 || d.Strategy.Type != "Recreate" {
		t.Errorf("%d replicas, %s: two nodes at once would not hear each other", d.Replicas, d.Strategy.Type)
	}
}
