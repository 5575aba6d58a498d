package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rambla/social"
)

// pushChunk is how many rows one statement writes, and pushWoken how many rows one
// transaction wakes.
const (
	pushChunk = 100
	pushWoken = 2000
)

// PushHolders is [social.PushStore]'s.
func (db *DB) PushHolders(ctx context.Context, since time.Time, f func(social.PersonKey, time.Time)) error {
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var person social.PersonKey
		var last int64
		err := rs.Scan(&person, &last)
		f(person, moment(last))
		return err
	}, `SELECT person, MAX(CASE WHEN used_at > set_at THEN used_at ELSE set_at END) FROM devices WHERE set_at > $1 GROUP BY person`, micros(since))
	if err != nil {
		return failure(fmt.Errorf("read who has devices: %w", err))
	}
	return nil
}

const pushLag = `SELECT s.id, s.head, CASE WHEN COALESCE(p.position, 0) < s.floor THEN s.floor ELSE COALESCE(p.position, 0) END
	FROM streams s LEFT JOIN push_streams p ON p.stream = s.id WHERE s.head > COALESCE(p.position, 0) AND `

// PushLags is [social.PushStore]'s.
func (db *DB) PushLags(ctx context.Context, streams []social.StreamKey) ([]social.PushLag, error) {
	return db.pushLags(ctx, pushLag+`s.id = ANY($1)`, keyList(streams))
}

// PushLagging is [social.PushStore]'s.
func (db *DB) PushLagging(ctx context.Context, since time.Time, after social.StreamKey, limit int) ([]social.PushLag, error) {
	return db.pushLags(ctx, pushLag+`s.channel = ANY($1) AND s.head_at >= $2 AND s.id > $3 ORDER BY s.id LIMIT $4`,
		[]int64{int64(social.ChannelMessages), int64(social.ChannelEvents), int64(social.ChannelComments)}, micros(since), int64(after), limit)
}

func (db *DB) pushLags(ctx context.Context, text string, args ...any) ([]social.PushLag, error) {
	var out []social.PushLag
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var l social.PushLag
		err := rs.Scan(&l.Stream, &l.Head, &l.At)
		out = append(out, l)
		return err
	}, text, args...)
	if err != nil {
		return nil, failure(fmt.Errorf("read what grew: %w", err))
	}
	return out, nil
}

// FirstSince is [social.PushStore]'s.
func (db *DB) FirstSince(ctx context.Context, stream social.StreamKey, at time.Time) (uint64, error) {
	seq, err := firstSince(ctx, db.eng.reader(), stream, social.ChannelMessages, at)
	return seq, failure(err)
}

// PutPushes is [social.PushStore]'s. What is woken is so before, in transactions of
// its own: that may be many rows, and does no harm twice.
func (db *DB) PutPushes(ctx context.Context, d social.PushDerived, now time.Time) error {
	for _, a := range d.Amended {
		err := db.wake(ctx, `shown <> 0 AND stream = $2 AND first_seq <= $3 AND (done_seq >= $3 OR (claim <> 0 AND last_seq >= $3))`, now, int64(a.Stream), a.Seq)
		if err != nil {
			return err
		}
	}
	slices.SortFunc(d.News, func(a, b social.PushNews) int { return comparePlaces(a.PushPlace, b.PushPlace) })
	err := db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		for chunk := range slices.Chunk(d.News, pushChunk) {
			if err := putNews(ctx, t, chunk, now); err != nil {
				return err
			}
		}
		return putPositions(ctx, t, d.Read)
	})
	if err != nil {
		return failure(fmt.Errorf("note what is to be pushed: %w", err))
	}
	return nil
}

func comparePlaces(a, b social.PushPlace) int {
	return cmp.Or(cmp.Compare(a.Person, b.Person), cmp.Compare(a.Stream, b.Stream))
}

