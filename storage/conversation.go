package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rambla/social"
)

// CreateConversation is [social.ConversationStore]'s. Nobody else makes spaces
// while this transaction holds the journal, on whatever node, so of two who begin
// the same one-to-one conversation the second finds the first one's.
func (db *DB) CreateConversation(ctx context.Context, s social.Space, participants []social.PersonKey, event *social.Post, now time.Time) (key social.SpaceKey, first bool, err error) {
	tags, err := tagsValue(s.Tags)
	if err != nil {
		return 0, false, failure(err)
	}
	err = db.change(ctx, "create a conversation", now, func(ctx context.Context, t *tx) error {
		if err := lockPeople(ctx, t, participants...); err != nil {
			return err
		}
		if s.Single() {
			found, err := findPair(ctx, t, s.Pair)
			if err != nil {
				return err
			}
			if found != 0 {
				key, first = found, false
				return reenter(ctx, t, found, s.Owner, event, now)
			}
		}
		first = true
		if key, err = insertConversation(ctx, t, &s, tags, now); err != nil {
			return err
		}
		if err := createStreams(ctx, t, social.KindConversation, int64(key)); err != nil {
			return err
		}
		if err := t.note(ctx, social.Change{Kind: social.ChangeSpace, Space: key}); err != nil {
			return err
		}
		for _, p := range participants {
			if _, err := addMember(ctx, t, key, p); err != nil {
				return err
			}
		}
		return addEvent(ctx, t, key, event, now)
	})
	return key, first && err == nil, err
}

// findPair is the one-to-one conversation of two; 0 where there is none.
func findPair(ctx context.Context, t *tx, pair [2]social.PersonKey) (key social.SpaceKey, err error) {
	// By spaces_pairs.
	err = one(ctx, t, into(&key), `SELECT id FROM spaces WHERE pair_a = $1 AND pair_b = $2`, int64(pair[0]), int64(pair[1]))
	if err != nil && !errors.Is(err, errNoRow) {
		return 0, fmt.Errorf("find the conversation of two: %w", err)
	}
	return key, nil
}

func insertConversation(ctx context.Context, t *tx, s *social.Space, tags string, now time.Time) (key social.SpaceKey, err error) {
	var a, b any
	if s.Single() {
		a, b = int64(s.Pair[0]), int64(s.Pair[1])
	}
	err = one(ctx, t, into(&key), `INSERT INTO spaces (kind, name, pair_a, pair_b, display_name, description, url, preset, policies, tags,
			notifications, history, receipts, owner, created_at)
		VALUES ($1, $2, $3, $4, $5, '', '', '', $6, $7, 'posts', $8, TRUE, $9, $10) RETURNING id`,
		int64(social.KindConversation), conversationPrefix+s.ID, a, b, s.DisplayName, policyValue(s.Policies), tags,
		int64(s.History), int64(s.Owner), micros(now))
	if err != nil {
		return 0, fmt.Errorf("insert: %w", err)
	}
	return key, nil
}

// reenter makes somebody a member again, if it is none.
func reenter(ctx context.Context, t *tx, space social.SpaceKey, person social.PersonKey, event *social.Post, now time.Time) error {
	if err := t.noteStanding(ctx, person, int64(space)); err != nil {
		return err
	}
	first, err := addMember(ctx, t, space, person)
	if err != nil {
		return err
	}
	if !first {
		return errUnchanged
	}
	return addEvent(ctx, t, space, event, now)
}

// Enter is [social.ConversationStore]'s.
func (db *DB) Enter(ctx context.Context, space social.SpaceKey, person social.PersonKey, most int, event *social.Post, now time.Time) (first bool, err error) {
	err = db.change(ctx, "add a participant", now, func(ctx context.Context, t *tx) error {
		if err := lockPerson(ctx, t, person); err != nil {
			return err
		}
		if err := lockSpace(ctx, t, space); err != nil {
			return err
		}
		var are, is int
		err := one(ctx, t, into(&are, &is), `SELECT COUNT(*), COUNT(CASE WHEN person = $2 THEN 1 END) FROM members WHERE space = $1`, int64(space), int64(person))
		if err != nil {
			return fmt.Errorf("count participants: %w", err)
		}
		first = is == 0
		if first && are >= most {
			return social.TooManyParticipants(most)
		}
		return reenter(ctx, t, space, person, event, now)
	})
	return first && err == nil, err
}

