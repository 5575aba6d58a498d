package social

import (
	"math/rand/v2"
	"testing"
)

func TestWhoHasFewSpacesIsToldOfNoneThatHasNotChanged(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 5)) //nolint:gosec // no secret, and the same again
	for range 200 {
		spaces := make([]*Space, 8)
		for i := range spaces {
			spaces[i] = &Space{Key: SpaceKey(1 + r.Int64N(1_000_000))}
		}
		n := bucketCount(spaces)
		if n < len(spaces) || n > seenBuckets {
			t.Fatalf("%d buckets for %d spaces, at most %d", n, len(spaces), seenBuckets)
		}
		shared := map[int]SpaceKey{}
		for _, s := range spaces {
			i := bucketOf(s.Key, n)
			if other, taken := shared[i]; taken {
				t.Errorf("the spaces %d and %d share one of %d buckets", s.Key, other, n)
			}
			shared[i] = s.Key
		}
	}
}

func TestATokenHoldsSoManyBucketsAtMost(t *testing.T) {
	t.Parallel()
	spaces := make([]*Space, 500)
	for i := range spaces {
		spaces[i] = &Space{Key: SpaceKey(1 + 7*i)}
	}
	n := bucketCount(spaces)
	if n != seenBuckets {
		t.Errorf("%d buckets, want %d", n, seenBuckets)
	}
	if back, ok := DecodeSeen(Seen{Version: 9, Buckets: make([]uint64, n)}.Encode()); !ok || len(back.Buckets) != n {
		t.Errorf("%d buckets come back of %d: %t", len(back.Buckets), n, ok)
	}
	if got := bucketCount(nil); got != 1 {
		t.Errorf("%d buckets for nothing", got)
	}
}
