package storage

import (
	"context"
	"errors"
	"fmt"

	"rambla/social"
)

// By the primary keys of read_markers and attention. SQLite keeps the order of a
// CROSS JOIN.
const (
	markersOf = `SELECT m.stream, m.read, m.delivered, m.head FROM unnest($1::bigint[]) AS u (stream) CROSS JOIN read_markers m
		WHERE m.stream = u.stream AND m.person = $2`
	interestsOf = `SELECT space, level, muted_until FROM attention WHERE person = $1`
)

// SpaceMarks is [social.MarkerStore]'s.
func (db *DB) SpaceMarks(ctx context.Context, person social.PersonKey, spaces []*social.Space) (map[social.SpaceKey]social.SpaceMark, error) {
	out := make(map[social.SpaceKey]social.SpaceMark, len(spaces))
	of := make(map[social.StreamKey]social.SpaceKey, len(spaces))
	streams := make([]int64, len(spaces))
	for i, s := range spaces {
		stream := s.Stream(social.ChannelMessages)
		of[stream], streams[i] = s.Key, int64(stream)
	}
	c := db.eng.reader()
	err := each(ctx, c, func(rs rows) error {
		var (
			stream social.StreamKey
			m      social.SpaceMark
		)
		err := rs.Scan(&stream, &m.Read, &m.Delivered, &m.Head)
		out[of[stream]] = m
		return err
	}, markersOf, streams, int64(person))
	if err == nil {
		err = each(ctx, c, func(rs rows) error {
			var (
				key   social.SpaceKey
				level social.Level
				until int64
			)
			err := rs.Scan(&key, &level, &until)
			m := out[key]
			m.Level, m.Muted = level, until
			out[key] = m
			return err
		}, interestsOf, int64(person))
	}
	if err != nil {
		return nil, failure(fmt.Errorf("read the marks of spaces: %w", err))
	}
	return out, nil
}

// LeftSince is [social.MarkerStore]'s.
func (db *DB) LeftSince(ctx context.Context, person social.PersonKey, version int64, limit int) (spaces []social.SpaceKey, whole bool, err error) {
	c := db.eng.reader()
	var newest, oldest int64
	err = one(ctx, c, into(&newest), `SELECT version FROM site WHERE id = 1`)
	if err == nil {
		// What the journal of rights still knows, the history of who could read does.
		err = one(ctx, c, into(&oldest), `SELECT version FROM changes ORDER BY version LIMIT 1`)
		if errors.Is(err, errNoRow) {
			oldest, err = newest+1, nil
		}
	}
	if err == nil && version <= newest && version >= oldest-1 {
		// By read_changes_person.
		err = each(ctx, c, func(rs rows) error {
			var key social.SpaceKey
			err := rs.Scan(&key)
			spaces = append(spaces, key)
			return err
		}, `SELECT space FROM read_changes WHERE person <> 0 AND person = $1 AND version > $2 AND member ORDER BY version LIMIT $3`,
			int64(person), version, limit+1)
		whole = len(spaces) <= limit
	}
	if err != nil {
		return nil, false, failure(fmt.Errorf("read what a person has left: %w", err))
	}
	return spaces, whole, nil
}
