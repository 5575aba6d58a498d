package pushgw

import (
	"context"
	"math/rand/v2"
	"time"

	"rambla/social"
)

const (
	retryBase = 5 * time.Second
	retryMost = 15 * time.Minute
	// pausedLeast is the least wait for what nobody tried to send.
	pausedLeast = 2 * time.Second
	// amendMost is how often it is tried to change what a device shows.
	amendMost = 5
)

// dispatch hands the pushes of a row to the workers; the last answer settles it.
func (g *Gateway) dispatch(r *row) {
	var pushes []*push
	for _, t := range r.targets {
		if t.push != nil {
			pushes = append(pushes, t.push)
		}
	}
	r.open = len(pushes)
	if r.open == 0 {
		g.done <- r // which has room for as many rows as may be worked on
		return
	}
	for _, p := range pushes {
		g.work <- p
	}
}

// send sends what is handed to it until there is no more.
func (g *Gateway) send(ctx context.Context) {
	for p := range g.work {
		p.begun = g.Now()
		g.figures.sending(1)
		a := g.Sender.Send(ctx, &p.m)
		if a.Verdict == TooLarge && p.what != actClear {
			p.m.Title, p.m.Body = g.Words.Line(p.occasion, p.languages...)
			p.m.Sealed = nil
			a = g.Sender.Send(ctx, &p.m)
		}
		g.figures.sending(-1)
		g.answered(ctx, p, a)
	}
}

// answered notes what became of a push, and hands the row on with the last one.
func (g *Gateway) answered(ctx context.Context, p *push, a Answer) {
	now := g.Now()
	r := p.row
	if a.Verdict == Gone {
		a.Verdict = g.drop(ctx, p, &a, now)
	}
	if a.Sandbox != nil {
		if err := g.Devices.SetSandbox(ctx, p.target.device.Key, *a.Sandbox, p.begun); err != nil {
			g.Logger.WarnContext(ctx, "a device's environment cannot be corrected; it will be tried again", "device", p.target.device.ID, "err", err)
		}
	}
	g.figures.answered(p, &a, now)
	r.mu.Lock()
	g.applyLocked(p, &a, now)
	if a.Verdict == Accepted {
		g.note(p, now)
	}
	r.open--
	last := r.open == 0
	r.mu.Unlock()
	if last {
		g.done <- r
	}
}

// note remembers what was taken until it is settled, for whoever comes next. The
// row is locked.
func (g *Gateway) note(p *push, now time.Time) {
	if g.notes == nil {
		return
	}
	x := social.PushTaken{PushTold: p.target.told, Claim: p.row.claim.Claim}
	if p.what == actAlert {
		x.Step = p.row.stepAt(now) + 1
		x.Sent, x.Next = now, now.Add(social.PushSpacing(x.Step))
	}
	if err := g.notes.add(&x); err != nil && !g.unnoted.Swap(true) {
		g.Logger.Warn("pushes cannot be noted: some come twice where this process is killed", "err", err)
	}
}

// drop removes a device that is gone. One that was registered again since is not
// meant, and tried again.
func (g *Gateway) drop(ctx context.Context, p *push, a *Answer, now time.Time) Verdict {
	since := a.Since
	if since.IsZero() {
		since = now
	}
	dropped, err := g.Devices.DropDead(ctx, p.target.device.Key, since)
	if err != nil {
		g.Logger.WarnContext(ctx, "a device that is gone cannot be removed; it will be tried again", "device", p.target.device.ID, "err", err)
	}
	if err == nil && !dropped && !p.target.device.Set.Before(since) {
		return Retry
	}
	return Gone
}

// applyLocked is what an answer means for the row and the device.
func (g *Gateway) applyLocked(p *push, a *Answer, now time.Time) {
	r, t := p.row, p.target
	t.changed = true
	switch a.Verdict {
	case Accepted:
		t.told.Wait, t.told.Attempt = time.Time{}, 0
		r.used = append(r.used, t.device.Key)
		switch p.what {
		case actAlert:
			t.told.Seq, t.told.Mark, t.told.Shown, r.sent = p.m.Seq, p.mark, true, true
			r.decide(t.device.Key, now, social.PushSent, "", a)
		case actReplace:
			t.told.Mark = p.mark
			r.decide(t.device.Key, now, social.PushReplaced, "", a)
		case actClear:
			t.told.Shown = false
			r.decide(t.device.Key, now, social.PushWithdrawn, "", a)
		}
	case Gone:
		t.told.Shown = false
		r.decide(t.device.Key, now, social.PushFailed, "gone", a)
	case Retry, Throttled:
		t.told.Attempt++
		g.laterLocked(p, a, now, now.Add(max(a.After, backoff(a.Verdict, t.told.Attempt))))
	case Paused, Misconfigured:
		g.laterLocked(p, a, now, now.Add(max(a.After, pausedLeast)+jitter(pausedLeast)))
	default: // Refused, TooLarge even so, or no answer that we know
		if p.what == actAlert {
			t.told.Seq = p.m.Seq
		} else {
			t.told.Shown = false
		}
		r.decide(t.device.Key, now, social.PushFailed, a.Verdict.String(), a)
		r.dead = append(r.dead, g.letter(p, a, now))
	}
}

// laterLocked has the device wait. What would only change what is shown is given
// up some time.
func (g *Gateway) laterLocked(p *push, a *Answer, now, until time.Time) {
	r, t := p.row, p.target
	first := t.told.Wait.IsZero()
	t.told.Wait, t.again = until, until
	if p.what == actAlert {
		t.pending = true
	} else if t.told.Attempt >= amendMost {
		t.told.Shown, t.again, t.told.Wait, t.told.Attempt = false, time.Time{}, time.Time{}, 0
		r.decide(t.device.Key, now, social.PushFailed, a.Verdict.String(), a)
		return
	}
	if first || a.Verdict == Retry || a.Verdict == Throttled {
		r.decide(t.device.Key, now, social.PushWaits, a.Verdict.String(), a).Until = until
	}
}

func (g *Gateway) letter(p *push, a *Answer, now time.Time) social.PushDead {
	d := social.PushDead{
		At: now, Person: p.row.claim.Person, Stream: p.row.claim.Stream, Device: p.target.device.Key, Seq: p.m.Seq,
		Platform: p.target.device.Platform, App: p.target.device.App, Attempt: p.target.told.Attempt, Status: a.Status, Code: a.Code,
	}
	if a.Err != nil {
		d.Detail = a.Err.Error()
	}
	g.Logger.Error("a push was refused, and would be again", "provider", d.Platform.String(), "app", d.App, "status", a.Status, "code", a.Code, "err", a.Err)
	return d
}

// backoff is how long to wait after so many failures in a row: with full jitter, and
// for a device that gets too many as providers want it.
func backoff(v Verdict, attempt int) time.Duration {
	if v == Throttled {
		return 30*time.Second<<min(2*(attempt-1), 5) + jitter(5*time.Second)
	}
	return time.Second + jitter(min(retryMost, retryBase<<min(attempt-1, 10)))
}

func jitter(d time.Duration) time.Duration { return time.Duration(rand.Int64N(int64(d) + 1)) } //nolint:gosec // no secret
