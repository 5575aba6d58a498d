package pushgw

import (
	"cmp"
	"context"
	"slices"
	"time"

	"rambla/social"
)

const (
	derivePause  = 50 * time.Millisecond // in which posts gather: all of a stream are one
	deriveRetry  = time.Second           // after the store failed
	deriveSweep  = time.Minute           // how often is looked for what nobody told of
	deriveLook   = time.Second           // how often is looked whether anybody has got a device
	deriveAtOnce = 200                   // streams of which the log is read in one go
	derivePage   = 200                   // posts read at a time
	derivePosts  = 1000                  // of one stream at a time
	deriveChunk  = 1000                  // people's rows written in one transaction
)

// derivation is what follows from posts of one stream, on its way to the store.
type derivation struct {
	news   []social.PushNews
	change []social.PushAmended
	stream social.StreamKey
	upTo   uint64
}

// deriver reads the log of streams that have grown.
type deriver struct {
	*Gateway
	large  []*derivation // for so many people that others go before; in turn
	behind bool          // all streams are looked at next
	looked time.Time     // when they were
}

// derive turns what is posted into rows until ctx ends.
func (g *Gateway) derive(ctx context.Context) {
	d := &deriver{Gateway: g, behind: true}
	wait := time.NewTimer(0)
	defer wait.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		busy, err := d.step(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			if !failing {
				g.Logger.WarnContext(ctx, "what is to be pushed cannot be worked out; trying again", "err", err)
			}
			d.behind = true
			wait.Reset(deriveRetry)
		case busy:
			wait.Reset(derivePause)
		default:
			select {
			case <-ctx.Done():
				return
			case <-g.wakeDeriver:
				wait.Reset(derivePause)
			case <-time.After(deriveLook):
				wait.Reset(0)
			}
		}
		failing = err != nil
	}
}

// step looks once at what has grown, and at some of what is large; busy tells that
// more is left.
func (d *deriver) step(ctx context.Context) (busy bool, err error) {
	now := d.Now()
	d.behind = d.behind || now.Sub(d.looked) >= deriveSweep
	streams := d.take()
	// The order matters: who has a device when a post is made is known when it is read.
	lags, err := d.lags(ctx, streams, now)
	if err != nil {
		d.again(streams)
		return false, err
	}
	had := d.holders.known() && d.holders.some.Load()
	if err := d.holders.refresh(ctx, d.Store, now); err != nil {
		d.again(streams)
		return false, err
	}
	if !d.holders.some.Load() {
		return false, nil
	}
	if !had {
		d.behind = true // nothing was read while nobody had a device
	}
	if err := d.all(ctx, lags, now); err != nil {
		d.again(streams)
		return false, err
	}
	if len(d.large) > 0 {
		if err := d.some(ctx, now); err != nil {
			return false, err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.large) > 0 || len(d.grown) > 0 || d.behind, nil
}

// take takes the streams to look at; those of which something large is under way
// have to wait for it.
func (d *deriver) take() []social.StreamKey {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []social.StreamKey
	for stream := range d.grown {
		if len(out) == deriveAtOnce {
			break
		}
		if !slices.ContainsFunc(d.large, func(x *derivation) bool { return x.stream == stream }) {
			out = append(out, stream)
			delete(d.grown, stream)
		}
	}
	return out
}

// again notes streams once more, which could not be read.
func (d *deriver) again(streams []social.StreamKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, stream := range streams {
		d.grown[stream] = struct{}{}
	}
}

// lags asks how far these streams, or all that have grown, go.
func (d *deriver) lags(ctx context.Context, streams []social.StreamKey, now time.Time) ([]social.PushLag, error) {
	var lags []social.PushLag
	var err error
	if len(streams) > 0 {
		lags, err = d.Store.PushLags(ctx, streams)
	}
	if err != nil || !d.behind || !d.holders.any() {
		return lags, err
	}
	var after social.StreamKey
	for {
		more, err := d.Store.PushLagging(ctx, now.Add(-social.PushLife), after, deriveAtOnce)
		if err != nil {
			return nil, err
		}
		keys := make([]social.StreamKey, len(more))
		for i, l := range more {
			keys[i] = l.Stream
			after = l.Stream
		}
		d.again(keys)
		if len(more) < deriveAtOnce {
			d.behind, d.looked = false, now
			return lags, nil
		}
	}
}

// all derives what has come in these streams: the small ones at once.
func (d *deriver) all(ctx context.Context, lags []social.PushLag, now time.Time) error {
	var small []*derivation
	for _, lag := range lags {
		x, err := d.read(ctx, lag, now)
		if err != nil {
			return err
		}
		if len(x.news) > deriveChunk {
			// Those who use their devices come first.
			slices.SortFunc(x.news, func(a, b social.PushNews) int {
				return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(d.holders.used(b.Person), d.holders.used(a.Person)))
			})
			d.large = append(d.large, x)
		} else {
			small = append(small, x)
		}
	}
	slices.SortFunc(small, func(a, b *derivation) int { return cmp.Compare(len(a.news), len(b.news)) })
	for len(small) > 0 {
		out := social.PushDerived{Read: map[social.StreamKey]uint64{}}
		for len(small) > 0 && (len(out.Read) == 0 || len(out.News)+len(small[0].news) <= deriveChunk) {
			x := small[0]
			small = small[1:]
			out.News, out.Amended = append(out.News, x.news...), append(out.Amended, x.change...)
			out.Read[x.stream] = x.upTo
		}
		if err := d.put(ctx, out, now); err != nil {
			return err
		}
	}
	return nil
}

