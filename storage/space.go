package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"rambla/social"
)

const (
	// One row per stream of a space, or one without where it has none.
	spaceColumns = `SELECT s.id, s.name, s.display_name, s.description, s.url, s.preset, s.policies, s.tags, s.notifications,
		s.history, s.receipts, s.keep_age, s.keep_posts, s.keep_data_age, s.keep_samples, s.owner, s.created_at, s.deleted,
		s.kind, COALESCE(s.pair_a, 0), COALESCE(s.pair_b, 0), COALESCE(s.parent, 0), s.position, s.avatar,
		COALESCE(t.channel, 0), COALESCE(t.id, 0), COALESCE(t.head, 0)
		FROM spaces s LEFT JOIN streams t ON t.space = s.id`
	allSpaces   = spaceColumns + ` ORDER BY s.id`
	spacesByKey = spaceColumns + ` WHERE s.id = ANY($1) ORDER BY s.id`
)

// Spaces is [social.DirectoryStore]'s. each must not call the store.
func (db *DB) Spaces(ctx context.Context, keys []social.SpaceKey, f func(social.Space)) error {
	text, args := allSpaces, []any(nil)
	if keys != nil {
		text, args = spacesByKey, []any{keyList(keys)}
	}
	var now social.Space // the one whose streams are being read
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		s, channel, stream, head, err := scanSpace(rs)
		if err != nil {
			return err
		}
		if s.Key != now.Key {
			if now.Key != 0 {
				f(now)
			}
			now = s
		}
		if int(channel) >= len(now.Streams) {
			return &brokenRuleError{fmt.Sprintf("stream %d has channel %d, which this program does not know", stream, channel)}
		}
		if stream != 0 {
			now.Streams[channel], now.Heads[channel] = stream, head
		}
		return nil
	}, text, args...)
	if err != nil {
		return failure(fmt.Errorf("read contexts: %w", err))
	}
	if now.Key != 0 {
		f(now)
	}
	return nil
}

func scanSpace(rs rows) (s social.Space, channel social.Channel, stream social.StreamKey, head uint64, err error) {
	var (
		policies []byte
		tags     string
		created  int64

		keepAge, keepDataAge int64
	)
	err = rs.Scan(&s.Key, &s.ID, &s.DisplayName, &s.Description, &s.URL, &s.Preset, &policies, &tags, &s.Notifications,
		&s.History, &s.Receipts, &keepAge, &s.Retention.Posts, &keepDataAge, &s.Retention.Samples, &s.Owner, &created, &s.Deleted,
		&s.Kind, &s.Pair[0], &s.Pair[1], &s.Parent, &s.Order, idColumn{&s.Avatar}, &channel, &stream, &head)
	if err != nil {
		return s, 0, 0, 0, err
	}
	s.ID = spaceID(s.Kind, s.ID)
	s.Policies = policiesOf(policies)
	s.Created = moment(created)
	s.Retention.Age, s.Retention.DataAge = duration(keepAge), duration(keepDataAge)
	return s, channel, stream, head, json.Unmarshal([]byte(tags), &s.Tags)
}

// Conversations and walls stand in the column of names too. No context's name has
// a slash.
const (
	conversationPrefix = "conv/"
	wallPrefix         = "wall/"
)

// spaceID is what a space is called outside of the store.
func spaceID(kind social.SpaceKind, name string) string {
	switch kind {
	case social.KindConversation:
		return strings.TrimPrefix(name, conversationPrefix)
	case social.KindWall:
		return ""
	default:
		return name
	}
}

func policiesOf(b []byte) (p social.Policies) {
	for i := range p {
		p[i] = social.Policy(b[i])
	}
	return p
}

func policyValue(p social.Policies) []byte {
	out := make([]byte, len(p))
	for i := range p {
		out[i] = byte(p[i])
	}
	return out
}

func tagsValue(tags []string) (string, error) {
	if len(tags) == 0 {
		return "[]", nil
	}
	out, err := json.Marshal(tags)
	if err != nil {
		return "", fmt.Errorf("encode tags: %w", err)
	}
	return string(out), nil
}

