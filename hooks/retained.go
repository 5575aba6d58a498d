package hooks

import (
	"context"
	"slices"
	"strings"

	"rambla/broker"
	"rambla/social"
)

// Retained implements broker.Backlog.
func (g *Gate) Retained(ctx context.Context, p *broker.Principal, scope social.Scope, channel social.Channel, rest, after string, limit int) ([]*broker.Delivery, string, error) {
	switch channel {
	case social.ChannelData:
		return g.retainedData(ctx, scope, rest, after, limit)
	case social.ChannelReceipts:
		return g.retainedReceipts(ctx, p, scope, rest, after, limit)
	case social.ChannelPresence:
		return g.retainedPresence(ctx, p, scope, rest, after, limit)
	case social.ChannelCounters:
		return g.retainedCounters(ctx, scope)
	default: // retains nothing
		return nil, "", nil
	}
}

func (g *Gate) retainedData(ctx context.Context, scope social.Scope, rest, after string, limit int) ([]*broker.Delivery, string, error) {
	stream := g.dir.StreamOf(scope, social.ChannelData)
	owner, _, ok := g.dir.StreamOwner(stream)
	if !ok {
		return nil, "", nil
	}
	list, next, err := g.data.Retained(ctx, stream, rest, after, limit)
	out := make([]*broker.Delivery, len(list))
	for i := range list {
		out[i] = sampleDelivery(owner, &list[i])
	}
	return out, next, err
}

// retainedReceipts are as many as a context has live members at most, so they
// are read as a whole for each page.
func (g *Gate) retainedReceipts(ctx context.Context, p *broker.Principal, scope social.Scope, rest, after string, limit int) ([]*broker.Delivery, string, error) {
	key := social.SpaceKey(scope.Key)
	list, err := g.markers.Visible(ctx, actorOf(p), key)
	if err != nil {
		return nil, "", err
	}
	space := g.dir.SpaceByKey(key)
	var out []*broker.Delivery
	for _, m := range list {
		if d := g.marker(space, m); d.Rest > after && social.MatchRest(rest, d.Rest) {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b *broker.Delivery) int { return strings.Compare(a.Rest, b.Rest) })
	if len(out) > limit {
		return out[:limit], out[limit-1].Rest, nil
	}
	return out, "", nil
}
