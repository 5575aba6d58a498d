package storage

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5/pgtype"

	"rambla/social"
)

// conn runs statements of the subset that both engines understand, written the
// way PostgreSQL has them: parameters are $1, $2, … and a list is a []int64 or a
// []string behind `= ANY($1)`; several of one length, by $1::bigint[] and
// $2::text[], make a table in `unnest(…) AS t (column, …)`.
type conn interface {
	// exec tells how many rows it touched.
	exec(ctx context.Context, sql string, args ...any) (int64, error)
	query(ctx context.Context, sql string, args ...any) (rows, error)
}

// rows is a result being read, as of pgx and of database/sql.
type rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close()
}

// tx is a transaction that may write.
type tx struct {
	conn
	// These stand behind a SELECT that locks what it reads: forDelete also against
	// those who only need the row to stay, skipLocked only what nobody else has
	// locked. All are empty where the transaction is alone.
	forUpdate, forShare, forDelete, skipLocked string

	// many runs one statement for each list of parameters, in few round trips.
	many func(ctx context.Context, sql string, values [][]any) error

	journal *journal // of a transaction that changes rights; else nil
}

// each calls scan for every row of a query.
func each(ctx context.Context, c conn, scan func(rows) error, sql string, args ...any) error {
	rs, err := c.query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer rs.Close()
	for rs.Next() {
		if err := scan(rs); err != nil {
			return err
		}
	}
	return rs.Err()
}

// errNoRow is what one returns for an empty result.
var errNoRow = errors.New("no such row")

// one reads the first row into dest; errNoRow where there is none.
func one(ctx context.Context, c conn, dest []any, sql string, args ...any) error {
	found := false
	err := each(ctx, c, func(rs rows) error {
		if found {
			return nil
		}
		found = true
		return rs.Scan(dest...)
	}, sql, args...)
	if err == nil && !found {
		return errNoRow
	}
	return err
}

// into is dest as a list, which reads better at the call of one.
func into(dest ...any) []any { return dest }

// storable finds text among parameters that PostgreSQL cannot store and SQLite
// should not: KindInvalid. Whoever takes text from people has refused it before.
func storable(args []any) error {
	for _, a := range args {
		var list []string
		switch a := a.(type) {
		case string:
			list = []string{a}
		case []string:
			list = a
		}
		for _, s := range list {
			if err := checkText("text", s, math.MaxInt); err != nil {
				return err
			}
		}
	}
	return nil
}

// idColumn reads an id, which is a UUID on one engine and a BLOB on the other;
// NULL is the zero id.
type idColumn struct{ id *social.ID }

// ScanUUID is how pgx hands it over.
func (c idColumn) ScanUUID(v pgtype.UUID) error {
	*c.id = social.ID{}
	if v.Valid {
		*c.id = v.Bytes
	}
	return nil
}

// Scan is how database/sql does.
func (c idColumn) Scan(src any) error {
	*c.id = social.ID{}
	switch v := src.(type) {
	case nil:
		return nil
	case []byte:
		if len(v) == len(c.id) {
			copy(c.id[:], v)
			return nil
		}
	}
	return fmt.Errorf("%T is no id", src)
}

// idValue is an id as a parameter; NULL for the zero id.
func idValue(id social.ID) any {
	if id.IsZero() {
		return nil
	}
	return id[:]
}

// hashColumn reads 32 bytes.
type hashColumn struct{ hash *[32]byte }

// ScanBytes is how pgx hands it over.
func (c hashColumn) ScanBytes(v []byte) error { return c.Scan(v) }

// Scan is how database/sql does.
func (c hashColumn) Scan(src any) error {
	v, ok := src.([]byte)
	if !ok || len(v) != len(c.hash) {
		return fmt.Errorf("%T of %d bytes is no hash", src, len(v))
	}
	copy(c.hash[:], v)
	return nil
}

func keyList[K ~int64](keys []K) []int64 {
	out := make([]int64, len(keys))
	for i, k := range keys {
		out[i] = int64(k)
	}
	return out
}
