package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rambla/social"
)

const (
	importPeople = `INSERT INTO people (name, display_name, service, roles, created_at)
		SELECT u.name, u.display_name, u.service = 1, u.roles, $5
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS u (name, display_name, service, roles)`
	importNames = `INSERT INTO names (kind, name, owner, at)
		SELECT $1, u.name, u.owner, $2 FROM unnest($3::text[], $4::bigint[]) AS u (name, owner)`
	importHashes = `INSERT INTO passwords (person, hash, changed_at)
		SELECT u.person, u.hash, $3 FROM unnest($1::bigint[], $2::text[]) AS u (person, hash)`
	importProfiles = `INSERT INTO profiles (person, title, about, url)
		SELECT u.person, u.title, u.about, u.url FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS u (person, title, about, url)`
)

// CreatePeople is [social.ImportStore]'s.
func (db *DB) CreatePeople(ctx context.Context, list []social.NewPerson, now time.Time) (refused []error, err error) {
	err = db.change(ctx, "create people", now, func(ctx context.Context, t *tx) error {
		refused = make([]error, len(list))
		var names []string
		for i := range list {
			names = append(names, list[i].Name)
		}
		held, err := holders(ctx, t, namePerson, names)
		if err != nil {
			return err
		}
		var fresh []*social.NewPerson
		for i := range list {
			p := &list[i]
			if _, is := held[p.Name]; is {
				refused[i] = taken(p.Name)
				continue
			}
			held[p.Name] = 0 // it may be there twice
			fresh = append(fresh, p)
		}
		if len(fresh) == 0 {
			return errUnchanged
		}
		return createPeople(ctx, t, fresh)
	})
	return refused, err
}

func createPeople(ctx context.Context, t *tx, list []*social.NewPerson) error {
	var (
		names, shown    []string
		services, roles []int64
	)
	for _, p := range list {
		names, shown = append(names, p.Name), append(shown, p.DisplayName)
		services, roles = append(services, truth(p.Service)), append(roles, int64(p.Roles))
	}
	keys, err := keysMade(ctx, t, "people", func() error {
		_, err := t.exec(ctx, importPeople, names, shown, services, roles, t.journal.now)
		return err
	})
	if err != nil {
		return fmt.Errorf("insert people: %w", err)
	}
	var (
		owners, versions, spaces []int64
		hashed, described        []int64
		hashes                   []string
		profile                  [3][]string
	)
	for _, p := range list {
		key := keys[p.Name]
		owners, spaces = append(owners, key), append(spaces, 0)
		t.journal.version++
		versions = append(versions, t.journal.version)
		if p.PasswordHash != "" {
			hashed, hashes = append(hashed, key), append(hashes, p.PasswordHash)
		}
		if p.Profile != (social.Profile{}) {
			described = append(described, key)
			profile[0], profile[1], profile[2] = append(profile[0], p.Profile.Title), append(profile[1], p.Profile.About), append(profile[2], p.Profile.URL)
		}
	}
	if _, err := t.exec(ctx, importNames, namePerson, t.journal.now, names, owners); err != nil {
		return fmt.Errorf("take names: %w", err)
	}
	if len(hashed) > 0 {
		if _, err := t.exec(ctx, importHashes, hashed, hashes, t.journal.now); err != nil {
			return fmt.Errorf("store passwords: %w", err)
		}
	}
	if len(described) > 0 {
		if _, err := t.exec(ctx, importProfiles, described, profile[0], profile[1], profile[2]); err != nil {
			return fmt.Errorf("store profiles: %w", err)
		}
	}
	return t.noteAll(ctx, social.ChangePerson, versions, owners, spaces)
}

// keysMade runs what makes rows of a table, people or spaces, and finds their keys by
// their names. Nobody else makes any while this transaction holds the journal.
func keysMade(ctx context.Context, t *tx, table string, insert func() error) (map[string]int64, error) {
	var last int64
	if err := one(ctx, t, into(&last), "SELECT COALESCE(MAX(id), 0) FROM "+table); err != nil {
		return nil, fmt.Errorf("read the last key: %w", err)
	}
	if err := insert(); err != nil {
		return nil, err
	}
	keys := map[string]int64{}
	err := each(ctx, t, func(rs rows) error {
		var (
			key  int64
			name string
		)
		err := rs.Scan(&key, &name)
		keys[name] = key
		return err
	}, "SELECT id, name FROM "+table+" WHERE id > $1", last)
	if err != nil {
		return nil, fmt.Errorf("read the new keys: %w", err)
	}
	return keys, nil
}

