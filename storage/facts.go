package storage

import (
	"context"
	"fmt"

	"rambla/social"
)

// The kinds of reactions.
const (
	reactionLike     = 1
	reactionFavorite = 2
)

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
