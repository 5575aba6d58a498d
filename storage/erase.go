package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"rambla/social"
)

// The bounds of a part of the log that is erased at once: entries looked at, and
// streams.
const (
	eraseEntries = 5000
	eraseStreams = 200
)

const erasureColumns = `SELECT id, person, by_whom, asked_at, done_at, counts FROM erasures`

func scanErasure(rs rows, e *social.Erasure) error {
	var (
		asked, done int64
		counts      string
	)
	if err := rs.Scan(idColumn{&e.ID}, &e.Person, &e.By, &asked, &done, &counts); err != nil {
		return err
	}
	e.Asked, e.Done = moment(asked), moment(done)
	return json.Unmarshal([]byte(counts), &e.Counts)
}

func oneErasure(ctx context.Context, c conn, where string, args ...any) (e social.Erasure, err error) {
	found := false
	err = each(ctx, c, func(rs rows) error {
		found = true
		return scanErasure(rs, &e)
	}, erasureColumns+where+` LIMIT 1`, args...)
	if err == nil && !found {
		err = errNoRow
	}
	return e, err
}

// Erasure is [social.EraseStore]'s.
func (db *DB) Erasure(ctx context.Context, id social.ID) (social.Erasure, error) {
	e, err := oneErasure(ctx, db.eng.reader(), ` WHERE id = $1`, id[:])
	return e, failure(orNotFound(err, "erasure"))
}

// BeginErasure is [social.EraseStore]'s.
func (db *DB) BeginErasure(ctx context.Context, e social.Erasure, now time.Time) (social.Erasure, error) {
	err := db.change(ctx, "erase a person", now, func(ctx context.Context, t *tx) error {
		is, err := oneErasure(ctx, t, ` WHERE person = $1`, int64(e.Person))
		if err == nil {
			e = is
			return errUnchanged
		}
		if !errors.Is(err, errNoRow) {
			return err
		}
		var removed bool
		if err := one(ctx, t, into(&removed), `SELECT removed FROM people WHERE id = $1`+t.forUpdate, int64(e.Person)); err != nil {
			return orNotFound(err, "person")
		}
		if !removed {
			if err := removePerson(ctx, t, e.Person, now); err != nil {
				return err
			}
		}
		e.Counts = social.ErasureCounts{}
		if err := forgetPerson(ctx, t, e.Person, &e.Counts); err != nil {
			return err
		}
		if err := endSessionsOf(ctx, t, e.Person); err != nil {
			return err
		}
		counts, err := json.Marshal(e.Counts)
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, `INSERT INTO erasures (id, person, by_whom, asked_at, counts) VALUES ($1, $2, $3, $4, $5)`,
			e.ID[:], int64(e.Person), int64(e.By), micros(e.Asked), string(counts))
		if err != nil {
			return err
		}
		return t.note(ctx, social.Change{Kind: social.ChangePerson, Person: e.Person})
	})
	return e, err
}

// forgetPerson takes from a removed person its names and what it has beside the log.
func forgetPerson(ctx context.Context, t *tx, key social.PersonKey, did *social.ErasureCounts) error {
	secret, err := makeNameKey(ctx, t)
	if err != nil {
		return err
	}
	var names []string
	err = each(ctx, t, func(rs rows) error {
		var name string
		err := rs.Scan(&name)
		names = append(names, name)
		return err
	}, `SELECT name FROM names WHERE kind = 1 AND owner = $1`, int64(key))
	if err != nil {
		return fmt.Errorf("read the names: %w", err)
	}
	for _, name := range names {
		if _, err := t.exec(ctx, `UPDATE names SET name = $2 WHERE kind = 1 AND name = $1`, name, hashName(secret, name)); err != nil {
			return fmt.Errorf("hide a name: %w", err)
		}
	}
	did.Names = len(names)
	_, err = t.exec(ctx, `UPDATE people SET name = $2, display_name = '', roles = 0, erased = TRUE WHERE id = $1`,
		int64(key), hashMark+strconv.FormatInt(int64(key), 10))
	if err != nil {
		return fmt.Errorf("hide the person: %w", err)
	}
	return forgetBeside(ctx, t, key, t.journal.now, did)
}

// forgetBeside deletes what a person has beside the log and the journal of rights.
func forgetBeside(ctx context.Context, t *tx, key social.PersonKey, now int64, did *social.ErasureCounts) error {
	if err := eraseActs(ctx, t, key); err != nil {
		return err
	}
	for _, s := range []struct {
		n    *int
		text string
	}{
		// In the order in which a post takes its files.
		{&did.Files, `WITH theirs AS MATERIALIZED (SELECT id FROM attachments WHERE owner = $1 ORDER BY id` + t.forUpdate + `)
			UPDATE attachments SET name = '-', removed_at = COALESCE(removed_at, CAST($2 AS BIGINT)) WHERE id IN (SELECT id FROM theirs)`},
		{nil, `DELETE FROM keys WHERE person = $1 AND CAST($2 AS BIGINT) > 0`},
		{nil, `DELETE FROM replays WHERE person = $1 AND CAST($2 AS BIGINT) > 0`},
		{nil, `DELETE FROM reports WHERE reporter = $1 AND CAST($2 AS BIGINT) > 0`},
		{nil, `DELETE FROM push_decisions WHERE person = $1 AND CAST($2 AS BIGINT) > 0`},
		{nil, `DELETE FROM push_dead WHERE person = $1 AND CAST($2 AS BIGINT) > 0`},
		{nil, `DELETE FROM devices WHERE person = $1 AND CAST($2 AS BIGINT) > 0`},
		{nil, `DELETE FROM tokens WHERE grant_id IN (SELECT id FROM grants WHERE person = $1) AND CAST($2 AS BIGINT) > 0`},
		{&did.Logins, `DELETE FROM grants WHERE person = $1 AND CAST($2 AS BIGINT) > 0`},
		{nil, `DELETE FROM reactions WHERE person = $1 AND kind = 2 AND CAST($2 AS BIGINT) > 0`},
	} {
		n, err := t.exec(ctx, s.text, int64(key), now)
		if err != nil {
			return fmt.Errorf("forget what a person has: %w", err)
		}
		if s.n != nil {
			*s.n = int(n)
		}
	}
	return nil
}

