package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"rambla/mqttwire"
)

// actor is one client identifier at work. All of it belongs to the goroutine
// that runs live, but for what says otherwise.
type actor struct {
	run    *run
	token  string
	dice   *rand.Rand
	talk   *talk         // what it publishes; nil: it only listens
	lag    time.Duration // it acknowledges so much later, while others publish
	buffer int           // of the socket, in bytes; 0 = the system's

	mu     sync.Mutex      // guards Client.Events, which the end of an old link adds to, and lasts
	Client                 // the history
	lasts  map[string]bool // marks of the last messages of streams that came

	seen  atomic.Int64 // when something came last, in ns of the run
	ready atomic.Bool  // nothing that it published is unanswered

	links  int
	others sync.WaitGroup    // old links that are read to their end
	left   []*link           // half open
	asks   []string          // filters of the SUBSCRIBE under way
	again  []string          // filters that were refused, to be asked for again
	askAt  time.Duration     // when
	held   map[uint16]bool   // QoS 2 deliveries that are not released
	queue  []answer          // acknowledgements that wait
	got    map[string]uint64 // by stream: the last seq
}

// answer is an acknowledgement to be sent at its time.
type answer struct {
	due    time.Duration
	kind   byte
	packet uint16
}

// parting is how a link ends.
type parting uint8

const (
	goneAway  parting = iota // by the server, or broken
	goodbye                  // DISCONNECT
	reset                    // cut
	abandoned                // left half open
	overtaken                // another link takes the session over; this one is still read
	partings
)

// record adds an event.
func (a *actor) record(e Event) {
	e.At = a.run.now()
	a.mu.Lock()
	a.Events = append(a.Events, e)
	a.mu.Unlock()
}

func (a *actor) lastSeen() time.Duration { return time.Duration(a.seen.Load()) }
func (a *actor) answered() bool          { return a.talk == nil || a.ready.Load() }

// complete tells whether the last message of each of its streams came.
func (a *actor) complete() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, mark := range a.run.awaits(a) {
		if !a.lasts[mark] {
			return false
		}
	}
	return true
}

// live connects again and again until ctx ends.
func (a *actor) live(ctx context.Context) {
	defer func() {
		a.others.Wait()
		for _, l := range a.left {
			l.close(true)
		}
	}()
	pause := time.Duration(0)
	for ctx.Err() == nil {
		if wait(ctx, pause) != nil {
			return
		}
		l, err := a.connect(ctx)
		if err != nil {
			pause = min(max(2*pause, 20*time.Millisecond), 500*time.Millisecond)
			continue
		}
		how := a.serve(ctx, l)
		a.part(ctx, l, how)
		pause = 0
		if !a.run.settling.Load() && how != overtaken && a.dice.IntN(3) > 0 {
			pause = time.Duration(a.dice.Int64N(int64(a.run.absence())))
		}
	}
}

// connect makes the next link.
func (a *actor) connect(ctx context.Context) (*link, error) {
	a.links++
	number := a.links
	h := hello{
		version: a.Version, client: a.Name, user: a.Person, password: a.token, clean: !a.Session,
		receiveMaximum: uint16(a.ReceiveMaximum), //nolint:gosec // set by cast
	}
	if a.Session && a.Version == 5 {
		h.expiry = 3600
	}
	a.record(Event{Kind: SentConnect, Link: number})
	l, err := dial(ctx, a.run.options.Address, a.run.options.Roots, h, a.buffer)
	if refusal, ok := errors.AsType[*shut](err); ok && !refusal.passing(a.Version) {
		a.record(Event{Kind: GotConnack, Link: number, Code: refusal.code, Note: refusal.reason})
		return nil, err
	}
	if err != nil {
		if ctx.Err() == nil {
			a.record(Event{Kind: Refused, Link: number, Note: err.Error()})
		}
		return nil, err
	}
	l.number = number
	a.record(Event{Kind: GotConnack, Link: number, Present: l.present})
	a.see()
	a.queue = nil
	a.asks = nil
	if !l.present {
		a.held, a.again = map[uint16]bool{}, nil
	}
	if err := a.begin(l); err != nil {
		a.part(ctx, l, goneAway)
		return nil, err
	}
	return l, nil
}

// begin subscribes, where there is no session that has it, and sends again what
// has no answer.
func (a *actor) begin(l *link) error {
	var out []byte
	if len(a.Filters) > 0 && !l.present {
		filters := a.Filters
		if a.Since {
			filters = a.positions()
		}
		out = a.subscribe(out, filters)
	}
	if a.talk != nil {
		out = a.talk.again(a, l, out)
	}
	if len(out) == 0 {
		return nil
	}
	return l.write(out)
}

// subscribePacket is the identifier of a SUBSCRIBE, of which there is one at a
// time; publishes have lower ones.
const subscribePacket = 60_000

func (a *actor) subscribe(b []byte, filters []string) []byte {
	a.asks = append([]string(nil), filters...)
	return appendSubscribe(b, a.Version, subscribePacket, filters, a.QoS)
}

