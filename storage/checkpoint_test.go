package storage_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rambla/social"
	"rambla/storage/storagetest"
)

// eventually polls until f holds.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it never happened that %s", what)
		}
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// A reader that stays keeps the write-ahead log from being begun anew; when it
// has left, the log is emptied.
func TestTheLogOfTheEmbeddedStoreDoesNotGrowForEver(t *testing.T) {
	t.Parallel()
	cfg := storagetest.Config(t, storagetest.SQLite)
	w := storagetest.NewWorld(t, storagetest.OpenAt(t, cfg))
	file := filepath.Join(cfg.Dir, "rambla.db")

	db, err := sql.Open("sqlite", "file:"+file+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	reader, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Rollback() }()
	var n int
	if err := reader.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM people").Scan(&n); err != nil {
		t.Fatal(err)
	}
	payload := make([]byte, 4<<20)
	for range 20 {
		w.AppendEntries(storagetest.Epoch(), social.Entry{Sample: &social.Sample{
			Stream: w.Lobby.Stream(social.ChannelData), Topic: "t", Payload: payload, Author: w.Bob,
		}})
	}
	if got := w.DB.Stats().LogBytes; got < 64<<20 || got != size(t, file+"-wal") {
		t.Fatalf("the log has %d bytes: the test does not test", got)
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log was emptied", func() bool { return size(t, file+"-wal") < 1<<20 })
	if got := size(t, file); got < 80<<20 {
		t.Errorf("the file has %d bytes", got)
	}
}

func TestWhatIsCommittedMovesIntoTheFileMeanwhile(t *testing.T) {
	t.Parallel()
	cfg := storagetest.Config(t, storagetest.SQLite)
	w := storagetest.NewWorld(t, storagetest.OpenAt(t, cfg))
	w.AppendEntries(storagetest.Epoch(), social.Entry{Sample: &social.Sample{
		Stream: w.Lobby.Stream(social.ChannelData), Topic: "t", Payload: make([]byte, 2<<20), Author: w.Bob,
	}})
	file := filepath.Join(cfg.Dir, "rambla.db")
	eventually(t, "the file took it", func() bool { return size(t, file) > 2<<20 })
}
