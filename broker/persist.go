package broker

import (
	"sync"
	"sync/atomic"
	"time"

	"rambla/social"
)

// persistence is the stored side of a session that outlives its connection.
type persistence struct {
	id     social.SessionID
	fence  uint64          // 0: it has no row
	expiry atomic.Int64    // see lifetime
	grant  social.GrantKey // as the claim stored it
	parted chan struct{}   // closed when the last save is written, or never will be

	mu       sync.Mutex // guards all below; the outermost lock of a session
	busy     bool       // a save is with the keeper
	waiting  []func(error)
	changed  bool // subscriptions, since they were saved
	released []uint16
	last     time.Time // when the last save began
	over     bool      // the last one was handed over
	placed   bool      // the session is where it was left: its position may be saved
	ended    bool      // nothing is to be left in the store
}

// persist saves how the session stands now and then calls done, which may be nil.
// Saves of one session follow each other; whoever asks while one is under way
// is served by the next, together.
func (s *session) persist(done func(error)) {
	p := s.stored
	p.mu.Lock()
	if p.over {
		p.mu.Unlock()
		finish([]func(error){done}, errOver())
		return
	}
	p.waiting = append(p.waiting, done)
	if p.busy {
		p.mu.Unlock()
		return
	}
	p.busy = true
	s.saveLocked()
}

func errOver() error { return social.Errorf(social.KindUnavailable, "The connection is over.") }

func finish(waiting []func(error), err error) {
	for _, f := range waiting {
		if f != nil {
			f(err)
		}
	}
}

// saveLocked hands one save over, for all that wait, and unlocks persistence.mu.
func (s *session) saveLocked() {
	p := s.stored
	waiting := p.waiting
	p.waiting = nil
	w := s.snapshotLocked()
	accepted := s.broker.keeper.submit(keeping{write: social.SessionWrite{Save: w}, done: func(out social.SessionWritten, err error) {
		s.saved(w, waiting, out, err)
	}})
	p.mu.Unlock()
	if !accepted {
		s.saved(w, waiting, social.SessionWritten{}, errStopping())
	}
}

// saved tells those who waited, and goes on with those who came meanwhile.
func (s *session) saved(w *social.SessionSave, waiting []func(error), out social.SessionWritten, err error) {
	if out.Stale && s.group == nil {
		s.conn.end(ending{codeSessionTakenOver, "The session was taken over by another connection.", causeTakenOver})
		err = social.Errorf(social.KindConflict, "The session was taken over by another connection.")
	}
	p := s.stored
	if err == nil {
		err = out.Err
	}
	if err != nil { // the next save holds what this one did
		s.conn.out.touch()
		p.mu.Lock()
		p.changed = p.changed || w.Subscriptions != nil
		p.released = append(w.Released, p.released...)
		p.mu.Unlock()
	}
	finish(waiting, err)
	p.mu.Lock()
	if p.busy = len(p.waiting) > 0 && !p.over; p.busy {
		s.saveLocked()
	} else {
		p.mu.Unlock()
	}
}

// snapshotLocked is what to save, under persistence.mu.
func (s *session) snapshotLocked() *social.SessionSave {
	p := s.stored
	w := &social.SessionSave{ID: p.id, Fence: p.fence, Released: p.released}
	if p.placed {
		w.Rights = s.broker.backlog.Rights() // first: what changes behind it is looked up again
		w.Position = social.EncodePosition(s.position())
	}
	if grant := s.principal.Credential().Grant; grant != p.grant {
		w.Grant = &grant
	}
	if p.changed {
		w.Subscriptions = s.encodeSubscriptions()
	}
	p.changed, p.released, p.last = false, nil, s.broker.now()
	return w
}

// release has a QoS 2 publish forgotten and answers its PUBREL then.
func (s *session) release(id uint16) {
	p, c := s.stored, s.conn
	p.mu.Lock()
	p.released = append(p.released, id)
	p.mu.Unlock()
	s.persist(func(err error) {
		if err != nil {
			c.end(ending{codeServerBusy, social.Safe(err), causeUnavailable})
			return
		}
		for range c.inbound.release(id) {
			c.out.acknowledge(typePubcomp, id, codeSuccess, explanation{})
		}
		c.wake()
	})
}

// lifetime is how long the session lives beyond its connection.
func (p *persistence) lifetime() time.Duration { return time.Duration(p.expiry.Load()) }

// extend makes the session live longer beyond its connection.
func (p *persistence) extend(expiry time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expiry.Store(max(p.expiry.Load(), int64(expiry)))
}

// place says that the session is where it was left.
func (p *persistence) place() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.placed = true
}

// end has the last save end the stored session.
func (p *persistence) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
}

// claimed takes the row over that the saves are of; false: they are over.
func (p *persistence) claimed(from *social.SessionClaimed) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return false
	}
	p.id, p.fence, p.grant = from.Session.ID, from.Session.Fence, from.Session.Grant
	return true
}

// note tells that the subscriptions changed.
func (p *persistence) note() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changed = true
}

// due tells whether the session is to be saved lazily.
func (p *persistence) due(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.busy && !p.over && now.Sub(p.last) >= lazyAfter
}

// lazyAfter is how old the saved position of a live session that moves on may
// be; what a crash repeats is what moved within it and one round of tidying.
const lazyAfter = 3 * time.Second

// part hands over the last save: the connection is over. It is written until it
// succeeds, so that the next claim, which waits behind it, finds it.
func (s *session) part() {
	p := s.stored
	p.mu.Lock()
	if p.over {
		p.mu.Unlock()
		return
	}
	p.over = true
	if p.fence == 0 { // a group that outlives nothing
		p.mu.Unlock()
		close(p.parted)
		return
	}
	waiting := p.waiting
	p.waiting = nil
	w := s.snapshotLocked()
	w.Left = s.broker.now()
	s.last(w)
	accepted := s.broker.keeper.submit(keeping{write: social.SessionWrite{Save: w}, lasting: true, done: func(social.SessionWritten, error) {
		close(p.parted)
		finish(waiting, errOver())
		if !w.WillDue.IsZero() {
			s.broker.askWills()
		}
	}})
	p.mu.Unlock()
	if !accepted {
		close(p.parted)
		finish(waiting, errStopping())
	}
}
