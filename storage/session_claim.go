package storage

import (
	"context"
	"math"
	"slices"
	"time"

	"rambla/social"
)

// checkClaim finds what would make the database refuse the whole batch.
func checkClaim(c *social.SessionClaim) error {
	switch {
	case c.ID == 0 || c.ID > math.MaxInt64 || c.Node == 0 || c.Node > math.MaxInt64:
		return failure(&brokenRuleError{"a claim without the id of a session and a node"})
	case c.Name == "":
		return social.Invalid("client_id", "is empty")
	case len(c.Will) > maxSessionBlob:
		return social.Errorf(social.KindTooLarge, "The will is too long.")
	}
	return checkText("client_id", c.Name, maxSessionName)
}

func (b *sessionBatch) claim(c *social.SessionClaim) (*social.SessionClaimed, error) {
	if err := checkClaim(c); err != nil {
		return nil, err
	}
	r := b.byName[sessionName{c.Person, c.Kind, c.Name}]
	there := r != nil && !r.gone
	living := there && !r.Over(b.now)
	if (r == nil || r.stored == 0 && r.gone) && !b.people[c.Person] {
		return nil, notFound("person")
	}
	if !living && c.Kind == social.SessionClient && c.Most > 0 {
		if err := b.makeRoom(c); err != nil {
			return nil, err
		}
	}
	done := &social.SessionClaimed{Present: living && !c.Clean}
	if there {
		before := r.copyOf()
		done.Before = &before
	}
	if done.Present && !decodes(&r.Session) {
		// What it was subscribed to, or how far it got, is not known: its client is
		// told that nothing is there, and subscribes anew.
		b.corrupt = append(b.corrupt, r.Session)
		done.Present = false
	}
	if !there {
		r = b.newRow(c)
	} else if !done.Present {
		b.renew(r, c)
	}
	r.take(c)
	if c.Expiry <= 0 && c.Will == nil {
		b.drop(r)
	}
	done.Session = r.copyOf()
	return done, nil
}

// newRow makes the row of a session. There may be a dropped one of that name:
// it is used again, so that there is one row per name.
func (b *sessionBatch) newRow(c *social.SessionClaim) *sessionRow {
	r := b.byName[sessionName{c.Person, c.Kind, c.Name}]
	if r == nil {
		r = &sessionRow{Session: social.Session{Person: c.Person, Kind: c.Kind, Name: c.Name}}
		b.rows = append(b.rows, r)
		b.byName[r.key()] = r
	}
	b.renew(r, c)
	return r
}

// renew makes another session of the row. The fence goes on growing.
func (b *sessionBatch) renew(r *sessionRow, c *social.SessionClaim) {
	delete(b.byID, r.ID)
	r.Session = social.Session{
		ID: c.ID, Person: c.Person, Kind: c.Kind, Name: c.Name, Fence: r.Fence, Created: b.now, Rights: c.Rights, Saved: b.now,
	}
	r.gone, r.subscriptions, r.position = false, true, true
	b.byID[r.ID] = r
}

// take connects the session to the claimant.
func (r *sessionRow) take(c *social.SessionClaim) {
	r.Fence++
	r.Grant, r.Version, r.Node, r.Expiry = c.Grant, c.Version, c.Node, expiryOf(expiryValue(c.Expiry))
	r.Left, r.WillDue = time.Time{}, time.Time{}
	r.Will, r.WillDelay = c.Will, expiryOf(expiryValue(c.WillDelay))
	if len(c.Will) == 0 {
		r.Will, r.WillDelay = nil, 0
	}
	r.changed, r.will = true, true
}

// drop ends the session without a trace.
func (b *sessionBatch) drop(r *sessionRow) {
	r.gone = true
	delete(b.byID, r.ID)
}

