package storage

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"

	"rambla/social"
)

// What a QoS 2 publish needs remembered until its PUBREL is part of the append
// that stores it.
const (
	// By primary key.
	pgFindInbound = `SELECT i.* FROM unnest($1::bigint[], $2::int[]) AS u (session, packet),
		LATERAL (SELECT session, packet, stream, seq, post FROM inbound WHERE session = u.session AND packet = u.packet OFFSET 0) i`

	// Whoever ends a session waits for what this adds to it, or this finds it gone;
	// a packet of a session that is over needs no remembering. Rows in ascending
	// order, as keys.
	pgInsertInbound = `INSERT INTO inbound (session, packet, stream, seq, post)
		SELECT u.* FROM unnest($1::bigint[], $2::int[], $3::bigint[], $4::bigint[], $5::uuid[]) AS u (session, packet, stream, seq, post)
			JOIN (SELECT id FROM sessions WHERE id = ANY($1::bigint[]) ORDER BY id FOR KEY SHARE) s ON s.id = u.session
		ORDER BY u.session, u.packet`

	liteFindInbound   = `SELECT stream, seq, post FROM inbound WHERE session = ? AND packet = ?`
	liteInsertInbound = `INSERT INTO inbound (session, packet, stream, seq, post) SELECT ?, ?, ?, ?, ?
		WHERE EXISTS (SELECT 1 FROM sessions WHERE id = ?)`
)

// packetRef names a QoS 2 publish until its PUBREL.
type packetRef struct {
	session int64
	packet  uint16
}

func (r packetRef) compare(o packetRef) int {
	return cmp.Or(cmp.Compare(r.session, o.session), cmp.Compare(r.packet, o.packet))
}

// inboundOf is the packet that an entry came in, if it has to be kept.
func inboundOf(e *social.Entry) (ref packetRef, is bool) {
	return packetRef{int64(e.Inbound.Session), e.Inbound.Packet}, e.Inbound.Packet != 0 && !fault("forget-inbound") //nolint:gosec // ids are positive BIGINTs
}

// receivedPacket is what such a publish became.
type receivedPacket struct {
	packetRef
	stream int64
	seq    int64
	id     social.ID
}

// resolveEntry knows a publish that was received before by its packet: until its
// PUBREL the same identifier is the same publish [MQTT-4.3.3-10].
func (b *batch) resolveEntry(e *social.Entry, s *streamState, k keyRef) social.Appended {
	ref, is := inboundOf(e)
	if !is {
		done, _ := b.resolveNew(e, s, k)
		return done
	}
	if r := b.received[ref]; r != nil {
		return social.Appended{ID: r.id, Seq: uint64(r.seq), Repeat: true}
	}
	done, stream := b.resolveNew(e, s, k)
	if done.Err == nil {
		r := receivedPacket{packetRef: ref, stream: stream, seq: int64(done.Seq), id: done.ID} //nolint:gosec // came from a BIGINT
		b.inbound = append(b.inbound, r)
		b.received[ref] = &r
	}
	return done
}

func (b *batch) scanInbound(v [][]byte) {
	r := receivedPacket{
		packetRef: packetRef{int8Value(v[0]), uint16(binary.BigEndian.Uint32(v[1]))}, //nolint:gosec // written from one
		stream:    int8Value(v[2]), seq: int8Value(v[3]),
	}
	copy(r.id[:], v[4])
	b.received[r.packetRef] = &r
}

func (s *columnSet) fillPackets(packets []packetRef) {
	s.packets.reset(oidInt64, oidInt32)
	for _, r := range packets {
		s.packets.cols[0].int64(r.session)
		s.packets.cols[1].int32(uint32(r.packet))
	}
}

func (s *columnSet) fillInbound(packets []receivedPacket) {
	s.inbound.reset(oidInt64, oidInt32, oidInt64, oidInt64, oidID)
	c := s.inbound.cols
	for i := range packets {
		r := &packets[i]
		c[0].int64(r.session)
		c[1].int32(uint32(r.packet))
		c[2].int64(r.stream)
		c[3].int64(r.seq)
		c[4].idOrNull(r.id)
	}
}

func (s *liteStatements) lookUpInbound(ctx context.Context, b *batch) error {
	for _, ref := range b.packets {
		r := &receivedPacket{packetRef: ref}
		err := s.findInbound.QueryRowContext(ctx, ref.session, int64(ref.packet)).Scan(&r.stream, &r.seq, idColumn{&r.id})
		if err == nil {
			b.received[ref] = r
		} else if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	return nil
}

func (s *liteStatements) writeInbound(ctx context.Context, b *batch) error {
	for _, r := range b.inbound {
		_, err := s.insertInbound.ExecContext(ctx, r.session, int64(r.packet), r.stream, r.seq, idValue(r.id), r.session)
		if err != nil {
			return err
		}
	}
	return nil
}
