package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rambla/social"
)

const (
	// The former names by names_owner, the preferences by their primary key.
	personColumns = `SELECT p.id, p.name, p.display_name, p.service, p.roles, p.suspended, p.removed, p.erased, p.created_at, p.avatar,
		COALESCE((SELECT f.discreet FROM preferences f WHERE f.person = p.id), FALSE),
		COALESCE((SELECT f.reserved FROM preferences f WHERE f.person = p.id), FALSE),
		COALESCE((SELECT string_agg(n.name, ' ') FROM names n WHERE n.kind = 1 AND n.owner = p.id AND n.name <> p.name), '')
		FROM people p`
	allPeople   = personColumns + ` ORDER BY p.id`
	peopleByKey = personColumns + ` WHERE p.id = ANY($1) ORDER BY p.id`
)

// People is [social.DirectoryStore]'s. each must not call the store.
func (db *DB) People(ctx context.Context, keys []social.PersonKey, f func(social.Person)) error {
	text, args := allPeople, []any(nil)
	if keys != nil {
		text, args = peopleByKey, []any{keyList(keys)}
	}
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var (
			p       social.Person
			created int64
			aliases string
		)
		err := rs.Scan(&p.Key, &p.Name, &p.DisplayName, &p.Service, &p.Roles, &p.Suspended, &p.Removed, &p.Erased, &created, idColumn{&p.Avatar}, &p.Discreet, &p.Reserved, &aliases)
		if err != nil {
			return err
		}
		if p.DisplayName == "" {
			p.DisplayName = p.Name
		}
		p.Created = moment(created)
		if aliases != "" { // no name has a space in it
			p.Aliases = strings.Split(aliases, " ")
			slices.Sort(p.Aliases)
		}
		if p.Erased {
			p.Name, p.DisplayName, p.Aliases = social.ErasedName, social.ErasedName, nil
		}
		f(p)
		return nil
	}, text, args...)
	if err != nil {
		return failure(fmt.Errorf("read people: %w", err))
	}
	return nil
}

// CreatePerson is [social.PeopleStore]'s.
func (db *DB) CreatePerson(ctx context.Context, p social.NewPerson, now time.Time) (social.PersonKey, error) {
	var key social.PersonKey
	err := db.change(ctx, "create a person", now, func(ctx context.Context, t *tx) error {
		// Nobody else takes names while this transaction holds the journal.
		if err := nameFree(ctx, t, namePerson, p.Name); err != nil {
			return err
		}
		err := one(ctx, t, into(&key), `INSERT INTO people (name, display_name, service, roles, created_at)
			VALUES ($1, $2, $3, $4, $5) RETURNING id`, p.Name, p.DisplayName, p.Service, int64(p.Roles), micros(now))
		if err != nil {
			return fmt.Errorf("insert: %w", err)
		}
		t.journal.subject.person = key
		if err := takeName(ctx, t, namePerson, p.Name, int64(key)); err != nil {
			return err
		}
		if p.PasswordHash != "" {
			if err := putPassword(ctx, t, key, p.PasswordHash); err != nil {
				return err
			}
		}
		if p.Profile != (social.Profile{}) {
			if err := patchProfile(ctx, t, key, social.PersonPatch{Title: &p.Profile.Title, About: &p.Profile.About, URL: &p.Profile.URL}); err != nil {
				return err
			}
		}
		return t.note(ctx, social.Change{Kind: social.ChangePerson, Person: key})
	})
	return key, err
}

// Profile is [social.PeopleStore]'s.
func (db *DB) Profile(ctx context.Context, key social.PersonKey) (p social.Profile, err error) {
	err = one(ctx, db.eng.reader(), into(&p.Title, &p.About, &p.URL), `SELECT title, about, url FROM profiles WHERE person = $1`, int64(key))
	if err != nil && !errors.Is(err, errNoRow) {
		return p, failure(fmt.Errorf("read a profile: %w", err))
	}
	return p, nil
}

// patchProfile changes what the patch names of a living person's profile.
func patchProfile(ctx context.Context, t *tx, key social.PersonKey, patch social.PersonPatch) error {
	if patch.Title == nil && patch.About == nil && patch.URL == nil {
		return nil
	}
	if err := lockPerson(ctx, t, key); err != nil {
		return err
	}
	_, err := t.exec(ctx, `INSERT INTO profiles (person, title, about, url) VALUES ($1, COALESCE($2, ''), COALESCE($3, ''), COALESCE($4, ''))
		ON CONFLICT (person) DO UPDATE SET title = COALESCE($2, profiles.title), about = COALESCE($3, profiles.about), url = COALESCE($4, profiles.url)`,
		int64(key), optional(patch.Title), optional(patch.About), optional(patch.URL))
	if err != nil {
		return fmt.Errorf("write a profile: %w", err)
	}
	return nil
}

