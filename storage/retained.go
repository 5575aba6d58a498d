package storage

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"rambla/social"
)

const (
	// rowSize is what a sample or a retained message counts against a quota, in
	// bytes; see storedSample.
	rowSize = `octet_length(topic) + octet_length(payload) + COALESCE(octet_length(properties), 0)`

	replaceRetained = `seq = excluded.seq, published_at = excluded.published_at, expires_at = excluded.expires_at,
		author = excluded.author, session = excluded.session, qos = excluded.qos, payload = excluded.payload, properties = excluded.properties`

	// By primary key, whose order is that of the topics' bytes.
	retainedColumns = `SELECT stream, seq, published_at, author, COALESCE(session, 0), qos, topic, payload, properties FROM retained WHERE stream = $1
		AND (expires_at = 0 OR expires_at > $2) AND topic > $4`
	retainedAll   = retainedColumns + ` ORDER BY topic LIMIT $3`
	retainedRange = retainedColumns + ` AND topic >= $5 AND topic < $6 ORDER BY topic LIMIT $3`
	retainedTopic = retainedColumns + ` AND topic = $5 ORDER BY topic LIMIT $3`
)

// storedSample is a sample on its way into the store.
type storedSample struct {
	*social.Sample
	properties []byte // encoded; nil for none
}

// size is what rowSize is of its row.
func (m storedSample) size() int64 { return int64(len(m.Topic) + len(m.Payload) + len(m.properties)) }

// topicRef names a retained message.
type topicRef struct {
	stream int64
	topic  string
}

func (r topicRef) compare(o topicRef) int {
	return cmp.Or(cmp.Compare(r.stream, o.stream), strings.Compare(r.topic, o.topic))
}

// retainedRow is what a batch knows of a retained message, and makes of it.
type retainedRow struct {
	stored  bool // there is a row
	size    int64
	touched bool
	becomes *storedSample // nil, where touched: there shall be none
}

// retain makes m the retained message of its topic, or removes that. Where the
// stream has no room for it, it is refused.
func (b *batch) retain(m storedSample, s *streamState, size int64) error {
	ref := topicRef{s.key, m.Topic}
	r := b.retained[ref]
	there := r != nil && (r.stored && !r.touched || r.becomes != nil)
	count, bytes := s.retained, s.retainedBytes
	if there {
		count, bytes = count-1, bytes-r.size
	}
	if len(m.Payload) > 0 {
		count, bytes = count+1, bytes+size
		if count > s.retained && count > b.limits.Retained || bytes > s.retainedBytes && bytes > b.limits.RetainedBytes {
			return social.Errorf(social.KindRateLimited, "There is no room for more retained messages here.")
		}
	} else if !there {
		return nil
	}
	if r == nil {
		r = &retainedRow{}
		b.retained[ref] = r
	}
	r.touched, r.becomes, r.size = true, nil, 0
	if len(m.Payload) > 0 {
		r.becomes, r.size = &m, size
	}
	s.retained, s.retainedBytes, s.changed = count, bytes, true
	return nil
}

// retainedChanges are the messages to store, and the rows that go, in order.
func (b *batch) retainedChanges() (put []*storedSample, gone []topicRef) {
	for _, ref := range b.topics {
		r := b.retained[ref]
		switch {
		case r == nil || !r.touched:
		case r.becomes != nil:
			put = append(put, r.becomes)
		case r.stored:
			gone = append(gone, ref)
		}
	}
	return put, gone
}

// expiresAt is when a message is not worth delivering any more; 0: never.
func (m storedSample) expiresAt() int64 {
	if m.Properties == nil || m.Properties.Expiry == 0 {
		return 0
	}
	return micros(m.Published.Add(time.Duration(m.Properties.Expiry) * time.Second))
}

// Retained is [social.SampleStore]'s.
func (db *DB) Retained(ctx context.Context, q social.RetainedQuery) ([]social.Sample, error) {
	text, args := retainedAll, []any{int64(q.Stream), micros(q.At), q.Limit, q.After}
	if q.Topic != "" {
		text, args = retainedTopic, append(args, q.Topic)
	} else if end := textAfter(q.Prefix); end != "" {
		text, args = retainedRange, append(args, q.Prefix, end)
	}
	var out []social.Sample
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		m, err := scanRetained(rs)
		out = append(out, m)
		return err
	}, text, args...)
	if err != nil {
		return nil, failure(fmt.Errorf("read retained messages: %w", err))
	}
	return out, nil
}

func scanRetained(rs rows) (social.Sample, error) {
	m := social.Sample{Retain: true}
	var (
		published  int64
		qos        int16
		properties []byte
	)
	err := rs.Scan(&m.Stream, &m.Seq, &published, &m.Author, &m.Session, &qos, &m.Topic, &m.Payload, &properties)
	if err == nil && properties != nil {
		m.Properties = new(social.Properties)
		err = json.Unmarshal(properties, m.Properties)
	}
	m.Published, m.QoS = moment(published), byte(qos)
	return m, err
}

// textAfter is the least text that is greater than all that begin with prefix;
// empty where there is none. The order of UTF-8 is that of its code points.
func textAfter(prefix string) string {
	for prefix != "" {
		r, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
		switch {
		case r == utf8.MaxRune:
			continue
		case r == 0xD7FF: // surrogates follow, which are no text
			r = 0xDFFF
		}
		return prefix + string(r+1)
	}
	return ""
}

// purgeRetained deletes what has expired.
func (db *DB) purgeRetained(ctx context.Context, now time.Time) (n int64, err error) {
	streams, err := streamList(ctx, db.eng.reader(), // by retained_expiry
		`SELECT DISTINCT stream FROM (SELECT stream FROM retained WHERE expires_at <> 0 AND expires_at <= $1 ORDER BY expires_at LIMIT $2) x
		ORDER BY stream`, micros(now), purgeRows)
	if err != nil {
		return 0, err
	}
	for _, stream := range streams {
		gone, err := db.purgeRetainedOf(ctx, stream, now)
		n += gone
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// purgeRetainedOf does so in one stream, whose limit of retained messages bounds
// what it takes.
func (db *DB) purgeRetainedOf(ctx context.Context, stream social.StreamKey, now time.Time) (n int64, err error) {
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		var count, bytes int64
		if err := one(ctx, t, into(&count), `SELECT retained FROM streams WHERE id = $1`+t.forUpdate, int64(stream)); err != nil {
			return err
		}
		const over = ` FROM retained WHERE stream = $1 AND expires_at <> 0 AND expires_at <= $2`
		err := one(ctx, t, into(&count, &bytes), `SELECT COUNT(*), CAST(COALESCE(SUM(`+rowSize+`), 0) AS BIGINT)`+over, int64(stream), micros(now))
		if err != nil {
			return err
		}
		if n, err = t.exec(ctx, `DELETE`+over, int64(stream), micros(now)); err != nil {
			return err
		}
		_, err = t.exec(ctx, `UPDATE streams SET retained = retained - $2, retained_bytes = retained_bytes - $3 WHERE id = $1`,
			int64(stream), count, bytes)
		return err
	})
	return n, err
}

func streamList(ctx context.Context, c conn, text string, args ...any) ([]social.StreamKey, error) {
	var out []social.StreamKey
	err := each(ctx, c, func(rs rows) error {
		var k social.StreamKey
		err := rs.Scan(&k)
		out = append(out, k)
		return err
	}, text, args...)
	return out, err
}
