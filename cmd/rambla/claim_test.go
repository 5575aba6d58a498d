package main

import (
	"strings"
	"testing"
)

// Two servers of one embedded store would each announce their own posts only.
func TestASecondServerOfAnEmbeddedStoreIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := serve(t, "--data", dir)
	_, stderr, code := rambla(t, "serve", "--data", dir, "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	if code != 1 || !strings.Contains(stderr, "another rambla serves") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	first.kill()
	serve(t, "--data", dir)
}
