package storage

import (
	"context"
	"fmt"
	"time"

	"rambla/social"
)

// KeepVAPID is [social.VAPIDStore]'s.
func (db *DB) KeepVAPID(ctx context.Context, made social.Secret, now time.Time) (kept social.Secret, err error) {
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		// Whoever comes second waits here for the first, and then reads its key.
		if _, err := t.exec(ctx, `INSERT INTO vapid (id, key, created_at) VALUES (1, $1, $2) ON CONFLICT (id) DO NOTHING`,
			string(made), micros(now)); err != nil {
			return err
		}
		return one(ctx, t, into((*string)(&kept)), `SELECT key FROM vapid WHERE id = 1`)
	})
	if err != nil {
		return "", failure(fmt.Errorf("keep the VAPID key: %w", err))
	}
	return kept, nil
}
