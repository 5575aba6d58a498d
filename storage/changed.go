package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rambla/social"
)

// spaceMarks reads markers by the primary key of read_markers, and then what a person
// attends to by that of attention. SQLite keeps the order of a CROSS JOIN.
const spaceMarks = `SELECT m.stream, m.read, m.delivered, m.head, m.at, 0, 0 FROM unnest($1::bigint[]) AS u (stream) CROSS JOIN read_markers m
		WHERE m.stream = u.stream AND m.person = $2
	UNION ALL SELECT 0, 0, 0, 0, a.muted_until, a.space, a.level FROM attention a WHERE a.person = $2`

// SpaceMarks is [social.MarkerStore]'s.
func (db *DB) SpaceMarks(ctx context.Context, person social.PersonKey, spaces []*social.Space, now time.Time) (map[social.SpaceKey]social.SpaceMark, error) {
	out := make(map[social.SpaceKey]social.SpaceMark, len(spaces))
	of := make(map[social.StreamKey]social.SpaceKey, len(spaces))
	streams := make([]int64, len(spaces))
	for i, s := range spaces {
		stream := s.Stream(social.ChannelMessages)
		of[stream], streams[i] = s.Key, int64(stream)
	}
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var (
			m     social.SetMarker
			at    int64
			space social.SpaceKey
			level social.Level
		)
		if err := rs.Scan(&m.Stream, &m.Read, &m.Delivered, &m.Head, &at, &space, &level); err != nil {
			return err
		}
		if space == 0 {
			m.Person, m.At = person, moment(at)
			space = of[m.Stream]
			mark := out[space]
			mark.SetMarker = m
			out[space] = mark
			return nil
		}
		mark := out[space]
		mark.Interest = interest(level, at, now)
		out[space] = mark
		return nil
	}, spaceMarks, streams, int64(person))
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
