package storage

import (
	"context"
	"fmt"
	"slices"

	"rambla/social"
)

// tell adds to the claims of sessions that are there what else they need: the
// states of their streams, packets that wait for their PUBREL, changes of rights.
func (b *sessionBatch) tell(ctx context.Context, t *tx, s sessionTx) error {
	var claims []*returning
	streams := map[social.StreamKey]*streamFacts{}
	for i := range b.out {
		c := b.out[i].Claimed
		if c == nil || !c.Present {
			continue
		}
		r := &returning{
			SessionClaimed: c,
			keys:           streamsOf(c.Session.Position), streams: map[social.SpaceKey][]*streamFacts{},
		}
		claims = append(claims, r)
		for _, key := range r.keys {
			streams[key] = nil
		}
	}
	if len(claims) == 0 {
		return nil
	}
	if err := readStreams(ctx, t, streams); err != nil {
		return fmt.Errorf("read streams: %w", err)
	}
	for _, c := range claims {
		for _, key := range c.keys {
			f := streams[key]
			if f == nil {
				continue
			}
			c.Streams = append(c.Streams, f.StreamState)
			if f.space != 0 {
				c.streams[f.space] = append(c.streams[f.space], f)
			}
		}
	}
	if err := b.tellInbound(ctx, t, claims); err != nil {
		return fmt.Errorf("read inbound packets: %w", err)
	}
	return b.tellReads(ctx, t, s, claims)
}

func (b *sessionBatch) tellInbound(ctx context.Context, t *tx, claims []*returning) error {
	freed := map[packetRef]bool{}
	for _, p := range b.freed {
		freed[packetRef{int64(p.Session), p.Packet}] = true //nolint:gosec // came from a BIGINT
	}
	byID := map[social.SessionID][]*returning{}
	var ids []int64
	for _, c := range claims {
		byID[c.Session.ID] = append(byID[c.Session.ID], c)
		ids = append(ids, int64(c.Session.ID)) //nolint:gosec // came from a BIGINT
	}
	slices.Sort(ids)
	// By primary key.
	return each(ctx, t, func(rs rows) error {
		var p social.InboundPacket
		err := rs.Scan(&p.Session, &p.Packet, &p.Seq, idColumn{&p.Post})
		if freed[packetRef{int64(p.Session), p.Packet}] { //nolint:gosec // came from a BIGINT
			return err
		}
		for _, c := range byID[p.Session] {
			c.Inbound = append(c.Inbound, p)
		}
		return err
	}, `SELECT session, packet, seq, post FROM inbound WHERE session = ANY($1) ORDER BY session, packet`, slices.Compact(ids))
}

// streamFacts is the state of a stream and the space that decides on its readers;
// 0 where none does.
type streamFacts struct {
	social.StreamState
	space   social.SpaceKey
	channel social.Channel
}

// streamsOf lists the streams of a session's position, ascending; none of one
// that is corrupt.
func streamsOf(position []byte) []social.StreamKey {
	p, _ := social.DecodePosition(position)
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
		err := rs.Scan(&f.Stream, &f.space, &f.channel, &f.Epoch, &f.Head, &f.Floor)
		streams[f.Stream] = f
		return err
	}, `SELECT id, COALESCE(space, 0), channel, epoch, head, floor FROM streams WHERE id = ANY($1)`, keys)
}
