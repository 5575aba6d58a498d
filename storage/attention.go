package storage

import (
	"context"
	"fmt"
	"time"

	"rambla/social"
)

// mutedForGood is muted_until of who wants no end.
const mutedForGood = -1

// SetInterest is [social.AttentionStore]'s. What equals having said nothing has no row.
func (db *DB) SetInterest(ctx context.Context, person social.PersonKey, space social.SpaceKey, patch social.InterestPatch, now time.Time) (is social.Interest, err error) {
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		if err := lockPerson(ctx, t, person); err != nil {
			return err
		}
		if err := lockSpace(ctx, t, space); err != nil {
			return err
		}
		// Locks the row that is there, or an empty one, so that of two changes at a
		// time none is lost, nor in the way of one that deletes the row.
		var until int64
		var was social.Interest
		err := one(ctx, t, into(&was.Level, &until), `INSERT INTO attention (person, space, level, muted_until) VALUES ($1, $2, 0, 0)
			ON CONFLICT (person, space) DO UPDATE SET level = attention.level RETURNING level, muted_until`, int64(person), int64(space))
		if err != nil {
			return err
		}
		was.Muted, was.Until = until == mutedForGood || until > micros(now), moment(max(until, 0))
		is = was.With(patch)
		if !is.Muted && is.Level == social.LevelDefault {
			_, err = t.exec(ctx, `DELETE FROM attention WHERE person = $1 AND space = $2`, int64(person), int64(space))
			return err
		}
		_, err = t.exec(ctx, `UPDATE attention SET level = $3, muted_until = $4 WHERE person = $1 AND space = $2`,
			int64(person), int64(space), int64(is.Level), mutedValue(is))
		return err
	})
	if err != nil {
		return social.Interest{}, failure(fmt.Errorf("mute: %w", err))
	}
	return is, nil
}

func mutedValue(a social.Interest) int64 {
	switch {
	case !a.Muted:
		return 0
	case a.Until.IsZero():
		return mutedForGood
	}
	return micros(a.Until)
}

// interest is what the columns say at that time.
func interest(level social.Level, until int64, now time.Time) social.Interest {
	out := social.Interest{Level: level, Muted: until == mutedForGood || until > micros(now)}
	if out.Muted {
		out.Until = moment(max(until, 0))
	}
	return out
}

// Interests is [social.AttentionStore]'s.
func (db *DB) Interests(ctx context.Context, person social.PersonKey, spaces []social.SpaceKey, now time.Time) (map[social.SpaceKey]social.Interest, error) {
	out := map[social.SpaceKey]social.Interest{}
	// By primary key.
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var (
			space social.SpaceKey
			level social.Level
			until int64
		)
		err := rs.Scan(&space, &level, &until)
		out[space] = interest(level, until, now)
		return err
	}, `SELECT space, level, muted_until FROM attention WHERE person = $1 AND space = ANY($2)`, int64(person), keyList(spaces))
	if err != nil {
		return nil, failure(fmt.Errorf("read what people attend to: %w", err))
	}
	return out, nil
}
