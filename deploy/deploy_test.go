// Package deploy_test holds the deployment files to what their readers say: each
// is checked by the program that it is written for, or by that program's own
// code where the program itself needs more than a test machine has.
package deploy_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// program finds a tool of the test machine. Without it the test fails: a file
// that nobody has checked must not look like one that was.
func program(t *testing.T, name, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/sbin", "/sbin"} { // not in the PATH of ordinary users
		if err != nil {
			path, err = exec.LookPath(filepath.Join(dir, name))
		}
	}
	if err != nil {
		t.Fatalf("%s is not installed: apt-get install -y --no-install-recommends %s", name, debianPackage)
	}
	return path
}

// command prepares a tool that has a minute, and a home that is not the caller's.
func command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, name, args...)
}

// accepts runs a tool that is to be content.
func accepts(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
}

// refuses runs a tool that is to object to what; a check that finds nothing wrong
// with a broken file proves nothing about a good one.
func refuses(t *testing.T, cmd *exec.Cmd, what string) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("%s accepts a file with a mistake in it", strings.Join(cmd.Args, " "))
		return
	}
	if !strings.Contains(string(out), what) {
		t.Errorf("the refusal does not name %q:\n%s", what, out)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// with writes a copy of content in which each old is replaced by the new that
// follows it; an old that is not there fails the test, as the file has changed
// under it.
func with(t *testing.T, name, content string, oldnew ...string) string {
	t.Helper()
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(content, oldnew[i]) {
			t.Fatalf("%s: %q is not in it any more", name, oldnew[i])
		}
		content = strings.ReplaceAll(content, oldnew[i], oldnew[i+1])
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
