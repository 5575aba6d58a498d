package pushgw_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"rambla/pushgw"
	"rambla/social"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// provider answers as it is told and counts.
type provider struct {
	mu      sync.Mutex // guards what follows
	answer  pushgw.Answer
	delay   time.Duration
	version uint64
	sent    int
}

func (p *provider) Send(ctx context.Context, _ *pushgw.Message) pushgw.Answer {
	p.mu.Lock()
	p.sent++
	a, delay := p.answer, p.delay
	p.mu.Unlock()
	if delay == 0 { // and no timer: thousands that fire at once crash the race detector, https://go.dev/issue/78156
		return a
	}
	select {
	case <-time.After(delay):
		return a
	case <-ctx.Done():
		return pushgw.Answer{Verdict: pushgw.Retry, Err: ctx.Err()}
	}
}

func (p *provider) Version(string) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.version
}

func (p *provider) set(v pushgw.Verdict, status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = pushgw.Answer{Verdict: v, Status: status, Code: "code"}
}

func (p *provider) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}

// log is written by a router.
type log struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *log) lines(with string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), with)
}

func router(l *log, routes ...pushgw.Route) *pushgw.Router {
	return pushgw.NewRouter(routes, slog.New(slog.NewTextHandler(l, nil)), prometheus.NewRegistry(), time.Now)
}

func apple(app string, s pushgw.Sender) pushgw.Route {
	return pushgw.Route{Platform: social.PlatformAPNs, App: app, Sender: s}
}

func to(app string, sandbox bool) *pushgw.Message {
	return &pushgw.Message{Device: &social.Device{Platform: social.PlatformAPNs, App: app, Sandbox: sandbox, Token: "t"}}
}

// send sends n at once, and counts the verdicts.
func send(t *testing.T, s pushgw.Sender, n int, m *pushgw.Message) map[pushgw.Verdict]int {
	t.Helper()
	answers := make(chan pushgw.Answer, n)
	for range n {
		go func() { answers <- s.Send(t.Context(), m) }()
	}
	out := map[pushgw.Verdict]int{}
	for range n {
		a := <-answers
		if a.Verdict == pushgw.Paused && a.After <= 0 {
			t.Errorf("paused, but not for how long: %+v", a)
		}
		out[a.Verdict]++
	}
	return out
}

func TestAnOutagePausesItsLaneUntilAProbeIsTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, other, l := &provider{}, &provider{}, &log{}
		p.set(pushgw.Retry, 503)
		other.set(pushgw.Accepted, 200)
		r := router(l, apple("a", p), apple("b", other))
		send(t, r, 49, to("a", false))
		if got := send(t, r, 1, to("a", false)); got[pushgw.Retry] != 1 {
			t.Errorf("49 failures have opened the breaker: %v", got)
		}
		if got := send(t, r, 10, to("a", false)); got[pushgw.Paused] != 10 {
			t.Errorf("50 failures of 50 have not: %v", got)
		}
		for _, m := range []*pushgw.Message{to("b", false), to("a", true)} {
			if m.Device.App == "a" {
				p.set(pushgw.Accepted, 200)
			}
			if got := send(t, r, 1, m); got[pushgw.Accepted] != 1 {
				t.Errorf("%s, sandbox %v: answered %v during another lane's outage", m.Device.App, m.Device.Sandbox, got)
			}
		}
		p.set(pushgw.Retry, 503)
		before := p.count()
		for range 60 {
			time.Sleep(time.Second) //nolint:forbidigo // synctest
			send(t, r, 5, to("a", false))
		}
		if probes := p.count() - before; probes < 10 || probes > 13 {
			t.Errorf("%d probes in a minute, want one every five seconds", probes)
		}
		p.set(pushgw.Accepted, 200)
		time.Sleep(5 * time.Second) //nolint:forbidigo // synctest
		if got := send(t, r, 1, to("a", false)); got[pushgw.Accepted] != 1 {
			t.Errorf("the probe is answered %v", got)
		}
		if got := send(t, r, 10, to("a", false)); got[pushgw.Accepted] != 10 {
			t.Errorf("behind a good probe: %v", got)
		}
		if n := l.lines("does not answer"); n != 1 {
			t.Errorf("the outage was logged %d times", n)
		}
	})
}

