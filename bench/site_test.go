package bench

import (
	"strings"
	"testing"
	"time"
)

func TestPeopleAreSpreadEvenlyOverContexts(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ people, contexts, each int }{
		{5000, 1000, 20}, {1, 1, 1}, {10, 7, 3}, {100, 10, 10}, {50, 20, 19}, {5, 2, 20},
	} {
		members := make([]int, row.contexts)
		for p := range row.people {
			seen := map[int]bool{}
			for _, c := range memberOf(p, row.contexts, row.each) {
				if seen[c] {
					t.Fatalf("%+v: person %d is twice a member of %d", row, p, c)
				}
				seen[c] = true
				members[c]++
			}
			if want := min(row.each, row.contexts); len(seen) != want {
				t.Fatalf("%+v: person %d is a member of %d", row, p, len(seen))
			}
		}
		if row.people%row.contexts == 0 {
			for c, n := range members {
				if n != row.people/row.contexts*row.each {
					t.Errorf("%+v: context %d has %d members", row, c, n)
				}
			}
		}
	}
}

func TestASetupThatFailsRemovesWhatItHasMade(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(s *stub) { s.failContext = "-5" })
	o := s.siteOptions()
	o.Contexts = 8
	_, err := Publish(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "503 Service Unavailable: the store is away") {
		t.Errorf("error %v", err)
	}
	if left := s.leftBehind(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAWrongPasswordIsToldAsTheServerTellsIt(t *testing.T) {
	t.Parallel()
	s := newStub(t, nil)
	o := s.siteOptions()
	o.Password = "guess"
	_, err := Publish(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "wrong name or password") || strings.Contains(err.Error(), "guess") {
		t.Errorf("error %v", err)
	}
}

func TestABusyServerIsAskedAgain(t *testing.T) {
	t.Parallel()
	for _, version := range []int{4, 5} {
		s := newStub(t, func(s *stub) { s.busyLogins, s.busyHellos = 2, 2 })
		o := s.siteOptions()
		o.Version = version
		r, err := Publish(t.Context(), o)
		if err != nil || !r.Sound() {
			t.Errorf("version %d: %+v, %v", version, r, err)
		}
		if s.busyLogins != 0 || s.busyHellos != 0 || len(s.hellos) != 6 {
			t.Errorf("version %d: %d logins and %d CONNECTs were not tried, %d were", version, s.busyLogins, s.busyHellos, len(s.hellos))
		}
	}
}

func TestMembershipsComparesTheWildcardWithNames(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(s *stub) { s.wrap = true })
	o := s.siteOptions()
	o.Subscribers, o.Contexts, o.MemberOf, o.Count, o.Burst = 6, 4, 2, 40, 20
	c, err := Memberships(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []Report{c.Explicit, c.Wildcard} {
		if !r.Sound() || len(r.Runs) != 2 {
			t.Fatalf("report %+v", r)
		}
		for _, run := range r.Runs {
			// Each of 40 posts goes to the 6·2/4 members of its context.
			if run.Operations != 120 {
				t.Errorf("%s: run %+v, want 120 deliveries", r.Load, run)
			}
		}
	}
	if c.TimeRatio <= 0 || !c.Sound() {
		t.Errorf("comparison %+v", c)
	}
	if left := s.leftBehind(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	for _, h := range s.hellos {
		if h.user != "admin" && h.password != "token of "+h.user {
			t.Errorf("%s came in by %q, which has to be hashed", h.user, h.password)
		}
	}
	wildcards := 0
	for _, client := range s.clients {
		if len(client.filters) == 1 && client.filters[0] == "/ctx/+/messages" {
			wildcards++
		} else if len(client.filters) != 0 && len(client.filters) != 2 {
			t.Errorf("%v is neither the wildcard nor two names", client.filters)
		}
	}
	if wildcards != 12 {
		t.Errorf("%d connections held the wildcard, want 6 in each of 2 runs", wildcards)
	}
}

func TestADeliveryToWhomItIsNotMeantIsTold(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(s *stub) { s.uninvited = true })
	o := s.siteOptions()
	o.Subscribers, o.Contexts, o.MemberOf, o.Count, o.Burst, o.Runs = 6, 3, 1, 30, 30, 1
	c, err := Memberships(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	// Each of 30 posts is for 2 of 6 and comes to all.
	if run := c.Explicit.Runs[0]; run.Operations != 60 || run.Uninvited != 120 || c.Sound() {
		t.Errorf("run %+v, sound %v", run, c.Sound())
	}
}

func TestIdleConnectionsAreCountedAndKeptAlive(t *testing.T) {
	t.Parallel()
	for _, follow := range []bool{false, true} {
		s := newStub(t, nil)
		o := s.options()
		o.Connections, o.Settle = 30, 20*time.Millisecond
		o = o.withDefaults(1, 1, 1)
		target, err := openTarget(t.Context(), o, 0)
		if err != nil {
			t.Fatal(err)
		}
		target.follow = follow
		r, err := idleAt(t.Context(), o, target)
		if err != nil || !r.Sound() || r.Connections != 30 || r.ConnectsPerSecond <= 0 || len(r.Runs) != 1 {
			t.Errorf("follow %v: %+v, %v", follow, r, err)
		}
		if s.subs != 31 {
			t.Errorf("follow %v: %d connections subscribed, want 30 and the first", follow, s.subs)
		}
	}
}

func TestPingsGoOutOnEveryConnection(t *testing.T) {
	t.Parallel()
	for _, follow := range []bool{false, true} {
		s := newStub(t, nil)
		o := s.options().withDefaults(1, 1, 1)
		target, err := openTarget(t.Context(), o, 0)
		if err != nil {
			t.Fatal(err)
		}
		a, err := newAudience(newClock(), 1, 1, follow)
		if err != nil {
			t.Fatal(err)
		}
		defer a.close()
		if _, err := target.connect(t.Context(), crowd{role: "s", n: 5, who: target.credential}, func(_ int, w *wire) error {
			return a.join(w, nil, false)
		}); err != nil {
			t.Fatal(err)
		}
		// The stub answers: a reader that took the answer amiss would end.
		if err := a.settle(t.Context(), 5*time.Second); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		pings := s.pings
		s.mu.Unlock()
		if n, why := a.broken(); n > 0 || pings != 5 {
			t.Errorf("follow %v: %d pings, %d broken (%v)", follow, pings, n, why)
		}
	}
}
