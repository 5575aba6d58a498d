package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rambla/social"
)

// pushAsk is how many questions one statement answers.
const pushAsk = 500

// PushInterests is [social.PushStore]'s.
func (db *DB) PushInterests(ctx context.Context, members []social.Member, now time.Time) (map[social.Member]social.Interest, error) {
	out := map[social.Member]social.Interest{}
	for chunk := range slices.Chunk(members, pushAsk) {
		var lists [2][]int64
		for _, m := range chunk {
			putColumns(lists[:], int64(m.Person), int64(m.Space))
		}
		// By primary key.
		err := each(ctx, db.eng.reader(), func(rs rows) error {
			var (
				m     social.Member
				a     social.Interest
				until int64
			)
			err := rs.Scan(&m.Person, &m.Space, &a.Level, &until)
			if a.Muted = until == mutedForGood || until > micros(now); a.Muted {
				a.Until = moment(max(until, 0))
			}
			out[m] = a
			return err
		}, `SELECT a.person, a.space, a.level, a.muted_until FROM unnest($1::bigint[], $2::bigint[]) AS u (person, space)
			JOIN attention a ON a.person = u.person AND a.space = u.space`, lists[0], lists[1])
		if err != nil {
			return nil, failure(fmt.Errorf("read what people attend to: %w", err))
		}
	}
	return out, nil
}

// PushKeen is [social.PushStore]'s.
func (db *DB) PushKeen(ctx context.Context, space social.SpaceKey) ([]social.PersonKey, error) {
	var out []social.PersonKey
	// By attention_all.
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var person social.PersonKey
		err := rs.Scan(&person)
		out = append(out, person)
		return err
	}, `SELECT person FROM attention WHERE space = $1 AND level = 1 ORDER BY person`, int64(space))
	if err != nil {
		return nil, failure(fmt.Errorf("read who attends to everything: %w", err))
	}
	return out, nil
}

// PushPreferences is [social.PushStore]'s.
func (db *DB) PushPreferences(ctx context.Context, people []social.PersonKey) (map[social.PersonKey][]byte, error) {
	out := map[social.PersonKey][]byte{}
	// By primary key.
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var person social.PersonKey
		var body string
		err := rs.Scan(&person, &body)
		out[person] = []byte(body)
		return err
	}, `SELECT person, body FROM preferences WHERE person = ANY($1)`, keyList(people))
	if err != nil {
		return nil, failure(fmt.Errorf("read preferences: %w", err))
	}
	return out, nil
}

// pushContents counts, of each place, what is behind the marker and no older than
// what may be told of: the last $8 entries one by one, the ones before by ordinals.
// Everything is a look-up or a short range in a primary key.
const pushContents = `WITH marked AS MATERIALIZED (
		SELECT s.id AS stream, u.person, s.ordinals, u.shown, u.last, u.n, u.ignores,
			CASE WHEN COALESCE(m.read, 0) > u.base THEN m.read ELSE u.base END AS marker, u.start
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $9::bigint[])
			AS u (stream, person, base, shown, start, last, n, ignores)
		JOIN streams s ON s.id = u.stream
		LEFT JOIN read_markers m ON m.stream = u.stream AND m.person = u.person
	), begun AS MATERIALIZED (
		SELECT q.*, CASE WHEN q.marker > q.start THEN q.marker ELSE q.start END AS base FROM marked q
	), bounded AS MATERIALIZED (
		SELECT q.*, CASE WHEN q.base < q.last - $8 THEN q.last - $8 ELSE q.base END AS near FROM begun q
	), counted AS MATERIALIZED (
		SELECT q.*,
			(SELECT COUNT(*) FROM posts p WHERE ` + unreadBy + ` AND ` + heeded + ` AND p.seq > q.near AND p.seq <= q.last) AS fresh,
			(SELECT p.seq FROM posts p WHERE ` + unreadBy + ` AND ` + heeded + ` AND p.seq > q.near AND p.seq <= q.last ORDER BY p.seq DESC LIMIT 1) AS newest,
			CASE WHEN q.ignores = 0 THEN 0 ELSE (SELECT COUNT(*) FROM posts p WHERE ` + unreadBy + ` AND NOT ` + heeded + ` AND p.seq > q.near AND p.seq <= q.last) END AS ignored,
			CASE WHEN q.near = q.base THEN 0 ELSE
				COALESCE((SELECT ` + ordinalBefore + ` FROM posts p WHERE p.stream = q.stream AND p.seq > q.near ORDER BY p.seq LIMIT 1), q.ordinals)
				- COALESCE((SELECT ` + ordinalBefore + ` FROM posts p WHERE p.stream = q.stream AND p.seq > q.base ORDER BY p.seq LIMIT 1), q.ordinals) END AS older
		FROM bounded q
	)
	SELECT q.n, q.marker, q.fresh + q.older, COALESCE(q.newest, 0), q.ignored > 0 FROM counted q`

