//go:build unix

package pgtest

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// privateRoom is a room that no other process knows.
func privateRoom(t *testing.T) room {
	t.Helper()
	known, err := openRoom()
	if err != nil {
		t.Fatal(err)
	}
	//nolint:usetesting // the server's account cannot enter what t.TempDir makes
	dir, err := os.MkdirTemp(filepath.Dir(known.dir), "rambla-pgtest-room-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return room{dir: dir, account: known.account, linger: time.Second}
}

// start is a server in a room of its own.
func start(t *testing.T) *Server {
	t.Helper()
	s, err := startIn(t.Context(), privateRoom(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec1(t *testing.T, url, sql string) {
	t.Helper()
	if _, err := connect(t, url).Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func query[T any](t *testing.T, url, sql string) (value T) {
	t.Helper()
	if err := connect(t, url).QueryRow(t.Context(), sql).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// eventually polls until the claim holds.
func eventually(t *testing.T, claim string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	for !holds() {
		if pause(ctx, 20*time.Millisecond) != nil {
			t.Fatalf("after %s it is still not so that %s", startLimit, claim)
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
