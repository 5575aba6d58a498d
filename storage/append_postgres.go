package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"rambla/social"
)

// An append is two round trips however large the batch is: the first locks
// the streams' counter rows and looks up keys and objects, the second writes and
// commits. The lock is held across the commit's flush, once per batch and not
// once per post, and makes commit order and seq order the same.
const (
	// In ascending order of keys, as everybody locks them.
	pgLockStreams = `SELECT id, channel, closed, head, ordinals, head_at, bytes, retained, retained_bytes, COALESCE(space, 0) FROM streams
		WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE`
	// By primary key. OFFSET 0 keeps it one look-up per key: a join that was planned
	// when the table was empty would read all of it.
	pgFindKeys = `SELECT k.* FROM unnest($1::bigint[], $2::text[]) AS u (person, key),
		LATERAL (SELECT person, key, digest, stream, seq, id, at FROM keys WHERE person = u.person AND key = u.key OFFSET 0) k`
	// By posts_id. Whoever changes a post holds its stream, which the statement
	// before this one has locked; an object of another stream is refused by that.
	pgFindObjects = `SELECT p.*, COALESCE(r.stream, 0), COALESCE(r.seq, 0) FROM unnest($1::uuid[]) AS u (id)
		CROSS JOIN LATERAL (SELECT id, stream, seq, counts, COALESCE(updated_at, published_at), COALESCE(updated_at, 0),
			COALESCE(removed_at, 0), markdown, content, extra, COALESCE(version, 0), type = 'Announce', root
			FROM posts WHERE id = u.id OFFSET 0) p
		LEFT JOIN LATERAL (SELECT stream, seq FROM posts WHERE id = p.root OFFSET 0) r ON TRUE`

	pgInsertPosts = `INSERT INTO posts (stream, seq, ordinal, published_at, author, id, counts, as_space, markdown, private,
			creator, subject, object, root, in_reply_to, type, content, extra, key, generator, session)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::uuid[], $7::bool[], $8::bool[],
			$9::bool[], $10::bool[], $11::bigint[], $12::bigint[], $13::uuid[], $14::uuid[], $15::uuid[], $16::text[], $17::text[],
			$18::bytea[], $19::text[], $20::text[], $21::bigint[])`
	pgInsertReaders = `INSERT INTO post_readers (stream, seq, person)
		SELECT DISTINCT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])`
	pgInsertSamples = `INSERT INTO samples (stream, seq, published_at, author, session, qos, retain, topic, payload, properties, key)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::smallint[], $7::bool[],
			$8::text[], $9::bytea[], $10::bytea[], $11::text[])`
	// By primary key. Whoever changes what is retained holds its stream.
	pgFindRetained = `SELECT r.* FROM unnest($1::bigint[], $2::text[]) AS u (stream, topic),
		LATERAL (SELECT stream, topic, (` + rowSize + `)::bigint FROM retained WHERE stream = u.stream AND topic = u.topic OFFSET 0) r`
	pgPutRetained = `INSERT INTO retained (stream, topic, seq, published_at, expires_at, author, session, qos, payload, properties)
		SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
			$8::smallint[], $9::bytea[], $10::bytea[])
		ON CONFLICT (stream, topic) DO UPDATE SET ` + replaceRetained
	pgDeleteRetained = `DELETE FROM retained r USING unnest($1::bigint[], $2::text[]) AS u (stream, topic)
		WHERE r.stream = u.stream AND r.topic = u.topic`
	// Locked in order first: two nodes may reuse the same forgotten keys. The one that
	// comes second leaves the other's, and loses the race.
	pgDeleteKeys = `DELETE FROM keys d USING (
			SELECT person, key FROM keys WHERE (person, key) IN (SELECT * FROM unnest($1::bigint[], $2::text[])) AND at <= ANY($3::bigint[])
			ORDER BY person, key FOR UPDATE) l
		WHERE d.person = l.person AND d.key = l.key`
	// In ascending order: where another node inserts the same keys, one of the
	// two waits at the first of them and then loses the race (keys_pkey).
	pgInsertKeys = `INSERT INTO keys (person, key, digest, stream, seq, id, at)
		SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[], $6::uuid[], $7::bigint[])`
	pgInsertEdits = `INSERT INTO edits (post, seq, at, markdown, content, extra)
		SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bool[], $5::text[], $6::bytea[])`
	pgChangePosts = `UPDATE posts p SET markdown = c.markdown, content = c.content, extra = c.extra,
			updated_at = c.updated_at, removed_at = c.removed_at, version = c.version
		FROM unnest($1::bigint[], $2::bigint[], $3::bool[], $4::text[], $5::bytea[], $6::bigint[], $7::bigint[], $8::bigint[])
			AS c (stream, seq, markdown, content, extra, updated_at, removed_at, version)
		WHERE p.stream = c.stream AND p.seq = c.seq`
	// By posts_object: what earlier Updates said. They are removed with what they are about.
	pgEraseUpdates = `UPDATE posts u SET content = '', extra = NULL, removed_at = p.removed_at
		FROM posts p WHERE p.id = u.object AND u.object = ANY($1::uuid[]) AND u.type = 'Update'`
	pgEraseEdits = `DELETE FROM edits WHERE post = ANY($1::uuid[])`
	pgMoveHeads  = `UPDATE streams s SET head = c.head, ordinals = c.ordinals, head_at = c.head_at, bytes = c.bytes,
			retained = c.retained, retained_bytes = c.retained_bytes
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
			AS c (id, head, ordinals, head_at, bytes, retained, retained_bytes)
		WHERE s.id = c.id`
)

