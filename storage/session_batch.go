package storage

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"rambla/social"
)

// sessionBatch is one call of WriteSessions on its way: what it needs is locked
// and read, then every write is applied in order in memory, then what has changed
// is written.
//
// Who locks several sessions does so in the order of person, kind and name, which
// never change, after the people of new ones; so batches never wait for each
// other in a circle.
type sessionBatch struct {
	writes []social.SessionWrite
	now    time.Time
	names  []sessionName // of claims, ascending, each once
	saved  []int64       // ids of saves, likewise

	people map[social.PersonKey]bool               // who may have new sessions: living, and locked
	others map[social.PersonKey][]social.SessionID // the living ones beside rows
	byName map[sessionName]*sessionRow
	byID   map[social.SessionID]*sessionRow
	rows   []*sessionRow
	freed  []social.InboundPacket
	ended  []int64 // ids of sessions that were stored and are over

	out     []social.SessionWritten
	corrupt []social.Session
}

// sessionName is what a session is found by.
type sessionName struct {
	person social.PersonKey
	kind   social.SessionKind
	name   string
}

func (n sessionName) compare(o sessionName) int {
	return cmp.Or(cmp.Compare(n.person, o.person), cmp.Compare(n.kind, o.kind), strings.Compare(n.name, o.name))
}

// sessionRow is a session in a batch.
type sessionRow struct {
	social.Session
	stored social.SessionID // the id that its row has; 0: there is none

	// What is to be written.
	gone          bool
	changed       bool
	subscriptions bool
	position      bool
	will          bool
}

func (r *sessionRow) key() sessionName { return sessionName{r.Person, r.Kind, r.Name} }

func newSessionBatch(writes []social.SessionWrite, now time.Time) *sessionBatch {
	b := &sessionBatch{writes: writes, now: now.Truncate(time.Microsecond).UTC()}
	for _, w := range writes {
		if c := w.Claim; c != nil && checkClaim(c) == nil {
			b.names = append(b.names, sessionName{c.Person, c.Kind, c.Name})
		} else if w.Save != nil {
			b.saved = append(b.saved, int64(w.Save.ID)) //nolint:gosec // came from a BIGINT
		}
	}
	slices.SortFunc(b.names, sessionName.compare)
	b.names = slices.Compact(b.names)
	slices.Sort(b.saved)
	b.saved = slices.Compact(b.saved)
	return b
}

// run does it all in a transaction. A lost race runs it again.
func (b *sessionBatch) run(ctx context.Context, t *tx, s sessionTx) error {
	b.people, b.others = map[social.PersonKey]bool{}, map[social.PersonKey][]social.SessionID{}
	b.byName, b.byID = map[sessionName]*sessionRow{}, map[social.SessionID]*sessionRow{}
	b.rows, b.freed, b.ended, b.corrupt = nil, nil, nil, nil
	b.out = make([]social.SessionWritten, len(b.writes))
	if err := b.lookUp(ctx, t, s); err != nil {
		return fmt.Errorf("look up: %w", err)
	}
	b.resolve()
	// Before anything is deleted: a claim may be told of what ends with it.
	if err := b.tell(ctx, t, s); err != nil {
		return fmt.Errorf("tell: %w", err)
	}
	return b.write(ctx, t, s)
}

// lookUp locks and reads what the batch is about.
func (b *sessionBatch) lookUp(ctx context.Context, t *tx, s sessionTx) error {
	known, err := s.findSessions(ctx, b.names)
	if err != nil {
		return err
	}
	if err := b.lockPeople(ctx, t, known, t.forUpdate); err != nil {
		return err
	}
	err = s.lockSessions(ctx, known, b.saved, func(rs rows) error {
		r, err := scanSession(rs)
		b.add(&r)
		return err
	})
	if err != nil {
		return err
	}
	if err := b.lockMore(ctx, t, known); err != nil {
		return err
	}
	return b.lookUpOthers(ctx, t)
}

// lockMore locks the owners of sessions that have ended while this transaction
// waited for them. That is out of order, so nobody is waited for.
func (b *sessionBatch) lockMore(ctx context.Context, t *tx, known map[sessionName]social.SessionID) error {
	gone := false
	for name := range known {
		if b.byName[name] == nil && !b.people[name.person] {
			delete(known, name)
			gone = true
		}
	}
	if !gone {
		return nil
	}
	if err := b.lockPeople(ctx, t, known, t.skipLocked); err != nil {
		return err
	}
	for _, name := range b.names {
		if _, is := known[name]; !is && b.byName[name] == nil && !b.people[name.person] {
			return errSessionMoved
		}
	}
	return nil
}

