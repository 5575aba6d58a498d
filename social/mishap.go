package social

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// MaxMishaps bounds how many different mishaps are kept.
const MaxMishaps = 200

// Mishap is something that went wrong on the server's side, however often.
type Mishap struct {
	ID          string // of what went wrong: the same text at the same place has the same
	Severe      bool   // somebody should look; else the server coped
	Message     string
	Detail      string // of the last time; without secrets
	Route       string // the pattern of the request; empty: no request
	Request     string // the id of the last request
	Count       uint64
	First, Last time.Time
}

// Mishaps are those of this process, the different ones of them. They are in memory and not in
// the store, which is what most of them are about; the log has each single one.
type Mishaps struct {
	now func() time.Time

	severe, coped atomic.Uint64

	mu   sync.Mutex // guards below
	list map[string]*Mishap
}

// Counts are how many were noted since the start, by severity.
func (ms *Mishaps) Counts() (severe, coped uint64) { return ms.severe.Load(), ms.coped.Load() }

// NewMishaps makes an empty list.
func NewMishaps(now func() time.Time) *Mishaps {
	return &Mishaps{now: now, list: map[string]*Mishap{}}
}

// Note counts a mishap by its ID. Where there are too many, the one that has not
// happened for longest is forgotten.
func (ms *Mishaps) Note(m Mishap) {
	now := ms.now()
	if m.Severe {
		ms.severe.Add(1)
	} else {
		ms.coped.Add(1)
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if was := ms.list[m.ID]; was != nil {
		m.Count, m.First = was.Count, was.First
	} else {
		m.First = now
		if len(ms.list) >= MaxMishaps {
			ms.dropOldestLocked()
		}
	}
	m.Count, m.Last = m.Count+1, now
	ms.list[m.ID] = &m
}

func (ms *Mishaps) dropOldestLocked() {
	var oldest *Mishap
	for _, m := range ms.list {
		if oldest == nil || m.Last.Before(oldest.Last) {
			oldest = m
		}
	}
	delete(ms.list, oldest.ID)
}

// List is all of them, the last first.
func (ms *Mishaps) List() []Mishap {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	out := make([]Mishap, 0, len(ms.list))
	for _, m := range ms.list {
		out = append(out, *m)
	}
	slices.SortFunc(out, func(a, b Mishap) int { return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.ID, b.ID)) })
	return out
}

// Forget drops the one with this id, or all for "", and says how many it were.
func (ms *Mishaps) Forget(id string) int {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	n := len(ms.list)
	if id == "" {
		clear(ms.list)
	} else {
		delete(ms.list, id)
	}
	return n - len(ms.list)
}
