package social

import (
	"context"
	"log/slog"
	"slices"
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
// the order of submission is the order of a stream. While one batch is with the
// store, the one before is announced and acknowledged.
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

	mu     sync.Mutex // guards the next four
	queue  []pending  // what waits begins at head
	head   int
	bytes  int // of what waits
	closed bool

	// finish hands committed batches to the shard's second goroutine, in order. It
	// holds one: where announcing is slower than committing, committing waits.
	finish chan outcome

	failing bool         // the last commit failed; belongs to the goroutine that commits
	begun   atomic.Int64 // when the commit that is under way was handed to the store, Unix ns; 0: none is
}

// outcome is a batch that the store has answered.
type outcome struct {
	batch   []pending
	entries []Entry
	results []Appended
	err     error
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
		c.shards = append(c.shards, &shard{c: c, wake: make(chan struct{}, 1), finish: make(chan outcome, 1)})
	}
	return c
}

func (c *Committer) shardOf(stream StreamKey) *shard {
	return c.shards[uint64(stream)%uint64(len(c.shards))] //nolint:gosec // any number will do
}

// Submit hands an entry over. It never blocks; done is called exactly once, by
// a goroutine of the committer after the commit, or at once where the queue is
// full or closed (KindUnavailable). done must not block.
func (c *Committer) Submit(e Entry, done func(Appended, error)) {
	s := c.shardOf(e.stream())
	p := pending{entry: e, size: e.size(), done: done}
	s.mu.Lock()
	waiting := len(s.queue) - s.head
	full := s.closed || waiting >= queueEntries || s.bytes+p.size > queueBytes
	if !full {
		s.queue = append(s.queue, p)
		s.bytes += p.size
	}
	s.mu.Unlock()
	if full {
		c.failures.Add(1)
		done(Appended{}, &Error{Kind: KindUnavailable, Safe: "The server has more to store than it can; try again shortly.", RetryAfter: time.Second})
		return
	}
	if waiting == 0 {
		s.nudge()
	}
}

// Do is Submit for callers that wait. The commit goes on when ctx ends first.
func (c *Committer) Do(ctx context.Context, e Entry) (Appended, error) {
	type answer struct {
		a   Appended
		err error
	}
	ch := make(chan answer, 1)
	c.Submit(e, func(a Appended, err error) { ch <- answer{a, err} })
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
	// Age is for how long the store has not answered a commit; 0: none is under way.
	Age time.Duration
}

// Stats is for metrics.
func (c *Committer) Stats() CommitterStats {
	st := CommitterStats{Entries: c.entries.Load(), Batches: c.batches.Load(), Failures: c.failures.Load()}
	for _, s := range c.shards {
		s.mu.Lock()
		st.Waiting += len(s.queue) - s.head
		st.WaitingBytes += s.bytes
		s.mu.Unlock()
		if begun := s.begun.Load(); begun != 0 {
			st.Age = max(st.Age, c.now().Sub(time.Unix(0, begun)))
		}
	}
	return st
}

// Serve commits until ctx ends; then it accepts no more, commits what waits and
// returns, in bounded time: what a store that is away leaves waiting for longer
// fails as unavailable.
func (c *Committer) Serve(ctx context.Context) {
	var wg sync.WaitGroup
	for _, s := range c.shards {
		wg.Go(func() { s.serve(ctx) })
		wg.Go(func() { s.finishAll(context.WithoutCancel(ctx)) })
	}
	wg.Wait()
}

