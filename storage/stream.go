package storage

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"rambla/social"
)

// State is [social.Log]'s.
func (db *DB) State(ctx context.Context, stream social.StreamKey) (social.StreamState, error) {
	s := social.StreamState{Stream: stream}
	err := one(ctx, db.eng.reader(), into(&s.Epoch, &s.Head, &s.Floor), `SELECT epoch, head, floor FROM streams WHERE id = $1`, int64(stream))
	if err != nil {
		return social.StreamState{}, failure(orNotFound(err, "topic"))
	}
	return s, nil
}

// OpenStreams is [social.DirectoryStore]'s.
func (db *DB) OpenStreams(ctx context.Context, prefixes []string) ([]social.OpenStream, error) {
	out := make([]social.OpenStream, len(prefixes))
	err := db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		for i, prefix := range prefixes {
			_, err := t.exec(ctx, `INSERT INTO streams (prefix, channel, epoch) VALUES ($1, $2, $3) ON CONFLICT (prefix) DO NOTHING`,
				prefix, int64(social.ChannelData), newEpoch())
			if err != nil {
				return err
			}
			out[i].Prefix = prefix
			if err := one(ctx, t, into(&out[i].Stream, &out[i].Head), `SELECT id, head FROM streams WHERE prefix = $1`, prefix); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, failure(fmt.Errorf("find the streams of open topics: %w", err))
	}
	return out, nil
}

// newEpoch makes the sign of a stream's history: another one means that numbers
// known from before say nothing any more.
func newEpoch() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// createStreams makes the streams of spaces of the kind.
func createStreams(ctx context.Context, t *tx, kind social.SpaceKind, spaces ...int64) error {
	var (
		epochs []string
		like   social.Space
		rows   [2][]int64
	)
	for _, space := range spaces {
		for c := range like.Streams {
			if kind.SpaceStreams().Has(social.Channel(c)) { //nolint:gosec // an index of channels
				epochs = append(epochs, newEpoch())
				putColumns(rows[:], space, int64(c))
			}
		}
	}
	_, err := t.exec(ctx, `INSERT INTO streams (space, channel, epoch)
		SELECT u.space, u.channel, u.epoch FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS u (epoch, space, channel)`,
		epochs, rows[0], rows[1])
	if err != nil {
		return fmt.Errorf("create streams: %w", err)
	}
	return nil
}

// addEvent appends one post to the space's stream of events, inside of a
// transaction that changes the space, and fills in what the store decides.
// A nil event is none.
func addEvent(ctx context.Context, t *tx, space social.SpaceKey, event *social.Post, now time.Time) error {
	if event == nil {
		return nil
	}
	return addEvents(ctx, t, space, []*social.Post{event}, now)
}

// addEvents appends many, in their order.
func addEvents(ctx context.Context, t *tx, space social.SpaceKey, events []*social.Post, now time.Time) error {
	if len(events) == 0 {
		return nil
	}
	s, err := lockEvents(ctx, t, space)
	if err != nil {
		return err
	}
	values := make([][]any, len(events))
	for i, event := range events {
		event.Stream = social.StreamKey(s.key)
		if err := checkEntry(&social.Entry{Post: event}, s); err != nil {
			return err
		}
		s.advance(micros(now))
		if event.Counts() {
			s.ordinals++
		}
		event.Seq, event.Ordinal, event.Published = uint64(s.head), uint64(s.ordinals), moment(s.headAt) //nolint:gosec // from BIGINTs
		values[i] = postValues(event)
	}
	if err := t.many(ctx, insertPost, values); err != nil {
		return fmt.Errorf("add events: %w", err)
	}
	_, err = t.exec(ctx, `UPDATE streams SET head = $2, ordinals = $3, head_at = $4 WHERE id = $1`, s.key, s.head, s.ordinals, s.headAt)
	if err != nil {
		return fmt.Errorf("move a head: %w", err)
	}
	return nil
}

// lockEvents locks the counter row of the space's stream of events.
func lockEvents(ctx context.Context, t *tx, space social.SpaceKey) (*streamState, error) {
	s := streamState{known: true, channel: social.ChannelEvents}
	err := one(ctx, t, into(&s.key, &s.head, &s.ordinals, &s.headAt),
		`SELECT id, head, ordinals, head_at FROM streams WHERE space = $1 AND channel = $2`+t.forUpdate,
		int64(space), int64(social.ChannelEvents))
	if err != nil {
		return nil, fmt.Errorf("lock the stream of events: %w", err)
	}
	return &s, nil
}

const insertPost = `INSERT INTO posts (stream, seq, ordinal, published_at, author, id, counts, as_space, markdown, private,
		creator, subject, object, root, in_reply_to, type, content, extra, key, generator, session)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)`
