package storage

import (
	"context"
	"fmt"
	"sync"
	"time"

	"rambla/social"
)

const (
	// pushShownFor is how long it is known what devices show.
	pushShownFor = 7 * 24 * time.Hour
	// pushDecisionFor and pushDeadFor are how long decisions and dead letters are kept.
	pushDecisionFor = 3 * 24 * time.Hour
	pushDeadFor     = 30 * 24 * time.Hour
)

// pushSweep is how far purging has looked, a page at a time and round and round:
// an index by time would cost every push a write.
type pushSweep struct {
	mu   sync.Mutex
	rows social.PushPlace
	told social.PersonKey // whose decisions come next
}

// purgePushes deletes rows that nothing has come to for long, with what belongs to
// them, and what was decided long ago.
func (db *DB) purgePushes(ctx context.Context, now time.Time) (n int64, err error) {
	db.sweep.mu.Lock()
	defer db.sweep.mu.Unlock()
	if n, err = db.purgePushRows(ctx, now); err != nil {
		return n, err
	}
	m, err := db.purgeDecisions(ctx, now)
	if n += m; err != nil {
		return n, err
	}
	m, err = db.purgeBy(ctx, now.Add(-pushDeadFor), func(*tx) string {
		return `DELETE FROM push_dead WHERE id IN (SELECT id FROM push_dead WHERE at <= $1 ORDER BY id LIMIT $2)`
	})
	return n + m, err
}

func (db *DB) purgePushRows(ctx context.Context, now time.Time) (n int64, err error) {
	var last social.PushPlace
	var old [2][]int64
	seen := 0
	err = each(ctx, db.eng.reader(), func(rs rows) error {
		var due, touched, gone int64
		err := rs.Scan(&last.Person, &last.Stream, &due, &touched, &gone)
		if seen++; gone != 0 || due == 0 && touched <= micros(now.Add(-pushShownFor)) {
			putColumns(old[:], int64(last.Person), int64(last.Stream))
		}
		return err
	}, `SELECT r.person, r.stream, r.due, r.touched_at, CASE WHEN p.id IS NULL OR p.removed OR s.id IS NULL THEN 1 ELSE 0 END
		FROM (SELECT * FROM push_rows WHERE (person, stream) > ($1, $2) ORDER BY person, stream LIMIT $3) r
		LEFT JOIN people p ON p.id = r.person LEFT JOIN streams s ON s.id = r.stream ORDER BY r.person, r.stream`,
		int64(db.sweep.rows.Person), int64(db.sweep.rows.Stream), purgeRows)
	if err != nil {
		return 0, err
	}
	if db.sweep.rows = last; seen < purgeRows {
		db.sweep.rows = social.PushPlace{}
	}
	if len(old[0]) == 0 {
		return 0, nil
	}
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		n = 0
		for from := 0; from < len(old[0]); from += pushChunk {
			to := min(from+pushChunk, len(old[0]))
			// Locked first, as in endRows.
			gone, err := t.exec(ctx, `WITH old AS MATERIALIZED (SELECT r.person, r.stream
					FROM unnest($1::bigint[], $2::bigint[]) AS u (person, stream) JOIN push_rows r ON r.person = u.person AND r.stream = u.stream
					WHERE r.touched_at <= $3 OR r.person IN (SELECT id FROM people WHERE removed)
					ORDER BY r.person, r.stream`+forUpdateOf(t, "r")+`)
				DELETE FROM push_rows WHERE (person, stream) IN (SELECT person, stream FROM old)`, old[0][from:to], old[1][from:to], micros(now.Add(-pushShownFor)))
			if err != nil {
				return err
			}
			n += gone
			if err := endOrphans(ctx, t, old[0][from:to], old[1][from:to]); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// endOrphans deletes what belonged to rows that are gone.
func endOrphans(ctx context.Context, t *tx, people, streams []int64) error {
	for _, table := range []string{"push_told", "push_named"} {
		_, err := t.exec(ctx, `DELETE FROM `+table+` WHERE (person, stream) IN (SELECT u.person, u.stream
				FROM unnest($1::bigint[], $2::bigint[]) AS u (person, stream)
				LEFT JOIN push_rows r ON r.person = u.person AND r.stream = u.stream WHERE r.person IS NULL)`, people, streams)
		if err != nil {
			return fmt.Errorf("%s: %w", table, err)
		}
	}
	return nil
}

// purgeDecisions looks at some people's at a time.
func (db *DB) purgeDecisions(ctx context.Context, now time.Time) (int64, error) {
	var last int64
	seen := 0
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		seen++
		return rs.Scan(&last)
	}, `SELECT person FROM push_decisions WHERE person > $1 ORDER BY person, n LIMIT $2`, int64(db.sweep.told), purgeRows)
	if err != nil {
		return 0, err
	}
	from := db.sweep.told
	if db.sweep.told = social.PersonKey(last); seen < purgeRows {
		db.sweep.told = 0
	}
	if seen == 0 {
		return 0, nil
	}
	var n int64
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) (err error) {
		n, err = t.exec(ctx, `DELETE FROM push_decisions WHERE person > $1 AND person <= $2 AND at <= $3`, int64(from), last, micros(now.Add(-pushDecisionFor)))
		return err
	})
	return n, err
}

// endPushes forgets what a person was to be pushed of, and was.
func endPushes(ctx context.Context, t *tx, person social.PersonKey) error {
	for _, table := range []string{"push_rows", "push_named", "push_told", "push_decisions"} {
		if _, err := t.exec(ctx, `DELETE FROM `+table+` WHERE person = $1`, int64(person)); err != nil {
			return fmt.Errorf("forget what was to be pushed: %w", err)
		}
	}
	return nil
}
