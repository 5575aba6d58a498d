package storage

import (
	"context"
	"fmt"

	"rambla/social"
)

const (
	// Both walk a tree that is never deeper than social.MaxTreeDepth; the bound
	// ends them in a damaged one. The second by spaces_parent.
	pathToRoot = `WITH RECURSIVE up (id, parent, n) AS (
			SELECT id, parent, 1 FROM spaces WHERE id = $1 AND kind = 0 AND NOT deleted
			UNION ALL SELECT s.id, s.parent, up.n + 1 FROM spaces s JOIN up ON s.id = up.parent WHERE up.n <= $2)
		SELECT id FROM up`
	heightOf = `WITH RECURSIVE down (id, n) AS (
			SELECT id, 1 FROM spaces WHERE id = $1
			UNION ALL SELECT s.id, down.n + 1 FROM spaces s JOIN down ON s.parent = down.id WHERE down.n <= $2)
		SELECT MAX(n) FROM down`
)

// putParent hangs a space below another, or, for 0, below none. Whoever does holds
// the journal, so that no two moves make a ring together.
func putParent(ctx context.Context, t *tx, key, parent social.SpaceKey) error {
	if parent != 0 {
		if err := checkParent(ctx, t, key, parent); err != nil {
			return err
		}
	}
	if _, err := t.exec(ctx, `UPDATE spaces SET parent = $2 WHERE id = $1`, int64(key), orNull(int64(parent))); err != nil {
		return fmt.Errorf("set the parent: %w", err)
	}
	return nil
}

// checkParent finds what is wrong with hanging a space below another; 0 is one that
// is about to be made. KindInvalid.
func checkParent(ctx context.Context, t *tx, key, parent social.SpaceKey) error {
	depth, ring := 0, false
	err := each(ctx, t, func(rs rows) error {
		var id social.SpaceKey
		err := rs.Scan(&id)
		depth++
		ring = ring || id == key
		return err
	}, pathToRoot, int64(parent), social.MaxTreeDepth)
	if err != nil {
		return fmt.Errorf("read what is above: %w", err)
	}
	height := 1
	if key != 0 {
		if err := one(ctx, t, into(&height), heightOf, int64(key), social.MaxTreeDepth); err != nil {
			return fmt.Errorf("read what is below: %w", err)
		}
	}
	switch {
	case depth == 0:
		return social.Invalid("parent", "is no context")
	case ring:
		return social.Invalid("parent", "is the context itself, or lies below it")
	case depth+height > social.MaxTreeDepth:
		return social.Invalid("parent", "would make the tree deeper than %d levels", social.MaxTreeDepth)
	}
	return nil
}

// orphan makes roots of what hangs below a space.
func orphan(ctx context.Context, t *tx, key social.SpaceKey) error {
	var children []social.SpaceKey
	// By spaces_parent.
	err := each(ctx, t, func(rs rows) error {
		var k social.SpaceKey
		err := rs.Scan(&k)
		children = append(children, k)
		return err
	}, `UPDATE spaces SET parent = NULL WHERE parent = $1 RETURNING id`, int64(key))
	if err != nil {
		return fmt.Errorf("set free what is below: %w", err)
	}
	for _, k := range children {
		if err := t.note(ctx, social.Change{Kind: social.ChangeSpace, Space: k}); err != nil {
			return err
		}
	}
	return nil
}
