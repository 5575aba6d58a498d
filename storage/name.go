package storage

import (
	"context"
	"errors"
	"fmt"

	"rambla/social"
)

// The kinds of names. A name of one kind may also be one of the other.
const (
	namePerson = 1
	nameSpace  = 2
)

// takeName gives a name to its owner for ever: KindConflict where it is, or ever
// was, somebody else's. That it was the owner's own before is no conflict.
func takeName(ctx context.Context, t *tx, kind int, name string, owner int64) error {
	n, err := t.exec(ctx, `INSERT INTO names (kind, name, owner, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		kind, name, owner, t.journal.now)
	if err != nil {
		return fmt.Errorf("take a name: %w", err)
	}
	if n == 1 {
		return nil
	}
	var holder int64
	err = one(ctx, t, into(&holder), `SELECT owner FROM names WHERE kind = $1 AND name = $2`, kind, name)
	if err != nil {
		return fmt.Errorf("read a name: %w", err)
	}
	if holder != owner {
		return social.Errorf(social.KindConflict, "The name %q is taken, or was once; choose another.", name)
	}
	return nil
}

// nameFree is KindConflict where the name is, or was, anybody's.
func nameFree(ctx context.Context, t *tx, kind int, name string) error {
	var holder int64
	err := one(ctx, t, into(&holder), `SELECT owner FROM names WHERE kind = $1 AND name = $2`, kind, name)
	switch {
	case errors.Is(err, errNoRow):
		return nil
	case err != nil:
		return fmt.Errorf("read a name: %w", err)
	}
	return social.Errorf(social.KindConflict, "The name %q is taken, or was once; choose another.", name)
}
