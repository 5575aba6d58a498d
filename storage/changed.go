package storage

import (
	"context"
	"errors"
	"fmt"

	"rambla/social"
)

// By the primary keys of streams, read_markers, attention. SQLite keeps the order
// of a CROSS JOIN. Only conversations are told by their events too: half of the
// look-ups.
const (
	spaceMarks    = `SELECT s.space, s.epoch, s.head, s.floor, 0` + marksOf + ` WHERE s.id = u.stream`
	spaceAllMarks = `SELECT s.space, s.epoch, s.head, s.floor, COALESCE(e.head, 0)` + marksOf + `
		LEFT JOIN streams e ON e.id = u.events WHERE s.id = u.stream`

	marksOf = `, COALESCE(m.read, 0), COALESCE(m.delivered, 0), COALESCE(m.head, 0), COALESCE(a.level, 0), COALESCE(a.muted_until, 0)
		FROM unnest($1::bigint[], $2::bigint[]) AS u (stream, events) CROSS JOIN streams s
			LEFT JOIN read_markers m ON m.stream = u.stream AND m.person = $3
			LEFT JOIN attention a ON a.person = $3 AND a.space = s.space`
)

// SpaceMarks is [social.MarkerStore]'s.
func (db *DB) SpaceMarks(ctx context.Context, person social.PersonKey, spaces []*social.Space) (map[social.SpaceKey]social.SpaceMark, error) {
	out := make(map[social.SpaceKey]social.SpaceMark, len(spaces))
	streams, events, text := make([]int64, len(spaces)), make([]int64, len(spaces)), spaceMarks
	for i, s := range spaces {
		if s.Kind == social.KindConversation {
			text = spaceAllMarks
		}
		streams[i], events[i] = int64(s.Stream(social.ChannelMessages)), int64(s.Stream(social.ChannelEvents))
	}
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var (
			key social.SpaceKey
			m   social.SpaceMark
		)
		err := rs.Scan(&key, &m.Epoch, &m.Numbers[0], &m.Numbers[1], &m.Events, &m.Numbers[2], &m.Numbers[3], &m.Numbers[4], &m.Numbers[5], &m.Numbers[6])
		out[key] = m
		return err
	}, text, streams, events, int64(person))
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
