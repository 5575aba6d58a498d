package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"rambla/social"
)

const (
	// searchRare is up to how many posts the index is asked for all at once, as far as
	// the database knows how many these are.
	searchRare = 20_000
	// searchPatience is how long that may take before it is found out that there are
	// more after all.
	searchPatience = 250 * time.Millisecond
)

// quoteLexeme quotes a word for tsvector and tsquery.
func quoteLexeme(word string) string {
	if strings.ContainsAny(word, `\'`) { // few have them, and this is asked of every word that is posted
		word = strings.ReplaceAll(strings.ReplaceAll(word, `\`, `\\`), `'`, `''`)
	}
	return "'" + word + "'"
}

// lexemes are the text of a tsvector: the words at their places, and marks.
func lexemes(b *strings.Builder, e *social.SearchEntry) string {
	const most = 16383 // places that a tsvector knows
	b.Reset()
	for i, w := range e.Words {
		b.WriteString(quoteLexeme(w))
		b.WriteByte(':')
		b.WriteString(strconv.Itoa(min(i+1, most)))
		b.WriteByte(' ')
	}
	for _, m := range searchMarks(e) {
		b.WriteString(quoteLexeme(m))
		b.WriteByte(' ')
	}
	return b.String()
}

// tsquery writes what is asked for. Words stand in quotes, so that nothing in them is
// an operator.
func (s *search) tsquery() string {
	var parts []string
	for _, m := range s.marks() {
		parts = append(parts, quoteLexeme(m))
	}
	for _, t := range s.Terms.Terms {
		text := quoteWords(t.Words, quoteLexeme, " <-> ")
		if t.Prefix {
			text += ":*"
		}
		if t.Not {
			text = "!(" + text + ")"
		} else {
			text = "(" + text + ")"
		}
		parts = append(parts, text)
	}
	if s.named {
		streams := make([]string, len(s.streams))
		for i, key := range s.streams {
			streams[i] = searchStream(key)
		}
		parts = append(parts, "("+quoteWords(streams, quoteLexeme, " | ")+")")
	}
	return strings.Join(parts, " & ")
}

const (
	searchVisible = ` AND (NOT p.private OR p.author = $2 OR ` + isReader + ` r.person = $2) = 1)`
	searchKey     = `(p.at, p.stream, p.seq) < ($3::bigint, $4::bigint, $5::bigint) AND p.at >= $6`
	searchNewest  = ` ORDER BY p.at DESC, p.stream DESC, p.seq DESC LIMIT $8`

	// All that the index has, by search_posts_words, and of these the newest.
	searchRareAll = `WITH p AS MATERIALIZED (SELECT x.stream, x.seq, x.at, x.author, x.sort, x.private FROM search_posts x WHERE x.words @@ CAST($1 AS tsquery))
		SELECT p.at, p.stream, p.seq FROM p WHERE ` + searchKey + ` AND p.sort = $7` + searchVisible + searchNewest
	searchRareIn = `WITH p AS MATERIALIZED (SELECT x.stream, x.seq, x.at, x.author, x.sort, x.private FROM search_posts x WHERE x.words @@ CAST($1 AS tsquery))
		SELECT p.at, p.stream, p.seq FROM p JOIN unnest($9::bigint[], $10::bigint[]) AS u (stream, floor) ON u.stream = p.stream AND p.seq > u.floor
		WHERE ` + searchKey + ` AND p.sort = $7` + searchVisible + searchNewest

	// The newest, by search_posts_at, up to a budget; and of these what matches.
	searchCommon = `SELECT p.at, p.stream, p.seq, CASE WHEN p.words @@ CAST($1 AS tsquery)` + searchVisible + ` THEN 1 ELSE 0 END
		FROM search_posts p WHERE ` + searchKey + ` AND p.sort = $7` + searchNewest
)

func (e *postgres) searchPosts(ctx context.Context, db *DB, s *search) (social.FeedPage, error) {
	words := s.tsquery()
	many, err := s.common(ctx, words)
	if err != nil {
		return social.FeedPage{}, err
	}
	if !many {
		switch err := e.rare(ctx, s, words); {
		case err == nil:
			return s.page(ctx)
		case !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil:
			return social.FeedPage{}, err
		}
	}
	if s.streams != nil {
		return s.gather(ctx, db, words)
	}
	if err := s.walk(ctx, words); err != nil {
		return social.FeedPage{}, err
	}
	return s.page(ctx)
}

// common tells whether the database thinks that too many posts have the words for
// reading them all.
func (s *search) common(ctx context.Context, words string) (bool, error) {
	var plan []struct {
		Plan struct {
			Rows float64 `json:"Plan Rows"`
		} `json:"Plan"`
	}
	var text string
	err := one(ctx, s, into(&text), `EXPLAIN (FORMAT JSON) SELECT 1 FROM search_posts x WHERE x.words @@ CAST($1 AS tsquery)`, words)
	if err == nil {
		err = json.Unmarshal([]byte(text), &plan)
	}
	if err != nil || len(plan) != 1 {
		return false, fmt.Errorf("ask how common the words are: %w", err)
	}
	return plan[0].Plan.Rows > searchRare, nil
}

func (e *postgres) rare(ctx context.Context, s *search, words string) error {
	short, cancel := context.WithTimeout(ctx, searchPatience)
	defer cancel()
	err := e.bitmaps(short, func(c conn) error { return s.rare(short, c, words) })
	if err != nil {
		s.found = nil
		return errors.Join(err, short.Err())
	}
	return s.identify(ctx)
}

func (s *search) rare(ctx context.Context, c conn, words string) error {
	text, args := searchRareAll, []any{words, s.reader, s.after.at, s.after.stream, s.after.seq, s.from, s.sort, s.limit}
	if s.streams != nil {
		text, args = searchRareIn, append(args, s.streams, s.floors)
	}
	return each(ctx, c, func(rs rows) error {
		var h searchHit
		err := rs.Scan(&h.at, &h.stream, &h.seq)
		s.found = append(s.found, h)
		return err
	}, text, args...)
}

// identify reads the ids of the posts that pages begin behind.
func (s *search) identify(ctx context.Context) error {
	if len(s.found) <= s.Limit {
		return nil
	}
	return s.idOf(ctx, &s.found[s.Limit-1])
}

// idOf reads one; a post that is gone has none, and its time has to do.
func (s *search) idOf(ctx context.Context, h *searchHit) error {
	err := one(ctx, s, into(idColumn{&h.id}), `SELECT id FROM posts WHERE stream = $1 AND seq = $2`, h.stream, h.seq)
	if errors.Is(err, errNoRow) {
		err = nil
	}
	return err
}

// walk looks at the newest posts of all streams until enough of them match.
func (s *search) walk(ctx context.Context, words string) error {
	for chunk := 4 * s.limit; len(s.found) < s.limit; chunk = min(4*chunk, searchBudget) {
		looked := 0
		var last searchHit
		err := each(ctx, s, func(rs rows) error {
			var is int
			if err := rs.Scan(&last.at, &last.stream, &last.seq, &is); err != nil {
				return err
			}
			looked++
			if is == 1 && len(s.found) < s.limit {
				s.found = append(s.found, last)
			}
			return nil
		}, searchCommon, words, s.reader, s.after.at, s.after.stream, s.after.seq, s.from, s.sort, chunk)
		if err != nil || looked < chunk {
			return errors.Join(err, s.identify(ctx))
		}
		s.after = last.searchPlace
		if len(s.found) < s.limit && chunk == searchBudget {
			s.stopped = last
			return s.idOf(ctx, &s.stopped)
		}
	}
	return s.identify(ctx)
}

// gather looks at the newest posts of some streams, as a feed does.
func (s *search) gather(ctx context.Context, db *DB, words string) (social.FeedPage, error) {
	q := social.FeedQuery{Sources: s.Sources, Reader: s.Reader, After: s.After, Limit: s.Limit}
	if !s.Before.IsZero() && (q.After.IsZero() || micros(s.Before) <= micros(q.After.At)) {
		q.After = social.FeedPlace{At: moment(micros(s.Before) - 1)}
	}
	f := &feed{conn: s.conn, times: db.times, FeedQuery: q, words: words, budget: searchBudget}
	found, next, err := f.find(ctx, db.eng)
	if err != nil {
		return social.FeedPage{}, err
	}
	for i, e := range found {
		if e.at < s.from {
			found, next = found[:i], social.FeedPlace{}
			break
		}
	}
	if micros(next.At) < s.from {
		next = social.FeedPlace{}
	}
	posts, err := readPostsAt(ctx, s.conn, found)
	return social.FeedPage{Posts: posts, Next: next}, err
}

func (e *postgres) putSearch(ctx context.Context, t *tx, entries []social.SearchEntry) error {
	if len(entries) == 0 {
		return nil
	}
	var numbers [5][]int64
	private := make([]bool, len(entries))
	words := make([]string, len(entries))
	var b strings.Builder
	for i := range entries {
		x := &entries[i]
		putColumns(numbers[:], int64(x.Stream), int64(x.Seq), micros(x.At), int64(x.Author), int64(x.Sort)) //nolint:gosec // BIGINTs
		private[i], words[i] = x.Private, lexemes(&b, x)
	}
	_, err := t.exec(ctx, `INSERT INTO search_posts AS p (stream, seq, at, author, sort, private, words)
		SELECT u.stream, u.seq, u.at, u.author, u.sort, u.private, CAST(u.words AS tsvector)
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::boolean[], $7::text[])
			AS u (stream, seq, at, author, sort, private, words)
		ON CONFLICT (stream, seq) DO UPDATE SET words = excluded.words, private = excluded.private, author = excluded.author, sort = excluded.sort
			WHERE p.words IS DISTINCT FROM excluded.words`,
		numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], private, words)
	if err != nil {
		return err
	}
	return e.estimate(ctx, t, int64(len(entries)))
}

// searchEstimate is after how many posts the database looks for the first time at how
// common words are.
const searchEstimate = 10_000

// estimate has the database look again when the index has grown to twice of what it
// was. Until it does so by itself, which takes minutes, it thinks every word rare.
func (e *postgres) estimate(ctx context.Context, t *tx, n int64) error {
	indexed := e.indexed.Add(n)
	if last := e.estimated.Load(); indexed < max(2*last, searchEstimate) {
		return nil
	}
	if _, err := t.exec(ctx, `ANALYZE search_posts`); err != nil {
		return fmt.Errorf("look at how common words are: %w", err)
	}
	e.estimated.Store(indexed)
	return nil
}
