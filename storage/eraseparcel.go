package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"rambla/social"
)

const (
	// How many of its posts were removed since the erasure began: whoever goes on after
	// a crash counts what was done before it.
	eraseCount = `SELECT COUNT(*) FROM ` + inRanges + ` JOIN posts p ON p.stream = u.stream AND p.seq > u.low AND p.seq <= u.high
		WHERE p.author = $4 AND p.counts AND NOT p.as_space AND p.removed_at >= $5`
	// What of the person is left in streams that take no Delete any more.
	eraseClosed = `SELECT p.id, p.stream, p.seq, COALESCE(o.stream, 0), COALESCE(o.seq, 0) FROM ` + inRanges + `
		JOIN posts p ON p.stream = u.stream AND p.seq > u.low AND p.seq <= u.high LEFT JOIN posts o ON o.id = p.root
		WHERE p.author = $4 AND p.counts AND NOT p.as_space AND p.removed_at IS NULL`
	eraseLate = `SELECT p.stream, p.seq` + eraseLiving + ` ORDER BY p.stream, p.seq LIMIT 1`
	eraseKeys = `UPDATE posts SET key = NULL, session = NULL WHERE (stream, seq) IN (
		SELECT p.stream, p.seq FROM ` + inRanges + ` JOIN posts p ON p.stream = u.stream AND p.seq > u.low AND p.seq <= u.high
		WHERE p.author = $4 AND (p.key IS NOT NULL OR p.session IS NOT NULL))`
	eraseReports = `DELETE FROM reports WHERE (stream, seq) IN (
		SELECT p.stream, p.seq FROM ` + inRanges + ` JOIN posts p ON p.stream = u.stream AND p.seq > u.low AND p.seq <= u.high WHERE p.author = $4)`
	eraseSamples = `UPDATE samples SET payload = $5, properties = NULL, key = NULL, session = NULL WHERE (stream, seq) IN (
		SELECT m.stream, m.seq FROM ` + inRanges + ` JOIN samples m ON m.stream = u.stream AND m.seq > u.low AND m.seq <= u.high
		WHERE m.author = $4 AND (octet_length(m.payload) > 0 OR m.properties IS NOT NULL OR m.key IS NOT NULL))`
	saidAbout   = ` FROM unnest($1::bigint[], $2::bigint[]) AS u (stream, seq)`
	lockSaid    = `SELECT t.seq` + saidAbout + ` JOIN tallies t ON t.stream = u.stream AND t.seq = u.seq ORDER BY t.stream, t.seq`
	recountSaid = `UPDATE tallies AS t SET commented_at = ` + newestComment + `,
			comments = (SELECT COUNT(*) FROM posts c JOIN posts p ON p.id = c.root WHERE p.stream = t.stream AND p.seq = t.seq
				AND c.counts AND c.removed_at IS NULL AND c.type <> 'Announce'),
			shares = (SELECT COUNT(*) FROM posts c JOIN posts p ON p.id = c.root WHERE p.stream = t.stream AND p.seq = t.seq
				AND c.counts AND c.removed_at IS NULL AND c.type = 'Announce')
		WHERE (t.stream, t.seq) IN (SELECT u.stream, u.seq` + saidAbout + `)`
)

// FinishParcel is [social.EraseStore]'s.
func (db *DB) FinishParcel(ctx context.Context, id social.ID, claim int64, did social.ErasureCounts, now time.Time, lease time.Duration) error {
	err := db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		e, err := oneErasure(ctx, t, ` WHERE id = $1 AND claim = $2 AND done_at = 0`, id[:], claim)
		if errors.Is(err, errNoRow) {
			return social.Errorf(social.KindConflict, "Somebody else goes on with this erasure.")
		}
		if err != nil {
			return err
		}
		person, ranges, err := erasePlace(ctx, t, id)
		if err != nil || len(ranges) == 0 {
			return err
		}
		b := parcel{person: person, ranges: ranges, asked: micros(e.Asked), now: micros(now), did: did}
		if err := b.lock(ctx, t); err != nil {
			return err
		}
		if err := b.finish(ctx, t); err != nil {
			return err
		}
		e.Counts.Posts, e.Counts.Likes, e.Counts.Samples = e.Counts.Posts+b.did.Posts, e.Counts.Likes+b.did.Likes, e.Counts.Samples+b.did.Samples
		counts, err := json.Marshal(e.Counts)
		if err != nil {
			return err
		}
		last := b.ranges[len(b.ranges)-1]
		_, err = t.exec(ctx, `UPDATE erasures SET stream = $2, seq = $3, counts = $4, claim_until = $5 WHERE id = $1`,
			id[:], last.stream, last.high, string(counts), micros(now.Add(lease)))
		return err
	})
	if err != nil {
		return failure(fmt.Errorf("erase a part of the log: %w", err))
	}
	return nil
}

