package storage

import (
	"context"
	"slices"

	"rambla/social"
)

// Files hang on a post from the moment that it is committed. Whoever hangs one holds
// its row, so that no two posts have the same.

// hanging is a file that entries of the batch are to hang on themselves.
type hanging struct {
	social.Attachment
	free bool // it hangs on nothing yet
	on   *social.Post
	nth  int // of the files of that post
}

const (
	// By primary key.
	liteFindFile = `SELECT owner, name, media_type, size, width, height, stream IS NULL AND removed_at IS NULL FROM attachments WHERE id = $1`
	liteHangFile = `UPDATE attachments SET stream = $2, seq = $3, post = $4, place = $5 WHERE id = $1`
	// By attachments_post.
	liteDropFiles = `UPDATE attachments SET removed_at = $3 WHERE stream = $1 AND seq = $2 AND removed_at IS NULL`

	pgFindFiles = `SELECT id, owner, name, media_type, size, width, height, stream IS NULL AND removed_at IS NULL FROM attachments
		WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE`
	pgHangFiles = `UPDATE attachments a SET stream = u.stream, seq = u.seq, post = u.post, place = u.place
		FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::uuid[], $5::bigint[]) AS u (id, stream, seq, post, place) WHERE a.id = u.id`
	pgDropFiles = `UPDATE attachments a SET removed_at = u.at FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS u (stream, seq, at)
		WHERE a.stream = u.stream AND a.seq = u.seq AND a.removed_at IS NULL`
)

// checkFiles finds why the entry cannot have its files.
func (b *batch) checkFiles(e *social.Entry) error {
	for _, id := range e.Attachments {
		if f := b.hung[id]; f == nil || !f.free || f.on != nil || f.Owner != e.Post.Author {
			return social.Invalid("attachments", "%s is not a file of yours that hangs on no post yet", id)
		}
	}
	return nil
}

// hang notes the entry's files in its post, which gets its place next.
func (b *batch) hang(e *social.Entry) error {
	files := make([]social.Attachment, len(e.Attachments))
	for i, id := range e.Attachments {
		f := b.hung[id]
		f.on, f.nth = e.Post, i
		files[i] = f.Attachment
	}
	return e.Post.Attach(files)
}

// hangers lists in ascending order the files that come to hang on a post.
func (b *batch) hangers() []*hanging {
	var out []*hanging
	for _, f := range b.hung {
		if f.on != nil {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(x, y *hanging) int { return slices.Compare(x.ID[:], y.ID[:]) })
	return out
}

func (e *lite) lookUpFiles(ctx context.Context, c conn, b *batch) error {
	for _, id := range b.files {
		f := &hanging{Attachment: social.Attachment{ID: id}}
		err := each(ctx, c, func(rs rows) error {
			b.hung[id] = f
			return rs.Scan(&f.Owner, &f.Name, &f.MediaType, &f.Size, &f.Width, &f.Height, &f.free)
		}, liteFindFile, id[:])
		if err != nil {
			return err
		}
	}
	return nil
}

// writeFiles hangs files on posts, and removes those of posts that are removed.
func (e *lite) writeFiles(ctx context.Context, c conn, b *batch) error {
	for _, f := range b.hangers() {
		_, err := c.exec(ctx, liteHangFile, f.ID[:], int64(f.on.Stream), int64(f.on.Seq), f.on.ID[:], int64(f.nth)) //nolint:gosec // came from a BIGINT
		if err != nil {
			return err
		}
	}
	for _, o := range b.changed {
		if o.removedAt == 0 {
			continue
		}
		if _, err := c.exec(ctx, liteDropFiles, o.stream, o.seq, o.removedAt); err != nil {
			return err
		}
	}
	return nil
}

func (e *postgres) queueFindFiles(ctx context.Context, p *pipeline, b *batch, set *columnSet) {
	set.files.reset(oidID)
	for _, id := range b.files {
		set.files.cols[0].id(id)
	}
	p.queue(ctx, pgFindFiles, &set.files, b.scanFile)
}

func (b *batch) scanFile(v [][]byte) {
	f := &hanging{free: v[7][0] != 0}
	copy(f.ID[:], v[0])
	f.Owner, f.Name, f.MediaType = social.PersonKey(int8Value(v[1])), string(v[2]), string(v[3])
	f.Size, f.Width, f.Height = int8Value(v[4]), int(int8Value(v[5])), int(int8Value(v[6]))
	b.hung[f.ID] = f
}

func (e *postgres) queueFiles(ctx context.Context, p *pipeline, b *batch, set *columnSet) {
	if files := b.hangers(); len(files) > 0 {
		set.files.reset(oidID, oidInt64, oidInt64, oidID, oidInt64)
		c := set.files.cols
		for _, f := range files {
			c[0].id(f.ID)
			c[1].int64(int64(f.on.Stream))
			c[2].int64(int64(f.on.Seq)) //nolint:gosec // came from a BIGINT
			c[3].id(f.on.ID)
			c[4].int64(int64(f.nth))
		}
		p.queue(ctx, pgHangFiles, &set.files, nil)
	}
	var gone []*object
	for _, o := range b.changed {
		if o.removedAt != 0 {
			gone = append(gone, o)
		}
	}
	if len(gone) > 0 {
		set.dropped.fill(3, len(gone), func(i int) []int64 { return []int64{gone[i].stream, gone[i].seq, gone[i].removedAt} })
		p.queue(ctx, pgDropFiles, &set.dropped, nil)
	}
}
