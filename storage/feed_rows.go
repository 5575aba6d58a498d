package storage

import (
	"context"
	"slices"

	"rambla/social"
)

// feedColumns are what scanFeedEntry reads; the last one, up to its THEN, tells
// whether a post p is a living one that $1 may see, of the author $2 if any.
const (
	feedColumns = `p.id, p.author, p.as_space, CASE WHEN p.counts AND p.removed_at IS NULL
		AND (NOT p.private OR p.author = $1 OR ` + isReader + ` r.person = $1) = 1)
		AND (CAST($2 AS BIGINT) = 0 OR p.author = $2 AND NOT p.as_space)`
	// Ranges of the primary key of posts.
	feedRanges = ` THEN 1 ELSE 0 END
		FROM unnest($3::bigint[], $4::bigint[], $5::bigint[]) AS u (stream, low, high)
		CROSS JOIN posts p WHERE p.stream = u.stream AND p.seq >= u.low AND p.seq <= u.high` // SQLite keeps this order
	// Less those that stand elsewhere; by the primary key of tallies, and not by an
	// index of those that have what is asked for, which may be many of a stream.
	feedCommentedAt = ` AND COALESCE((SELECT t.commented_at FROM tallies t WHERE t.stream = p.stream AND t.seq = p.seq), 0) = 0`
	feedLikes       = ` AND COALESCE((SELECT t.likes FROM tallies t WHERE t.stream = p.stream AND t.seq = p.seq), 0) = 0`
	feedFlaggedAt   = ` AND COALESCE((SELECT t.flagged_at FROM tallies t WHERE t.stream = p.stream AND t.seq = p.seq), 0) = 0`

	// By the primary key of search_posts.
	feedMatching = ` AND COALESCE((SELECT x.words @@ CAST($6 AS tsquery) FROM search_posts x WHERE x.stream = p.stream AND x.seq = p.seq), FALSE)`

	feedSearched    = `SELECT p.stream, p.seq, p.published_at, ` + feedColumns + feedMatching + feedRanges
	feedPlain       = `SELECT p.stream, p.seq, p.published_at, ` + feedColumns + feedRanges
	feedUncommented = `SELECT p.stream, p.seq, p.published_at, ` + feedColumns + feedCommentedAt + feedRanges
	feedUnliked     = `SELECT p.stream, p.seq, p.published_at, ` + feedColumns + feedLikes + feedRanges
	feedUnflagged   = `SELECT p.stream, p.seq, p.published_at, ` + feedColumns + feedFlaggedAt + feedRanges
)

func (f *feed) plainText() string {
	switch {
	case f.words != "":
		return feedSearched
	case f.Order == social.ByComment:
		return feedUncommented
	case f.Without == social.RankLikes:
		return feedUnliked
	case f.Without == social.RankFlagged:
		return feedUnflagged
	}
	return feedPlain
}

// readPlain reads entries of runs of posts.
func (f *feed) readPlain(ctx context.Context, runs []*feedRun) error {
	if len(runs) == 0 {
		return nil
	}
	var streams, lows, highs []int64
	of := make(map[int64]*feedRun, len(runs))
	for _, r := range runs {
		low := max(r.floor+1, r.next.seq-r.chunk+1)
		streams, lows, highs = append(streams, r.stream), append(lows, low), append(highs, r.next.seq)
		of[r.stream] = r
		r.next = feedKey{stream: r.stream, seq: low} // done with, unless that entry shows up
	}
	args := []any{int64(f.Reader), int64(f.Author), streams, lows, highs}
	if f.words != "" {
		args = append(args, f.words)
	}
	return each(ctx, f, func(rs rows) error {
		e, err := scanFeedEntry(rs)
		f.add(e)
		if r := of[e.stream]; e.seq == r.next.seq && e.seq > r.floor+1 {
			r.next = feedKey{e.at, e.stream, e.seq - 1}
		}
		return err
	}, f.plainText(), args...)
}

func scanFeedEntry(rs rows) (e feedEntry, err error) {
	var visible int
	err = rs.Scan(&e.stream, &e.seq, &e.at, idColumn{&e.id}, &e.author, &e.asSpace, &visible)
	e.visible = visible == 1
	return e, err
}

// By tallies_commented, from a place on. What has the same moment is sorted.
const (
	feedCommented = `SELECT p.stream, p.seq, t.commented_at, ` + feedColumns + ` THEN 1 ELSE 0 END
	FROM (SELECT stream, seq, commented_at FROM tallies
		WHERE stream = $3 AND commented_at <> 0 AND commented_at <= $4 AND (commented_at < $4 OR seq < $5) AND seq > $6
		ORDER BY commented_at DESC, seq DESC LIMIT $7) t
	JOIN posts p ON p.stream = t.stream AND p.seq = t.seq`

	feedCommentedAll = `SELECT p.stream, p.seq, t.commented_at, ` + feedColumns + ` THEN 1 ELSE 0 END
	FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]) AS u (stream, at, seq, floor, n),
	LATERAL (SELECT stream, seq, commented_at FROM tallies
		WHERE stream = u.stream AND commented_at <> 0 AND commented_at <= u.at AND (commented_at < u.at OR seq < u.seq) AND seq > u.floor
		ORDER BY commented_at DESC, seq DESC LIMIT u.n) t
	JOIN posts p ON p.stream = t.stream AND p.seq = t.seq`
)

// readCommented reads entries of runs of comments.
func (f *feed) readCommented(ctx context.Context, eng engine, runs []*feedRun) error {
	if len(runs) == 0 {
		return nil
	}
	found := make(map[int64][]feedEntry, len(runs))
	scan := func(rs rows) error {
		e, err := scanFeedEntry(rs)
		found[e.stream] = append(found[e.stream], e)
		f.add(e)
		return err
	}
	var lists [5][]int64
	for _, r := range runs {
		for i, v := range []int64{r.stream, r.next.at, r.next.seq, r.floor, r.chunk} {
			lists[i] = append(lists[i], v)
		}
	}
	if err := eng.readCommented(ctx, int64(f.Reader), int64(f.Author), lists, scan); err != nil {
		return err
	}
	for _, r := range runs {
		got := found[r.stream]
		r.rough = false
		if int64(len(got)) < r.chunk {
			r.next = feedKey{}
			continue
		}
		r.next = slices.MinFunc(got, func(a, b feedEntry) int { return a.compare(b.feedKey) }).feedKey
	}
	return nil
}

func (e *postgres) readCommented(ctx context.Context, reader, author int64, lists [5][]int64, scan func(rows) error) error {
	return each(ctx, e.reader(), scan, feedCommentedAll, reader, author, lists[0], lists[1], lists[2], lists[3], lists[4])
}

// SQLite has nothing like LATERAL: a statement for each stream.
func (e *lite) readCommented(ctx context.Context, reader, author int64, lists [5][]int64, scan func(rows) error) error {
	for i := range lists[0] {
		err := each(ctx, e.reader(), scan, feedCommented, reader, author, lists[0][i], lists[1][i], lists[2][i], lists[3][i], lists[4][i])
		if err != nil {
			return err
		}
	}
	return nil
}
