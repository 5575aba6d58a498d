package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"rambla/mqttwire"
)

const (
	// readBuffer is what a worker reads into: the more of a burst one call
	// brings, the less each delivery costs.
	readBuffer = 256 << 10
	// followBuffer is the same where every connection has a goroutine of its
	// own; it grows up to readBuffer for larger packets.
	followBuffer = 16 << 10
)

// audience is all subscribers of a load. Its workers read for them.
type audience struct {
	clock   clock
	streams int
	workers []*worker
	invited []uint64 // subscribers of each stream; written while joining
	wg      sync.WaitGroup
	closing atomic.Bool

	unique  atomic.Int64 // deliveries of all runs; duplicates do not count
	wanted  atomic.Int64 // when unique has come so far, reached is told
	pongs   atomic.Int64 // answers to pings, of which reached is told as well
	last    atomic.Int64 // clock time of the last delivery
	reached chan struct{}
	// stalled is there while the slow subscribers do not read; closing it lets
	// those go on that have a goroutine each.
	stalled atomic.Pointer[chan struct{}]

	mu      sync.Mutex // guards what follows
	members int
	lost    int   // connections that ended by themselves
	why     error // of the first of them
}

// worker reads for a share of the subscribers.
type worker struct {
	audience *audience
	poller   *poller // nil where connections have a goroutine each

	// mu guards what follows. It is taken once per batch of reads, so it is
	// nearly always free.
	mu       sync.Mutex
	received received
	subs     []*subscriber
	followed []*wire // closed by close
}

// newAudience starts its workers. Where the system offers it (and follow is
// not set) one goroutine of each reads for all its connections.
func newAudience(c clock, load uint16, streams int, follow bool) (*audience, error) {
	a := &audience{clock: c, streams: streams, invited: make([]uint64, streams), reached: make(chan struct{}, 1)}
	// Half of the machine at most: the other half is the server's.
	for range max(1, min(4, runtime.GOMAXPROCS(0)/2)) {
		w := &worker{audience: a, received: received{load: load, floor: make([]uint32, streams)}}
		if !follow {
			p, err := newPoller(w)
			if err != nil {
				a.close()
				return nil, err
			}
			w.poller = p
			if p != nil {
				a.wg.Go(p.run)
			}
		}
		a.workers = append(a.workers, w)
	}
	return a, nil
}

// from says how far the streams are already: what comes next in them is the
// first that those who join from now on have to receive.
func (a *audience) from(last []uint32) {
	for _, w := range a.workers {
		w.mu.Lock()
		for i := range last {
			w.received.floor[i] = last[i] + 1
		}
		w.mu.Unlock()
	}
}

// join adds a connection that has subscribed; the audience closes it. invited
// are the streams that it has to receive, nil all of them. Who is slow heeds
// stall.
func (a *audience) join(c *wire, invited []int, slow bool) error {
	s := &subscriber{version: c.version, next: make([]uint32, a.streams), slow: slow}
	if invited == nil {
		for i := range s.next {
			invited = append(invited, i)
		}
	}
	a.mu.Lock()
	w := a.workers[a.members%len(a.workers)]
	a.members++
	for _, i := range invited {
		a.invited[i]++
	}
	a.mu.Unlock()

	w.mu.Lock()
	defer w.mu.Unlock()
	for _, i := range invited {
		s.next[i] = max(1, w.received.floor[i])
	}
	w.subs = append(w.subs, s)
	if tcp, ok := c.Conn.(*net.TCPConn); ok && w.poller != nil {
		before := w.progressLocked()
		err := w.poller.addLocked(tcp, c.rest, s) // takes what came with the CONNACK
		a.came(w.progressLocked().since(before))
		return err
	}
	w.followed = append(w.followed, c)
	a.wg.Go(func() { w.follow(c, s) })
	return nil
}

// close ends all connections and waits for the workers.
func (a *audience) close() {
	a.closing.Store(true)
	_ = a.resume() // what cannot be watched is closed all the same
	for _, w := range a.workers {
		w.mu.Lock()
		followed := w.followed
		w.mu.Unlock()
		for _, c := range followed {
			c.bye()
		}
	}
	a.wg.Wait()
}

// follow reads for one connection until it ends.
func (w *worker) follow(c *wire, s *subscriber) {
	buf := append(make([]byte, 0, followBuffer), c.rest...)
	var acks []byte
	for {
		if len(buf) == cap(buf) {
			if cap(buf) >= readBuffer {
				w.end(s, fmt.Errorf("a packet of more than %d bytes: %w", readBuffer, mqttwire.ErrMalformed))
				c.Close()
				return
			}
			buf = append(make([]byte, 0, 2*cap(buf)), buf...)
		}
		if gate := w.audience.stalled.Load(); s.slow && gate != nil {
			<-*gate
		}
		n, err := c.Read(buf[len(buf):cap(buf)])
		if n == 0 && err != nil {
			w.end(s, err)
			return
		}
		buf = buf[:len(buf)+n]
		now := w.audience.clock.now()
		w.mu.Lock()
		before := w.progressLocked()
		used, err := s.take(buf, now, &w.received)
		acks = append(acks[:0], w.received.acks...)
		w.received.acks = w.received.acks[:0]
		came := w.progressLocked().since(before)
		w.mu.Unlock()
		w.audience.came(came)
		buf = buf[:copy(buf, buf[used:])]
		if err == nil && len(acks) > 0 {
			_, err = c.Write(acks)
		}
		if err != nil {
			w.end(s, err)
			c.Close()
			return
		}
	}
}

