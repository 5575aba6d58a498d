package storage

import (
	"context"
	"fmt"

	"rambla/social"
)

// Blocks is [social.DirectoryStore]'s. each must not call the store.
func (db *DB) Blocks(ctx context.Context, people []social.PersonKey, f func(social.Block)) error {
	// By primary key.
	text, args := `SELECT person, blocked, at, FALSE AS ignored FROM blocks UNION ALL SELECT person, blocked, at, TRUE FROM ignores
		ORDER BY person, blocked, ignored`, []any(nil)
	if people != nil {
		text, args = `SELECT person, blocked, at, FALSE AS ignored FROM blocks WHERE person = ANY($1)
			UNION ALL SELECT person, blocked, at, TRUE FROM ignores WHERE person = ANY($1) ORDER BY person, blocked, ignored`, []any{keyList(people)}
	}
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var b social.Block
		var at int64
		err := rs.Scan(&b.Person, &b.Blocked, &at, &b.Ignored)
		b.At = moment(at)
		f(b)
		return err
	}, text, args...)
	if err != nil {
		return failure(fmt.Errorf("read blocks: %w", err))
	}
	return nil
}

// blockTexts are the statements on one of the two tables.
type blockTexts struct{ put, count, end string }

func blockTextsOf(b social.Block) blockTexts {
	if b.Ignored {
		return blockTexts{
			put:   `INSERT INTO ignores (person, blocked, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			count: `SELECT COUNT(*) FROM ignores WHERE person = $1`,
			end:   `DELETE FROM ignores WHERE person = $1 AND blocked = $2`,
		}
	}
	return blockTexts{
		put:   `INSERT INTO blocks (person, blocked, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
		count: `SELECT COUNT(*) FROM blocks WHERE person = $1`,
		end:   `DELETE FROM blocks WHERE person = $1 AND blocked = $2`,
	}
}

// Block is [social.BlockStore]'s.
func (db *DB) Block(ctx context.Context, b social.Block, most int) (first bool, err error) {
	err = db.change(ctx, "block a person", b.At, func(ctx context.Context, t *tx) error {
		if err := lockPeople(ctx, t, b.Person, b.Blocked); err != nil {
			return err
		}
		texts := blockTextsOf(b)
		n, err := t.exec(ctx, texts.put, int64(b.Person), int64(b.Blocked), micros(b.At))
		if err != nil {
			return err
		}
		if first = n > 0; !first {
			return errUnchanged
		}
		var are int
		if err := one(ctx, t, into(&are), texts.count, int64(b.Person)); err != nil {
			return err
		}
		if are > most {
			return social.Errorf(social.KindConflict, "Nobody blocks, or ignores, more than %d people.", most)
		}
		return t.note(ctx, social.Change{Kind: social.ChangeBlock, Person: b.Person})
	})
	return first && err == nil, err
}

// Unblock is [social.BlockStore]'s.
func (db *DB) Unblock(ctx context.Context, b social.Block) error {
	return db.change(ctx, "end a block", b.At, func(ctx context.Context, t *tx) error {
		n, err := t.exec(ctx, blockTextsOf(b).end, int64(b.Person), int64(b.Blocked))
		if err != nil || n == 0 {
			return err
		}
		return t.note(ctx, social.Change{Kind: social.ChangeBlock, Person: b.Person})
	})
}

// endBlocks ends all blocks by and of somebody, and whom it ignores and who it.
func endBlocks(ctx context.Context, t *tx, person social.PersonKey) error {
	var who []social.PersonKey
	// By primary keys, blocks_blocked and ignores_blocked.
	err := each(ctx, t, func(rs rows) error {
		var p social.PersonKey
		err := rs.Scan(&p)
		who = append(who, p)
		return err
	}, `SELECT person FROM blocks WHERE blocked = $1 UNION SELECT person FROM blocks WHERE person = $1
		UNION SELECT person FROM ignores WHERE blocked = $1 UNION SELECT person FROM ignores WHERE person = $1 ORDER BY person`, int64(person))
	if err != nil {
		return fmt.Errorf("find blocks: %w", err)
	}
	for _, text := range []string{`DELETE FROM blocks WHERE person = $1 OR blocked = $1`, `DELETE FROM ignores WHERE person = $1 OR blocked = $1`} {
		if _, err := t.exec(ctx, text, int64(person)); err != nil {
			return fmt.Errorf("end blocks: %w", err)
		}
	}
	for _, p := range who {
		if err := t.note(ctx, social.Change{Kind: social.ChangeBlock, Person: p}); err != nil {
			return err
		}
	}
	return nil
}