// putNews writes what waits. A row that somebody has claimed stays as due as it
// is: whoever settles it finds that there is more.
func putNews(ctx context.Context, t *tx, news []social.PushNews, now time.Time) error {
	var named [4][]int64
	var l [8][]int64
	for _, n := range news {
		for _, x := range n.Named {
			putColumns(named[:], int64(n.Person), int64(n.Stream), int64(x.Seq), int64(x.Why)) //nolint:gosec // seqs are BIGINTs
		}
		putColumns(l[:], int64(n.Person), int64(n.Stream), int64(n.Rank), int64(n.First), int64(n.Last), //nolint:gosec // likewise
			micros(n.Posted), micros(n.Due), truth(n.Urgent))
	}
	if len(named[0]) > 0 {
		_, err := t.exec(ctx, `INSERT INTO push_named (person, stream, seq, why) SELECT u.person, u.stream, u.seq, u.why
			FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS u (person, stream, seq, why) WHERE TRUE
			ON CONFLICT DO NOTHING`, named[0], named[1], named[2], named[3])
		if err != nil {
			return fmt.Errorf("named: %w", err)
		}
	}
	if _, err := t.exec(ctx, putRows, l[0], l[1], l[2], l[3], l[4], l[5], l[6], l[7], micros(now)); err != nil {
		return fmt.Errorf("rows: %w", err)
	}
	return nil
}

// A row that waits is due no later than before; in a flood the spacing comes first.
// What is urgent does not wait for it. Both are written by one statement, so that all
// rows are locked in the order of their places: again, which means nothing of a row
// that nobody claims, says in excluded that it is urgent.
const putRows = `INSERT INTO push_rows (person, stream, rank, first_seq, last_seq, done_seq, posted_at, due, again, touched_at)
		SELECT u.person, u.stream, u.rank, u.first, u.last, u.first - 1, u.posted, u.due, u.urgent, $9
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
			AS u (person, stream, rank, first, last, posted, due, urgent) WHERE TRUE
		ON CONFLICT (person, stream) DO UPDATE SET
			rank = CASE WHEN push_rows.due = 0 OR excluded.rank < push_rows.rank THEN excluded.rank ELSE push_rows.rank END,
			posted_at = CASE WHEN push_rows.done_seq = push_rows.last_seq THEN excluded.posted_at ELSE push_rows.posted_at END,
			due = CASE WHEN excluded.last_seq <= push_rows.last_seq OR push_rows.claim <> 0 THEN push_rows.due
				WHEN push_rows.due <> 0 AND (excluded.again = 0 OR push_rows.due <= excluded.due) THEN push_rows.due
				WHEN excluded.again = 0 AND push_rows.next_at > excluded.due THEN push_rows.next_at ELSE excluded.due END,
			first_seq = CASE WHEN excluded.first_seq < push_rows.first_seq THEN excluded.first_seq ELSE push_rows.first_seq END,
			last_seq = CASE WHEN excluded.last_seq > push_rows.last_seq THEN excluded.last_seq ELSE push_rows.last_seq END,
			touched_at = excluded.touched_at`

// putPositions moves on what was read of each stream.
func putPositions(ctx context.Context, t *tx, read map[social.StreamKey]uint64) error {
	streams := make([]social.StreamKey, 0, len(read))
	for stream := range read {
		streams = append(streams, stream)
	}
	slices.Sort(streams)
	for chunk := range slices.Chunk(streams, pushChunk) {
		at := make([]int64, len(chunk))
		for i, stream := range chunk {
			at[i] = int64(read[stream]) //nolint:gosec // a BIGINT
		}
		_, err := t.exec(ctx, `INSERT INTO push_streams (stream, position) SELECT u.stream, u.position
			FROM unnest($1::bigint[], $2::bigint[]) AS u (stream, position) WHERE TRUE
			ON CONFLICT (stream) DO UPDATE SET position = CASE WHEN excluded.position > push_streams.position
				THEN excluded.position ELSE push_streams.position END`, keyList(chunk), at)
		if err != nil {
			return fmt.Errorf("positions: %w", err)
		}
	}
	return nil
}

// putColumns adds one row to lists of columns.
func putColumns(lists [][]int64, values ...int64) {
	for i, v := range values {
		lists[i] = append(lists[i], v)
	}
}

func truth(v bool) int64 {
	if v {
		return 1
	}
	return 0
}

