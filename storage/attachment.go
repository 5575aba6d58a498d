package storage

import (
	"context"
	"fmt"
	"time"

	"rambla/social"
)

// CreateAttachment is [social.AttachmentStore]'s.
func (db *DB) CreateAttachment(ctx context.Context, a social.Attachment, quota int64) error {
	err := db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		// One upload of a person at a time, so that the quota is one.
		var is int
		err := one(ctx, t, into(&is), `SELECT 1 FROM people WHERE id = $1 AND NOT removed`+t.forUpdate, int64(a.Owner))
		if err != nil {
			return orNotFound(err, "person")
		}
		used, err := attachmentBytes(ctx, t, a.Owner)
		if err != nil {
			return err
		}
		if used > quota-a.Size {
			return social.OverQuota(quota)
		}
		_, err = t.exec(ctx, `INSERT INTO attachments (id, owner, name, media_type, size, width, height, digest, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			a.ID[:], int64(a.Owner), a.Name, a.MediaType, a.Size, int64(a.Width), int64(a.Height), a.Digest[:], micros(a.Created))
		return err
	})
	if err != nil {
		return failure(fmt.Errorf("keep an attachment: %w", err))
	}
	return nil
}

// AttachmentBytes is [social.AttachmentStore]'s.
func (db *DB) AttachmentBytes(ctx context.Context, owner social.PersonKey) (int64, error) {
	n, err := attachmentBytes(ctx, db.eng.reader(), owner)
	if err != nil {
		return 0, failure(fmt.Errorf("sum up attachments: %w", err))
	}
	return n, nil
}

// attachmentBytes goes by attachments_owner, which has all that it needs.
func attachmentBytes(ctx context.Context, c conn, owner social.PersonKey) (n int64, err error) {
	err = one(ctx, c, into(&n), `SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM attachments
		WHERE owner = $1 AND removed_at IS NULL`, int64(owner))
	return n, err
}

// attachmentColumns are what scanAttachment reads.
const attachmentColumns = `id, owner, name, media_type, size, width, height, digest, created_at, post`

func scanAttachment(rs rows) (a social.Attachment, err error) {
	var created int64
	err = rs.Scan(idColumn{&a.ID}, &a.Owner, &a.Name, &a.MediaType, &a.Size, &a.Width, &a.Height, hashColumn{&a.Digest}, &created, idColumn{&a.Post})
	a.Created = moment(created)
	return a, err
}

// Attachment is [social.AttachmentStore]'s.
func (db *DB) Attachment(ctx context.Context, id social.ID) (a social.Attachment, err error) {
	found := false
	err = each(ctx, db.eng.reader(), func(rs rows) (err error) {
		found = true
		a, err = scanAttachment(rs)
		return err
	}, `SELECT `+attachmentColumns+` FROM attachments WHERE id = $1 AND removed_at IS NULL`, id[:])
	if err == nil && !found {
		err = notFound("file")
	}
	if err != nil {
		return social.Attachment{}, failure(fmt.Errorf("read an attachment: %w", err))
	}
	return a, nil
}

// RemoveAttachment is [social.AttachmentStore]'s.
func (db *DB) RemoveAttachment(ctx context.Context, id social.ID, now time.Time) (was bool, err error) {
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		n, err := t.exec(ctx, `UPDATE attachments SET removed_at = $2 WHERE id = $1 AND stream IS NULL AND removed_at IS NULL`, id[:], micros(now))
		was = n > 0
		return err
	})
	if err != nil {
		return false, failure(fmt.Errorf("remove an attachment: %w", err))
	}
	return was, nil
}

// RemovedAttachments is [social.AttachmentStore]'s. It writes only where there is
// something to.
func (db *DB) RemovedAttachments(ctx context.Context, before, now time.Time, limit int) (out []social.ID, err error) {
	loose := 0
	// By attachments_loose.
	err = one(ctx, db.eng.reader(), into(&loose), `SELECT COUNT(*) FROM (SELECT 1 AS one FROM attachments
		WHERE stream IS NULL AND removed_at IS NULL AND created_at < $1 LIMIT 1) x`, micros(before))
	if err == nil && loose > 0 {
		err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
			_, err := t.exec(ctx, `WITH old AS MATERIALIZED (SELECT id FROM attachments
					WHERE stream IS NULL AND removed_at IS NULL AND created_at < $1 ORDER BY created_at LIMIT $2`+t.skipLocked+`)
				UPDATE attachments SET removed_at = $3 WHERE id IN (SELECT id FROM old)`, micros(before), limit, micros(now))
			return err
		})
	}
	if err == nil {
		// By attachments_removed.
		err = each(ctx, db.eng.reader(), func(rs rows) error {
			var id social.ID
			err := rs.Scan(idColumn{&id})
			out = append(out, id)
			return err
		}, `SELECT id FROM attachments WHERE removed_at IS NOT NULL ORDER BY removed_at LIMIT $1`, limit)
	}
	if err != nil {
		return nil, failure(fmt.Errorf("look for attachments to remove: %w", err))
	}
	return out, nil
}

// ForgetAttachments is [social.AttachmentStore]'s.
func (db *DB) ForgetAttachments(ctx context.Context, ids []social.ID) error {
	err := db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		values := make([][]any, len(ids))
		for i := range ids {
			values[i] = []any{ids[i][:]}
		}
		return t.many(ctx, `DELETE FROM attachments WHERE id = $1 AND removed_at IS NOT NULL`, values)
	})
	if err != nil {
		return failure(fmt.Errorf("forget attachments: %w", err))
	}
	return nil
}

// removeAttachmentsIn begins the removal of all files that hang on posts of a space.
func removeAttachmentsIn(ctx context.Context, t *tx, space social.SpaceKey, at int64) error {
	// By attachments_post.
	_, err := t.exec(ctx, `UPDATE attachments SET removed_at = $2
		WHERE stream IN (SELECT id FROM streams WHERE space = $1) AND removed_at IS NULL`, int64(space), at)
	if err != nil {
		return fmt.Errorf("remove the files of a context: %w", err)
	}
	return nil
}

// KeepSecret keeps what was made under a name, unless something was kept under it
// before: kept is what stays.
func (db *DB) KeepSecret(ctx context.Context, name string, made social.Secret, now time.Time) (kept social.Secret, err error) {
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		// Whoever comes second waits here for the first, and then reads its secret.
		if _, err := t.exec(ctx, `INSERT INTO secrets (name, value, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING`,
			name, string(made), micros(now)); err != nil {
			return err
		}
		return one(ctx, t, into((*string)(&kept)), `SELECT value FROM secrets WHERE name = $1`, name)
	})
	if err != nil {
		return "", failure(fmt.Errorf("keep a secret: %w", err))
	}
	return kept, nil
}

// PostedAttachments calls f for every file that hangs on a post, in the order of ids,
// up to its first error.
func (db *DB) PostedAttachments(ctx context.Context, f func(social.Attachment) error) error {
	const page = 500
	var last social.ID
	for {
		var list []social.Attachment
		// By primary key.
		err := each(ctx, db.eng.reader(), func(rs rows) error {
			a, err := scanAttachment(rs)
			list = append(list, a)
			return err
		}, `SELECT `+attachmentColumns+` FROM attachments WHERE id > $1 AND stream IS NOT NULL AND removed_at IS NULL ORDER BY id LIMIT $2`, last[:], page)
		if err != nil {
			return failure(fmt.Errorf("list attachments: %w", err))
		}
		for _, a := range list {
			if err := f(a); err != nil {
				return err
			}
		}
		if len(list) < page {
			return nil
		}
		last = list[len(list)-1].ID
	}
}
