package storage

import (
	"context"
	"slices"

	"rambla/social"
)

// feedVisible tells, up to its THEN, whether a post p is living and $1's to see.
const feedVisible = `CASE WHEN p.counts AND p.removed_at IS NULL AND (NOT p.private OR p.author = $1 OR ` + isReader + ` r.person = $1) = 1)`

// Ranges of the primary key of posts.
const feedPlain = `SELECT p.stream, p.seq, p.published_at, p.id, ` + feedVisible + ` THEN 1 ELSE 0 END
	FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS u (stream, low, high)
	JOIN posts p ON p.stream = u.stream AND p.seq >= u.low AND p.seq <= u.high`

// The same without what has its place by a comment; by the primary key of tallies.
const feedUncommented = `SELECT p.stream, p.seq, p.published_at, p.id, ` + feedVisible + `
		AND (SELECT COUNT(*) FROM tallies t WHERE t.stream = p.stream AND t.seq = p.seq AND t.commented_at <> 0) = 0 THEN 1 ELSE 0 END
	FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS u (stream, low, high)
	JOIN posts p ON p.stream = u.stream AND p.seq >= u.low AND p.seq <= u.high`

// readPlain reads entries of runs of posts.
func (f *feed) readPlain(ctx context.Context, runs []*feedRun) error {
	if len(runs) == 0 {
		return nil
	}
	text := feedPlain
	if f.Order == social.ByComment {
		text = feedUncommented
	}
	var streams, lows, highs []int64
	of := make(map[int64]*feedRun, len(runs))
	for _, r := range runs {
		low := max(r.floor+1, r.next.seq-r.chunk+1)
		streams, lows, highs = append(streams, r.stream), append(lows, low), append(highs, r.next.seq)
		of[r.stream] = r
		r.next = feedKey{stream: r.stream, seq: low} // unless something shows up
	}
	err := each(ctx, f, func(rs rows) error {
		e, err := scanFeedEntry(rs)
		f.add(e)
		if r := of[e.stream]; e.seq == r.next.seq && e.seq > r.floor+1 {
			r.next = feedKey{e.at, e.stream, e.seq - 1}
		}
		return err
	}, text, int64(f.Reader), streams, lows, highs)
	return err
}

func scanFeedEntry(rs rows) (e feedEntry, err error) {
	var visible int
	err = rs.Scan(&e.stream, &e.seq, &e.at, idColumn{&e.id}, &visible)
	e.visible = visible == 1
	return e, err
}

// By tallies_commented, from the place on. What has the same moment is sorted.
const feedCommented = `SELECT p.stream, p.seq, t.commented_at, p.id, ` + feedVisible + ` THEN 1 ELSE 0 END
	FROM (SELECT stream, seq, commented_at FROM tallies
		WHERE stream = $2 AND commented_at <> 0 AND commented_at <= $3 AND (commented_at < $3 OR seq < $4) AND seq > $5
		ORDER BY commented_at DESC, seq DESC LIMIT $6) t
	JOIN posts p ON p.stream = t.stream AND p.seq = t.seq`

const feedCommentedAll = `SELECT p.stream, p.seq, t.commented_at, p.id, ` + feedVisible + ` THEN 1 ELSE 0 END
	FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) AS u (stream, at, seq, floor, n),
	LATERAL (SELECT stream, seq, commented_at FROM tallies
		WHERE stream = u.stream AND commented_at <> 0 AND commented_at <= u.at AND (commented_at < u.at OR seq < u.seq) AND seq > u.floor
		ORDER BY commented_at DESC, seq DESC LIMIT u.n) t
	JOIN posts p ON p.stream = t.stream AND p.seq = t.seq`

// readCommented reads entries of runs of comments.
func (f *feed) readCommented(ctx context.Context, eng engine, runs []*feedRun) error {
	if len(runs) == 0 {
		return nil
	}
	of := make(map[int64]*feedRun, len(runs))
	found := make(map[int64][]feedEntry, len(runs))
	scan := func(rs rows) error {
		e, err := scanFeedEntry(rs)
		found[e.stream] = append(found[e.stream], e)
		f.add(e)
		return err
	}
	var lists [5][]int64
	for _, r := range runs {
		of[r.stream] = r
		for i, v := range []int64{r.stream, r.next.at, r.next.seq, r.floor, r.chunk} {
			lists[i] = append(lists[i], v)
		}
	}
	if err := eng.readCommented(ctx, int64(f.Reader), lists, scan); err != nil {
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

func (e *postgres) readCommented(ctx context.Context, reader int64, lists [5][]int64, scan func(rows) error) error {
	return each(ctx, e.reader(), scan, feedCommentedAll, reader, lists[0], lists[1], lists[2], lists[3], lists[4])
}

// SQLite has nothing like LATERAL: a statement for each stream.
func (e *lite) readCommented(ctx context.Context, reader int64, lists [5][]int64, scan func(rows) error) error {
	for i := range lists[0] {
		err := each(ctx, e.reader(), scan, feedCommented, reader, lists[0][i], lists[1][i], lists[2][i], lists[3][i], lists[4][i])
		if err != nil {
			return err
		}
	}
	return nil
}
