package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"rambla/social"
)

const (
	// readLife is how long the history of who could read is kept: longer than any
	// session lives without a visit.
	readLife = 60 * 24 * time.Hour
	// A session that comes back is told of so many changes about its person, and
	// about each of its spaces.
	readsOfPerson = 1000
	readsOfSpace  = 100
)

// The roles that decide on Read: in contexts, and of the walls of hidden people.
const readingRoles = social.RoleManager | social.RoleAuditor | social.RoleModerator

// What stands in the columns override and banned.
const (
	overrideVeto  = 2
	bannedForGood = -1
)

const (
	// By streams (space, channel). The type is said, because || is many things.
	headsOfSpace = `COALESCE((SELECT string_agg(CAST(t.channel AS TEXT) || ':' || CAST(t.head AS TEXT), ' ')
		FROM streams t WHERE t.space = s.id), '')`
	// All by primary key.
	noteStanding = `INSERT INTO read_changes (version, space, person, at, owner, until_at, policy, roles, override, banned, member, heads)
		SELECT $1, s.id, p.id, $2, 0, ` + readingNow + `, ` + headsOfSpace + `
		FROM people p JOIN spaces s ON s.id = ANY($4)
		WHERE p.id = $3`
	noteEveryone = `INSERT INTO read_changes (version, space, person, at, owner, until_at, policy, roles, override, banned, member, heads)
		SELECT $1, s.id, p.id, $2, 0, ` + readingNow + `, ` + headsOfSpace + `
		FROM spaces s JOIN members m ON m.space = s.id JOIN people p ON p.id = m.person
		WHERE s.id = $3`
	notePolicy = `INSERT INTO read_changes (version, space, person, at, owner, until_at, policy, roles, override, member, heads)
		SELECT $1, s.id, 0, $2, s.owner, 0, $4, 0, 0, FALSE, ` + headsOfSpace + ` FROM spaces s WHERE s.id = $3`

	// What decides on a person p's reading in a space s: the columns until_at,
	// policy, roles, override, banned and member of read_changes. These are no joins,
	// for which PostgreSQL reads all that a person has, in whichever space, and drops
	// what is not of this one.
	readingNow       = readingButMember + `, (SELECT m.person FROM members m WHERE m.space = s.id AND m.person = p.id) IS NOT NULL`
	readingButMember = `COALESCE((SELECT o.until_at ` + overrideOfRead + `), 0), 0, p.roles,
			COALESCE((SELECT CASE WHEN o.veto THEN 2 ELSE 1 END ` + overrideOfRead + `), 0),
			COALESCE((SELECT CASE WHEN b.until_at = 0 THEN -1 ELSE b.until_at END FROM bans b WHERE b.space = s.id AND b.person = p.id), 0)`
	overrideOfRead = `FROM overrides o WHERE o.space = s.id AND o.person = p.id AND o.permission = 1`

	readChangeColumns = `version, space, person, at, owner, until_at, policy, roles, override, banned, member, heads`
	// By read_changes_person and read_changes_space.
	changesOfPerson = `SELECT ` + readChangeColumns + ` FROM read_changes WHERE person <> 0 AND person = `
	changesOfSpace  = `SELECT ` + readChangeColumns + ` FROM read_changes WHERE person = 0 AND space = `
)

// noteStanding keeps what the person could read of the spaces until now. It
// comes before what changes that, and before the entry of the journal, whose
// version it takes. What is posted between is posted after the change: a cursor
// that moves to these heads passes by nothing that it should not.
func (t *tx) noteStanding(ctx context.Context, person social.PersonKey, spaces ...int64) error {
	_, err := t.exec(ctx, noteStanding, t.journal.version+1, t.journal.now, int64(person), spaces)
	if err != nil {
		return fmt.Errorf("keep what a person could read: %w", err)
	}
	return nil
}

// notePolicy does the same for everybody, where a space gets other policies that
// decide on Read.
func (t *tx) notePolicy(ctx context.Context, space social.SpaceKey, was, next social.Policies) error {
	if was.Of(0) == next.Of(0) { // Read is the first
		return nil
	}
	return t.noteSpace(ctx, space, was)
}

// noteSpace keeps the policies and the owner that a space has until now.
func (t *tx) noteSpace(ctx context.Context, space social.SpaceKey, was social.Policies) error {
	if _, err := t.exec(ctx, notePolicy, t.journal.version+1, t.journal.now, int64(space), int64(was.Of(0))); err != nil {
		return fmt.Errorf("keep who could read: %w", err)
	}
	return nil
}

