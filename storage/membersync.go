package storage

import (
	"context"
	"fmt"
	"time"

	"rambla/social"
)

const (
	// noteStanding for many, each with a version of its own.
	noteStandings = `INSERT INTO read_changes (version, space, person, at, owner, until_at, policy, roles, override, banned, member, heads)
		SELECT u.version, s.id, p.id, $2, 0, ` + readingNow + `, ` + headsOfSpace + `
		FROM unnest($3::bigint[], $4::bigint[]) AS u (version, person) JOIN people p ON p.id = u.person
			JOIN spaces s ON s.id = $1`
	addMembers = `INSERT INTO members (space, person, joined_at, ` + joinedColumns + `)
		SELECT $1, u.person, $2, $3, u.events, $4, $5, $6 FROM unnest($7::bigint[], $8::bigint[]) AS u (person, events)`
	// By primary key.
	setOverrides = `INSERT INTO overrides (space, person, permission, veto, until_at)
		SELECT $1, u.person, u.permission, u.veto = 1, 0 FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS u (person, permission, veto)
		WHERE TRUE ON CONFLICT (space, person, permission) DO UPDATE SET veto = excluded.veto, until_at = 0`
	clearOverrides = `DELETE FROM overrides WHERE space = $1 AND (person, permission) IN
		(SELECT u.person, u.permission FROM unnest($2::bigint[], $3::bigint[]) AS u (person, permission))`
	journalMembers = `INSERT INTO changes (version, kind, person, space, grant_id, at)
		SELECT u.version, $1, u.person, $2, 0, $3 FROM unnest($4::bigint[], $5::bigint[]) AS u (version, person)`
)

// ChangeMembers is [social.MemberSyncStore]'s.
func (db *DB) ChangeMembers(ctx context.Context, space social.SpaceKey, changes []social.MemberChange, now time.Time) (done social.MembersChanged, err error) {
	err = db.change(ctx, "change members", now, func(ctx context.Context, t *tx) error {
		b := memberBatch{space: space, given: changes, now: now}
		done = social.MembersChanged{}
		if err := lockSpace(ctx, t, space); err != nil {
			return err
		}
		if err := b.choose(ctx, t); err != nil {
			return err
		}
		if len(b.people) == 0 {
			return errUnchanged
		}
		done = b.done
		return b.write(ctx, t)
	})
	if err != nil {
		return social.MembersChanged{}, err
	}
	return done, nil
}

// memberBatch is one call on its way. Its lists are parameters of statements.
type memberBatch struct {
	space social.SpaceKey
	given []social.MemberChange
	now   time.Time

	people, versions       []int64 // everybody that changes, and the version of that
	readers, readVersions  []int64 // those of them whose reading may
	joins, leaves          []int64
	events                 []*social.Post
	before                 []int64 // for each of joins, how many events come before its own
	setPeople, set, vetoes []int64
	clearPeople, clear     []int64
	done                   social.MembersChanged
}

// choose takes what still changes something: people may have joined, left or been
// removed since the changes were thought of.
func (b *memberBatch) choose(ctx context.Context, t *tx) error {
	var keys []int64
	for i := range b.given {
		keys = append(keys, int64(b.given[i].Person))
	}
	var owner social.PersonKey
	if err := one(ctx, t, into(&owner), `SELECT owner FROM spaces WHERE id = $1`, int64(b.space)); err != nil {
		return fmt.Errorf("read the owner: %w", err)
	}
	living, err := keySet(ctx, t, `SELECT id FROM people WHERE id = ANY($1) AND NOT removed ORDER BY id`+t.forShare, keys)
	if err != nil {
		return fmt.Errorf("read people: %w", err)
	}
	members, err := keySet(ctx, t, `SELECT person FROM members WHERE space = $2 AND person = ANY($1)`, keys, int64(b.space))
	if err != nil {
		return fmt.Errorf("read members: %w", err)
	}
	for i := range b.given {
		c := &b.given[i]
		if living[c.Person] && !(c.Leave && c.Person == owner) {
			b.take(c, members[c.Person], t.journal.version+int64(len(b.people))+1)
		}
	}
	return nil
}

// keySet is a set of keys of people.
func keySet(ctx context.Context, t *tx, text string, args ...any) (map[social.PersonKey]bool, error) {
	out := map[social.PersonKey]bool{}
	err := each(ctx, t, func(rs rows) error {
		var k social.PersonKey
		err := rs.Scan(&k)
		out[k] = true
		return err
	}, text, args...)
	return out, err
}

