package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rambla/social"
)

// lockPerson keeps a person from being removed before the transaction ends;
// KindNotFound where it was already.
func lockPerson(ctx context.Context, t *tx, key social.PersonKey) error {
	var is int
	err := one(ctx, t, into(&is), `SELECT 1 FROM people WHERE id = $1 AND NOT removed`+t.forShare, int64(key))
	return orNotFound(err, "person")
}

// lockPeople does so with several, in the order of their keys, as whoever makes
// sessions for many locks them.
func lockPeople(ctx context.Context, t *tx, keys ...social.PersonKey) error {
	for _, key := range slices.Sorted(slices.Values(keys)) {
		if err := lockPerson(ctx, t, key); err != nil {
			return err
		}
	}
	return nil
}

// lockSpace does the same for a space.
func lockSpace(ctx context.Context, t *tx, key social.SpaceKey) error {
	var is int
	err := one(ctx, t, into(&is), `SELECT 1 FROM spaces WHERE id = $1 AND NOT deleted`+t.forShare, int64(key))
	return orNotFound(err, "context")
}

// A membership has the heads of its space's streams at the join, in columns named
// after the channels; joinedHeads reads them off a space's streams.
const (
	joinedColumns = `joined_messages, joined_events, joined_data, joined_comments, joined_reactions`
	joinedHeads   = `COALESCE(MAX(CASE WHEN channel = 1 THEN head END), 0), COALESCE(MAX(CASE WHEN channel = 2 THEN head END), 0),
		COALESCE(MAX(CASE WHEN channel = 3 THEN head END), 0), COALESCE(MAX(CASE WHEN channel = 8 THEN head END), 0),
		COALESCE(MAX(CASE WHEN channel = 9 THEN head END), 0)`
)

// joined are the places that joinedColumns are scanned into.
func joined(h *social.Heads) []any {
	return []any{
		&h[social.ChannelMessages], &h[social.ChannelEvents], &h[social.ChannelData],
		&h[social.ChannelComments], &h[social.ChannelReactions],
	}
}

// addMember makes a membership with the heads of the moment, before the event
// that tells of it; first is false where there was one.
func addMember(ctx context.Context, t *tx, space social.SpaceKey, person social.PersonKey) (first bool, err error) {
	// What is committed to the streams while this runs comes after the join.
	n, err := t.exec(ctx, `INSERT INTO members (space, person, joined_at, `+joinedColumns+`)
		SELECT $1, $2, $3, `+joinedHeads+` FROM streams WHERE space = $1 ON CONFLICT DO NOTHING`, int64(space), int64(person), t.journal.now)
	if err != nil {
		return false, fmt.Errorf("add a member: %w", err)
	}
	if n == 0 {
		return false, nil
	}
	return true, t.note(ctx, social.Change{Kind: social.ChangeMember, Space: space, Person: person})
}

// Join is [social.SpaceStore]'s. KindNotFound for a removed person or a deleted space.
func (db *DB) Join(ctx context.Context, space social.SpaceKey, person social.PersonKey, event *social.Post, now time.Time) (first bool, err error) {
	err = db.change(ctx, "add a member", now, func(ctx context.Context, t *tx) error {
		if err := lockPerson(ctx, t, person); err != nil {
			return err
		}
		if err := lockSpace(ctx, t, space); err != nil {
			return err
		}
		if err := t.noteStanding(ctx, person, int64(space)); err != nil {
			return err
		}
		if first, err = addMember(ctx, t, space, person); err != nil {
			return err
		}
		if !first {
			return errUnchanged
		}
		return addEvent(ctx, t, space, event, now)
	})
	return first && err == nil, err
}

