package storage

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"rambla/social"
)

// searchPlace is a place in what a search finds, newest first.
type searchPlace struct{ at, stream, seq int64 }

// searchHit is a post that the index found.
type searchHit struct {
	searchPlace
	id social.ID
}

// search is a question to the index.
type search struct {
	social.SearchQuery
	conn
	after           searchPlace // what is found is behind it
	streams, floors []int64     // where; nil: everywhere
	named           bool        // the streams are so few that the index is asked for them by name
	from, reader    int64
	sort            int64
	limit           int
	found           []searchHit
	stopped         searchHit // where the work was given up; zero: it was not
}

const (
	// searchNamed is up to how many streams are asked for by name.
	searchNamed = 16
	// searchBudget is how many entries one page looks at where a word is too common for
	// the index to find it first.
	searchBudget = 8000
)

// SearchPosts is [social.SearchStore]'s.
func (db *DB) SearchPosts(ctx context.Context, q social.SearchQuery) (social.FeedPage, error) {
	s := newSearch(db, q)
	var page social.FeedPage
	err := s.begin(ctx)
	if err == nil {
		page, err = db.eng.searchPosts(ctx, db, s)
	}
	if err != nil {
		return social.FeedPage{}, failure(fmt.Errorf("search: %w", err))
	}
	return page, nil
}

func newSearch(db *DB, q social.SearchQuery) *search {
	s := &search{
		SearchQuery: q, conn: db.eng.reader(), from: micros(q.From), reader: int64(q.Reader), sort: int64(q.Sort), limit: q.Limit + 1,
		named: q.Sources != nil && len(q.Sources) <= searchNamed,
	}
	for _, src := range q.Sources {
		s.streams, s.floors = append(s.streams, int64(src.Stream)), append(s.floors, int64(src.Floor)) //nolint:gosec // a BIGINT, or MaxInt64
	}
	return s
}

// begin finds the place to begin behind.
func (s *search) begin(ctx context.Context) error {
	s.after = searchPlace{math.MaxInt64, math.MaxInt64, math.MaxInt64}
	if !s.After.IsZero() {
		s.after.at = micros(s.After.At)
		// By posts_id. A post that is no longer there leaves its time.
		err := one(ctx, s, into(&s.after.stream, &s.after.seq), `SELECT stream, seq FROM posts WHERE id = $1`, s.After.Post[:])
		if err != nil && !errors.Is(err, errNoRow) {
			return err
		}
	}
	if before := micros(s.Before); !s.Before.IsZero() && before-1 < s.after.at {
		s.after = searchPlace{before - 1, math.MaxInt64, math.MaxInt64}
	}
	return nil
}

// page reads the posts that were found. There is a next page where more were, or
// where the work was given up.
func (s *search) page(ctx context.Context) (social.FeedPage, error) {
	var next social.FeedPlace
	switch {
	case len(s.found) > s.Limit:
		s.found = s.found[:s.Limit]
		last := s.found[s.Limit-1]
		next = social.FeedPlace{At: moment(last.at), Post: last.id}
	case s.stopped.at != 0:
		next = social.FeedPlace{At: moment(s.stopped.at), Post: s.stopped.id}
	}
	entries := make([]feedEntry, len(s.found))
	for i, h := range s.found {
		entries[i].feedKey = feedKey{h.at, h.stream, h.seq}
	}
	posts, err := readPostsAt(ctx, s.conn, entries)
	return social.FeedPage{Posts: posts, Next: next}, err
}

// tag, author and stream as words of the index.
func searchTag(tag string) string            { return "#" + tag }
func searchAuthor(p social.PersonKey) string { return "@" + strconv.FormatInt(int64(p), 10) }
func searchStream[K social.StreamKey | int64](k K) string {
	return "/" + strconv.FormatInt(int64(k), 10)
}

// searchMarks are those of an entry.
func searchMarks(e *social.SearchEntry) []string {
	out := []string{searchStream(e.Stream)}
	if e.Author != 0 {
		out = append(out, searchAuthor(e.Author))
	}
	for _, tag := range e.Tags {
		out = append(out, searchTag(tag))
	}
	return out
}

// marks are those that a question asks for, beside the streams.
func (s *search) marks() []string {
	var out []string
	for _, tag := range s.Terms.Tags {
		out = append(out, searchTag(tag))
	}
	if s.Author != 0 {
		out = append(out, searchAuthor(s.Author))
	}
	return out
}

// BeginSearch is [social.SearchIndexStore]'s.
func (db *DB) BeginSearch(ctx context.Context, version string) (again bool, err error) {
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		var old string
		err := one(ctx, t, into(&old), `SELECT version FROM search_state WHERE id = 1`)
		if err != nil && !errors.Is(err, errNoRow) || old == version {
			return err
		}
		again = true
		if _, err := t.exec(ctx, `DELETE FROM search_streams`); err != nil {
			return err
		}
		_, err = t.exec(ctx, `INSERT INTO search_state (id, version) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET version = excluded.version`, version)
		return err
	})
	if err != nil {
		return false, failure(fmt.Errorf("begin to index: %w", err))
	}
	return again, nil
}