func (s *shard) serve(ctx context.Context) {
	defer close(s.finish)
	doubt := time.NewTicker(doubtEvery)
	defer doubt.Stop()
	// What was accepted is committed even while the server stops.
	work := context.WithoutCancel(ctx)
	for {
		select {
		case <-s.wake:
			// One batch at a time: the others have their turn under load too. Once
			// ctx has ended, what waits belongs to the drain and its deadline.
			if ctx.Err() == nil && s.commitNext(work) {
				s.nudge()
			}
		case <-doubt.C:
			s.settle(ctx)
		case <-ctx.Done():
			s.mu.Lock()
			s.closed = true
			s.mu.Unlock()
			within, cancel := context.WithTimeout(work, appendWithin)
			defer cancel()
			for s.commitNext(within) {
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

// take moves the next batch out of the queue; more tells whether others wait.
func (s *shard) take() (batch []pending, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := s.queue[s.head:]
	n, bytes := 0, 0
	for n < len(waiting) && n < batchEntries && (n == 0 || bytes+waiting[n].size <= batchBytes) {
		bytes += waiting[n].size
		n++
	}
	batch = slices.Clone(waiting[:n])
	clear(waiting[:n])
	s.head += n
	s.bytes -= bytes
	if more = n < len(waiting); !more {
		s.queue, s.head = s.queue[:0], 0
	} else if s.head > len(s.queue)/2 {
		rest := copy(s.queue, s.queue[s.head:])
		clear(s.queue[rest:])
		s.queue, s.head = s.queue[:rest], 0
	}
	return batch, more
}

// commitNext commits one batch; false when nothing more waits.
func (s *shard) commitNext(ctx context.Context) bool {
	batch, more := s.take()
	if len(batch) == 0 {
		return false
	}
	within, cancel := context.WithTimeout(ctx, appendWithin)
	defer cancel()
	s.commit(within, batch)
	return more
}

// commit commits the batch and hands the outcome on. Where the store cannot
// take the batch for a reason that will not pass, the reason lies in an entry:
// the batch is halved until that one fails alone.
func (s *shard) commit(ctx context.Context, batch []pending) {
	s.tellEarly(batch)
	entries := make([]Entry, len(batch))
	for i := range batch {
		entries[i] = batch[i].entry
	}
	results, err := s.append(ctx, entries)
	if err != nil && KindOf(err) == KindInternal && len(batch) > 1 {
		half := len(batch) / 2
		s.commit(ctx, batch[:half])
		s.commit(ctx, batch[half:])
		return
	}
	s.finish <- outcome{batch, entries, results, err}
}

// finishAll announces what was committed and tells each publisher what became
// of it, batch by batch, until the committing goroutine has ended.
func (s *shard) finishAll(ctx context.Context) {
	for o := range s.finish {
		if o.err == nil {
			within, cancel := context.WithTimeout(ctx, appendWithin)
			s.announceBatch(within, o.entries, o.results)
			cancel()
		}
		for i := range o.batch {
			if o.err != nil {
				o.batch[i].done(Appended{}, o.err)
			} else {
				o.batch[i].done(o.results[i], o.results[i].Err)
			}
		}
	}
}

// append commits the entries, or says why nobody can be told that they are.
func (s *shard) append(ctx context.Context, entries []Entry) ([]Appended, error) {
	c := s.c
	if ctx.Err() != nil { // no time is left for what still waits
		c.failures.Add(uint64(len(entries)))
		return nil, Unavailable(context.Cause(ctx))
	}
	now := c.now()
	s.begun.Store(now.UnixNano())
	results, err := c.log.Append(ctx, entries, now)
	s.begun.Store(0)
	c.batches.Add(1)
	if err != nil {
		c.failures.Add(uint64(len(entries)))
		for i := range entries {
			c.announce.Doubt(entries[i].stream())
			if echo := entries[i].Echo; echo != nil {
				c.announce.Doubt(echo.Stream)
			}
		}
		if !s.failing {
			c.logger.WarnContext(ctx, "commits fail; publishers are asked to resend", "entries", len(entries), "err", err)
		}
	} else {
		c.entries.Add(uint64(len(entries)))
		if s.failing {
			c.logger.InfoContext(ctx, "commits succeed again")
		}
	}
	s.failing = err != nil
	return results, err
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
		if echo := entries[i].Echo; echo != nil && echo.Seq != 0 {
			if _, seen := byStream[echo.Stream]; !seen {
				order = append(order, echo.Stream)
			}
			byStream[echo.Stream] = append(byStream[echo.Stream], Entry{Post: echo})
		}
	}
	for _, key := range order {
		if err := s.c.announce.Announce(ctx, key, byStream[key]); err != nil {
			s.c.logger.WarnContext(ctx, "posts are committed but not announced yet", "stream", int64(key), "err", err)
		}
	}
}

// settle announces what an unclear commit left behind after all. It stops at
// the first failure: the store is still away, and the next round tries again.
func (s *shard) settle(ctx context.Context) {
	for _, key := range s.c.announce.doubted(func(k StreamKey) bool { return s.c.shardOf(k) == s }) {
		within, cancel := context.WithTimeout(ctx, appendWithin)
		err := s.c.announce.CatchUp(within, key)
		cancel()
		if err != nil {
			return
		}
	}
}

// size is about what the entry holds in memory, in bytes.
func (e *Entry) size() int {
	if p := e.Post; p != nil {
		return 512 + len(p.Content) + len(p.Extra) + len(p.Key) + 8*len(p.To) + 512*len(e.Attachments)
	}
	m := e.Sample
	n := 512 + len(m.Payload) + len(m.Topic) + len(m.Key)
	if props := m.Properties; props != nil {
		n += len(props.ContentType) + len(props.ResponseTopic) + len(props.CorrelationData)
		for _, u := range props.User {
			n += 32 + len(u.Name) + len(u.Value)
		}
	}
	return n
}
