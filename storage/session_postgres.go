package storage

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rambla/social"
)

const (
	// By sessions_name. OFFSET 0 keeps it one look-up per name, as in pgFindKeys.
	pgFindSessions = `SELECT s.* FROM unnest($1::bigint[], $2::smallint[], $3::text[]) AS u (person, kind, name),
		LATERAL (SELECT id, person, kind, name FROM sessions WHERE person = u.person AND kind = u.kind AND name = u.name OFFSET 0) s`
	// In the order in which everybody locks them. By name also what is looked for
	// by its id: a session that somebody makes anew meanwhile has another id.
	pgLockSessions = `SELECT ` + sessionFacts + `, CASE WHEN w.whole THEN s.subscriptions END, CASE WHEN w.whole THEN s.position END, s.will
		FROM (SELECT person, kind, name, bool_or(whole) AS whole FROM (
				SELECT u.person, u.kind, u.name, TRUE AS whole FROM unnest($1::bigint[], $2::smallint[], $3::text[]) AS u (person, kind, name)
				UNION ALL SELECT k.person, k.kind, k.name, FALSE FROM sessions k WHERE k.id = ANY($4::bigint[])) x
			GROUP BY person, kind, name) w
		JOIN sessions s ON s.person = w.person AND s.kind = w.kind AND s.name = w.name
		ORDER BY s.person, s.kind, s.name FOR NO KEY UPDATE OF s`
	pgInsertSessions = `INSERT INTO sessions (id, person, kind, name, grant_id, version, fence, node, created_at, left_at, expiry,
			rights, saved_at, will_delay, will_due, subscriptions, position, will)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::text[], $5::bigint[], $6::smallint[], $7::bigint[],
			$8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[],
			$16::bytea[], $17::bytea[], $18::bytea[])`
	// What is NULL stays as it is; its bytes are not written again.
	pgUpdateSessions = `UPDATE sessions s SET id = c.id, grant_id = c.grant_id, version = c.version, fence = c.fence, node = c.node,
			created_at = c.created_at, left_at = c.left_at, expiry = c.expiry, rights = c.rights, saved_at = c.saved_at,
			will_delay = c.will_delay, will_due = c.will_due, subscriptions = COALESCE(c.subscriptions, s.subscriptions),
			position = COALESCE(c.position, s.position), will = COALESCE(c.will, s.will)
		FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
				$9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bytea[], $14::bytea[], $15::bytea[], $16::bigint[])
			AS c (id, grant_id, version, fence, node, created_at, left_at, expiry, rights, saved_at, will_delay, will_due,
				subscriptions, position, will, stored)
		WHERE s.id = c.stored`
	// OFFSET 0 as above: each person and space by itself, and only the newest.
	pgReadChanges = `SELECT c.* FROM unnest($1::bigint[], $2::bigint[]) AS u (id, version),
			LATERAL (` + changesOfPerson + `u.id AND version > u.version ORDER BY version DESC LIMIT $5 OFFSET 0) c
		UNION ALL SELECT c.* FROM unnest($3::bigint[], $4::bigint[]) AS u (id, version),
			LATERAL (` + changesOfSpace + `u.id AND version > u.version ORDER BY version DESC LIMIT $6 OFFSET 0) c`
	pgDeleteInbound = `DELETE FROM inbound WHERE (session, packet) IN (SELECT * FROM unnest($1::bigint[], $2::int[]))`
)

func (e *postgres) writeSessions(ctx context.Context, f func(context.Context, *tx, sessionTx) error) error {
	return e.racing(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		return pgx.BeginFunc(ctx, c, func(t pgx.Tx) error {
			x := pgTx(t)
			return f(ctx, x, pgSessions{x})
		})
	})
}

// pgSessions is sessionTx on PostgreSQL: one statement for any number of rows.
type pgSessions struct{ conn }

func nameLists(names iter.Seq[sessionName]) (people []int64, kinds []int16, texts []string) {
	people, kinds, texts = []int64{}, []int16{}, []string{}
	for n := range names {
		people, kinds, texts = append(people, int64(n.person)), append(kinds, int16(n.kind)), append(texts, n.name)
	}
	return people, kinds, texts
}

func (s pgSessions) findSessions(ctx context.Context, names []sessionName) (map[sessionName]social.SessionID, error) {
	out := make(map[sessionName]social.SessionID, len(names))
	if len(names) == 0 {
		return out, nil
	}
	people, kinds, texts := nameLists(slices.Values(names))
	err := each(ctx, s, func(rs rows) error {
		var (
			id   social.SessionID
			n    sessionName
			kind int16
		)
		err := rs.Scan(&id, &n.person, &kind, &n.name)
		n.kind = social.SessionKind(kind) //nolint:gosec // written from one
		out[n] = id
		return err
	}, pgFindSessions, people, kinds, texts)
	return out, err
}

