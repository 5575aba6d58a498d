//go:build unix

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"rambla/storage/pgtest"
)

// The tests are not parallel: they change the environment of the process.

func TestTheCommandFindsAServerAndItsExitCodeIsOurs(t *testing.T) {
	t.Setenv(pgtest.EnvDatabase, "")
	seen := filepath.Join(t.TempDir(), "url")
	code, err := run(t.Context(), []string{"sh", "-c", `printf %s "$RAMBLA_TEST_DATABASE" > "$0"; exit 7`, seen}, &bytes.Buffer{})
	if code != 7 || err != nil {
		t.Errorf("exit code %d, %v; want the command's 7", code, err)
	}
	url, err := os.ReadFile(seen)
	if err != nil || !strings.HasPrefix(string(url), "postgres://") {
		t.Fatalf("the command saw %q, %v", url, err)
	}
	if _, err := pgx.Connect(t.Context(), string(url)); err == nil {
		t.Error("the server has outlived the command")
	}
}

func TestAServerThatIsNamedIsUsed(t *testing.T) {
	t.Setenv(pgtest.EnvDatabase, "postgres://named/postgres")
	code, err := run(t.Context(), []string{"sh", "-c", `test "$RAMBLA_TEST_DATABASE" = postgres://named/postgres`}, &bytes.Buffer{})
	if code != 0 || err != nil {
		t.Errorf("exit code %d, %v", code, err)
	}
}

func TestWithoutACommandTheURLIsPrinted(t *testing.T) {
	t.Setenv(pgtest.EnvDatabase, "postgres://named/postgres")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	if code, err := run(ctx, nil, &out); code != 0 || err != nil {
		t.Errorf("exit code %d, %v", code, err)
	}
	if !strings.HasPrefix(out.String(), "postgres://named/postgres\n") {
		t.Errorf("printed %q", out.String())
	}
}