// noteRoles does the same for a person who gets other roles: in all spaces that
// its sessions read.
func (t *tx) noteRoles(ctx context.Context, person social.PersonKey, next social.Roles) error {
	var was social.Roles
	err := one(ctx, t, into(&was), `SELECT roles FROM people WHERE id = $1`, int64(person))
	if errors.Is(err, errNoRow) || err == nil && was&readingRoles == next&readingRoles {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the roles: %w", err)
	}
	streams := map[social.StreamKey]*streamFacts{}
	// By sessions_name.
	err = each(ctx, t, func(rs rows) error {
		var position []byte
		err := rs.Scan(&position)
		for _, key := range streamsOf(position) {
			streams[key] = nil
		}
		return err
	}, `SELECT position FROM sessions WHERE person = $1`, int64(person))
	if err == nil {
		err = readStreams(ctx, t, streams)
	}
	if err != nil {
		return fmt.Errorf("find what sessions read: %w", err)
	}
	var spaces []int64
	for _, f := range streams {
		if f != nil && f.space != 0 {
			spaces = append(spaces, int64(f.space))
		}
	}
	slices.Sort(spaces)
	return t.noteStanding(ctx, person, slices.Compact(spaces)...)
}

// readChange is a row of read_changes.
type readChange struct {
	social.ReadChange
	at int64
	reading
	ended bool // it is no row, but the end of something that had one
}

// reading is what decides on a person's Read in one space, with the moments at
// which parts of it end by themselves.
type reading struct {
	roles    social.Roles
	override int16
	until    int64 // of the override; 0 for good
	banned   int64 // until when; 0 not at all
	member   bool
}

// dest are the places that the columns are scanned into.
func (r *reading) dest(policy *int16) []any {
	return []any{&r.until, policy, &r.roles, &r.override, &r.banned, &r.member}
}

// standing is what of it holds at a moment, or just before one at which parts of
// it end.
func (r *reading) standing(at int64, before bool) social.Standing {
	holds := func(until int64) bool { return until > at || before && until == at }
	s := social.Standing{Member: r.member, Banned: r.banned == bannedForGood || holds(r.banned)}
	if r.override != 0 && (r.until == 0 || holds(r.until)) {
		s.Overrides = []social.Override{{Permission: social.Read, Veto: r.override == overrideVeto}}
	}
	return s
}

// ends are the moments after from and up to to at which parts of it end.
func (r *reading) ends(from, to int64) []int64 {
	var out []int64
	for _, at := range []int64{r.until, r.banned} {
		if at > from && at <= to && !slices.Contains(out, at) {
			out = append(out, at)
		}
	}
	return out
}

func scanReadChange(rs rows) (readChange, error) {
	var (
		c      readChange
		policy int16
		heads  string
	)
	dest := append([]any{&c.Version, &c.Space, &c.Person, &c.at, &c.Owner}, c.dest(&policy)...)
	if err := rs.Scan(append(dest, &heads)...); err != nil {
		return c, err
	}
	c.Policy, c.Roles = social.Policy(policy), c.roles&readingRoles //nolint:gosec // written from one
	if c.Person != 0 {
		c.Standing = c.standing(c.at, false)
	}
	var err error
	c.Heads, err = parseHeads(heads)
	return c, err
}

func parseHeads(text string) (h social.Heads, err error) {
	for _, part := range strings.Fields(text) {
		channel, head, _ := strings.Cut(part, ":")
		c, err1 := strconv.Atoi(channel)
		n, err2 := strconv.ParseUint(head, 10, 63)
		if err1 != nil || err2 != nil || c < 0 || c >= len(h) {
			return h, &brokenRuleError{"heads are not as they were written: " + text}
		}
		h[c] = n
	}
	return h, nil
}

// purgeReads deletes the oldest of the history: versions go with time.
func (db *DB) purgeReads(ctx context.Context, now time.Time) (int64, error) {
	// By primary key.
	return db.purgeBy(ctx, now.Add(-readLife), func(*tx) string {
		return `WITH first AS MATERIALIZED (SELECT version, space, person, at FROM read_changes ORDER BY version LIMIT $2)
			DELETE FROM read_changes WHERE (version, space, person) IN (SELECT version, space, person FROM first WHERE at <= $1)`
	})
}