func (b *sessionBatch) save(s *social.SessionSave) (stale bool, err error) {
	r := b.byID[s.ID]
	if r == nil || r.Fence != s.Fence {
		return true, nil
	}
	if len(s.Subscriptions) > maxSessionBlob || len(s.Position) > maxSessionBlob {
		return false, social.Errorf(social.KindTooLarge, "The session has become too large.")
	}
	for _, p := range s.Released {
		b.freed = append(b.freed, social.InboundPacket{Session: s.ID, Packet: p})
	}
	if s.Subscriptions != nil {
		r.Subscriptions, r.subscriptions, r.changed = s.Subscriptions, true, true
	}
	if s.Position != nil {
		r.Position, r.position, r.changed = s.Position, true, true
		r.Rights, r.Saved = s.Rights, b.now
	}
	if s.Expiry != nil {
		r.Expiry, r.changed = expiryOf(expiryValue(*s.Expiry)), true
	}
	if s.Grant != nil {
		r.Grant, r.changed = *s.Grant, true
	}
	if !s.Left.IsZero() {
		r.Node, r.Left, r.changed = 0, s.Left.Truncate(time.Microsecond), true
		r.WillDue = s.WillDue.Truncate(time.Microsecond)
	}
	if s.DropWill || !s.Left.IsZero() && (s.WillDue.IsZero() || r.Will == nil) {
		r.Will, r.WillDelay, r.WillDue = nil, 0, time.Time{}
		r.will, r.changed = true, true
	}
	if s.Gone || r.Will == nil && r.Over(b.now) {
		b.drop(r)
	}
	return false, nil
}

// decodes tells whether the bytes of a session are what we wrote.
func decodes(s *social.Session) bool {
	_, err1 := social.DecodePosition(s.Position)
	_, err2 := social.DecodeSubscriptions(s.Subscriptions)
	return err1 == nil && err2 == nil
}

// makeRoom ends the session that the person left longest ago, where a new one
// would be one too many.
func (b *sessionBatch) makeRoom(c *social.SessionClaim) error {
	n := len(b.others[c.Person])
	var oldest *sessionRow
	for _, r := range b.rows {
		if r.Person != c.Person || r.Kind != social.SessionClient || r.gone || r.Over(b.now) {
			continue
		}
		n++
		if r.Node == 0 && (oldest == nil || r.Left.Before(oldest.Left)) {
			oldest = r
		}
	}
	switch {
	case n < c.Most:
		return nil
	case oldest == nil:
		return social.Errorf(social.KindRateLimited, "You have too many sessions that are connected.")
	case oldest.Will == nil:
		b.drop(oldest)
	default:
		// The end of a session is the end of its will's delay [MQTT-3.1.3-9].
		oldest.Expiry, oldest.WillDue, oldest.changed = 0, b.now, true
	}
	return nil
}

// lookUpOthers reads what else those people have who are to have a new session,
// and locks what may have to make room for it.
func (b *sessionBatch) lookUpOthers(ctx context.Context, t *tx) error {
	most, wanted := map[social.PersonKey]int{}, map[social.PersonKey]int{}
	var people []int64
	for _, w := range b.writes {
		c := w.Claim
		if c == nil || c.Kind != social.SessionClient || c.Most <= 0 {
			continue
		}
		r := b.byName[sessionName{c.Person, c.Kind, c.Name}]
		if r != nil && !r.Over(b.now) || r == nil && !b.people[c.Person] {
			continue
		}
		if wanted[c.Person]++; wanted[c.Person] == 1 {
			most[c.Person], people = c.Most, append(people, int64(c.Person))
		}
		most[c.Person] = min(most[c.Person], c.Most)
	}
	if len(people) == 0 {
		return nil
	}
	// By sessions_name.
	const ofPeople = ` FROM sessions s WHERE s.person = ANY($1) AND s.kind = 0 AND (s.node <> 0 OR s.left_at + s.expiry > $2)`
	count := map[social.PersonKey]int{}
	err := each(ctx, t, func(rs rows) error {
		var (
			id     social.SessionID
			person social.PersonKey
		)
		err := rs.Scan(&id, &person)
		if count[person]++; b.byID[id] == nil {
			b.others[person] = append(b.others[person], id)
		}
		return err
	}, `SELECT s.id, s.person`+ofPeople, people, micros(b.now))
	if err != nil {
		return err
	}
	people = slices.DeleteFunc(people, func(p int64) bool {
		return count[social.PersonKey(p)]+wanted[social.PersonKey(p)] <= most[social.PersonKey(p)]
	})
	if len(people) == 0 {
		return nil
	}
	// Whoever is being written to elsewhere is not waited for, out of order as
	// this would be, and is not what was left for longest.
	return each(ctx, t, func(rs rows) error {
		r, err := scanSession(rs)
		if b.byID[r.ID] == nil {
			b.add(&r)
			b.others[r.Person] = slices.DeleteFunc(b.others[r.Person], func(id social.SessionID) bool { return id == r.ID })
		}
		return err
	}, `SELECT `+sessionFacts+`, NULL, NULL, s.will`+ofPeople+` AND s.node = 0 ORDER BY s.id`+t.skipLocked, people, micros(b.now))
}
