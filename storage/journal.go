package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rambla/social"
)

// journal collects the changes of one transaction. It holds the lock on the site
// row from the beginning on, so versions are committed in their order.
type journal struct {
	version int64 // the newest, before or in this transaction
	first   int64 // the newest before it
	now     int64
	subject made
}

// change runs f in a transaction that alters rights: it locks the site row,
// before f takes any other lock, and commits the version that f has reached.
func (db *DB) change(ctx context.Context, what string, now time.Time, f func(context.Context, *tx) error) error {
	changed, told := false, false
	err := db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		j := &journal{now: micros(now)}
		t.journal = j
		err := one(ctx, t, into(&j.version), `SELECT version FROM site WHERE id = 1`+t.forUpdate)
		if err != nil {
			return fmt.Errorf("lock the journal: %w", err)
		}
		j.first = j.version
		if err := f(ctx, t); err != nil {
			return err
		}
		if changed = j.version > j.first; !changed {
			return nil
		}
		if told, err = t.audited(ctx); err != nil {
			return err
		}
		_, err = t.exec(ctx, `UPDATE site SET version = $1 WHERE id = 1`, j.version)
		return err
	})
	switch acting := social.ActingIn(ctx); {
	case err == nil && told:
		acting.Told()
	case err == nil && !changed, errors.Is(err, errUnchanged):
		acting.Moot()
	}
	if err != nil && !errors.Is(err, errUnchanged) {
		return failure(fmt.Errorf("%s: %w", what, err))
	}
	return nil
}

// errUnchanged undoes a transaction of change that turned out to change nothing,
// and is no error of it.
var errUnchanged = errors.New("nothing changes")

// note writes the next entry of the journal.
func (t *tx) note(ctx context.Context, c social.Change) error {
	j := t.journal
	j.version++
	_, err := t.exec(ctx, `INSERT INTO changes (version, kind, person, space, grant_id, at) VALUES ($1, $2, $3, $4, $5, $6)`,
		j.version, int64(c.Kind), int64(c.Person), int64(c.Space), int64(c.Grant), j.now)
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

// noteAll writes what else the journal tells of, of one kind, under versions that are
// given out already.
func (t *tx) noteAll(ctx context.Context, kind social.ChangeKind, versions, people, spaces []int64) error {
	_, err := t.exec(ctx, `INSERT INTO changes (version, kind, person, space, grant_id, at)
		SELECT u.version, $1, u.person, u.space, 0, $2
		FROM unnest($3::bigint[], $4::bigint[], $5::bigint[]) AS u (version, person, space)`,
		int64(kind), t.journal.now, versions, people, spaces)
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

// Version is [social.DirectoryStore]'s.
func (db *DB) Version(ctx context.Context) (int64, error) {
	var v int64
	err := one(ctx, db.eng.reader(), into(&v), `SELECT version FROM site WHERE id = 1`)
	return v, failure(err)
}

// ChangesAfter is [social.DirectoryStore]'s. Where the journal no longer reaches
// back to version it is KindInternal: what was missed cannot be told any more,
// and the caller has to read everything anew.
func (db *DB) ChangesAfter(ctx context.Context, version int64, limit int) ([]social.Change, error) {
	var out []social.Change
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var c social.Change
		err := rs.Scan(&c.Version, &c.Kind, &c.Person, &c.Space, &c.Grant)
		out = append(out, c)
		return err
	}, `SELECT version, kind, person, space, grant_id FROM changes WHERE version > $1 ORDER BY version LIMIT $2`, version, limit)
	if err == nil && len(out) > 0 && out[0].Version != version+1 {
		err = &brokenRuleError{fmt.Sprintf("the journal of rights begins at %d, after %d", out[0].Version, version)}
	}
	if err != nil {
		return nil, failure(fmt.Errorf("read the journal: %w", err))
	}
	return out, nil
}
