package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// consoleBlock is a fenced block of a manual page that shows commands ("$ …")
// and what they print.
var consoleBlock = regexp.MustCompile("(?ms)^```console\n(.*?)^```$")

func TestTheProtocolPageShowsWhatHappens(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "rambla.yaml")
	if err := os.WriteFile(config, []byte("broker:\n  open_topics: [sensors/]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, "--demo", "--data", dir, "--config", config)
	host, port, err := net.SplitHostPort(s.mqtt)
	if err != nil {
		t.Fatal(err)
	}
	script, want := readBlocks(string(page))
	if len(want) < 20 {
		t.Fatalf("only %d commands on the page", len(want))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	sh := exec.CommandContext(ctx, "bash", "-s")
	sh.Dir = t.TempDir()
	sh.Env = append(os.Environ(), "HTTP="+s.http, fmt.Sprintf("MQTT=-h %s -p %s", host, port), "LC_ALL=C.UTF-8")
	sh.Stdin = strings.NewReader(script)
	out, err := sh.CombinedOutput()
	if err != nil {
		t.Errorf("bash: %v", err)
	}
	got := strings.Split(string(out), separator+"\n")
	for i, step := range want {
		if i >= len(got) {
			t.Fatalf("the page stopped before: %s\n%s", step.command, out)
		}
		if !step.matches(got[i]) {
			t.Errorf("$ %s\nprinted:\n%swanted:\n%s", step.command, got[i], step.output)
		}
	}
}

const separator = "\x1e"

type step struct{ command, output string }

// matches compares line by line; "…" stands for any text.
func (s step) matches(got string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(s.output), "…", ".*")
	return regexp.MustCompile(`(?s)^` + pattern + `$`).MatchString(got)
}

// readBlocks makes one script of all commands on a page, with a separator
// printed after each.
func readBlocks(page string) (script string, steps []step) {
	var b strings.Builder
	for _, block := range consoleBlock.FindAllStringSubmatch(page, -1) {
		for line := range strings.Lines(block[1]) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				steps = append(steps, step{command: strings.TrimSpace(command)})
				fmt.Fprintf(&b, "%s\nprintf '%s\\n'\n", strings.TrimSpace(command), separator)
			} else if len(steps) > 0 {
				steps[len(steps)-1].output += line
			}
		}
	}
	return b.String(), steps
}
