package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rambla/social"
)

// replayPatience is how long a request may be at work before another one with
// its key takes over: its server has died.
const replayPatience = time.Minute

// BeginReplay claims the key of r for a request, with r.At as the moment. Where
// it is claimed or answered already, the earlier row comes back and nothing is
// stored; earlier is nil for whoever got the claim.
func (db *DB) BeginReplay(ctx context.Context, r social.Replay) (earlier *social.Replay, err error) {
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		earlier = nil
		n, err := t.exec(ctx, `INSERT INTO replays (person, key, digest, status, sealed, at) VALUES ($1, $2, $3, 0, NULL, $4)
			ON CONFLICT (person, key) DO UPDATE SET digest = excluded.digest, status = 0, sealed = NULL, at = excluded.at
			WHERE (replays.status = 0 AND replays.at < $5) OR replays.at < $6`,
			int64(r.Person), r.Key[:], r.Digest[:], micros(r.At),
			micros(r.At.Add(-replayPatience)), micros(r.At.Add(-social.KeyLife)))
		if err != nil || n > 0 {
			return err
		}
		e := social.Replay{Person: r.Person, Key: r.Key}
		var at int64
		err = one(ctx, t, into(hashColumn{&e.Digest}, &e.Status, &e.Sealed, &at),
			`SELECT digest, status, sealed, at FROM replays WHERE person = $1 AND key = $2`, int64(r.Person), r.Key[:])
		e.At = moment(at)
		earlier = &e
		return err
	})
	if errors.Is(err, errNoRow) { // purged between the two statements
		return nil, social.Unavailable(err)
	}
	if err != nil {
		return nil, failure(fmt.Errorf("begin a replay: %w", err))
	}
	return earlier, nil
}

// FinishReplay keeps the answer of a claimed request. It does nothing where
// another request has taken over or has answered.
func (db *DB) FinishReplay(ctx context.Context, r social.Replay) error {
	err := db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `UPDATE replays SET status = $4, sealed = $5 WHERE person = $1 AND key = $2 AND digest = $3 AND status = 0`,
			int64(r.Person), r.Key[:], r.Digest[:], int64(r.Status), bytesOrNull(r.Sealed))
		return err
	})
	if err != nil {
		return failure(fmt.Errorf("finish a replay: %w", err))
	}
	return nil
}
