package social

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// The bounds of the committer. A batch that is too long makes the last of its
// publishers wait for all; beyond the queue's bounds publishing is refused as
// unavailable, so that a client resends rather than the server keeps.
const (
	batchEntries = 500
	batchBytes   = 4 << 20
	queueEntries = 1 << 16
	queueBytes   = 64 << 20
	appendWithin = 30 * time.Second
	doubtEvery   = 500 * time.Millisecond
)

// Committer commits what publishers hand over, many at a time: everything that
// waits goes into one transaction, is then announced, and then acknowledged. It
// adds no delay of its own; a lone publisher waits for its own commit only.
//
// Each shard commits the streams given to it one batch after the other, so that
// the order of submission is the order of a stream.
type Committer struct {
	log      Log
	announce *Announcer
	logger   *slog.Logger
	now      func() time.Time
	shards   []*shard
	entries  atomic.Uint64
	batches  atomic.Uint64
	failures atomic.Uint64
}

type shard struct {
	c    *Committer
	wake chan struct{} // capacity 1

	mu     sync.Mutex // guards queue, bytes, closed
	queue  []pending
	bytes  int
	closed bool

	// The rest belongs to the shard's goroutine.
	spare    []pending
	doubtful map[StreamKey]struct{} // whose last commit nobody knows
}

type pending struct {
	entry Entry
	size  int
	done  func(Appended, error)
}

// NewCommitter makes a committer with that many shards: 1 for a store with one
// writer, 2 where transactions run side by side.
func NewCommitter(log Log, announce *Announcer, shards int, logger *slog.Logger, now func() time.Time) *Committer {
	c := &Committer{log: log, announce: announce, logger: logger, now: now}
	for range shards {
		c.shards = append(c.shards, &shard{c: c, wake: make(chan struct{}, 1), doubtful: map[StreamKey]struct{}{}})
	}
	return c
}

// Submit hands an entry over. It never blocks; done is called exactly once, by
// a goroutine of the committer after the commit, or at once where the queue is
// full or closed (KindUnavailable). done must not block.
func (c *Committer) Submit(e Entry, done func(Appended, error)) {
	s := c.shards[int(e.stream())%len(c.shards)]
	p := pending{entry: e, size: e.size(), done: done}
	s.mu.Lock()
	full := s.closed || len(s.queue) >= queueEntries || s.bytes+p.size > queueBytes
	if !full {
		s.queue = append(s.queue, p)
		s.bytes += p.size
	}
	first := len(s.queue) == 1
	s.mu.Unlock()
	if full {
		c.failures.Add(1)
		done(Appended{}, &Error{Kind: KindUnavailable, Safe: "The server has more to store than it can; try again shortly.", RetryAfter: time.Second})
		return
	}
	if first {
		s.nudge()
	}
}

// Do is Submit for callers that wait. The commit goes on when ctx ends first.
func (c *Committer) Do(ctx context.Context, e Entry) (Appended, error) {
	type outcome struct {
		a   Appended
		err error
	}
	ch := make(chan outcome, 1)
	c.Submit(e, func(a Appended, err error) { ch <- outcome{a, err} })
	select {
	case o := <-ch:
		if o.err == nil {
			o.err = o.a.Err
		}
		return o.a, o.err
	case <-ctx.Done():
		return Appended{}, Unavailable(context.Cause(ctx))
	}
}

// CommitterStats counts since the start; Waiting is now.
type CommitterStats struct {
	Entries, Batches, Failures uint64
	Waiting, WaitingBytes      int
}

// Stats is for metrics.
func (c *Committer) Stats() CommitterStats {
	st := CommitterStats{Entries: c.entries.Load(), Batches: c.batches.Load(), Failures: c.failures.Load()}
	for _, s := range c.shards {
		s.mu.Lock()
		st.Waiting += len(s.queue)
		st.WaitingBytes += s.bytes
		s.mu.Unlock()
	}
	return st
}

// Serve commits until ctx ends; then it accepts no more, commits what waits and
// returns.
func (c *Committer) Serve(ctx context.Context) {
	var wg sync.WaitGroup
	for _, s := range c.shards {
		wg.Go(func() { s.serve(ctx) })
	}
	wg.Wait()
}

