package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rambla/social"
)

// What one session may hold, in bytes: the schema's limits. A name stands in an
// index of PostgreSQL, whose entries fit into a third of a page.
const (
	maxSessionName = 2048
	maxSessionBlob = 16 << 20
)

// foreverMicros is how the store writes social.SessionForever.
const foreverMicros = int64(social.SessionForever / time.Microsecond)

func expiryValue(d time.Duration) int64 {
	if d == social.SessionForever {
		return foreverMicros
	}
	return max(d.Microseconds(), 0)
}

func expiryOf(us int64) time.Duration {
	if us >= foreverMicros {
		return social.SessionForever
	}
	return time.Duration(us) * time.Microsecond
}

const (
	sessionFacts = `s.id, s.person, s.kind, s.name, s.grant_id, s.version, s.fence, s.node, s.created_at, s.left_at, s.expiry,
		s.rights, s.saved_at, s.will_delay, s.will_due`
	sessionColumns = sessionFacts + `, s.subscriptions, s.position, s.will`
	// By primary key. A session ends at left_at + expiry; $3 is the moment.
	sessionsByID = `SELECT ` + sessionColumns + ` FROM sessions s WHERE s.id > $1 AND s.kind = 0
		AND (s.node <> 0 OR s.left_at + s.expiry > $3) ORDER BY s.id LIMIT $2`
	// By sessions_name.
	sessionsOfPerson = `SELECT ` + sessionColumns + ` FROM sessions s WHERE s.person = $4 AND s.kind = 0 AND s.id > $1
		AND (s.node <> 0 OR s.left_at + s.expiry > $3) ORDER BY s.id LIMIT $2`
	sessionByName = `SELECT ` + sessionColumns + ` FROM sessions s WHERE s.person = $1 AND s.kind = $2 AND s.name = $3`
)

// scanSession reads sessionColumns. An empty blob is nil, as it was. Numbers are
// read as wide as they are stored: a row with one that cannot be must not fail the
// batch or the list that it is in. The next claim writes it anew.
func scanSession(rs rows) (s sessionRow, err error) {
	var (
		kind, version, fence, node               int64
		created, left, expiry, saved, delay, due int64
	)
	err = rs.Scan(&s.ID, &s.Person, &kind, &s.Name, &s.Grant, &version, &fence, &node, &created, &left, &expiry,
		&s.Rights, &saved, &delay, &due, &s.Subscriptions, &s.Position, &s.Will)
	s.stored = s.ID
	s.Kind, s.Version = social.SessionKind(kind), byte(version) //nolint:gosec // doctor tells of what does not fit
	s.Fence, s.Node = uint64(max(fence, 0)), social.NodeID(max(node, 0))
	s.Created, s.Left, s.Saved, s.WillDue = moment(created), moment(left), moment(saved), moment(due)
	s.Expiry, s.WillDelay = expiryOf(expiry), expiryOf(delay)
	for _, blob := range []*[]byte{&s.Subscriptions, &s.Position, &s.Will} {
		if len(*blob) == 0 {
			*blob = nil
		}
	}
	return s, err
}

func readSessions(ctx context.Context, c conn, text string, args ...any) ([]social.Session, error) {
	var out []social.Session
	err := each(ctx, c, func(rs rows) error {
		s, err := scanSession(rs)
		out = append(out, s.Session)
		return err
	}, text, args...)
	return out, err
}

// FindSession is [social.SessionStore]'s.
func (db *DB) FindSession(ctx context.Context, person social.PersonKey, kind social.SessionKind, name string) (social.Session, error) {
	found, err := readSessions(ctx, db.eng.reader(), sessionByName, int64(person), int64(kind), name)
	if err != nil {
		return social.Session{}, failure(fmt.Errorf("find a session: %w", err))
	}
	if len(found) == 0 {
		return social.Session{}, notFound("session")
	}
	return found[0], nil
}

// Sessions is [social.SessionStore]'s.
func (db *DB) Sessions(ctx context.Context, person social.PersonKey, after social.SessionID, limit int, now time.Time) ([]social.Session, error) {
	text, args := sessionsByID, []any{int64(after), limit, micros(now)} //nolint:gosec // came from a BIGINT
	if person != 0 {
		text, args = sessionsOfPerson, append(args, int64(person))
	}
	out, err := readSessions(ctx, db.eng.reader(), text, args...)
	if err != nil {
		return nil, failure(fmt.Errorf("list sessions: %w", err))
	}
	return out, nil
}

