package bench

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// sessionOptions for a short load of sessions that outlive their connections.
func (s *stub) sessionOptions() Options {
	o := s.siteOptions()
	o.Count, o.PerPerson, o.Settle = 60, 3, time.Millisecond
	return o
}

// lasting runs a load in both versions and with either way of reading.
func lasting(t *testing.T, f func(t *testing.T, version int, follow bool)) {
	for _, version := range []int{4, 5} {
		for _, follow := range []bool{false, true} {
			t.Run(fmt.Sprintf("version %d, follow %v", version, follow), func(t *testing.T) {
				t.Parallel()
				f(t, version, follow)
			})
		}
	}
}

func TestSessionsComeBackForWhatTheyHaveMissed(t *testing.T) {
	t.Parallel()
	lasting(t, func(t *testing.T, version int, follow bool) {
		s := newStub(t, nil)
		o := s.sessionOptions().withDefaults(1, 1, 2)
		o.Version, o.MemberOf = version, o.Contexts
		target, err := openRegulars(t.Context(), o, o.Subscribers)
		if err != nil {
			t.Fatal(err)
		}
		target.follow = follow
		r, err := catchUp(t.Context(), o, &regulars{target: target, role: "c"})
		if err != nil || !r.Sound() || len(r.Runs) != 2 {
			t.Fatalf("%+v, %v", r, err)
		}
		for _, run := range r.Runs {
			if run.Operations != 7*60 || run.Posts != 60 || run.ConnectsPerSecond <= 0 || run.Latency != (Latency{}) {
				t.Errorf("run %+v, want 420 deliveries of 60 posts", run)
			}
		}
		// Seven sessions, three of each person.
		if len(target.site.People) != 3 {
			t.Errorf("%d people", len(target.site.People))
		}
		if err := target.close(t.Context()); err != nil {
			t.Error(err)
		}
		if left := s.leftBehind(); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

func TestCatchupTellsWhatAServerDoesWrong(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		change func(*stub)
		want   Run // of the only run; 4 sessions, 50 posts
		says   string
	}{
		{"a post that was not kept for one", func(s *stub) {
			s.deliver = func(sub, post int, frame []byte) [][]byte {
				if sub == 2 && post == 20 {
					return nil
				}
				return [][]byte{frame}
			}
		}, Run{Lost: 1}, ""},
		{"a post that comes twice", func(s *stub) {
			s.deliver = func(sub, post int, frame []byte) [][]byte {
				if sub == 1 && post == 20 {
					return [][]byte{frame, frame}
				}
				return [][]byte{frame}
			}
		}, Run{Duplicates: 1}, ""},
		{"a post that comes after the next", func(s *stub) {
			var kept []byte
			s.deliver = func(sub, post int, frame []byte) [][]byte {
				if sub == 0 && post == 7 {
					kept = frame
					return nil
				}
				if sub == 0 && post == 8 {
					return [][]byte{frame, kept}
				}
				return [][]byte{frame}
			}
		}, Run{Disordered: 1}, ""},
		{"a session that was forgotten", func(s *stub) {
			s.forget = func(client string) bool { return strings.HasSuffix(client, "c3") }
		}, Run{Lost: 50}, "1 sessions were not there any more"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t, row.change)
			o := s.sessionOptions()
			o.Subscribers, o.Count, o.Runs, o.Patience = 4, 50, 1, 3*time.Second
			r, err := Catchup(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			got := r.Runs[0]
			if got.Lost != row.want.Lost || got.Duplicates != row.want.Duplicates || got.Disordered != row.want.Disordered {
				t.Errorf("run %+v, want %+v", got, row.want)
			}
			if r.Sound() || !strings.Contains(strings.Join(r.Problems, "\n"), row.says) {
				t.Errorf("sound %v, problems %q", r.Sound(), r.Problems)
			}
		})
	}
}

func TestAServerThatKeepsNoSessionsIsToldSo(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(s *stub) { s.noSessions = true })
	if _, err := Catchup(t.Context(), s.sessionOptions()); err == nil || !strings.Contains(err.Error(), "keeps no sessions") {
		t.Errorf("error %v", err)
	}
	if left := s.leftBehind(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSessionsOfAnotherBrokerAreEnded(t *testing.T) {
	t.Parallel()
	s := newStub(t, nil)
	o := s.options()
	o.Settle = time.Millisecond
	if r, err := Catchup(t.Context(), o); err != nil || !r.Sound() {
		t.Fatalf("%+v, %v", r, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.clients {
		if c.hello.expiry > 0 {
			t.Errorf("the session of %s is left behind", c.hello.client)
		}
	}
}

func TestSlowSubscribersAreToldFromTheOthers(t *testing.T) {
	t.Parallel()
	lasting(t, func(t *testing.T, version int, follow bool) {
		s := newStub(t, nil)
		o := s.siteOptions().withDefaults(1, 1, 1)
		o.Version, o.Subscribers, o.Slow, o.Rate, o.Payload = version, 7, 2, 40, 4000
		o.Duration, o.Stall, o.ReceiveMaximum = 500*time.Millisecond, time.Second, 9
		target, err := openTarget(t.Context(), o, 0)
		if err != nil {
			t.Fatal(err)
		}
		target.follow = follow
		r, err := slowFrom(t.Context(), o, target)
		if err != nil || !r.Sound() || len(r.Resumed.Runs) != 2 || r.Change <= 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		late := 0
		for i := range 2 {
			steady, stalled, resumed := r.Steady.Runs[i], r.Stalled.Runs[i], r.Resumed.Runs[i]
			if all := steady.Operations + stalled.Operations + resumed.Operations; all != 7*80 {
				t.Errorf("%d deliveries of 80 posts to seven", all)
			}
			if steady.Operations != 7*20 || stalled.Posts != 40 || resumed.Posts != 20 {
				t.Errorf("posts: before %+v, stalled %+v, resumed %+v", steady, stalled, resumed)
			}
			// A goroutine of its own reads on until what it has asked for has come.
			if !follow && (stalled.Operations != 5*40 || resumed.Operations != 7*20+2*40) || resumed.CaughtUp <= 0 {
				t.Errorf("deliveries: stalled %+v, resumed %+v", stalled, resumed)
			}
			if resumed.Latency.Max > 800 {
				late++
			}
		}
		// What waited for the slow ones, for a second and more, is not the others' latency:
		// that would be so in each run, where in one the machine may have been busy.
		if late == 2 {
			t.Errorf("the others' latency is %+v and %+v", r.Resumed.Runs[0].Latency, r.Resumed.Runs[1].Latency)
		}
		s.mu.Lock()
		for _, h := range s.hellos[:7] {
			if version == 5 && h.receiveMaximum != 9 {
				t.Errorf("receive maximum %d", h.receiveMaximum)
			}
		}
		s.mu.Unlock()
		if err := target.close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestWhatASlowSubscriberDoesNotGetIsLost(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(s *stub) {
		s.deliver = func(sub, post int, frame []byte) [][]byte {
			if sub == 0 && post > 25 && post < 30 {
				return nil
			}
			return [][]byte{frame}
		}
	})
	o := s.options()
	o.Slow, o.Rate, o.Runs, o.Patience = 7, 200, 1, 3*time.Second
	o.Duration, o.Stall = 100*time.Millisecond, 100*time.Millisecond
	r, err := Slow(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if run := r.Resumed.Runs[0]; run.Lost != 4 || r.Sound() {
		t.Errorf("%+v", r)
	}
}

func TestAbsentSessionsAreMadeAndLeft(t *testing.T) {
	t.Parallel()
	var restarts, written atomic.Int64
	s := newStub(t, nil)
	o := s.sessionOptions()
	o.Away, o.Connections = 25, 3
	o.Restart = func(context.Context, bool) (Server, error) {
		restarts.Add(1)
		return Server{Address: o.Address, HTTP: o.HTTP}, nil
	}
	o.Written = func(context.Context) (int64, error) { return written.Add(600), nil }
	a, err := Absent(t.Context(), o)
	if err != nil || !a.Sound() || len(a.Stages) != 3 {
		t.Fatalf("%+v, %v", a, err)
	}
	for i, want := range []int{0, 10, 25} {
		stage := a.Stages[i]
		if stage.Absent != want || stage.Publish.Median.Operations != 60 || stage.Publish.Median.BytesPerPost != 10 {
			t.Errorf("stage %+v", stage)
		}
		if (stage.MadePerSecond > 0) != (i > 0) {
			t.Errorf("stage %+v", stage)
		}
	}
	if a.BytesRatio != 1 || a.RateRatio <= 0 || restarts.Load() != 6 {
		t.Errorf("%d restarts, %+v", restarts.Load(), a)
	}
	if left := s.leftBehind(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestConnectsAreCountedWithAndWithoutSessions(t *testing.T) {
	t.Parallel()
	for _, durable := range []bool{false, true} {
		s := newStub(t, nil)
		o := s.sessionOptions()
		o.Connections, o.Durable = 30, durable
		r, err := Connect(t.Context(), o)
		if err != nil || !r.Sound() || len(r.Runs) != 2 {
			t.Fatalf("%+v, %v", r, err)
		}
		for _, run := range r.Runs {
			if run.Operations != 30 || run.PerSecond <= 0 || run.Latency.P50 <= 0 {
				t.Errorf("run %+v", run)
			}
		}
	}
	s := newStub(t, func(s *stub) { s.forget = func(client string) bool { return strings.HasSuffix(client, "7") } })
	o := s.sessionOptions()
	o.Connections, o.Durable, o.Runs = 10, true, 1
	if r, err := Connect(t.Context(), o); err != nil || r.Sound() {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAStormIsCompleteWhileOthersPublish(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"they leave", "restart", "kill"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			s := newStub(t, nil)
			o := s.sessionOptions()
			o.Contexts, o.MemberOf, o.Rate, o.Spread, o.Runs, o.Kill = 6, 2, 100, 200*time.Millisecond, 1, how == "kill"
			if how != "they leave" {
				o.Restart = func(_ context.Context, kill bool) (Server, error) {
					if kill != o.Kill {
						t.Errorf("killed: %v", kill)
					}
					s.mu.Lock()
					defer s.mu.Unlock()
					for _, c := range s.clients {
						c.conn.Close()
					}
					return Server{Address: o.Address, HTTP: o.HTTP}, nil
				}
			}
			r, err := Storm(t.Context(), o)
			if err != nil || !r.Sound() || len(r.Runs) != 1 {
				t.Fatalf("%+v, %v", r, err)
			}
			run := r.Runs[0]
			// Every post goes to as many sessions as subscribe to its context.
			if run.Posts < 200 || run.Operations < run.Posts*2 || run.Operations > run.Posts*3 || run.ConnectsPerSecond <= 0 ||
				run.ConnectsPerSecond > 45 || run.Latency.P99 <= 0 {
				t.Errorf("run %+v", run)
			}
			if left := s.leftBehind(); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestAStormCannotKillAServerOfOthers(t *testing.T) {
	t.Parallel()
	o := newStub(t, nil).sessionOptions()
	o.Kill = true
	if _, err := Storm(t.Context(), o); err == nil || !strings.Contains(err.Error(), "cannot be killed") {
		t.Errorf("error %v", err)
	}
}