func TestBehindAnOutagePushesComeBackStepByStep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &provider{}
		p.set(pushgw.Retry, 0)
		route := apple("a", p)
		route.Limits.Rate = 500
		r := router(&log{}, route)
		send(t, r, 50, to("a", false))
		p.set(pushgw.Accepted, 200)
		time.Sleep(5 * time.Second) //nolint:forbidigo // synctest
		send(t, r, 1, to("a", false))
		// What goes of a thousand within the two seconds that one waits for the rate.
		for turn, most := range []int{250, 450, 850, 1000} {
			got := send(t, r, 1000, to("a", false))[pushgw.Accepted]
			if got > most || got < most*3/5 {
				t.Errorf("turn %d: %d of 1000 go, want some %d", turn, got, most)
			}
			time.Sleep(10 * time.Second) //nolint:forbidigo // synctest
		}
	})
}

func TestRefusedCredentialsPauseTheAppUntilTheyAreNew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, l := &provider{}, &log{}
		p.set(pushgw.Misconfigured, 403)
		r := router(l, apple("a", p))
		if got := send(t, r, 1, to("a", false)); got[pushgw.Misconfigured] != 1 {
			t.Errorf("answered %v", got)
		}
		before := p.count()
		for range 600 {
			time.Sleep(time.Second) //nolint:forbidigo // synctest
			send(t, r, 2, to("a", false))
		}
		if tries := p.count() - before; tries < 2 || tries > 6 {
			t.Errorf("tried %d times in ten minutes", tries)
		}
		if n := l.lines("level=ERROR"); n != 1 {
			t.Errorf("the operators were told %d times", n)
		}
		p.set(pushgw.Accepted, 200)
		if got := send(t, r, 1, to("a", false)); got[pushgw.Paused] != 1 {
			t.Errorf("answered %v with the same credentials", got)
		}
		p.mu.Lock()
		p.version++
		p.mu.Unlock()
		if got := send(t, r, 1, to("a", false)); got[pushgw.Accepted] != 1 {
			t.Errorf("answered %v with new credentials", got)
		}
	})
}

func TestMassDeletionIsNotBelieved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, l := &provider{}, &log{}
		p.set(pushgw.Gone, 410)
		r := router(l, apple("a", p))
		got := send(t, r, 1000, to("a", false))
		if got[pushgw.Gone] != 20 || got[pushgw.Paused] != 980 {
			t.Errorf("answered %v, want 20 gone and the rest in doubt", got)
		}
		if n := l.lines("not believed"); n != 1 {
			t.Errorf("the operators were told %d times", n)
		}
		time.Sleep(6 * time.Minute) //nolint:forbidigo // synctest
		p.set(pushgw.Accepted, 200)
		send(t, r, 1000, to("a", false))
		p.set(pushgw.Gone, 410)
		if got := send(t, r, 150, to("a", false)); got[pushgw.Gone] != 150 {
			t.Errorf("answered %v where it is one device in seven", got)
		}
	})
}

func TestASlowProviderKeepsNobodyForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &provider{delay: time.Hour}
		p.set(pushgw.Accepted, 200)
		route := apple("a", p)
		route.Limits.Outstanding = 10
		r := router(&log{}, route)
		begin := time.Now()
		got := send(t, r, 30, to("a", false))
		if got[pushgw.Retry] != 10 || got[pushgw.Paused] != 20 || time.Since(begin) > 40*time.Second {
			t.Errorf("answered %v after %v", got, time.Since(begin))
		}
	})
}

func TestAGateLetsNoMoreThrough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		r := router(&log{}, pushgw.Route{
			Platform: social.PlatformFCM, App: "a", Limits: pushgw.Limits{Outstanding: 7, Rate: 1000},
			Sender: senderFunc(func(context.Context, *pushgw.Message) pushgw.Answer {
				n := now.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				time.Sleep(50 * time.Millisecond) //nolint:forbidigo // synctest
				now.Add(-1)
				return pushgw.Answer{Verdict: pushgw.Accepted}
			}),
		})
		m := &pushgw.Message{Device: &social.Device{Platform: social.PlatformFCM}}
		begin := time.Now()
		if got := send(t, r, 500, m); got[pushgw.Accepted] != 500 || most.Load() != 7 {
			t.Errorf("answered %v, %d at once", got, most.Load())
		}
		if took := time.Since(begin); took < 3*time.Second {
			t.Errorf("500 took %v", took)
		}
		begin = time.Now()
		route := pushgw.Limits{Outstanding: 500, Rate: 1000}
		fast := router(&log{}, pushgw.Route{Platform: social.PlatformFCM, App: "a", Limits: route, Sender: senderFunc(func(context.Context, *pushgw.Message) pushgw.Answer {
			return pushgw.Answer{Verdict: pushgw.Accepted}
		})})
		if got := send(t, fast, 1500, m); got[pushgw.Accepted] != 1500 || time.Since(begin) < 1300*time.Millisecond {
			t.Errorf("1500 at 1000 per second: %v in %v", got, time.Since(begin))
		}
	})
}