// some writes a chunk of the large derivation whose turn it is. The position moves
// with its last one.
func (d *deriver) some(ctx context.Context, now time.Time) error {
	x := d.large[0]
	n := min(len(x.news), deriveChunk)
	out := social.PushDerived{News: slices.Clone(x.news[:n]), Amended: x.change}
	if n == len(x.news) {
		out.Read = map[social.StreamKey]uint64{x.stream: x.upTo}
	}
	if err := d.put(ctx, out, now); err != nil {
		return err
	}
	x.news, x.change = x.news[n:], nil
	d.large = d.large[1:]
	if len(x.news) > 0 {
		d.large = append(d.large, x)
	}
	return nil
}

func (d *deriver) put(ctx context.Context, out social.PushDerived, now time.Time) error {
	if err := d.Store.PutPushes(ctx, out, now); err != nil {
		return err
	}
	d.figures.derived(out.News, now)
	if len(out.News) > 0 || len(out.Amended) > 0 {
		nudge(d.wakeClaimer)
	}
	return nil
}

// read reads what is new in one stream and works out what follows.
func (d *deriver) read(ctx context.Context, lag social.PushLag, now time.Time) (*derivation, error) {
	x := &derivation{stream: lag.Stream, upTo: lag.Head}
	space, channel, ok := d.Directory.PushStream(lag.Stream)
	if !ok || space.Deleted {
		return x, nil
	}
	since := now.Add(-social.PushLife)
	after := lag.At
	if lag.Head-lag.At > derivePage {
		first, err := d.Store.FirstSince(ctx, lag.Stream, since)
		if err != nil {
			return nil, err
		}
		after = max(after, first-1)
	}
	b := social.PushBatch{Space: space, Channel: channel, Hold: d.hold(space)}
	for after < lag.Head {
		page, err := d.Posts.Posts(ctx, social.PostQuery{Stream: lag.Stream, After: after, Forward: true, Everything: true, Limit: derivePage})
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].Seq
		b.Posts = append(b.Posts, page...)
		if len(b.Posts) >= derivePosts {
			d.again([]social.StreamKey{lag.Stream})
			x.upTo = min(after, lag.Head)
			break
		}
	}
	b.Posts = slices.DeleteFunc(b.Posts, func(p social.Post) bool { return p.Published.Before(since) || p.Seq > x.upTo })
	if len(b.Posts) == 0 {
		return x, nil
	}
	if err := d.relate(ctx, &b, x); err != nil {
		return nil, err
	}
	x.news = d.Directory.PushNews(b, d.holders.has)
	return x, nil
}

// relate finds what the posts are about: whom comments answer, and which posts
// others change.
func (d *deriver) relate(ctx context.Context, b *social.PushBatch, x *derivation) error {
	known := map[social.ID]*social.Post{}
	find := func(id social.ID) (*social.Post, error) {
		if p, ok := known[id]; ok || id.IsZero() {
			return p, nil
		}
		p, err := d.Posts.PostByID(ctx, id)
		switch {
		case social.KindOf(err) == social.KindNotFound:
			known[id] = nil
		case err != nil:
			return nil, err
		default:
			known[id] = &p
		}
		return known[id], nil
	}
	for i := range b.Posts {
		p := &b.Posts[i]
		switch {
		case p.Type == social.TypeUpdate || p.Type == social.TypeDelete:
			of, err := find(p.Object)
			if err != nil {
				return err
			}
			if of != nil && of.Stream == x.stream {
				x.change = append(x.change, social.PushAmended{Stream: x.stream, Seq: of.Seq})
			}
		case b.Channel == social.ChannelComments && p.Counts():
			for _, id := range []social.ID{p.Root, p.InReplyTo} {
				of, err := find(id)
				if err != nil {
					return err
				}
				if of != nil {
					if b.Answered == nil {
						b.Answered = map[social.ID][]social.PersonKey{}
					}
					b.Answered[p.ID] = append(b.Answered[p.ID], of.Author)
				}
			}
		}
	}
	if b.Space.Kind == social.KindContext && !b.Space.PushesAll(b.Channel) && b.Channel != social.ChannelEvents {
		var err error
		b.Keen, err = d.Store.PushKeen(ctx, b.Space.Key)
		return err
	}
	return nil
}

// hold is for how long posts of a space wait.
func (g *Gateway) hold(s *social.Space) time.Duration {
	if s.Kind == social.KindConversation {
		return g.config.HoldTalk
	}
	return g.config.Hold
}
