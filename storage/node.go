package storage

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"rambla/social"
)

const (
	// sweepSize bounds how many sessions of dead nodes one Beat notes.
	sweepSize = 300
	// nodeLife is how long a node that died stays known.
	nodeLife = 24 * time.Hour
	// swept is in a node's row when no session of it is left.
	swept = math.MaxInt64
)

// Beat is [social.SessionStore]'s.
func (db *DB) Beat(ctx context.Context, node social.NodeID, now, dead time.Time) (more bool, err error) {
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `INSERT INTO nodes (id, started_at, seen_at) VALUES ($1, $2, $2)
			ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, swept = 0`, int64(node), micros(now)) //nolint:gosec // ids are positive
		return err
	})
	if err == nil {
		err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
			var err error
			more, err = sweep(ctx, t, node, dead)
			return err
		})
	}
	if err != nil {
		return false, failure(fmt.Errorf("beat: %w", err))
	}
	return more, nil
}

// sweep notes that sessions of one dead node have lost their connection when it
// was last seen. found is whether there was such a node.
func sweep(ctx context.Context, t *tx, self social.NodeID, dead time.Time) (found bool, err error) {
	var node, seen, from int64
	// There are a handful of nodes. Of two that look, one sweeps.
	err = one(ctx, t, into(&node, &seen, &from), `SELECT id, seen_at, swept FROM nodes
		WHERE seen_at < $1 AND id <> $2 AND swept < $3 ORDER BY id LIMIT 1`+t.skipLocked,
		micros(dead), int64(self), int64(swept)) //nolint:gosec // ids are positive
	if errors.Is(err, errNoRow) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	// By primary key, each session once: one that comes behind cannot belong to
	// this node, which claims nothing any more.
	ids, err := readIDs(ctx, t, `SELECT id FROM sessions WHERE id > $1 AND node = $2 ORDER BY id LIMIT $3`, from, node, sweepSize)
	if err != nil {
		return false, fmt.Errorf("find sessions: %w", err)
	}
	next := int64(swept)
	if len(ids) == sweepSize {
		next = ids[len(ids)-1]
	}
	if _, err := t.exec(ctx, `UPDATE nodes SET swept = $2 WHERE id = $1`, node, next); err != nil {
		return false, err
	}
	if len(ids) == 0 {
		return true, nil
	}
	return true, leave(ctx, t, node, seen, ids)
}

// leave notes that these sessions have lost their connection to a node, those
// that are still its own.
func leave(ctx context.Context, t *tx, node, seen int64, ids []int64) error {
	var left, over []int64
	err := each(ctx, t, func(rs rows) error {
		var (
			id   int64
			stay bool
		)
		err := rs.Scan(&id, &stay)
		if left = append(left, id); !stay {
			over = append(over, id)
		}
		return err
	}, `SELECT id, expiry > 0 OR octet_length(will) > 0 FROM sessions
		WHERE id = ANY($1) AND node = $2 ORDER BY person, kind, name`+t.forUpdate, ids, node)
	if err != nil {
		return fmt.Errorf("lock sessions: %w", err)
	}
	// A session's end does not wait for its will's delay [MQTT-3.1.3-9]. The fence
	// grows, so that a node that was only thought to be dead learns of it.
	if _, err := t.exec(ctx, `UPDATE sessions SET node = 0, left_at = $2, fence = fence + 1,
			will_due = CASE WHEN octet_length(will) = 0 THEN 0 WHEN will_delay < expiry THEN $2 + will_delay ELSE $2 + expiry END
		WHERE id = ANY($1)`, left, seen); err != nil {
		return fmt.Errorf("note that sessions were left: %w", err)
	}
	slices.Sort(over)
	return deleteSessions(ctx, t, over)
}

// deleteSessions deletes sessions that the transaction has locked.
func deleteSessions(ctx context.Context, t *tx, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	if err := endSessions(ctx, t, ids); err != nil {
		return err
	}
	if _, err := t.exec(ctx, `DELETE FROM sessions WHERE id = ANY($1)`, ids); err != nil {
		return fmt.Errorf("delete sessions: %w", err)
	}
	return nil
}

// TakeWills is [social.SessionStore]'s.
func (db *DB) TakeWills(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]social.Session, error) {
	var out []social.Session
	until := now.Add(lease)
	err := db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		// By sessions_will. What another node has taken, or is being written to, is
		// left to it.
		var err error
		out, err = readSessions(ctx, t, `SELECT `+sessionColumns+` FROM sessions s
			WHERE s.will_due <> 0 AND s.will_due <= $1 ORDER BY s.will_due LIMIT $2`+t.skipLocked, micros(now), limit)
		if err != nil || len(out) == 0 {
			return err
		}
		ids := make([]int64, len(out))
		for i := range out {
			s := &out[i]
			ids[i] = int64(s.ID) //nolint:gosec // came from a BIGINT
			s.Fence, s.WillDue = s.Fence+1, moment(micros(until))
		}
		_, err = t.exec(ctx, `UPDATE sessions SET will_due = $2, fence = fence + 1 WHERE id = ANY($1)`, ids, micros(until))
		return err
	})
	if err != nil {
		return nil, failure(fmt.Errorf("take wills: %w", err))
	}
	return out, nil
}

// purgeNodes forgets nodes that died long ago and have no sessions. One that has,
// because it claimed them without saying that it lives, or while it was thought
// to be dead, is looked at again.
func (db *DB) purgeNodes(ctx context.Context, now time.Time) (n int64, err error) {
	// All sessions, once, as purgeSessions.
	lost, err := readIDs(ctx, db.eng.reader(), `SELECT DISTINCT s.node FROM sessions s LEFT JOIN nodes n ON n.id = s.node
		WHERE s.node <> 0 AND (n.id IS NULL OR n.swept = $1)`, int64(swept))
	if err != nil {
		return 0, err
	}
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		for _, node := range lost {
			if _, err := t.exec(ctx, `INSERT INTO nodes (id, started_at, seen_at) VALUES ($1, $2, $2)
				ON CONFLICT (id) DO UPDATE SET swept = 0`, node, micros(now)); err != nil {
				return err
			}
		}
		var err error
		// There are a handful.
		n, err = t.exec(ctx, `DELETE FROM nodes WHERE swept = $1 AND seen_at <= $2`, int64(swept), micros(now.Add(-nodeLife)))
		return err
	})
	return n, err
}
