//go:build unix

package pgtest

import (
	"fmt"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestEveryTestHasAnEmptyDatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	first, second := Database(t), Database(t)
	if first == second {
		t.Fatalf("two tests share %s", first)
	}
	exec1(t, first, "CREATE TABLE posts (seq bigint)")
	if n := query[int](t, second, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"); n != 0 {
		t.Errorf("a fresh database has %d tables", n)
	}
}

func TestTheDatabaseGoesWithItsTestEvenIfInUse(t *testing.T) {
	t.Parallel()
	anchor := Database(t) // from here one can ask after the other is gone
	var name string
	t.Run("inner", func(t *testing.T) {
		at, err := url.Parse(Database(t))
		if err != nil {
			t.Fatal(err)
		}
		name = strings.TrimPrefix(at.Path, "/")
		// Cleanups run last in, first out, so this connection would be closed
		// before the drop; a forgotten one is what a failing test leaves.
		forgotten, err := pgx.Connect(t.Context(), at.String())
		if err != nil {
			t.Fatal(err)
		}
		if err := forgotten.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	if n := query[int](t, anchor, "SELECT count(*) FROM pg_database WHERE datname = '"+name+"'"); n != 0 {
		t.Errorf("%s has outlived its test", name)
	}
}

func TestLeftoversOfCrashedRunsAreDropped(t *testing.T) {
	t.Parallel()
	s := start(t)
	now := time.Unix(1_800_000_000, 0)
	old := fmt.Sprintf("%s%d_old", namePrefix, now.Add(-leftoverAge-time.Hour).Unix())
	fresh := fmt.Sprintf("%s%d_fresh", namePrefix, now.Add(-time.Hour).Unix())
	for _, name := range []string{old, fresh, "somebodys"} {
		exec1(t, s.URL(), "CREATE DATABASE "+name)
	}
	if _, err := createDatabase(t.Context(), s.URL(), now); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{old: 0, fresh: 1, "somebodys": 1} {
		if n := query[int](t, s.URL(), "SELECT count(*) FROM pg_database WHERE datname = '"+name+"'"); n != want {
			t.Errorf("%s: %d, want %d", name, n, want)
		}
	}
}

// witness is a test that is expected to fail.
type witness struct {
	testing.TB
	fatal   string
	skipped bool
}

func (w *witness) Helper()        {}
func (w *witness) Cleanup(func()) {}
func (w *witness) Fatalf(format string, args ...any) {
	w.fatal = fmt.Sprintf(format, args...)
	runtime.Goexit()
}
func (w *witness) Skip(...any)          { w.skipped = true; runtime.Goexit() }
func (w *witness) Skipf(string, ...any) { w.skipped = true; runtime.Goexit() }
func (w *witness) SkipNow()             { w.skipped = true; runtime.Goexit() }

// Not parallel: it changes the environment of the process.
func TestAMissingServerFailsTheTestAndDoesNotSkipIt(t *testing.T) {
	for name, server := range map[string]string{
		"nobody listens": "postgres://rambla:secret@127.0.0.1:1/postgres",
		"not a URL":      "host=127.0.0.1 password=secret",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(EnvDatabase, server)
			w := &witness{TB: t}
			done := make(chan struct{})
			go func() {
				defer close(done)
				Database(w)
			}()
			<-done
			if w.skipped || w.fatal == "" {
				t.Errorf("skipped: %v, failed with %q", w.skipped, w.fatal)
			}
			if strings.Contains(w.fatal, "secret") {
				t.Errorf("the message shows the password: %s", w.fatal)
			}
		})
	}
}