// ForgetSearch has the index made again from the posts, by the server that runs,
// within a minute, or the next that starts. What is indexed is found until then.
func (db *DB) ForgetSearch(ctx context.Context) error {
	err := db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `DELETE FROM search_state`)
		return err
	})
	if err != nil {
		return failure(fmt.Errorf("forget the index: %w", err))
	}
	return nil
}

// ForgetAuthor takes what somebody wrote out of the index, where nobody is indexing: it
// reads all of it.
func (db *DB) ForgetAuthor(ctx context.Context, author social.PersonKey) error {
	var posts []social.PostRef
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var p social.PostRef
		err := rs.Scan(&p.Stream, &p.Seq)
		posts = append(posts, p)
		return err
	}, `SELECT stream, seq FROM search_posts WHERE author = $1 ORDER BY stream, seq`, int64(author))
	if err == nil && len(posts) > 0 {
		err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error { return forgetPosts(ctx, t, posts) })
	}
	if err != nil {
		return failure(fmt.Errorf("forget an author: %w", err))
	}
	return nil
}

// Closed streams are those of deleted spaces.
const (
	searchAt  = `CASE WHEN COALESCE(x.position, 0) < s.floor THEN s.floor ELSE COALESCE(x.position, 0) END`
	searchLag = `SELECT s.id, s.head, ` + searchAt + ` FROM streams s LEFT JOIN search_streams x ON x.stream = s.id
		WHERE s.head > ` + searchAt + ` AND `
	searchable = `s.channel = ANY($1) AND NOT s.closed`
)

func searchedChannels() []int64 {
	return []int64{int64(social.ChannelMessages), int64(social.ChannelComments)}
}

// SearchLags is [social.SearchIndexStore]'s.
func (db *DB) SearchLags(ctx context.Context, streams []social.StreamKey) ([]social.SearchLag, error) {
	return db.searchLags(ctx, searchLag+searchable+` AND s.id = ANY($2)`, searchedChannels(), keyList(streams))
}

// SearchLagging is [social.SearchIndexStore]'s.
func (db *DB) SearchLagging(ctx context.Context, after social.StreamKey, limit int) ([]social.SearchLag, error) {
	return db.searchLags(ctx, searchLag+searchable+` AND s.id > $2 ORDER BY s.id LIMIT $3`, searchedChannels(), int64(after), limit)
}

func (db *DB) searchLags(ctx context.Context, text string, args ...any) ([]social.SearchLag, error) {
	var out []social.SearchLag
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var l social.SearchLag
		err := rs.Scan(&l.Stream, &l.Head, &l.At)
		out = append(out, l)
		return err
	}, text, args...)
	if err != nil {
		return nil, failure(fmt.Errorf("read what is to be indexed: %w", err))
	}
	return out, nil
}

// SearchBehind is [social.SearchIndexStore]'s.
func (db *DB) SearchBehind(ctx context.Context) (social.SearchBehind, error) {
	var out social.SearchBehind
	var oldest int64
	// All streams, and an entry by primary key of those that are behind.
	err := one(ctx, db.eng.reader(), into(&out.Posts, &oldest), `SELECT CAST(COALESCE(SUM(l.head - l.at), 0) AS BIGINT),
			COALESCE(MIN((SELECT p.published_at FROM posts p WHERE p.stream = l.id AND p.seq = l.at + 1)), 0)
		FROM (SELECT s.id, s.head, `+searchAt+` AS at FROM streams s LEFT JOIN search_streams x ON x.stream = s.id
			WHERE s.head > `+searchAt+` AND `+searchable+`) l`, searchedChannels())
	if err != nil {
		return out, failure(fmt.Errorf("measure the index: %w", err))
	}
	out.Oldest = moment(oldest)
	return out, nil
}

const (
	// Ranges of the primary key of posts; SQLite keeps this order.
	searchLog = `SELECT ` + postColumns + ` FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS u (stream, after, upto)
		CROSS JOIN posts p WHERE p.stream = u.stream AND p.seq > u.after AND p.seq <= u.upto`
	// By posts_id.
	searchObject = `SELECT ` + postColumns + ` FROM posts p WHERE p.id = $1`
)

// SearchLog is [social.SearchIndexStore]'s.
func (db *DB) SearchLog(ctx context.Context, ranges []social.SearchRange) ([]social.Post, error) {
	var lists [3][]int64
	for _, r := range ranges {
		putColumns(lists[:], int64(r.Stream), int64(r.After), int64(r.To)) //nolint:gosec // BIGINTs
	}
	var out []social.Post
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		p, err := scanPost(rs)
		out = append(out, p)
		return err
	}, searchLog, lists[0], lists[1], lists[2])
	if err != nil {
		return nil, failure(fmt.Errorf("read what is to be indexed: %w", err))
	}
	return out, nil
}

