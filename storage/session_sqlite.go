package storage

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"rambla/social"
)

const (
	liteFindSession   = `SELECT id FROM sessions WHERE person = ? AND kind = ? AND name = ?`
	liteInsertSession = `INSERT INTO sessions (id, person, kind, name, grant_id, version, fence, node, created_at, left_at, expiry,
			rights, saved_at, will_delay, will_due, subscriptions, position, will)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	// What is NULL stays as it is.
	liteUpdateSession = `UPDATE sessions SET id = ?, grant_id = ?, version = ?, fence = ?, node = ?, created_at = ?, left_at = ?,
			expiry = ?, rights = ?, saved_at = ?, will_delay = ?, will_due = ?, subscriptions = COALESCE(?, subscriptions),
			position = COALESCE(?, position), will = COALESCE(?, will)
		WHERE id = ?`
	liteChangesOfPerson = changesOfPerson + `? AND version > ? ORDER BY version DESC LIMIT ?`
	liteChangesOfSpace  = changesOfSpace + `? AND version > ? ORDER BY version DESC LIMIT ?`
	liteDeleteInbound   = `DELETE FROM inbound WHERE session = ? AND packet = ?`
)

// liteSessions is sessionTx on SQLite: a prepared statement per row.
type liteSessions struct {
	conn                          conn
	find, insert, update, release *sql.Stmt
	ofPerson, ofSpace             *sql.Stmt
}

func (l *liteSessions) list() []preparable {
	return []preparable{
		{&l.find, liteFindSession},
		{&l.insert, liteInsertSession},
		{&l.update, liteUpdateSession},
		{&l.release, liteDeleteInbound},
		{&l.ofPerson, liteChangesOfPerson},
		{&l.ofSpace, liteChangesOfSpace},
	}
}

func (e *lite) writeSessions(ctx context.Context, f func(context.Context, *tx, sessionTx) error) error {
	err := e.exclusive(ctx, func(ctx context.Context, t *sql.Tx) error {
		s := &liteSessions{conn: liteConn{e, t}}
		bindLite(ctx, t, e.warm.list(), s.list())
		return f(ctx, e.tx(t), s)
	})
	e.tellFull(err)
	return err
}

func (l *liteSessions) findSessions(ctx context.Context, names []sessionName) (map[sessionName]social.SessionID, error) {
	out := make(map[sessionName]social.SessionID, len(names))
	for _, n := range names {
		var id social.SessionID
		err := l.find.QueryRowContext(ctx, int64(n.person), int64(n.kind), n.name).Scan(&id)
		if err == nil {
			out[n] = id
		} else if !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
	}
	return out, nil
}

func (l *liteSessions) lockSessions(ctx context.Context, claimed map[sessionName]social.SessionID, saved []int64, f func(rows) error) error {
	ids := make([]int64, 0, len(claimed))
	for _, id := range claimed {
		ids = append(ids, int64(id)) //nolint:gosec // came from a BIGINT
	}
	return each(ctx, l.conn, f, `SELECT `+sessionFacts+`, CASE WHEN s.id = ANY($1) THEN s.subscriptions END,
			CASE WHEN s.id = ANY($1) THEN s.position END, s.will
		FROM sessions s WHERE s.id = ANY($2) ORDER BY s.id`, ids, slices.Concat(ids, saved))
}

func (l *liteSessions) insertSessions(ctx context.Context, rows []*sessionRow) error {
	for _, r := range rows {
		_, err := l.insert.ExecContext(ctx, int64(r.ID), int64(r.Person), int64(r.Kind), r.Name, int64(r.Grant), //nolint:gosec // checked by checkClaim
			int64(r.Version), int64(r.Fence), int64(r.Node), micros(r.Created), micros(r.Left), expiryValue(r.Expiry), r.Rights, //nolint:gosec // likewise
			micros(r.Saved), expiryValue(r.WillDelay), micros(r.WillDue), notNil(r.Subscriptions), notNil(r.Position), notNil(r.Will))
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *liteSessions) updateSessions(ctx context.Context, rows []*sessionRow) error {
	for _, r := range rows {
		_, err := l.update.ExecContext(ctx, int64(r.ID), int64(r.Grant), int64(r.Version), int64(r.Fence), int64(r.Node), //nolint:gosec // checked by checkClaim
			micros(r.Created), micros(r.Left), expiryValue(r.Expiry), r.Rights, micros(r.Saved), expiryValue(r.WillDelay), micros(r.WillDue),
			bytesOrNull(bytesIf(r.subscriptions, r.Subscriptions)), bytesOrNull(bytesIf(r.position, r.Position)),
			bytesOrNull(bytesIf(r.will, r.Will)), int64(r.stored)) //nolint:gosec // likewise
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *liteSessions) deleteInbound(ctx context.Context, packets []social.InboundPacket) error {
	for _, p := range packets {
		if _, err := l.release.ExecContext(ctx, int64(p.Session), int64(p.Packet)); err != nil { //nolint:gosec // came from a BIGINT
			return err
		}
	}
	return nil
}

func (l *liteSessions) readChanges(ctx context.Context, people map[social.PersonKey]int64, spaces map[social.SpaceKey]int64, f func(rows) error) error {
	for person, version := range people {
		if err := eachOf(ctx, l.ofPerson, f, int64(person), version, readsOfPerson); err != nil {
			return err
		}
	}
	for space, version := range spaces {
		if err := eachOf(ctx, l.ofSpace, f, int64(space), version, readsOfSpace); err != nil {
			return err
		}
	}
	return nil
}

// eachOf is each with a prepared statement.
func eachOf(ctx context.Context, s *sql.Stmt, f func(rows) error, args ...any) error {
	rs, err := s.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rs.Close() }() // Err tells
	for rs.Next() {
		if err := f(liteRows{rs}); err != nil {
			return err
		}
	}
	return rs.Err()
}
