package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rambla/social"
)

// allGrants stands for every kind of grant.
const allGrants social.GrantKind = 0

const grantColumns = `g.id, g.public_id, g.person, g.kind, g.name, g.scopes, g.created_at, g.expires_at, g.used_at, g.ended_at`

// grantRow is where the columns of a grant go.
type grantRow struct {
	social.Grant
	created, expires, used, ended int64
}

func (g *grantRow) dest() []any {
	return []any{&g.Key, idColumn{&g.ID}, &g.Person, &g.Kind, &g.Name, &g.Scopes, &g.created, &g.expires, &g.used, &g.ended}
}

func (g *grantRow) grant() social.Grant {
	g.Created, g.Expires, g.Used, g.Ended = moment(g.created), moment(g.expires), moment(g.used), moment(g.ended)
	return g.Grant
}

// CreateGrant stores a grant with its first tokens, whose Grant it fills in.
// KindNotFound where the person was removed.
func (db *DB) CreateGrant(ctx context.Context, g social.Grant, tokens []social.Token) (social.GrantKey, error) {
	err := db.transactAudited(ctx, func(ctx context.Context, t *tx) error {
		// The lock keeps the person from being removed before this is committed.
		var is int
		err := one(ctx, t, into(&is), `SELECT 1 FROM people WHERE id = $1 AND NOT removed`+t.forShare, int64(g.Person))
		if err != nil {
			return orNotFound(err, "person")
		}
		err = one(ctx, t, into(&g.Key), `INSERT INTO grants (public_id, person, kind, name, scopes, created_at, expires_at, used_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id`, g.ID[:], int64(g.Person), int64(g.Kind), g.Name, g.Scopes,
			micros(g.Created), micros(g.Expires), micros(g.Used))
		if err != nil {
			return err
		}
		return putTokens(ctx, t, g.Key, tokens)
	})
	if err != nil {
		return 0, failure(fmt.Errorf("create a grant: %w", err))
	}
	return g.Key, nil
}

func putTokens(ctx context.Context, t *tx, grant social.GrantKey, tokens []social.Token) error {
	for i := range tokens {
		tokens[i].Grant = grant
		_, err := t.exec(ctx, `INSERT INTO tokens (hash, grant_id, kind, expires_at, used_at) VALUES ($1, $2, $3, $4, $5)`,
			tokens[i].Hash[:], int64(grant), int64(tokens[i].Kind), micros(tokens[i].Expires), micros(tokens[i].Used))
		if err != nil {
			return fmt.Errorf("store a token: %w", err)
		}
	}
	return nil
}

// FindToken is KindNotFound where no token has that hash. Ended grants and
// expired tokens are returned as they are.
func (db *DB) FindToken(ctx context.Context, hash [32]byte) (social.Token, social.Grant, error) {
	var (
		g             grantRow
		expires, used int64
	)
	k := social.Token{Hash: hash}
	dest := append(g.dest(), &k.Kind, &expires, &used)
	err := one(ctx, db.eng.reader(), dest, `SELECT `+grantColumns+`, t.kind, t.expires_at, t.used_at
		FROM tokens t JOIN grants g ON g.id = t.grant_id WHERE t.hash = $1`, hash[:])
	if err != nil {
		return social.Token{}, social.Grant{}, failure(orNotFound(err, "token"))
	}
	k.Grant, k.Expires, k.Used = g.Key, moment(expires), moment(used)
	return k, g.grant(), nil
}

