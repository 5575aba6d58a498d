package storage

import (
	"context"
	"errors"
	"fmt"

	"rambla/social"
)

const (
	rankedPost = `SELECT p.stream, p.seq, p.published_at, ` + feedColumns + ` THEN 1 ELSE 0 END, `
	rankedIn   = ` FROM tallies t JOIN posts p ON p.stream = t.stream AND p.seq = t.seq
		WHERE t.stream = $3 AND t.seq > $4 AND `
	// By tallies_liked and tallies_flagged, from a place on. What is alike is sorted.
	rankedLikes = rankedPost + `t.likes, t.liked_at` + rankedIn + `t.likes <> 0 AND (t.likes, t.liked_at, t.seq) < ($5, $6, $7)
		ORDER BY t.likes DESC, t.liked_at DESC, t.seq DESC LIMIT $8`
	rankedFlagged = rankedPost + `CAST($5 AS BIGINT), t.flagged_at` + rankedIn + `t.flagged_at <> 0 AND (t.flagged_at, t.seq) < ($6, $7)
		ORDER BY t.flagged_at DESC, t.seq DESC LIMIT $8`
	// By reactions_favorites.
	rankedFavorites = rankedPost + `CAST($5 AS BIGINT), CAST($6 AS BIGINT)` + ` FROM reactions t JOIN posts p ON p.stream = t.stream AND p.seq = t.seq
		WHERE t.stream = $3 AND t.seq > $4 AND t.seq < $7 AND t.kind = 2 AND t.person = $1 ORDER BY t.seq DESC LIMIT $8`
)

// Ranked is [social.FeedStore]'s.
func (db *DB) Ranked(ctx context.Context, q social.RankQuery) (social.RankPage, error) {
	page, err := readRanked(ctx, db.eng.reader(), q)
	if err != nil {
		return social.RankPage{}, failure(fmt.Errorf("read a ranked list: %w", err))
	}
	return page, nil
}

func readRanked(ctx context.Context, c conn, q social.RankQuery) (page social.RankPage, err error) {
	text := map[social.Rank]string{
		social.RankLikes: rankedLikes, social.RankFlagged: rankedFlagged, social.RankFavorites: rankedFavorites,
	}[q.Rank]
	const most = 1<<62 - 1
	likes, at, seq := int64(most), int64(most), int64(most)
	if !q.After.IsZero() {
		likes, at = int64(q.After.Likes), micros(q.After.At) //nolint:gosec // a count
		err := one(ctx, c, into(&seq), `SELECT seq FROM posts WHERE id = $1`, q.After.Post[:])
		if err != nil && !errors.Is(err, errNoRow) {
			return page, err
		}
	}
	var found []feedEntry
	seen, looked := 0, 0
	for seen <= q.Limit && looked < feedBudget {
		n, last := 0, len(found)
		err := each(ctx, c, func(rs rows) error {
			var e feedEntry
			var visible int
			err := rs.Scan(&e.stream, &e.seq, &e.at, idColumn{&e.id}, &e.author, &e.asSpace, &visible, &likes, &at)
			e.visible, e.likes, e.rankedAt, seq = visible == 1, likes, at, e.seq
			found = append(found, e)
			n++
			return err
		}, text, int64(q.Reader), int64(0), int64(q.Stream), int64(q.Floor), likes, at, seq, q.Limit+1) //nolint:gosec // came from a BIGINT, or MaxInt64
		if err != nil {
			return page, err
		}
		for _, e := range found[last:] {
			if e.visible {
				seen++
			}
		}
		if looked += n; n <= q.Limit {
			break
		}
	}
	return cutRanked(ctx, c, found, q.Limit, looked >= feedBudget)
}

// cutRanked makes a page of what was found; spent tells that there may be more
// behind it.
func cutRanked(ctx context.Context, c conn, found []feedEntry, limit int, spent bool) (page social.RankPage, err error) {
	var out []feedEntry
	var last feedEntry
	for _, e := range found {
		if e.visible && len(out) == limit {
			spent = true
			break
		}
		if last = e; e.visible {
			out = append(out, e)
		}
	}
	if spent {
		page.Next = social.RankPlace{Likes: uint64(last.likes), At: moment(last.rankedAt), Post: last.id} //nolint:gosec // a count
	}
	page.Posts, err = readPostsAt(ctx, c, out)
	return page, err
}
