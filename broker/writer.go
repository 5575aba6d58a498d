package broker

import (
	"errors"
	"net"
	"runtime"
	"sync"
	"time"
)

// What the writing side of a connection is doing. A connection is written to by
// one goroutine at a time: whoever moved it out of idle, or was handed it.
const (
	writeIdle    uint32 = iota
	writeQueued         // in a writer's list, or its own goroutine is starting
	writeBusy           // a pass is under way
	writeAgain          // likewise, and something was added meanwhile
	writeBlocked        // the socket is full; its drain goroutine waits
)

// passBytes is about how much one pass takes to one connection.
const passBytes = 64 << 10

// streamBytes is the same where a write may wait and cannot be taken back.
const streamBytes = 16 << 10

func defaultWriters() int { return max(1, min(8, runtime.GOMAXPROCS(0))) }

// writer is a goroutine that walks the connections that have something to
// write. While it walks, more is added to them: that is what merges packets
// into few system calls.
type writer struct {
	mu      sync.Mutex // guards the two below
	dirty   []*conn    // at most once each, so the bound is the number of connections
	stopped bool
	more    sync.Cond
}

func newWriter() *writer {
	w := &writer{}
	w.more.L = &w.mu
	return w
}

func (w *writer) push(c *conn) {
	w.mu.Lock()
	w.dirty = append(w.dirty, c)
	if len(w.dirty) == 1 {
		w.more.Signal()
	}
	w.mu.Unlock()
}

func (w *writer) stop() {
	w.mu.Lock()
	w.stopped = true
	w.more.Signal()
	w.mu.Unlock()
}

// run walks until stop.
func (w *writer) run() {
	var b batch
	var list []*conn
	for {
		clear(list)
		list = list[:0]
		w.mu.Lock()
		for len(w.dirty) == 0 && !w.stopped {
			w.more.Wait()
		}
		if w.stopped {
			w.mu.Unlock()
			return
		}
		list, w.dirty = w.dirty, list
		w.mu.Unlock()
		for _, c := range list {
			c.writeTurn(&b)
		}
	}
}

// wake says that the outbox has something new. It never waits.
func (c *conn) wake() {
	for {
		switch s := c.writing.Load(); s {
		case writeIdle:
			if c.writing.CompareAndSwap(s, writeQueued) {
				c.schedule()
				return
			}
		case writeBusy:
			if c.writing.CompareAndSwap(s, writeAgain) {
				return
			}
		default:
			return // whoever comes will see it
		}
	}
}

// schedule has a queued connection written to.
func (c *conn) schedule() {
	if c.group != nil {
		if !c.broker.tasks.spawn(c.group.distribute) {
			c.writing.Store(writeIdle)
		}
		return
	}
	if c.raw != nil {
		c.writer.push(c)
		return
	}
	if !c.broker.tasks.spawn(c.stream) {
		c.writing.Store(writeIdle) // the broker is gone, and the connection with it
	}
}

// passResult is how a pass ended.
type passResult byte

const (
	passDone passResult = iota // nothing more may leave now
	passMore
	passBlocked // the socket is full
	passFailed  // the connection is broken
)

// writeTurn is one pass of a shared writer.
func (c *conn) writeTurn(b *batch) {
	c.writing.Store(writeBusy)
	c.turn.batch, c.turn.result = b, passFailed
	if err := c.raw.Write(c.turn.pass); err != nil {
		c.turn.result = passFailed
	}
	c.turn.batch = nil
	switch c.turn.result {
	case passDone:
		if !c.writing.CompareAndSwap(writeBusy, writeIdle) {
			c.writing.Store(writeQueued)
			c.schedule()
		}
	case passMore:
		c.writing.Store(writeQueued)
		c.schedule()
	case passBlocked:
		c.writing.Store(writeBlocked)
		if !c.broker.tasks.spawn(c.drain) {
			c.fail()
		}
	case passFailed:
		c.fail() // stays busy: nobody writes any more
	}
}

