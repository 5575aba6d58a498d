package pushgw

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"rambla/social"
)

const (
	// holdersAgain is how far back is looked for devices that came lately: longer than
	// any transaction that registers one takes.
	holdersAgain = time.Minute
	// holdersAnew is how often all are read, so that those who have none any more are
	// forgotten.
	holdersAnew = 10 * time.Minute
)

// holders are the people who have a device, and perhaps some who had.
type holders struct {
	some atomic.Bool // there may be some

	mu    sync.RWMutex // guards all below
	last  map[social.PersonKey]int64
	upTo  time.Time // what was registered before is known
	whole time.Time // when all were read
}

// any tells whether anybody may have a device. It is true until the store was asked.
func (h *holders) any() bool { return !h.known() || h.some.Load() }

func (h *holders) known() bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.last != nil
}

// has tells whether the person may have a device.
func (h *holders) has(person social.PersonKey) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	_, ok := h.last[person]
	return ok
}

func (h *holders) count() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.last)
}

// used is when a device of the person was used or set last, for the order in which
// people come.
func (h *holders) used(person social.PersonKey) int64 {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.last[person]
}

// refresh learns of those who have come: whoever had a device before this was
// called is known after it.
func (h *holders) refresh(ctx context.Context, store social.PushStore, now time.Time) error {
	h.mu.RLock()
	since, all := h.upTo.Add(-holdersAgain), now.Sub(h.whole) >= holdersAnew || h.last == nil
	h.mu.RUnlock()
	if all {
		since = time.Time{}
	}
	found := map[social.PersonKey]int64{}
	err := store.PushHolders(ctx, since, func(person social.PersonKey, last time.Time) { found[person] = last.UnixNano() })
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.upTo = now; all {
		h.last, h.whole = found, now
	} else {
		for person, last := range found {
			h.last[person] = last
		}
	}
	h.some.Store(len(h.last) > 0)
	return nil
}
