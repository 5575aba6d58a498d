package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"rambla/social"
)

// postColumns are what scanPost reads, of a table called p.
const postColumns = `p.stream, p.seq, p.ordinal, p.published_at, p.author, p.id, p.as_space, p.markdown, p.private,
	COALESCE(p.creator, 0), COALESCE(p.subject, 0), COALESCE(p.updated_at, 0), COALESCE(p.removed_at, 0),
	p.object, p.root, p.in_reply_to, p.type, p.content, p.extra, COALESCE(p.key, ''), p.generator, COALESCE(p.session, 0),
	COALESCE(p.version, 0)`

func scanPost(rs rows) (social.Post, error) { return scanPostAfter(rs) }

// scanPostAfter reads a post that follows other columns.
func scanPostAfter(rs rows, first ...any) (social.Post, error) {
	var (
		p                           social.Post
		published, updated, removed int64
	)
	err := rs.Scan(append(first, &p.Stream, &p.Seq, &p.Ordinal, &published, &p.Author, idColumn{&p.ID}, &p.AsSpace, &p.Markdown, &p.Private,
		&p.Creator, &p.Subject, &updated, &removed,
		idColumn{&p.Object}, idColumn{&p.Root}, idColumn{&p.InReplyTo}, &p.Type, &p.Content, &p.Extra, &p.Key, &p.Generator, &p.Session,
		&p.Edited)...)
	p.Published, p.Updated, p.Removed = moment(published), moment(updated), moment(removed)
	return p, err
}

// postValues are the parameters of an INSERT, in the order of liteInsertPost.
func postValues(p *social.Post) []any {
	return []any{
		int64(p.Stream), int64(p.Seq), int64(p.Ordinal), micros(p.Published), int64(p.Author), p.ID[:], //nolint:gosec // came from BIGINTs
		p.Counts(), p.AsSpace, p.Markdown, p.Private,
		orNull(int64(p.Creator)), orNull(int64(p.Subject)), idValue(p.Object), idValue(p.Root), idValue(p.InReplyTo),
		p.Type, p.Content, bytesOrNull(p.Extra), textOrNull(p.Key), p.Generator, orNull(int64(p.Session)), //nolint:gosec // ids are positive BIGINTs
	}
}

// isReader is a look-up in post_readers, up to whose. Not an EXISTS, which
// PostgreSQL may answer from a table of all that the person may ever read.
const isReader = `(SELECT COUNT(*) FROM post_readers r WHERE r.stream = p.stream AND r.seq = p.seq AND`

// Both pages walk the primary key from one end of the range.
const (
	visiblePosts = `FROM posts p WHERE p.stream = $1 AND p.seq > $2 AND p.seq < $3
		AND ($7 OR NOT p.private OR p.author = $4 OR ` + isReader + ` r.person = $4) = 1)
		AND (NOT $5 OR (p.counts AND p.removed_at IS NULL))`
	// By posts_root.
	aboutRoot        = ` AND p.root = $8`
	postsForward     = `SELECT ` + postColumns + ` ` + visiblePosts + ` ORDER BY p.seq LIMIT $6`
	postsBackward    = `SELECT ` + postColumns + ` ` + visiblePosts + ` ORDER BY p.seq DESC LIMIT $6`
	commentsForward  = `SELECT ` + postColumns + ` ` + visiblePosts + aboutRoot + ` ORDER BY p.seq LIMIT $6`
	commentsBackward = `SELECT ` + postColumns + ` ` + visiblePosts + aboutRoot + ` ORDER BY p.seq DESC LIMIT $6`
	// By posts_id.
	postByID = `SELECT ` + postColumns + ` FROM posts p WHERE p.id = $1`
	// By primary key.
	readersOf = `SELECT seq, person FROM post_readers WHERE stream = $1 AND seq = ANY($2) ORDER BY seq, person`
)

// Posts is [social.Log]'s. A stream that does not exist is empty.
func (db *DB) Posts(ctx context.Context, q social.PostQuery) ([]social.Post, error) {
	low, high, text := q.Floor, uint64(math.MaxInt64), postsBackward
	if q.Forward {
		low, text = max(low, q.After), postsForward
	} else if q.Before != 0 {
		high = min(high, q.Before)
	}
	low = min(low, high)
	args := []any{int64(q.Stream), low, high, int64(q.Reader), q.Living, q.Limit, q.Everything}
	if !q.Root.IsZero() {
		if text = commentsBackward; q.Forward {
			text = commentsForward
		}
		args = append(args, q.Root[:])
	}
	c := db.eng.reader()
	out := make([]social.Post, 0, min(q.Limit, 200))
	err := each(ctx, c, func(rs rows) error {
		p, err := scanPost(rs)
		out = append(out, p)
		return err
	}, text, args...)
	if err == nil {
		err = addReaders(ctx, c, q.Stream, out)
	}
	if err != nil {
		return nil, failure(fmt.Errorf("read posts: %w", err))
	}
	return out, nil
}

// PostByID is [social.Log]'s.
func (db *DB) PostByID(ctx context.Context, id social.ID) (social.Post, error) {
	c := db.eng.reader()
	var found []social.Post
	err := each(ctx, c, func(rs rows) error {
		p, err := scanPost(rs)
		found = append(found, p)
		return err
	}, postByID, id[:])
	if err == nil && len(found) == 0 {
		return social.Post{}, notFound("post")
	}
	if err == nil {
		err = addReaders(ctx, c, found[0].Stream, found)
	}
	if err != nil {
		return social.Post{}, failure(fmt.Errorf("read a post: %w", err))
	}
	return found[0], nil
}

// addReaders fills To of the private posts of one stream. They never change, so
// a statement of its own may read them.
func addReaders(ctx context.Context, c conn, stream social.StreamKey, posts []social.Post) error {
	private := map[uint64]*social.Post{}
	var seqs []int64
	for i := range posts {
		if p := &posts[i]; p.Private {
			private[p.Seq] = p
			seqs = append(seqs, int64(p.Seq)) //nolint:gosec // came from a BIGINT
		}
	}
	if len(seqs) == 0 {
		return nil
	}
	return each(ctx, c, func(rs rows) error {
		var (
			seq    uint64
			person social.PersonKey
		)
		if err := rs.Scan(&seq, &person); err != nil {
			return err
		}
		p := private[seq]
		p.To = append(p.To, person)
		return nil
	}, readersOf, int64(stream), seqs)
}

// encodeProperties makes what stands in the table; nil for none.
func encodeProperties(p *social.Properties) ([]byte, error) {
	if p == nil {
		return nil, nil
	}
	out, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode properties: %w", err)
	}
	return out, nil
}

func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func bytesOrNull(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

// notNil is b, empty where it is nil: a nil slice would be NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
