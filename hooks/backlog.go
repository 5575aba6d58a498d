package hooks

import (
	"context"

	"rambla/broker"
	"rambla/social"
)

// Reader is what a Gate reads of streams.
type Reader interface {
	Posts(ctx context.Context, q social.PostQuery) ([]social.Post, error)
	Samples(ctx context.Context, q social.SampleQuery) ([]social.Sample, error)
}

// Heads tells how far announcing has got: social.Announcer.
type Heads interface {
	Head(stream social.StreamKey) (head, told uint64)
}

// Stream implements broker.Backlog.
func (g *Gate) Stream(scope social.Scope, channel social.Channel) social.StreamKey {
	return g.dir.StreamOf(scope, channel)
}

// MakeStream implements broker.Backlog.
func (g *Gate) MakeStream(ctx context.Context, scope social.Scope, channel social.Channel) (social.StreamKey, error) {
	return g.walls.StreamOf(ctx, scope, channel)
}

// Head implements broker.Backlog.
func (g *Gate) Head(stream social.StreamKey) (head, told uint64) { return g.heads.Head(stream) }

// Joined implements broker.Backlog.
func (g *Gate) Joined(p *broker.Principal, stream social.StreamKey) (seq uint64, member bool) {
	return g.dir.Joined(actorOf(p), stream)
}

// Resume implements broker.Backlog.
func (g *Gate) Resume(p *broker.Principal, reads []social.ReadChange) map[social.StreamKey]uint64 {
	return g.dir.Regained(actorOf(p), reads)
}

// Rights implements broker.Backlog.
func (g *Gate) Rights() int64 { return g.dir.Version() }

// Seek implements broker.Backlog.
func (g *Gate) Seek(ctx context.Context, p *broker.Principal, stream social.StreamKey, from social.SeekFrom) (social.Sought, error) {
	return g.posts.Seek(ctx, actorOf(p), stream, from)
}

// Read implements broker.Backlog.
func (g *Gate) Read(ctx context.Context, stream social.StreamKey, rest string, after uint64, limit int) ([]*broker.Delivery, error) {
	owner, channel, ok := g.dir.StreamOwner(stream)
	if !ok {
		return nil, nil
	}
	var out []*broker.Delivery
	if channel == social.ChannelData {
		samples, err := g.log.Samples(ctx, social.SampleQuery{Stream: stream, Topic: rest, After: after, Limit: limit})
		for i := range samples {
			out = append(out, sampleDelivery(owner, &samples[i]))
		}
		return out, err
	}
	space, _ := g.dir.SpaceOf(owner.Scope)
	posts, err := g.log.Posts(ctx, social.PostQuery{Stream: stream, After: after, Forward: true, Everything: true, Limit: limit})
	for i := range posts {
		out = append(out, g.postDelivery(space, channel, &posts[i]))
	}
	return out, err
}
