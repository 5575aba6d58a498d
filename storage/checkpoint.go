package storage

import (
	"context"
	"database/sql"
	"log/slog"
	"os"
	"time"
)

const (
	checkpointEvery = 200 * time.Millisecond
	// logLimit is the size of the write-ahead log, in bytes, from which on the
	// checkpointer empties it: a PASSIVE checkpoint cannot begin the log anew while
	// there is always some reader in it.
	logLimit = 64 << 20
	// To empty the log, writers are kept out until the last reader has left; they
	// are not kept longer than this, nor more often than that.
	insistFor   = "PRAGMA busy_timeout(50)" // milliseconds
	insistEvery = 3 * time.Second
)

// checkpointer moves what was committed from the write-ahead log into the
// file, on a connection of its own. SQLite would do it inside a commit, and
// that commit, and all that wait for it, would pay: 338 ms instead of 22 ms for
// the slowest in a hundred at ten million rows.
type checkpointer struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// startCheckpointer starts it; it ends with stop, not with ctx.
func startCheckpointer(ctx context.Context, path string, log *slog.Logger, m *metrics) *checkpointer {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := &checkpointer{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		runCheckpoints(ctx, path, log, m)
	}()
	return c
}

// stop waits until the checkpointer has let go of the file.
func (c *checkpointer) stop() {
	if c == nil {
		return
	}
	c.cancel()
	<-c.done
}

func runCheckpoints(ctx context.Context, path string, log *slog.Logger, m *metrics) {
	db, err := openWriter(path)
	if err != nil {
		log.ErrorContext(ctx, "the write-ahead log cannot be checkpointed and will grow", "err", err)
		return
	}
	defer func() { _ = db.Close() }()  // it has written nothing that is not in the log
	work := context.WithoutCancel(ctx) // see lite
	if _, err := db.ExecContext(work, insistFor); err != nil {
		log.WarnContext(ctx, "the checkpointer may keep writers waiting", "err", err)
	}
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	var (
		last     logState
		insisted time.Time
		failing  bool
	)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		state := stateOf(path + "-wal")
		m.logBytes.Set(float64(state.size))
		insist := state.size > logLimit && time.Since(insisted) > insistEvery
		if state.size == 0 || state == last && !insist {
			continue
		}
		if insist {
			insisted = time.Now()
		}
		err := checkpoint(work, db, insist)
		if err != nil && !failing {
			log.WarnContext(ctx, "checkpoint of the store did not go through; retrying", "err", err)
		}
		failing = err != nil
		if !failing {
			last = state
		}
	}
}

// checkpoint moves what it can without waiting for anybody, or, where insist is
// set, waits a little for readers and empties the log. That it could not is no
// error: it comes again.
func checkpoint(ctx context.Context, db *sql.DB, insist bool) error {
	mode := "PRAGMA wal_checkpoint(PASSIVE)"
	if insist {
		mode = "PRAGMA wal_checkpoint(TRUNCATE)"
	}
	var busy, frames, moved int
	return db.QueryRowContext(ctx, mode).Scan(&busy, &frames, &moved)
}

// logState tells whether anything was written since the last look.
type logState struct {
	size    int64
	changed time.Time
}

func stateOf(path string) logState {
	info, err := os.Stat(path)
	if err != nil {
		return logState{} // not there: nothing to do
	}
	return logState{info.Size(), info.ModTime()}
}

func fileSize(path string) int64 { return stateOf(path).size }