// take enters one person's change into the lists.
func (b *memberBatch) take(c *social.MemberChange, member bool, version int64) {
	person := int64(c.Person)
	join, leave := c.Join && !member, c.Leave && member
	if !join && !leave && len(c.Set) == 0 && c.Clear == 0 {
		return
	}
	b.people, b.versions = append(b.people, person), append(b.versions, version)
	reads := join || leave || c.Clear.Has(social.Read)
	for _, o := range c.Set {
		reads = reads || o.Permission == social.Read
		veto := int64(0)
		if o.Veto {
			veto = 1
		}
		b.setPeople, b.set, b.vetoes = append(b.setPeople, person), append(b.set, int64(o.Permission)), append(b.vetoes, veto)
	}
	for p := social.Read; p != 0; p <<= 1 {
		if c.Clear.Has(p) {
			b.clearPeople, b.clear = append(b.clearPeople, person), append(b.clear, int64(p))
		}
	}
	if reads {
		b.readers, b.readVersions = append(b.readers, person), append(b.readVersions, version)
	}
	switch {
	case join:
		b.joins, b.before = append(b.joins, person), append(b.before, int64(len(b.events)))
		b.done.Added++
	case leave:
		b.leaves = append(b.leaves, person)
		b.done.Removed++
	default:
		b.done.Changed++
	}
	if (join || leave) && c.Event != nil {
		b.events = append(b.events, c.Event)
	}
}

func (b *memberBatch) write(ctx context.Context, t *tx) error {
	space := int64(b.space)
	// First, as it keeps what was until now.
	if _, err := t.exec(ctx, noteStandings, space, t.journal.now, b.readVersions, b.readers); err != nil {
		return fmt.Errorf("keep what people could read: %w", err)
	}
	if len(b.clear) > 0 {
		if _, err := t.exec(ctx, clearOverrides, space, b.clearPeople, b.clear); err != nil {
			return fmt.Errorf("clear overrides: %w", err)
		}
	}
	if len(b.leaves) > 0 {
		if _, err := t.exec(ctx, `DELETE FROM members WHERE space = $1 AND person = ANY($2)`, space, b.leaves); err != nil {
			return fmt.Errorf("end memberships: %w", err)
		}
		_, err := t.exec(ctx, `DELETE FROM overrides WHERE space = $1 AND person = ANY($2) AND NOT veto`, space, b.leaves)
		if err != nil {
			return fmt.Errorf("end grants: %w", err)
		}
	}
	if err := b.join(ctx, t); err != nil {
		return err
	}
	if len(b.set) > 0 {
		if _, err := t.exec(ctx, setOverrides, space, b.setPeople, b.set, b.vetoes); err != nil {
			return fmt.Errorf("set overrides: %w", err)
		}
	}
	_, err := t.exec(ctx, journalMembers, int64(social.ChangeMember), space, t.journal.now, b.versions, b.people)
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	t.journal.version += int64(len(b.people))
	return addEvents(ctx, t, b.space, b.events, b.now)
}

// join makes the memberships, each with the heads before the event that tells of it.
func (b *memberBatch) join(ctx context.Context, t *tx) error {
	if len(b.joins) == 0 {
		return nil
	}
	if _, err := lockEvents(ctx, t, b.space); err != nil {
		return err
	}
	// What is committed to the other streams while this runs comes after the join.
	var heads social.Heads
	if err := one(ctx, t, joined(&heads), `SELECT `+joinedHeads+` FROM streams WHERE space = $1`, int64(b.space)); err != nil {
		return fmt.Errorf("read heads: %w", err)
	}
	at := func(c social.Channel) int64 { return int64(heads[c]) } //nolint:gosec // from BIGINTs
	events := make([]int64, len(b.before))
	for i, n := range b.before {
		events[i] = at(social.ChannelEvents) + n
	}
	_, err := t.exec(ctx, addMembers, int64(b.space), t.journal.now, at(social.ChannelMessages), at(social.ChannelData),
		at(social.ChannelComments), at(social.ChannelReactions), b.joins, events)
	if err != nil {
		return fmt.Errorf("add members: %w", err)
	}
	return nil
}
