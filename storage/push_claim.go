package storage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"rambla/social"
)

// The bits of push_rows.shown. While somebody works on a row nobody knows whether
// it shows something, until it is settled: what changes meanwhile has to be looked
// at as if it did. And where that one never settled it, the next one is told.
const (
	shownSurely  = 1 // some device does
	shownClaimed = 2 // somebody may just have told one
	shownPerhaps = 4 // likewise, who claimed it before
)

// ClaimPushes is [social.PushStore]'s.
func (db *DB) ClaimPushes(ctx context.Context, rank social.PushRank, claim int64, now time.Time, lease time.Duration, limit int) ([]social.PushClaim, error) {
	var out []social.PushClaim
	err := db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		out = nil
		// By push_rows_due. What another one has locked is left to it.
		return each(ctx, t, func(rs rows) error {
			c := social.PushClaim{Claim: claim}
			var posted, sent, next int64
			err := rs.Scan(&c.Person, &c.Stream, &c.Rank, &c.First, &c.Last, &c.Done, &posted, &sent, &next, &c.Step, &c.Attempt, &c.Shown, &c.Perhaps)
			c.Posted, c.Sent, c.Next = moment(posted), moment(sent), moment(next)
			out = append(out, c)
			return err
		}, `WITH next AS MATERIALIZED (SELECT person, stream FROM push_rows WHERE due <> 0 AND rank = $1 AND due <= $2
				ORDER BY due LIMIT $3`+t.skipLocked+`)
			UPDATE push_rows SET claim = $4, due = $5, again = 0, touched_at = $2,
				shown = (shown & $6) | ((shown & $7) << 1) | $7
			WHERE (person, stream) IN (SELECT person, stream FROM next)
			RETURNING person, stream, rank, first_seq, last_seq, done_seq, posted_at, sent_at, next_at, step, attempt, shown & $6 <> 0, shown & $8 <> 0`,
			int64(rank), micros(now), limit, claim, micros(now.Add(lease)), shownSurely, shownClaimed, shownPerhaps)
	})
	if err != nil {
		return nil, failure(fmt.Errorf("claim pushes: %w", err))
	}
	slices.SortFunc(out, func(a, b social.PushClaim) int { return a.Posted.Compare(b.Posted) })
	return out, nil
}

// NextPush is [social.PushStore]'s.
func (db *DB) NextPush(ctx context.Context) (time.Time, error) {
	var next int64
	for rank := range social.PushRanks {
		var due int64
		err := one(ctx, db.eng.reader(), into(&due), `SELECT COALESCE(MIN(due), 0) FROM push_rows WHERE due <> 0 AND rank = $1`, int64(rank))
		if err != nil {
			return time.Time{}, failure(fmt.Errorf("ask when the next push is due: %w", err))
		}
		if due != 0 && (next == 0 || due < next) {
			next = due
		}
	}
	return moment(next), nil
}

// ReleasePushes is [social.PushStore]'s.
func (db *DB) ReleasePushes(ctx context.Context, claims []social.PushClaim, now time.Time) error {
	settled := make([]social.PushSettled, len(claims))
	for i, c := range claims {
		settled[i] = social.PushSettled{PushClaim: c, Again: now, More: now}
	}
	return db.SettlePushes(ctx, settled, now)
}

// SettlePushes is [social.PushStore]'s.
func (db *DB) SettlePushes(ctx context.Context, settled []social.PushSettled, now time.Time) error {
	settled = slices.Clone(settled)
	slices.SortFunc(settled, func(a, b social.PushSettled) int { return comparePlaces(a.PushPlace, b.PushPlace) })
	late := false
	err := db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		for chunk := range slices.Chunk(settled, pushChunk) {
			if late {
				if err := holdRows(ctx, t, chunk); err != nil {
					return err
				}
			}
			moved, err := settleRows(ctx, t, chunk, now)
			if err != nil {
				return err
			}
			// Also of what is over: the row stays where more has come meanwhile.
			var told []social.PushTold
			for i := range chunk {
				told = append(told, chunk[i].Told...)
			}
			if moved && len(told) > 0 && !late && t.forUpdate != "" {
				late = true
				return errClaimMoved
			}
			if err := putTold(ctx, t, told); err != nil {
				return err
			}
		}
		return keepDecisions(ctx, t, settled)
	})
	if err != nil {
		return failure(fmt.Errorf("settle pushes: %w", err))
	}
	return nil
}

// errClaimMoved says that somebody else has taken over rows of which devices were
// told. The transaction is run again and holds all rows first: the other one may be
// about to delete them.
var errClaimMoved = errors.New("a claim was taken over")

func holdRows(ctx context.Context, t *tx, settled []social.PushSettled) error {
	var places [2][]int64
	for i := range settled {
		putColumns(places[:], int64(settled[i].Person), int64(settled[i].Stream))
	}
	err := each(ctx, t, func(rows) error { return nil }, `SELECT r.person FROM unnest($1::bigint[], $2::bigint[]) AS u (person, stream)
		JOIN push_rows r ON r.person = u.person AND r.stream = u.stream ORDER BY r.person, r.stream`+forUpdateOf(t, "r"), places[0], places[1])
	if err != nil {
		return fmt.Errorf("hold rows: %w", err)
	}
	return nil
}