// heeded tells whether the person of a row q does not ignore who wrote a post p. Those
// who ignore nobody pay nothing. By primary key.
const heeded = `(q.ignores = 0 OR p.as_space OR NOT EXISTS (SELECT 1 FROM ignores i WHERE i.person = q.person AND i.blocked = p.author))`

// namedMost is how many of the posts that name a person are looked at.
const namedMost = 50

// PushContents is [social.PushStore]'s.
func (db *DB) PushContents(ctx context.Context, of []social.PushRange) ([]social.PushContent, error) {
	out := make([]social.PushContent, len(of))
	for from := 0; from < len(of); from += pushChunk {
		to := min(from+pushChunk, len(of))
		if err := db.pushContents(ctx, of[from:to], out[from:to]); err != nil {
			return nil, failure(fmt.Errorf("read what to push: %w", err))
		}
	}
	return out, nil
}

func (db *DB) pushContents(ctx context.Context, of []social.PushRange, out []social.PushContent) error {
	var lists [8][]int64
	var named [4][]int64
	for i, r := range of {
		start := max(r.From, 1) - 1
		putColumns(lists[:], int64(r.Stream), int64(r.Person), int64(r.Base), int64(r.Floor), int64(start), int64(r.Last), int64(i), truth(r.Ignores)) //nolint:gosec // came from BIGINTs
		putColumns(named[:], int64(r.Person), int64(r.Stream), int64(r.Last), int64(i))                                                                //nolint:gosec // likewise
	}
	c := db.eng.reader()
	err := each(ctx, c, func(rs rows) error {
		var i int
		var x social.PushContent
		err := rs.Scan(&i, &x.Read, &x.Count, &x.Newest, &x.Ignored)
		out[i] = x
		return err
	}, pushContents, lists[0], lists[1], lists[2], lists[3], lists[4], lists[5], lists[6], int64(social.PushCountWithin), lists[7])
	if err != nil {
		return err
	}
	return each(ctx, c, func(rs rows) error {
		var i int
		var n social.PushNamed
		err := rs.Scan(&i, &n.Seq, &n.Why)
		x := &out[i]
		if r := of[i]; n.Seq > x.Read && n.Seq > r.Floor && n.Seq >= r.From {
			x.Named = append(x.Named, n)
		}
		return err
	}, `SELECT x.i, x.seq, x.why FROM (
			SELECT u.i, n.seq, n.why, ROW_NUMBER() OVER (PARTITION BY u.i ORDER BY n.seq DESC) AS place
			FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS u (person, stream, last, i)
			JOIN push_named n ON n.person = u.person AND n.stream = u.stream AND n.seq <= u.last) x
		WHERE x.place <= $5 ORDER BY x.i, x.seq`, named[0], named[1], named[2], named[3], namedMost)
}