// askAgain subscribes to what was refused, as a client does whose right may be
// back.
func (a *actor) askAgain(l *link) error {
	if len(a.again) == 0 || len(a.asks) > 0 || a.run.now() < a.askAt {
		return nil
	}
	filters := a.again
	a.again, a.askAt = nil, a.run.now()+rightWithin
	return l.write(a.subscribe(nil, filters))
}

// positions are the filters of a client that resumes by $since.
func (a *actor) positions() []string {
	out := make([]string, len(a.Filters))
	for i, f := range a.Filters {
		out[i] = f
		if last, ok := a.got[f]; ok {
			out[i] = fmt.Sprintf("$since/%d/%s", last, f)
		}
	}
	return out
}

// pingEvery and pingWithin find servers that are gone without a word.
const (
	pingEvery  = 5 * time.Second
	pingWithin = 15 * time.Second
)

// serve is what happens on a link until it ends.
func (a *actor) serve(ctx context.Context, l *link) parting {
	pulse := time.NewTicker(5 * time.Millisecond)
	defer pulse.Stop()
	asked, heard := a.run.now(), a.run.now()
	end, how := a.fate()
	in := l.in
	for {
		var err error
		select {
		case p, more := <-in:
			if !more {
				return goneAway
			}
			heard = a.run.now()
			if p.kind != mqttwire.Pingresp {
				a.see()
			}
			if over := a.take(l, &p); over {
				return goneAway
			}
			err = a.flush(l)
		case <-pulse.C:
			if err = cmp.Or(a.flush(l), a.askAgain(l)); err == nil && a.talk != nil {
				err = a.talk.next(a, l)
			}
			now := a.run.now()
			if err == nil && now-asked > pingEvery {
				asked, err = now, l.write([]byte{mqttwire.Pingreq << 4, 0})
			}
			switch {
			case now-heard > pingWithin:
				return goneAway
			case now > end && !a.run.settling.Load():
				return how
			}
		case <-ctx.Done():
			return goodbye
		}
		if err != nil {
			a.rest(l)
			return goneAway
		}
	}
}

// rest reads what had arrived when a link broke: the reason, mostly.
func (a *actor) rest(l *link) {
	deadline := time.NewTimer(time.Second)
	defer deadline.Stop()
	for {
		select {
		case p, more := <-l.in:
			if !more || a.take(l, &p) {
				return
			}
		case <-deadline.C:
			return
		}
	}
}

// fate decides when and how a link ends.
func (a *actor) fate() (time.Duration, parting) {
	how := goodbye
	if a.run.options.Disturb {
		how = goodbye + parting(a.dice.IntN(int(partings-goodbye))) //nolint:gosec // a few
	}
	life := a.run.absence() + time.Duration(a.dice.Int64N(int64(2*a.run.absence())))
	return a.run.now() + life, how
}

// absence is about how long clients stay away, and stay: often enough within a
// run to matter, and no storm.
func (r *run) absence() time.Duration {
	return max(200*time.Millisecond, min(2*time.Second, r.options.For/10))
}

// part ends a link.
func (a *actor) part(ctx context.Context, l *link, how parting) {
	ended := Event{Kind: LinkEnded, Link: l.number, Note: "by us"}
	switch how {
	case goneAway:
		ended.Note = endedByServer
		ended.Code = a.reason(l)
		l.close(false)
	case goodbye:
		a.record(Event{Kind: SentDisconnect, Link: l.number})
		_ = l.write([]byte{mqttwire.Disconnect << 4, 0}) // the server may have gone first
		l.drain()
		l.close(false)
	case reset:
		ended.Note = "cut"
		l.close(true)
	case abandoned:
		ended.Note = "left half open"
		l.forget()
		a.left = append(a.left, l)
	case overtaken:
		a.others.Go(func() { a.outlive(ctx, l) })
		return
	case partings:
	}
	a.record(ended)
}

// reason is the code of the DISCONNECT that ended the link; 0 without one.
func (a *actor) reason(l *link) byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.Events); n > 0 && a.Events[n-1].Kind == LinkEnded && a.Events[n-1].Link == l.number {
		code := a.Events[n-1].Code
		a.Events = a.Events[:n-1]
		return code
	}
	return 0
}

// overtakenWithin is how soon a link has to end after another took over.
const overtakenWithin = 10 * time.Second

// outlive reads a link to its end, while the next one is at work.
func (a *actor) outlive(ctx context.Context, l *link) {
	defer l.close(false)
	ended := Event{Kind: LinkEnded, Link: l.number, Note: neverEnded}
	limit := time.NewTimer(overtakenWithin)
	defer limit.Stop()
	for {
		select {
		case p, more := <-l.in:
			switch {
			case !more:
				ended.Note = endedByServer
				a.record(ended)
				return
			case p.kind == mqttwire.Disconnect:
				ended.Code = p.code
			case p.kind == mqttwire.Publish:
				e := a.delivery(l, &p)
				e.Late = true
				a.record(e)
			}
		case <-limit.C:
			a.record(ended)
			return
		case <-ctx.Done():
			return
		}
	}
}
