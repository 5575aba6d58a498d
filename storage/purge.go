package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rambla/social"
)

const (
	// purgeRows bounds what one call deletes from each table: a lock and a
	// transaction of milliseconds, repeated by the caller until nothing is left.
	purgeRows = 5000
	// journalLife is how long entries of the journal of rights are kept: far longer than
	// any server follows it from afar.
	journalLife = 30 * 24 * time.Hour
)

// Purge deletes a bounded number of rows that nothing needs any more: idempotency
// keys, replays, what the retention of contexts gives up, what
// deleted ones held, tokens, grants that
// nothing can refresh, entries of the journal, sessions that are over, nodes that
// died, the history of who could read, bans that ended long ago, what push
// remembers for too long, what search remembers of posts that were given up, and
// old entries of the audit log. rows is how many; call again soon where it
// is not 0.
func (db *DB) Purge(ctx context.Context, now time.Time) (rows int, err error) {
	for _, s := range db.purges() {
		n, err := s.run(ctx, now)
		rows += int(n)
		db.metrics.purged.WithLabelValues(s.of).Add(float64(n))
		if err != nil {
			return rows, failure(fmt.Errorf("purge %s: %w", s.what, err))
		}
	}
	return rows, nil
}

// purge is one of the steps of Purge.
type purge struct {
	of   string // the label of rambla_purge_rows_total
	what string
	run  func(context.Context, time.Time) (int64, error)
}

func (db *DB) purges() []purge {
	return []purge{
		{"keys", "idempotency keys", db.purgeKeys},
		{"replays", "replays", db.purgeReplays},
		{"samples", "samples", db.purgeSamples},
		{"posts", "posts", db.purgePosts},
		{"ended", "what deleted contexts held", db.purgeEnded},
		{"retained", "retained messages", db.purgeRetained},
		{"grants", "grants", db.purgeGrants},
		{"journal", "journal", db.purgeJournal},
		{"sessions", "sessions", db.purgeSessions},
		{"nodes", "nodes", db.purgeNodes},
		{"rights", "the history of rights", db.purgeReads},
		{"bans", "bans", db.purgeBans},
		{"pushes", "pushes", db.purgePushes},
		{"search", "the index of search", db.purgeSearch},
		{"audit", "the audit log", db.purgeAudit},
	}
}

// purgeBy runs one DELETE. Its rows are chosen once, in a MATERIALIZED part: as a
// plain subquery with a LIMIT and locks, a planner may run it again for each row.
func (db *DB) purgeBy(ctx context.Context, before time.Time, text func(*tx) string) (n int64, err error) {
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		var err error
		n, err = t.exec(ctx, text(t), micros(before), purgeRows)
		return err
	})
	return n, err
}

func (db *DB) purgeKeys(ctx context.Context, now time.Time) (int64, error) {
	// By keys_at. What an append has locked is left for the next time.
	return db.purgeBy(ctx, now.Add(-social.KeyLife), func(t *tx) string {
		return `WITH old AS MATERIALIZED (SELECT person, key FROM keys WHERE at <= $1 ORDER BY at LIMIT $2` + t.skipLocked + `)
			DELETE FROM keys WHERE (person, key) IN (SELECT person, key FROM old)`
	})
}

func (db *DB) purgeReplays(ctx context.Context, now time.Time) (int64, error) {
	// By replays_at.
	return db.purgeBy(ctx, now.Add(-social.KeyLife), func(t *tx) string {
		return `WITH old AS MATERIALIZED (SELECT person, key FROM replays WHERE at <= $1 ORDER BY at LIMIT $2` + t.skipLocked + `)
			DELETE FROM replays WHERE (person, key) IN (SELECT person, key FROM old)`
	})
}

// purgeGrants deletes expired tokens, and ends the grants that have expired or
// can no longer be refreshed.
func (db *DB) purgeGrants(ctx context.Context, now time.Time) (int64, error) {
	// By tokens_expiry. Used refresh tokens stay until they expire, to tell a replay.
	n, err := db.purgeBy(ctx, now, func(t *tx) string {
		return `WITH old AS MATERIALIZED (
				SELECT hash FROM tokens WHERE expires_at <= $1 AND expires_at <> 0 ORDER BY expires_at LIMIT $2` + t.skipLocked + `)
			DELETE FROM tokens WHERE hash IN (SELECT hash FROM old)`
	})
	if err != nil {
		return n, err
	}
	// Searched before the journal is locked, because all living grants are read.
	over, err := db.grantsOver(ctx, now)
	if err != nil || len(over) == 0 {
		return n, err
	}
	err = db.change(ctx, "end grants", now, func(ctx context.Context, t *tx) error {
		for _, k := range over {
			if err := endGrantIfOver(ctx, t, k); err != nil {
				return err
			}
		}
		return nil
	})
	return n + int64(len(over)), err
}

const grantOver = `g.ended_at = 0 AND ((g.expires_at <> 0 AND g.expires_at <= $1)
	OR NOT EXISTS (SELECT 1 FROM tokens k WHERE k.grant_id = g.id))`

func (db *DB) grantsOver(ctx context.Context, now time.Time) ([]social.GrantKey, error) {
	var over []social.GrantKey
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var k social.GrantKey
		err := rs.Scan(&k)
		over = append(over, k)
		return err
	}, `SELECT g.id FROM grants g WHERE `+grantOver+` ORDER BY g.id LIMIT $2`, micros(now), purgeRows)
	return over, err
}

// endGrantIfOver looks again, now that nobody can refresh it meanwhile.
func endGrantIfOver(ctx context.Context, t *tx, k social.GrantKey) error {
	var is int
	err := one(ctx, t, into(&is), `SELECT 1 FROM grants WHERE id = $1`+t.forUpdate, int64(k))
	if err == nil {
		err = one(ctx, t, into(&is), `SELECT 1 FROM grants g WHERE g.id = $2 AND `+grantOver, t.journal.now, int64(k))
	}
	if errors.Is(err, errNoRow) {
		return nil
	}
	if err != nil {
		return err
	}
	return endGrant(ctx, t, k)
}

func (db *DB) purgeJournal(ctx context.Context, now time.Time) (int64, error) {
	// By primary key, whose order is that of time. The newest stays: it tells
	// whoever is further back that something is missing.
	return db.purgeBy(ctx, now.Add(-journalLife), func(*tx) string {
		return `WITH old AS MATERIALIZED (SELECT c.version FROM changes c
				WHERE c.at <= $1 AND c.version < (SELECT s.version FROM site s) ORDER BY c.version LIMIT $2)
			DELETE FROM changes WHERE version IN (SELECT version FROM old)`
	})
}
