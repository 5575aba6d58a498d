package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"rambla/social"
)

// liteSlots is how many posts of one microsecond have rows of their own order.
const liteSlots = 1 << 12

// quoteText quotes a word or several for FTS5.
func quoteText(words string) string { return `"` + strings.ReplaceAll(words, `"`, `""`) + `"` }

// ftsQuery writes what is asked for. Words stand in quotes, so that nothing in them
// is an operator.
func (s *search) ftsQuery() string {
	var with, without []string
	for _, m := range s.marks() {
		with = append(with, "marks : "+quoteText(m))
	}
	if s.named {
		streams := make([]string, len(s.streams))
		for i, key := range s.streams {
			streams[i] = searchStream(key)
		}
		with = append(with, "marks : ("+quoteWords(streams, quoteText, " OR ")+")")
	}
	for _, t := range s.Terms.Terms {
		text := "words : " + quoteText(strings.Join(t.Words, " "))
		if t.Prefix {
			text += " *"
		}
		if t.Not {
			without = append(without, "("+text+")")
		} else {
			with = append(with, "("+text+")")
		}
	}
	out := strings.Join(with, " AND ")
	if len(without) > 0 {
		out = "(" + out + ") NOT (" + strings.Join(without, " OR ") + ")"
	}
	return out
}

var errEnough = errors.New("enough was found")

// The newest of what the index has, whose rowids grow with time: nothing is sorted.
const liteSearch = `SELECT p.at, p.stream, p.seq, CASE WHEN p.sort = $4 AND (NOT p.private OR p.author = $3 OR ` + isReader + ` r.person = $3) = 1) THEN 1 ELSE 0 END
		FROM search_words w CROSS JOIN search_posts p ON p.id = w.rowid WHERE w.search_words MATCH $1 AND w.rowid < $2 ORDER BY w.rowid DESC`

func (e *lite) searchPosts(ctx context.Context, _ *DB, s *search) (social.FeedPage, error) {
	below := int64(math.MaxInt64)
	if s.after.at < math.MaxInt64/liteSlots {
		below = (s.after.at + 1) * liteSlots
		// By the key of (stream, seq).
		err := one(ctx, s, into(&below), `SELECT id FROM search_posts WHERE stream = $1 AND seq = $2`, s.after.stream, s.after.seq)
		if err != nil && !errors.Is(err, errNoRow) {
			return social.FeedPage{}, err
		}
	}
	floors := make(map[int64]int64, len(s.streams))
	for i, stream := range s.streams {
		floors[stream] = s.floors[i]
	}
	looked := 0
	var last searchHit
	err := each(ctx, s, func(rs rows) error {
		var is int
		if err := rs.Scan(&last.at, &last.stream, &last.seq, &is); err != nil {
			return err
		}
		if last.at < s.from {
			return errEnough
		}
		floor, in := floors[last.stream]
		if looked++; is == 1 && (s.streams == nil || in && last.seq > floor) {
			s.found = append(s.found, last)
		}
		if len(s.found) == s.limit {
			return errEnough
		}
		if looked == searchBudget {
			s.stopped = last
			return errEnough
		}
		return nil
	}, liteSearch, s.ftsQuery(), below, s.reader, s.sort)
	if err != nil && !errors.Is(err, errEnough) {
		return social.FeedPage{}, err
	}
	if err := s.identify(ctx); err != nil {
		return social.FeedPage{}, err
	}
	if s.stopped.at != 0 {
		if err := s.idOf(ctx, &s.stopped); err != nil {
			return social.FeedPage{}, err
		}
	}
	return s.page(ctx)
}

// Rows keep the place in time that they came to first. Many are inserted by one
// statement: FTS5 writes out what it has gathered at the beginning of each.
const (
	liteIndexed = `SELECT x.stream, x.seq FROM unnest($1::bigint[], $2::bigint[]) AS u (stream, seq)
		JOIN search_posts x ON x.stream = u.stream AND x.seq = u.seq`
	liteTaken = `SELECT u.at, (SELECT MAX(x.id) FROM search_posts x WHERE x.id >= u.at * $2 AND x.id < (u.at + 1) * $2)
		FROM unnest($1::bigint[]) AS u (at)`
	litePutPosts = `INSERT INTO search_posts (id, stream, seq, at, author, sort, private, words, marks)
		SELECT j.value ->> 0, j.value ->> 1, j.value ->> 2, j.value ->> 3, j.value ->> 4, j.value ->> 5, j.value ->> 6, j.value ->> 7, j.value ->> 8
		FROM json_each($1) j`
	liteSetPost = `UPDATE search_posts SET author = $3, sort = $4, private = $5, words = $6, marks = $7
		WHERE stream = $1 AND seq = $2 AND (words <> $6 OR marks <> $7 OR author <> $3 OR sort <> $4 OR private <> $5)`
)

