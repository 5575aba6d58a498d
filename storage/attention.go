package storage

import (
	"context"
	"fmt"

	"rambla/social"
)

// mutedForGood stands in the column muted_until; 0 is not muted.
const mutedForGood = -1

func muteValue(m social.Mute) int64 {
	switch {
	case !m.On:
		return 0
	case m.Until.IsZero():
		return mutedForGood
	default:
		return micros(m.Until)
	}
}

func muteOf(until int64) social.Mute {
	if until == mutedForGood {
		return social.Mute{On: true}
	}
	return social.Mute{On: until != 0, Until: moment(until)}
}

// PutMute is [social.AttentionStore]'s.
func (db *DB) PutMute(ctx context.Context, person social.PersonKey, space social.SpaceKey, m social.Mute) error {
	err := db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		if err := lockPerson(ctx, t, person); err != nil {
			return err
		}
		if err := lockSpace(ctx, t, space); err != nil {
			return err
		}
		_, err := t.exec(ctx, `INSERT INTO attention (person, space, level, muted_until) VALUES ($1, $2, 0, $3)
			ON CONFLICT (person, space) DO UPDATE SET muted_until = excluded.muted_until`, int64(person), int64(space), muteValue(m))
		if err != nil {
			return err
		}
		// A row that says nothing is none.
		_, err = t.exec(ctx, `DELETE FROM attention WHERE person = $1 AND space = $2 AND level = 0 AND muted_until = 0`, int64(person), int64(space))
		return err
	})
	if err != nil {
		return failure(fmt.Errorf("mute: %w", err))
	}
	return nil
}

// Mutes is [social.AttentionStore]'s.
func (db *DB) Mutes(ctx context.Context, person social.PersonKey, spaces []social.SpaceKey) (map[social.SpaceKey]social.Mute, error) {
	out := map[social.SpaceKey]social.Mute{}
	// By primary key.
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var (
			space social.SpaceKey
			until int64
		)
		err := rs.Scan(&space, &until)
		out[space] = muteOf(until)
		return err
	}, `SELECT space, muted_until FROM attention WHERE person = $1 AND space = ANY($2) AND muted_until <> 0`, int64(person), keyList(spaces))
	if err != nil {
		return nil, failure(fmt.Errorf("read what is muted: %w", err))
	}
	return out, nil
}
