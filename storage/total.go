package storage

import (
	"context"
	"fmt"
)

// Totals are what a store holds.
type Totals struct {
	Posts    int64
	Sessions int64
	Bytes    int64 // of the database
}

// Totals counts. It reads all rows of streams and sessions, milliseconds for tens
// of thousands: ask now and then.
func (db *DB) Totals(ctx context.Context) (Totals, error) {
	var t Totals
	c := db.eng.reader()
	err := one(ctx, c, into(&t.Posts, &t.Sessions), `SELECT CAST(COALESCE(SUM(ordinals), 0) AS BIGINT), (SELECT COUNT(*) FROM sessions) FROM streams`)
	if err == nil {
		if t.Bytes = db.Stats().FileBytes; t.Bytes == 0 {
			err = one(ctx, c, into(&t.Bytes), `SELECT pg_database_size(current_database())`)
		}
	}
	if err != nil {
		return Totals{}, failure(fmt.Errorf("count: %w", err))
	}
	return t, nil
}
