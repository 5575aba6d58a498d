package storage

import (
	"context"
	"fmt"
	"time"

	"rambla/social"
)

// Seen is [social.SeenStore]'s.
func (db *DB) Seen(ctx context.Context, people []social.PersonKey) (map[social.PersonKey]time.Time, error) {
	out := make(map[social.PersonKey]time.Time, len(people))
	// By primary key.
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var person social.PersonKey
		var at int64
		err := rs.Scan(&person, &at)
		out[person] = moment(at)
		return err
	}, `SELECT person, at FROM seen WHERE person = ANY($1)`, keyList(people))
	if err != nil {
		return nil, failure(fmt.Errorf("read when people were seen: %w", err))
	}
	return out, nil
}

// SaveSeen is [social.SeenStore]'s.
func (db *DB) SaveSeen(ctx context.Context, seen map[social.PersonKey]time.Time) error {
	people, at := make([]int64, 0, len(seen)), make([]int64, 0, len(seen))
	for person, when := range seen {
		people, at = append(people, int64(person)), append(at, micros(when))
	}
	err := db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		// In the order of the key, as every node locks them. Whoever is removed while
		// this runs is waited for, and leaves no row behind.
		_, err := t.exec(ctx, `INSERT INTO seen (person, at)
			SELECT u.person, u.at FROM unnest($1::bigint[], $2::bigint[]) AS u (person, at)
			JOIN people p ON p.id = u.person WHERE NOT p.removed ORDER BY p.id`+lockOf(t.forShare, "p")+`
			ON CONFLICT (person) DO UPDATE SET at = CASE WHEN excluded.at > seen.at THEN excluded.at ELSE seen.at END`, people, at)
		return err
	})
	if err != nil {
		return failure(fmt.Errorf("store when people were seen: %w", err))
	}
	return nil
}
