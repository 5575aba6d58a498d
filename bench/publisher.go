package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"rambla/mqttwire"
)

const (
	publisherBuffer = 64 << 10
	// One write carries at most about so many bytes, so that a large window of
	// large payloads does not fill the socket before its acknowledgements are read.
	publisherWrite = 256 << 10
)

// publisher keeps the window of one connection full. One goroutine at a time
// drives it: it writes what the window allows in one go, reads what has been
// acknowledged in one go, and so on. So the more the server acknowledges at
// once, the fewer calls it takes.
type publisher struct {
	wire      *wire
	clock     clock
	load      uint16
	streams   []uint16   // what the stamps of each template say
	templates []template // used in turn
	sent      []uint32   // of each template, in all runs
	turn      int
	patience  time.Duration

	free     []uint16 // packet ids at hand
	sentAt   []int64  // by packet id; 0: not on its way
	refusals int      // told by 3.1.1's errors topic, acknowledgement still to come
	armed    int64    // when the read deadline was set last, in the clock's time
	in, out  []byte
}

// plan is what one drive does.
type plan struct {
	begin    int64         // clock time
	deadline int64         // clock time after which nothing new is sent; 0: none
	count    int           // publishes to send; 0: until the deadline
	interval time.Duration // between two publishes; 0: as fast as the window allows
}

// published is what one drive saw. Rates count what was acknowledged before
// the deadline, costs what was acknowledged at all.
type published struct {
	latency  histogram
	acked    uint64 // before the deadline
	answered uint64 // all that was answered
	refused  uint64
	stray    uint64 // acknowledgements of what was not on its way
	reasons  map[string]uint64
	last     int64 // clock time of the last acknowledgement
}

func (p *published) refuse(reason string) {
	if p.reasons == nil {
		p.reasons = map[string]uint64{}
	}
	p.refused++
	p.reasons[reason]++
}

func newPublisher(w *wire, c clock, window int, patience time.Duration, load uint16) *publisher {
	window = min(window, w.granted.receiveMaximum)
	p := &publisher{
		wire: w, clock: c, load: load, patience: patience,
		sentAt: make([]int64, window+1),
		in:     make([]byte, 0, publisherBuffer),
	}
	for id := window; id > 0; id-- {
		p.free = append(p.free, uint16(id))
	}
	return p
}

// publishTo adds a topic to those that the publisher serves in turn.
func (p *publisher) publishTo(t template, stream uint16) {
	p.templates = append(p.templates, t)
	p.streams = append(p.streams, stream)
	p.sent = append(p.sent, 0)
}

// window is how many publishes may be unacknowledged.
func (p *publisher) window() int { return len(p.sentAt) - 1 }

// drive publishes as planned and returns when everything has been answered.
// After an error the connection is of no further use.
func (p *publisher) drive(ctx context.Context, todo plan, seen *published) error {
	defer p.wire.endWith(ctx)()
	p.armed = 0
	due, sent := todo.begin, 0
	for {
		now := p.clock.now()
		over := func() bool {
			return todo.count > 0 && sent >= todo.count || todo.deadline > 0 && now >= todo.deadline || ctx.Err() != nil
		}
		for !over() && len(p.free) > 0 && len(p.out) < publisherWrite {
			at := now
			if todo.interval > 0 {
				// A post that the server keeps waiting is as old as its plan,
				// else a stalled server would look fast.
				if due > now {
					break
				}
				at, due = due, due+int64(todo.interval)
			}
			p.add(at)
			sent++
		}
		if len(p.out) > 0 {
			p.arm(ctx, now, 0)
			if _, err := p.wire.Write(p.out); err != nil {
				return p.why(ctx, fmt.Errorf("send PUBLISH: %w", err))
			}
			p.out = p.out[:0]
			if len(p.free) > 0 && !over() && (todo.interval == 0 || due <= now) {
				continue // there was more than one write should carry
			}
		}
		onTheWay := p.window() - len(p.free)
		if over() && onTheWay == 0 {
			return ended(ctx, nil)
		}
		wake := int64(0)
		if todo.interval > 0 && !over() && len(p.free) > 0 {
			wake = due
		}
		p.arm(ctx, now, wake)
		if err := p.receive(todo.deadline, seen); err != nil {
			if wake > 0 && errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
				continue // it is time for the next one
			}
			return p.why(ctx, err)
		}
	}
}

