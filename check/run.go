package check

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Options say which server to check, and how hard.
type Options struct {
	Address string // of MQTT, host:port; tls://host:port for TLS
	HTTP    string // base URL of REST
	// User and Password are a manager's, who makes the people and contexts of the
	// run and removes them again.
	User, Password string
	Roots          *x509.CertPool // nil: those of the system
	For            time.Duration  // how long clients publish; 0 = a minute
	Clients        int            // 0 = 50
	// Seed decides what is left to chance; 0 = by the clock.
	Seed uint64
	// Disturb has the check cut connections, leave them half open and take them
	// over. Without it clients leave and come back as they should.
	Disturb bool
	// Patience is how long, at the end, a client may see nothing at all before
	// what is missing counts as lost. 0 = 20 s.
	Patience time.Duration
	Progress io.Writer // told what goes on; nil: nobody
	// Begun is called once all is prepared and the clients begin; from then on the
	// server may be killed. nil: nobody wants to know.
	Begun func()
}

// maxFor is less than an access token lives, as each connection has one.
const maxFor = 45 * time.Minute

func (o Options) withDefaults() Options {
	o.For = cmp.Or(o.For, time.Minute)
	o.Clients = cmp.Or(o.Clients, 50)
	o.Patience = cmp.Or(o.Patience, 20*time.Second)
	o.Seed = cmp.Or(o.Seed, uint64(time.Now().UnixNano())) //nolint:gosec // any number will do
	return o
}

// maxClients keeps a slip of the finger from taking a machine down.
const maxClients = 2000

// Validate names what cannot be used.
func (o Options) Validate() error {
	switch o = o.withDefaults(); {
	case o.For < 0 || o.For > maxFor:
		return fmt.Errorf("the time of a run is %s; it must lie between 0 and %s", o.For, maxFor)
	case o.Clients < 1 || o.Clients > maxClients:
		return fmt.Errorf("the number of clients is %d; it must lie between 1 and %d", o.Clients, maxClients)
	case o.Patience < 0:
		return errors.New("the patience is negative")
	}
	return nil
}

// run is one check under way.
type run struct {
	options Options
	site    *site
	begun   time.Time
	actors  []*actor
	posters []*poster
	probes  chan question
	lasts   map[string]string // by stream: the mark of its last message
	// settling: nothing new is published, nobody is disturbed, all is read.
	settling atomic.Bool
	quiet    chan struct{} // closed when settling begins

	mu      sync.Mutex // guards history but for its clients' events, and failure
	history History
	failure error // why the check cannot be made
}

// now is the time of the history.
func (r *run) now() time.Duration { return time.Since(r.begun) }

// Run checks a server for as long as o says and reports what came of it. An
// error means that the check itself could not be made; offences of the server
// are in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	r := &run{options: o, probes: make(chan question, 64), quiet: make(chan struct{})}
	r.tell("making people and contexts")
	var err error
	if r.site, err = r.openSite(ctx, &o); err != nil {
		return nil, err
	}
	report, err := r.check(ctx)
	return report, errors.Join(err, r.site.close(ctx))
}

func (r *run) check(ctx context.Context) (*Report, error) {
	r.begun = time.Now()
	r.describe()
	r.cast()
	working, stop := context.WithCancel(ctx)
	defer stop()
	var clients, others sync.WaitGroup
	for _, a := range r.actors {
		clients.Go(func() { a.live(working) })
	}
	for _, p := range r.posters {
		clients.Go(func() { p.live(working) })
	}
	for i, p := range r.site.moody {
		others.Go(func() { r.changeRights(working, p, i) })
	}
	for range probesAtOnce {
		others.Go(func() { r.look(working) })
	}
	r.tell(fmt.Sprintf("%d clients for %s, seed %d", len(r.actors)+len(r.posters), r.options.For, r.options.Seed))
	if r.options.Begun != nil {
		r.options.Begun()
	}
	err := wait(ctx, r.options.For)
	if err == nil {
		err = r.settle(ctx, &others, stop)
	}
	stop()
	clients.Wait()
	others.Wait()
	err = cmp.Or(err, r.failure)
	if err == nil {
		err = r.readLogs(ctx)
	}
	if err != nil {
		return nil, err
	}
	r.tell("verifying")
	for _, a := range r.actors {
		r.history.Clients = append(r.history.Clients, &a.Client)
	}
	return newReport(r.options, &r.history, Verify(&r.history)), nil
}

// settle ends the publishing, waits until every publish has its answer, has a
// last message sent to each stream, and waits until it came to all whom it is
// due to, or until nothing comes any more.
func (r *run) settle(ctx context.Context, others *sync.WaitGroup, stop func()) error {
	r.tell("waiting for the last answers")
	r.settling.Store(true)
	close(r.quiet)
	if err := r.patiently(ctx, (*actor).answered); err != nil {
		return err
	}
	others.Wait() // rights are given back
	if err := wait(ctx, 2*rightWithin); err != nil {
		return err
	}
	r.history.Settled = r.now()
	if err := r.sayLast(ctx); err != nil {
		return fmt.Errorf("publish the last messages: %w", err)
	}
	r.tell("waiting for the last deliveries")
	err := r.patiently(ctx, (*actor).complete)
	// A little longer, for what should not come at all.
	err = cmp.Or(err, wait(ctx, rightWithin))
	r.history.Over = r.now()
	stop()
	return err
}

// patiently waits until done holds for every client, and gives up on those that
// see nothing for too long, and on all after so long as they had to publish.
func (r *run) patiently(ctx context.Context, done func(*actor) bool) error {
	began := r.now()
	for {
		waiting := 0
		for _, a := range r.actors {
			if since := max(began, a.lastSeen()); r.now()-since < r.options.Patience && !done(a) {
				waiting++
			}
		}
		if waiting == 0 || r.now()-began > r.options.For+4*r.options.Patience {
			return nil
		}
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// tell says what goes on.
func (r *run) tell(what string) {
	if w := r.options.Progress; w != nil {
		fmt.Fprintf(w, "%s\n", what)
	}
}

// dice is chance of its own for each actor, the same for the same seed.
func (r *run) dice(n int) *rand.Rand {
	return rand.New(rand.NewPCG(r.options.Seed, uint64(n))) //nolint:gosec // chance, not secrets
}
