package bench

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestQuantilesOfAHistogram(t *testing.T) {
	t.Parallel()
	repeat := func(n int, v int64) []int64 { return slices.Repeat([]int64{v}, n) }
	for _, row := range []struct {
		name   string
		values []int64
		q      float64
		want   time.Duration
	}{
		{"nothing was counted", nil, 0.5, 0},
		{"one value is every quantile", []int64{7}, 0.001, 7},
		{"one value is the highest quantile", []int64{7}, 1, 7},
		{"the median of two is the lower", []int64{1, 2}, 0.5, 1},
		{"the median of three is the middle", []int64{3, 1, 2}, 0.5, 2},
		{"one of a hundred is beyond p99", append(repeat(99, 1), 100), 0.99, 1},
		{"two of a hundred are not", append(repeat(98, 1), 100, 100), 0.99, 100},
		{"one of a thousand is beyond p99.9", append(repeat(999, 1), 200), 0.999, 1},
		{"the highest quantile is the longest", append(repeat(999, 1), 200), 1, 200},
		{"what is negative counts as none", []int64{-5}, 1, 0},
		{"what is too long counts as the longest", []int64{math.MaxInt64}, 1, histogramLimit},
		{"a quantile never exceeds the longest", []int64{1_000_001}, 0.5, 1_000_001},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var h histogram
			for _, v := range row.values {
				h.add(v)
			}
			if got := h.quantile(row.q); got != row.want {
				t.Errorf("quantile %g = %d, want %d", row.q, got, row.want)
			}
		})
	}
}

func TestAHistogramIsWithinOnePercentOfTheSortedValues(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	var whole histogram
	parts := [2]histogram{}
	values := make([]int64, 20_000)
	for i := range values {
		values[i] = int64(math.Exp(r.Float64() * 28)) // 1 ns … 24 min
		whole.add(values[i])
		parts[i%2].add(values[i])
	}
	slices.Sort(values)
	parts[0].merge(&parts[1])
	if parts[0] != whole {
		t.Error("two merged histograms differ from one that counted all")
	}
	for _, q := range []float64{0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1} {
		want := float64(values[int(math.Ceil(q*float64(len(values))))-1])
		if got := float64(whole.quantile(q)); got < want || got > want*1.01 {
			t.Errorf("quantile %g = %g, want %g … +1 %%", q, got, want)
		}
	}
}

func TestEveryDurationHasItsBucket(t *testing.T) {
	t.Parallel()
	last := -1
	for v := int64(0); v <= histogramLimit; v += 1 + v/997 {
		b := bucket(v)
		if b < last || b >= histogramBuckets {
			t.Fatalf("%d falls into %d of %d, after %d", v, b, histogramBuckets, last)
		}
		last = b
		if c := bucketCeiling(b); c < v || bucket(c) != b || bucket(c+1) != b+1 {
			t.Fatalf("%d falls into bucket %d, whose ceiling is %d", v, b, c)
		}
	}
	if b := bucket(histogramLimit); b != histogramBuckets-1 {
		t.Errorf("the longest falls into %d, want the last of %d", b, histogramBuckets)
	}
}
