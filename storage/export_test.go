package storage

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"rambla/social"
)

var errUndo = errors.New("undo")

// VerifyDamaged is what Verify would find after a statement, which is undone.
func (db *DB) VerifyDamaged(ctx context.Context, damage string) (found []Finding, err error) {
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		if _, err := t.exec(ctx, damage); err != nil {
			return err
		}
		var err error
		if found, err = db.verify(ctx, t); err != nil {
			return err
		}
		return errUndo
	})
	if errors.Is(err, errUndo) {
		err = nil
	}
	return found, err
}

// Damage runs a statement that stays.
func (db *DB) Damage(ctx context.Context, damage string) error {
	return db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, damage)
		return err
	})
}

// ExplainSamples is the plan by which the database reads samples, with what it
// really touched where it tells. Its statistics are brought up to date first.
func (db *DB) ExplainSamples(ctx context.Context, q social.SampleQuery) (plan string, err error) {
	text, args := sampleRead(q, q.After, math.MaxInt64)
	analyze, explain, columns := "ANALYZE samples", "EXPLAIN (ANALYZE, COSTS OFF) ", 1
	if _, embedded := db.eng.(*lite); embedded {
		analyze, explain, columns = "ANALYZE", "EXPLAIN QUERY PLAN ", 4
	}
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		if _, err := t.exec(ctx, analyze); err != nil {
			return err
		}
		plan, err = planOf(ctx, t, columns, explain+text, args...)
		return err
	})
	return plan, err
}

// planOf reads the lines of a plan, which stand in the last of so many columns.
func planOf(ctx context.Context, c conn, columns int, explain string, args ...any) (plan string, err error) {
	err = each(ctx, c, func(rs rows) error {
		var line string
		dest := []any{new(int), new(int), new(int), &line}
		err := rs.Scan(dest[len(dest)-columns:]...)
		plan += line + "\n"
		return err
	}, explain, args...)
	return plan, err
}

// LimitPages makes the file of the embedded store full at n more pages than it
// has, or never where n is negative.
func (db *DB) LimitPages(ctx context.Context, n int) error {
	w := db.eng.(*lite).writer
	var pages int
	if err := w.QueryRowContext(ctx, "PRAGMA page_count").Scan(&pages); err != nil {
		return err
	}
	limit := pages + n
	if n < 0 {
		limit = 4294967294
	}
	return w.QueryRowContext(ctx, "PRAGMA max_page_count = "+strconv.Itoa(limit)).Scan(&pages)
}

// ExplainFeeds are the plans of the statements that read feeds and lists, by
// name. The statistics are brought up to date first.
func (db *DB) ExplainFeeds(ctx context.Context, stream social.StreamKey) (map[string]string, error) {
	one := []int64{int64(stream)}
	place := []any{int64(1), int64(0), int64(stream), int64(0), int64(1 << 60), int64(1 << 60), int64(1 << 60), int64(20)}
	ranges := []any{int64(1), int64(0), one, []int64{1}, []int64{20}}
	statements := map[string]struct {
		text string
		args []any
	}{
		"posts":       {feedPlain, ranges},
		"uncommented": {feedUncommented, ranges},
		"unliked":     {feedUnliked, ranges},
		"unflagged":   {feedUnflagged, ranges},
		"search":      {entriesAt, []any{one, []int64{7}}},
		"commented":   {feedCommented, []any{int64(1), int64(0), int64(stream), int64(1 << 60), int64(1 << 60), int64(0), int64(20)}},
		"likes":       {rankedLikes, place},
		"flagged":     {rankedFlagged, place},
		"favorites":   {rankedFavorites, place},
		"marks":       {spaceMarks, []any{one, int64(1)}},
	}
	analyze, explain, columns := "ANALYZE", "EXPLAIN ", 1
	if _, embedded := db.eng.(*lite); embedded {
		explain, columns = "EXPLAIN QUERY PLAN ", 4
	} else {
		statements["commented everywhere"] = struct {
			text string
			args []any
		}{feedCommentedAll, []any{int64(1), int64(0), one, one, one, []int64{0}, []int64{20}}}
	}
	out := map[string]string{}
	err := db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		if _, err := t.exec(ctx, analyze); err != nil {
			return err
		}
		for name, s := range statements {
			var err error
			if out[name], err = planOf(ctx, t, columns, explain+s.text, s.args...); err != nil {
				return fmt.Errorf("explain %s: %w", name, err)
			}
		}
		return nil
	})
	return out, err
}

