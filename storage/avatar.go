package storage

import (
	"context"
	"time"

	"rambla/social"
)

// SetPersonAvatar is [social.AvatarStore]'s.
func (db *DB) SetPersonAvatar(ctx context.Context, person social.PersonKey, picture social.ID, now time.Time) (was social.ID, err error) {
	err = db.change(ctx, "change the picture of a person", now, func(ctx context.Context, t *tx) error {
		err := one(ctx, t, into(idColumn{&was}), `SELECT avatar FROM people WHERE id = $1 AND NOT removed`+t.forUpdate, int64(person))
		if err != nil {
			return orNotFound(err, "person")
		}
		if was == picture {
			return errUnchanged
		}
		if _, err := t.exec(ctx, `UPDATE people SET avatar = $2 WHERE id = $1`, int64(person), idValue(picture)); err != nil {
			return err
		}
		return t.note(ctx, social.Change{Kind: social.ChangePerson, Person: person})
	})
	return was, err
}

// SetSpaceAvatar is [social.AvatarStore]'s.
func (db *DB) SetSpaceAvatar(ctx context.Context, space social.SpaceKey, picture social.ID, event *social.Post, now time.Time) (was social.ID, err error) {
	err = db.change(ctx, "change the picture of a context", now, func(ctx context.Context, t *tx) error {
		err := one(ctx, t, into(idColumn{&was}), `SELECT avatar FROM spaces WHERE id = $1 AND NOT deleted`+t.forUpdate, int64(space))
		if err != nil {
			return orNotFound(err, "context")
		}
		if was == picture {
			return errUnchanged
		}
		if _, err := t.exec(ctx, `UPDATE spaces SET avatar = $2 WHERE id = $1`, int64(space), idValue(picture)); err != nil {
			return err
		}
		if err := t.note(ctx, social.Change{Kind: social.ChangeSpace, Space: space}); err != nil {
			return err
		}
		return addEvent(ctx, t, space, event, now)
	})
	return was, err
}

// avatarChecks are about the pictures of people and spaces.
func avatarChecks() []check {
	return []check{{
		rule: "a picture is shown of one person, context or conversation",
		mend: "upload one of them anew",
		sql: `SELECT 'picture of ' || MIN(of) || ' and ' || MAX(of) FROM (
				SELECT avatar, 'person ' || id AS of FROM people WHERE avatar IS NOT NULL
				UNION ALL SELECT avatar, 'space ' || id FROM spaces WHERE avatar IS NOT NULL) x
			GROUP BY avatar HAVING COUNT(*) > 1 ORDER BY 1 LIMIT $1`,
	}}
}
