package storage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"rambla/social"
)

// The conditions of a post p that counts as unread for person u in a row q of
// the statement below, but for its place.
const unreadBy = `p.stream = q.stream AND p.seq > q.shown AND p.counts AND p.removed_at IS NULL AND p.author <> q.person
	AND ` + visibleTo

const visibleTo = `(NOT p.private OR p.author = q.person OR ` + isReader + ` r.person = q.person) = 1)`

// progress works out how far people have got. Step by step: marked finds what was
// set; bounded tells by two look-ups how many posts came after it, which mostly
// is none and then all of it; counted looks at what is near the head.
//
// Everything is a range of the primary key of posts of at most $5 entries, or one
// look-up in it. The steps are materialized, or a planner would put the text of
// one in each place where the next names it.
const progress = `WITH marked AS MATERIALIZED (
		SELECT s.id AS stream, u.person, s.epoch, s.head, s.ordinals, u.shown, COALESCE(m.at, 0) AS at,
			COALESCE(m.delivered, 0) AS delivered,
			CASE WHEN m.read > u.base THEN m.read ELSE u.base END AS base,
			CASE WHEN m.head > u.base THEN m.head ELSE u.base END AS since
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS u (stream, person, base, shown)
		JOIN streams s ON s.id = u.stream
		LEFT JOIN read_markers m ON m.stream = u.stream AND m.person = u.person
	), bounded AS MATERIALIZED (
		SELECT q.*, CASE WHEN q.base < q.head - $5 THEN q.head - $5 ELSE q.base END AS near,
			CASE WHEN q.base >= q.head THEN 0 ELSE q.ordinals - COALESCE((SELECT ` + ordinalBefore + ` FROM posts p
				WHERE p.stream = q.stream AND p.seq > q.base ORDER BY p.seq LIMIT 1), q.ordinals) END AS created
		FROM marked q
	), counted AS MATERIALIZED (
		SELECT q.*,
			CASE WHEN q.created = 0 THEN 0 ELSE (SELECT COUNT(*) FROM posts p WHERE ` + unreadBy + ` AND p.seq > q.near) END AS fresh,
			CASE WHEN q.created = 0 THEN NULL ELSE (SELECT p.seq FROM posts p
				WHERE ` + unreadBy + ` AND p.seq > q.near ORDER BY p.seq LIMIT 1) END AS oldest,
			CASE WHEN q.created = 0 OR q.near = q.base THEN 0 ELSE q.created - q.ordinals + COALESCE((SELECT ` + ordinalBefore + ` FROM posts p
				WHERE p.stream = q.stream AND p.seq > q.near ORDER BY p.seq LIMIT 1), q.ordinals) END AS older
		FROM bounded q
	)
	SELECT q.stream, q.person, q.epoch, q.head, q.at, q.delivered, q.base, q.older + q.fresh, q.older,
		CASE WHEN q.created = 0 OR q.older > 0 OR q.since >= q.head THEN 0 ELSE COALESCE((SELECT MAX(p.seq) FROM posts p
			WHERE p.stream = q.stream AND p.seq > q.since AND p.seq > q.near AND p.seq < COALESCE(q.oldest, q.head + 1)
			AND p.counts AND p.author = q.person), 0) END,
		CASE WHEN q.ordinals = 0 THEN 0 ELSE COALESCE((SELECT p.seq FROM posts p
			WHERE p.stream = q.stream AND p.seq > q.shown AND p.seq > q.head - $5 AND p.counts AND p.removed_at IS NULL
			AND ` + visibleTo + ` ORDER BY p.seq DESC LIMIT 1), 0) END
	FROM counted q`

// ordinalBefore is how many posts that count came before p.
const ordinalBefore = `p.ordinal - CASE WHEN p.counts THEN 1 ELSE 0 END`

// Progress is [social.MarkerStore]'s.
func (db *DB) Progress(ctx context.Context, of []social.ProgressQuery) ([]social.Progress, error) {
	out, err := readProgress(ctx, db.eng.reader(), of)
	if err != nil {
		return nil, failure(fmt.Errorf("read markers: %w", err))
	}
	return out, nil
}

// readProgress looks near the heads first, and further back where something is
// unread there: the nearest ones, while the budget lasts.
func readProgress(ctx context.Context, c conn, of []social.ProgressQuery) ([]social.Progress, error) {
	out := make([]social.Progress, len(of))
	all := make([]int, len(of))
	for i := range all {
		all[i] = i
	}
	far, err := readProgressWithin(ctx, c, of, all, social.UnreadWithin, out)
	if err != nil {
		return nil, err
	}
	behind := func(i int) uint64 { return out[i].Head - out[i].Read }
	slices.SortFunc(far, func(i, j int) int { return cmp.Compare(behind(i), behind(j)) })
	budget, n, most := uint64(social.UnreadBudget), 0, uint64(0)
	for ; n < len(far) && behind(far[n]) <= budget; n++ {
		most = behind(far[n])
		budget -= most
	}
	_, err = readProgressWithin(ctx, c, of, far[:n], most, out)
	return out, err
}

