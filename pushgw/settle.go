package pushgw

import (
	"context"
	"time"

	"rambla/social"
)

const (
	settleMost  = 500                    // rows in one transaction
	settlePause = 10 * time.Millisecond  // in which they gather
	settleRetry = 200 * time.Millisecond // after the store failed, growing
	// settleTries is how often it is tried; then the rows come again when their
	// leases end.
	settleTries = 10
)

// settle commits what became of rows, many at a time, until there are no more.
func (g *Gateway) settle(ctx context.Context) {
	for r := range g.done {
		rows := []*row{r}
		pause := time.NewTimer(settlePause)
	gather:
		for len(rows) < settleMost {
			select {
			case more, ok := <-g.done:
				if !ok {
					break gather
				}
				rows = append(rows, more)
			case <-pause.C:
				break gather
			}
		}
		pause.Stop()
		g.commit(ctx, rows)
	}
}

// commit settles rows and makes room.
func (g *Gateway) commit(ctx context.Context, rows []*row) {
	now := g.Now()
	settled := make([]social.PushSettled, len(rows))
	var used []social.DeviceKey
	for i, r := range rows {
		settled[i] = g.settlement(r, now)
		used = append(used, r.used...)
	}
	wait := settleRetry
	for try := 1; ; try++ {
		err := g.Store.SettlePushes(ctx, settled, now)
		if err == nil && len(used) > 0 {
			err = g.Devices.MarkUsed(ctx, used, now)
		}
		if err == nil {
			break
		}
		if try == settleTries || ctx.Err() != nil {
			g.Logger.ErrorContext(ctx, "what became of pushes cannot be stored; some may come again", "pushes", len(rows), "err", err)
			break
		}
		g.sleep(ctx, wait, nil)
		wait = min(2*wait, 5*time.Second)
	}
	for _, r := range rows {
		g.room.give(r.claim.Rank, 1)
	}
	nudge(g.wakeClaimer)
}

// settlement is what becomes of a row.
func (g *Gateway) settlement(r *row, now time.Time) social.PushSettled {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := social.PushSettled{PushClaim: r.claim, Again: r.wait, Decided: r.wait.IsZero(), Decisions: r.decided, Dead: r.dead}
	s.Shown, s.Attempt = false, 0
	for _, t := range r.targets {
		s.Decided = s.Decided && !t.pending
		s.Again = earliest(s.Again, t.again)
		s.Shown = s.Shown || t.told.Shown
		s.Attempt = max(s.Attempt, t.told.Attempt)
		if t.changed {
			s.Told = append(s.Told, t.told)
		}
	}
	s.Perhaps = s.Perhaps && !s.Decided
	if s.Step = r.stepAt(now); r.sent {
		s.Step++
		s.Sent, s.Next = now, now.Add(social.PushSpacing(s.Step))
	}
	s.More = now.Add(g.config.Hold)
	if r.space != nil {
		s.More = now.Add(g.hold(r.space))
	}
	if s.Next.After(s.More) {
		s.More = s.Next
	}
	s.Over = s.Decided && !s.Shown && s.Again.IsZero()
	return s
}

// stepAt is how many pushes of a flood there were, but for what the row sends.
func (r *row) stepAt(now time.Time) int {
	c := &r.claim
	if now.Sub(c.Sent) >= social.PushCalm || r.content.read >= c.Done && c.Done >= c.First {
		return 0 // the flood is over
	}
	return c.Step
}
