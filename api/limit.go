package api

import (
	"sync"
	"time"
)

// maxBuckets bounds a limiter, at about 100 bytes a bucket.
const maxBuckets = 50_000

// limiter is a token bucket per key. A bucket is one moment: when it will be
// full again; one that is full is not kept. Where there are too many others,
// some of them are forgotten: memory stays bounded, and whoever owns a forgotten
// one may burst once more.
type limiter[K comparable] struct {
	every time.Duration // that one more request is allowed
	burst time.Duration // every × the requests allowed at once
	now   func() time.Time

	mu      sync.Mutex // guards buckets
	buckets map[K]time.Time
}

func newLimiter[K comparable](rate float64, burst int, now func() time.Time) *limiter[K] {
	every := time.Duration(float64(time.Second) / rate)
	return &limiter[K]{every: every, burst: every * time.Duration(burst), now: now, buckets: map[K]time.Time{}}
}

// take counts a request, or says how long to wait before the next one.
func (l *limiter[K]) take(k K) time.Duration {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	full, known := l.buckets[k]
	if !known || full.Before(now) {
		full = now
	}
	full = full.Add(l.every)
	if wait := full.Sub(now) - l.burst; wait > 0 {
		return wait
	}
	if !known && len(l.buckets) >= maxBuckets {
		l.sweepLocked(now)
	}
	l.buckets[k] = full
	return 0
}

// sweepLocked drops the buckets that are full, and any where that is not a
// tenth: the next sweep is then thousands of requests away.
func (l *limiter[K]) sweepLocked(now time.Time) {
	for k, full := range l.buckets {
		if !full.After(now) {
			delete(l.buckets, k)
		}
	}
	for k := range l.buckets {
		if len(l.buckets) <= maxBuckets-maxBuckets/10 {
			return
		}
		delete(l.buckets, k)
	}
}
