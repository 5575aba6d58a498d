package pushgw

import (
	"context"
	"sync"
	"time"

	"rambla/social"
)

// The claimer's pauses.
const (
	claimIdle  = 2 * time.Second // the longest without a look
	claimRetry = time.Second     // after the store failed
)

// room bounds what is being worked on.
type room struct {
	mu   sync.Mutex // guards the rest
	free int        // rows that may be claimed
	last int        // rows of the last rank that may be
	back chan struct{}
}

func newRoom(c Config) *room {
	return &room{free: c.Rows, last: c.Rows / 2, back: make(chan struct{}, 1)}
}

// take takes room for up to most rows of the rank.
func (r *room) take(rank social.PushRank, most int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(most, r.free)
	if rank == social.PushLast {
		n = min(n, r.last)
		r.last -= n
	}
	r.free -= n
	return n
}

// give gives it back.
func (r *room) give(rank social.PushRank, n int) {
	if n == 0 {
		return
	}
	r.mu.Lock()
	r.free += n
	if rank == social.PushLast {
		r.last += n
	}
	r.mu.Unlock()
	nudge(r.back)
}

// ranksIn is in which order the ranks come, from turn to turn: the first mostly
// first, and none never.
func ranksIn(turn int) [social.PushRanks]social.PushRank {
	switch turn % 8 {
	case 3, 6:
		return [...]social.PushRank{social.PushMiddle, social.PushFirst, social.PushLast}
	case 7:
		return [...]social.PushRank{social.PushLast, social.PushFirst, social.PushMiddle}
	default:
		return [...]social.PushRank{social.PushFirst, social.PushMiddle, social.PushLast}
	}
}

// plan claims what is due and plans it until ctx ends. What was claimed is handed
// on, or given back.
func (g *Gateway) plan(ctx, working context.Context) {
	failing := false
	for turn := 0; ctx.Err() == nil; turn++ {
		claims, err := g.claim(ctx, turn)
		if len(claims) > 0 {
			err = g.planBatch(working, claims)
		}
		switch {
		case err != nil:
			if !failing && ctx.Err() == nil {
				g.Logger.WarnContext(ctx, "pushes cannot be prepared; trying again", "err", err)
			}
			g.sleep(ctx, claimRetry, nil)
		case len(claims) == 0:
			next, err := g.Store.NextPush(ctx)
			wait := claimIdle
			if err == nil && !next.IsZero() {
				wait = min(wait, max(next.Sub(g.Now()), time.Millisecond))
			}
			g.sleep(ctx, wait, g.wakeClaimer)
		}
		failing = err != nil
	}
}

// sleep waits for the time, for room, or for wake.
func (g *Gateway) sleep(ctx context.Context, d time.Duration, wake chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-wake:
	}
}

// claim takes what is due, up to a batch, as far as there is room.
func (g *Gateway) claim(ctx context.Context, turn int) ([]social.PushClaim, error) {
	var out []social.PushClaim
	for _, rank := range ranksIn(turn) {
		n := g.room.take(rank, g.config.Batch-len(out))
		for n == 0 && len(out) == 0 && ctx.Err() == nil && rank == social.PushFirst {
			g.sleep(ctx, claimIdle, g.room.back) // all rows are being worked on
			n = g.room.take(rank, g.config.Batch)
		}
		if n == 0 {
			continue
		}
		now := g.Now()
		claims, err := g.Store.ClaimPushes(ctx, rank, g.worker.Claim(g.claims.Add(1)), now, g.config.Lease, n)
		g.room.give(rank, n-len(claims))
		if err != nil {
			return out, err
		}
		for i := range claims {
			claims[i].Rank = rank
			g.figures.claimed(&claims[i], now, g.config.Hold)
		}
		out = append(out, claims...)
	}
	return out, nil
}

// giveBack lets go of claims that were not worked on.
func (g *Gateway) giveBack(ctx context.Context, claims []social.PushClaim) {
	for i := range claims {
		g.room.give(claims[i].Rank, 1)
	}
	if err := g.Store.ReleasePushes(ctx, claims, g.Now()); err != nil {
		g.Logger.WarnContext(ctx, "pushes wait until their lease is over", "pushes", len(claims), "err", err)
	}
}