const (
	// As noteStanding, of pairs; the heads of each space are read once.
	notePairs = `WITH h AS MATERIALIZED (SELECT s.id, ` + headsOfSpace + ` AS heads FROM spaces s WHERE s.id = ANY($5))
		INSERT INTO read_changes (version, space, person, at, owner, until_at, policy, roles, override, banned, member, heads)
		SELECT p.version, s.id, p.id, $1, 0, ` + readingButMember + `, p.member = 1, s.heads
		FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $6::bigint[], $7::bigint[]) AS p (version, space, id, roles, member)
			JOIN h s ON s.id = p.space`
	// By primary key, as readingNow.
	memberPairs = `SELECT u.space, u.person FROM unnest($1::bigint[], $2::bigint[]) AS u (space, person)
		WHERE (SELECT m.person FROM members m WHERE m.space = u.space AND m.person = u.person) IS NOT NULL`
	// All by primary key, and streams (space, channel).
	joinPairs = `INSERT INTO members (space, person, joined_at, ` + joinedColumns + `)
		SELECT u.space, u.person, $1, h.messages, h.events, h.data, h.comments, h.reactions
		FROM unnest($2::bigint[], $3::bigint[]) AS u (space, person)
		JOIN (SELECT space, COALESCE(MAX(CASE WHEN channel = 1 THEN head END), 0) AS messages, COALESCE(MAX(CASE WHEN channel = 2 THEN head END), 0) AS events,
				COALESCE(MAX(CASE WHEN channel = 3 THEN head END), 0) AS data, COALESCE(MAX(CASE WHEN channel = 8 THEN head END), 0) AS comments,
				COALESCE(MAX(CASE WHEN channel = 9 THEN head END), 0) AS reactions
			FROM streams WHERE space = ANY($4) GROUP BY space) h ON h.space = u.space`
	overridePairs = `INSERT INTO overrides (space, person, permission, veto, until_at)
		SELECT u.space, u.person, u.permission, u.veto = 1, 0
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS u (space, person, permission, veto)
		WHERE TRUE ON CONFLICT (space, person, permission) DO UPDATE SET veto = excluded.veto, until_at = 0`
	clearPairs = `DELETE FROM overrides WHERE (space, person, permission) IN
		(SELECT u.space, u.person, u.permission FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS u (space, person, permission))`
)

// Affiliate is [social.ImportStore]'s.
func (db *DB) Affiliate(ctx context.Context, list []social.SpaceMemberChange, now time.Time) (refused []error, err error) {
	err = db.change(ctx, "import members", now, func(ctx context.Context, t *tx) error {
		refused = make([]error, len(list))
		b := pairBatch{}
		if err := b.choose(ctx, t, list, refused); err != nil {
			return err
		}
		if len(b.versions) == 0 {
			return errUnchanged
		}
		return b.write(ctx, t)
	})
	return refused, err
}

// pairBatch is one call of Affiliate on its way. Its lists are parameters.
type pairBatch struct {
	versions, spaces, people []int64
	roles, member            []int64 // of people, and in spaces: before
	touched                  []int64 // spaces, each once
	joins, joiners           []int64 // spaces and people
	set                      [4][]int64
	clear                    [3][]int64
}