// wake has rows looked at at once, a bounded number in each transaction. Those that
// are claimed are looked at again. Conditions begin with $2; $1 is now.
func (db *DB) wake(ctx context.Context, which string, now time.Time, args ...any) error {
	for {
		var n int64
		err := db.eng.transact(ctx, func(ctx context.Context, t *tx) (err error) {
			n, err = t.exec(ctx, fmt.Sprintf(`WITH woken AS MATERIALIZED (SELECT person, stream FROM push_rows
					WHERE %s AND ((claim = 0 AND (due = 0 OR due > $1)) OR (claim <> 0 AND again = 0))
					ORDER BY person, stream LIMIT %d%s)
				UPDATE push_rows SET due = CASE WHEN claim = 0 THEN $1 ELSE due END, again = CASE WHEN claim = 0 THEN 0 ELSE 1 END
				WHERE (person, stream) IN (SELECT person, stream FROM woken)`, which, pushWoken, t.forUpdate),
				append([]any{micros(now)}, args...)...)
			return err
		})
		if err != nil {
			return failure(fmt.Errorf("wake pushes: %w", err))
		}
		if n < pushWoken {
			return nil
		}
	}
}

// WakePushes is [social.PushStore]'s.
func (db *DB) WakePushes(ctx context.Context, places []social.PushPlace, now time.Time) error {
	places = slices.Clone(places)
	slices.SortFunc(places, comparePlaces)
	for chunk := range slices.Chunk(places, pushChunk) {
		var lists [2][]int64
		for _, p := range chunk {
			putColumns(lists[:], int64(p.Person), int64(p.Stream))
		}
		// Mostly there is nothing: then nobody who posts waits for it.
		var is int
		err := one(ctx, db.eng.reader(), into(&is), `SELECT 1 FROM unnest($1::bigint[], $2::bigint[]) AS u (person, stream)
			JOIN push_rows r ON r.person = u.person AND r.stream = u.stream WHERE r.shown <> 0 OR r.due <> 0 LIMIT 1`, lists[0], lists[1])
		if errors.Is(err, errNoRow) {
			continue
		}
		if err != nil {
			return failure(fmt.Errorf("look for pushes: %w", err))
		}
		err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
			_, err := t.exec(ctx, `WITH woken AS MATERIALIZED (SELECT r.person, r.stream
					FROM unnest($1::bigint[], $2::bigint[]) AS u (person, stream)
					JOIN push_rows r ON r.person = u.person AND r.stream = u.stream WHERE r.shown <> 0 OR r.due <> 0
					ORDER BY r.person, r.stream`+forUpdateOf(t, "r")+`)
				UPDATE push_rows SET due = CASE WHEN claim = 0 THEN $3 ELSE due END, again = CASE WHEN claim = 0 THEN 0 ELSE 1 END,
					step = 0, next_at = 0
				WHERE (person, stream) IN (SELECT person, stream FROM woken)`, lists[0], lists[1], micros(now))
			return err
		})
		if err != nil {
			return failure(fmt.Errorf("wake pushes: %w", err))
		}
	}
	return nil
}

// forUpdateOf locks the rows of one table of a join.
func forUpdateOf(t *tx, table string) string { return lockOf(t.forUpdate, table) }

// lockOf is a lock of a transaction on the rows of one table of a join.
func lockOf(lock, table string) string {
	if lock == "" {
		return ""
	}
	return lock + " OF " + table
}

// WakeStreams is [social.PushStore]'s.
func (db *DB) WakeStreams(ctx context.Context, streams []social.StreamKey, now time.Time) error {
	return db.wake(ctx, `shown <> 0 AND stream = ANY($2)`, now, keyList(streams))
}

// WakePeople is [social.PushStore]'s.
func (db *DB) WakePeople(ctx context.Context, people []social.PersonKey, now time.Time) error {
	return db.wake(ctx, `(shown <> 0 OR due <> 0) AND person = ANY($2)`, now, keyList(people))
}

// PushShown is [social.PushStore]'s.
func (db *DB) PushShown(ctx context.Context, after social.PushPlace, limit int) ([]social.PushPassing, error) {
	var out []social.PushPassing
	// By push_rows_shown.
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var p social.PushPassing
		err := rs.Scan(&p.Person, &p.Stream, &p.Done, &p.Read)
		out = append(out, p)
		return err
	}, `SELECT r.person, r.stream, r.done_seq, COALESCE(m.read, 0) FROM push_rows r
		LEFT JOIN read_markers m ON m.stream = r.stream AND m.person = r.person
		WHERE r.shown <> 0 AND r.claim = 0 AND (r.stream, r.person) > ($1, $2) ORDER BY r.stream, r.person LIMIT $3`,
		int64(after.Stream), int64(after.Person), limit)
	if err != nil {
		return nil, failure(fmt.Errorf("read what is shown: %w", err))
	}
	return out, nil
}
