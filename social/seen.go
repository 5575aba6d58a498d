package social

import (
	"context"
	"time"
)

// When people were last seen is stored for those who left, and now and then for
// those who are there, so that a crash forgets little.
const (
	seenEvery = 5 * time.Second // between two writes
	seenAgain = 5 * time.Minute // of those who stay
	seenBatch = 500
)

// SeenStore keeps when people were last there for others. Errors are
// KindUnavailable where the store is away.
type SeenStore interface {
	// Seen finds when; who never was is missing.
	Seen(ctx context.Context, people []PersonKey) (map[PersonKey]time.Time, error)
	// SaveSeen stores it, in one transaction; what is earlier than what is stored,
	// and of people who are removed, changes nothing.
	SaveSeen(ctx context.Context, seen map[PersonKey]time.Time) error
}

// keepSeen stores when people were seen until ctx ends, and then of everybody.
func (ps *Presences) keepSeen(ctx context.Context) {
	work := context.WithoutCancel(ctx) // a write under way ends, and so does the last one
	tick, again := time.NewTicker(seenEvery), time.NewTicker(seenAgain)
	defer tick.Stop()
	defer again.Stop()
	failing := false
	for ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-again.C:
			ps.noteHere()
		case <-ctx.Done():
			ps.noteHere()
		}
		err := ps.saveSeen(work)
		if err != nil && !failing {
			ps.logger.WarnContext(ctx, "when people were last seen cannot be stored; trying again", "err", err)
		}
		failing = err != nil
	}
}

// noteHere notes those who are there for others as seen now, and those within
// the grace as seen when they left.
func (ps *Presences) noteHere() {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	now := ps.now()
	for person, at := range ps.here {
		switch {
		case at.status().shown() == StatusOffline:
		case at.connections > 0:
			ps.unsaved[person] = now
		default:
			ps.unsaved[person] = at.left
		}
	}
}

// saveSeen stores all that is not, batch by batch, in bounded time.
func (ps *Presences) saveSeen(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, appendWithin)
	defer cancel()
	for {
		batch := map[PersonKey]time.Time{}
		ps.mu.Lock()
		for person, at := range ps.unsaved {
			if batch[person] = at; len(batch) == seenBatch {
				break
			}
		}
		ps.mu.Unlock()
		if len(batch) == 0 {
			return nil
		}
		if err := ps.store.SaveSeen(ctx, batch); err != nil {
			ps.failures.Add(1)
			return err
		}
		ps.mu.Lock()
		for person, at := range batch {
			if ps.unsaved[person].Equal(at) {
				delete(ps.unsaved, person)
			}
		}
		ps.mu.Unlock()
	}
}
