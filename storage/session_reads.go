package storage

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"rambla/social"
)

// readers is what a batch looks up to tell its claims who could read what.
type readers struct {
	claims   []*returning
	byPerson map[social.PersonKey][]readChange
	bySpace  map[social.SpaceKey][]readChange
	now      map[standingKey]standingNow
}

// returning is a session that comes back, and the spaces that it reads.
type returning struct {
	*social.SessionClaimed
	since   int64 // when its position was written
	keys    []social.StreamKey
	streams map[social.SpaceKey][]*streamFacts
}

type standingKey struct {
	person social.PersonKey
	space  social.SpaceKey
}

// standingNow is what a veto of Read that has ended by itself has left.
type standingNow struct {
	until  int64
	member bool
	roles  social.Roles
}

// tellReads fills in Reads.
func (b *sessionBatch) tellReads(ctx context.Context, t *tx, s sessionTx, claims []*returning) error {
	r := &readers{
		claims: claims, byPerson: map[social.PersonKey][]readChange{}, bySpace: map[social.SpaceKey][]readChange{},
		now: map[standingKey]standingNow{},
	}
	if err := r.lookUp(ctx, t, s); err != nil {
		return fmt.Errorf("read changes of rights: %w", err)
	}
	if err := r.lookUpVetoes(ctx, t, micros(b.now)); err != nil {
		return fmt.Errorf("read vetoes: %w", err)
	}
	for _, c := range claims {
		if err := r.tell(ctx, t, c, micros(b.now)); err != nil {
			return err
		}
	}
	return nil
}

// lookUp reads the rows since the oldest of the claims' versions, of each person
// and each space.
func (r *readers) lookUp(ctx context.Context, t *tx, s sessionTx) error {
	var newest int64
	if err := one(ctx, t, into(&newest), `SELECT COALESCE(MAX(version), 0) FROM read_changes`); err != nil {
		return err
	}
	people, spaces := map[social.PersonKey]int64{}, map[social.SpaceKey]int64{}
	for _, c := range r.claims {
		if c.Session.Rights >= newest {
			continue
		}
		oldest(people, c.Session.Person, c.Session.Rights)
		for space := range c.streams {
			oldest(spaces, space, c.Session.Rights)
		}
	}
	if len(people) == 0 {
		return nil
	}
	return s.readChanges(ctx, people, spaces, func(rs rows) error {
		c, err := scanReadChange(rs)
		if c.Person != 0 {
			r.byPerson[c.Person] = append(r.byPerson[c.Person], c)
		} else {
			r.bySpace[c.Space] = append(r.bySpace[c.Space], c)
		}
		return err
	})
}

func oldest[K comparable](m map[K]int64, key K, version int64) {
	if v, is := m[key]; !is || version < v {
		m[key] = version
	}
}

// lookUpVetoes reads the vetoes of Read that have ended and are still noted.
func (r *readers) lookUpVetoes(ctx context.Context, t *tx, now int64) error {
	var people []int64
	for _, c := range r.claims {
		people = append(people, int64(c.Session.Person))
	}
	slices.Sort(people)
	// By overrides_person.
	return each(ctx, t, func(rs rows) error {
		var (
			key   standingKey
			stand standingNow
		)
		err := rs.Scan(&key.person, &key.space, &stand.until, &stand.roles, &stand.member)
		r.now[key] = stand
		return err
	}, `SELECT o.person, o.space, o.until_at, p.roles, m.person IS NOT NULL
		FROM overrides o JOIN people p ON p.id = o.person LEFT JOIN members m ON m.space = o.space AND m.person = o.person
		WHERE o.person = ANY($1) AND o.permission = 1 AND o.veto AND o.until_at <> 0 AND o.until_at <= $2`, slices.Compact(people), now)
}

// tell gives one claim what concerns it, newest first.
func (r *readers) tell(ctx context.Context, t *tx, c *returning, now int64) error {
	var out []readChange
	mine := map[social.SpaceKey][]readChange{}
	for _, x := range r.byPerson[c.Session.Person] {
		if c.streams[x.Space] != nil && x.Version > c.Session.Rights {
			out = append(out, x)
			mine[x.Space] = append(mine[x.Space], x)
		}
	}
	for space := range c.streams {
		for _, x := range r.bySpace[space] {
			if x.Version > c.Session.Rights {
				out = append(out, x)
			}
		}
		for _, x := range r.endedVetoes(c, space, mine[space], now) {
			var err error
			if x.Heads, err = headsAt(ctx, t, c.streams[space], x.at); err != nil {
				return err
			}
			out = append(out, x)
		}
	}
	// A veto that ended takes its place among the others by its time.
	for i := range out {
		if x := &out[i]; x.ended {
			x.Version = c.Session.Rights
			for _, y := range out {
				if !y.ended && y.at <= x.at {
					x.Version = max(x.Version, y.Version)
				}
			}
		}
	}
	slices.SortStableFunc(out, func(x, y readChange) int {
		return cmp.Or(cmp.Compare(y.Version, x.Version), compareEnded(y, x), cmp.Compare(y.at, x.at), cmp.Compare(x.Space, y.Space))
	})
	for _, x := range out {
		c.Reads = append(c.Reads, x.ReadChange)
	}
	return nil
}

// compareEnded puts what is a row before what came after it with its version.
func compareEnded(x, y readChange) int {
	switch {
	case x.ended == y.ended:
		return 0
	case x.ended:
		return 1
	}
	return -1
}

// endedVetoes finds where a veto of a person ended by itself since the session's
// position was written: between two changes of the standing, or after the last.
func (r *readers) endedVetoes(c *returning, space social.SpaceKey, changes []readChange, now int64) []readChange {
	var out []readChange
	slices.SortFunc(changes, func(x, y readChange) int { return cmp.Compare(x.Version, y.Version) })
	from := c.since
	ended := func(until, to int64, member bool, roles social.Roles) {
		if until > from && until <= to {
			x := readChange{at: until, ended: true}
			x.Space, x.Person, x.Roles = space, c.Session.Person, roles&readingRoles
			x.Standing = social.Standing{Member: member, Overrides: []social.Override{{Permission: social.Read, Veto: true}}}
			out = append(out, x)
		}
	}
	for _, x := range changes {
		if x.override == overrideVeto && x.until != 0 {
			ended(x.until, x.at, x.member, x.Roles)
		}
		from = max(from, x.at)
	}
	if s, is := r.now[standingKey{c.Session.Person, space}]; is {
		ended(s.until, now, s.member, s.roles)
	}
	return out
}

// headsAt is where streams stood at a moment.
func headsAt(ctx context.Context, t *tx, streams []*streamFacts, at int64) (h social.Heads, err error) {
	for _, f := range streams {
		first, err := firstSince(ctx, t, f.Stream, f.channel, moment(at))
		if err != nil {
			return h, fmt.Errorf("find where a stream stood: %w", err)
		}
		if int(f.channel) < len(h) {
			h[f.channel] = first - 1
		}
	}
	return h, nil
}
