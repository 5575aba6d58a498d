package storage

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"rambla/social"
)

// wallName is what a person's wall is called in the column of names: there is one
// at most, however many nodes want it at once.
func wallName(person social.PersonKey) string {
	return wallPrefix + strconv.FormatInt(int64(person), 10)
}

// CreateWall is [social.WallStore]'s.
func (db *DB) CreateWall(ctx context.Context, person social.PersonKey, now time.Time) (key social.SpaceKey, err error) {
	err = db.change(ctx, "make a wall", now, func(ctx context.Context, t *tx) error {
		if err := lockPerson(ctx, t, person); err != nil {
			return err
		}
		// Nobody else makes one while this transaction holds the journal.
		err := one(ctx, t, into(&key), `SELECT id FROM spaces WHERE name = $1`, wallName(person))
		switch {
		case err == nil:
			return errUnchanged
		case !errors.Is(err, errNoRow):
			return fmt.Errorf("look for it: %w", err)
		}
		err = one(ctx, t, into(&key), `INSERT INTO spaces (name, kind, display_name, description, url, preset, policies, tags,
				notifications, history, receipts, owner, created_at)
			VALUES ($1, $2, '', '', '', '', $3, '[]', '', 0, FALSE, $4, $5) RETURNING id`,
			wallName(person), int64(social.KindWall), policyValue(social.Policies{}), int64(person), micros(now))
		if err != nil {
			return fmt.Errorf("insert: %w", err)
		}
		if err := createStreams(ctx, t, social.KindWall, int64(key)); err != nil {
			return err
		}
		return t.note(ctx, social.Change{Kind: social.ChangeSpace, Space: key})
	})
	return key, err
}

// closeWall ends the wall of a person who is removed, if there is one: its
// followers go, its posts are nobody's to see.
func closeWall(ctx context.Context, t *tx, person social.PersonKey) error {
	var key social.SpaceKey
	err := one(ctx, t, into(&key), `UPDATE spaces SET deleted = TRUE WHERE name = $1 AND NOT deleted RETURNING id`, wallName(person))
	if errors.Is(err, errNoRow) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("close the wall: %w", err)
	}
	if err := t.note(ctx, social.Change{Kind: social.ChangeSpace, Space: key}); err != nil {
		return err
	}
	if _, err := t.exec(ctx, `DELETE FROM members WHERE space = $1`, int64(key)); err != nil {
		return fmt.Errorf("end what follows: %w", err)
	}
	if err := lockStreams(ctx, t, key); err != nil {
		return err
	}
	if err := removeAttachmentsIn(ctx, t, key, t.journal.now); err != nil {
		return err
	}
	if _, err := t.exec(ctx, `UPDATE streams SET closed = TRUE WHERE space = $1`, int64(key)); err != nil {
		return fmt.Errorf("close the wall's streams: %w", err)
	}
	return nil
}

// noteHidden keeps who could read a person's wall until now, where other roles
// hide the person or show it: as if the wall had a policy for reading.
func (t *tx) noteHidden(ctx context.Context, person social.PersonKey, next social.Roles) error {
	var (
		was  social.Roles
		wall social.SpaceKey
	)
	err := one(ctx, t, into(&was, &wall), `SELECT p.roles, s.id FROM people p JOIN spaces s ON s.name = $2 WHERE p.id = $1`,
		int64(person), wallName(person))
	if errors.Is(err, errNoRow) || err == nil && (was^next)&social.RoleHidden == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the roles: %w", err)
	}
	before := social.PolicyPublic
	if was.Has(social.RoleHidden) {
		before = social.PolicyRestricted
	}
	if _, err := t.exec(ctx, notePolicy, t.journal.version+1, t.journal.now, int64(wall), int64(before)); err != nil {
		return fmt.Errorf("keep who could read a wall: %w", err)
	}
	return nil
}

// Following is [social.WallStore]'s.
func (db *DB) Following(ctx context.Context, person, after social.PersonKey, limit int) ([]social.Following, error) {
	var out []social.Following
	// By members_person, and the primary key of spaces: as many as the person has
	// memberships.
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var (
			f  social.Following
			at int64
		)
		err := rs.Scan(&f.Person, &at)
		f.Since = moment(at)
		out = append(out, f)
		return err
	}, `SELECT s.owner, m.joined_at FROM members m JOIN spaces s ON s.id = m.space
		WHERE m.person = $1 AND s.kind = 2 AND s.owner > $2 ORDER BY s.owner LIMIT $3`, int64(person), int64(after), limit)
	if err != nil {
		return nil, failure(fmt.Errorf("read whom a person follows: %w", err))
	}
	return out, nil
}
