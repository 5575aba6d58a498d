package bench

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// target is the broker under load with the topics to use there.
type target struct {
	options Options
	site    *Site // nil for a foreign broker and for a topic that was given
	topics  []string
	load    uint16
	unique  string
	follow  bool // read every connection from a goroutine of its own
	report  *progress
}

// openTarget sets up what the load needs. people > 0 makes so many.
func openTarget(ctx context.Context, o Options, people int) (*target, error) {
	t := &target{
		options: o, unique: uniqueText(), report: &progress{w: o.Progress},
		follow: strings.HasPrefix(o.Address, "tls://"), // a poller reads no TLS
	}
	load, err := strconv.ParseUint(t.unique[:4], 16, 16)
	if err != nil {
		return nil, fmt.Errorf("name the load: %w", err)
	}
	t.load = uint16(load)
	if o.Topic != "" {
		t.topics = []string{o.Topic}
		return t, nil
	}
	if t.site, err = Setup(ctx, o, people); err != nil {
		return nil, err
	}
	for _, id := range t.site.Contexts {
		t.topics = append(t.topics, "/ctx/"+id+"/messages")
	}
	return t, nil
}

// close removes what openTarget has set up.
func (t *target) close(ctx context.Context) error {
	if t.site == nil {
		return nil
	}
	return t.site.Close(ctx)
}

// credential of the i-th connection: the site's manager by token, unless
// others were given.
func (t *target) credential(i int) Credential {
	if t.site != nil && len(t.options.Credentials) == 0 {
		return t.site.Manager
	}
	return t.options.credential(i)
}

// keyOf gives the k-th template of a publisher a key space of its own: stamps
// number the publishes of each template from 1.
func (t *target) keyOf(k int) string {
	return fmt.Sprintf("%s%04x", t.unique, k)
}

// awaitRefusals subscribes a 3.1.1 publisher to the topic on which Rambla says
// what it refused: the acknowledgement does not tell.
func (t *target) awaitRefusals(ctx context.Context, i int, w *wire) error {
	if w.version == 5 || t.options.Foreign {
		return nil
	}
	return w.subscribe(ctx, []string{"/user/" + t.credential(i).Name + "/errors"}, 0)
}

// moved makes the load go on with a server that was started anew.
func (t *target) moved(s Server) {
	t.options.Address, t.options.HTTP, t.options.PID = s.Address, s.HTTP, s.PID
	if t.site != nil {
		t.site.base = strings.TrimSuffix(s.HTTP, "/")
	}
}

// anew starts the server anew, where it may, so that what it has in memory is
// not what something before has left there.
func (t *target) anew(ctx context.Context, kill bool) error {
	if t.options.Restart == nil {
		return nil
	}
	t.report.status("restarting the server")
	server, err := t.options.Restart(ctx, kill)
	if err != nil {
		return fmt.Errorf("restart the server: %w", err)
	}
	t.moved(server)
	return nil
}

// arrivals tells how a number of connections came in.
type arrivals struct {
	latency histogram
	elapsed time.Duration
}

// perSecond is 0 where nobody came.
func (a *arrivals) perSecond() float64 {
	if a.elapsed <= 0 {
		return 0
	}
	return float64(a.latency.total) / a.elapsed.Seconds()
}

func (a *arrivals) tell(r *Report) {
	r.ConnectsPerSecond = a.perSecond()
	r.ConnectLatency = latencyOf(&a.latency)
}

// crowd is who comes: n connections, the first of which has the number first.
type crowd struct {
	role     string // keeps their client ids apart from those of other crowds of this load
	first, n int
	who      func(int) Credential // lets the i-th in
	// expiry and receiveMaximum are as in hello.
	expiry         uint32
	receiveMaximum uint16
	// leaving: each is gone again when it has been used, so that few are there at once.
	leaving bool
	// spread is the time over which they come; 0: as fast as they are let in.
	spread time.Duration
}

// turn waits until it is the turn of the i-th, which has come as soon as it is
// due, however long it then takes to notice.
func (c crowd) turn(ctx context.Context, begin time.Time, i int) (time.Time, error) {
	if c.spread == 0 {
		return time.Now(), nil
	}
	due := begin.Add(c.spread / time.Duration(c.n) * time.Duration(i))
	pause := time.NewTimer(time.Until(due))
	defer pause.Stop()
	select {
	case <-pause.C:
		return due, nil
	case <-ctx.Done():
		return due, context.Cause(ctx)
	}
}

// connect lets a crowd in, some at once, and hands each connection to use, which
// owns it from then on, whatever it returns.
func (t *target) connect(ctx context.Context, c crowd, use func(i int, w *wire) error) (*arrivals, error) {
	n, atOnce := c.n, connectsAtOnce
	if c.expiry > 0 || c.spread > 0 {
		atOnce = waitingAtOnce
	}
	open := n
	if c.leaving {
		open = min(n, atOnce)
	}
	if err := allowFiles(open); err != nil {
		return nil, err
	}
	var a arrivals
	var mu sync.Mutex // guards a
	begin := time.Now()
	err := inParallel(ctx, n, atOnce, func(ctx context.Context, i int) error {
		if i%100 == 0 {
			t.report.status("connections: %d of %d", i, n)
		}
		start, err := c.turn(ctx, begin, i)
		if err != nil {
			return err
		}
		i += c.first
		let := c.who(i)
		var w *wire
		err = untilFree(ctx, func() (err error) {
			w, err = dial(ctx, t.options.Address, t.options.Roots, hello{
				version: byte(t.options.Version), client: fmt.Sprintf("bench-%s-%s%d", t.unique, c.role, i),
				user: let.Name, password: let.Password, keepAlive: keepAlive,
				expiry: c.expiry, receiveMaximum: c.receiveMaximum,
			}, i)
			return err
		})
		if err != nil {
			return fmt.Errorf("connection %d of %d: %w", i-c.first+1, n, err)
		}
		if err := use(i, w); err != nil {
			return fmt.Errorf("connection %d of %d: %w", i-c.first+1, n, err)
		}
		mu.Lock()
		a.latency.add(int64(time.Since(start)))
		mu.Unlock()
		return nil
	})
	a.elapsed = time.Since(begin)
	return &a, err
}