// turn is what a pass by RawConn.Write needs; it is here so that a pass
// allocates nothing. It belongs to whoever writes to the connection.
type turn struct {
	pass   func(fd uintptr) bool
	batch  *batch
	result passResult
}

func (c *conn) openTurn() {
	c.turn.pass = func(fd uintptr) bool {
		_, c.turn.result = c.pass(fd, c.turn.batch)
		return true // never wait here
	}
}

// pass pulls a batch and writes n bytes of it, as many as the socket takes.
func (c *conn) pass(fd uintptr, b *batch) (n int, result passResult) {
	defer b.reset()
	after := c.out.pull(b, passBytes, c.broker.now())
	n, again, err := writeFD(fd, b.buf)
	delivered := c.out.settle(b, n)
	c.broker.metrics.wrote(n, delivered, b.skips)
	c.followUp(after)
	switch {
	case err != nil:
		return n, passFailed
	case again:
		return n, passBlocked
	case after.more:
		return n, passMore
	}
	c.flushed()
	return n, passDone
}

// followUp has done what a pull found to do.
func (c *conn) followUp(after pulledState) {
	if after.hungry {
		c.broker.feeder.push(c.session)
	}
	if after.unstored {
		c.session.storeOutgoing()
	}
	if after.shared {
		c.session.wakeGroups()
	}
}

// drain waits, in a goroutine of its own, until the socket has taken all that
// could leave, and hands the connection back to its writer.
func (c *conn) drain() {
	result := passBlocked
	err := c.extendStall()
	if err == nil {
		err = c.raw.Write(func(fd uintptr) bool {
			// A batch is held only while it is tried, not while waiting.
			b := c.broker.batches.get()
			var n int
			n, result = c.pass(fd, b)
			c.broker.batches.put(b)
			if result == passBlocked && n > 0 && c.extendStall() != nil {
				result = passFailed
			}
			return result != passBlocked
		})
	}
	if timedOut(err) {
		c.end(ending{cause: causeStalled})
	}
	if err != nil || result == passFailed || c.nc.SetWriteDeadline(time.Time{}) != nil {
		c.fail()
		return
	}
	c.writing.Store(writeQueued)
	c.schedule()
}

// extendStall gives the socket another StallTimeout to take something.
func (c *conn) extendStall() error {
	return c.nc.SetWriteDeadline(time.Now().Add(c.broker.config.StallTimeout))
}

// timedOut tells whether a write waited for too long; not every layer passes
// os.ErrDeadlineExceeded on.
func timedOut(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// stream writes to a connection without a descriptor of its own (TLS,
// WebSocket) until there is nothing more to write.
func (c *conn) stream() {
	b := c.broker.batches.get()
	defer c.broker.batches.put(b)
	for {
		c.writing.Store(writeBusy)
		after := c.out.pull(b, streamBytes, c.broker.now())
		var err error
		if len(b.buf) > 0 {
			if err = c.extendStall(); err == nil {
				_, err = c.nc.Write(b.buf)
			}
		}
		if err == nil {
			c.broker.metrics.wrote(len(b.buf), len(b.sent), b.skips)
		}
		b.reset()
		c.followUp(after)
		switch {
		case timedOut(err):
			c.end(ending{cause: causeStalled})
			fallthrough
		case err != nil:
			c.fail()
			return
		case after.more:
			continue
		}
		c.flushed()
		if c.writing.CompareAndSwap(writeBusy, writeIdle) {
			return
		}
	}
}

// flushed is called when nothing more may leave now.
func (c *conn) flushed() {
	if c.over.Load() && c.out.backlog() == 0 {
		c.endFlush()
	}
}

// fail closes a connection that cannot be written to; its reader cleans up.
func (c *conn) fail() {
	// The error of closing tells nothing that the failed write did not.
	_ = c.nc.Close()
	c.endFlush()
}
