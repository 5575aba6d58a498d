package storage

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"rambla/social"
)

// claimOf names a claim of a row.
type claimOf struct {
	social.PushPlace
	claim int64
}

// AbandonPushes is [social.PushStore]'s.
func (db *DB) AbandonPushes(ctx context.Context, worker social.PushWorker, taken []social.PushTaken, now time.Time) error {
	from, to := int64(1), int64(math.MaxInt64)
	if worker != 0 {
		from, to = worker.Claim(0), worker.Claim(math.MaxUint32)
	}
	err := db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		claims, err := claimedBy(ctx, t, from, to)
		if err != nil {
			return err
		}
		var rows [3][]int64
		for _, c := range claims {
			putColumns(rows[:], int64(c.Person), int64(c.Stream), c.claim)
		}
		// What was perhaps told stays marked as that.
		_, err = t.exec(ctx, `UPDATE push_rows SET claim = 0, again = 0, due = $4
			FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS u (person, stream, claim)
			WHERE push_rows.person = u.person AND push_rows.stream = u.stream AND push_rows.claim = u.claim`, rows[0], rows[1], rows[2], micros(now))
		if err != nil {
			return err
		}
		return keepTaken(ctx, t, claims, taken)
	})
	if err != nil {
		return failure(fmt.Errorf("give pushes back: %w", err))
	}
	return nil
}

// claimedBy locks the rows whose claims are of a range, in the order of their places.
func claimedBy(ctx context.Context, t *tx, from, to int64) ([]claimOf, error) {
	var out []claimOf
	// By push_rows_due: what waits, once at a start.
	err := each(ctx, t, func(rs rows) error {
		var c claimOf
		err := rs.Scan(&c.Person, &c.Stream, &c.claim)
		out = append(out, c)
		return err
	}, `SELECT person, stream, claim FROM push_rows WHERE due <> 0 AND claim BETWEEN $1 AND $2 ORDER BY person, stream`+t.forUpdate, from, to)
	if err != nil {
		return nil, fmt.Errorf("what is claimed: %w", err)
	}
	return out, nil
}

// keepTaken keeps what was told under these claims.
func keepTaken(ctx context.Context, t *tx, claims []claimOf, taken []social.PushTaken) error {
	held := make(map[claimOf]struct{}, len(claims))
	for _, c := range claims {
		held[c] = struct{}{}
	}
	var told []social.PushTold
	shown := map[social.PushPlace]social.PushTaken{}
	for _, x := range taken {
		if _, ok := held[claimOf{x.PushPlace, x.Claim}]; !ok {
			continue
		}
		told = append(told, x.PushTold)
		if last, ok := shown[x.PushPlace]; x.Shown && (!ok || last.Sent.Before(x.Sent)) {
			shown[x.PushPlace] = x
		}
	}
	slices.SortFunc(told, func(a, b social.PushTold) int { return comparePlaces(a.PushPlace, b.PushPlace) })
	if err := putTold(ctx, t, told); err != nil {
		return err
	}
	var lists [5][]int64
	for place, x := range shown {
		putColumns(lists[:], int64(place.Person), int64(place.Stream), micros(x.Sent), micros(x.Next), int64(x.Step))
	}
	_, err := t.exec(ctx, `UPDATE push_rows SET shown = shown | $6, sent_at = CASE WHEN u.sent = 0 THEN push_rows.sent_at ELSE u.sent END,
			next_at = CASE WHEN u.sent = 0 THEN push_rows.next_at ELSE u.next END, step = CASE WHEN u.sent = 0 THEN push_rows.step ELSE u.step END
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) AS u (person, stream, sent, next, step)
		WHERE push_rows.person = u.person AND push_rows.stream = u.stream`, lists[0], lists[1], lists[2], lists[3], lists[4], shownSurely)
	if err != nil {
		return fmt.Errorf("what is shown: %w", err)
	}
	return nil
}
