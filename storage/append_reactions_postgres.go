package storage

import (
	"context"

	"rambla/social"
)

const (
	// By posts_id, and then by primary keys: what comments, reactions and shares are
	// about, and what the comments among those belong to. Whoever removes one of them,
	// or says something else about it, holds its stream.
	pgFindTargets = `WITH w AS (
			SELECT id FROM unnest($1::uuid[]) AS a (id)
			UNION SELECT c.root FROM unnest($1::uuid[]) AS b (id)
				CROSS JOIN LATERAL (SELECT root FROM posts WHERE id = b.id AND root IS NOT NULL OFFSET 0) c)
		SELECT p.*, s.space, s.channel,
			COALESCE((SELECT string_agg(r.person::text, ',' ORDER BY r.person) FROM post_readers r
				WHERE p.private AND r.stream = p.stream AND r.seq = p.seq), ''),
			COALESCE((SELECT t.flagged_at FROM tallies t WHERE t.stream = p.stream AND t.seq = p.seq), 0)
		FROM w CROSS JOIN LATERAL (SELECT id, stream, seq, counts, COALESCE(removed_at, 0), private, author, COALESCE(creator, 0), root
			FROM posts WHERE id = w.id OFFSET 0) p
		CROSS JOIN LATERAL (SELECT COALESCE(space, 0) AS space, channel FROM streams WHERE id = p.stream OFFSET 0) s`
	// By posts_id and primary key.
	pgFindLikes = `SELECT u.id, u.person, r.* FROM unnest($1::uuid[], $2::bigint[]) AS u (id, person)
		CROSS JOIN LATERAL (SELECT stream, seq FROM posts WHERE id = u.id OFFSET 0) p
		CROSS JOIN LATERAL (SELECT stream, seq, at, entry FROM reactions
			WHERE stream = p.stream AND seq = p.seq AND kind = 1 AND person = u.person OFFSET 0) r`
	pgDeleteLikes = `DELETE FROM reactions r USING unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS u (stream, seq, person)
		WHERE r.stream = u.stream AND r.seq = u.seq AND r.kind = 1 AND r.person = u.person`
	pgInsertLikes = `INSERT INTO reactions (stream, seq, kind, person, at, entry)
		SELECT stream, seq, 1, person, at, entry
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) AS u (stream, seq, person, at, entry)`
	pgGrowTallies = `INSERT INTO tallies AS t (stream, seq, comments, likes, shares, commented_at, liked_at)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
		ON CONFLICT (stream, seq) DO UPDATE SET comments = t.comments + EXCLUDED.comments, likes = t.likes + EXCLUDED.likes,
			shares = t.shares + EXCLUDED.shares, commented_at = GREATEST(t.commented_at, EXCLUDED.commented_at),
			liked_at = GREATEST(t.liked_at, EXCLUDED.liked_at)`
	// Of what was given up there is no row any more.
	pgShrinkTallies = `UPDATE tallies t SET comments = t.comments + u.comments, likes = t.likes + u.likes, shares = t.shares + u.shares
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) AS u (stream, seq, comments, likes, shares)
		WHERE t.stream = u.stream AND t.seq = u.seq`
	pgRetimeTallies = `UPDATE tallies t SET commented_at = ` + newestComment + `, liked_at = ` + newestLike + `
		FROM unnest($1::bigint[], $2::bigint[]) AS u (stream, seq) WHERE t.stream = u.stream AND t.seq = u.seq`
	pgFlagTallies = `UPDATE tallies t SET flagged_at = u.at, flagged_by = u.person
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS u (stream, seq, at, person)
		WHERE t.stream = u.stream AND t.seq = u.seq`

	// The moments of the newest comment and like that are left of a tally t, by
	// posts_root and reactions_likes.
	newestComment = `COALESCE((SELECT c.published_at FROM posts c
		WHERE c.root = (SELECT o.id FROM posts o WHERE o.stream = t.stream AND o.seq = t.seq)
			AND c.counts AND c.removed_at IS NULL AND c.type <> 'Announce' ORDER BY c.seq DESC LIMIT 1), 0)`
	newestLike = `COALESCE((SELECT r.at FROM reactions r WHERE r.stream = t.stream AND r.seq = t.seq AND r.kind = 1
		ORDER BY r.entry DESC LIMIT 1), 0)`
)

