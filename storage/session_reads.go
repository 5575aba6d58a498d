package storage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"rambla/social"
)

// readers is what a batch looks up to tell its claims who could read what.
type readers struct {
	claims   []*returning
	byPerson map[social.PersonKey][]readChange
	bySpace  map[social.SpaceKey][]readChange
	now      map[standingKey]reading // of which parts have ended by themselves
}

// returning is a session that comes back, and the spaces that it reads.
type returning struct {
	*social.SessionClaimed
	keys    []social.StreamKey
	streams map[social.SpaceKey][]*streamFacts
}

type standingKey struct {
	person social.PersonKey
	space  social.SpaceKey
}

// SessionReads is [social.SessionStore]'s.
func (db *DB) SessionReads(ctx context.Context, s *social.Session, now time.Time) (reads []social.ReadChange, to int64, err error) {
	err = db.eng.writeSessions(ctx, func(ctx context.Context, t *tx, st sessionTx) error {
		b, c := newSessionBatch(nil, now), &social.SessionClaimed{Session: *s, Present: true}
		b.out = []social.SessionWritten{{Claimed: c}}
		err := b.tell(ctx, t, st)
		reads, to = c.Reads, c.ReadsTo
		return err
	})
	if err != nil {
		return nil, 0, failure(fmt.Errorf("read what a session may have missed: %w", err))
	}
	return reads, to, nil
}

// tellReads fills in Reads and ReadsTo.
func (b *sessionBatch) tellReads(ctx context.Context, t *tx, s sessionTx, claims []*returning) error {
	r := &readers{
		claims: claims, byPerson: map[social.PersonKey][]readChange{}, bySpace: map[social.SpaceKey][]readChange{},
		now: map[standingKey]reading{},
	}
	if err := r.lookUp(ctx, t, s); err != nil {
		return fmt.Errorf("read changes of rights: %w", err)
	}
	if err := r.lookUpEnded(ctx, t, micros(b.now)); err != nil {
		return fmt.Errorf("read what has ended by itself: %w", err)
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
	var newest, version int64
	// First: what comes later is looked up again.
	err := one(ctx, t, into(&version, &newest), `SELECT version, COALESCE((SELECT MAX(version) FROM read_changes), 0) FROM site WHERE id = 1`)
	if err != nil {
		return err
	}
	people, spaces := map[social.PersonKey]int64{}, map[social.SpaceKey]int64{}
	for _, c := range r.claims {
		c.ReadsTo = version
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

// lookUpEnded reads the standings of which an override of Read or a ban has ended
// and is still noted.
func (r *readers) lookUpEnded(ctx context.Context, t *tx, now int64) error {
	var people []int64
	for _, c := range r.claims {
		people = append(people, int64(c.Session.Person))
	}
	slices.Sort(people)
	// By overrides_person and bans_person.
	return each(ctx, t, func(rs rows) error {
		var (
			key    standingKey
			stand  reading
			policy int16
		)
		err := rs.Scan(append([]any{&key.person, &key.space}, stand.dest(&policy)...)...)
		r.now[key] = stand
		return err
	}, `SELECT p.id, s.id, `+readingNow+` FROM (
			SELECT person, space FROM overrides WHERE person = ANY($1) AND permission = 1 AND until_at <> 0 AND until_at <= $2
			UNION SELECT person, space FROM bans WHERE person = ANY($1) AND until_at <> 0 AND until_at <= $2) x
		JOIN people p ON p.id = x.person JOIN spaces s ON s.id = x.space`, slices.Compact(people), now)
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
		for _, x := range r.ended(c, space, mine[space], now) {
			var err error
			if x.Heads, err = headsAt(ctx, t, c.streams[space], x.at); err != nil {
				return err
			}
			out = append(out, x)
		}
	}
	// What ended takes its place among the others by its time.
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

// ended finds where an override or a ban of a person ended by itself since the
// session's position was written: between two changes of the standing, or after
// the last.
func (r *readers) ended(c *returning, space social.SpaceKey, changes []readChange, now int64) []readChange {
	var out []readChange
	slices.SortFunc(changes, func(x, y readChange) int { return cmp.Compare(x.Version, y.Version) })
	from := micros(c.Session.Saved)
	add := func(was reading, to int64) {
		for _, at := range was.ends(from, to) {
			x := readChange{at: at, ended: true}
			x.Space, x.Person, x.Roles = space, c.Session.Person, was.roles&readingRoles
			x.Standing = was.standing(at, true)
			out = append(out, x)
		}
	}
	for _, x := range changes {
		add(x.reading, x.at)
		from = max(from, x.at)
	}
	if s, is := r.now[standingKey{c.Session.Person, space}]; is {
		add(s, now)
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
