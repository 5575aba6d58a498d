package storage

import (
	"context"
	"fmt"
	"time"

	"rambla/social"
)

const insertSpace = `INSERT INTO spaces (name, display_name, description, url, preset, policies, tags, notifications,
		history, receipts, owner, created_at, keep_age, keep_posts, keep_data_age, keep_samples, position, parent)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`

// CreateSpace is [social.SpaceStore]'s. KindNotFound where the owner is removed.
func (db *DB) CreateSpace(ctx context.Context, s social.Space, now time.Time) (key social.SpaceKey, err error) {
	err = db.change(ctx, "create a context", now, func(ctx context.Context, t *tx) error {
		b := spaceBatch{list: []social.Space{s}}
		refused, err := b.choose(ctx, t)
		if err != nil {
			return err
		}
		if refused != nil {
			return refused
		}
		if err := b.write(ctx, t); err != nil {
			return err
		}
		key = social.SpaceKey(b.keys[0])
		return nil
	})
	return key, err
}

// CreateSpaces is [social.ImportStore]'s.
func (db *DB) CreateSpaces(ctx context.Context, list []social.Space, now time.Time) (made int, refused, err error) {
	err = db.change(ctx, "create contexts", now, func(ctx context.Context, t *tx) (err error) {
		b := spaceBatch{list: list}
		if refused, err = b.choose(ctx, t); err != nil {
			return err
		}
		if made = len(b.list); made == 0 {
			return errUnchanged
		}
		return b.write(ctx, t)
	})
	if err != nil {
		return 0, nil, err
	}
	return made, refused, nil
}

// spaceBatch is contexts on their way into the store, in few statements for all.
type spaceBatch struct {
	list []social.Space
	keys []int64 // of list, once they are there
}

// choose cuts the list before the first that is refused, and tells why that is.
func (b *spaceBatch) choose(ctx context.Context, t *tx) (refused, err error) {
	var (
		owners []int64
		names  []string
	)
	for i := range b.list {
		owners, names = append(owners, int64(b.list[i].Owner)), append(names, b.list[i].ID)
	}
	living, err := keySet(ctx, t, `SELECT id FROM people WHERE id = ANY($1) AND NOT removed ORDER BY id`+t.forShare, owners)
	if err != nil {
		return nil, fmt.Errorf("read the owners: %w", err)
	}
	held, err := holders(ctx, t, nameSpace, names)
	if err != nil {
		return nil, err
	}
	parents := map[social.SpaceKey]bool{0: true} // that something new may hang below
	for i := range b.list {
		s := &b.list[i]
		_, is := held[s.ID]
		switch {
		case !living[s.Owner]:
			refused = notFound("person")
		case is:
			refused = taken(s.ID)
		case !parents[s.Parent]:
			refused = checkParent(ctx, t, 0, s.Parent)
		}
		if refused != nil {
			b.list = b.list[:i]
			if social.KindOf(refused) == social.KindInternal { // of the database, in checkParent
				return nil, refused
			}
			return refused, nil
		}
		held[s.ID], parents[s.Parent] = 0, true // it may be there twice
	}
	return nil, nil
}

func (b *spaceBatch) write(ctx context.Context, t *tx) error {
	if err := b.insert(ctx, t); err != nil {
		return err
	}
	var (
		names          []string
		owners, nobody []int64
		made, joined   []int64 // versions
	)
	for i := range b.list {
		names, owners, nobody = append(names, b.list[i].ID), append(owners, int64(b.list[i].Owner)), append(nobody, 0)
		made, joined = append(made, t.journal.version+1), append(joined, t.journal.version+2)
		t.journal.version += 2
	}
	if _, err := t.exec(ctx, importNames, nameSpace, t.journal.now, names, b.keys); err != nil {
		return fmt.Errorf("take names: %w", err)
	}
	if err := createStreams(ctx, t, social.KindContext, b.keys...); err != nil {
		return err
	}
	if _, err := t.exec(ctx, joinPairs, t.journal.now, b.keys, owners, b.keys); err != nil {
		return fmt.Errorf("add the owners: %w", err)
	}
	if err := t.noteAll(ctx, social.ChangeSpace, made, nobody, b.keys); err != nil {
		return err
	}
	return t.noteAll(ctx, social.ChangeMember, joined, owners, b.keys)
}

// insert makes the rows and finds their keys.
func (b *spaceBatch) insert(ctx context.Context, t *tx) error {
	rows := make([][]any, len(b.list))
	for i := range b.list {
		s := &b.list[i]
		tags, err := tagsValue(s.Tags)
		if err != nil {
			return err
		}
		rows[i] = []any{
			s.ID, s.DisplayName, s.Description, s.URL, s.Preset, policyValue(s.Policies), tags,
			s.Notifications, int64(s.History), s.Receipts, int64(s.Owner), t.journal.now,
			s.Retention.Age.Microseconds(), s.Retention.Posts, s.Retention.DataAge.Microseconds(), s.Retention.Samples, s.Order,
			orNull(int64(s.Parent)),
		}
	}
	keys, err := keysMade(ctx, t, "spaces", func() error { return t.many(ctx, insertSpace, rows) })
	if err != nil {
		return fmt.Errorf("insert contexts: %w", err)
	}
	for i := range b.list {
		b.keys = append(b.keys, keys[b.list[i].ID])
	}
	return nil
}