func (e *postgres) queueTargets(ctx context.Context, p *pipeline, b *batch, set *columnSet) {
	set.targets.reset(oidID)
	for _, id := range b.targets {
		set.targets.cols[0].id(id)
	}
	p.queue(ctx, pgFindTargets, &set.targets, b.scanTarget)
	if len(b.likeRefs) == 0 {
		return
	}
	set.likeRefs.reset(oidID, oidInt64)
	for _, ref := range b.likeRefs {
		set.likeRefs.cols[0].id(ref.post)
		set.likeRefs.cols[1].int64(ref.person)
	}
	p.queue(ctx, pgFindLikes, &set.likeRefs, b.scanLike)
}

func (b *batch) scanTarget(v [][]byte) {
	var id social.ID
	copy(id[:], v[0])
	o := b.target(id)
	o.stream, o.seq, o.counts, o.removedAt = int8Value(v[1]), int8Value(v[2]), v[3][0] != 0, int8Value(v[4])
	o.private, o.author, o.creator = v[5][0] != 0, social.PersonKey(int8Value(v[6])), social.PersonKey(int8Value(v[7]))
	copy(o.root[:], v[8])
	o.space, o.channel = int8Value(v[9]), social.Channel(v[10][1]) // a SMALLINT written from a Channel
	o.to, o.flaggedAt = people(string(v[11])), int8Value(v[12])
}

// target is the object with that id, which an Update may be about too.
func (b *batch) target(id social.ID) *object {
	o := b.found[id]
	if o == nil {
		o = &object{id: id}
		b.found[id] = o
	}
	return o
}

func (b *batch) scanLike(v [][]byte) {
	l := &like{
		likeRef: likeRef{person: int8Value(v[1])}, stored: true, stands: true,
		at:    social.PostRef{Stream: social.StreamKey(int8Value(v[2])), Seq: uint64(int8Value(v[3]))}, //nolint:gosec // from a BIGINT
		entry: int8Value(v[5]),
	}
	copy(l.post[:], v[0])
	b.likes[l.likeRef] = l
}

// queueSaid writes what the batch's entries say about posts.
func (e *postgres) queueSaid(ctx context.Context, p *pipeline, b *batch, set *columnSet) {
	gone, come := b.changedLikes()
	if len(gone) > 0 {
		set.gone.fill(3, len(gone), func(i int) []int64 { l := gone[i]; return refRow(l.at, l.person) })
		p.queue(ctx, pgDeleteLikes, &set.gone, nil)
	}
	if len(come) > 0 {
		set.come.fill(5, len(come), func(i int) []int64 { l := come[i]; return refRow(l.at, l.person, l.since, l.entry) })
		p.queue(ctx, pgInsertLikes, &set.come, nil)
	}
	tallies := func(sql string, params *columns, width int, pick func(*tally) bool, row func(*tally) []int64) {
		list := b.changedTallies(pick)
		if len(list) == 0 {
			return
		}
		params.fill(width, len(list), func(i int) []int64 { return row(list[i]) })
		p.queue(ctx, sql, params, nil)
	}
	tallies(pgGrowTallies, &set.grown, 7, func(t *tally) bool { return t.grew }, func(t *tally) []int64 {
		return refRow(t.PostRef, t.comments, t.likes, t.shares, t.commentedAt, t.likedAt)
	})
	tallies(pgShrinkTallies, &set.shrunk, 5, func(t *tally) bool { return !t.grew }, func(t *tally) []int64 {
		return refRow(t.PostRef, t.comments, t.likes, t.shares)
	})
	tallies(pgRetimeTallies, &set.lost, 2, func(t *tally) bool { return t.lost }, func(t *tally) []int64 { return refRow(t.PostRef) })
	tallies(pgFlagTallies, &set.flagged, 4, func(t *tally) bool { return t.flag }, func(t *tally) []int64 {
		return refRow(t.PostRef, t.flaggedAt, t.flaggedBy)
	})
}

// refRow is a row that begins with where a post stands.
func refRow(at social.PostRef, more ...int64) []int64 {
	return append([]int64{int64(at.Stream), int64(at.Seq)}, more...) //nolint:gosec // from a BIGINT
}

// fill makes columns of numbers of rows.
func (s *columns) fill(width, rows int, row func(int) []int64) {
	oids := make([]uint32, width)
	for i := range oids {
		oids[i] = oidInt64
	}
	s.reset(oids...)
	for i := range rows {
		for j, v := range row(i) {
			s.cols[j].int64(v)
		}
	}
}