// Leave is [social.SpaceStore]'s. KindConflict for the owner, who is always a member.
func (db *DB) Leave(ctx context.Context, space social.SpaceKey, person social.PersonKey, event *social.Post, now time.Time) (was bool, err error) {
	err = db.change(ctx, "end a membership", now, func(ctx context.Context, t *tx) error {
		if err := t.noteStanding(ctx, person, int64(space)); err != nil {
			return err
		}
		n, err := t.exec(ctx, `DELETE FROM members WHERE space = $1 AND person = $2`, int64(space), int64(person))
		if err != nil {
			return err
		}
		if was = n > 0; !was {
			return errUnchanged
		}
		var owner social.PersonKey
		// A conversation of two is owned by none of them.
		err = one(ctx, t, into(&owner), `SELECT CASE WHEN pair_a IS NULL THEN owner ELSE 0 END FROM spaces WHERE id = $1`, int64(space))
		if err != nil {
			return err
		}
		if owner == person {
			return social.Errorf(social.KindConflict, "The owner of a context is always a member of it.")
		}
		// Vetoes stay: to leave and to join again must not lift them.
		_, err = t.exec(ctx, `DELETE FROM overrides WHERE space = $1 AND person = $2 AND NOT veto`, int64(space), int64(person))
		if err != nil {
			return fmt.Errorf("end grants: %w", err)
		}
		if err := t.note(ctx, social.Change{Kind: social.ChangeMember, Space: space, Person: person}); err != nil {
			return err
		}
		return addEvent(ctx, t, space, event, now)
	})
	return was && err == nil, err
}

// SetOverride is [social.SpaceStore]'s. KindNotFound as Join.
func (db *DB) SetOverride(ctx context.Context, space social.SpaceKey, person social.PersonKey, o social.Override, now time.Time) (first bool, err error) {
	err = db.change(ctx, "set an override", now, func(ctx context.Context, t *tx) error {
		if err := lockPerson(ctx, t, person); err != nil {
			return err
		}
		if err := lockSpace(ctx, t, space); err != nil {
			return err
		}
		if o.Permission == social.Read {
			if err := t.noteStanding(ctx, person, int64(space)); err != nil {
				return err
			}
		}
		n, err := t.exec(ctx, `INSERT INTO overrides (space, person, permission, veto, until_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (space, person, permission) DO UPDATE SET veto = excluded.veto, until_at = excluded.until_at
			WHERE overrides.veto <> excluded.veto OR overrides.until_at <> excluded.until_at`,
			int64(space), int64(person), int64(o.Permission), o.Veto, micros(o.Until))
		if err != nil {
			return err
		}
		if first = n > 0; !first {
			return errUnchanged
		}
		return t.note(ctx, social.Change{Kind: social.ChangeMember, Space: space, Person: person})
	})
	return first && err == nil, err
}

// ClearOverrides is [social.SpaceStore]'s.
func (db *DB) ClearOverrides(ctx context.Context, space social.SpaceKey, person social.PersonKey, of social.Permissions, grants, vetoes bool, now time.Time) (n int, err error) {
	err = db.change(ctx, "clear overrides", now, func(ctx context.Context, t *tx) error {
		if of.Has(social.Read) {
			if err := noteCleared(ctx, t, space, person, grants, vetoes); err != nil {
				return err
			}
		}
		gone, err := t.exec(ctx, `DELETE FROM overrides WHERE space = $1 AND person = $2 AND permission & $3 <> 0
			AND ((veto AND $4) OR (NOT veto AND $5))`, int64(space), int64(person), int64(of), vetoes, grants)
		if n = int(gone); err != nil || n == 0 {
			return err
		}
		return t.note(ctx, social.Change{Kind: social.ChangeMember, Space: space, Person: person})
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// noteCleared keeps what the person could read where an override of Read is
// about to be cleared.
func noteCleared(ctx context.Context, t *tx, space social.SpaceKey, person social.PersonKey, grants, vetoes bool) error {
	var is int
	err := one(ctx, t, into(&is), `SELECT 1 FROM overrides WHERE space = $1 AND person = $2 AND permission = 1
		AND ((veto AND $3) OR (NOT veto AND $4))`, int64(space), int64(person), vetoes, grants)
	if errors.Is(err, errNoRow) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read an override: %w", err)
	}
	return t.noteStanding(ctx, person, int64(space))
}

// Members is [social.SpaceStore]'s.
func (db *DB) Members(ctx context.Context, space social.SpaceKey, after social.PersonKey, limit int) ([]social.Membership, error) {
	var out []social.Membership
	// By primary key.
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		m := social.Membership{Space: space}
		var at int64
		err := rs.Scan(append([]any{&m.Person, &at}, joined(&m.Heads)...)...)
		m.Joined = moment(at)
		out = append(out, m)
		return err
	}, `SELECT person, joined_at, `+joinedColumns+` FROM members
		WHERE space = $1 AND person > $2 ORDER BY person LIMIT $3`, int64(space), int64(after), limit)
	if err != nil {
		return nil, failure(fmt.Errorf("read members: %w", err))
	}
	return out, nil
}

