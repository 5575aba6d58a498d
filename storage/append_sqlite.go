package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"rambla/social"
)

// The statements of an append, prepared once. Inside one transaction a prepared
// INSERT per row is as fast as one with many rows. Their parameters have no
// numbers, which the driver would look up for every row.
const (
	liteFindStream = `SELECT channel, closed, head, ordinals, head_at, bytes, retained, retained_bytes, COALESCE(space, 0) FROM streams WHERE id = ?`
	// By primary key, for a list of [person, key] in JSON: few of them are there,
	// and only those cost a row.
	liteFindKeys = `SELECT k.person, k.key, k.digest, k.stream, k.seq, k.id, k.at
		FROM json_each(?) u CROSS JOIN keys k ON k.person = u.value ->> 0 AND k.key = u.value ->> 1`
	// By posts_id.
	liteFindObject = `SELECT p.stream, p.seq, p.counts, COALESCE(p.updated_at, p.published_at), COALESCE(p.updated_at, 0),
			COALESCE(p.removed_at, 0), p.markdown, p.content, p.extra, COALESCE(p.version, 0), p.type = 'Announce', p.root,
			COALESCE(r.stream, 0), COALESCE(r.seq, 0)
		FROM posts p LEFT JOIN posts r ON r.id = p.root WHERE p.id = ?`
	liteInsertPost = `INSERT INTO posts (stream, seq, ordinal, published_at, author, id, counts, as_space, markdown, private,
			creator, subject, object, root, in_reply_to, type, content, extra, key, generator, session)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	liteInsertReader = `INSERT INTO post_readers (stream, seq, person) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`
	liteInsertSample = `INSERT INTO samples (stream, seq, published_at, author, session, qos, retain, topic, payload, properties, key)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	// By primary key.
	liteFindRetained = `SELECT ` + rowSize + ` FROM retained WHERE stream = ? AND topic = ?`
	litePutRetained  = `INSERT INTO retained (stream, topic, seq, published_at, expires_at, author, session, qos, payload, properties)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (stream, topic) DO UPDATE SET ` + replaceRetained
	liteDeleteRetained = `DELETE FROM retained WHERE stream = ? AND topic = ?`
	liteDeleteKey      = `DELETE FROM keys WHERE person = ? AND key = ?`
	liteInsertKey      = `INSERT INTO keys (person, key, digest, stream, seq, id, at) VALUES (?, ?, ?, ?, ?, ?, ?)`
	liteInsertEdit     = `INSERT INTO edits (post, seq, at, markdown, content, extra) VALUES (?, ?, ?, ?, ?, ?)`
	liteChangePost     = `UPDATE posts SET markdown = ?, content = ?, extra = ?, updated_at = ?, removed_at = ?, version = ?
		WHERE stream = ? AND seq = ?`
	// By posts_object: what earlier Updates said. They are removed with what they are about.
	liteEraseUpdates = `UPDATE posts SET content = '', extra = NULL,
			removed_at = (SELECT p.removed_at FROM posts p WHERE p.id = posts.object)
		WHERE object = ? AND type = 'Update'`
	liteEraseEdits = `DELETE FROM edits WHERE post = ?`
	liteMoveHead   = `UPDATE streams SET head = ?, ordinals = ?, head_at = ?, bytes = ?, retained = ?, retained_bytes = ? WHERE id = ?`
)

// liteStatements are those of an append, on the connection that writes.
type liteStatements struct {
	findStream, findKeys, findObject       *sql.Stmt
	insertPost, insertReader, insertSample *sql.Stmt
	deleteKey, insertKey, insertEdit       *sql.Stmt
	changePost, eraseUpdates, eraseEdits   *sql.Stmt
	findRetained, putRetained, delRetained *sql.Stmt
	moveHead                               *sql.Stmt
	findInbound, insertInbound             *sql.Stmt
	findTarget, findLike                   *sql.Stmt
	deleteLike, insertLike                 *sql.Stmt
	growTally, shrinkTally                 *sql.Stmt
	retimeTally, flagTally                 *sql.Stmt
}

// preparable is a statement and its text.
type preparable struct {
	to   **sql.Stmt
	text string
}

