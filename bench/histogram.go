package bench

import (
	"math/bits"
	"time"
)

// A latency is kept with seven leading bits, so within 1/128 of its value.
const (
	histogramBits    = 7
	histogramHalf    = 1 << histogramBits
	histogramLimit   = 1<<42 - 1 // nanoseconds: 73 minutes, more than any run
	histogramBuckets = (42 - histogramBits + 1) * histogramHalf
)

// histogram counts durations. The zero value is empty. It belongs to one
// goroutine at a time.
type histogram struct {
	counts [histogramBuckets]uint64
	total  uint64
	most   int64 // nanoseconds
}

// bucket gives the place of a duration in nanoseconds. Below 2·histogramHalf
// every nanosecond has its own; above, each doubling has histogramHalf places.
func bucket(ns int64) int {
	if ns < 2*histogramHalf {
		return int(ns)
	}
	shift := bits.Len64(uint64(ns)) - histogramBits - 1
	return shift*histogramHalf + int(ns>>shift)
}

// bucketCeiling is the longest duration in nanoseconds that falls into it.
func bucketCeiling(b int) int64 {
	if b < 2*histogramHalf {
		return int64(b)
	}
	shift := b/histogramHalf - 1
	return int64(b-shift*histogramHalf+1)<<shift - 1
}

// add counts one duration in nanoseconds. What is negative (a clock that was
// read on the other side of a batch) counts as zero, what is too long as the
// longest that can be told.
func (h *histogram) add(ns int64) {
	ns = min(max(ns, 0), histogramLimit)
	h.counts[bucket(ns)]++
	h.total++
	h.most = max(h.most, ns)
}

// merge adds what another one has counted.
func (h *histogram) merge(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.most = max(h.most, other.most)
}

// quantile is the duration that the share q (0…1) does not exceed; 0 when
// nothing was counted.
func (h *histogram) quantile(q float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := uint64(q * float64(h.total))
	if float64(rank) < q*float64(h.total) || rank == 0 {
		rank++
	}
	var seen uint64
	for i, n := range h.counts {
		if seen += n; seen >= rank {
			return time.Duration(min(bucketCeiling(i), h.most))
		}
	}
	return time.Duration(h.most)
}