// EmptyTables are the tables of a site in which there is nothing.
func (db *DB) EmptyTables(ctx context.Context) (out []string, err error) {
	for _, table := range movedTables {
		var n int
		if err := one(ctx, db.eng.reader(), into(&n), `SELECT COUNT(*) FROM `+table); err != nil {
			return nil, err
		}
		if n == 0 {
			out = append(out, table)
		}
	}
	return out, nil
}

// Describe is every row of every table of a site, sorted.
func (db *DB) Describe(ctx context.Context) (map[string]string, error) {
	if err := checkTables(ctx, db.eng); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, table := range movedTables {
		columns, err := db.eng.columns(ctx, table)
		if err != nil {
			return nil, err
		}
		p := &plan{table, columns}
		var lines []string
		err = each(ctx, db.eng.reader(), func(rs rows) error {
			values, err := p.scan(rs)
			for i, v := range values {
				switch v := v.(type) { // as SQLite has it
				case bool:
					if values[i] = int64(0); v {
						values[i] = int64(1)
					}
				case [16]byte:
					values[i] = v[:]
				}
			}
			lines = append(lines, fmt.Sprintf("%q", values))
			return err
		}, p.read())
		if err != nil {
			return nil, err
		}
		slices.Sort(lines)
		out[table] = strings.Join(lines, "\n")
	}
	return out, nil
}

// SearchBy searches PostgreSQL in one of its ways.
func (db *DB) SearchBy(ctx context.Context, way string, q social.SearchQuery) (social.FeedPage, error) {
	s := newSearch(db, q)
	if err := s.begin(ctx); err != nil {
		return social.FeedPage{}, err
	}
	words := s.tsquery()
	if way == "gather" {
		return s.gather(ctx, db, words)
	}
	ask := s.walk
	if way != "walk" {
		ask = func(ctx context.Context, words string) error { return db.eng.(*postgres).rare(ctx, s, words) }
	}
	if err := ask(ctx, words); err != nil {
		return social.FeedPage{}, err
	}
	return s.page(ctx)
}

// ExplainSearch are the plans of the statements of search, by name.
func (db *DB) ExplainSearch(ctx context.Context, stream social.StreamKey) (map[string]string, error) {
	one := []int64{int64(stream)}
	most := int64(1 << 60)
	type statement struct {
		text string
		args []any
	}
	statements := map[string]statement{
		"forget": {searchForget, []any{one, one}},
		"purge":  {searchPurge, []any{100}},
	}
	explain, columns := "EXPLAIN ", 1
	if _, embedded := db.eng.(*lite); embedded {
		explain, columns = "EXPLAIN QUERY PLAN ", 4
		statements["rare"] = statement{liteSearch, []any{`words : "n7"`, most, 1, 1}}
	} else {
		args := []any{"'n7'", int64(1), most, most, most, int64(0), 1, 20}
		statements["rare"] = statement{searchRareIn, append(args[:8:8], one, one)}
		statements["common"] = statement{searchCommon, args}
		statements["searched"] = statement{feedSearched, []any{int64(1), int64(0), one, []int64{1}, []int64{20}, "'common'"}}
	}
	out := map[string]string{}
	err := db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		if _, err := t.exec(ctx, "ANALYZE"); err != nil {
			return err
		}
		for name, s := range statements {
			if name == "rare" && columns == 1 {
				if _, err := t.exec(ctx, `SET LOCAL enable_bitmapscan = on`); err != nil {
					return err
				}
			}
			var err error
			if out[name], err = planOf(ctx, t, columns, explain+s.text, s.args...); err != nil {
				return fmt.Errorf("explain %s: %w", name, err)
			}
			if name == "rare" && columns == 1 {
				if _, err := t.exec(ctx, `SET LOCAL enable_bitmapscan = off`); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return out, err
}

// CountSearchBlocks is how many blocks of SQLite's full text hold a text.
func (db *DB) CountSearchBlocks(ctx context.Context, text string) (n int, err error) {
	err = one(ctx, db.eng.reader(), into(&n), `SELECT COUNT(*) FROM search_words_data WHERE instr(block, CAST($1 AS BLOB)) > 0`, text)
	return n, err
}

// Table reads back lists of one length, through the table that a statement makes of
// them.
func (db *DB) Table(ctx context.Context, a, b []int64, words []string) (out []string, err error) {
	err = each(ctx, db.eng.reader(), func(rs rows) error {
		var x, y int64
		var word string
		err := rs.Scan(&x, &y, &word)
		out = append(out, fmt.Sprintf("%d %d %s", x, y, word))
		return err
	}, `SELECT u.x, u.y, u.word FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS u (x, y, word) WHERE u.y <> 77 ORDER BY u.x`, a, b, words)
	return out, err
}