func (s *shard) serve(ctx context.Context) {
	doubt := time.NewTicker(doubtEvery)
	defer doubt.Stop()
	for {
		select {
		case <-s.wake:
			for s.commitNext(ctx) {
			}
		case <-doubt.C:
			s.settle(ctx)
		case <-ctx.Done():
			s.mu.Lock()
			s.closed = true
			s.mu.Unlock()
			for s.commitNext(ctx) {
			}
			return
		}
	}
}

func (s *shard) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take removes the next batch from the queue.
func (s *shard) take() []pending {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, bytes := 0, 0
	for n < len(s.queue) && n < batchEntries && (n == 0 || bytes+s.queue[n].size <= batchBytes) {
		bytes += s.queue[n].size
		n++
	}
	if n == len(s.queue) { // the usual case: swap the buffers
		batch := s.queue
		s.queue, s.spare = s.spare[:0], batch
		s.bytes = 0
		return batch
	}
	batch := append([]pending(nil), s.queue[:n]...)
	rest := copy(s.queue, s.queue[n:])
	clear(s.queue[rest:])
	s.queue = s.queue[:rest]
	s.bytes -= bytes
	return batch
}

// commitNext commits one batch; false when there was nothing to do.
func (s *shard) commitNext(ctx context.Context) bool {
	batch := s.take()
	if len(batch) == 0 {
		return false
	}
	c := s.c
	// What was accepted is committed even while the server stops.
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendWithin)
	defer cancel()
	if batch = s.screenReplies(within, batch); len(batch) == 0 {
		return true
	}
	entries := make([]Entry, len(batch))
	for i := range batch {
		entries[i] = batch[i].entry
	}
	results, err := c.log.Append(within, entries, c.now())
	c.batches.Add(1)
	if err != nil {
		c.failures.Add(uint64(len(batch)))
		c.logger.Warn("commit failed; publishers are asked to resend", "entries", len(batch), "err", err)
		for i := range entries {
			s.doubtful[entries[i].stream()] = struct{}{}
		}
		for i := range batch {
			batch[i].done(Appended{}, err)
		}
		clear(batch)
		return true
	}
	c.entries.Add(uint64(len(batch)))
	s.announceBatch(within, entries, results)
	for i := range batch {
		batch[i].done(results[i], results[i].Err)
	}
	clear(batch)
	return true
}

// screenReplies takes out of the batch what answers a post that is not there to
// be answered by its author. The store is asked here, and not where the draft
// was checked, because publishing never waits.
func (s *shard) screenReplies(ctx context.Context, batch []pending) []pending {
	kept := batch[:0]
	for _, p := range batch {
		if post := p.entry.Post; post != nil && !post.InReplyTo.IsZero() {
			if err := s.answerable(ctx, post); err != nil {
				p.done(Appended{}, err)
				continue
			}
		}
		kept = append(kept, p)
	}
	clear(batch[len(kept):])
	return kept
}

func (s *shard) answerable(ctx context.Context, reply *Post) error {
	to, err := s.c.log.PostByID(ctx, reply.InReplyTo)
	if err != nil && KindOf(err) != KindNotFound {
		return err
	}
	if err != nil || to.Stream != reply.Stream || !to.Counts() || !to.Removed.IsZero() || !to.readableBy(reply.Author) {
		return Invalid("inReplyTo", "there is no such post in this context")
	}
	return nil
}

// announceBatch tells of what was stored, stream by stream.
func (s *shard) announceBatch(ctx context.Context, entries []Entry, results []Appended) {
	var order []StreamKey
	byStream := map[StreamKey][]Entry{}
	for i := range entries {
		if results[i].Err != nil || results[i].Repeat {
			continue
		}
		key := entries[i].stream()
		if _, seen := byStream[key]; !seen {
			order = append(order, key)
		}
		byStream[key] = append(byStream[key], entries[i])
	}
	for _, key := range order {
		if err := s.c.announce.Announce(ctx, key, byStream[key]); err != nil {
			// Committed, and told as soon as the store answers again.
			s.doubtful[key] = struct{}{}
		}
	}
}

// settle announces what an unclear commit left behind after all.
func (s *shard) settle(ctx context.Context) {
	for key := range s.doubtful {
		within, cancel := context.WithTimeout(ctx, appendWithin)
		err := s.c.announce.CatchUp(within, key)
		cancel()
		if err != nil {
			return // still away; the next tick tries again
		}
		delete(s.doubtful, key)
	}
}

func (e *Entry) size() int {
	if e.Post != nil {
		return 256 + len(e.Post.Content) + len(e.Post.Extra)
	}
	return 256 + len(e.Sample.Payload)
}