// litePut is how many posts one statement inserts: half a megabyte of text or so.
const litePut = 500

func (e *lite) putSearch(ctx context.Context, t *tx, entries []social.SearchEntry) error {
	for chunk := range slices.Chunk(entries, litePut) {
		if err := e.putIndexed(ctx, t, chunk); err != nil {
			return fmt.Errorf("posts: %w", err)
		}
	}
	return nil
}

func (e *lite) putIndexed(ctx context.Context, t *tx, entries []social.SearchEntry) error {
	indexed, err := e.indexed(ctx, t, entries)
	if err != nil {
		return err
	}
	free, err := e.freeSlots(ctx, t, entries)
	if err != nil {
		return err
	}
	rows := make([][9]any, 0, len(entries))
	for i := range entries {
		x := &entries[i]
		words, marks := strings.Join(x.Words, " "), strings.Join(searchMarks(x), " ")
		private := truth(x.Private)
		if indexed[x.PostRef] {
			if _, err := t.exec(ctx, liteSetPost, int64(x.Stream), x.Seq, int64(x.Author), int64(x.Sort), private, words, marks); err != nil {
				return err
			}
			continue
		}
		id, err := free.take(ctx, t, micros(x.At))
		if err != nil {
			return err
		}
		rows = append(rows, [9]any{id, int64(x.Stream), x.Seq, micros(x.At), int64(x.Author), int64(x.Sort), private, words, marks})
	}
	if len(rows) == 0 {
		return nil
	}
	text, err := json.Marshal(rows)
	if err != nil {
		return fmt.Errorf("encode them: %w", err)
	}
	_, err = t.exec(ctx, litePutPosts, string(text))
	return err
}

// indexed tells which of the posts have rows.
func (e *lite) indexed(ctx context.Context, t *tx, entries []social.SearchEntry) (map[social.PostRef]bool, error) {
	var lists [2][]int64
	for i := range entries {
		putColumns(lists[:], int64(entries[i].Stream), int64(entries[i].Seq)) //nolint:gosec // BIGINTs
	}
	out := map[social.PostRef]bool{}
	err := each(ctx, t, func(rs rows) error {
		var ref social.PostRef
		err := rs.Scan(&ref.Stream, &ref.Seq)
		out[ref] = true
		return err
	}, liteIndexed, lists[0], lists[1])
	return out, err
}

// liteFree are the next free ids of microseconds.
type liteFree map[int64]int64

func (e *lite) freeSlots(ctx context.Context, t *tx, entries []social.SearchEntry) (liteFree, error) {
	moments := make([]int64, len(entries))
	for i := range entries {
		moments[i] = micros(entries[i].At)
	}
	slices.Sort(moments)
	out := liteFree{}
	return out, out.look(ctx, t, slices.Compact(moments))
}

func (f liteFree) look(ctx context.Context, t *tx, moments []int64) error {
	return each(ctx, t, func(rs rows) error {
		var at int64
		var taken sql.NullInt64
		err := rs.Scan(&at, &taken)
		f[at] = at * liteSlots
		if taken.Valid {
			f[at] = taken.Int64 + 1
		}
		return err
	}, liteTaken, moments, liteSlots)
}

// take takes an id of the microsecond, or of the first one after it that has room.
func (f liteFree) take(ctx context.Context, t *tx, at int64) (int64, error) {
	for ; ; at++ {
		if _, known := f[at]; !known {
			if err := f.look(ctx, t, []int64{at}); err != nil {
				return 0, err
			}
		}
		if id := f[at]; id < (at+1)*liteSlots {
			f[at]++
			return id, nil
		}
	}
}
