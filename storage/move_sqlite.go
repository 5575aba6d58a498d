package storage

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

func (e *lite) tables(ctx context.Context) (out []string, err error) {
	err = each(ctx, e.reader(), func(rs rows) error {
		var name string
		err := rs.Scan(&name)
		out = append(out, name)
		return err
	}, `SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`)
	return out, err
}

func (e *lite) columns(ctx context.Context, table string) (out []tableColumn, err error) {
	err = each(ctx, e.reader(), func(rs rows) error {
		var name, kind string
		if err := rs.Scan(&name, &kind); err != nil {
			return err
		}
		k, ok := map[string]columnKind{"INTEGER": columnNumber, "BLOB": columnBytes, "TEXT": columnText}[kind]
		if !ok {
			return &brokenRuleError{fmt.Sprintf("%s.%s is a %s, which nobody moves", table, name, kind)}
		}
		out = append(out, tableColumn{name, k})
		return nil
	}, `SELECT name, type FROM pragma_table_info($1) ORDER BY name`, table)
	return out, err
}

func (e *lite) sequences(ctx context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	return out, each(ctx, e.reader(), func(rs rows) error {
		var (
			table string
			last  int64
		)
		err := rs.Scan(&table, &last)
		out[table] = last
		return err
	}, `SELECT name, seq FROM sqlite_sequence`)
}

func (e *lite) setSequences(ctx context.Context, last map[string]int64) error {
	return e.transact(ctx, func(ctx context.Context, t *tx) error {
		for table, n := range last {
			if _, err := t.exec(ctx, `DELETE FROM sqlite_sequence WHERE name = $1`, table); err != nil {
				return err
			}
			if _, err := t.exec(ctx, `INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)`, table, n); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *lite) clear(ctx context.Context, tables []string) error {
	return e.transact(ctx, func(ctx context.Context, t *tx) error {
		for _, table := range slices.Backward(tables) {
			if _, err := t.exec(ctx, `DELETE FROM `+table); err != nil {
				return err
			}
		}
		return nil
	})
}

// fill inserts some rows a transaction.
func (e *lite) fill(ctx context.Context, p *plan, next func() ([]any, error)) error {
	places := strings.TrimSuffix(strings.Repeat("?, ", len(p.columns)), ", ")
	text := `INSERT INTO ` + p.table + ` (` + strings.Join(p.names(), ", ") + `) VALUES (` + places + `)`
	for more := true; more; {
		err := e.exclusive(ctx, func(ctx context.Context, t *sql.Tx) error {
			s, err := t.PrepareContext(ctx, text)
			if err != nil {
				return err
			}
			defer func() { _ = s.Close() }() // the transaction ends it too
			for range moveBatch {
				values, err := next()
				if more = values != nil; err != nil || !more {
					return err
				}
				if _, err := s.ExecContext(ctx, liteValues(values)...); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func liteValues(values []any) []any {
	for i, v := range values {
		if id, ok := v.([16]byte); ok {
			values[i] = id[:]
		}
	}
	return values
}

// analyze does nothing: SQLite goes by its indexes here.
func (e *lite) analyze(context.Context) error { return nil }