// PatchPerson is [social.PeopleStore]'s.
func (db *DB) PatchPerson(ctx context.Context, key social.PersonKey, patch social.PersonPatch, now time.Time) error {
	return db.change(ctx, "change a person", now, func(ctx context.Context, t *tx) error {
		if patch.Roles != nil {
			if err := t.noteRoles(ctx, key, *patch.Roles); err != nil {
				return err
			}
			if err := t.noteHidden(ctx, key, *patch.Roles); err != nil {
				return err
			}
		}
		if err := patchProfile(ctx, t, key, patch); err != nil {
			return err
		}
		n, err := t.exec(ctx, `UPDATE people SET display_name = COALESCE($2, display_name), roles = COALESCE($3, roles),
			suspended = COALESCE($4, suspended) WHERE id = $1 AND NOT removed`,
			int64(key), optional(patch.DisplayName), optionalRoles(patch.Roles), optional(patch.Suspended))
		if err != nil {
			return err
		}
		if n == 0 {
			return notFound("person")
		}
		return t.note(ctx, social.Change{Kind: social.ChangePerson, Person: key})
	})
}

// optional is what p points to, or NULL.
func optional[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

func optionalRoles(r *social.Roles) any {
	if r == nil {
		return nil
	}
	return int64(*r)
}

// RenamePerson is [social.PeopleStore]'s.
func (db *DB) RenamePerson(ctx context.Context, key social.PersonKey, name string, now time.Time) error {
	return db.change(ctx, "rename a person", now, func(ctx context.Context, t *tx) error {
		var old string
		err := one(ctx, t, into(&old), `SELECT name FROM people WHERE id = $1 AND NOT removed`+t.forUpdate, int64(key))
		if err != nil {
			return orNotFound(err, "person")
		}
		if old == name {
			return nil
		}
		if err := takeName(ctx, t, namePerson, name, int64(key)); err != nil {
			return err
		}
		if _, err := t.exec(ctx, `UPDATE people SET name = $2 WHERE id = $1`, int64(key), name); err != nil {
			return err
		}
		return t.note(ctx, social.Change{Kind: social.ChangePerson, Person: key})
	})
}

// RemovePerson is [social.PeopleStore]'s. KindNotFound where the person was
// removed before. Its wall ends with it; the contexts that it owns stay its own,
// for a manager to hand over.
func (db *DB) RemovePerson(ctx context.Context, key social.PersonKey, now time.Time) error {
	return db.change(ctx, "remove a person", now, func(ctx context.Context, t *tx) error {
		if err := removePerson(ctx, t, key, now); err != nil {
			return err
		}
		return endSessionsOf(ctx, t, key)
	})
}

// removePerson is RemovePerson inside of a transaction, but for the sessions, which
// are locked last of all.
func removePerson(ctx context.Context, t *tx, key social.PersonKey, now time.Time) error {
	n, err := t.exec(ctx, `UPDATE people SET removed = TRUE WHERE id = $1 AND NOT removed`, int64(key))
	if err != nil {
		return err
	}
	if n == 0 {
		return notFound("person")
	}
	if err := t.note(ctx, social.Change{Kind: social.ChangePerson, Person: key}); err != nil {
		return err
	}
	if err := endConversations(ctx, t, key, now); err != nil {
		return err
	}
	if err := closeWall(ctx, t, key); err != nil {
		return err
	}
	if err := endAffiliations(ctx, t, key); err != nil {
		return err
	}
	if _, err := t.exec(ctx, `DELETE FROM profiles WHERE person = $1`, int64(key)); err != nil {
		return fmt.Errorf("forget the profile: %w", err)
	}
	if _, err := t.exec(ctx, `DELETE FROM preferences WHERE person = $1`, int64(key)); err != nil {
		return fmt.Errorf("forget the preferences: %w", err)
	}
	if err := endBlocks(ctx, t, key); err != nil {
		return err
	}
	if _, err := t.exec(ctx, `DELETE FROM attention WHERE person = $1`, int64(key)); err != nil {
		return fmt.Errorf("forget what is muted: %w", err)
	}
	if err := endPushes(ctx, t, key); err != nil {
		return err
	}
	if _, err := t.exec(ctx, `DELETE FROM seen WHERE person = $1`, int64(key)); err != nil {
		return fmt.Errorf("forget when the person was seen: %w", err)
	}
	if _, err := t.exec(ctx, `DELETE FROM passwords WHERE person = $1`, int64(key)); err != nil {
		return fmt.Errorf("delete the password: %w", err)
	}
	return endGrants(ctx, t, key, allGrants)
}

// endAffiliations deletes memberships, overrides and bans of a person everywhere.
func endAffiliations(ctx context.Context, t *tx, person social.PersonKey) error {
	var spaces []social.SpaceKey
	// By members_person, overrides_person and bans_person.
	err := each(ctx, t, func(rs rows) error {
		var s social.SpaceKey
		err := rs.Scan(&s)
		spaces = append(spaces, s)
		return err
	}, `SELECT space FROM members WHERE person = $1 UNION SELECT space FROM overrides WHERE person = $1
		UNION SELECT space FROM bans WHERE person = $1 ORDER BY space`, int64(person))
	if err != nil {
		return fmt.Errorf("find memberships: %w", err)
	}
	_, err1 := t.exec(ctx, `DELETE FROM members WHERE person = $1`, int64(person))
	_, err2 := t.exec(ctx, `DELETE FROM overrides WHERE person = $1`, int64(person))
	_, err3 := t.exec(ctx, `DELETE FROM bans WHERE person = $1`, int64(person))
	if err := errors.Join(err1, err2, err3); err != nil {
		return fmt.Errorf("end memberships: %w", err)
	}
	for _, s := range spaces {
		if err := t.note(ctx, social.Change{Kind: social.ChangeMember, Space: s, Person: person}); err != nil {
			return err
		}
	}
	return nil
}