// lockPeople locks whoever is to have a new session, so that nobody is removed,
// and nobody else makes one for them, before the transaction ends. The owner of
// a session that is there needs no lock: to remove the person is to wait for it.
func (b *sessionBatch) lockPeople(ctx context.Context, t *tx, known map[sessionName]social.SessionID, lock string) error {
	var people []int64
	for _, n := range b.names {
		if _, is := known[n]; !is {
			people = append(people, int64(n.person))
		}
	}
	if len(people) == 0 {
		return nil
	}
	return each(ctx, t, func(rs rows) error {
		var p social.PersonKey
		err := rs.Scan(&p)
		b.people[p] = true
		return err
	}, `SELECT id FROM people WHERE id = ANY($1) AND NOT removed ORDER BY id`+lock, slices.Compact(people))
}

func (b *sessionBatch) add(r *sessionRow) {
	b.rows = append(b.rows, r)
	b.byName[r.key()], b.byID[r.ID] = r, r
}

// resolve applies the writes in order.
func (b *sessionBatch) resolve() {
	for i, w := range b.writes {
		out := &b.out[i]
		if w.Claim != nil {
			out.Claimed, out.Err = b.claim(w.Claim)
		} else {
			out.Stale, out.Err = b.save(w.Save)
		}
	}
	for _, r := range b.rows {
		if r.stored != 0 && (r.gone || r.stored != r.ID) {
			b.ended = append(b.ended, int64(r.stored)) //nolint:gosec // came from a BIGINT
		}
	}
	slices.Sort(b.ended)
}

// write writes what has changed.
func (b *sessionBatch) write(ctx context.Context, t *tx, s sessionTx) error {
	if err := endSessions(ctx, t, b.ended); err != nil {
		return err
	}
	var gone []int64 // of these
	var fresh, changed []*sessionRow
	for _, r := range b.rows {
		switch {
		case r.gone && r.stored != 0:
			gone = append(gone, int64(r.stored)) //nolint:gosec // came from a BIGINT
		case r.gone:
		case r.stored == 0:
			fresh = append(fresh, r)
		case r.changed:
			changed = append(changed, r)
		}
	}
	if len(gone) > 0 {
		if _, err := t.exec(ctx, `DELETE FROM sessions WHERE id = ANY($1)`, gone); err != nil {
			return fmt.Errorf("delete: %w", err)
		}
	}
	if len(changed) > 0 {
		if err := s.updateSessions(ctx, changed); err != nil {
			return fmt.Errorf("update: %w", err)
		}
	}
	if len(fresh) > 0 {
		// In ascending order: where another transaction makes the same ones, one of
		// the two waits at the first of them and then loses the race (sessions_name).
		slices.SortFunc(fresh, func(x, y *sessionRow) int { return x.key().compare(y.key()) })
		if err := s.insertSessions(ctx, fresh); err != nil {
			return fmt.Errorf("insert: %w", err)
		}
	}
	if len(b.freed) > 0 {
		slices.SortFunc(b.freed, func(x, y social.InboundPacket) int {
			return cmp.Or(cmp.Compare(x.Session, y.Session), cmp.Compare(x.Packet, y.Packet))
		})
		if err := s.deleteInbound(ctx, b.freed); err != nil {
			return fmt.Errorf("release packets: %w", err)
		}
	}
	return nil
}

// endSessions makes sure that no publish under way adds to sessions that are
// about to go, and deletes what they have of inbound packets. The rows are locked
// already, so only such a publish is waited for, which locks by ascending id.
func endSessions(ctx context.Context, t *tx, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	if t.forDelete != "" {
		err := each(ctx, t, func(rows) error { return nil }, `SELECT id FROM sessions WHERE id = ANY($1) ORDER BY id`+t.forDelete, ids)
		if err != nil {
			return fmt.Errorf("lock sessions: %w", err)
		}
	}
	if _, err := t.exec(ctx, `DELETE FROM inbound WHERE session = ANY($1)`, ids); err != nil {
		return fmt.Errorf("delete inbound packets: %w", err)
	}
	return nil
}

// copyOf shares no bytes with the row.
func (r *sessionRow) copyOf() social.Session {
	s := r.Session
	s.Subscriptions, s.Position, s.Will = bytes.Clone(s.Subscriptions), bytes.Clone(s.Position), bytes.Clone(s.Will)
	return s
}