// ClaimErasure is [social.EraseStore]'s.
func (db *DB) ClaimErasure(ctx context.Context, claim int64, now time.Time, lease time.Duration) (e social.Erasure, ok bool, err error) {
	// By erasures_open; there is seldom any.
	free := ` WHERE done_at = 0 AND (claim = $1 OR claim_until <= $2) ORDER BY asked_at`
	if _, err := oneErasure(ctx, db.eng.reader(), free, claim, micros(now)); errors.Is(err, errNoRow) {
		return e, false, nil
	}
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		var err error
		if e, err = oneErasure(ctx, t, free, claim, micros(now)); err != nil {
			return err
		}
		n, err := t.exec(ctx, `UPDATE erasures SET claim = $2, claim_until = $3 WHERE id = $1 AND done_at = 0 AND (claim = $2 OR claim_until <= $4)`,
			e.ID[:], claim, micros(now.Add(lease)), micros(now))
		ok = n == 1
		return err
	})
	if errors.Is(err, errNoRow) {
		return e, false, nil
	}
	if err != nil {
		return e, false, failure(fmt.Errorf("take an erasure: %w", err))
	}
	return e, ok, nil
}

// eraseRange is a part of one stream.
type eraseRange struct {
	stream, low, high int64
	channel           social.Channel
	closed            bool
}

// erasePlace reads the next part of the log; none where it ends.
func erasePlace(ctx context.Context, c conn, id social.ID) (person int64, out []eraseRange, err error) {
	var stream, seq int64
	err = one(ctx, c, into(&person, &stream, &seq), `SELECT person, stream, seq FROM erasures WHERE id = $1`, id[:])
	if err != nil {
		return 0, nil, orNotFound(err, "erasure")
	}
	left := int64(eraseEntries)
	// By primary key.
	err = each(ctx, c, func(rs rows) error {
		var r eraseRange
		if err := rs.Scan(&r.stream, &r.low, &r.high, &r.channel, &r.closed); err != nil {
			return err
		}
		if r.stream == stream {
			r.low = max(r.low, seq)
		}
		if r.low >= r.high || left <= 0 {
			return nil
		}
		r.high = min(r.high, r.low+left)
		left -= r.high - r.low
		out = append(out, r)
		return nil
	}, `SELECT id, floor, head, channel, closed FROM streams WHERE id >= $1 AND (id > $1 OR head > $2) AND head > floor ORDER BY id LIMIT $3`,
		stream, seq, eraseStreams)
	if err != nil {
		return 0, nil, fmt.Errorf("read what comes next: %w", err)
	}
	return person, out, nil
}

// lists are the ranges as parameters of unnest.
func rangeLists(ranges []eraseRange, pick func(*eraseRange) bool) (out [3][]int64) {
	out = [3][]int64{{}, {}, {}}
	for i := range ranges {
		if r := &ranges[i]; pick(r) {
			putColumns(out[:], r.stream, r.low, r.high)
		}
	}
	return out
}

// takesDelete tells whether what stands there is removed by an entry of the log.
func takesDelete(r *eraseRange) bool { return r.channel.Log() && !r.closed }

// eraseLiving are the person's living posts.
const eraseLiving = ` FROM ` + inRanges + ` JOIN posts p ON p.stream = u.stream AND p.seq > u.low AND p.seq <= u.high
		WHERE p.author = $4 AND p.counts AND NOT p.as_space AND p.removed_at IS NULL`

const inRanges = `unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS u (stream, low, high)`

// EraseParcel is [social.EraseStore]'s.
func (db *DB) EraseParcel(ctx context.Context, id social.ID) (out social.EraseParcel, err error) {
	c := db.eng.reader()
	person, ranges, err := erasePlace(ctx, c, id)
	if err != nil {
		return out, failure(err)
	}
	if len(ranges) == 0 {
		return social.EraseParcel{Last: true}, nil
	}
	l := rangeLists(ranges, takesDelete)
	// By primary key.
	err = each(ctx, c, func(rs rows) error {
		p, err := scanPost(rs)
		out.Posts = append(out.Posts, p)
		return err
	}, `SELECT `+postColumns+eraseLiving+` ORDER BY p.stream, p.seq`, l[0], l[1], l[2], person)
	if err == nil {
		err = each(ctx, c, func(rs rows) error {
			var post social.ID
			err := rs.Scan(idColumn{&post})
			out.Likes = append(out.Likes, post)
			return err
		}, `SELECT p.id FROM `+inRanges+` JOIN reactions r ON r.stream = u.stream AND r.seq > u.low AND r.seq <= u.high
			JOIN posts p ON p.stream = r.stream AND p.seq = r.seq
			WHERE r.person = $4 AND r.kind = 1 AND p.removed_at IS NULL ORDER BY p.stream, p.seq`, l[0], l[1], l[2], person)
	}
	for i := range out.Posts {
		if p := &out.Posts[i]; err == nil && p.Private {
			err = addReaders(ctx, c, p.Stream, out.Posts[i:i+1])
		}
	}
	if err != nil {
		return out, failure(fmt.Errorf("read a part of the log: %w", err))
	}
	return out, nil
}
