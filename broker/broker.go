package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/social"
)

// Broker serves MQTT. Make one with [New], run it with [Broker.Serve].
type Broker struct {
	config  Config
	gate    Gate
	backlog Backlog
	store   social.SessionStore
	there   Attendance // nil for none
	node    social.NodeID
	log     *slog.Logger
	metrics *metrics
	now     func() time.Time
	started time.Time
	feeds   feeds
	feeder  *feeder
	keeper  *keeper
	claims  claims
	groups  map[groupKey]*group // guarded by mu
	owed    []social.Session    // likewise; whose wills are to be sent
	wills   chan struct{}       // capacity 1: one may be due
	writers []*writer
	turn    atomic.Uint32 // which writer is next
	buffers pool[inputBuffer]
	batches pool[batch]

	tasks    tasks
	stopping chan struct{} // closed when Serve ends

	mu         sync.Mutex // guards all below; above the locks of an outbox
	state      lifeState
	conns      map[*conn]*admission
	sessions   map[sessionKey]*session
	people     map[social.PersonKey][]*session // the same, by person
	addresses  map[netip.Addr]*address
	connecting int
	listeners  map[net.Listener]bool
}

type lifeState byte

const (
	lifeNew lifeState = iota
	lifeServing
	lifeDraining
	lifeStopped
)

// Deps is what a Broker works with; all of it is needed but for Attendance.
type Deps struct {
	Gate       Gate
	Backlog    Backlog
	Sessions   social.SessionStore
	Attendance Attendance // nil: nobody asks who is there
	Logger     *slog.Logger
	Metrics    prometheus.Registerer
}

// New makes a broker; it starts nothing. Errors are of the configuration and of
// the registration of metrics.
func New(config Config, deps Deps) (*Broker, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, err
	}
	config = config.withDefaults()
	b := &Broker{
		config: config, gate: deps.Gate, backlog: deps.Backlog, store: deps.Sessions, there: deps.Attendance, node: social.NodeID(randomNumber()),
		log: deps.Logger, metrics: m, now: config.Now, started: config.Now(),
		groups: make(map[groupKey]*group), claims: claims{under: make(map[sessionKey]chan struct{})}, wills: make(chan struct{}, 1),
		feeds:    feeds{areas: make(map[social.Scope]*area)},
		stopping: make(chan struct{}),
		conns:    make(map[*conn]*admission), sessions: make(map[sessionKey]*session),
		people:    make(map[social.PersonKey][]*session),
		addresses: make(map[netip.Addr]*address), listeners: make(map[net.Listener]bool),
	}
	b.feeder = newFeeder(b, deps.Backlog)
	b.keeper = newKeeper(deps.Sessions, deps.Logger, config.Now)
	if err := deps.Metrics.Register(newLoad(b)); err != nil {
		return nil, fmt.Errorf("register broker metrics: %w", err)
	}
	for range config.Writers {
		b.writers = append(b.writers, newWriter())
	}
	return b, nil
}

// Serve accepts connections from the listeners, which it closes, and runs those
// of [Broker.Handler]. It returns when ctx has ended and all goroutines are
// done. A broker serves once.
func (b *Broker) Serve(ctx context.Context, listeners ...net.Listener) error {
	if err := b.begin(listeners); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var writers, keeping sync.WaitGroup
	for _, w := range b.writers {
		writers.Go(w.run)
	}
	// The keeper ends last: it saves how far the others got.
	ctxKeeper, stopKeeper := context.WithCancel(context.WithoutCancel(ctx))
	defer keeping.Wait()
	defer stopKeeper()
	keeping.Go(func() { b.keeper.run(ctxKeeper) })
	for range b.config.Feeders {
		b.tasks.spawn(func() { b.feeder.run(ctx) })
	}
	b.tasks.spawn(func() { b.feeder.retry(ctx) })
	b.tasks.spawn(func() { b.tidy(ctx) })
	for _, l := range listeners {
		b.tasks.spawn(func() { b.accept(ctx, l) })
	}
	b.tasks.spawn(func() { b.publishFigures(ctx) })
	<-ctx.Done()
	b.tasks.close()
	b.stop()
	b.tasks.running.Wait()
	for _, w := range b.writers {
		w.stop()
	}
	writers.Wait()
	return nil
}

func (b *Broker) begin(listeners []net.Listener) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state != lifeNew {
		return errors.New("broker: it served already")
	}
	b.state = lifeServing
	for _, l := range listeners {
		b.listeners[l] = true
	}
	return nil
}

// stop ends everything at once.
func (b *Broker) stop() {
	b.mu.Lock()
	b.state = lifeStopped
	close(b.stopping)
	conns := make([]*conn, 0, len(b.conns))
	for c := range b.conns {
		conns = append(conns, c)
	}
	b.closeListenersLocked()
	b.mu.Unlock()
	for _, c := range conns {
		c.end(ending{cause: causeShutdown})
		c.fail()
	}
}

func (b *Broker) closeListenersLocked() {
	for l := range b.listeners {
		// An error means that it is closed already.
		_ = l.Close()
		delete(b.listeners, l)
	}
}

// tasks are the goroutines that Serve waits for, the writers apart.
type tasks struct {
	mu      sync.RWMutex // guards closed; nothing else is locked under it
	closed  bool
	running sync.WaitGroup
}

// spawn runs f; false once nothing may be started any more.
func (t *tasks) spawn(f func()) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.closed {
		return false
	}
	t.running.Go(f)
	return true
}

func (t *tasks) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
}

// Drain prepares the end of [Broker.Serve]: it accepts no more connections,
// lets publishes that are with the gate be answered, and ends each connection,
// MQTT 5.0 clients with the reason 0x8B. It returns when all are gone or ctx
// ends, with ctx's error then.
func (b *Broker) Drain(ctx context.Context) error {
	b.mu.Lock()
	if b.state == lifeServing {
		b.state = lifeDraining
	}
	b.closeListenersLocked()
	conns := make([]*conn, 0, len(b.conns))
	for c := range b.conns {
		conns = append(conns, c)
	}
	b.mu.Unlock()
	for _, c := range conns {
		c.drainInput()
	}
	for _, c := range conns {
		select {
		case <-c.closed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// End ends the connections of all principals that match, also of those that
// authenticated before the call and are not in yet. reason is one of
// ReasonNotAuthorized and its like; text is shown to MQTT 5.0 clients. It
// returns how many connections it ended. match is called under a lock: it must
// not call the broker.
func (b *Broker) End(match func(*Principal) bool, reason byte, text string) int {
	b.mu.Lock()
	for _, a := range b.conns {
		if a.noting {
			a.verdicts = append(a.verdicts, verdict{match, reason, text})
		}
	}
	var hit []*session
	for _, s := range b.sessions {
		if match(s.principal) {
			hit = append(hit, s)
		}
	}
	b.mu.Unlock()
	for _, s := range hit {
		s.conn.end(ending{reason, text, causeEnded})
	}
	return len(hit)
}

func (b *Broker) nextWriter() *writer { return b.writers[int(b.turn.Add(1))%len(b.writers)] }