// PushTolds is [social.PushStore]'s.
func (db *DB) PushTolds(ctx context.Context, places []social.PushPlace) ([]social.PushTold, error) {
	var out []social.PushTold
	for chunk := range slices.Chunk(places, pushAsk) {
		var lists [2][]int64
		for _, p := range chunk {
			putColumns(lists[:], int64(p.Person), int64(p.Stream))
		}
		err := each(ctx, db.eng.reader(), func(rs rows) error {
			var t social.PushTold
			var mark, wait int64
			err := rs.Scan(&t.Person, &t.Stream, &t.Device, &t.Seq, &mark, &t.Shown, &wait, &t.Attempt)
			t.Mark, t.Wait = uint64(mark), moment(wait) //nolint:gosec // the same bits
			out = append(out, t)
			return err
		}, `SELECT t.person, t.stream, t.device, t.seq, t.mark, t.shown <> 0, t.wait_until, t.attempt
			FROM unnest($1::bigint[], $2::bigint[]) AS u (person, stream)
			JOIN push_told t ON t.person = u.person AND t.stream = u.stream`, lists[0], lists[1])
		if err != nil {
			return nil, failure(fmt.Errorf("read what devices were told: %w", err))
		}
	}
	return out, nil
}

// PushSessions is [social.PushStore]'s. All sessions of these people are read: a
// person has few, and names make no list on SQLite.
func (db *DB) PushSessions(ctx context.Context, clients []social.PushClient) ([]social.PushSession, error) {
	wanted := make(map[social.PushClient]bool, len(clients))
	var people []int64
	for _, c := range clients {
		wanted[c] = true
		people = append(people, int64(c.Person))
	}
	slices.Sort(people)
	var out []social.PushSession
	for chunk := range slices.Chunk(slices.Compact(people), pushAsk) {
		err := each(ctx, db.eng.reader(), func(rs rows) error {
			var c social.PushClient
			var position []byte
			if err := rs.Scan(&c.Person, &c.Client, &position); err != nil || !wanted[c] {
				return err
			}
			p, err := social.DecodePosition(position)
			if err != nil {
				return nil //nolint:nilerr // it acknowledged nothing that anybody could know of
			}
			out = append(out, social.PushSession{Person: c.Person, Client: c.Client, Cursors: p.Acknowledged()})
			return nil
		}, `SELECT person, name, position FROM sessions WHERE person = ANY($1) AND kind = $2`, chunk, int64(social.SessionClient))
		if err != nil {
			return nil, failure(fmt.Errorf("read how far sessions got: %w", err))
		}
	}
	return out, nil
}

// unreadOf is progress for who only wants the number: most streams end with the
// first look.
const unreadOf = `WITH marked AS MATERIALIZED (
		SELECT s.id AS stream, u.person, s.head, s.ordinals, u.shown, CASE WHEN COALESCE(m.read, 0) > u.base THEN m.read ELSE u.base END AS base
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS u (stream, person, base, shown)
		JOIN streams s ON s.id = u.stream
		LEFT JOIN read_markers m ON m.stream = u.stream AND m.person = u.person
		WHERE s.head > u.base AND s.head > COALESCE(m.read, 0)
	), bounded AS MATERIALIZED (
		SELECT q.*, CASE WHEN q.base < q.head - $5 THEN q.head - $5 ELSE q.base END AS near FROM marked q
	), counted AS MATERIALIZED (
		SELECT q.person, (SELECT COUNT(*) FROM posts p WHERE ` + unreadBy + ` AND p.seq > q.near) AS fresh,
			CASE WHEN q.near = q.base THEN 0 ELSE
				COALESCE((SELECT ` + ordinalBefore + ` FROM posts p WHERE p.stream = q.stream AND p.seq > q.near ORDER BY p.seq LIMIT 1), q.ordinals)
				- COALESCE((SELECT ` + ordinalBefore + ` FROM posts p WHERE p.stream = q.stream AND p.seq > q.base ORDER BY p.seq LIMIT 1), q.ordinals) END AS older
		FROM bounded q
	)
	SELECT q.person, CAST(SUM(q.fresh + q.older) AS BIGINT) FROM counted q GROUP BY q.person`

