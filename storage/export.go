package storage

import (
	"context"
	"fmt"

	"rambla/social"
)

const (
	// By primary key; there are few streams beside what is in them.
	writtenStreams = `SELECT id, floor, head FROM streams
		WHERE id >= $1 AND (id > $1 OR head > $2) AND head > floor AND channel = ANY($3) AND NOT closed ORDER BY id LIMIT $4`
	// By primary key.
	writtenPosts = `SELECT ` + postColumns + ` FROM ` + inRanges + ` JOIN posts p ON p.stream = u.stream AND p.seq > u.low AND p.seq <= u.high
		WHERE p.author = $4 AND p.counts AND NOT p.as_space ORDER BY p.stream, p.seq`
	likedPosts = `SELECT r.stream, r.seq, r.at, p.id FROM ` + inRanges + ` JOIN reactions r ON r.stream = u.stream AND r.seq > u.low AND r.seq <= u.high
		JOIN posts p ON p.stream = r.stream AND p.seq = r.seq
		WHERE r.person = $4 AND r.kind = 1 ORDER BY r.stream, r.seq`
	// By reactions_favorites.
	favoritePosts = `SELECT r.stream, r.seq, r.at, p.id FROM reactions r JOIN posts p ON p.stream = r.stream AND p.seq = r.seq
		WHERE r.person = $1 AND r.kind = 2 AND (r.stream, r.seq) > ($2, $3) ORDER BY r.stream, r.seq LIMIT $4`
	// By attachments_owner; files of one size are sorted.
	attachmentsOf = `SELECT ` + attachmentColumns + ` FROM attachments
		WHERE owner = $1 AND removed_at IS NULL AND size >= $2 AND (size > $2 OR id > $3) ORDER BY size, id LIMIT $4`
)

// WrittenBy is [social.ExportStore]'s.
func (db *DB) WrittenBy(ctx context.Context, person social.PersonKey, from social.WrittenPlace, entries int) (out social.Written, err error) {
	c := db.eng.reader()
	ranges, err := writtenRanges(ctx, c, from, int64(entries))
	if err != nil {
		return out, failure(fmt.Errorf("read what comes next: %w", err))
	}
	if len(ranges) == 0 {
		return social.Written{Next: from}, nil
	}
	last := ranges[len(ranges)-1]
	out.Next, out.More = social.WrittenPlace{Stream: social.StreamKey(last.stream), Seq: uint64(last.high)}, true //nolint:gosec // came from a BIGINT
	l := rangeLists(ranges, func(*eraseRange) bool { return true })
	err = each(ctx, c, func(rs rows) error {
		p, err := scanPost(rs)
		out.Posts = append(out.Posts, p)
		return err
	}, writtenPosts, l[0], l[1], l[2], int64(person))
	for rest := out.Posts; err == nil && len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Stream == rest[0].Stream {
			n++
		}
		err = addReaders(ctx, c, rest[0].Stream, rest[:n])
		rest = rest[n:]
	}
	if err == nil {
		out.Likes, err = readLiked(ctx, c, likedPosts, l[0], l[1], l[2], int64(person))
	}
	if err != nil {
		return social.Written{}, failure(fmt.Errorf("read what a person wrote: %w", err))
	}
	return out, nil
}

// writtenRanges are the next parts of the log that people write; none where it ends.
func writtenRanges(ctx context.Context, c conn, from social.WrittenPlace, left int64) (out []eraseRange, err error) {
	channels := []int64{int64(social.ChannelMessages), int64(social.ChannelComments)}
	err = each(ctx, c, func(rs rows) error {
		var r eraseRange
		if err := rs.Scan(&r.stream, &r.low, &r.high); err != nil {
			return err
		}
		if social.StreamKey(r.stream) == from.Stream {
			r.low = max(r.low, int64(from.Seq)) //nolint:gosec // came from a BIGINT
		}
		if r.low >= r.high || left <= 0 {
			return nil
		}
		r.high = min(r.high, r.low+left)
		left -= r.high - r.low
		out = append(out, r)
		return nil
	}, writtenStreams, int64(from.Stream), int64(from.Seq), channels, eraseStreams) //nolint:gosec // came from a BIGINT
	return out, err
}

func readLiked(ctx context.Context, c conn, text string, args ...any) (out []social.Liked, err error) {
	err = each(ctx, c, func(rs rows) error {
		var (
			l  social.Liked
			at int64
		)
		err := rs.Scan(&l.Stream, &l.Seq, &at, idColumn{&l.Post})
		l.At = moment(at)
		out = append(out, l)
		return err
	}, text, args...)
	return out, err
}

// Favorites is [social.ExportStore]'s.
func (db *DB) Favorites(ctx context.Context, person social.PersonKey, after social.PostRef, limit int) ([]social.Liked, error) {
	out, err := readLiked(ctx, db.eng.reader(), favoritePosts, int64(person), int64(after.Stream), int64(after.Seq), limit) //nolint:gosec // came from a BIGINT
	if err != nil {
		return nil, failure(fmt.Errorf("read favorites: %w", err))
	}
	return out, nil
}

// AttachmentsOf is [social.ExportStore]'s.
func (db *DB) AttachmentsOf(ctx context.Context, owner social.PersonKey, after social.AttachmentPlace, limit int) (out []social.Attachment, err error) {
	err = each(ctx, db.eng.reader(), func(rs rows) error {
		a, err := scanAttachment(rs)
		out = append(out, a)
		return err
	}, attachmentsOf, int64(owner), after.Size, after.ID[:], limit)
	if err != nil {
		return nil, failure(fmt.Errorf("list a person's files: %w", err))
	}
	return out, nil
}
