package pushgw

import (
	"sync"
	"time"
)

// A device that is gone and an app that is configured wrongly have the same
// answers. More of them than goneLeast, and than a fifth of all answers, within
// goneWindow are not believed.
const (
	goneWindow = 5 * time.Minute
	goneSlots  = 10
	goneLeast  = 20
	goneShare  = 5 // one of so many
)

// quarantine counts answers, so that one mistake does not remove all devices.
type quarantine struct {
	mu    sync.Mutex // guards the rest
	slots [goneSlots]struct{ answers, gone int }
	slot  int64     // number of the newest slot
	told  time.Time // when the operators were told last
}

// doubts counts an answer, and tells whether it is one of too many that say that
// the device is gone; first is once per window, for the log.
func (q *quarantine) doubts(now time.Time, gone bool) (doubted, first bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	slot := now.UnixNano() / int64(goneWindow/goneSlots)
	for ; q.slot < slot; q.slot++ {
		if slot-q.slot > goneSlots {
			q.slot = slot - goneSlots // all of them are old
		}
		q.slots[(q.slot+1)%goneSlots] = struct{ answers, gone int }{}
	}
	q.slots[q.slot%goneSlots].answers++
	if !gone {
		return false, false
	}
	q.slots[q.slot%goneSlots].gone++
	answers, all := 0, 0
	for _, s := range q.slots {
		answers += s.answers
		all += s.gone
	}
	if all <= max(goneLeast, answers/goneShare) {
		return false, false
	}
	first = q.told.IsZero() || now.Sub(q.told) >= goneWindow
	if first {
		q.told = now
	}
	return true, first
}