// parcel is one call of FinishParcel on its way.
type parcel struct {
	person int64
	ranges []eraseRange
	asked  int64
	now    int64
	did    social.ErasureCounts
}

func (b *parcel) streams() (out []int64) {
	for i := range b.ranges {
		out = append(out, b.ranges[i].stream)
	}
	return out
}

// lock holds the streams of the part, and ends it before what its person has posted
// since it was read, by a server that had not heard of the erasure yet: that is
// removed with the next one.
func (b *parcel) lock(ctx context.Context, t *tx) error {
	// As appends do, in their order.
	err := each(ctx, t, func(rows) error { return nil }, `SELECT id FROM streams WHERE id = ANY($1) ORDER BY id`+t.forUpdate, b.streams())
	if err != nil {
		return fmt.Errorf("lock streams: %w", err)
	}
	var stream, seq int64
	l := rangeLists(b.ranges, takesDelete)
	err = one(ctx, t, into(&stream, &seq), eraseLate, l[0], l[1], l[2], b.person)
	if errors.Is(err, errNoRow) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read what came meanwhile: %w", err)
	}
	i := slices.IndexFunc(b.ranges, func(r eraseRange) bool { return r.stream == stream })
	if b.ranges[i].high = seq - 1; b.ranges[i].high > b.ranges[i].low {
		i++
	}
	if b.ranges = b.ranges[:i]; i == 0 {
		return social.Errorf(social.KindUnavailable, "There is a post to be removed before the erasure goes on.")
	}
	return nil
}

func (b *parcel) finish(ctx context.Context, t *tx) error {
	if err := b.blank(ctx, t); err != nil {
		return err
	}
	l := rangeLists(b.ranges, func(r *eraseRange) bool { return r.channel.Log() })
	if err := one(ctx, t, into(&b.did.Posts), eraseCount, l[0], l[1], l[2], b.person, b.asked); err != nil {
		return fmt.Errorf("count what was removed: %w", err)
	}
	for _, text := range []string{eraseKeys, eraseReports} {
		if _, err := t.exec(ctx, text, l[0], l[1], l[2], b.person); err != nil {
			return fmt.Errorf("forget what stands beside posts: %w", err)
		}
	}
	if _, err := t.exec(ctx, `DELETE FROM read_markers WHERE stream = ANY($1) AND person = $2`, b.streams(), b.person); err != nil {
		return fmt.Errorf("forget what was read: %w", err)
	}
	return b.empty(ctx, t)
}

