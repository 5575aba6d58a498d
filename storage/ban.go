package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rambla/social"
)

// Ban is [social.BanStore]'s. KindNotFound for a removed person or a deleted
// space, KindConflict for the owner.
func (db *DB) Ban(ctx context.Context, b social.Ban) (first bool, err error) {
	err = db.change(ctx, "ban", b.At, func(ctx context.Context, t *tx) error {
		if err := lockPerson(ctx, t, b.Person); err != nil {
			return err
		}
		var owner social.PersonKey
		err := one(ctx, t, into(&owner), `SELECT owner FROM spaces WHERE id = $1 AND NOT deleted`+t.forShare, int64(b.Space))
		if err != nil {
			return orNotFound(err, "context")
		}
		if owner == b.Person {
			return social.Errorf(social.KindConflict, "The owner of a context cannot be banned from it.")
		}
		// Also of one that is over: a returning session is told when it ended.
		if err := t.noteStanding(ctx, b.Person, int64(b.Space)); err != nil {
			return err
		}
		var (
			until  int64
			reason string
		)
		err = one(ctx, t, into(&until, &reason), `SELECT until_at, reason FROM bans WHERE space = $1 AND person = $2`, int64(b.Space), int64(b.Person))
		if err != nil && !errors.Is(err, errNoRow) {
			return fmt.Errorf("read the ban: %w", err)
		}
		first = err != nil || until != 0 && until <= t.journal.now
		if !first && until == micros(b.Until) && reason == b.Reason {
			return errUnchanged
		}
		_, err = t.exec(ctx, `INSERT INTO bans (space, person, until_at, by_whom, at, reason) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (space, person) DO UPDATE SET until_at = excluded.until_at, by_whom = excluded.by_whom, at = excluded.at,
				reason = excluded.reason`,
			int64(b.Space), int64(b.Person), micros(b.Until), int64(b.By), t.journal.now, b.Reason)
		if err != nil {
			return err
		}
		return t.note(ctx, social.Change{Kind: social.ChangeMember, Space: b.Space, Person: b.Person})
	})
	return first && err == nil, err
}

// Unban is [social.BanStore]'s.
func (db *DB) Unban(ctx context.Context, space social.SpaceKey, person social.PersonKey, now time.Time) (was bool, err error) {
	err = db.change(ctx, "lift a ban", now, func(ctx context.Context, t *tx) error {
		if err := t.noteStanding(ctx, person, int64(space)); err != nil {
			return err
		}
		n, err := t.exec(ctx, `DELETE FROM bans WHERE space = $1 AND person = $2 AND (until_at = 0 OR until_at > $3)`,
			int64(space), int64(person), t.journal.now)
		if err != nil {
			return err
		}
		if was = n > 0; !was {
			return errUnchanged
		}
		return t.note(ctx, social.Change{Kind: social.ChangeMember, Space: space, Person: person})
	})
	return was && err == nil, err
}

// Bans is [social.BanStore]'s.
func (db *DB) Bans(ctx context.Context, space social.SpaceKey, after social.PersonKey, limit int, now time.Time) ([]social.Ban, error) {
	var out []social.Ban
	// By primary key.
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		b := social.Ban{Space: space}
		var until, at int64
		err := rs.Scan(&b.Person, &until, &b.By, &at, &b.Reason)
		b.Until, b.At = moment(until), moment(at)
		out = append(out, b)
		return err
	}, `SELECT person, until_at, by_whom, at, reason FROM bans
		WHERE space = $1 AND person > $2 AND (until_at = 0 OR until_at > $3) ORDER BY person LIMIT $4`,
		int64(space), int64(after), micros(now), limit)
	if err != nil {
		return nil, failure(fmt.Errorf("read bans: %w", err))
	}
	return out, nil
}

// purgeBans deletes bans that were over before any session that may come back
// has left.
func (db *DB) purgeBans(ctx context.Context, now time.Time) (int64, error) {
	// By bans_until.
	return db.purgeBy(ctx, now.Add(-readLife), func(t *tx) string {
		return `WITH old AS MATERIALIZED (
				SELECT space, person FROM bans WHERE until_at <> 0 AND until_at <= $1 ORDER BY until_at LIMIT $2` + t.skipLocked + `)
			DELETE FROM bans WHERE (space, person) IN (SELECT space, person FROM old)`
	})
}
