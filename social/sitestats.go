package social

import "time"

// SiteStats are what a site comes to.
type SiteStats struct {
	Version string
	Started time.Time
	// Now.
	People, Contexts, Conversations  int
	Commits, CommitBytes             int // entries that wait to be committed
	Receipts                         int // that wait to be stored
	RightsAge, SearchLag, PushOldest time.Duration
	SearchBehind                     int64 // entries of the log
	// Counted now and then.
	Counted     time.Time
	Connections int
	PushWaiting int
	Posts       int64
	Sessions    int64
	StoreSize   int64 // bytes
}

// Census counts the people who were not removed, and the living contexts and
// conversations. Memory only.
func (d *Directory) Census() (people, contexts, conversations int) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, p := range d.people {
		if !p.Removed {
			people++
		}
	}
	for _, pl := range d.spaces {
		switch {
		case pl.space.Deleted:
		case pl.space.Kind == KindContext:
			contexts++
		case pl.space.Kind == KindConversation:
			conversations++
		}
	}
	return people, contexts, conversations
}