// settleRows lets go of the claims that still hold. moved tells that some do not.
func settleRows(ctx context.Context, t *tx, settled []social.PushSettled, now time.Time) (moved bool, err error) {
	var lists [10][]int64
	var ends [5][]int64
	var over [2][]int64
	for i := range settled {
		s := &settled[i]
		if s.Over {
			putColumns(over[:], int64(s.Person), int64(s.Stream))
		}
		putColumns(ends[:], int64(s.Person), int64(s.Stream), s.Claim, int64(s.Last), truth(s.Over)) //nolint:gosec // a BIGINT
		// done is packed with whether anything is decided: 0 leaves it as it is.
		done := uint64(0)
		if s.Decided || s.Over {
			done = s.Last
		}
		putColumns(lists[:], int64(s.Person), int64(s.Stream), s.Claim, int64(s.Last), int64(done), micros(s.Again), micros(s.More), //nolint:gosec // likewise
			micros(s.Next), micros(s.Sent), int64(s.Step)<<32|int64(s.Attempt)<<2|truth(s.Perhaps)<<1|truth(s.Shown))
	}
	var gone int64
	if len(over[0]) > 0 {
		if gone, err = endRows(ctx, t, ends, over); err != nil {
			return false, err
		}
	}
	left, err := t.exec(ctx, `UPDATE push_rows SET claim = 0, again = 0, touched_at = $11,
			done_seq = CASE WHEN u.done > push_rows.done_seq THEN u.done ELSE push_rows.done_seq END,
			posted_at = CASE WHEN u.done > 0 AND push_rows.last_seq > u.last THEN $11 ELSE push_rows.posted_at END,
			due = CASE WHEN push_rows.again <> 0 THEN $11
				WHEN push_rows.last_seq > u.last AND (u.retry = 0 OR u.more < u.retry) THEN u.more ELSE u.retry END,
			next_at = CASE WHEN push_rows.again <> 0 AND push_rows.next_at = 0 AND push_rows.step = 0 THEN 0 ELSE u.next END,
			sent_at = u.sent, step = u.rest >> 32, attempt = (u.rest & 4294967295) >> 2, shown = u.rest & 3
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])
			AS u (person, stream, claim, last, done, retry, more, next, sent, rest)
		WHERE push_rows.person = u.person AND push_rows.stream = u.stream AND push_rows.claim = u.claim`,
		lists[0], lists[1], lists[2], lists[3], lists[4], lists[5], lists[6], lists[7], lists[8], lists[9], micros(now))
	if err != nil {
		return false, fmt.Errorf("rows: %w", err)
	}
	return gone+left < int64(len(settled)), nil
}

// endRows deletes the rows of which nothing is left, unless something came
// meanwhile, with what belongs to them, and holds all others whose claims hold.
// over are the places of those that end.
func endRows(ctx context.Context, t *tx, ends [5][]int64, over [2][]int64) (gone int64, err error) {
	// Locked first: a DELETE that waited for whoever writes the row would not ask
	// again what it asked of the row in a subquery. And all at once, in the order in
	// which everybody does: those that stay are written next.
	gone, err = t.exec(ctx, `WITH held AS MATERIALIZED (
				SELECT r.person, r.stream, CASE WHEN u.ends = 1 AND r.last_seq = u.last AND r.again = 0 THEN 1 ELSE 0 END AS ends
				FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) AS u (person, stream, claim, last, ends)
				JOIN push_rows r ON r.person = u.person AND r.stream = u.stream
				WHERE r.claim = u.claim ORDER BY r.person, r.stream`+forUpdateOf(t, "r")+`)
			DELETE FROM push_rows WHERE (person, stream) IN (SELECT person, stream FROM held WHERE ends = 1)`,
		ends[0], ends[1], ends[2], ends[3], ends[4])
	if err == nil {
		err = endOrphans(ctx, t, over[0], over[1])
	}
	if err != nil {
		return 0, fmt.Errorf("rows that are over: %w", err)
	}
	return gone, nil
}

