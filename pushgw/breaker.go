package pushgw

import (
	"math/rand/v2"
	"sync"
	"time"
)

// cause is why a lane is paused; the label of rambla_push_lane_paused_total.
type cause uint8

const (
	causeNone        cause = iota
	causeOutage            // the provider does not answer, or says that it cannot
	causeCredentials       // it refuses ours, or our configuration
	causeCount
)

var causeNames = [causeCount]string{causeOutage: "outage", causeCredentials: "credentials"}

// Times and numbers of a breaker.
const (
	breakWindow   = 30 * time.Second
	breakSlots    = 10 // of the window
	breakLeast    = 50 // answers in the window before it opens
	breakLeastNew = 10 // likewise, while it has only just closed
	probeEvery    = 5 * time.Second
	rampStart     = 100.0 // pushes a second behind the first good probe
	rampStep      = 10 * time.Second
	// Bad credentials are tried seldom, as a provider may count.
	credentialsFirst = 30 * time.Second
	credentialsMost  = 10 * time.Minute
	longestPause     = 45 * time.Second // what a push is told to wait in an outage
)

// breaker decides whether a lane may send at all. Closed, it counts; open, it lets
// one push through now and then; after a good one it lets more and more through.
type breaker struct {
	mu       sync.Mutex // guards the rest
	cause    cause      // why it is open; causeNone: closed
	since    time.Time  // of the first opening without a good answer between
	next     time.Time  // when the next probe may go
	interval time.Duration
	probing  bool
	ramp     time.Time // from when more and more may go; zero: all may
	slots    [breakSlots]struct{ answers, failures int }
	slot     int64 // number of the newest slot
	version  uint64
}

// allow asks for one push; probe says that its answer decides, and must be
// reported whatever happens. If not ok it is to wait so long.
func (b *breaker) allow(now time.Time) (ok, probe bool, wait time.Duration, why cause) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cause == causeNone {
		return true, false, 0, causeNone
	}
	if !b.probing && !now.Before(b.next) {
		b.probing = true
		return true, true, 0, b.cause
	}
	return false, false, b.waitLocked(now), b.cause
}

// waitLocked is longer the longer it has lasted, so that whoever waits does not
// ask all the time, and random, so that they do not come back together.
func (b *breaker) waitLocked(now time.Time) time.Duration {
	if b.cause == causeCredentials {
		return spread(max(b.next.Sub(now), time.Second))
	}
	return spread(min(max(now.Sub(b.since)/4, probeEvery), longestPause))
}

// spread is from d to half more.
func spread(d time.Duration) time.Duration {
	return d + rand.N(d/2+1) //nolint:gosec // to spread load
}

// rate is how many pushes a second may go, of full.
func (b *breaker) rate(now time.Time, full float64) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ramp.IsZero() {
		return full
	}
	rate := rampStart
	for range min(int(now.Sub(b.ramp)/rampStep), 40) {
		rate *= 2
	}
	if rate >= full {
		b.ramp = time.Time{}
		return full
	}
	return rate
}

// outcome is what an answer says about the provider.
type outcome uint8

const (
	outcomeNone     outcome = iota // nothing: it was not sent, or the caller gave up
	outcomeAlive                   // the provider answered
	outcomeFailed                  // it did not, or could not
	outcomeRejected                // it does not take our credentials
)

// change is what a report has done to the breaker.
type change uint8

const (
	changeNone change = iota
	changeOpened
	changeClosed
)

// report tells the outcome of a push that was allowed.
func (b *breaker) report(now time.Time, probe bool, o outcome) change {
	b.mu.Lock()
	defer b.mu.Unlock()
	if probe {
		b.probing = false
	}
	switch {
	case o == outcomeNone:
		return changeNone
	case b.cause != causeNone && !probe:
		return changeNone // it was on its way before
	case o == outcomeRejected:
		return b.openLocked(now, causeCredentials)
	case probe && o == outcomeFailed:
		return b.openLocked(now, causeOutage)
	case probe:
		b.cause, b.interval, b.since, b.ramp = causeNone, 0, time.Time{}, now
		clear(b.slots[:])
		return changeClosed
	}
	if b.countLocked(now, o == outcomeFailed) {
		return b.openLocked(now, causeOutage)
	}
	return changeNone
}

// countLocked tells whether too many have failed.
func (b *breaker) countLocked(now time.Time, failed bool) bool {
	slot := now.UnixNano() / int64(breakWindow/breakSlots)
	for ; b.slot < slot; b.slot++ {
		if slot-b.slot > breakSlots {
			b.slot = slot - breakSlots // all of them are old
		}
		b.slots[(b.slot+1)%breakSlots] = struct{ answers, failures int }{}
	}
	at := &b.slots[b.slot%breakSlots]
	at.answers++
	if !failed {
		return false
	}
	at.failures++
	answers, failures := 0, 0
	for _, s := range b.slots {
		answers += s.answers
		failures += s.failures
	}
	least := breakLeast
	if !b.ramp.IsZero() {
		least = breakLeastNew
	}
	return answers >= least && 2*failures >= answers
}

func (b *breaker) openLocked(now time.Time, why cause) change {
	was := b.cause
	if b.since.IsZero() {
		b.since = now
	}
	b.cause, b.ramp = why, time.Time{}
	switch {
	case why == causeOutage:
		b.interval = probeEvery
	case was != causeCredentials:
		b.interval = credentialsFirst
	default:
		b.interval = min(2*b.interval, credentialsMost)
	}
	b.next = now.Add(b.interval)
	clear(b.slots[:])
	if was == why {
		return changeNone
	}
	return changeOpened
}

// renewed lets a probe go at once if the credentials are not those of the last look.
func (b *breaker) renewed(version uint64, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cause == causeCredentials && b.version != version {
		b.version, b.next, b.interval = version, now, credentialsFirst/2
	}
}

// knows remembers the version of credentials that are about to be used.
func (b *breaker) knows(version uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.version = version
}

func (b *breaker) open() cause {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cause
}
