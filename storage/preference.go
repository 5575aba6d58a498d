package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rambla/social"
)

// Preferences is [social.PreferenceStore]'s.
func (db *DB) Preferences(ctx context.Context, person social.PersonKey) ([]byte, error) {
	var body string
	err := one(ctx, db.eng.reader(), into(&body), `SELECT body FROM preferences WHERE person = $1`, int64(person))
	if errors.Is(err, errNoRow) {
		return nil, nil
	}
	if err != nil {
		return nil, failure(fmt.Errorf("read preferences: %w", err))
	}
	return []byte(body), nil
}

// PutPreferences is [social.PreferenceStore]'s.
func (db *DB) PutPreferences(ctx context.Context, person social.PersonKey, body []byte, discreet, reserved bool, now time.Time) error {
	return db.change(ctx, "keep preferences", now, func(ctx context.Context, t *tx) error {
		if err := lockPerson(ctx, t, person); err != nil {
			return err
		}
		var was [2]bool
		err := one(ctx, t, into(&was[0], &was[1]), `SELECT discreet, reserved FROM preferences WHERE person = $1`, int64(person))
		if err != nil && !errors.Is(err, errNoRow) {
			return fmt.Errorf("read what was said before: %w", err)
		}
		_, err = t.exec(ctx, `INSERT INTO preferences (person, body, discreet, reserved, at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (person) DO UPDATE SET body = excluded.body, discreet = excluded.discreet, reserved = excluded.reserved, at = excluded.at`,
			int64(person), string(body), discreet, reserved, micros(now))
		if err != nil {
			return err
		}
		if was == [2]bool{discreet, reserved} {
			return nil
		}
		return t.note(ctx, social.Change{Kind: social.ChangePerson, Person: person})
	})
}
