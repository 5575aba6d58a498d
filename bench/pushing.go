package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	tellingsEvery = 250 * time.Millisecond // how often the providers are asked what they have taken
	postPatience  = time.Minute            // for one post, while the server is killed and started anew
	postAgain     = 50 * time.Millisecond
)

// pushing is a load of pushes, from run to run.
type pushing struct {
	target    *target
	options   Options
	providers providers
	tokens    []string               // of the device of each of the people
	base      atomic.Pointer[string] // where the server is; it moves when it is killed
	kills     atomic.Uint64          // so far in the run
}

// posted is a post that the server has stored.
type posted struct {
	stream    string
	seq       uint64
	published time.Time
}

// run posts to the contexts of a turn and waits until all are told.
func (p *pushing) run(ctx context.Context, turn int) (run Run, problems []string, err error) {
	o, t := p.options, newTellings()
	ids := p.follow(t, turn)
	m, err := newMeter(p.target.options.PID)
	if err != nil {
		return run, nil, err
	}
	before, err := usageOf(o.ProvidersPID)
	if err != nil {
		return run, nil, err
	}
	peak := func() (int64, error) { return m.server.resident, nil }
	if !o.Kill {
		peak = watchMemory(o.PID)
	}
	begin, memory := time.Now(), m.server.resident
	stage, err := p.post(ctx, t, ids, m)
	if err == nil {
		err = p.await(ctx, t)
	}
	wall := time.Since(begin)
	most, failed := peak()
	if err = errors.Join(err, failed); err != nil {
		return run, nil, err
	}
	v := t.judge(stage.mark)
	run.Operations, run.Posts, run.Kills = v.accepted, uint64(stage.posts), p.kills.Swap(0)
	if err := run.spend(m, wall, v.accepted); err != nil {
		return run, nil, err
	}
	after, err := usageOf(o.ProvidersPID)
	if err != nil {
		return run, nil, err
	}
	run.ProviderCores = float64(after.cpu-before.cpu) / float64(wall)
	run.MemoryGrowth = max(most-memory, 0)
	run.PostsPerSecond = float64(stage.posts) / stage.took.Seconds()
	run.tell(&v, o, stage.mark)
	if o.Outage > 0 && v.most > 1 {
		problems = append(problems, fmt.Sprintf("after the outage a device got %d pushes of one stream", v.most))
	}
	return run, problems, nil
}

// tell writes down what the providers have seen.
func (r *Run) tell(v *verdict, o Options, mark time.Time) {
	r.Lost, r.Uninvited = v.lost, v.uninvited
	if o.Kill {
		r.Repeated = v.repeated
	} else {
		r.Duplicates = v.repeated
	}
	r.PerSecond = 0
	if took := v.end.Sub(v.first); took > 0 {
		r.PerSecond = float64(v.accepted) / took.Seconds()
	}
	if o.Outage == 0 {
		r.Latency = latencyOf(&v.latency)
		return
	}
	r.MostPerStream = v.most
	if v.end.After(mark) {
		r.CaughtUp = v.end.Sub(mark).Seconds()
	}
}

// follow gives the contexts of a turn, whose members are to be told.
func (p *pushing) follow(t *tellings, turn int) []string {
	site, o := p.target.site, p.options
	each := len(site.Contexts) / o.Runs
	lists := membersOf(len(site.People), len(site.Contexts), o.MemberOf*o.Runs)
	ids := site.Contexts[turn*each : (turn+1)*each]
	for i, id := range ids {
		tokens := make([]string, 0, len(lists[turn*each+i]))
		for _, person := range lists[turn*each+i] {
			tokens = append(tokens, p.tokens[person])
		}
		t.follow(topicOf(id), tokens)
	}
	return ids
}

func topicOf(context string) string { return "/ctx/" + context + "/messages" }

// stage is how posting went.
type stage struct {
	posts int
	took  time.Duration
	mark  time.Time // when the outage ended; zero without one
}

// post posts at the load's pace, to each context once or, during an outage, in
// turn until shortly before it ends.
func (p *pushing) post(ctx context.Context, t *tellings, ids []string, m *meter) (s stage, err error) {
	o := p.options
	perPost := float64(o.Subscribers*o.MemberOf) / float64(len(ids))
	interval := time.Duration(perPost / o.Rate * float64(time.Second))
	n := len(ids)
	if o.Outage > 0 {
		n = max(n, int(o.Outage/interval))
		if err := p.providers.fail(ctx, true, o.Silent); err != nil {
			return s, err
		}
	}
	var work sync.WaitGroup
	defer work.Wait()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all []posted
	var mu sync.Mutex // guards all
	done, killed := make(chan error, 1), make(chan error, 1)
	begin := time.Now()
	work.Go(func() {
		done <- inParallel(ctx, n, restAtOnce, func(ctx context.Context, i int) error {
			if err := until(ctx, begin.Add(time.Duration(i)*interval)); err != nil {
				return err
			}
			x, err := p.postOnce(ctx, ids[i%len(ids)], i)
			mu.Lock()
			all = append(all, x)
			mu.Unlock()
			return err
		})
	})
	killing, enough := context.WithCancel(ctx)
	defer enough()
	work.Go(func() { killed <- p.killAgain(killing, time.Duration(n)*interval, m, cancel) })
	err = p.listen(ctx, t, done)
	s = stage{posts: n, took: time.Since(begin)}
	if err == nil {
		// Then what was posted last is due, and known to be.
		err = rest(ctx, o.Hold+time.Second, tellingsEvery, func() {})
	}
	enough()
	if failed := <-killed; err == nil {
		err = failed
	}
	p.target.site.base = *p.base.Load()
	if err != nil {
		return s, err
	}
	for _, x := range all {
		t.post(x.stream, x.seq, x.published)
	}
	t.end()
	if o.Outage > 0 {
		s.mark = time.Now()
		err = p.providers.fail(ctx, false, false)
	}
	return s, err
}