// readProgressWithin answers those of the questions into their places in out, by
// so many entries of each stream. far are those whose markers lie further back,
// with something unread there.
func readProgressWithin(ctx context.Context, c conn, of []social.ProgressQuery, which []int, within uint64, out []social.Progress) (far []int, err error) {
	if len(which) == 0 {
		return nil, nil
	}
	at := make(map[markerKey]int, len(which))
	var lists [4][]int64
	for _, i := range which {
		q := of[i]
		at[markerKey{q.Stream, q.Person}] = i
		for j, v := range []int64{int64(q.Stream), int64(q.Person), int64(q.Base), int64(q.Floor)} { //nolint:gosec // came from BIGINTs
			lists[j] = append(lists[j], v)
		}
	}
	err = each(ctx, c, func(rs rows) error {
		var (
			p                   social.Progress
			moved               int64
			base, older, posted uint64
		)
		err := rs.Scan(&p.Stream, &p.Person, &p.Epoch, &p.Head, &moved, &p.Delivered, &base, &p.Unread, &older, &posted, &p.Last)
		p.Read, p.At = max(base, posted), moment(moved)
		p.Delivered = max(p.Delivered, p.Read)
		i := at[markerKey{p.Stream, p.Person}]
		out[i] = p
		if older > 0 {
			far = append(far, i)
		}
		return err
	}, progress, lists[0], lists[1], lists[2], lists[3], int64(within)) //nolint:gosec // at most a head
	return far, err
}

type markerKey struct {
	stream social.StreamKey
	person social.PersonKey
}

// MoveMarkers is [social.MarkerStore]'s.
func (db *DB) MoveMarkers(ctx context.Context, moves []social.MarkerMove, now time.Time) ([]social.MarkerMoved, error) {
	out := make([]social.MarkerMoved, len(moves))
	of := make([]social.ProgressQuery, len(moves))
	for i, m := range moves {
		of[i] = m.ProgressQuery
	}
	err := db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		is, err := readProgress(ctx, t, of)
		if err != nil {
			return err
		}
		for i, m := range moves {
			out[i] = moveMarker(is[i], m.Receipt, now)
		}
		return writeMarkers(ctx, t, is, out)
	})
	if err != nil {
		return nil, failure(fmt.Errorf("move markers: %w", err))
	}
	return out, nil
}

// moveMarker applies a receipt to what is there.
func moveMarker(is social.Progress, r social.Receipt, now time.Time) social.MarkerMoved {
	m := social.MarkerMoved{Marker: is.Marker}
	m.Read = max(m.Read, min(r.Read, is.Head))
	m.Delivered = max(m.Delivered, m.Read, min(r.Delivered, is.Head))
	if m.Moved = m.Read > is.Read || m.Delivered > is.Delivered; m.Moved {
		m.At = moment(micros(now))
	}
	return m
}

// writeMarkers stores what has moved. Another node may have moved the same since
// it was read: the greater counts. In the order of the key, as everybody
// locks them.
func writeMarkers(ctx context.Context, t *tx, is []social.Progress, moved []social.MarkerMoved) error {
	order := make([]int, 0, len(moved))
	for i := range moved {
		if moved[i].Moved {
			order = append(order, i)
		}
	}
	if len(order) == 0 {
		return nil
	}
	slices.SortFunc(order, func(a, b int) int {
		return compareMarkers(&moved[a].Marker, &moved[b].Marker)
	})
	var lists [6][]int64
	for _, i := range order {
		m := &moved[i].Marker
		for j, v := range []int64{int64(m.Stream), int64(m.Person), int64(m.Delivered), int64(m.Read), int64(is[i].Head), micros(m.At)} { //nolint:gosec // came from BIGINTs
			lists[j] = append(lists[j], v)
		}
	}
	_, err := t.exec(ctx, `INSERT INTO read_markers (stream, person, delivered, read, head, at)
		SELECT u.stream, u.person, u.delivered, u.read, u.head, u.at
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
			AS u (stream, person, delivered, read, head, at) WHERE TRUE
		ON CONFLICT (stream, person) DO UPDATE SET
			delivered = CASE WHEN excluded.delivered > read_markers.delivered THEN excluded.delivered ELSE read_markers.delivered END,
			read = CASE WHEN excluded.read > read_markers.read THEN excluded.read ELSE read_markers.read END,
			head = CASE WHEN excluded.head > read_markers.head THEN excluded.head ELSE read_markers.head END,
			at = CASE WHEN excluded.at > read_markers.at THEN excluded.at ELSE read_markers.at END`,
		lists[0], lists[1], lists[2], lists[3], lists[4], lists[5])
	return err
}

func compareMarkers(a, b *social.Marker) int {
	return cmp.Or(cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Person, b.Person))
}

const postsAt = `SELECT ` + postColumns + ` FROM unnest($1::bigint[], $2::bigint[]) AS u (stream, seq)
	JOIN posts p ON p.stream = u.stream AND p.seq = u.seq`

// PostsAt is [social.MarkerStore]'s.
func (db *DB) PostsAt(ctx context.Context, streams []social.StreamKey, seqs []uint64) ([]social.Post, error) {
	c := db.eng.reader()
	numbers := make([]int64, len(seqs))
	for i, seq := range seqs {
		numbers[i] = int64(seq) //nolint:gosec // came from a BIGINT
	}
	var out []social.Post
	// By primary key.
	err := each(ctx, c, func(rs rows) error {
		p, err := scanPost(rs)
		out = append(out, p)
		return err
	}, postsAt, keyList(streams), numbers)
	for i := range out {
		if err == nil && out[i].Private {
			err = addReaders(ctx, c, out[i].Stream, out[i:i+1])
		}
	}
	if err != nil {
		return nil, failure(fmt.Errorf("read posts: %w", err))
	}
	return out, nil
}
