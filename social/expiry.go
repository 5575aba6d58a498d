package social

import (
	"container/heap"
	"time"
)

// expiries remembers when whose overrides end, earliest first. An override that
// was replaced leaves its entry behind; telling its member again is harmless.
type expiries struct{ h expiryHeap }

type expiry struct {
	at     time.Time
	member Member
}

func (e *expiries) push(at time.Time, m Member) { heap.Push(&e.h, expiry{at, m}) }

// popUntil removes and returns the members with an expiry not after now.
func (e *expiries) popUntil(now time.Time) []Member {
	var out []Member
	for len(e.h) > 0 && !e.h[0].at.After(now) {
		out = append(out, heap.Pop(&e.h).(expiry).member) //nolint:forcetypeassert // the heap holds nothing else
	}
	return out
}

type expiryHeap []expiry

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h expiryHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *expiryHeap) Push(x any)        { *h = append(*h, x.(expiry)) } //nolint:forcetypeassert // only push calls it
func (h *expiryHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