// SearchObjects is [social.SearchIndexStore]'s.
func (db *DB) SearchObjects(ctx context.Context, ids []social.ID) ([]social.Post, error) {
	var out []social.Post
	c := db.eng.reader()
	for _, id := range ids {
		err := each(ctx, c, func(rs rows) error {
			p, err := scanPost(rs)
			out = append(out, p)
			return err
		}, searchObject, id[:])
		if err != nil {
			return nil, failure(fmt.Errorf("read what was edited: %w", err))
		}
	}
	return out, nil
}

// PutSearch is [social.SearchIndexStore]'s.
func (db *DB) PutSearch(ctx context.Context, put social.SearchPut) error {
	compare := func(a, b social.PostRef) int {
		if a.Stream != b.Stream {
			return int(a.Stream - b.Stream)
		}
		return int(a.Seq) - int(b.Seq) //nolint:gosec // BIGINTs
	}
	slices.SortFunc(put.Entries, func(a, b social.SearchEntry) int { return compare(a.PostRef, b.PostRef) })
	slices.SortFunc(put.Gone, compare)
	err := db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		// First, as it holds the streams against others who index them.
		passed, err := putSearched(ctx, t, put.Read)
		if err != nil {
			return err
		}
		gone, entries := put.Gone, put.Entries
		if len(passed) > 0 {
			gone = slices.DeleteFunc(slices.Clone(gone), func(p social.PostRef) bool { return passed[p.Stream] })
			entries = slices.DeleteFunc(slices.Clone(entries), func(e social.SearchEntry) bool { return passed[e.Stream] })
		}
		if err := forgetPosts(ctx, t, gone); err != nil {
			return err
		}
		return db.eng.putSearch(ctx, t, entries)
	})
	if err != nil {
		return failure(fmt.Errorf("index posts: %w", err))
	}
	return nil
}

// By the key of (stream, seq); the second of a range of it for each stream.
const (
	searchForget = `DELETE FROM search_posts WHERE (stream, seq) IN (
		SELECT u.stream, u.seq FROM unnest($1::bigint[], $2::bigint[]) AS u (stream, seq))`
	searchPurge = `WITH old AS MATERIALIZED (SELECT x.stream, x.seq FROM streams s CROSS JOIN search_posts x
			WHERE x.stream = s.id AND x.seq <= CASE WHEN s.closed THEN s.head ELSE s.floor END AND (s.floor > 0 OR s.closed) LIMIT $1)
		DELETE FROM search_posts WHERE (stream, seq) IN (SELECT stream, seq FROM old)`
)

// forgetPosts has posts found no longer.
func forgetPosts(ctx context.Context, t *tx, posts []social.PostRef) error {
	for chunk := range slices.Chunk(posts, pushChunk) {
		var lists [2][]int64
		for _, p := range chunk {
			putColumns(lists[:], int64(p.Stream), int64(p.Seq)) //nolint:gosec // BIGINTs
		}
		_, err := t.exec(ctx, searchForget, lists[0], lists[1])
		if err != nil {
			return fmt.Errorf("forget: %w", err)
		}
	}
	return nil
}

// putSearched moves on what was read of each stream. passed are those of which
// somebody else has read more: what that one wrote is as new as this, or newer.
func putSearched(ctx context.Context, t *tx, read map[social.StreamKey]uint64) (passed map[social.StreamKey]bool, err error) {
	var lists [2][]int64
	streams := make([]social.StreamKey, 0, len(read))
	for stream := range read {
		streams = append(streams, stream)
	}
	slices.Sort(streams)
	for _, stream := range streams {
		putColumns(lists[:], int64(stream), int64(read[stream])) //nolint:gosec // BIGINTs
	}
	if len(streams) == 0 {
		return nil, nil
	}
	passed = map[social.StreamKey]bool{}
	err = each(ctx, t, func(rs rows) error {
		var stream social.StreamKey
		var at uint64
		err := rs.Scan(&stream, &at)
		if at > read[stream] {
			passed[stream] = true
		}
		return err
	}, `INSERT INTO search_streams (stream, position) SELECT u.stream, u.position
		FROM unnest($1::bigint[], $2::bigint[]) AS u (stream, position) WHERE TRUE
		ON CONFLICT (stream) DO UPDATE SET position = CASE WHEN excluded.position > search_streams.position
			THEN excluded.position ELSE search_streams.position END RETURNING stream, position`, lists[0], lists[1])
	if err != nil {
		return nil, fmt.Errorf("positions: %w", err)
	}
	return passed, nil
}

// quoteWords writes words of a query as one text for an engine, each by quote.
func quoteWords(words []string, quote func(string) string, between string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = quote(w)
	}
	return strings.Join(out, between)
}

// purgeSearch forgets what retention gave up, and what deleted spaces hold.
func (db *DB) purgeSearch(ctx context.Context, _ time.Time) (n int64, err error) {
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		var err error
		n, err = t.exec(ctx, searchPurge, purgeRows)
		return err
	})
	return n, err
}
