package pushgw

import (
	"sync"
	"time"
)

// burst is how much of a second's pushes may go at once.
const burst = 100 * time.Millisecond

// slowFor is how long a provider that said "too many" is spared.
const slowFor = time.Minute

// bucket spaces pushes to a number per second.
type bucket struct {
	mu   sync.Mutex // guards the rest
	next time.Time  // when the next one may go
	slow time.Time  // until then at half the rate
}

// take tells when the next push may go; if that is later than most from now, it
// takes nothing.
func (b *bucket) take(now time.Time, rate float64, most time.Duration) (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Before(b.slow) {
		rate /= 2
	}
	at := b.next
	if earliest := now.Add(-burst); at.Before(earliest) {
		at = earliest
	}
	if wait = max(at.Sub(now), 0); wait > most {
		return wait, false
	}
	b.next = at.Add(time.Duration(float64(time.Second) / rate))
	return wait, true
}

// slowDown halves the rate for a while.
func (b *bucket) slowDown(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.slow = now.Add(slowFor)
}
