package social

import (
	"testing"
	"time"
)

type toldOf map[StreamKey]uint64

func (t toldOf) Head(stream StreamKey) (head, told uint64) { return t[stream], t[stream] }

func TestAHeadIsAskedAgainAfterSomethingWasToldOrForTooLong(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	streams := []StreamKey{1, 2}
	told := toldOf{1: 7}
	hs := newFeedHeads(told, func() time.Time { return now })
	asks := func(want ...StreamKey) {
		t.Helper()
		known, ask := hs.known(streams)
		if len(known)+len(ask) != len(streams) || len(ask) != len(want) {
			t.Fatalf("known %v, asked %v, want %v asked", known, ask, want)
		}
		var heads []FeedHead
		for _, stream := range want {
			if _, asked := ask[stream]; !asked {
				t.Fatalf("%d is not asked again", stream)
			}
			heads = append(heads, FeedHead{Stream: stream, Head: told[stream], At: now})
		}
		for stream, h := range known {
			if h.Stream != stream || h.Head != told[stream] {
				t.Fatalf("of %d is remembered %+v", stream, h)
			}
		}
		hs.learn(heads, ask)
	}
	asks(1, 2)
	asks()
	told[2] = 1
	asks(2)
	// Something is told while the store is asked: nobody knows whether it saw that.
	told[1] = 8
	_, ask := hs.known(streams)
	told[1] = 9
	hs.learn([]FeedHead{{Stream: 1, Head: 8}}, ask)
	asks(1)
	asks()
	now = now.Add(feedHeadLife)
	asks(1, 2)
	for i := range StreamKey(2 * feedHeadsAge) { // what many ask about pushes it out
		hs.learn([]FeedHead{{Stream: 10 + i}}, nil)
	}
	if n := len(hs.young) + len(hs.old); n > 2*feedHeadsAge {
		t.Errorf("%d streams are remembered", n)
	}
	asks(1, 2)
}