// WriteSessions is [social.SessionStore]'s. It blocks until the batch is on the
// disk. Batches may run side by side.
func (db *DB) WriteSessions(ctx context.Context, writes []social.SessionWrite, now time.Time) ([]social.SessionWritten, error) {
	if len(writes) == 0 {
		return nil, nil
	}
	b := newSessionBatch(writes, now)
	err := db.eng.writeSessions(ctx, b.run)
	if err != nil {
		return nil, failure(fmt.Errorf("write sessions: %w", err))
	}
	for _, s := range b.corrupt {
		db.log.ErrorContext(ctx, "a stored session was corrupt; its client begins anew", "session", uint64(s.ID), "person", int64(s.Person))
	}
	return b.out, nil
}

// errSessionMoved says that another transaction has changed which sessions there
// are while this one looked for them; it is run again.
var errSessionMoved = errors.New("a session was made or ended meanwhile")

// sessionTx is a transaction that writes sessions: what the engines say in
// different words. Lists are in ascending order of what they are locked by.
type sessionTx interface {
	// findSessions tells the ids of those that there are, without locking them.
	findSessions(ctx context.Context, names []sessionName) (map[sessionName]social.SessionID, error)
	// lockSessions reads sessions by name, and others by id without subscriptions
	// and position. One that is waited for may have another id then, or be gone.
	lockSessions(ctx context.Context, claimed map[sessionName]social.SessionID, saved []int64, f func(rows) error) error
	insertSessions(ctx context.Context, rows []*sessionRow) error
	// updateSessions writes rows that are stored, under a new id where they have one.
	updateSessions(ctx context.Context, rows []*sessionRow) error
	deleteInbound(ctx context.Context, packets []social.InboundPacket) error
	// readChanges calls f for the changes of who may read that are newer than the
	// version asked for, of people and of spaces; some of each, the newest.
	readChanges(ctx context.Context, people map[social.PersonKey]int64, spaces map[social.SpaceKey]int64, f func(rows) error) error
}

// endSessionsOf deletes the sessions of a person who is removed. It waits for
// those who write to them and finds what they leave; nobody makes new ones,
// because the person is locked.
func endSessionsOf(ctx context.Context, t *tx, person social.PersonKey) error {
	// By sessions_name.
	ids, err := readIDs(ctx, t, `SELECT id FROM sessions WHERE person = $1 ORDER BY person, kind, name`+t.forUpdate, int64(person))
	if err != nil {
		return fmt.Errorf("lock sessions: %w", err)
	}
	// By read_changes_person: only sessions ask for it.
	if _, err := t.exec(ctx, `DELETE FROM read_changes WHERE person <> 0 AND person = $1`, int64(person)); err != nil {
		return fmt.Errorf("forget what a person could read: %w", err)
	}
	slices.Sort(ids)
	return deleteSessions(ctx, t, ids)
}

// purgeSessions deletes sessions that are over and whose will was sent. It reads
// them all, once: an index by their end would be written with every coming and
// going.
func (db *DB) purgeSessions(ctx context.Context, now time.Time) (int64, error) {
	const over = ` s.node = 0 AND s.will_due = 0 AND s.left_at + s.expiry <= $2 ORDER BY s.id`
	ids, err := readIDs(ctx, db.eng.reader(), `SELECT s.id FROM sessions s WHERE s.id > $1 AND`+over+` LIMIT $3`, 0, micros(now), purgeRows)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		// Looked at again, now that nobody takes them up. By primary key.
		var err error
		if ids, err = readIDs(ctx, t, `SELECT s.id FROM sessions s WHERE s.id = ANY($1) AND`+over+t.skipLocked, ids, micros(now)); err != nil {
			return err
		}
		return deleteSessions(ctx, t, ids)
	})
	return int64(len(ids)), err
}

func readIDs(ctx context.Context, c conn, text string, args ...any) ([]int64, error) {
	var ids []int64
	err := each(ctx, c, func(rs rows) error {
		var id int64
		err := rs.Scan(&id)
		ids = append(ids, id)
		return err
	}, text, args...)
	return ids, err
}
