package storage

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"rambla/social"
)

// reactionFavorite is the kind of a favorite in the table of reactions; 1 is a like.
const reactionFavorite = 2

const (
	// By the primary keys of tallies and reactions: three look-ups per post. Not an
	// EXISTS, which PostgreSQL may answer from a table of all that the person likes.
	factsOf = `SELECT u.stream, u.seq, COALESCE(t.comments, 0), COALESCE(t.likes, 0), COALESCE(t.shares, 0), COALESCE(t.flagged_at, 0) <> 0,
			(SELECT COUNT(*) FROM reactions r WHERE r.stream = u.stream AND r.seq = u.seq AND r.kind = 1 AND r.person = $3) <> 0,
			(SELECT COUNT(*) FROM reactions r WHERE r.stream = u.stream AND r.seq = u.seq AND r.kind = 2 AND r.person = $3) <> 0
		FROM unnest($1::bigint[], $2::bigint[]) AS u (stream, seq)
		LEFT JOIN tallies t ON t.stream = u.stream AND t.seq = u.seq`
	// By primary key and posts_id.
	sharedBy = `SELECT s.stream, s.seq, ` + postColumns + ` FROM unnest($1::bigint[], $2::bigint[]) AS u (stream, seq)
		JOIN posts s ON s.stream = u.stream AND s.seq = u.seq JOIN posts p ON p.id = s.root`
)

// refLists are refs as the two lists of a statement.
func refLists(refs []social.PostRef) (streams, seqs []int64) {
	for _, ref := range refs {
		streams = append(streams, int64(ref.Stream))
		seqs = append(seqs, int64(ref.Seq)) //nolint:gosec // came from a BIGINT
	}
	return streams, seqs
}

// Facts is [social.FactStore]'s.
func (db *DB) Facts(ctx context.Context, person social.PersonKey, refs []social.PostRef) ([]social.Facts, error) {
	streams, seqs := refLists(refs)
	found := make(map[social.PostRef]social.Facts, len(refs))
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var (
			ref social.PostRef
			f   social.Facts
		)
		err := rs.Scan(&ref.Stream, &ref.Seq, &f.Comments, &f.Likes, &f.Shares, &f.Flagged, &f.Liked, &f.Favorited)
		found[ref] = f
		return err
	}, factsOf, streams, seqs, int64(person))
	if err != nil {
		return nil, failure(fmt.Errorf("read what was said about posts: %w", err))
	}
	out := make([]social.Facts, len(refs))
	for i, ref := range refs {
		out[i] = found[ref]
	}
	return out, nil
}

// SharedBy is [social.FactStore]'s.
func (db *DB) SharedBy(ctx context.Context, refs []social.PostRef) (map[social.PostRef]social.Post, error) {
	streams, seqs := refLists(refs)
	out := make(map[social.PostRef]social.Post, len(refs))
	c := db.eng.reader()
	err := each(ctx, c, func(rs rows) error {
		var ref social.PostRef
		p, err := scanPostAfter(rs, &ref.Stream, &ref.Seq)
		out[ref] = p
		return err
	}, sharedBy, streams, seqs)
	if err != nil {
		return nil, failure(fmt.Errorf("read what posts share: %w", err))
	}
	// What is shared is not private; were it, nobody but its author would see it.
	return out, nil
}

// Likes is [social.FactStore]'s.
func (db *DB) Likes(ctx context.Context, post social.PostRef, before uint64, limit int) ([]social.Liking, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	var out []social.Liking
	// By reactions_likes.
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var (
			l  social.Liking
			at int64
		)
		err := rs.Scan(&l.Person, &at, &l.Entry)
		l.At = moment(at)
		out = append(out, l)
		return err
	}, `SELECT person, at, entry FROM reactions WHERE stream = $1 AND seq = $2 AND kind = 1 AND entry < $3 ORDER BY entry DESC LIMIT $4`,
		int64(post.Stream), int64(post.Seq), before, limit) //nolint:gosec // came from a BIGINT
	if err != nil {
		return nil, failure(fmt.Errorf("read likes: %w", err))
	}
	return out, nil
}