func (s *liteStatements) list() []preparable {
	return []preparable{
		{&s.findStream, liteFindStream},
		{&s.findKeys, liteFindKeys},
		{&s.findObject, liteFindObject},
		{&s.insertPost, liteInsertPost},
		{&s.insertReader, liteInsertReader},
		{&s.insertSample, liteInsertSample},
		{&s.deleteKey, liteDeleteKey},
		{&s.insertKey, liteInsertKey},
		{&s.insertEdit, liteInsertEdit},
		{&s.changePost, liteChangePost},
		{&s.eraseUpdates, liteEraseUpdates},
		{&s.eraseEdits, liteEraseEdits},
		{&s.findRetained, liteFindRetained},
		{&s.putRetained, litePutRetained},
		{&s.delRetained, liteDeleteRetained},
		{&s.moveHead, liteMoveHead},
		{&s.findInbound, liteFindInbound},
		{&s.insertInbound, liteInsertInbound},
		{&s.findTarget, liteFindTarget},
		{&s.findLike, liteFindLike},
		{&s.deleteLike, liteDeleteLike},
		{&s.insertLike, liteInsertLike},
		{&s.growTally, liteGrowTally},
		{&s.shrinkTally, liteShrinkTally},
		{&s.retimeTally, liteRetimeTally},
		{&s.flagTally, liteFlagTally},
	}
}

func prepareLite(ctx context.Context, db *sql.DB, all []preparable) error {
	for _, p := range all {
		var err error
		if *p.to, err = db.PrepareContext(ctx, p.text); err != nil { //nolint:sqlclosecheck // closeLite does
			return fmt.Errorf("prepare: %w", err)
		}
	}
	return nil
}

func closeLite(all []preparable) error {
	var errs []error
	for _, p := range all {
		if *p.to != nil {
			errs = append(errs, (*p.to).Close())
		}
	}
	return errors.Join(errs...)
}

// bindLite fills in what is bound to a transaction.
func bindLite(ctx context.Context, t *sql.Tx, prepared, bound []preparable) {
	for i, p := range prepared {
		*bound[i].to = t.StmtContext(ctx, *p.to)
	}
}

func (e *lite) appendBatch(ctx context.Context, b *batch) error {
	err := e.exclusive(ctx, func(ctx context.Context, t *sql.Tx) error {
		b.begin()
		s := new(liteStatements)
		bindLite(ctx, t, e.hot.list(), s.list())
		if err := s.lookUp(ctx, b); err != nil {
			return fmt.Errorf("look up what a batch needs: %w", err)
		}
		if err := e.lookUpFiles(ctx, liteConn{e, t}, b); err != nil {
			return fmt.Errorf("look up the files of a batch: %w", err)
		}
		b.resolve()
		if b.idle() {
			return nil
		}
		if err := errors.Join(s.write(ctx, b), e.writeFiles(ctx, liteConn{e, t}, b)); err != nil {
			return fmt.Errorf("write a batch: %w", err)
		}
		return nil
	})
	e.tellFull(err)
	return err
}