// Rotate marks the refresh token used and stores its successors, whose Grant it
// fills in. Where it was used before, it stores nothing, ends the grant with its
// change, and fresh is false: somebody has a copy. fresh is also false where the
// grant has ended and its tokens are gone.
func (db *DB) Rotate(ctx context.Context, refresh [32]byte, successors []social.Token, now time.Time) (fresh bool, err error) {
	var grant social.GrantKey
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		fresh, grant = false, 0
		err := one(ctx, t, into(&grant), `SELECT grant_id FROM tokens WHERE hash = $1 AND kind = $2`, refresh[:], int64(social.TokenRefresh))
		if errors.Is(err, errNoRow) {
			return nil
		}
		if err != nil {
			return err
		}
		// Of two who present one token at the same moment the second waits here,
		// and then finds it used.
		var ended int64
		err = one(ctx, t, into(&ended), `SELECT ended_at FROM grants WHERE id = $1`+t.forUpdate, int64(grant))
		if errors.Is(err, errNoRow) { // its person was erased meanwhile
			return nil
		}
		if err != nil || ended != 0 {
			return err
		}
		n, err := t.exec(ctx, `UPDATE tokens SET used_at = $2 WHERE hash = $1 AND used_at = 0`, refresh[:], micros(now))
		if err != nil || n == 0 {
			return err
		}
		fresh = true
		_, err = t.exec(ctx, `UPDATE grants SET used_at = $2 WHERE id = $1 AND used_at < $2`, int64(grant), micros(now.Truncate(time.Hour)))
		if err != nil {
			return err
		}
		return putTokens(ctx, t, grant, successors)
	})
	if err == nil && !fresh && grant != 0 {
		// In a transaction of its own, which begins with the journal's lock.
		err = db.EndGrant(ctx, grant, now)
	}
	if err != nil {
		return false, failure(fmt.Errorf("rotate a token: %w", err))
	}
	return fresh, nil
}

// EndGrant ends a grant and deletes its tokens and devices; ending an ended one, or one that
// does not exist, does nothing.
func (db *DB) EndGrant(ctx context.Context, key social.GrantKey, now time.Time) error {
	return db.change(ctx, "end a grant", now, func(ctx context.Context, t *tx) error {
		return endGrant(ctx, t, key)
	})
}

func endGrant(ctx context.Context, t *tx, key social.GrantKey) error {
	var person social.PersonKey
	err := one(ctx, t, into(&person), `UPDATE grants SET ended_at = $2 WHERE id = $1 AND ended_at = 0 RETURNING person`,
		int64(key), t.journal.now)
	if errors.Is(err, errNoRow) {
		return nil
	}
	if err != nil {
		return err
	}
	// By tokens_grant.
	if _, err := t.exec(ctx, `DELETE FROM tokens WHERE grant_id = $1`, int64(key)); err != nil {
		return fmt.Errorf("delete tokens: %w", err)
	}
	if err := endDevices(ctx, t, key); err != nil {
		return err
	}
	return t.note(ctx, social.Change{Kind: social.ChangeGrant, Person: person, Grant: key})
}

// endGrants ends the person's grants of one kind, or all.
func endGrants(ctx context.Context, t *tx, person social.PersonKey, kind social.GrantKind) error {
	var keys []social.GrantKey
	// By grants_living.
	err := each(ctx, t, func(rs rows) error {
		var k social.GrantKey
		err := rs.Scan(&k)
		keys = append(keys, k)
		return err
	}, `SELECT id FROM grants WHERE person = $1 AND ended_at = 0 AND ($2 = 0 OR kind = $2) ORDER BY id`, int64(person), int64(kind))
	if err != nil {
		return fmt.Errorf("find grants: %w", err)
	}
	for _, k := range keys {
		if err := endGrant(ctx, t, k); err != nil {
			return err
		}
	}
	return nil
}

// GrantsOf lists the person's living grants, newest first, at most limit.
func (db *DB) GrantsOf(ctx context.Context, person social.PersonKey, limit int) ([]social.Grant, error) {
	var out []social.Grant
	// By grants_living.
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var g grantRow
		err := rs.Scan(g.dest()...)
		out = append(out, g.grant())
		return err
	}, `SELECT `+grantColumns+` FROM grants g WHERE g.person = $1 AND g.ended_at = 0 ORDER BY g.id DESC LIMIT $2`, int64(person), limit)
	if err != nil {
		return nil, failure(fmt.Errorf("read grants: %w", err))
	}
	return out, nil
}