type senderFunc func(context.Context, *pushgw.Message) pushgw.Answer

func (f senderFunc) Send(ctx context.Context, m *pushgw.Message) pushgw.Answer { return f(ctx, m) }

func TestCallersThatGiveUpAreNoOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &provider{delay: time.Minute}
		r := router(&log{}, apple("a", p))
		var work sync.WaitGroup
		for range 100 {
			ctx, cancel := context.WithCancel(t.Context())
			work.Go(func() { r.Send(ctx, to("a", false)) })
			time.AfterFunc(time.Second, cancel)
		}
		work.Wait()
		p.delay = 0
		p.set(pushgw.Accepted, 200)
		if got := send(t, r, 1, to("a", false)); got[pushgw.Accepted] != 1 {
			t.Errorf("answered %v", got)
		}
	})
}

func TestAnAppThatNobodyConfiguredIsToldOnce(t *testing.T) {
	t.Parallel()
	p, l := &provider{}, &log{}
	p.set(pushgw.Accepted, 200)
	r := router(l, apple("a", p))
	for i := range 100 {
		a := r.Send(t.Context(), to(fmt.Sprint("made up ", i), false))
		if a.Verdict != pushgw.Misconfigured || a.After <= 0 {
			t.Fatalf("answered %+v", a)
		}
	}
	if n := l.lines("level=WARN"); n != 1 || l.lines("made up") != 0 {
		t.Errorf("logged %d times, %d with its name", n, l.lines("made up"))
	}
	if a := r.Send(t.Context(), to("", false)); a.Verdict != pushgw.Accepted {
		t.Errorf("a device that names no app: %+v", a)
	}
	if !r.Carries(social.PlatformAPNs, "") || !r.Carries(social.PlatformAPNs, "a") || r.Carries(social.PlatformAPNs, "b") || r.Carries(social.PlatformFCM, "") {
		t.Error("what it carries is not what is configured")
	}
}

func TestOnePushServiceThatIsAwayPausesNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		away := senderFunc(func(_ context.Context, m *pushgw.Message) pushgw.Answer {
			if strings.HasPrefix(string(m.Device.Token), "https://away.") {
				return pushgw.Answer{Verdict: pushgw.Retry, Status: 502}
			}
			return pushgw.Answer{Verdict: pushgw.Accepted, Status: 201}
		})
		r := router(&log{}, pushgw.Route{Platform: social.PlatformWebPush, Sender: away})
		at := func(host string) *pushgw.Message {
			return &pushgw.Message{Device: &social.Device{Platform: social.PlatformWebPush, App: "anything", Token: social.Secret("https://" + host + "/x")}}
		}
		send(t, r, 60, at("away.example.org"))
		if got := send(t, r, 1, at("away.example.org")); got[pushgw.Paused] != 1 {
			t.Errorf("answered %v", got)
		}
		for i := range 400 {
			if got := send(t, r, 1, at(fmt.Sprintf("h%d.example.org", i))); got[pushgw.Accepted] != 1 {
				t.Fatalf("host %d: answered %v", i, got)
			}
		}
	})
}

func TestACallerThatIsGoneIsToldSo(t *testing.T) {
	t.Parallel()
	p := &provider{}
	r := router(&log{}, apple("a", p))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a := r.Send(ctx, to("a", false)); a.Verdict != pushgw.Retry && a.Verdict != pushgw.Paused || !errors.Is(a.Err, context.Canceled) {
		t.Errorf("answered %+v to a caller that is gone", a)
	}
}
