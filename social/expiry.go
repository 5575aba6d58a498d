package social

import (
	"container/heap"
	"time"
)

// expiries remembers at which moment each member's overrides and ban next end,
// earliest first. The zero value is ready.
type expiries struct {
	h     expiryHeap
	armed map[Member]time.Time // the moment that counts for each member in h
}

type expiry struct {
	at     time.Time
	member Member
}

// arm remembers that something of m ends at that moment; zero is never. Being
// told too early is harmless, so an earlier moment that is remembered stays.
func (e *expiries) arm(at time.Time, m Member) {
	if at.IsZero() {
		return
	}
	if was, ok := e.armed[m]; ok && !at.Before(was) {
		return
	}
	if e.armed == nil {
		e.armed = map[Member]time.Time{}
	}
	e.armed[m] = at
	heap.Push(&e.h, expiry{at, m})
}

// popUntil removes and returns the members with a moment not after now.
func (e *expiries) popUntil(now time.Time) []Member {
	var out []Member
	for len(e.h) > 0 && !e.h[0].at.After(now) {
		x := heap.Pop(&e.h).(expiry) //nolint:errcheck // the heap holds nothing else
		if at, ok := e.armed[x.member]; ok && at.Equal(x.at) {
			delete(e.armed, x.member)
			out = append(out, x.member)
		}
	}
	return out
}

type expiryHeap []expiry

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h expiryHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *expiryHeap) Push(x any)        { *h = append(*h, x.(expiry)) } //nolint:errcheck // only arm calls it
func (h *expiryHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
