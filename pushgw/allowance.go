package pushgw

import (
	"sync"
	"time"
)

// How much one person, and one device, is pushed to. Whatever is beyond comes
// later, merged with what has come until then. A device's is below what FCM allows
// one (240 a minute) and what APNs delivers.
const (
	personBurst = 30
	personEvery = 3 * time.Second
	deviceBurst = 10
	deviceEvery = time.Second
)

// allowancesMost bounds how many are remembered; where there are more, some who
// have used little of theirs are forgotten.
const allowancesMost = 200_000

// allowances are a token bucket for each of many. One that is full is not kept.
type allowances[K comparable] struct {
	burst int
	every time.Duration

	mu   sync.Mutex // guards the rest
	full map[K]time.Time
	last time.Time // when those that are full were dropped
}

func newAllowances[K comparable](burst int, every time.Duration) *allowances[K] {
	return &allowances[K]{burst: burst, every: every, full: map[K]time.Time{}}
}

// take takes one of the key's, or tells until when there is none.
func (a *allowances[K]) take(key K, now time.Time) (until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.last) >= time.Minute || len(a.full) >= allowancesMost {
		a.forgetLocked(now)
	}
	at := a.full[key]
	if at.Before(now) {
		at = now
	}
	if next := at.Add(a.every); next.Sub(now) <= time.Duration(a.burst)*a.every {
		a.full[key] = next
		return time.Time{}
	}
	return at.Add(a.every).Add(-time.Duration(a.burst) * a.every)
}

// back gives one back that was not used.
func (a *allowances[K]) back(key K) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if at, ok := a.full[key]; ok {
		a.full[key] = at.Add(-a.every)
	}
}

func (a *allowances[K]) forgetLocked(now time.Time) {
	a.last = now
	for key, at := range a.full {
		if !at.After(now) || len(a.full) >= allowancesMost {
			delete(a.full, key)
		}
	}
}
