package storage

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

func (e *postgres) tables(ctx context.Context) (out []string, err error) {
	err = each(ctx, e.reader(), func(rs rows) error {
		var name string
		err := rs.Scan(&name)
		out = append(out, name)
		return err
	}, `SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1`)
	return out, err
}

func (e *postgres) columns(ctx context.Context, table string) (out []tableColumn, err error) {
	err = each(ctx, e.reader(), func(rs rows) error {
		var name, kind string
		if err := rs.Scan(&name, &kind); err != nil {
			return err
		}
		k, ok := map[string]columnKind{
			"bigint": columnNumber, "integer": columnNumber, "smallint": columnNumber, "boolean": columnBool,
			"uuid": columnID, "bytea": columnBytes, "text": columnText,
		}[kind]
		if !ok {
			return &brokenRuleError{fmt.Sprintf("%s.%s is a %s, which nobody moves", table, name, kind)}
		}
		out = append(out, tableColumn{name, k})
		return nil
	}, `SELECT column_name::text, data_type::text FROM information_schema.columns
		WHERE table_schema = current_schema() AND table_name = $1 ORDER BY column_name COLLATE "C"`, table)
	return out, err
}

// identities are the tables whose keys the database gives, and the sequences of these.
func (e *postgres) identities(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	return out, each(ctx, e.reader(), func(rs rows) error {
		var table, sequence string
		err := rs.Scan(&table, &sequence)
		out[table] = sequence
		return err
	}, `SELECT table_name::text, pg_get_serial_sequence(quote_ident(table_name), column_name) FROM information_schema.columns
		WHERE table_schema = current_schema() AND is_identity = 'YES'`)
}

func (e *postgres) sequences(ctx context.Context) (map[string]int64, error) {
	of, err := e.identities(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for table, sequence := range of {
		var last int64
		err := one(ctx, e.reader(), into(&last), `SELECT COALESCE(pg_sequence_last_value($1::regclass), 0)`, sequence)
		if err != nil {
			return nil, err
		}
		out[table] = last
	}
	return out, nil
}

func (e *postgres) setSequences(ctx context.Context, last map[string]int64) error {
	of, err := e.identities(ctx)
	if err != nil {
		return err
	}
	return e.transact(ctx, func(ctx context.Context, t *tx) error {
		for table, sequence := range of {
			if last[table] == 0 {
				continue // nothing was ever in it
			}
			var set int64
			if err := one(ctx, t, into(&set), `SELECT setval($1::regclass, $2)`, sequence, last[table]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *postgres) clear(ctx context.Context, tables []string) error {
	_, err := e.pool.Exec(ctx, `TRUNCATE `+strings.Join(tables, ", "))
	return err
}

// fill copies, which the database does in constant memory.
func (e *postgres) fill(ctx context.Context, p *plan, next func() ([]any, error)) error {
	source := &copySource{next: next}
	_, err := e.pool.CopyFrom(ctx, pgx.Identifier{p.table}, p.names(), source)
	return err
}

// analyze has the planner know tables that grew all at once.
func (e *postgres) analyze(ctx context.Context) error {
	_, err := e.pool.Exec(ctx, `ANALYZE`)
	return err
}

// copySource is rows as pgx asks for them.
type copySource struct {
	next   func() ([]any, error)
	values []any
	err    error
}

func (s *copySource) Next() bool {
	s.values, s.err = s.next()
	return s.values != nil && s.err == nil
}

func (s *copySource) Values() ([]any, error) { return s.values, nil }
func (s *copySource) Err() error             { return s.err }
