package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rambla/backup"
	"rambla/storage/pgtest"
)

func TestASiteMovesToPostgreSQLAndBackByCommands(t *testing.T) {
	t.Parallel()
	there, back := pgtest.Database(t), filepath.Join(t.TempDir(), "back")
	dir := t.TempDir()
	people := filepath.Join(dir, "people.ndjson")
	writeFile(t, people, `{"type":"person","name":"ann","displayName":"Ann Example"}`+"\n")
	empty := t.TempDir()
	for _, step := range []struct {
		args string
		want int
		says string // where it fails on standard error
	}{
		{"migrate --to " + there + " --data " + empty, exitFailure, "there is no store to move"},
		{"user import " + people + " --data " + dir, exitOK, "people imported: 1 added"},
		{"migrate --to " + there + " --data " + dir, exitOK, "the site has moved, and both sides are the same"},
		{"user list --data " + dir + " --database " + there, exitOK, "Ann Example"},
		{"migrate --to " + there + " --data " + dir, exitFailure, "The target holds a site already, of 1 people"},
		{"migrate --again --to " + there + " --data " + dir, exitFailure, "The target holds a site already, of 1 people"},
		{"backup " + filepath.Join(dir, "x.tar") + " --data " + dir + " --database " + there, exitFailure, "pg_dump"},
		{"restore " + filepath.Join(dir, "x.tar") + " --data " + dir + " --database " + there, exitUsage, "pg_restore"},
		{"restore --epoch x.tar --data " + dir + " --database " + there, exitUsage, "--epoch goes with no file"},
		{"restore --epoch --data " + dir + " --database " + there, exitOK, "0 sessions go on"},
		{"doctor --data " + dir + " --database " + there, exitOK, ""},
		{"migrate --to " + back + " --data " + dir + " --database " + there, exitOK, "the site has moved"},
		{"user list --data " + back, exitOK, "Ann Example"},
		{"doctor --data " + back, exitOK, ""},
	} {
		stdout, stderr, code := here(nil, strings.Fields(step.args)...)
		text := stdout
		if step.want != exitOK {
			text = stderr
		}
		if code != step.want || !strings.Contains(text, step.says) {
			t.Fatalf("rambla %s: %d, wanted %d and %q\n%s%s", step.args, code, step.want, step.says, stdout, stderr)
		}
	}
}

// What is wrong with archives themselves is told in the package backup.
func TestABadBackupLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	archive := func(schema int, parts ...string) string {
		file := filepath.Join(t.TempDir(), "bad.tar")
		out, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = out.Close() }() // read below
		w, err := backup.NewWriter(out, backup.Manifest{Version: "9.9", Schema: schema, Created: time.Now()}, t.TempDir())
		for _, name := range parts {
			if err == nil {
				err = w.Add(name, strings.NewReader(name), int64(len(name)))
			}
		}
		if err != nil || w.Close() != nil {
			t.Fatal(err)
		}
		return file
	}
	cut := archive(1, "rambla.db")
	if err := os.Truncate(cut, 1700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ file, says string }{
		"no archive":                  {"move_test.go", "the backup is damaged"},
		"one that was cut short":      {cut, "take another copy of it, or an older backup"},
		"one without a store":         {archive(1, "files/a"), "it holds no store"},
		"one whose store is none":     {archive(1, "rambla.db"), "nothing was restored"},
		"one of a newer program":      {archive(1000, "rambla.db"), "use the newer program"},
		"one that leads out":          {archive(1, "files/../../evil", "rambla.db"), "is no part of a backup"},
		"one with what nobody asked":  {archive(1, "rambla.yaml", "rambla.db"), "is no part of a backup"},
		"one with half-written files": {archive(1, "files/.incoming/half", "rambla.db"), "is no part of a backup"},
	} {
		dir := t.TempDir()
		stdout, stderr, code := here(nil, "restore", c.file, "--data", dir)
		if code != exitFailure || !strings.Contains(stderr, "nothing was restored") || !strings.Contains(stderr, c.says) {
			t.Errorf("%s: %d, wanted %q\n%s%s", name, code, c.says, stdout, stderr)
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 1 || len(left) == 1 && left[0].Name() != "serve.lock" {
			t.Errorf("%s leaves %v, %v", name, left, err)
		}
	}
}
