package storage

import (
	"context"
	"time"

	"rambla/social"
)

// allowance is what of a stream stays; 0 is no limit.
type allowance struct {
	stream social.StreamKey
	age    int64 // microseconds
	count  int64
	bytes  int64 // of samples
	over   bool  // nothing stays: its space is deleted
}

// Streams that hold more than they may, some at a time. Times never go back in
// a stream, so its first entry tells of age: one look-up by primary key each.
const (
	samplesOver = `SELECT s.id, CASE WHEN p.keep_data_age > 0 THEN p.keep_data_age ELSE $3 END,
			CASE WHEN p.keep_samples > 0 AND p.keep_samples < $4 THEN p.keep_samples ELSE $4 END
		FROM streams s LEFT JOIN spaces p ON p.id = s.space LEFT JOIN samples m ON m.stream = s.id AND m.seq = s.floor + 1
		WHERE s.channel = $1 AND s.head > s.floor AND (s.bytes > $5 OR s.head - s.floor > $4
			OR (p.keep_samples > 0 AND s.head - s.floor > p.keep_samples)
			OR m.published_at < $2 - CASE WHEN p.keep_data_age > 0 THEN p.keep_data_age ELSE $3 END)
		ORDER BY s.id LIMIT 100`
	postsOver = `SELECT s.id, p.keep_age, p.keep_posts
		FROM spaces p JOIN streams s ON s.space = p.id LEFT JOIN posts m ON m.stream = s.id AND m.seq = s.floor + 1
		WHERE (p.keep_age > 0 OR p.keep_posts > 0) AND s.channel <> $1 AND s.head > s.floor
			AND ((p.keep_posts > 0 AND s.head - s.floor > p.keep_posts) OR (p.keep_age > 0 AND m.published_at < $2 - p.keep_age))
		ORDER BY s.id LIMIT 100`
	// Of what is deleted, a while after the last entry, which tells of the deletion.
	endedOver = `SELECT s.id, s.channel FROM spaces p JOIN streams s ON s.space = p.id
		WHERE p.deleted AND s.closed AND s.head > s.floor AND s.head_at < $1 ORDER BY s.id LIMIT 100`
)

// endedFor is how long what a deleted space held is kept from whoever purges:
// those who are connected are told of the deletion first.
const endedFor = time.Hour