// until waits for a time, which may be over.
func until(ctx context.Context, at time.Time) error {
	pause := time.NewTimer(time.Until(at))
	defer pause.Stop()
	select {
	case <-pause.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// postOnce posts once, however often it has to ask: the key says that it is the same.
func (p *pushing) postOnce(ctx context.Context, id string, i int) (posted, error) {
	body := fmt.Sprintf(`{"key":"%s-%d","content":"%s"}`, id, i, strings.Repeat("x", p.options.Payload))
	for end := time.Now().Add(postPatience); ; {
		x := posted{stream: topicOf(id)}
		err := p.postAt(ctx, id, body, &x)
		refusal, refused := errors.AsType[*restError](err)
		switch {
		case err == nil, ctx.Err() != nil, time.Now().After(end):
			return x, err
		case refused && refusal.status < http.StatusInternalServerError && !refusal.busy():
			return x, err
		}
		if err := until(ctx, time.Now().Add(postAgain)); err != nil {
			return x, err
		}
	}
}

func (p *pushing) postAt(ctx context.Context, id, body string, x *posted) error {
	s := p.target.site
	path := "/v1/contexts/" + id + "/activities"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, *p.base.Load()+path, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("POST %s: %w", path, err)
	}
	req.Header.Set("Authorization", "Bearer "+s.Manager.Password)
	req.Header.Set("Content-Type", "application/json")
	var answer struct {
		Seq       uint64    `json:"seq"`
		Published time.Time `json:"published"`
	}
	if err := s.send(req, &answer); err != nil {
		return fmt.Errorf("POST %s: %w", path, err)
	}
	x.seq, x.published = answer.Seq, answer.Published
	return nil
}

// killAgain kills the server at random until ctx ends; what goes wrong then ends
// the run. within is how long the load takes.
func (p *pushing) killAgain(ctx context.Context, within time.Duration, m *meter, fail func(error)) error {
	if !p.options.Kill {
		return nil
	}
	mean := max(min(p.options.KillEvery, within/3), 100*time.Millisecond) // so that a short load has some too
	for {
		pause := mean/2 + time.Duration(rand.Int64N(int64(mean))) //nolint:gosec // no secret
		if until(ctx, time.Now().Add(pause)) != nil {
			return nil //nolint:nilerr // enough
		}
		if err := p.kill(context.WithoutCancel(ctx), m); err != nil { // half a start is none
			fail(err)
			return err
		}
	}
}

func (p *pushing) kill(ctx context.Context, m *meter) error {
	if err := m.leave(); err != nil {
		return err
	}
	server, err := p.options.Restart(ctx, true)
	if err != nil {
		return fmt.Errorf("restart the server: %w", err)
	}
	p.kills.Add(1)
	m.pid, p.target.options.PID = server.PID, server.PID
	base := strings.TrimSuffix(server.HTTP, "/")
	p.base.Store(&base)
	return nil
}

// listen notes what the providers take until done, whose error it returns.
func (p *pushing) listen(ctx context.Context, t *tellings, done <-chan error) error {
	tick := time.NewTicker(tellingsEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			if err := p.hear(ctx, t); err != nil {
				return err
			}
		}
	}
}

// hear notes what the providers have taken since the last time.
func (p *pushing) hear(ctx context.Context, t *tellings) error {
	news, err := p.providers.news(ctx)
	t.take(news)
	return err
}

// await waits until all are told, or nothing was taken for too long; and then for
// what may come again.
func (p *pushing) await(ctx context.Context, t *tellings) error {
	last, had := time.Now(), -1
	for {
		if err := p.hear(ctx, t); err != nil {
			return err
		}
		if len(t.takings) > had {
			last, had = time.Now(), len(t.takings)
		}
		p.target.report.status("%d pushes; %d devices wait for news of a context", had, t.behind)
		if t.behind == 0 || time.Since(last) > p.options.Patience {
			break
		}
		if err := until(ctx, time.Now().Add(tellingsEvery)); err != nil {
			return err
		}
	}
	if err := rest(ctx, p.options.Linger, tellingsEvery, func() {}); err != nil {
		return err
	}
	return p.hear(ctx, t)
}
