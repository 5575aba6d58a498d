package storage

import (
	"context"
	"fmt"
	"slices"

	"rambla/social"
)

// tell adds to the claims of sessions that are there what else they need: the
// states of their streams, packets that wait for their PUBREL, changes of rights.
func (b *sessionBatch) tell(ctx context.Context, t *tx) error {
	claims := map[social.SessionID][]*social.SessionClaimed{}
	streams := map[social.StreamKey]*streamFacts{}
	var ids []int64
	for i := range b.out {
		c := b.out[i].Claimed
		if c == nil || !c.Present {
			continue
		}
		if claims[c.Session.ID] == nil {
			ids = append(ids, int64(c.Session.ID)) //nolint:gosec // came from a BIGINT
		}
		claims[c.Session.ID] = append(claims[c.Session.ID], c)
		for _, key := range streamsOf(c) {
			streams[key] = nil
		}
	}
	if len(ids) == 0 {
		return nil
	}
	if err := readStreams(ctx, t, streams); err != nil {
		return fmt.Errorf("read streams: %w", err)
	}
	for _, list := range claims {
		for _, c := range list {
			for _, key := range streamsOf(c) {
				if f := streams[key]; f != nil {
					c.Streams = append(c.Streams, f.StreamState)
				}
			}
		}
	}
	freed := map[packetRef]bool{}
	for _, p := range b.freed {
		freed[packetRef{int64(p.Session), p.Packet}] = true //nolint:gosec // came from a BIGINT
	}
	// By primary key.
	err := each(ctx, t, func(rs rows) error {
		var p social.InboundPacket
		err := rs.Scan(&p.Session, &p.Packet, &p.Seq, idColumn{&p.Post})
		if freed[packetRef{int64(p.Session), p.Packet}] { //nolint:gosec // came from a BIGINT
			return err
		}
		for _, c := range claims[p.Session] {
			c.Inbound = append(c.Inbound, p)
		}
		return err
	}, `SELECT session, packet, seq, post FROM inbound WHERE session = ANY($1) ORDER BY session, packet`, ids)
	if err != nil {
		return fmt.Errorf("read inbound packets: %w", err)
	}
	return nil
}

// streamFacts is the state of a stream and the space that decides on its readers;
// 0 where none does.
type streamFacts struct {
	social.StreamState
	space social.SpaceKey
}

// streamsOf lists the streams of a session's position, ascending.
func streamsOf(c *social.SessionClaimed) []social.StreamKey {
	p, _ := social.DecodePosition(c.Session.Position) // a session that is present has one that decodes
	var out []social.StreamKey
	for _, x := range p.Cursors {
		out = append(out, x.Stream)
	}
	for _, x := range p.Open {
		out = append(out, x.Stream)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// readStreams fills in those that there are.
func readStreams(ctx context.Context, c conn, streams map[social.StreamKey]*streamFacts) error {
	keys := make([]int64, 0, len(streams))
	for key := range streams {
		keys = append(keys, int64(key))
	}
	slices.Sort(keys)
	return each(ctx, c, func(rs rows) error {
		f := new(streamFacts)
		err := rs.Scan(&f.Stream, &f.space, &f.Epoch, &f.Head, &f.Floor)
		streams[f.Stream] = f
		return err
	}, `SELECT id, COALESCE(space, 0), epoch, head, floor FROM streams WHERE id = ANY($1)`, keys)
}