// stall lets the slow ones stop reading, except for what a goroutine of its own
// is reading already.
func (a *audience) stall() error {
	gate := make(chan struct{})
	a.stalled.Store(&gate)
	return a.attend(true)
}

// resume lets them go on; without effect where they do.
func (a *audience) resume() error {
	gate := a.stalled.Swap(nil)
	if gate == nil {
		return nil
	}
	close(*gate)
	now := a.clock.now()
	for _, w := range a.workers {
		w.mu.Lock()
		w.received.resumed = now
		w.mu.Unlock()
	}
	return a.attend(false)
}

// attend tells the pollers whether to leave the slow ones alone.
func (a *audience) attend(stalled bool) error {
	var err error
	for _, w := range a.workers {
		w.mu.Lock()
		if w.poller != nil {
			err = errors.Join(err, w.poller.stallLocked(stalled))
		}
		w.mu.Unlock()
	}
	return err
}

// caughtUp is how long after resume the last delivery came that had waited for it.
func (a *audience) caughtUp() time.Duration {
	longest := int64(0)
	for _, w := range a.workers {
		w.mu.Lock()
		longest = max(longest, w.received.caught-w.received.resumed)
		w.mu.Unlock()
	}
	return time.Duration(longest)
}

// end notes that a connection is gone for this reason.
func (w *worker) end(s *subscriber, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.endLocked(s, err)
}

func (w *worker) endLocked(s *subscriber, err error) {
	if s.dead || w.audience.closing.Load() {
		return
	}
	s.dead = true
	if err == io.EOF { //nolint:errorlint // net and the poller return it as it is
		err = fmt.Errorf("the server closed the connection: %w", err)
	}
	a := w.audience
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lost++; a.why == nil {
		a.why = err
	}
}

// arrived is how far a worker is, or how far it has come since.
type arrived struct {
	unique, pongs uint64
	last          int64 // clock time of the last delivery
}

func (w *worker) progressLocked() arrived {
	return arrived{unique: w.received.unique, pongs: w.received.pongs, last: w.received.last}
}

func (a arrived) since(before arrived) arrived {
	return arrived{unique: a.unique - before.unique, pongs: a.pongs - before.pongs, last: a.last}
}

// came counts what has come to one of the workers.
func (a *audience) came(n arrived) {
	if n.unique == 0 && n.pongs == 0 {
		return
	}
	for last := a.last.Load(); n.last > last && !a.last.CompareAndSwap(last, n.last); last = a.last.Load() {
	}
	a.pongs.Add(int64(n.pongs))
	if a.unique.Add(int64(n.unique)) >= a.wanted.Load() {
		select {
		case a.reached <- struct{}{}:
		default: // it has been told
		}
	}
}

// expect says how many deliveries are to come from now on.
func (a *audience) expect(n uint64) { a.wanted.Store(a.unique.Load() + int64(n)) }

// await waits for what is expected. It is false when nothing came for as long
// as patience though something is missing.
func (a *audience) await(ctx context.Context, patience time.Duration) (bool, error) {
	return a.awaitCount(ctx, patience, &a.unique, a.wanted.Load())
}

// settle makes sure that all has been read that the server has sent until now,
// repeats of the last post among it: it answers a ping after that. A server
// that does not answer keeps us for as long as patience.
func (a *audience) settle(ctx context.Context, patience time.Duration) error {
	a.wanted.Store(a.unique.Load())
	before := a.pongs.Load()
	_, err := a.awaitCount(ctx, patience, &a.pongs, before+int64(a.ping()))
	return err
}

func (a *audience) awaitCount(ctx context.Context, patience time.Duration, count *atomic.Int64, wanted int64) (bool, error) {
	t := time.NewTimer(patience)
	defer t.Stop()
	before := count.Load()
	for count.Load() < wanted {
		select {
		case <-a.reached:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-t.C:
			now := count.Load()
			if now == before {
				return false, nil
			}
			before = now
			t.Reset(patience)
		}
	}
	return true, nil
}

// collect takes what the workers have tallied since the last call.
func (a *audience) collect() *tally {
	all := new(tally)
	for _, w := range a.workers {
		w.mu.Lock()
		t := &w.received.tally
		all.latency.merge(&t.latency)
		all.unique += t.unique
		all.duplicates += t.duplicates
		all.disordered += t.disordered
		all.uninvited += t.uninvited
		all.late += t.late
		all.last = max(all.last, t.last)
		*t = tally{}
		w.mu.Unlock()
	}
	return all
}

// miss counts what has not come of the streams, whose last seqs are given.
// What comes of it later is late, not a duplicate.
func (a *audience) miss(last []uint32) (lost uint64) {
	for _, w := range a.workers {
		w.mu.Lock()
		for _, s := range w.subs {
			lost += s.miss(last)
		}
		for i := range last {
			w.received.floor[i] = last[i] + 1
		}
		w.mu.Unlock()
	}
	return lost
}

// broken tells how many connections ended by themselves, and why the first did.
func (a *audience) broken() (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lost, a.why
}

// ping tells the server on every connection that it is still there, and says
// how many answers that should bring.
func (a *audience) ping() (sent int) {
	for _, w := range a.workers {
		w.mu.Lock()
		followed := w.followed
		if w.poller != nil {
			sent += w.poller.pingLocked()
		}
		w.mu.Unlock()
		for _, c := range followed {
			if _, err := c.Write(appendPingreq(nil)); err == nil { // its reader learns of a failure
				sent++
			}
		}
	}
	return sent
}
