package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rambla/social"
)

// PasswordHash is empty where the person has no password or does not exist.
func (db *DB) PasswordHash(ctx context.Context, person social.PersonKey) (string, error) {
	var hash string
	err := one(ctx, db.eng.reader(), into(&hash), `SELECT hash FROM passwords WHERE person = $1`, int64(person))
	if err != nil && !errors.Is(err, errNoRow) {
		return "", failure(fmt.Errorf("read a password: %w", err))
	}
	return hash, nil
}

// SetPasswordHash replaces the hash, or removes it where it is empty, and ends
// what was let in by the former one. KindNotFound for a removed person.
func (db *DB) SetPasswordHash(ctx context.Context, person social.PersonKey, hash string, now time.Time) error {
	return db.change(ctx, "set a password", now, func(ctx context.Context, t *tx) error {
		var is int
		err := one(ctx, t, into(&is), `SELECT 1 FROM people WHERE id = $1 AND NOT removed`+t.forUpdate, int64(person))
		if err != nil {
			return orNotFound(err, "person")
		}
		if hash == "" {
			_, err = t.exec(ctx, `DELETE FROM passwords WHERE person = $1`, int64(person))
		} else {
			err = putPassword(ctx, t, person, hash)
		}
		if err != nil {
			return err
		}
		if err := t.note(ctx, social.Change{Kind: social.ChangePassword, Person: person}); err != nil {
			return err
		}
		return endGrants(ctx, t, person, social.GrantPassword)
	})
}

// ReplacePasswordHash stores another hash of the same password, where the
// present one is still old; nothing ends by it, so nobody has to be told.
func (db *DB) ReplacePasswordHash(ctx context.Context, person social.PersonKey, old, hash string) (bool, error) {
	var n int64
	err := db.eng.transact(ctx, func(ctx context.Context, t *tx) (err error) {
		n, err = t.exec(ctx, `UPDATE passwords SET hash = $3 WHERE person = $1 AND hash = $2`, int64(person), old, hash)
		return err
	})
	if err != nil {
		return false, failure(fmt.Errorf("replace a password's hash: %w", err))
	}
	return n == 1, nil
}

func putPassword(ctx context.Context, t *tx, person social.PersonKey, hash string) error {
	_, err := t.exec(ctx, `INSERT INTO passwords (person, hash, changed_at) VALUES ($1, $2, $3)
		ON CONFLICT (person) DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at`,
		int64(person), hash, t.journal.now)
	if err != nil {
		return fmt.Errorf("store a password: %w", err)
	}
	return nil
}
