package storage

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"rambla/social"
)

// The kinds of names. A name of one kind may also be one of the other.
const (
	namePerson = 1
	nameSpace  = 2
)

// hashMark begins what stands for the name of somebody who was erased. No name
// begins so.
const hashMark = "#"

// takeName gives a name to its owner for ever: KindConflict where it is, or ever
// was, somebody else's. That it was the owner's own before is no conflict.
func takeName(ctx context.Context, t *tx, kind int, name string, owner int64) error {
	held, err := holders(ctx, t, kind, []string{name})
	if err != nil {
		return err
	}
	switch holder, is := held[name]; {
	case is && holder == owner:
		return nil
	case is:
		return taken(name)
	}
	// Who takes names holds the journal, so nobody else does meanwhile.
	_, err = t.exec(ctx, `INSERT INTO names (kind, name, owner, at) VALUES ($1, $2, $3, $4)`, kind, name, owner, t.journal.now)
	if err != nil {
		return fmt.Errorf("take a name: %w", err)
	}
	return nil
}

// nameFree is KindConflict where the name is, or was, anybody's.
func nameFree(ctx context.Context, t *tx, kind int, name string) error {
	held, err := holders(ctx, t, kind, []string{name})
	if err != nil {
		return err
	}
	if len(held) > 0 {
		return taken(name)
	}
	return nil
}

func taken(name string) error {
	return social.Errorf(social.KindConflict, "The name %q is taken, or was once; choose another.", name)
}

// heldNames looks each name up by primary key: of a plan that was made while few
// people were there, "name = ANY($2)" would be a filter on all names of the kind, each
// compared with each of the list.
const heldNames = `SELECT x.name, x.owner FROM (
		SELECT u.name, (SELECT n.owner FROM names n WHERE n.kind = $1 AND n.name = u.name) AS owner FROM unnest($2::text[]) AS u (name)) x
	WHERE x.owner IS NOT NULL`

// holders finds whose the names are or were, of those that are or were anybody's.
func holders(ctx context.Context, c conn, kind int, names []string) (map[string]int64, error) {
	asked := names
	hashes := map[string]string{} // to the name
	if kind == namePerson {
		key, err := nameKey(ctx, c)
		if err != nil {
			return nil, err
		}
		if key != nil {
			asked = append([]string(nil), names...)
			for _, name := range names {
				h := hashName(key, name)
				hashes[h] = name
				asked = append(asked, h)
			}
		}
	}
	out := map[string]int64{}
	err := each(ctx, c, func(rs rows) error {
		var (
			name   string
			holder int64
		)
		err := rs.Scan(&name, &holder)
		if plain, is := hashes[name]; is {
			name = plain
		}
		out[name] = holder
		return err
	}, heldNames, kind, asked)
	if err != nil {
		return nil, fmt.Errorf("read names: %w", err)
	}
	return out, nil
}

// nameSecret is the name of the secret that the hashes of names are keyed with.
const nameSecret = "erased names"

// nameKey is the key of the hashes of names; nil where nobody was erased yet.
func nameKey(ctx context.Context, c conn) ([]byte, error) {
	var value string
	err := one(ctx, c, into(&value), `SELECT value FROM secrets WHERE name = $1`, nameSecret)
	if errors.Is(err, errNoRow) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the key of names: %w", err)
	}
	return []byte(value), nil
}

// makeNameKey is nameKey where there is to be one.
func makeNameKey(ctx context.Context, t *tx) ([]byte, error) {
	key, err := nameKey(ctx, t)
	if err != nil || key != nil {
		return key, err
	}
	key = []byte(rand.Text())
	_, err = t.exec(ctx, `INSERT INTO secrets (name, value, created_at) VALUES ($1, $2, $3)`, nameSecret, string(key), t.journal.now)
	if err != nil {
		return nil, fmt.Errorf("make the key of names: %w", err)
	}
	return key, nil
}

// hashName is what stands for a name that nobody is to read any more.
func hashName(key []byte, name string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(name))
	return hashMark + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
