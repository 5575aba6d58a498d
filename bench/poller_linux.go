package bench

import (
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"rambla/mqttwire"
)

const (
	pollEvents = 512
	// pollTime is how soon a poller that nothing happens to notices its end.
	pollTime = 50 // milliseconds
)

// poller reads for many connections from one goroutine, into one buffer that
// stays in the processor's cache. Compared with a goroutine per connection it
// saves a wakeup and a read that finds nothing for each delivery.
type poller struct {
	worker *worker
	epoll  int
	buf    []byte
	events []syscall.EpollEvent

	members []*polled // guarded by the worker's mu
}

// polled is one connection of a poller.
type polled struct {
	*subscriber
	fd   int
	rest []byte // of a packet that is not complete
	out  []byte // what the socket did not take
	idle bool   // it is not to be read from for now
}

// interest is what epoll has to tell of the connection.
func (m *polled) interest() uint32 {
	switch {
	case len(m.out) > 0:
		return syscall.EPOLLOUT // read no further until the server has taken our acknowledgements
	case m.idle:
		return 0
	}
	return syscall.EPOLLIN
}

func newPoller(w *worker) (*poller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	return &poller{
		worker: w, epoll: fd, buf: make([]byte, readBuffer), events: make([]syscall.EpollEvent, pollEvents),
	}, nil
}

// addLocked takes the connection over from the net package, whose own poller
// would be woken as well.
func (p *poller) addLocked(c *net.TCPConn, rest []byte, s *subscriber) error {
	defer func() { _ = c.Close() }() // the duplicate below stays open
	raw, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("take a connection over: %w", err)
	}
	fd := -1
	var dupErr error
	if err := raw.Control(func(own uintptr) {
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		if fd, dupErr = syscall.Dup(int(own)); dupErr == nil {
			syscall.CloseOnExec(fd)
		}
	}); err != nil {
		return fmt.Errorf("take a connection over: %w", err)
	}
	if dupErr != nil {
		return fmt.Errorf("take a connection over: %w", os.NewSyscallError("dup", dupErr))
	}
	m := &polled{subscriber: s, fd: fd}
	p.members = append(p.members, m)
	if len(rest) > 0 {
		// What came with the SUBACK would wait for the next byte otherwise.
		p.takeLocked(m, append(p.buf[:0], rest...))
	}
	if s.dead {
		return nil
	}
	return p.watchLocked(len(p.members)-1, syscall.EPOLL_CTL_ADD)
}

// stallLocked stops reading from the slow ones, or goes on with it.
func (p *poller) stallLocked(stalled bool) error {
	for i, m := range p.members {
		if m.dead || !m.slow {
			continue
		}
		m.idle = stalled
		if err := p.watchLocked(i, syscall.EPOLL_CTL_MOD); err != nil {
			return err
		}
	}
	return nil
}

func (p *poller) watchLocked(i, op int) error {
	e := syscall.EpollEvent{Events: p.members[i].interest(), Fd: int32(i)}
	if err := syscall.EpollCtl(p.epoll, op, p.members[i].fd, &e); err != nil {
		return fmt.Errorf("watch a connection: %w", err)
	}
	return nil
}

// run reads until the audience is closed, and closes all connections then.
func (p *poller) run() {
	defer func() {
		p.worker.mu.Lock()
		defer p.worker.mu.Unlock()
		for _, m := range p.members {
			if !m.dead {
				_, _ = syscall.Write(m.fd, appendDisconnect(nil)) // out of politeness
				p.closeLocked(m)
			}
		}
		_ = syscall.Close(p.epoll) // nothing can be done about it
	}()
	for !p.worker.audience.closing.Load() {
		n, err := syscall.EpollWait(p.epoll, p.events, pollTime)
		if err == syscall.EINTR {
			continue
		}
		p.worker.mu.Lock()
		if err != nil {
			for _, m := range p.members {
				p.failLocked(m, os.NewSyscallError("epoll_wait", err))
			}
			p.worker.mu.Unlock()
			return
		}
		before := p.worker.progressLocked()
		for _, e := range p.events[:n] {
			p.serveLocked(int(e.Fd), e.Events)
		}
		came := p.worker.progressLocked().since(before)
		p.worker.mu.Unlock()
		p.worker.audience.came(came)
	}
}

// serveLocked reads once; what is left is announced again.
func (p *poller) serveLocked(i int, events uint32) {
	m := p.members[i]
	if m.dead {
		return
	}
	if events&syscall.EPOLLOUT != 0 {
		if p.flushLocked(m); m.dead || len(m.out) > 0 {
			return
		}
		if err := p.watchLocked(i, syscall.EPOLL_CTL_MOD); err != nil {
			p.failLocked(m, err)
		}
		return
	}
	have := copy(p.buf, m.rest)
	n, err := syscall.Read(m.fd, p.buf[have:])
	switch {
	case n > 0:
		p.takeLocked(m, p.buf[:have+n])
	case err == syscall.EAGAIN || err == syscall.EINTR:
		return
	case err == nil:
		p.failLocked(m, io.EOF)
	default:
		p.failLocked(m, os.NewSyscallError("read", err))
	}
	if len(m.out) > 0 && !m.dead {
		if err := p.watchLocked(i, syscall.EPOLL_CTL_MOD); err != nil {
			p.failLocked(m, err)
		}
	}
}

// takeLocked handles what has been read of one connection.
func (p *poller) takeLocked(m *polled, data []byte) {
	r := &p.worker.received
	used, err := m.take(data, p.worker.audience.clock.now(), r)
	if err == nil && len(data)-used >= readBuffer {
		err = fmt.Errorf("a packet of more than %d bytes: %w", readBuffer, mqttwire.ErrMalformed)
	}
	m.rest = append(m.rest[:0], data[used:]...)
	m.out = append(m.out, r.acks...)
	r.acks = r.acks[:0]
	if err != nil {
		p.failLocked(m, err)
		return
	}
	p.flushLocked(m)
}

// flushLocked writes what the socket takes.
func (p *poller) flushLocked(m *polled) {
	for len(m.out) > 0 {
		n, err := syscall.Write(m.fd, m.out)
		switch {
		case err == nil:
			m.out = m.out[:copy(m.out, m.out[n:])]
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return
		default:
			p.failLocked(m, os.NewSyscallError("write", err))
			return
		}
	}
}

// pingLocked sends a PINGREQ on every connection and says on how many. One
// whose socket is full is waiting for the server, not the server for it.
func (p *poller) pingLocked() (sent int) {
	for _, m := range p.members {
		if m.dead || len(m.out) > 0 {
			continue
		}
		if _, err := syscall.Write(m.fd, appendPingreq(nil)); err == nil { // the next read tells a failure
			sent++
		}
	}
	return sent
}

func (p *poller) failLocked(m *polled, err error) {
	if m.dead {
		return
	}
	p.worker.endLocked(m.subscriber, err)
	m.dead = true
	p.closeLocked(m)
}

func (p *poller) closeLocked(m *polled) {
	_ = syscall.Close(m.fd) // epoll forgets it by itself
	m.rest, m.out = nil, nil
}
