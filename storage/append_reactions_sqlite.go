package storage

import (
	"context"
	"database/sql"
	"errors"

	"rambla/social"
)

const (
	// By posts_id and primary keys.
	liteFindTarget = `SELECT p.stream, p.seq, p.counts, COALESCE(p.removed_at, 0), p.private, p.author, COALESCE(p.creator, 0), p.root,
			COALESCE(s.space, 0), s.channel,
			COALESCE((SELECT group_concat(r.person) FROM post_readers r WHERE p.private AND r.stream = p.stream AND r.seq = p.seq), ''),
			COALESCE((SELECT t.flagged_at FROM tallies t WHERE t.stream = p.stream AND t.seq = p.seq), 0)
		FROM posts p JOIN streams s ON s.id = p.stream WHERE p.id = ?`
	liteFindLike = `SELECT r.stream, r.seq, r.entry FROM posts p JOIN reactions r ON r.stream = p.stream AND r.seq = p.seq
		WHERE p.id = ? AND r.kind = 1 AND r.person = ?`
	liteDeleteLike = `DELETE FROM reactions WHERE stream = ? AND seq = ? AND kind = 1 AND person = ?`
	liteInsertLike = `INSERT INTO reactions (stream, seq, kind, person, at, entry) VALUES (?, ?, 1, ?, ?, ?)`
	liteGrowTally  = `INSERT INTO tallies AS t (stream, seq, comments, likes, shares, commented_at, liked_at) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (stream, seq) DO UPDATE SET comments = t.comments + excluded.comments, likes = t.likes + excluded.likes,
			shares = t.shares + excluded.shares, commented_at = MAX(t.commented_at, excluded.commented_at),
			liked_at = MAX(t.liked_at, excluded.liked_at)`
	// Of what was given up there is no row any more.
	liteShrinkTally = `UPDATE tallies SET comments = comments + ?, likes = likes + ?, shares = shares + ? WHERE stream = ? AND seq = ?`
	liteRetimeTally = `UPDATE tallies AS t SET commented_at = ` + newestComment + `, liked_at = ` + newestLike + ` WHERE stream = ? AND seq = ?`
	liteFlagTally   = `UPDATE tallies SET flagged_at = ?, flagged_by = ? WHERE stream = ? AND seq = ?`
)

func (s *liteStatements) lookUpSaid(ctx context.Context, b *batch) error {
	for _, id := range b.targets {
		if err := s.lookUpTarget(ctx, b, id); err != nil {
			return err
		}
		if o := b.found[id]; o != nil && !o.root.IsZero() {
			if err := s.lookUpTarget(ctx, b, o.root); err != nil {
				return err
			}
		}
	}
	for _, ref := range b.likeRefs {
		l := &like{likeRef: ref, stored: true, stands: true}
		err := s.findLike.QueryRowContext(ctx, ref.post[:], ref.person).Scan(&l.at.Stream, &l.at.Seq, &l.entry)
		if err == nil {
			b.likes[ref] = l
		} else if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	return nil
}

func (s *liteStatements) lookUpTarget(ctx context.Context, b *batch, id social.ID) error {
	var (
		o  object
		to string
	)
	err := s.findTarget.QueryRowContext(ctx, id[:]).Scan(&o.stream, &o.seq, &o.counts, &o.removedAt, &o.private, &o.author, &o.creator,
		idColumn{&o.root}, &o.space, &o.channel, &to, &o.flaggedAt)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	t := b.target(id)
	t.stream, t.seq, t.counts, t.removedAt, t.private, t.author, t.creator = o.stream, o.seq, o.counts, o.removedAt, o.private, o.author, o.creator
	t.root, t.space, t.channel, t.to, t.flaggedAt = o.root, o.space, o.channel, people(to), o.flaggedAt
	return nil
}

// writeSaid writes what the batch's entries say about posts.
func (s *liteStatements) writeSaid(ctx context.Context, b *batch) error {
	gone, come := b.changedLikes()
	for _, l := range gone {
		if _, err := s.deleteLike.ExecContext(ctx, int64(l.at.Stream), int64(l.at.Seq), l.person); err != nil { //nolint:gosec // from a BIGINT
			return err
		}
	}
	for _, l := range come {
		if _, err := s.insertLike.ExecContext(ctx, int64(l.at.Stream), int64(l.at.Seq), l.person, l.since, l.entry); err != nil { //nolint:gosec // from a BIGINT
			return err
		}
	}
	for _, t := range b.changedTallies(func(*tally) bool { return true }) {
		if err := s.writeTally(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

func (s *liteStatements) writeTally(ctx context.Context, t *tally) error {
	stream, seq := int64(t.Stream), int64(t.Seq) //nolint:gosec // from a BIGINT
	var err error
	if t.grew {
		_, err = s.growTally.ExecContext(ctx, stream, seq, t.comments, t.likes, t.shares, t.commentedAt, t.likedAt)
	} else {
		_, err = s.shrinkTally.ExecContext(ctx, t.comments, t.likes, t.shares, stream, seq)
	}
	if err == nil && t.lost {
		_, err = s.retimeTally.ExecContext(ctx, stream, seq)
	}
	if err == nil && t.flag {
		_, err = s.flagTally.ExecContext(ctx, t.flaggedAt, t.flaggedBy, stream, seq)
	}
	return err
}
