package main

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestTheReadmesMessageTravels runs the commands of the README's tour, with the
// addresses of a server of the test's own.
func TestTheReadmesMessageTravels(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tour, found := strings.Cut(string(page), "## A message travels")
	tour, _, ends := strings.Cut(tour, "\n## ")
	if !found || !ends {
		t.Fatal("the README has no tour")
	}
	s := serve(t, "--demo", "--data", t.TempDir())
	_, port, err := net.SplitHostPort(s.mqtt)
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	blocks := strings.Split(tour, "```")
	for i := 1; i < len(blocks); i += 2 {
		for line := range strings.Lines(blocks[i]) {
			line = strings.NewReplacer("-p 1883", "-p "+port, "http://127.0.0.1:8080", s.http).Replace(strings.TrimSpace(line))
			switch {
			case strings.HasPrefix(line, "make "):
				continue // the server runs
			case strings.Contains(line, "_sub "):
				// It listens in a terminal of its own.
				line += " -C 1 -W 20 > bob & sleep 1"
			}
			script.WriteString(line + "\n")
		}
	}
	script.WriteString("wait\necho\necho bob heard; cat bob\n")
	cmd := exec.CommandContext(t.Context(), "bash", "-s")
	cmd.Dir = t.TempDir()
	cmd.Stdin = strings.NewReader(script.String())
	out, err := cmd.CombinedOutput()
	rest, heard, _ := strings.Cut(string(out), "bob heard")
	const post = `"content":"hello"`
	if err != nil || !strings.Contains(rest, post) || !strings.Contains(heard, post) || !strings.Contains(heard, `"id":"alice"`) {
		t.Errorf("%v\n%s\nprinted\n%s", err, script.String(), out)
	}
}
