package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rambla/social"
)

const (
	// epochRows bounds what one transaction of BeginEpoch writes.
	epochRows = 500
	// versionLeap takes the journal of rights beyond every version that was told
	// before a restore; a site that changes something a thousand times a second
	// needs fifty days to come so far.
	versionLeap = 1 << 32
)

// ErrInUse is in the error of what needs a store for itself.
var ErrInUse = errors.New("the store is in use")

// Begun is what BeginEpoch has done.
type Begun struct {
	Epoch    string // of every stream from now on
	Streams  int
	Sessions int // that go on, and are told that something is gone
	Ended    int // that could not
}

// BeginEpoch is what follows the restore of a backup, before anything is served:
// every stream gets a new epoch, so that numbers known from before say nothing any
// more. Sessions go on at what they had acknowledged when the backup was made, and
// are told that something is missing; wills, and packets under way, are void.
//
// Nobody else may have the store open: KindConflict with [ErrInUse] where it can be
// told, which is on PostgreSQL. If it is interrupted, the store is refused by all
// others until it is run again.
//
// act is what the audit log is told of it, and when; nothing where it has no verb.
func BeginEpoch(ctx context.Context, cfg Config, now time.Time, act social.Act) (Begun, error) {
	const what = "the new epoch after a restore (rambla restore --epoch)"
	cfg.Migrate, cfg.completing, cfg.ReadOnly = true, true, false
	if err := cfg.alone(ctx); err != nil {
		return Begun{}, err
	}
	if _, err := Migrate(ctx, cfg); err != nil {
		return Begun{}, err
	}
	if err := cfg.mark(ctx, what); err != nil {
		return Begun{}, err
	}
	db, err := Open(ctx, cfg)
	if err != nil {
		return Begun{}, err
	}
	out := Begun{Epoch: newEpoch()}
	if err = db.beginEpoch(ctx, &out, micros(now)); err == nil {
		act.At, act.After = now, "epoch "+out.Epoch
		err = db.tell(ctx, act)
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return Begun{}, failure(fmt.Errorf("begin a new epoch: %w", err))
	}
	return out, cfg.mark(ctx, "")
}

// mark keeps everybody but its caller away from the store, until "".
func (c Config) mark(ctx context.Context, what string) error {
	_, err := onSchema(ctx, c, func(s schema) (SchemaStatus, error) { return SchemaStatus{}, s.mark(ctx, what) })
	return err
}

// tell writes down what was done with the whole store.
func (db *DB) tell(ctx context.Context, act social.Act) error {
	if act.Verb == "" {
		return nil
	}
	return db.AppendActs(ctx, []social.Act{act})
}

func (db *DB) beginEpoch(ctx context.Context, out *Begun, now int64) error {
	if err := db.epochOfStreams(ctx, out); err != nil {
		return fmt.Errorf("of streams: %w", err)
	}
	if err := db.epochOfSessions(ctx, out, now); err != nil {
		return fmt.Errorf("of sessions: %w", err)
	}
	return db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		// All of them: no node lives, and what a client publishes again is a new
		// publish, whatever its packet identifier was once used for. What somebody
		// has seen of the journal begins anew.
		for _, text := range []string{`DELETE FROM nodes`, `DELETE FROM inbound`, `DELETE FROM changes`} {
			if _, err := t.exec(ctx, text); err != nil {
				return err
			}
		}
		_, err := t.exec(ctx, `UPDATE site SET version = version + $1 WHERE id = 1`, int64(versionLeap))
		if err == nil {
			_, err = t.exec(ctx, `INSERT INTO changes (version, kind, person, space, grant_id, at) SELECT version, $1, 0, 0, 0, $2 FROM site`,
				int64(social.ChangeEpoch), now)
		}
		return err
	})
}

func (db *DB) epochOfStreams(ctx context.Context, out *Begun) error {
	for after, n := int64(0), epochRows; n == epochRows; {
		err := db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
			ids, err := readIDs(ctx, t, `SELECT id FROM streams WHERE id > $1 ORDER BY id LIMIT $2`+t.forUpdate, after, epochRows)
			if n = len(ids); err != nil || n == 0 {
				return err
			}
			after = ids[n-1]
			_, err = t.exec(ctx, `UPDATE streams SET epoch = $2 WHERE id = ANY($1)`, ids, out.Epoch)
			return err
		})
		if err != nil {
			return err
		}
		out.Streams += n
	}
	return nil
}

func (db *DB) epochOfSessions(ctx context.Context, out *Begun, now int64) error {
	for after, n := int64(0), epochRows; n == epochRows; {
		var on [][]any
		var over []int64
		last := after
		err := db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
			on, over, n, last = nil, nil, 0, after
			err := each(ctx, t, func(rs rows) error {
				var expiry int64
				var position []byte
				err := rs.Scan(&last, &expiry, &position)
				n++
				p, broken := social.DecodePosition(position)
				// What has no position has nowhere to go on: its client subscribes anew.
				if broken != nil || len(position) == 0 || expiry == 0 {
					over = append(over, last)
					return err
				}
				on = append(on, []any{last, now, social.EncodePosition(p.Begun()), []byte{}})
				return err
			}, `SELECT id, expiry, position FROM sessions WHERE id > $1 ORDER BY id LIMIT $2`+t.forUpdate, after, epochRows)
			if err != nil {
				return err
			}
			if err := deleteSessions(ctx, t, over); err != nil {
				return err
			}
			// From now on, as if all connections had ended with the restore.
			return t.many(ctx, `UPDATE sessions SET node = 0, left_at = $2, fence = fence + 1, will = $4, will_delay = 0, will_due = 0,
				position = $3 WHERE id = $1`, on)
		})
		if err != nil {
			return err
		}
		after = last
		out.Sessions += len(on)
		out.Ended += len(over)
	}
	return nil
}

// alone refuses a database of PostgreSQL that somebody else is connected to. Who
// holds the embedded store, its caller knows.
func (c Config) alone(ctx context.Context) error {
	if c.embedded() {
		return nil
	}
	s, err := openPGSchema(ctx, c)
	if err != nil {
		return failure(err)
	}
	pg := s.(*pgSchema) //nolint:forcetypeassert,errcheck // what openPGSchema makes
	var others int
	err = pg.conn.QueryRow(ctx, `SELECT COUNT(*) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = $1`, pgName).Scan(&others)
	if err = errors.Join(err, s.close()); err != nil {
		return failure(fmt.Errorf("see who uses the database: %w", err))
	}
	if others > 0 {
		return &social.Error{
			Kind: social.KindConflict, Err: ErrInUse,
			Safe: fmt.Sprintf("The database is in use by %d connections of a server; stop it first.", others),
		}
	}
	return nil
}