func (s pgSessions) lockSessions(ctx context.Context, claimed map[sessionName]social.SessionID, saved []int64, f func(rows) error) error {
	people, kinds, texts := nameLists(maps.Keys(claimed))
	return each(ctx, s, f, pgLockSessions, people, kinds, texts, saved)
}

// sessionLists are the columns of rows.
type sessionLists struct {
	stored, id, person, grant, fence, node, created, left, expiry, rights, saved, delay, due []int64
	kind, version                                                                            []int16
	name                                                                                     []string
	subscriptions, position, will                                                            [][]byte
}

func listSessions(rows []*sessionRow) *sessionLists {
	l := new(sessionLists)
	for _, r := range rows {
		l.stored, l.id, l.person = append(l.stored, int64(r.stored)), append(l.id, int64(r.ID)), append(l.person, int64(r.Person)) //nolint:gosec // checked by checkClaim
		l.grant, l.fence, l.node = append(l.grant, int64(r.Grant)), append(l.fence, int64(r.Fence)), append(l.node, int64(r.Node)) //nolint:gosec // likewise
		l.created, l.left = append(l.created, micros(r.Created)), append(l.left, micros(r.Left))
		l.expiry, l.rights, l.saved = append(l.expiry, expiryValue(r.Expiry)), append(l.rights, r.Rights), append(l.saved, micros(r.Saved))
		l.delay, l.due = append(l.delay, expiryValue(r.WillDelay)), append(l.due, micros(r.WillDue))
		l.kind, l.version, l.name = append(l.kind, int16(r.Kind)), append(l.version, int16(r.Version)), append(l.name, r.Name)
		l.subscriptions = append(l.subscriptions, bytesIf(r.subscriptions, r.Subscriptions))
		l.position = append(l.position, bytesIf(r.position, r.Position))
		l.will = append(l.will, bytesIf(r.will, r.Will))
	}
	return l
}

// bytesIf is what stands for b in a statement: nil where it stays as it is.
func bytesIf(changed bool, b []byte) []byte {
	if !changed {
		return nil
	}
	return notNil(b)
}

func (s pgSessions) insertSessions(ctx context.Context, rows []*sessionRow) error {
	l := listSessions(rows)
	_, err := s.exec(ctx, pgInsertSessions, l.id, l.person, l.kind, l.name, l.grant, l.version, l.fence, l.node, l.created, l.left,
		l.expiry, l.rights, l.saved, l.delay, l.due, l.subscriptions, l.position, l.will)
	return err
}

func (s pgSessions) updateSessions(ctx context.Context, rows []*sessionRow) error {
	l := listSessions(rows)
	n, err := s.exec(ctx, pgUpdateSessions, l.id, l.grant, l.version, l.fence, l.node, l.created, l.left, l.expiry, l.rights, l.saved,
		l.delay, l.due, l.subscriptions, l.position, l.will, l.stored)
	if err == nil && n != int64(len(rows)) {
		err = &brokenRuleError{fmt.Sprintf("%d of %d sessions were there to be written", n, len(rows))}
	}
	return err
}

func (s pgSessions) deleteInbound(ctx context.Context, packets []social.InboundPacket) error {
	var (
		sessions []int64
		ids      []int32
	)
	for _, p := range packets {
		sessions, ids = append(sessions, int64(p.Session)), append(ids, int32(p.Packet)) //nolint:gosec // came from a BIGINT
	}
	_, err := s.exec(ctx, pgDeleteInbound, sessions, ids)
	return err
}

func (s pgSessions) readChanges(ctx context.Context, people map[social.PersonKey]int64, spaces map[social.SpaceKey]int64, f func(rows) error) error {
	people1, versions1 := pairs(people)
	spaces1, versions2 := pairs(spaces)
	return each(ctx, s, f, pgReadChanges, people1, versions1, spaces1, versions2, readsOfPerson, readsOfSpace)
}

func pairs[K ~int64](m map[K]int64) (keys, versions []int64) {
	keys, versions = make([]int64, 0, len(m)), make([]int64, 0, len(m))
	for k, v := range m {
		keys, versions = append(keys, int64(k)), append(versions, v)
	}
	return keys, versions
}
