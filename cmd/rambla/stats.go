package main

import (
	"context"
	"sync"
	"time"

	"rambla/hooks"
	"rambla/social"
	"rambla/storage"
)

// countEvery is for how long what costs something to count is taken for true.
const countEvery = 15 * time.Second

// census makes the figures of the site for its managers.
type census struct {
	*server
	started time.Time

	mu      sync.Mutex // guards below; held while the store counts, so that it counts once
	counted time.Time
	totals  storage.Totals
	pushes  social.PushDepth

	connections int
}

// stats are the figures now. KindUnavailable where the store does not answer.
func (c *census) stats(ctx context.Context) (social.SiteStats, error) {
	out := social.SiteStats{Version: versionText(), Started: c.started}
	out.People, out.Contexts, out.Conversations = c.dir.Census()
	committed := c.committer.Stats()
	out.Commits, out.CommitBytes, out.Receipts = committed.Waiting, committed.WaitingBytes, c.markers.Stats().Waiting
	out.RightsAge = c.dir.StaleFor()
	found := c.indexer.Stats()
	out.SearchLag, out.SearchBehind = found.Lag, int64(found.Behind) //nolint:gosec // a number of rows
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.counted) > countEvery {
		if err := c.countLocked(ctx); err != nil {
			return social.SiteStats{}, err
		}
	}
	out.Connections, out.PushWaiting = c.connections, c.pushes.Waiting
	if !c.pushes.Oldest.IsZero() {
		out.PushOldest = time.Since(c.pushes.Oldest)
	}
	out.Counted, out.Posts, out.Sessions, out.StoreSize = c.counted, c.totals.Posts, c.totals.Sessions, c.totals.Bytes
	return out, nil
}

func (c *census) countLocked(ctx context.Context) error {
	totals, err := c.db.Totals(ctx)
	if err != nil {
		return err
	}
	depth, err := c.db.PushDepth(ctx)
	if err != nil {
		return err
	}
	c.totals, c.pushes, c.counted = totals, depth, time.Now()
	c.connections = len(hooks.Live{Broker: c.broker}.LiveSessions(0))
	return nil
}