// blank makes tombstones where no Delete can be told: nobody reads those streams.
func (b *parcel) blank(ctx context.Context, t *tx) error {
	l := rangeLists(b.ranges, func(r *eraseRange) bool { return r.channel.Log() && r.closed })
	var (
		ids   []social.ID
		refs  []social.PostRef
		roots [2][]int64
	)
	err := each(ctx, t, func(rs rows) error {
		var (
			id          social.ID
			ref         social.PostRef
			stream, seq int64
		)
		err := rs.Scan(idColumn{&id}, &ref.Stream, &ref.Seq, &stream, &seq)
		ids, refs = append(ids, id), append(refs, ref)
		if stream != 0 {
			putColumns(roots[:], stream, seq)
		}
		return err
	}, eraseClosed, l[0], l[1], l[2], b.person)
	if err != nil {
		return fmt.Errorf("read what is left: %w", err)
	}
	for _, id := range ids {
		for _, text := range []string{
			`UPDATE posts SET content = '', extra = NULL, removed_at = $2 WHERE id = $1`,
			`UPDATE posts SET content = '', extra = NULL, removed_at = $2 WHERE object = $1 AND type = 'Update'`,
			`DELETE FROM edits WHERE post = $1 AND CAST($2 AS BIGINT) > 0`,
		} {
			if _, err := t.exec(ctx, text, id[:], b.now); err != nil {
				return fmt.Errorf("make a tombstone: %w", err)
			}
		}
	}
	if len(roots[0]) > 0 {
		// Locked before they are counted: what was shared here may be said something
		// about elsewhere at this moment.
		err := each(ctx, t, func(rows) error { return nil }, lockSaid+forUpdateOf(t, "t"), roots[0], roots[1])
		if err == nil {
			_, err = t.exec(ctx, recountSaid, roots[0], roots[1])
		}
		if err != nil {
			return fmt.Errorf("count again: %w", err)
		}
	}
	return forgetPosts(ctx, t, refs)
}

// empty takes the payload from samples, which keep their numbers, and forgets what
// was retained.
func (b *parcel) empty(ctx context.Context, t *tx) error {
	l := rangeLists(b.ranges, func(r *eraseRange) bool { return !r.channel.Log() })
	if len(l[0]) == 0 {
		return nil
	}
	n, err := t.exec(ctx, eraseSamples, l[0], l[1], l[2], b.person, []byte{})
	if err != nil {
		return fmt.Errorf("empty samples: %w", err)
	}
	b.did.Samples += int(n)
	gone, err := t.exec(ctx, `DELETE FROM retained WHERE stream = ANY($1) AND author = $2`, l[0], b.person)
	if err != nil {
		return fmt.Errorf("forget what was retained: %w", err)
	}
	if n+gone == 0 {
		return nil
	}
	_, err = t.exec(ctx, `UPDATE streams SET
			bytes = COALESCE((SELECT SUM(`+rowSize+`) FROM samples m WHERE m.stream = streams.id), 0),
			retained = (SELECT COUNT(*) FROM retained r WHERE r.stream = streams.id),
			retained_bytes = COALESCE((SELECT SUM(`+rowSize+`) FROM retained r WHERE r.stream = streams.id), 0)
		WHERE id = ANY($1)`, l[0])
	if err != nil {
		return fmt.Errorf("count what is left: %w", err)
	}
	return nil
}

// FinishErasure is [social.EraseStore]'s.
func (db *DB) FinishErasure(ctx context.Context, id social.ID, claim int64, now time.Time) error {
	mine := false
	err := db.eng.transact(ctx, func(ctx context.Context, t *tx) (err error) {
		mine, err = forgetLate(ctx, t, id, claim, now)
		return err
	})
	if err != nil {
		return failure(fmt.Errorf("forget what came late: %w", err))
	}
	if !mine {
		return nil
	}
	if err := db.eng.overwrite(ctx); err != nil {
		return failure(fmt.Errorf("overwrite what was deleted: %w", err))
	}
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `UPDATE erasures SET done_at = $3, claim_until = 0 WHERE id = $1 AND claim = $2 AND done_at = 0`, id[:], claim, micros(now))
		return err
	})
	if err != nil {
		return failure(fmt.Errorf("finish an erasure: %w", err))
	}
	return nil
}

// forgetLate deletes again what a person has beside the log: what was under way when
// the erasure began was written after it was deleted first, such as acts, keys of
// publishes, and answers that are remembered. mine is false where somebody else goes
// on with the erasure.
func forgetLate(ctx context.Context, t *tx, id social.ID, claim int64, now time.Time) (mine bool, err error) {
	var person social.PersonKey
	err = one(ctx, t, into(&person), `SELECT person FROM erasures WHERE id = $1 AND claim = $2 AND done_at = 0`, id[:], claim)
	if errors.Is(err, errNoRow) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, forgetBeside(ctx, t, person, micros(now), new(social.ErasureCounts))
}