// Reactions is [social.FactStore]'s.
func (db *DB) Reactions(ctx context.Context, posts []social.PostRef, limit int) ([]social.Reaction, error) {
	streams, seqs := refLists(posts)
	var out []social.Reaction
	// By primary key.
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var (
			r    social.Reaction
			kind int
		)
		err := rs.Scan(&r.Post.Stream, &r.Post.Seq, &kind, &r.Person)
		r.Favorite = kind == reactionFavorite
		out = append(out, r)
		return err
	}, `SELECT r.stream, r.seq, r.kind, r.person FROM unnest($1::bigint[], $2::bigint[]) AS u (stream, seq)
		JOIN reactions r ON r.stream = u.stream AND r.seq = u.seq LIMIT $3`, streams, seqs, limit)
	if err != nil {
		return nil, failure(fmt.Errorf("read reactions: %w", err))
	}
	return out, nil
}

// SetFavorite is [social.FactStore]'s.
func (db *DB) SetFavorite(ctx context.Context, post social.PostRef, person social.PersonKey, on bool, now time.Time) (changed bool, err error) {
	stream, seq := int64(post.Stream), int64(post.Seq) //nolint:gosec // came from a BIGINT
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		var n int64
		var err error
		if !on {
			n, err = t.exec(ctx, `DELETE FROM reactions WHERE stream = $1 AND seq = $2 AND kind = 2 AND person = $3`, stream, seq, int64(person))
			changed = n == 1
			return err
		}
		// Who is removed and erased leaves none behind.
		if err := lockPerson(ctx, t, person); err != nil {
			return err
		}
		// The post stays while this is written: what gives it up takes its favorites along.
		var is int
		err = one(ctx, t, into(&is), `SELECT 1 FROM posts WHERE stream = $1 AND seq = $2 AND removed_at IS NULL`+t.forShare, stream, seq)
		if errors.Is(err, errNoRow) {
			return notFound("post")
		}
		if err != nil {
			return err
		}
		n, err = t.exec(ctx, `INSERT INTO reactions (stream, seq, kind, person, at, entry) VALUES ($1, $2, $3, $4, $5, 0)
			ON CONFLICT (stream, seq, kind, person) DO NOTHING`, stream, seq, reactionFavorite, int64(person), micros(now))
		changed = n == 1
		return err
	})
	if err != nil {
		return false, failure(fmt.Errorf("keep a favorite: %w", err))
	}
	return changed, nil
}

// revisions are the former contents of a post, each with the version that it was,
// and the present one. By the primary key of edits, and posts_id.
const revisions = `SELECT version, at, markdown, content, extra FROM (
		SELECT COALESCE(LAG(e.seq) OVER (ORDER BY e.seq), p.seq) AS version, e.at AS at, e.markdown AS markdown, e.content AS content, e.extra AS extra
			FROM edits e JOIN posts p ON p.id = e.post WHERE e.post = $1
		UNION ALL SELECT COALESCE(p.version, p.seq), COALESCE(p.updated_at, p.published_at), p.markdown, p.content, p.extra
			FROM posts p WHERE p.id = $1 AND p.removed_at IS NULL) r
	WHERE version > $2 ORDER BY version LIMIT $3`

// Revisions is [social.FactStore]'s.
func (db *DB) Revisions(ctx context.Context, post social.ID, after uint64, limit int) ([]social.Revision, error) {
	var out []social.Revision
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var (
			r  social.Revision
			at int64
		)
		err := rs.Scan(&r.Version, &at, &r.Markdown, &r.Content, &r.Extra)
		r.At = moment(at)
		out = append(out, r)
		return err
	}, revisions, post[:], after, limit)
	if err != nil {
		return nil, failure(fmt.Errorf("read what a post said: %w", err))
	}
	return out, nil
}