// HandOver is [social.ConversationStore]'s.
func (db *DB) HandOver(ctx context.Context, space social.SpaceKey, to social.PersonKey, event *social.Post, now time.Time) error {
	return db.change(ctx, "hand a conversation over", now, func(ctx context.Context, t *tx) error {
		n, err := t.exec(ctx, `UPDATE spaces SET owner = $2 WHERE id = $1 AND NOT deleted
			AND EXISTS (SELECT 1 FROM members m WHERE m.space = spaces.id AND m.person = $2)`, int64(space), int64(to))
		if err != nil {
			return err
		}
		if n == 0 {
			return notFound("participant")
		}
		if err := t.note(ctx, social.Change{Kind: social.ChangeSpace, Space: space}); err != nil {
			return err
		}
		return addEvent(ctx, t, space, event, now)
	})
}

// endConversations hands the groups of somebody who is being removed to whoever
// joined them first, and ends those in which nobody else is. It comes before the
// memberships end.
func endConversations(ctx context.Context, t *tx, person social.PersonKey, now time.Time) error {
	type group struct{ key, heir int64 }
	var groups []group
	// By members_person: the owner of a group is a member of it.
	err := each(ctx, t, func(rs rows) error {
		var g group
		err := rs.Scan(&g.key, &g.heir)
		groups = append(groups, g)
		return err
	}, `SELECT s.id, COALESCE((SELECT o.person FROM members o WHERE o.space = s.id AND o.person <> $1
			ORDER BY o.joined_at, o.person LIMIT 1), 0)
		FROM members m JOIN spaces s ON s.id = m.space
		WHERE m.person = $1 AND s.owner = $1 AND s.kind = 1 AND s.pair_a IS NULL AND NOT s.deleted ORDER BY s.id`, int64(person))
	if err != nil {
		return fmt.Errorf("find owned conversations: %w", err)
	}
	for _, g := range groups {
		if g.heir == 0 {
			if err := endSpace(ctx, t, social.SpaceKey(g.key), nil, now); err != nil {
				return err
			}
			continue
		}
		if _, err := t.exec(ctx, `UPDATE spaces SET owner = $2 WHERE id = $1`, g.key, g.heir); err != nil {
			return fmt.Errorf("hand a conversation over: %w", err)
		}
		if err := t.note(ctx, social.Change{Kind: social.ChangeSpace, Space: social.SpaceKey(g.key)}); err != nil {
			return err
		}
	}
	return nil
}

// Recent is [social.ConversationStore]'s.
func (db *DB) Recent(ctx context.Context, streams []social.StreamKey, before social.Activity, limit int) ([]social.Activity, error) {
	at, key := int64(maxMicros), int64(0)
	if before.Stream != 0 {
		at, key = micros(before.At), int64(before.Stream)
	}
	var out []social.Activity
	// By primary key of both tables.
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var a social.Activity
		var at int64
		err := rs.Scan(&a.Stream, &at)
		a.At = moment(at)
		out = append(out, a)
		return err
	}, `SELECT x.id, x.at FROM (
			SELECT t.id, CASE WHEN t.head_at > s.created_at THEN t.head_at ELSE s.created_at END AS at
			FROM streams t JOIN spaces s ON s.id = t.space WHERE t.id = ANY($1)) x
		WHERE x.at < $2 OR (x.at = $2 AND x.id < $3) ORDER BY x.at DESC, x.id DESC LIMIT $4`, keyList(streams), at, key, limit)
	if err != nil {
		return nil, failure(fmt.Errorf("read what was posted last: %w", err))
	}
	return slices.Clip(out), nil
}

// maxMicros is later than every moment in the store.
const maxMicros = 1<<63 - 1
