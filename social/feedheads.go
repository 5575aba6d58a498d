package social

import (
	"sync"
	"time"
)

const (
	// feedHeadLife is how long it is believed that nothing was stored in a stream
	// that was told of nothing: another process may have stored it.
	feedHeadLife = 2 * time.Second
	feedHeadsAge = 1 << 15 // streams in a generation of those remembered; about 100 bytes each
)

// feedHeads remembers how far streams had got when a feed asked the store, as long as
// nothing was told of them since. People share contexts, so where many read their
// timelines, few have to ask.
type feedHeads struct {
	announced Announced
	now       func() time.Time

	mu         sync.Mutex // guards the maps
	young, old map[StreamKey]feedHeadSeen
}

type feedHeadSeen struct {
	FeedHead
	told uint64 // of the stream, before the store was asked
	at   time.Time
}

func newFeedHeads(announced Announced, now func() time.Time) *feedHeads {
	return &feedHeads{announced: announced, now: now, young: map[StreamKey]feedHeadSeen{}}
}

// known is what is remembered of the streams; told is how far the others were told,
// for learn.
func (hs *feedHeads) known(streams []StreamKey) (known map[StreamKey]FeedHead, told map[StreamKey]uint64) {
	known, told = make(map[StreamKey]FeedHead, len(streams)), map[StreamKey]uint64{}
	oldest := hs.now().Add(-feedHeadLife)
	hs.mu.Lock()
	defer hs.mu.Unlock()
	for _, stream := range streams {
		seen, ok := hs.young[stream]
		if !ok {
			seen, ok = hs.old[stream]
		}
		head, _ := hs.announced.Head(stream)
		if ok && seen.told == head && seen.at.After(oldest) {
			known[stream] = seen.FeedHead
		} else {
			told[stream] = head
		}
	}
	return known, told
}

// learn remembers what the store said.
func (hs *feedHeads) learn(heads []FeedHead, told map[StreamKey]uint64) {
	if len(heads) == 0 {
		return
	}
	now := hs.now()
	hs.mu.Lock()
	defer hs.mu.Unlock()
	for _, h := range heads {
		if len(hs.young) >= feedHeadsAge {
			hs.young, hs.old = map[StreamKey]feedHeadSeen{}, hs.young
		}
		hs.young[h.Stream] = feedHeadSeen{FeedHead: h, told: told[h.Stream], at: now}
	}
}