// putTold keeps what devices were told of the rows that there are.
func putTold(ctx context.Context, t *tx, all []social.PushTold) error {
	for chunk := range slices.Chunk(all, pushChunk) {
		var lists [7][]int64
		for _, x := range chunk {
			putColumns(lists[:], int64(x.Person), int64(x.Stream), int64(x.Device), int64(x.Seq), int64(x.Mark), //nolint:gosec // Seq is a BIGINT, Mark the same bits
				micros(x.Wait), int64(x.Attempt)<<1|truth(x.Shown))
		}
		_, err := t.exec(ctx, `INSERT INTO push_told (person, stream, device, seq, mark, shown, wait_until, attempt)
			SELECT u.person, u.stream, u.device, u.seq, u.mark, u.rest & 1, u.wait, u.rest >> 1
			FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
				AS u (person, stream, device, seq, mark, wait, rest)
			JOIN push_rows r ON r.person = u.person AND r.stream = u.stream WHERE TRUE
			ON CONFLICT (person, stream, device) DO UPDATE SET
				seq = CASE WHEN excluded.seq > push_told.seq THEN excluded.seq ELSE push_told.seq END,
				mark = excluded.mark, shown = excluded.shown, wait_until = excluded.wait_until, attempt = excluded.attempt`,
			lists[0], lists[1], lists[2], lists[3], lists[4], lists[5], lists[6])
		if err != nil {
			return fmt.Errorf("what devices were told: %w", err)
		}
	}
	return nil
}

// Of decisions the newest of a person are kept, and of what is dead the newest of
// all; both are cut now and then.
const (
	pushDecisionsKept = 50
	pushDeadKept      = 1000
	cutOneIn          = 8
)

const (
	// Several of a person in one statement come one after the other: k counts them.
	// Of two transactions that write of one person at a time one's is lost. Of who was
	// removed while a push was under way nothing is kept.
	insertDecisions = `INSERT INTO push_decisions (person, n, device, stream, since, seq, at, what, status, until_at, reason, code, answer)
		SELECT u.person, COALESCE((SELECT MAX(d.n) FROM push_decisions d WHERE d.person = u.person), 0) + u.k,
			u.device, u.stream, u.since, u.seq, u.at, u.what, u.status, u.until_at, u.reason, u.code, u.answer
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::text[], $12::text[], $13::text[])
			AS u (person, k, device, stream, since, seq, at, what, status, until_at, reason, code, answer)
		WHERE NOT (SELECT p.removed FROM people p WHERE p.id = u.person)
		ON CONFLICT DO NOTHING`
	insertDead = `INSERT INTO push_dead (at, person, stream, device, seq, platform, attempt, status, app, code, detail)
		SELECT $1, p.id, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM people p WHERE p.id = $2 AND NOT p.removed`
)

func keepDecisions(ctx context.Context, t *tx, settled []social.PushSettled) error {
	var decisions []social.PushDecision
	var dead [][]any
	var cut []int64
	for i := range settled {
		decisions = append(decisions, settled[i].Decisions...)
		if len(settled[i].Decisions) > 0 && rand.IntN(cutOneIn) == 0 { //nolint:gosec // no secret
			cut = append(cut, int64(settled[i].Person))
		}
		for _, d := range settled[i].Dead {
			dead = append(dead, []any{
				micros(d.At), int64(d.Person), int64(d.Stream), int64(d.Device), int64(d.Seq), int64(d.Platform), int64(d.Attempt), int64(d.Status), //nolint:gosec // likewise
				clipText(d.App, 255), clipText(d.Code, 256), clipText(d.Detail, 2048),
			})
		}
	}
	for chunk := range slices.Chunk(decisions, pushChunk) {
		if err := putDecisions(ctx, t, chunk); err != nil {
			return fmt.Errorf("decisions: %w", err)
		}
	}
	if len(cut) > 0 {
		_, err := t.exec(ctx, `DELETE FROM push_decisions WHERE (person, n) IN (SELECT d.person, d.n FROM push_decisions d
			WHERE d.person = ANY($1) AND d.n <= (SELECT MAX(m.n) FROM push_decisions m WHERE m.person = d.person) - $2)`, cut, pushDecisionsKept)
		if err != nil {
			return fmt.Errorf("former decisions: %w", err)
		}
	}
	if len(dead) == 0 {
		return nil
	}
	if err := t.many(ctx, insertDead, dead); err != nil {
		return fmt.Errorf("dead letters: %w", err)
	}
	_, err := t.exec(ctx, `DELETE FROM push_dead WHERE id <= (SELECT MAX(id) FROM push_dead) - $1`, pushDeadKept)
	return err
}

func putDecisions(ctx context.Context, t *tx, list []social.PushDecision) error {
	var numbers [10][]int64
	var texts [3][]string
	of := map[social.PersonKey]int64{}
	for i := range list {
		d := &list[i]
		of[d.Person]++
		putColumns(numbers[:], int64(d.Person), of[d.Person], int64(d.Device), int64(d.Stream), int64(d.Since), int64(d.Seq), //nolint:gosec // BIGINTs
			micros(d.At), int64(d.What), int64(d.Status), micros(d.Until))
		for k, text := range []string{clipText(d.Reason, 64), clipText(d.Code, 256), clipText(d.Answer, 512)} {
			texts[k] = append(texts[k], text)
		}
	}
	_, err := t.exec(ctx, insertDecisions, numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6], numbers[7],
		numbers[8], numbers[9], texts[0], texts[1], texts[2])
	return err
}

// clipText makes text of others fit: valid, without the zero byte, and no longer
// than a column.
func clipText(s string, most int) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}
