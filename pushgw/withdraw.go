package pushgw

import (
	"context"
	"maps"
	"slices"
	"time"

	"rambla/social"
)

const (
	withdrawPause = 50 * time.Millisecond // in which what changes gathers
	withdrawPage  = 500                   // places in one transaction, and rows of a sweep's page
	// withdrawMost bounds what waits to be looked at; beyond, all that is shown is
	// looked through instead.
	withdrawMost  = 100_000
	withdrawSweep = 10 * time.Minute // how often that is done anyway
	withdrawRetry = time.Second      // after the store failed
)

// withdrawals are what may have ended what waits or is shown.
type withdrawals struct {
	places map[social.PushPlace]struct{}
	spaces map[social.SpaceKey]struct{}
	people map[social.PersonKey]struct{}
	sweep  bool
}

func newWithdrawals() withdrawals {
	return withdrawals{places: map[social.PushPlace]struct{}{}, spaces: map[social.SpaceKey]struct{}{}, people: map[social.PersonKey]struct{}{}}
}

func (w *withdrawals) none() bool {
	return len(w.places) == 0 && len(w.spaces) == 0 && len(w.people) == 0 && !w.sweep
}

// Moved notes that a person has read on in a stream. It never blocks for long.
func (g *Gateway) Moved(stream social.StreamKey, person social.PersonKey) {
	if !g.holders.has(person) {
		return
	}
	g.mu.Lock()
	g.placeLocked(social.PushPlace{Person: person, Stream: stream})
	g.mu.Unlock()
	nudge(g.wakeWithdrawer)
}

// Wished notes that a person wants other things than before: what waits for the end
// of quiet hours may ring. It never blocks for long.
func (g *Gateway) Wished(person social.PersonKey) {
	if !g.holders.has(person) {
		return
	}
	g.mu.Lock()
	g.moved.people[person] = struct{}{}
	g.mu.Unlock()
	nudge(g.wakeWithdrawer)
}

func (g *Gateway) placeLocked(p social.PushPlace) {
	if len(g.moved.places) >= withdrawMost {
		g.moved.sweep = true
		return
	}
	g.moved.places[p] = struct{}{}
}

// Follow notes who may have lost a right, and what is new; it is a listener of the directory.
func (g *Gateway) Follow(delta social.Delta) {
	if !g.holders.any() {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range delta.Members {
		if !g.holders.has(m.Person) {
			continue
		}
		space := g.Directory.SpaceByKey(m.Space)
		for _, c := range []social.Channel{social.ChannelMessages, social.ChannelComments, social.ChannelEvents} {
			if stream := space.Stream(c); stream != 0 {
				g.placeLocked(social.PushPlace{Person: m.Person, Stream: stream})
			}
		}
	}
	for _, space := range delta.Spaces {
		g.moved.spaces[space] = struct{}{}
		// The first events of a new space are announced to nobody, and yet add people.
		if stream := g.Directory.SpaceByKey(space).Stream(social.ChannelEvents); stream != 0 {
			g.grown[stream] = struct{}{}
			nudge(g.wakeDeriver)
		}
	}
	for _, list := range [][]social.PersonKey{delta.Barred, delta.Blocks, delta.People} {
		for _, person := range list {
			if g.holders.has(person) {
				g.moved.people[person] = struct{}{}
			}
		}
	}
	nudge(g.wakeWithdrawer)
}

// withdraw has rows looked at again of which something may have ended, until ctx
// ends: first those that ended while nobody looked.
func (g *Gateway) withdraw(ctx context.Context) {
	g.mu.Lock()
	g.moved.sweep = true
	g.mu.Unlock()
	failing := false
	for swept := g.Now(); ctx.Err() == nil; {
		g.mu.Lock()
		g.moved.sweep = g.moved.sweep || g.Now().Sub(swept) >= withdrawSweep
		work := g.moved
		g.moved = newWithdrawals()
		g.mu.Unlock()
		if work.none() {
			g.sleep(ctx, withdrawSweep, g.wakeWithdrawer)
			g.sleep(ctx, withdrawPause, nil)
			continue
		}
		if work.sweep {
			swept = g.Now()
		}
		err := g.wake(ctx, &work)
		if err != nil {
			g.mu.Lock()
			g.moved.keep(&work)
			g.mu.Unlock()
			if !failing && ctx.Err() == nil {
				g.Logger.WarnContext(ctx, "what was read or is gone cannot be withdrawn yet; trying again", "err", err)
			}
			g.sleep(ctx, withdrawRetry, nil)
		} else {
			nudge(g.wakeClaimer)
		}
		failing = err != nil
	}
}

// keep takes up again what was not done.
func (w *withdrawals) keep(other *withdrawals) {
	maps.Copy(w.places, other.places)
	maps.Copy(w.spaces, other.spaces)
	maps.Copy(w.people, other.people)
	w.sweep = w.sweep || other.sweep
}

func (g *Gateway) wake(ctx context.Context, w *withdrawals) error {
	now := g.Now()
	for chunk := range slices.Chunk(slices.Collect(maps.Keys(w.places)), withdrawPage) {
		if err := g.Store.WakePushes(ctx, chunk, now); err != nil {
			return err
		}
	}
	var streams []social.StreamKey
	for key := range w.spaces {
		space := g.Directory.SpaceByKey(key)
		for _, c := range []social.Channel{social.ChannelMessages, social.ChannelComments, social.ChannelEvents} {
			if stream := space.Stream(c); stream != 0 {
				streams = append(streams, stream)
			}
		}
	}
	if len(streams) > 0 {
		if err := g.Store.WakeStreams(ctx, streams, now); err != nil {
			return err
		}
	}
	if len(w.people) > 0 {
		if err := g.Store.WakePeople(ctx, slices.Collect(maps.Keys(w.people)), now); err != nil {
			return err
		}
	}
	if w.sweep {
		return g.sweep(ctx)
	}
	return nil
}

// sweep looks through all that is shown for what was read or may not be read any
// more.
func (g *Gateway) sweep(ctx context.Context) error {
	var after social.PushPlace
	for {
		page, err := g.Store.PushShown(ctx, after, withdrawPage)
		if err != nil || len(page) == 0 {
			return err
		}
		var over []social.PushPlace
		for _, p := range page {
			after = p.PushPlace
			space, _, ok := g.Directory.PushStream(p.Stream)
			reads := false
			if ok {
				_, reads = g.Directory.PushSight(p.Person, space.Key)
			}
			if !reads || p.Read >= p.Done {
				over = append(over, p.PushPlace)
			}
		}
		if len(over) > 0 {
			if err := g.Store.WakePushes(ctx, over, g.Now()); err != nil {
				return err
			}
		}
		if len(page) < withdrawPage {
			return nil
		}
	}
}
