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

// arrivals tells how a number of connections came in.
type arrivals struct {
	latency histogram
	elapsed time.Duration
}

func (a *arrivals) tell(r *Report) {
	if a.elapsed > 0 {
		r.ConnectsPerSecond = float64(a.latency.total) / a.elapsed.Seconds()
	}
	r.ConnectLatency = latencyOf(&a.latency)
}

// connect makes n connections, some at once, and hands each to use, which
// owns it from then on, whatever it returns. role keeps their client ids apart
// from those of other connections of this load; who lets the i-th in.
func (t *target) connect(ctx context.Context, role string, n int, who func(int) Credential, use func(i int, w *wire) error) (*arrivals, error) {
	if err := allowFiles(n); err != nil {
		return nil, err
	}
	var a arrivals
	var mu sync.Mutex // guards a
	begin := time.Now()
	err := inParallel(ctx, n, connectsAtOnce, func(ctx context.Context, i int) error {
		if i%100 == 0 {
			t.report.status("connections: %d of %d", i, n)
		}
		let := who(i)
		start := time.Now()
		var w *wire
		err := untilFree(ctx, func() (err error) {
			w, err = dial(ctx, t.options.Address, t.options.Roots, hello{
				version: byte(t.options.Version), client: fmt.Sprintf("bench-%s-%s%d", t.unique, role, i),
				user: let.Name, password: let.Password, keepAlive: keepAlive,
			}, i)
			return err
		})
		if err != nil {
			return fmt.Errorf("connection %d of %d: %w", i+1, n, err)
		}
		if err := use(i, w); err != nil {
			return fmt.Errorf("connection %d of %d: %w", i+1, n, err)
		}
		mu.Lock()
		a.latency.add(int64(time.Since(start)))
		mu.Unlock()
		return nil
	})
	a.elapsed = time.Since(begin)
	return &a, err
}
