package pushgw

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"rambla/social"
)

// How long a push waits in its lane, at most; so long a caller waits for nothing.
const (
	waitForRate = 2 * time.Second
	waitForGate = 5 * time.Second
	answerIn    = 30 * time.Second
)

// Versioned is what a Sender may also be: Version changes when the credentials of
// the app were read anew, so that nobody has to wait until they are tried again.
type Versioned interface {
	Version(app string) uint64
}

// lane is what the pushes of one app to one of a provider's worlds have in common.
type lane struct {
	name     laneName
	sender   Sender
	limits   Limits
	logger   *slog.Logger
	counters *laneCounters
	now      func() time.Time

	gate       chan struct{}
	breaker    breaker
	bucket     bucket
	quarantine quarantine
}

// laneName tells lanes apart.
type laneName struct {
	platform social.Platform
	app      string
	// world is production or sandbox of APNs, the host of Web Push, and empty for FCM.
	world string
}

// send hands the push to the provider, or says when to come back.
func (l *lane) send(ctx context.Context, m *Message) Answer {
	if ctx.Err() != nil {
		return l.leave(ctx)
	}
	l.renew()
	ok, probe, wait, why := l.breaker.allow(l.now())
	if !ok {
		return l.pause(causePauses[why], wait)
	}
	o := outcomeNone
	defer func() { l.settle(probe, o) }()
	if a, ok := l.enter(ctx); !ok {
		return a
	}
	defer func() { <-l.gate }()
	within, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	begin := l.now()
	l.counters.inFlight.Inc()
	a := l.sender.Send(within, m)
	l.counters.inFlight.Dec()
	l.counters.seconds.Observe(l.now().Sub(begin).Seconds())
	o = l.judge(ctx, &a)
	if o == outcomeAlive {
		l.believe(&a)
	}
	l.counters.answer(a.Verdict)
	return a
}

// renew has credentials that were refused tried again at once when they are new.
func (l *lane) renew() {
	v, ok := l.sender.(Versioned)
	if ok && l.breaker.open() == causeCredentials {
		l.breaker.renewed(v.Version(l.name.app), l.now())
	}
}

// enter waits for the rate and for the gate.
func (l *lane) enter(ctx context.Context) (Answer, bool) {
	now := l.now()
	wait, ok := l.bucket.take(now, l.breaker.rate(now, l.limits.Rate), waitForRate)
	if !ok {
		return l.pause(pauseRate, spread(max(wait, time.Second))), false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	if wait > 0 {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return l.leave(ctx), false
		}
	}
	select {
	case l.gate <- struct{}{}:
		return Answer{}, true
	default:
	}
	timer.Reset(waitForGate)
	select {
	case l.gate <- struct{}{}:
		return Answer{}, true
	case <-timer.C:
		return l.pause(pauseGate, spread(waitForGate)), false
	case <-ctx.Done():
		return l.leave(ctx), false
	}
}

func (l *lane) pause(why pauseReason, wait time.Duration) Answer {
	l.counters.pause(why)
	l.counters.answer(Paused)
	return Answer{Verdict: Paused, Code: pauseNames[why], After: wait}
}

// leave is for a caller that gave up before anything was sent.
func (l *lane) leave(ctx context.Context) Answer {
	l.counters.answer(Paused)
	return Answer{Verdict: Paused, Code: "canceled", Err: context.Cause(ctx)}
}

// judge reads what an answer says about the provider.
func (l *lane) judge(ctx context.Context, a *Answer) outcome {
	switch {
	case a.Verdict == Misconfigured:
		return outcomeRejected
	case a.Verdict == Paused || errors.Is(ctx.Err(), context.Canceled):
		return outcomeNone
	case a.Verdict == Retry && a.Status == http.StatusTooManyRequests:
		l.bucket.slowDown(l.now())
		return outcomeAlive
	case a.Verdict == Retry:
		return outcomeFailed
	default:
		return outcomeAlive
	}
}

// believe doubts that a device is gone where too many are.
func (l *lane) believe(a *Answer) {
	doubted, first := l.quarantine.doubts(l.now(), a.Verdict == Gone)
	if !doubted {
		return
	}
	l.counters.pause(pauseQuarantine)
	if first {
		l.logger.Error("so many devices are said to be gone that it is not believed; are the app's credentials for these devices?",
			"provider", l.name.platform.String(), "app", l.name.app, "world", l.name.world, "code", a.Code)
	}
	*a = Answer{Verdict: Paused, Status: a.Status, Code: pauseNames[pauseQuarantine], After: spread(goneWindow)}
}

// settle tells the breaker, and the operators what has changed.
func (l *lane) settle(probe bool, o outcome) {
	what := l.breaker.report(l.now(), probe, o)
	if what == changeNone {
		return
	}
	why := l.breaker.open()
	where := []any{"provider", l.name.platform.String(), "app", l.name.app, "world", l.name.world}
	switch {
	case what == changeClosed:
		l.counters.open.Dec()
		l.logger.Info("pushes go again", where...)
	case why == causeCredentials:
		if v, ok := l.sender.(Versioned); ok {
			l.breaker.knows(v.Version(l.name.app))
		}
		l.counters.opened(why, probe)
		l.logger.Error("the push provider refuses the credentials or the configuration of the app; its pushes wait until they are mended", where...)
	default:
		l.counters.opened(why, probe)
		l.logger.Warn("the push provider does not answer as it should; its pushes wait", where...)
	}
}
