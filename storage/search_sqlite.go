package storage

import (
	"context"
	"errors"
	"fmt"
	"math"
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

// Rows keep the place in time that they came to first.
const (
	liteFreeSlot = `SELECT COALESCE(MAX(id), $1 - 1) FROM search_posts WHERE id >= $1 AND id < $2`
	litePutPost  = `INSERT INTO search_posts (id, stream, seq, at, author, sort, private, words, marks) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
	liteSetPost  = `UPDATE search_posts SET author = $3, sort = $4, private = $5, words = $6, marks = $7
		WHERE stream = $1 AND seq = $2 AND (words <> $6 OR marks <> $7 OR author <> $3 OR sort <> $4 OR private <> $5)`
)

func (e *lite) putSearch(ctx context.Context, t *tx, entries []social.SearchEntry) error {
	for i := range entries {
		x := &entries[i]
		words, marks := strings.Join(x.Words, " "), strings.Join(searchMarks(x), " ")
		var is int
		err := one(ctx, t, into(&is), `SELECT 1 FROM search_posts WHERE stream = $1 AND seq = $2`, int64(x.Stream), x.Seq)
		switch {
		case err == nil:
			_, err = t.exec(ctx, liteSetPost, int64(x.Stream), x.Seq, int64(x.Author), int64(x.Sort), x.Private, words, marks)
		case errors.Is(err, errNoRow):
			var id int64
			if id, err = liteSlot(ctx, t, micros(x.At)); err == nil {
				_, err = t.exec(ctx, litePutPost, id, int64(x.Stream), x.Seq, micros(x.At), int64(x.Author), int64(x.Sort), x.Private, words, marks)
			}
		}
		if err != nil {
			return fmt.Errorf("a post: %w", err)
		}
	}
	return nil
}

// liteSlot is the next free id of a microsecond, or of the first one after it that has
// room.
func liteSlot(ctx context.Context, t *tx, at int64) (int64, error) {
	for low := at * liteSlots; ; low += liteSlots {
		var id int64
		if err := one(ctx, t, into(&id), liteFreeSlot, low, low+liteSlots); err != nil {
			return 0, err
		}
		if id++; id < low+liteSlots {
			return id, nil
		}
	}
}
