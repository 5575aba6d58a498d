package hooks

import (
	"context"
	"slices"
	"time"

	"rambla/broker"
	"rambla/social"
)

// The bounds of looking for what is told last to who loses a right.
const (
	partingWithin = time.Second // of reading it: the loss itself waits for that
	partingPage   = 200
	partingPages  = 5           // of many who are removed at once, those further back are told nothing
	partingRecent = time.Minute // what is older was told when it happened
)

// parted finds, in the newest events of a space, those that tell why people lose
// their right to it: that it was deleted, or that somebody's membership ended, for
// that person alone. Nobody is there to hear them, or the store is away: none.
func (g *Gate) parted(key social.SpaceKey, people []social.PersonKey) []*broker.Delivery {
	space := g.dir.SpaceByKey(key)
	if space.Stream(social.ChannelEvents) == 0 || !g.fanout.Covered(space.Scope(), social.ChannelEvents) {
		return nil
	}
	gone := slices.DeleteFunc(slices.Clone(people), func(p social.PersonKey) bool { return g.dir.BelongsTo(key, p) })
	if len(gone) == 0 && !space.Deleted {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), partingWithin)
	defer cancel()
	var out []*broker.Delivery
	before := uint64(0)
	for range partingPages {
		page, err := g.log.Posts(ctx, social.PostQuery{Stream: space.Stream(social.ChannelEvents), Before: before, Everything: true, Limit: partingPage})
		if err != nil {
			return out // they lose the right all the same
		}
		for i := range page {
			p := &page[i]
			switch {
			case p.Published.Before(g.now().Add(-partingRecent)):
				return out
			case p.Type == social.TypeDelete && space.Deleted:
				return []*broker.Delivery{g.postDelivery(space, social.ChannelEvents, p)}
			case p.Type == social.TypeLeave && slices.Contains(gone, p.Subject):
				d := g.postDelivery(space, social.ChannelEvents, p)
				d.Only = []social.PersonKey{p.Subject}
				out = append(out, d)
				gone = slices.DeleteFunc(gone, func(person social.PersonKey) bool { return person == p.Subject })
			}
			before = p.Seq
		}
		if len(page) < partingPage || len(gone) == 0 {
			return out
		}
	}
	return out
}

// endOf has live connections follow that the space is another: all of it where it
// is deleted.
func (g *Gate) endOf(c Connections, key social.SpaceKey) {
	c.RightsEnded(g.dir.ScopeOf(key), nil, g.parted(key, nil))
}

// endFor has them follow that the rights of these people are others there.
func (g *Gate) endFor(c Connections, key social.SpaceKey, people []social.PersonKey) {
	last := g.parted(key, people)
	scope := g.dir.ScopeOf(key)
	told := map[social.PersonKey]bool{}
	for _, d := range last {
		told[d.Only[0]] = true
		c.RightsEnded(scope, d.Only, []*broker.Delivery{d})
	}
	if others := slices.DeleteFunc(slices.Clone(people), func(p social.PersonKey) bool { return told[p] }); len(others) > 0 {
		c.RightsChanged([]social.Scope{scope}, others)
	}
}