// purgeEnded deletes what was said in spaces that are deleted, chunk by chunk, so
// that however much it was, nobody who publishes waits for it.
func (db *DB) purgeEnded(ctx context.Context, now time.Time) (n int64, err error) {
	type ended struct {
		allowance
		channel social.Channel
	}
	var streams []ended
	err = each(ctx, db.eng.reader(), func(rs rows) error {
		e := ended{allowance: allowance{over: true}}
		err := rs.Scan(&e.stream, &e.channel)
		streams = append(streams, e)
		return err
	}, endedOver, micros(now.Add(-endedFor)))
	if err != nil {
		return 0, err
	}
	for _, e := range streams {
		if n >= purgeRows {
			break
		}
		table := "posts"
		if e.channel == social.ChannelData {
			table = "samples"
		}
		gone, err := db.giveUpIn(ctx, table, e.allowance, now, purgeRows-n)
		n += gone
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// purgeSamples gives up the oldest samples of streams of data: those that are
// too old, and those beyond the quota of their stream.
func (db *DB) purgeSamples(ctx context.Context, now time.Time) (int64, error) {
	return db.giveUp(ctx, "samples", now, samplesOver, int64(social.ChannelData), micros(now),
		social.SampleLife.Microseconds(), db.limits.Messages, db.limits.Bytes)
}

// purgePosts gives up the oldest posts where a context does not keep them all.
func (db *DB) purgePosts(ctx context.Context, now time.Time) (int64, error) {
	return db.giveUp(ctx, "posts", now, postsOver, int64(social.ChannelData), micros(now))
}

func (db *DB) giveUp(ctx context.Context, table string, now time.Time, over string, args ...any) (n int64, err error) {
	var streams []allowance
	err = each(ctx, db.eng.reader(), func(rs rows) error {
		var a allowance
		err := rs.Scan(&a.stream, &a.age, &a.count)
		streams = append(streams, a)
		return err
	}, over, args...)
	if err != nil {
		return 0, err
	}
	for _, a := range streams {
		if n >= purgeRows {
			break
		}
		if table == "samples" {
			a.bytes = db.limits.Bytes
		}
		gone, err := db.giveUpIn(ctx, table, a, now, purgeRows-n)
		n += gone
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// giveUpIn deletes a range of one stream's oldest entries and moves its floor
// above them, in one transaction: what is above the floor is there. Whoever
// appends holds the stream's row as this does.
func (db *DB) giveUpIn(ctx context.Context, table string, a allowance, now time.Time, limit int64) (n int64, err error) {
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		r := tableRange{tx: t, table: table, stream: int64(a.stream), now: micros(now)}
		var head, bytes int64
		err := one(ctx, t, into(&r.floor, &head, &bytes), `SELECT floor, head, bytes FROM streams WHERE id = $1`+t.forUpdate, r.stream)
		if err != nil {
			return err
		}
		r.to = min(head, r.floor+limit)
		to, err := r.end(ctx, a, head, bytes, micros(now))
		if err != nil {
			return err
		}
		r.to = min(r.to, to)
		if n, err = r.delete(ctx); err != nil || !a.over || r.to < head {
			return err
		}
		// Nobody reads there any more, so nobody moves one meanwhile.
		_, err = t.exec(ctx, `DELETE FROM read_markers WHERE stream = $1`, r.stream)
		return err
	})
	return n, err
}

// tableRange is the entries of a stream with floor < seq <= to. All of its
// statements go by primary key.
type tableRange struct {
	*tx
	table     string
	stream    int64
	floor, to int64
	now       int64
}

// end is the last seq in the range that the allowance gives up.
func (r *tableRange) end(ctx context.Context, a allowance, head, bytes, now int64) (int64, error) {
	if a.over {
		return head, nil
	}
	end := r.floor
	if a.count > 0 {
		end = max(end, head-a.count)
	}
	if a.age > 0 {
		var old int64
		err := one(ctx, r, into(&old), `SELECT COALESCE(MIN(seq) - 1, $3) FROM `+r.table+`
			WHERE stream = $1 AND seq > $2 AND seq <= $3 AND published_at >= $4`, r.stream, r.floor, r.to, now-a.age)
		if err != nil {
			return 0, err
		}
		end = max(end, old)
	}
	if a.bytes == 0 || bytes <= a.bytes {
		return end, nil
	}
	excess := bytes - a.bytes
	err := each(ctx, r, func(rs rows) error {
		var seq, size int64
		err := rs.Scan(&seq, &size)
		if excess > 0 {
			end = max(end, seq)
		}
		excess -= size
		return err
	}, `SELECT seq, `+rowSize+` FROM samples WHERE stream = $1 AND seq > $2 AND seq <= $3 ORDER BY seq`, r.stream, r.floor, r.to)
	return end, err
}

// delete gives up the whole range. Idempotency keys stay: what was published
// with one is not stored anew.
func (r *tableRange) delete(ctx context.Context) (n int64, err error) {
	if r.to <= r.floor {
		return 0, nil
	}
	const inRange = ` WHERE stream = $1 AND seq > $2 AND seq <= $3`
	var bytes int64
	var said []saidIn
	if r.table == "samples" {
		err := one(ctx, r, into(&bytes), `SELECT CAST(COALESCE(SUM(`+rowSize+`), 0) AS BIGINT) FROM samples`+inRange, r.stream, r.floor, r.to)
		if err != nil {
			return 0, err
		}
	} else {
		if said, err = r.said(ctx); err != nil {
			return 0, err
		}
		// By attachments_post.
		_, err = r.exec(ctx, `UPDATE attachments SET removed_at = $4`+inRange+` AND removed_at IS NULL`, r.stream, r.floor, r.to, r.now)
		if err != nil {
			return 0, err
		}
		err = r.run(ctx, `DELETE FROM post_readers`+inRange, `DELETE FROM tallies`+inRange,
			`DELETE FROM edits WHERE post IN (SELECT id FROM posts`+inRange+`)`)
		if err != nil {
			return 0, err
		}
	}
	if n, err = r.exec(ctx, `DELETE FROM `+r.table+inRange, r.stream, r.floor, r.to); err != nil {
		return 0, err
	}
	if r.table == "posts" {
		// After them: whoever reports a post, or keeps it as a favorite, holds its row
		// meanwhile, and was waited for.
		if err := r.run(ctx, `DELETE FROM reactions`+inRange, `DELETE FROM reports`+inRange); err != nil {
			return 0, err
		}
	}
	for _, x := range said {
		if err := r.unsay(ctx, x); err != nil {
			return 0, err
		}
	}
	_, err = r.exec(ctx, `UPDATE streams SET floor = $2, bytes = bytes - $3 WHERE id = $1`, r.stream, r.to, bytes)
	return n, err
}

// run runs statements on the range.
func (r *tableRange) run(ctx context.Context, texts ...string) error {
	for _, text := range texts {
		if _, err := r.exec(ctx, text, r.stream, r.floor, r.to); err != nil {
			return err
		}
	}
	return nil
}

// saidIn is how many living comments on a post, or shares of it, stand in a range.
type saidIn struct{ stream, seq, comments, shares int64 }

// unsay takes them from what is told of the post, which may be given up already,
// and its row with it. When it was last commented on is asked only in a range of
// comments: nobody makes any while their stream is held, but of a share it is not.
func (r *tableRange) unsay(ctx context.Context, x saidIn) error {
	text := `UPDATE tallies AS t SET comments = comments - $3, shares = shares - $4`
	if x.comments > 0 {
		text += `, commented_at = ` + newestComment
	}
	_, err := r.exec(ctx, text+` WHERE stream = $1 AND seq = $2`, x.stream, x.seq, x.comments, x.shares)
	return err
}

// said finds what of the range is about posts that stay.
func (r *tableRange) said(ctx context.Context) (out []saidIn, err error) {
	err = each(ctx, r, func(rs rows) error {
		var x saidIn
		err := rs.Scan(&x.stream, &x.seq, &x.comments, &x.shares)
		out = append(out, x)
		return err
	}, `SELECT o.stream, o.seq, SUM(CASE WHEN p.type = 'Announce' THEN 0 ELSE 1 END), SUM(CASE WHEN p.type = 'Announce' THEN 1 ELSE 0 END)
		FROM posts p JOIN posts o ON o.id = p.root
		WHERE p.stream = $1 AND p.seq > $2 AND p.seq <= $3 AND p.root IS NOT NULL AND p.counts AND p.removed_at IS NULL
		GROUP BY o.stream, o.seq ORDER BY o.stream, o.seq`, r.stream, r.floor, r.to)
	return out, err
}