// What stands for a membership, and for a ban, where the permission of an
// override does.
const (
	affiliationMember = 0
	affiliationBan    = 256
)

const (
	// A membership, the overrides and the ban of each person in each space, in this
	// order; all by primary key.
	allAffiliations = `SELECT space, person, 0 AS permission, FALSE AS veto, 0 AS until_at, joined_at, ` + joinedColumns + `
		FROM members
		UNION ALL SELECT space, person, permission, veto, until_at, 0, 0, 0, 0, 0, 0 FROM overrides
		UNION ALL SELECT space, person, 256, FALSE, until_at, 0, 0, 0, 0, 0, 0 FROM bans
		ORDER BY space, person, permission`
	someAffiliations = `SELECT m.space AS space, m.person AS person, 0 AS permission, FALSE AS veto, 0 AS until_at, joined_at, ` + joinedColumns + `
		FROM unnest($1::bigint[], $2::bigint[]) AS u (space, person) JOIN members m ON m.space = u.space AND m.person = u.person
		UNION ALL SELECT o.space, o.person, permission, veto, until_at, 0, 0, 0, 0, 0, 0
		FROM unnest($1::bigint[], $2::bigint[]) AS u (space, person) JOIN overrides o ON o.space = u.space AND o.person = u.person
		UNION ALL SELECT b.space, b.person, 256, FALSE, until_at, 0, 0, 0, 0, 0, 0
		FROM unnest($1::bigint[], $2::bigint[]) AS u (space, person) JOIN bans b ON b.space = u.space AND b.person = u.person
		ORDER BY space, person, permission`
)

// Affiliations is [social.DirectoryStore]'s. each must not call the store.
func (db *DB) Affiliations(ctx context.Context, of []social.Member, f func(social.Affiliation)) error {
	text, args := allAffiliations, []any(nil)
	if of != nil {
		var pairs [2][]int64
		for _, m := range of {
			putColumns(pairs[:], int64(m.Space), int64(m.Person))
		}
		text, args = someAffiliations, []any{pairs[0], pairs[1]}
	}
	var now social.Affiliation // the one whose rows are being read
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var (
			a         social.Affiliation
			what      int
			veto      bool
			at, until int64
		)
		err := rs.Scan(append([]any{&a.Space, &a.Person, &what, &veto, &until, &at}, joined(&a.Heads)...)...)
		if err != nil {
			return err
		}
		if a.Space != now.Space || a.Person != now.Person {
			if now.Person != 0 {
				f(now)
			}
			now = social.Affiliation{Space: a.Space, Person: a.Person}
		}
		switch what {
		case affiliationMember:
			now.Member, now.Joined, now.Heads = true, moment(at), a.Heads
		case affiliationBan:
			now.Banned, now.Until = true, moment(until)
		default:
			o := social.Override{Permission: social.Permissions(what), Veto: veto, Until: moment(until)} //nolint:gosec // written from one
			now.Overrides = append(now.Overrides, o)
		}
		return nil
	}, text, args...)
	if err != nil {
		return failure(fmt.Errorf("read members: %w", err))
	}
	if now.Person != 0 {
		f(now)
	}
	return nil
}
