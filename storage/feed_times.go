package storage

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
)

// The bounds of streamTimes: a few tens of megabytes where all of it is used.
const (
	timesPerStream = 48
	timedStreams   = 20_000
)

// streamTimes remembers when some entries of some streams were published. That
// never changes, so what is remembered is true whatever happens meanwhile; it
// only saves looking. Whoever pages through a feed asks near the same places
// again and again.
type streamTimes struct {
	mu sync.Mutex // guards of
	of map[int64][]entryTime
}

// entryTime is when the entry seq was published.
type entryTime struct{ seq, at int64 }

func newStreamTimes() *streamTimes { return &streamTimes{of: map[int64][]entryTime{}} }

// learn remembers entries; where there is no room something else is forgotten.
func (st *streamTimes) learn(entries []feedKey) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, e := range entries {
		known, ok := st.of[e.stream]
		if !ok && len(st.of) >= timedStreams {
			for other := range st.of {
				delete(st.of, other)
				break
			}
		}
		i, found := slices.BinarySearchFunc(known, e.seq, func(t entryTime, seq int64) int { return cmp.Compare(t.seq, seq) })
		if found {
			continue
		}
		if len(known) >= timesPerStream {
			out := rand.IntN(len(known)) //nolint:gosec // no secret
			known = slices.Delete(known, out, out+1)
			if out < i {
				i--
			}
		}
		st.of[e.stream] = slices.Insert(known, i, entryTime{e.seq, e.at})
	}
}

// narrow moves the ends of searches to what is known of their streams.
func (st *streamTimes) narrow(after feedKey, runs []*seekRun) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, s := range runs {
		for _, t := range st.of[s.run.stream] {
			if t.seq <= s.low || t.seq >= s.high {
				continue
			}
			key := feedKey{t.at, s.run.stream, t.seq}
			s.tell(key, key.compare(after) < 0)
		}
		s.slow = false
	}
}