// why an operation on the connection failed.
func (p *publisher) why(ctx context.Context, err error) error {
	if err := ended(ctx, nil); err != nil {
		return err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errStalled
	}
	return err
}

// arm sets how long the connection may be silent: until wake, if that is
// given, else for patience; the latter is renewed about once a second, as each
// renewal costs more than a publish.
func (p *publisher) arm(ctx context.Context, now, wake int64) {
	if wake == 0 && p.armed > 0 && now-p.armed < int64(min(time.Second, p.patience/4)) {
		return
	}
	until := now + int64(p.patience)
	p.armed = now
	if wake > 0 {
		until, p.armed = wake, 0
	}
	_ = p.wire.SetDeadline(p.clock.time(until)) // what fails here fails at the next read
	if ctx.Err() != nil {
		_ = p.wire.SetDeadline(time.Unix(1, 0)) // endWith may have come before
	}
}

// add queues one publish that counts from at.
func (p *publisher) add(at int64) {
	id := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	p.sentAt[id] = max(at, 1)
	i := p.turn
	if p.turn++; p.turn == len(p.templates) {
		p.turn = 0
	}
	p.sent[i]++
	p.out = p.templates[i].append(p.out, id, stamp{at: at, seq: p.sent[i], stream: p.streams[i], load: p.load})
}

// receive reads once and takes the acknowledgements out of it.
func (p *publisher) receive(deadline int64, seen *published) error {
	if len(p.wire.rest) > 0 {
		p.in, p.wire.rest = append(p.in, p.wire.rest...), nil
	}
	if len(p.in) == cap(p.in) {
		return fmt.Errorf("a packet of more than %d bytes: %w", cap(p.in), mqttwire.ErrMalformed)
	}
	n, err := p.wire.Read(p.in[len(p.in):cap(p.in)])
	if n == 0 && err != nil {
		return fmt.Errorf("await PUBACK: %w", err)
	}
	now := p.clock.now()
	p.in = p.in[:len(p.in)+n]
	rest := p.in
	for {
		head, body, size, err := mqttwire.Split(rest)
		if err != nil {
			return err
		}
		if size == 0 {
			break
		}
		rest = rest[size:]
		if err := p.take(head, body, now, deadline, seen); err != nil {
			return err
		}
	}
	p.in = p.in[:copy(p.in[:cap(p.in)], rest)]
	return nil
}

// take handles one packet of the server.
func (p *publisher) take(head byte, body []byte, now, deadline int64, seen *published) error {
	switch head >> 4 {
	case mqttwire.Puback:
		id, code, err := parsePuback(body)
		if err != nil {
			return err
		}
		if int(id) >= len(p.sentAt) || p.sentAt[id] == 0 {
			seen.stray++
			return nil
		}
		at := p.sentAt[id]
		p.sentAt[id] = 0
		p.free = append(p.free, id)
		seen.answered++
		seen.last = now
		switch {
		case code >= 0x80:
			seen.refuse(fmt.Sprintf("PUBACK 0x%02x", code))
		case p.refusals > 0:
			p.refusals--
			seen.refuse("told on the errors topic")
		case deadline == 0 || now < deadline:
			seen.acked++
			seen.latency.add(now - at)
		}
	case mqttwire.Publish:
		// Only the errors topic is subscribed to, by 3.1.1 publishers: the
		// acknowledgement that follows is that of a refused publish.
		p.refusals++
	case mqttwire.Pingresp:
	case mqttwire.Disconnect:
		return parseDisconnect(body)
	default:
		return mqttwire.ErrMalformed
	}
	return nil
}
