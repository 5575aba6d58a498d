package main

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
)

func TestNoCommandOpensAStoreOfANewerProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, stderr, code := here(nil, "migrate", "up", "--data", dir); code != exitOK {
		t.Fatal(stderr)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "rambla.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, step := range []struct{ damage, says string }{
		{`INSERT INTO schema_migrations (version, name, applied_at) VALUES (1000, '1000_tomorrow', 0)`, "newer than"},
		{`UPDATE schema_migrations SET version = 1000000000, name = 'a half-done move' WHERE version = 1000`, "a half-done move did not come to its end"},
	} {
		if _, err := db.ExecContext(t.Context(), step.damage); err != nil {
			t.Fatal(err)
		}
		for _, command := range []string{
			"serve --mqtt 127.0.0.1:0 --http 127.0.0.1:0 --admin 127.0.0.1:0", "user list", "user suspend ann", "token create --user ann",
			"migrate status", "migrate up", "migrate --to " + filepath.Join(t.TempDir(), "to"), "doctor", "push why ann", "backup " + filepath.Join(t.TempDir(), "b.tar"),
		} {
			_, stderr, code := here(nil, append(strings.Fields(command), "--data", dir)...)
			if code != exitFailure || !strings.Contains(stderr, step.says) {
				t.Errorf("rambla %s: %d, wanted %q\n%s", command, code, step.says, stderr)
			}
		}
	}
}