// choose takes what still changes something.
func (b *pairBatch) choose(ctx context.Context, t *tx, list []social.SpaceMemberChange, refused []error) error {
	var people []int64
	seen := map[social.SpaceKey]bool{}
	for i := range list {
		people = append(people, int64(list[i].Person))
		if !seen[list[i].Space] {
			seen[list[i].Space] = true
			b.touched = append(b.touched, int64(list[i].Space))
		}
	}
	roles := map[social.PersonKey]int64{} // of those who are not removed
	err := each(ctx, t, func(rs rows) error {
		var (
			k  social.PersonKey
			is int64
		)
		err := rs.Scan(&k, &is)
		roles[k] = is
		return err
	}, `SELECT id, roles FROM people WHERE id = ANY($1) AND NOT removed ORDER BY id`+t.forShare, people)
	if err != nil {
		return fmt.Errorf("read people: %w", err)
	}
	open := map[social.SpaceKey]bool{}
	err = each(ctx, t, func(rs rows) error {
		var k social.SpaceKey
		err := rs.Scan(&k)
		open[k] = true
		return err
	}, `SELECT id FROM spaces WHERE id = ANY($1) AND NOT deleted ORDER BY id`+t.forShare, b.touched)
	if err != nil {
		return fmt.Errorf("read contexts: %w", err)
	}
	members, err := b.members(ctx, t, list)
	if err != nil {
		return err
	}
	for i := range list {
		c := &list[i]
		role, living := roles[c.Person]
		switch {
		case !living:
			refused[i] = notFound("person")
		case !open[c.Space]:
			refused[i] = notFound("context")
		default:
			b.take(t, c, role, members[c.Member])
		}
	}
	return nil
}

func (b *pairBatch) members(ctx context.Context, t *tx, list []social.SpaceMemberChange) (map[social.Member]bool, error) {
	var pairs [2][]int64
	for i := range list {
		putColumns(pairs[:], int64(list[i].Space), int64(list[i].Person))
	}
	out := map[social.Member]bool{}
	err := each(ctx, t, func(rs rows) error {
		var m social.Member
		err := rs.Scan(&m.Space, &m.Person)
		out[m] = true
		return err
	}, memberPairs, pairs[0], pairs[1])
	if err != nil {
		return nil, fmt.Errorf("read members: %w", err)
	}
	return out, nil
}

func (b *pairBatch) take(t *tx, c *social.SpaceMemberChange, roles int64, member bool) {
	if member && len(c.Set) == 0 && c.Clear == 0 {
		return
	}
	space, person := int64(c.Space), int64(c.Person)
	t.journal.version++
	b.versions, b.spaces, b.people = append(b.versions, t.journal.version), append(b.spaces, space), append(b.people, person)
	b.roles, b.member = append(b.roles, roles), append(b.member, truth(member))
	if !member {
		b.joins, b.joiners = append(b.joins, space), append(b.joiners, person)
	}
	for _, o := range c.Set {
		putColumns(b.set[:], space, person, int64(o.Permission), truth(o.Veto))
	}
	for p := social.Read; p != 0; p <<= 1 {
		if c.Clear.Has(p) {
			putColumns(b.clear[:], space, person, int64(p))
		}
	}
}

func (b *pairBatch) write(ctx context.Context, t *tx) error {
	// First, as it keeps what was until now.
	if _, err := t.exec(ctx, notePairs, t.journal.now, b.versions, b.spaces, b.people, b.touched, b.roles, b.member); err != nil {
		return fmt.Errorf("keep what people could read: %w", err)
	}
	var errs []error
	if len(b.clear[0]) > 0 {
		_, err := t.exec(ctx, clearPairs, b.clear[0], b.clear[1], b.clear[2])
		errs = append(errs, err)
	}
	if len(b.joins) > 0 {
		_, err := t.exec(ctx, joinPairs, t.journal.now, b.joins, b.joiners, b.touched)
		errs = append(errs, err)
	}
	if len(b.set[0]) > 0 {
		_, err := t.exec(ctx, overridePairs, b.set[0], b.set[1], b.set[2], b.set[3])
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("write memberships: %w", err)
	}
	return t.noteAll(ctx, social.ChangeMember, b.versions, b.people, b.spaces)
}

// TakenNames is [social.ImportStore]'s.
func (db *DB) TakenNames(ctx context.Context, names []string) (map[string]bool, error) {
	held, err := holders(ctx, db.eng.reader(), namePerson, names)
	if err != nil {
		return nil, failure(err)
	}
	out := map[string]bool{}
	for name := range held {
		out[name] = true
	}
	return out, nil
}