// PatchSpace is [social.SpaceStore]'s. KindNotFound for a deleted space.
func (db *DB) PatchSpace(ctx context.Context, key social.SpaceKey, patch social.SpacePatch, event *social.Post, now time.Time) error {
	var tags, history, age, posts, dataAge, samples any
	if patch.Tags != nil {
		text, err := tagsValue(*patch.Tags)
		if err != nil {
			return failure(err)
		}
		tags = text
	}
	if patch.History != nil {
		history = int64(*patch.History)
	}
	if r := patch.Retention; r != nil {
		age, posts, dataAge, samples = r.Age.Microseconds(), r.Posts, r.DataAge.Microseconds(), r.Samples
	}
	return db.change(ctx, "change a context", now, func(ctx context.Context, t *tx) error {
		policies, err := patchPolicies(ctx, t, key, patch.Policies)
		if err != nil {
			return err
		}
		if patch.Parent != nil {
			if err := putParent(ctx, t, key, *patch.Parent); err != nil {
				return err
			}
		}
		n, err := t.exec(ctx, `UPDATE spaces SET display_name = COALESCE($2, display_name), description = COALESCE($3, description),
				url = COALESCE($4, url), policies = COALESCE($5, policies), tags = COALESCE($6, tags),
				notifications = COALESCE($7, notifications), history = COALESCE($8, history), receipts = COALESCE($9, receipts),
				keep_age = COALESCE($10, keep_age), keep_posts = COALESCE($11, keep_posts),
				keep_data_age = COALESCE($12, keep_data_age), keep_samples = COALESCE($13, keep_samples),
				position = COALESCE($14, position)
			WHERE id = $1 AND NOT deleted`, int64(key), optional(patch.DisplayName), optional(patch.Description),
			optional(patch.URL), policies, tags, optional(patch.Notifications), history, optional(patch.Receipts), age, posts, dataAge, samples,
			optional(patch.Order))
		if err != nil {
			return err
		}
		if n == 0 {
			return notFound("context")
		}
		if err := t.note(ctx, social.Change{Kind: social.ChangeSpace, Space: key}); err != nil {
			return err
		}
		return addEvent(ctx, t, key, event, now)
	})
}

// patchPolicies are the policies with what changes of them, as they go into the
// row; nil where nothing does. What they decide on reading is noted.
func patchPolicies(ctx context.Context, t *tx, key social.SpaceKey, patch *social.Policies) (any, error) {
	if patch == nil {
		return nil, nil
	}
	var was []byte
	err := one(ctx, t, into(&was), `SELECT policies FROM spaces WHERE id = $1`, int64(key))
	if err != nil {
		return nil, orNotFound(err, "context")
	}
	next := policiesOf(was).With(*patch)
	return policyValue(next), t.notePolicy(ctx, key, policiesOf(was), next)
}

// DeleteSpace is [social.SpaceStore]'s: it ends memberships, overrides and bans and
// closes the streams, whose posts stay; what was retained goes. KindNotFound where it was deleted before.
func (db *DB) DeleteSpace(ctx context.Context, key social.SpaceKey, event *social.Post, now time.Time) error {
	return db.change(ctx, "delete a context", now, func(ctx context.Context, t *tx) error {
		return endSpace(ctx, t, key, event, now)
	})
}

// endSpace is DeleteSpace inside of a transaction.
func endSpace(ctx context.Context, t *tx, key social.SpaceKey, event *social.Post, now time.Time) error {
	n, err := t.exec(ctx, `UPDATE spaces SET deleted = TRUE, description = '', url = '', tags = '[]',
			display_name = CASE WHEN kind = 0 THEN name ELSE '' END WHERE id = $1 AND NOT deleted`, int64(key))
	if err != nil {
		return err
	}
	if n == 0 {
		return notFound("context")
	}
	// Who belonged to it learns that it is gone.
	if _, err := t.exec(ctx, noteEveryone, t.journal.version+1, t.journal.now, int64(key)); err != nil {
		return fmt.Errorf("keep who belonged to it: %w", err)
	}
	if err := t.note(ctx, social.Change{Kind: social.ChangeSpace, Space: key}); err != nil {
		return err
	}
	if err := orphan(ctx, t, key); err != nil {
		return err
	}
	if _, err := t.exec(ctx, `DELETE FROM members WHERE space = $1`, int64(key)); err != nil {
		return fmt.Errorf("end memberships: %w", err)
	}
	if _, err := t.exec(ctx, `DELETE FROM overrides WHERE space = $1`, int64(key)); err != nil {
		return fmt.Errorf("end overrides: %w", err)
	}
	if _, err := t.exec(ctx, `DELETE FROM bans WHERE space = $1`, int64(key)); err != nil {
		return fmt.Errorf("end bans: %w", err)
	}
	if _, err := t.exec(ctx, `DELETE FROM attention WHERE space = $1`, int64(key)); err != nil {
		return fmt.Errorf("forget what is muted: %w", err)
	}
	if err := lockStreams(ctx, t, key); err != nil {
		return err
	}
	if err := addEvent(ctx, t, key, event, now); err != nil {
		return err
	}
	if err := removeAttachmentsIn(ctx, t, key, micros(now)); err != nil {
		return err
	}
	_, err = t.exec(ctx, `DELETE FROM retained WHERE stream IN (SELECT id FROM streams WHERE space = $1)`, int64(key))
	if err != nil {
		return fmt.Errorf("forget what was retained: %w", err)
	}
	_, err = t.exec(ctx, `UPDATE streams SET closed = TRUE, retained = 0, retained_bytes = 0 WHERE space = $1`, int64(key))
	return err
}

// lockStreams locks all streams of a space, in the order in which appends do.
func lockStreams(ctx context.Context, t *tx, space social.SpaceKey) error {
	err := each(ctx, t, func(rows) error { return nil }, `SELECT id FROM streams WHERE space = $1 ORDER BY id`+t.forUpdate, int64(space))
	if err != nil {
		return fmt.Errorf("lock streams: %w", err)
	}
	return nil
}
