package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rambla/social"
)

// SetOwner is [social.SpaceStore]'s.
func (db *DB) SetOwner(ctx context.Context, space social.SpaceKey, owner social.PersonKey, event, join *social.Post, now time.Time) (first bool, err error) {
	err = db.change(ctx, "hand over a context", now, func(ctx context.Context, t *tx) error {
		if err := lockPerson(ctx, t, owner); err != nil {
			return err
		}
		var (
			was      social.PersonKey
			policies []byte
		)
		err := one(ctx, t, into(&was, &policies), `SELECT owner, policies FROM spaces WHERE id = $1 AND NOT deleted`+t.forUpdate, int64(space))
		if err != nil {
			return orNotFound(err, "context")
		}
		if first = was != owner; !first {
			return errUnchanged
		}
		if err := endBan(ctx, t, space, owner); err != nil {
			return err
		}
		joins, err := addMember(ctx, t, space, owner)
		if err != nil {
			return err
		}
		if err := t.noteSpace(ctx, space, policiesOf(policies)); err != nil {
			return err
		}
		if _, err := t.exec(ctx, `UPDATE spaces SET owner = $2 WHERE id = $1`, int64(space), int64(owner)); err != nil {
			return err
		}
		if err := t.note(ctx, social.Change{Kind: social.ChangeSpace, Space: space}); err != nil {
			return err
		}
		if joins {
			if err := addEvent(ctx, t, space, join, now); err != nil {
				return err
			}
		}
		return addEvent(ctx, t, space, event, now)
	})
	return first && err == nil, err
}

// endBan forgets a ban that is over, of somebody who becomes the owner: KindConflict
// where it still holds. It keeps what the person could read until now.
func endBan(ctx context.Context, t *tx, space social.SpaceKey, person social.PersonKey) error {
	if err := t.noteStanding(ctx, person, int64(space)); err != nil {
		return err
	}
	var until int64
	err := one(ctx, t, into(&until), `DELETE FROM bans WHERE space = $1 AND person = $2 RETURNING until_at`, int64(space), int64(person))
	switch {
	case errors.Is(err, errNoRow):
		return nil
	case err != nil:
		return fmt.Errorf("read the ban: %w", err)
	case until == 0 || until > t.journal.now:
		return social.Errorf(social.KindConflict, "The person is banned; the ban has to be lifted first.")
	}
	return nil
}
