package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// rambla builds the server, to ask it about its own settings.
func rambla(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "rambla")
	accepts(t, command(t, "go", "build", "-o", binary, "../cmd/rambla"))
	return binary
}

// settings runs one of the server's config commands with this environment only.
func settings(t *testing.T, binary string, env []string, args ...string) (out string, ok bool) {
	t.Helper()
	cmd := command(t, binary, append([]string{"config"}, args...)...)
	cmd.Env = env
	text, err := cmd.CombinedOutput()
	return string(text), err == nil
}

func TestTheExamplesSettingsAreTheServersOwn(t *testing.T) {
	t.Parallel()
	binary := rambla(t) // once, as linking it is most of the time
	for name, test := range map[string]func(*testing.T, string){
		"the configuration files are accepted":             configurationsAreAccepted,
		"the variables of the image are known":             variablesAreKnown,
		"the secrets of compose are read from their files": secretsAreReadFromFiles,
		"probes and operators are answered":                serverAnswers,
	} {
		t.Run(name, func(t *testing.T) { test(t, binary) })
	}
}

func configurationsAreAccepted(t *testing.T, binary string) {
	inPod := with(t, "rambla.yaml", objects(t)["ConfigMap"].Data["rambla.yaml"])
	for _, file := range []string{"rambla.yaml", inPod} {
		if out, ok := settings(t, binary, nil, "check", "--config", file); !ok {
			t.Errorf("%s: %s", file, out)
		}
	}
	misspelt := with(t, "rambla.yaml", read(t, "rambla.yaml"), "trusted_proxies", "trusted_proxy")
	if out, ok := settings(t, binary, nil, "check", "--config", misspelt); ok || !strings.Contains(out, "trusted_proxy") {
		t.Errorf("a misspelt key gives: %s", out)
	}
}

func variablesAreKnown(t *testing.T, binary string) {
	env := regexp.MustCompile(`RAMBLA_\w+=\S+`).FindAllString(read(t, "Dockerfile"), -1)
	out, ok := settings(t, binary, env, "print")
	if !ok || len(env) == 0 {
		t.Fatalf("%v: %s", env, out)
	}
	for _, variable := range env {
		if _, value, _ := strings.Cut(variable, "="); !strings.Contains(out, value) {
			t.Errorf("%s changes nothing:\n%s", variable, out)
		}
	}
}

func secretsAreReadFromFiles(t *testing.T, binary string) {
	names := regexp.MustCompile(`(RAMBLA_\w+_FILE): /run/secrets/`).FindAllStringSubmatch(read(t, "compose.yaml"), -1)
	if len(names) != 2 {
		t.Fatalf("found %v", names)
	}
	missing := filepath.Join(t.TempDir(), "secret")
	for _, name := range names {
		// A variable that nobody reads can name a file that is not there.
		if out, ok := settings(t, binary, []string{name[1] + "=" + missing}, "check"); ok || !strings.Contains(out, name[1]) {
			t.Errorf("%s is not read: %s", name[1], out)
		}
	}
	secret := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(secret, []byte("postgres://rambla:hunter2@postgres:5432/rambla\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, ok := settings(t, binary, []string{"RAMBLA_DATABASE_URL_FILE=" + secret}, "print")
	if !ok || strings.Contains(out, "hunter2") {
		t.Errorf("the secret is printed: %s", out)
	}
}
