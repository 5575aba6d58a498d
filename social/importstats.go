package social

import "sync"

// ImportStats are figures of imports since the start, dry runs left out.
type ImportStats struct {
	Running                                         int
	People, Contexts, Members, Activities, Comments ImportCount
	Refused                                         [kindCount]uint64 // lines that did not go in, by Kind of error
}

// importTally counts what goes in while it does: an import may take an hour.
type importTally struct {
	mu    sync.Mutex // guards stats
	stats ImportStats
}

// Stats never blocks for long.
func (im *Imports) Stats() ImportStats {
	im.tally.mu.Lock()
	defer im.tally.mu.Unlock()
	return im.tally.stats
}

func (t *importTally) running(more int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.Running += more
}

func (t *importTally) refused(kind Kind) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.Refused[kind]++
}

// taken adds by what a report has grown.
func (t *importTally) taken(before, after *ImportReport) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.People.grow(before.People, after.People)
	t.stats.Contexts.grow(before.Contexts, after.Contexts)
	t.stats.Members.grow(before.Members, after.Members)
	t.stats.Activities.grow(before.Activities, after.Activities)
	t.stats.Comments.grow(before.Comments, after.Comments)
}

func (c *ImportCount) grow(before, after ImportCount) {
	c.Added += after.Added - before.Added
	c.Changed += after.Changed - before.Changed
	c.Unchanged += after.Unchanged - before.Unchanged
}