func (e *postgres) appendBatch(ctx context.Context, b *batch) error {
	set := e.spare.get()
	defer e.spare.put(set)
	return e.racing(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		err := e.appendOn(ctx, c, b, set)
		if err != nil && !c.Conn().IsClosed() && c.Conn().PgConn().TxStatus() != 'I' {
			// Leaves the connection usable; where that fails too, the pool drops it.
			_, rollback := c.Exec(ctx, "ROLLBACK")
			err = errors.Join(err, rollback)
		}
		return err
	})
}

func (e *postgres) appendOn(ctx context.Context, c *pgxpool.Conn, b *batch, set *columnSet) error {
	b.begin()
	p := pipeline{conn: c}
	if err := e.lookUp(ctx, &p, b, set); err != nil {
		return fmt.Errorf("look up what a batch needs: %w", err)
	}
	b.resolve()
	if b.idle() {
		_, err := c.Exec(ctx, "ROLLBACK")
		return err
	}
	if err := e.write(ctx, &p, b, set); err != nil {
		return fmt.Errorf("write a batch: %w", err)
	}
	return nil
}

// lookUp is the first round trip.
func (e *postgres) lookUp(ctx context.Context, p *pipeline, b *batch, set *columnSet) error {
	p.queue(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED", nil, nil)

	set.streams.reset(oidInt64)
	for i := range b.streams {
		set.streams.cols[0].int64(b.streams[i].key)
	}
	p.queue(ctx, pgLockStreams, &set.streams, b.scanStream)

	if len(b.keys) > 0 {
		set.keys.reset(oidInt64, oidText)
		for i := range b.keys {
			set.keys.cols[0].int64(b.keys[i].person)
			set.keys.cols[1].text(b.keys[i].key)
		}
		p.queue(ctx, pgFindKeys, &set.keys, b.scanKey)
	}
	if len(b.objects) > 0 {
		set.objects.reset(oidID)
		for _, id := range b.objects {
			set.objects.cols[0].id(id)
		}
		p.queue(ctx, pgFindObjects, &set.objects, b.scanObject)
	}
	if len(b.targets) > 0 {
		e.queueTargets(ctx, p, b, set)
	}
	if len(b.files) > 0 {
		e.queueFindFiles(ctx, p, b, set)
	}
	if len(b.topics) > 0 {
		set.fillTopics(b.topics)
		p.queue(ctx, pgFindRetained, &set.topics, b.scanRetained)
	}
	if len(b.packets) > 0 {
		set.fillPackets(b.packets)
		p.queue(ctx, pgFindInbound, &set.packets, b.scanInbound)
	}
	return p.run(ctx)
}

func (b *batch) scanStream(v [][]byte) {
	s := b.stream(int8Value(v[0]))
	s.known = true
	s.channel = social.Channel(binary.BigEndian.Uint16(v[1])) //nolint:gosec // written from a Channel
	s.closed = v[2][0] != 0
	s.head, s.ordinals, s.headAt = int8Value(v[3]), int8Value(v[4]), int8Value(v[5])
	s.bytes, s.retained, s.retainedBytes, s.space = int8Value(v[6]), int8Value(v[7]), int8Value(v[8]), int8Value(v[9])
}

func (b *batch) scanRetained(v [][]byte) {
	b.retained[topicRef{int8Value(v[0]), string(v[1])}] = &retainedRow{stored: true, size: int8Value(v[2])}
}

func (b *batch) scanKey(v [][]byte) {
	k := usedKey{
		keyRef: keyRef{int8Value(v[0]), string(v[1])},
		stream: int8Value(v[3]), seq: int8Value(v[4]), at: int8Value(v[6]),
	}
	copy(k.digest[:], v[2])
	copy(k.id[:], v[5])
	b.remember(k)
}

func (b *batch) scanObject(v [][]byte) {
	o := &object{
		stream: int8Value(v[1]), seq: int8Value(v[2]), counts: v[3][0] != 0,
		writtenAt: int8Value(v[4]), updatedAt: int8Value(v[5]), removedAt: int8Value(v[6]),
		markdown: v[7][0] != 0, content: string(v[8]), version: int8Value(v[10]), announce: v[11][0] != 0,
		rootAt: social.PostRef{Stream: social.StreamKey(int8Value(v[13])), Seq: uint64(int8Value(v[14]))}, //nolint:gosec // from a BIGINT
	}
	copy(o.id[:], v[0])
	copy(o.root[:], v[12])
	if v[9] != nil {
		o.extra = append([]byte{}, v[9]...)
	}
	b.found[o.id] = o
}

func int8Value(v []byte) int64 { return int64(binary.BigEndian.Uint64(v)) } //nolint:gosec // the same bits

// write is the second round trip.
func (e *postgres) write(ctx context.Context, p *pipeline, b *batch, set *columnSet) error {
	if len(b.posts) > 0 {
		set.fillPosts(b.posts)
		p.queue(ctx, pgInsertPosts, &set.posts, nil)
		if set.fillReaders(b.posts) {
			p.queue(ctx, pgInsertReaders, &set.readers, nil)
		}
	}
	if len(b.samples) > 0 {
		set.fillSamples(b.samples)
		p.queue(ctx, pgInsertSamples, &set.samples, nil)
	}
	e.queueRetained(ctx, p, b, set)
	if len(b.changed) > 0 {
		e.queueAmendments(ctx, p, b, set)
	}
	if len(b.changed)+len(b.hung) > 0 {
		e.queueFiles(ctx, p, b, set)
	}
	if len(b.tallies) > 0 {
		e.queueSaid(ctx, p, b, set)
	}
	if len(b.expired) > 0 {
		set.expired.reset(oidInt64, oidText, oidInt64)
		set.expired.cols[2].int64(b.now - social.KeyLife.Microseconds())
		for _, k := range b.expired {
			set.expired.cols[0].int64(k.person)
			set.expired.cols[1].text(k.key)
		}
		p.queue(ctx, pgDeleteKeys, &set.expired, nil)
	}
	if len(b.newKeys) > 0 {
		set.fillKeys(b.newKeys)
		p.queue(ctx, pgInsertKeys, &set.newKeys, nil)
	}
	if len(b.inbound) > 0 {
		set.fillInbound(b.inbound)
		p.queue(ctx, pgInsertInbound, &set.inbound, nil)
	}
	set.fillHeads(b.streams)
	p.queue(ctx, pgMoveHeads, &set.heads, nil)
	p.queue(ctx, "COMMIT", nil, nil)
	if err := p.run(ctx); err != nil {
		return err
	}
	if p.tag != "COMMIT" {
		return &brokenRuleError{"a transaction ended with " + p.tag}
	}
	return nil
}

func (e *postgres) queueRetained(ctx context.Context, p *pipeline, b *batch, set *columnSet) {
	put, gone := b.retainedChanges()
	if len(gone) > 0 {
		set.fillTopics(gone)
		p.queue(ctx, pgDeleteRetained, &set.topics, nil)
	}
	if len(put) > 0 {
		set.fillRetained(put)
		p.queue(ctx, pgPutRetained, &set.retained, nil)
	}
}

func (e *postgres) queueAmendments(ctx context.Context, p *pipeline, b *batch, set *columnSet) {
	if len(b.edits) > 0 {
		set.fillEdits(b.edits)
		p.queue(ctx, pgInsertEdits, &set.edits, nil)
	}
	set.fillChanged(b.changed)
	p.queue(ctx, pgChangePosts, &set.changed, nil)
	if removed := b.removed(); len(removed) > 0 {
		set.removed.reset(oidID)
		for _, id := range removed {
			set.removed.cols[0].id(id)
		}
		p.queue(ctx, pgEraseUpdates, &set.removed, nil)
		p.queue(ctx, pgEraseEdits, &set.removed, nil)
	}
}

// pipeline sends several statements in one round trip, each prepared once per
// connection, with parameters and results in the binary format.
type pipeline struct {
	conn  *pgxpool.Conn
	batch pgconn.Batch
	scans []func([][]byte)
	tag   string // of the last statement of the last run
	err   error  // of preparing
}

var binaryFormat = []int16{1}

// queue adds a statement; its columns stay as they are until run is over. scan
// gets every row of the result, which it must not keep.
func (p *pipeline) queue(ctx context.Context, sql string, params *columns, scan func([][]byte)) {
	if p.err != nil {
		return
	}
	// pgx keeps what it has prepared under this name.
	sd, err := p.conn.Conn().Prepare(ctx, sql, sql)
	if err != nil {
		p.err = fmt.Errorf("prepare: %w", err)
		return
	}
	if params == nil {
		p.batch.ExecPrepared(sd.Name, nil, nil, nil)
	} else {
		p.batch.ExecPrepared(sd.Name, params.all(), binaryFormat, binaryFormat)
	}
	p.scans = append(p.scans, scan)
}

// run sends what is queued and reads all results.
func (p *pipeline) run(ctx context.Context) error {
	if p.err != nil {
		return p.err
	}
	results := p.conn.Conn().PgConn().ExecBatch(ctx, &p.batch)
	for i := 0; results.NextResult(); i++ {
		r := results.ResultReader()
		for r.NextRow() {
			if scan := p.scans[i]; scan != nil {
				scan(r.Values())
			}
		}
		tag, err := r.Close()
		if err != nil {
			break // Close tells it
		}
		p.tag = tag.String()
	}
	p.batch, p.scans = pgconn.Batch{}, p.scans[:0]
	return results.Close()
}
