package broker

import (
	"context"
	"time"

	"rambla/social"
)

// How often the broker tidies, and how much at a time.
const (
	tidyEvery    = time.Second
	beatEvery    = 2 * time.Second
	willsAtATime = 64
	willLease    = 30 * time.Second // until a will that was handed out is handed out again
	tidyWithin   = 10 * time.Second
)

// tidy says that this node lives, notes the sessions of nodes that died, sends
// wills that are due, and saves the positions of live sessions, until ctx ends.
// What fails is tried again at the next turn.
func (b *Broker) tidy(ctx context.Context) {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	var beat time.Time
	for {
		if now := b.now(); now.Sub(beat) >= beatEvery || now.Before(beat) {
			beat = now
			b.beat(ctx)
		}
		b.sendWills(ctx)
		b.saveLazily()
		select {
		case <-tick.C:
		case <-b.wills:
		case <-ctx.Done():
			return
		}
	}
}

func (b *Broker) beat(ctx context.Context) {
	for more := true; more; {
		now := b.now()
		dead := now.Add(-b.config.NodeTimeout)
		if b.config.Alone {
			dead = now
		}
		within, cancel := context.WithTimeout(ctx, tidyWithin)
		var err error
		more, err = b.store.Beat(within, b.node, now, dead)
		cancel()
		if err != nil {
			b.quietly(ctx, "the server's sign of life was not written", err)
			return
		}
	}
}

// askWills has due wills looked for soon.
func (b *Broker) askWills() {
	select {
	case b.wills <- struct{}{}:
	default:
	}
}

func (b *Broker) sendWills(ctx context.Context) {
	b.sendOwed(ctx)
	for {
		within, cancel := context.WithTimeout(ctx, tidyWithin)
		due, err := b.store.TakeWills(within, b.now(), willLease, willsAtATime)
		if err != nil {
			cancel()
			b.quietly(ctx, "wills that are due were not read", err)
			return
		}
		for _, s := range due {
			b.publishWill(within, s, func(err error) {
				if err == nil {
					b.keeper.submit(keeping{write: social.SessionWrite{Save: &social.SessionSave{ID: s.ID, Fence: s.Fence, DropWill: true}}})
				}
			})
		}
		cancel()
		if len(due) < willsAtATime {
			return
		}
	}
}

// saveLazily saves the sessions that moved on since they were saved. It costs
// one look at every session.
func (b *Broker) saveLazily() {
	now := b.now()
	sessions := b.snapshot()
	b.mu.Lock()
	for _, g := range b.groups {
		sessions = append(sessions, g.s)
	}
	b.mu.Unlock()
	for _, s := range sessions {
		if s.durable() && s.conn.out.hasMoved() && s.stored.due(now) {
			s.persist(nil)
		}
	}
}

func (b *Broker) quietly(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		b.log.DebugContext(ctx, "tidying is behind", "what", what, "err", err)
	}
}
