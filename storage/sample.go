package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"rambla/social"
)

const (
	sampleColumns = `stream, seq, published_at, author, COALESCE(session, 0), qos, retain, topic, payload, properties, COALESCE(key, '')`
	// By samples_topic; those of every topic by the primary key.
	sampleRange   = ` FROM samples WHERE stream = $1 AND seq > $2 AND seq < $3`
	samplesAfter  = `SELECT ` + sampleColumns + sampleRange + ` ORDER BY seq LIMIT $4`
	samplesBefore = `SELECT ` + sampleColumns + sampleRange + ` ORDER BY seq DESC LIMIT $4`
	topicAfter    = `SELECT ` + sampleColumns + sampleRange + ` AND topic = $5 ORDER BY seq LIMIT $4`
	topicBefore   = `SELECT ` + sampleColumns + sampleRange + ` AND topic = $5 ORDER BY seq DESC LIMIT $4`
)

// Samples is [social.Log]'s. A stream that does not exist is empty.
func (db *DB) Samples(ctx context.Context, q social.SampleQuery) ([]social.Sample, error) {
	out, err := db.samples(ctx, q)
	if err != nil {
		return nil, failure(fmt.Errorf("read samples: %w", err))
	}
	return out, nil
}

func (db *DB) samples(ctx context.Context, q social.SampleQuery) ([]social.Sample, error) {
	c := db.eng.reader()
	low, high := max(q.After, q.Floor), uint64(math.MaxInt64)
	if q.Before > 0 {
		high = min(high, q.Before)
	}
	if !q.From.IsZero() {
		first, err := firstSince(ctx, c, q.Stream, social.ChannelData, q.From)
		if err != nil {
			return nil, err
		}
		low = max(low, first-1)
	}
	if !q.To.IsZero() {
		end, err := firstSince(ctx, c, q.Stream, social.ChannelData, q.To)
		if err != nil {
			return nil, err
		}
		high = min(high, end)
	}
	low = min(low, math.MaxInt64)
	text, args := sampleRead(q, low, high)
	var out []social.Sample
	err := each(ctx, c, func(rs rows) error {
		m, err := scanSample(rs)
		out = append(out, m)
		return err
	}, text, args...)
	return out, err
}

// sampleRead is the statement that reads what lies between low and high.
func sampleRead(q social.SampleQuery, low, high uint64) (text string, args []any) {
	args = []any{int64(q.Stream), low, high, q.Limit}
	switch {
	case q.Topic != "" && q.Backward:
		return topicBefore, append(args, q.Topic)
	case q.Topic != "":
		return topicAfter, append(args, q.Topic)
	case q.Backward:
		return samplesBefore, args
	}
	return samplesAfter, args
}

func scanSample(rs rows) (social.Sample, error) {
	var (
		m          social.Sample
		published  int64
		qos        int16
		properties []byte
	)
	err := rs.Scan(&m.Stream, &m.Seq, &published, &m.Author, &m.Session, &qos, &m.Retain, &m.Topic, &m.Payload, &properties, &m.Key)
	if err == nil && properties != nil {
		m.Properties = new(social.Properties)
		err = json.Unmarshal(properties, m.Properties)
	}
	m.Published, m.QoS = moment(published), byte(qos)
	return m, err
}

// firstSince is the seq of the first entry of a stream that was not published
// before at; one after the last where there is none. The times of a stream never
// go back and its seqs have no gap, so halving the range finds it: an index by
// time would cost every sample that is written.
func firstSince(ctx context.Context, c conn, stream social.StreamKey, channel social.Channel, at time.Time) (uint64, error) {
	// By primary key.
	text := `SELECT published_at FROM samples WHERE stream = $1 AND seq = $2`
	if channel.Log() {
		text = `SELECT published_at FROM posts WHERE stream = $1 AND seq = $2`
	}
	var low, high uint64 // the answer is in (low, high]
	err := one(ctx, c, into(&low, &high), `SELECT floor, head + 1 FROM streams WHERE id = $1`, int64(stream))
	if errors.Is(err, errNoRow) {
		return 1, nil
	}
	for err == nil && high-low > 1 {
		middle := low + (high-low)/2
		var published int64
		err = one(ctx, c, into(&published), text, int64(stream), middle)
		if errors.Is(err, errNoRow) {
			published, err = math.MinInt64, nil // given up meanwhile: older than all that is kept
		}
		if published < at.UnixMicro() {
			low = middle
		} else {
			high = middle
		}
	}
	return high, err
}