// unreadAsk is how many streams one statement looks at.
const unreadAsk = 2000

// Unread is [social.PushStore]'s.
func (db *DB) Unread(ctx context.Context, of []social.ProgressQuery) (map[social.PersonKey]uint64, error) {
	out := map[social.PersonKey]uint64{}
	for chunk := range slices.Chunk(of, unreadAsk) {
		var lists [4][]int64
		for _, q := range chunk {
			putColumns(lists[:], int64(q.Stream), int64(q.Person), int64(q.Base), int64(q.Floor)) //nolint:gosec // came from BIGINTs
		}
		err := each(ctx, db.eng.reader(), func(rs rows) error {
			var person social.PersonKey
			var n uint64
			err := rs.Scan(&person, &n)
			out[person] += n
			return err
		}, unreadOf, lists[0], lists[1], lists[2], lists[3], int64(social.PushCountWithin))
		if err != nil {
			return nil, failure(fmt.Errorf("count what is unread: %w", err))
		}
	}
	return out, nil
}

// PushDecisions is [social.PushStore]'s.
func (db *DB) PushDecisions(ctx context.Context, person social.PersonKey, stream social.StreamKey, seq uint64, limit int) ([]social.PushDecision, error) {
	var out []social.PushDecision
	// By primary key; a person has a few of either.
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		d := social.PushDecision{Person: person, What: social.PushWaits}
		var posted, until int64
		err := rs.Scan(&d.Stream, &d.Since, &d.Seq, &posted, &until)
		d.At, d.Until = moment(posted), moment(until)
		out = append(out, d)
		return err
	}, `SELECT stream, done_seq, last_seq, posted_at, due FROM push_rows WHERE person = $1 AND due <> 0 AND last_seq > done_seq
			AND ($2 = 0 OR stream = $2) AND ($3 = 0 OR (done_seq < $3 AND last_seq >= $3)) ORDER BY due LIMIT $4`,
		int64(person), int64(stream), seq, limit)
	if err == nil {
		err = each(ctx, db.eng.reader(), func(rs rows) error {
			d := social.PushDecision{Person: person}
			var at, until int64
			err := rs.Scan(&d.Device, &d.Stream, &d.Since, &d.Seq, &at, &d.What, &d.Status, &until, &d.Reason, &d.Code, &d.Answer)
			d.At, d.Until = moment(at), moment(until)
			out = append(out, d)
			return err
		}, `SELECT device, stream, since, seq, at, what, status, until_at, reason, code, answer FROM push_decisions WHERE person = $1
				AND ($2 = 0 OR stream = $2) AND ($3 = 0 OR (since < $3 AND seq >= $3)) ORDER BY n DESC LIMIT $4`,
			int64(person), int64(stream), seq, limit)
	}
	if err != nil {
		return nil, failure(fmt.Errorf("read what was decided of pushes: %w", err))
	}
	return out[:min(len(out), limit)], nil
}

// PushDepth is [social.PushStore]'s.
func (db *DB) PushDepth(ctx context.Context) (social.PushDepth, error) {
	var d social.PushDepth
	var oldest int64
	err := one(ctx, db.eng.reader(), into(&d.Waiting, &oldest), `SELECT COUNT(*), COALESCE(MIN(CASE WHEN last_seq > done_seq THEN posted_at END), 0)
		FROM push_rows WHERE due <> 0`)
	if err == nil {
		err = one(ctx, db.eng.reader(), into(&d.Dead), `SELECT COUNT(*) FROM push_dead`)
	}
	if err != nil && !errors.Is(err, errNoRow) {
		return d, failure(fmt.Errorf("count what is to be pushed: %w", err))
	}
	d.Oldest = moment(oldest)
	return d, nil
}