func (s *liteStatements) lookUp(ctx context.Context, b *batch) error {
	for i := range b.streams {
		st := &b.streams[i]
		err := s.findStream.QueryRowContext(ctx, st.key).Scan(&st.channel, &st.closed, &st.head, &st.ordinals, &st.headAt,
			&st.bytes, &st.retained, &st.retainedBytes, &st.space)
		if err == nil {
			st.known = true
		} else if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	if err := s.lookUpKeys(ctx, b); err != nil {
		return err
	}
	if err := s.lookUpInbound(ctx, b); err != nil {
		return err
	}
	for _, id := range b.objects {
		o := &object{id: id}
		err := s.findObject.QueryRowContext(ctx, id[:]).Scan(&o.stream, &o.seq, &o.counts, &o.writtenAt, &o.updatedAt,
			&o.removedAt, &o.markdown, &o.content, &o.extra, &o.version, &o.announce, idColumn{&o.root}, &o.rootAt.Stream, &o.rootAt.Seq)
		if err == nil {
			b.found[id] = o
		} else if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	if err := s.lookUpSaid(ctx, b); err != nil {
		return err
	}
	for _, ref := range b.topics {
		var size int64
		err := s.findRetained.QueryRowContext(ctx, ref.stream, ref.topic).Scan(&size)
		if err == nil {
			b.retained[ref] = &retainedRow{stored: true, size: size}
		} else if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	return nil
}

func (s *liteStatements) lookUpKeys(ctx context.Context, b *batch) error {
	if len(b.keys) == 0 {
		return nil
	}
	list := make([][2]any, len(b.keys))
	for i, k := range b.keys {
		list[i] = [2]any{k.person, k.key}
	}
	text, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("encode keys: %w", err)
	}
	rs, err := s.findKeys.QueryContext(ctx, string(text))
	if err != nil {
		return err
	}
	defer func() { _ = rs.Close() }() // Err tells
	for rs.Next() {
		var k usedKey
		if err := rs.Scan(&k.person, &k.key, hashColumn{&k.digest}, &k.stream, &k.seq, idColumn{&k.id}, &k.at); err != nil {
			return err
		}
		b.remember(k)
	}
	return rs.Err()
}

func (s *liteStatements) write(ctx context.Context, b *batch) error {
	for _, p := range b.posts {
		if err := s.writePost(ctx, p); err != nil {
			return err
		}
	}
	for _, m := range b.samples {
		_, err := s.insertSample.ExecContext(ctx, int64(m.Stream), int64(m.Seq), micros(m.Published), int64(m.Author), orNull(int64(m.Session)), //nolint:gosec // came from a BIGINT
			int64(m.QoS), m.Retain, m.Topic, notNil(m.Payload), m.properties, textOrNull(m.Key))
		if err != nil {
			return err
		}
	}
	if err := s.writeRetained(ctx, b); err != nil {
		return err
	}
	if err := s.writeAmendments(ctx, b); err != nil {
		return err
	}
	if err := s.writeSaid(ctx, b); err != nil {
		return err
	}
	for _, k := range b.expired {
		if _, err := s.deleteKey.ExecContext(ctx, k.person, k.key); err != nil {
			return err
		}
	}
	for _, k := range b.newKeys {
		if _, err := s.insertKey.ExecContext(ctx, k.person, k.key, k.digest[:], k.stream, k.seq, idValue(k.id), k.at); err != nil {
			return err
		}
	}
	if err := s.writeInbound(ctx, b); err != nil {
		return err
	}
	for _, st := range b.streams {
		if !st.changed {
			continue
		}
		_, err := s.moveHead.ExecContext(ctx, st.head, st.ordinals, st.headAt, st.bytes, st.retained, st.retainedBytes, st.key)
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *liteStatements) writeRetained(ctx context.Context, b *batch) error {
	put, gone := b.retainedChanges()
	for _, ref := range gone {
		if _, err := s.delRetained.ExecContext(ctx, ref.stream, ref.topic); err != nil {
			return err
		}
	}
	for _, m := range put {
		_, err := s.putRetained.ExecContext(ctx, int64(m.Stream), m.Topic, int64(m.Seq), micros(m.Published), m.expiresAt(), //nolint:gosec // came from a BIGINT
			int64(m.Author), orNull(int64(m.Session)), int64(m.QoS), m.Payload, m.properties) //nolint:gosec // sessions have 63 bits
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *liteStatements) writePost(ctx context.Context, p *social.Post) error {
	if _, err := s.insertPost.ExecContext(ctx, postValues(p)...); err != nil {
		return err
	}
	if !p.Private {
		return nil
	}
	for _, person := range p.To {
		if _, err := s.insertReader.ExecContext(ctx, int64(p.Stream), int64(p.Seq), int64(person)); err != nil { //nolint:gosec // came from a BIGINT
			return err
		}
	}
	return nil
}

func (s *liteStatements) writeAmendments(ctx context.Context, b *batch) error {
	for _, d := range b.edits {
		if _, err := s.insertEdit.ExecContext(ctx, d.post.id[:], d.seq, d.at, d.markdown, d.content, d.extra); err != nil {
			return err
		}
	}
	for _, o := range b.changed {
		_, err := s.changePost.ExecContext(ctx, o.markdown, o.content, o.extra, orNull(o.updatedAt), orNull(o.removedAt), orNull(o.version), o.stream, o.seq)
		if err != nil {
			return err
		}
	}
	for _, id := range b.removed() {
		if _, err := s.eraseUpdates.ExecContext(ctx, id[:]); err != nil {
			return err
		}
		if _, err := s.eraseEdits.ExecContext(ctx, id[:]); err != nil {
			return err
		}
	}
	return nil
}
