package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"rambla/api"
	"rambla/social"
)

func TestARepeatedPostIsStoredOnce(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("den", "closed")
		path := "/v1/contexts/den/activities"
		first := s.as("alice", "POST", path, `{"content":"once"}`).with("Idempotency-Key", "k").wants(201)
		for _, again := range []*call{
			s.as("alice", "POST", path, `{"content":"once"}`).with("Idempotency-Key", "k"),
			s.as("alice", "POST", path, `{"content":"once","key":"k"}`),
		} {
			if a := again.wants(201); string(a.body) != string(first.body) || a.header.Get("Location") != first.header.Get("Location") {
				t.Errorf("first %s, then %s", first.body, a.body)
			}
		}
		s.as("alice", "POST", path, `{"content":"other","key":"k"}`).refused(409, "conflict")
		s.as("alice", "POST", path, `{"content":"once","key":"x"}`).with("Idempotency-Key", "k").refused(422, "invalid", "key")
		s.as("alice", "POST", path, `{"content":"once"}`).with("Idempotency-Key", strings.Repeat("k", 200)).do().not(t, 201)
		bobs := s.as("bob", "POST", path, `{"content":"once"}`).with("Idempotency-Key", "k").wants(201)
		if bobs.text("id") == first.text("id") {
			t.Error("bob's key is alice's")
		}
		if got := s.as("bob", "GET", path).wants(200).seqs(); !slices.Equal(got, []int{2, 1}) {
			t.Errorf("stored are %v", got)
		}
		id := first.text("id")
		edit := s.as("alice", "PATCH", "/v1/activities/"+id, `{"content":"twice"}`).with("Idempotency-Key", "e").wants(200)
		if again := s.as("alice", "PATCH", "/v1/activities/"+id, `{"content":"twice"}`).with("Idempotency-Key", "e").wants(200); string(again.body) != string(edit.body) {
			t.Errorf("edited %s, then %s", edit.body, again.body)
		}
		if got := s.as("bob", "GET", "/v1/contexts/den/log/messages").wants(200).seqs(); len(got) != 3 {
			t.Errorf("the log has %v", got)
		}
	})
}

func TestARepeatedWriteGetsTheFirstAnswer(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		make := func(as, path, body, key string) *call {
			return s.as(as, "POST", path, body).with("Idempotency-Key", key)
		}
		first := make("admin", "/v1/people", `{"name":"ann"}`, "1").wants(201)
		again := make("admin", "/v1/people", `{"name":"ann"}`, "1").wants(201)
		if string(first.body) != string(again.body) || again.header.Get("Location") != "/v1/people/ann" || again.header.Get("Content-Type") != "application/json" {
			t.Errorf("first %s, then %s %v", first.body, again.body, again.header)
		}
		make("admin", "/v1/people", `{"name":"ben"}`, "1").refused(409, "conflict")
		make("admin", "/v1/contexts", `{"name":"ann"}`, "1").refused(409, "conflict")

		token := make("alice", "/v1/me/tokens", `{"name":"x"}`, "1").wants(201) // alice's key, not admin's
		if again := make("alice", "/v1/me/tokens", `{"name":"x"}`, "1").wants(201); again.text("token") != token.text("token") {
			t.Error("the repeat has another secret")
		}
		if n := len(s.as("alice", "GET", "/v1/me/tokens").wants(200).list("items")); n != 1 {
			t.Errorf("there are %d tokens", n)
		}

		// What was refused is tried anew, and then kept.
		make("alice", "/v1/contexts", `{"id":"den"}`, "2").refused(403, "forbidden")
		make("alice", "/v1/contexts", `{"id":"den"}`, "2").refused(403, "forbidden")
		s.as("admin", "PUT", "/v1/admin/roles/manager/alice").with("Idempotency-Key", "r").wants(204)
		s.as("admin", "PUT", "/v1/admin/roles/manager/alice").with("Idempotency-Key", "r").wants(204)
		make("alice", "/v1/contexts", `{"id":"den"}`, "2").wants(201)
		make("alice", "/v1/contexts", `{"id":"den"}`, "2").wants(201)
		for range 9 {
			make("alice", "/v1/contexts", `{"id":"den"}`, "3").refused(409, "conflict")
		}
		make("alice", "/v1/contexts", `{"id":"den"}`, strings.Repeat("k", 200)).refused(422, "invalid", "Idempotency-Key")

		// The status of the first answer too.
		join := func() *call {
			return s.as("bob", "PUT", "/v1/contexts/open/members/me").with("Idempotency-Key", "j")
		}
		s.as("admin", "POST", "/v1/contexts", `{"id":"open","preset":"open"}`).wants(201)
		join().wants(201)
		join().wants(201)
		counted := gather(s)
		for outcome, want := range map[string]float64{"first": 16, "again": 5, "other": 2, "running": 0} {
			if n := counted["rambla_http_replays_total["+outcome+"]"]; n != want {
				t.Errorf("%s: %v, want %v", outcome, n, want)
			}
		}
	})
}

// gated holds the first request at its end, until others have come.
type gated struct {
	api.Replays
	entered, leave chan struct{}
}

func (g *gated) FinishReplay(ctx context.Context, r social.Replay) error {
	g.entered <- struct{}{}
	<-g.leave
	return g.Replays.FinishReplay(ctx, r)
}

func TestOfTwoEqualWritesAtOnceTheSecondIsToldToWait(t *testing.T) {
	g := &gated{entered: make(chan struct{}), leave: make(chan struct{})}
	s := sqlite(t, api.Config{}, func(d *api.Deps) { g.Replays, d.Replays = d.Replays, g })
	first := s.as("alice", "POST", "/v1/me/tokens", `{"name":"x"}`).with("Idempotency-Key", "k")
	var wg sync.WaitGroup
	var a *answer
	wg.Go(func() { a = first.do() })
	<-g.entered
	b := s.as("alice", "POST", "/v1/me/tokens", `{"name":"x"}`).with("Idempotency-Key", "k").refused(409, "conflict")
	if b.header.Get("Retry-After") == "" {
		t.Error("the second is not told when to come back")
	}
	if n := gather(s)["rambla_http_replays_total[running]"]; n != 1 {
		t.Errorf("%v are counted", n)
	}
	close(g.leave)
	wg.Wait()
	if a.status != 201 {
		t.Errorf("the first gets %d %s", a.status, a.body)
	}
}

func TestOfManyEqualWritesAtOnceOneHappens(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		var wg sync.WaitGroup
		answers := make([]*answer, 8)
		for i := range answers {
			wg.Go(func() {
				answers[i] = s.as("alice", "POST", "/v1/me/tokens", `{"name":"x"}`).with("Idempotency-Key", "k").do()
			})
		}
		wg.Wait()
		secrets := map[string]bool{}
		for _, a := range answers {
			switch {
			case a.status == 201:
				secrets[a.text("token")] = true
			case a.status != 409 || a.header.Get("Retry-After") == "":
				t.Errorf("one gets %d %s", a.status, a.body)
			}
		}
		if len(secrets) != 1 || len(s.as("alice", "GET", "/v1/me/tokens").wants(200).list("items")) != 1 {
			t.Errorf("%d tokens were made", len(secrets))
		}
	})
}

// spying remembers what is stored.
type spying struct {
	api.Replays
	finished []social.Replay
	broken   error
}

func (sp *spying) BeginReplay(ctx context.Context, r social.Replay) (*social.Replay, error) {
	if sp.broken != nil {
		return nil, sp.broken
	}
	return sp.Replays.BeginReplay(ctx, r)
}

func (sp *spying) FinishReplay(ctx context.Context, r social.Replay) error {
	sp.finished = append(sp.finished, r)
	return sp.Replays.FinishReplay(ctx, r)
}

func TestAStoredAnswerHidesItsSecretAndAFailingStoreIsUnavailable(t *testing.T) {
	sp := &spying{}
	s := sqlite(t, api.Config{}, func(d *api.Deps) { sp.Replays, d.Replays = d.Replays, sp })
	ask := func() *call {
		return s.as("alice", "POST", "/v1/me/tokens", `{"name":"x"}`).with("Idempotency-Key", "k")
	}
	secret := ask().wants(201).text("token")
	if len(sp.finished) != 1 || sp.finished[0].Status != 201 || len(sp.finished[0].Sealed) < len(secret) || strings.Contains(string(sp.finished[0].Sealed), secret) {
		t.Errorf("stored is %+v", sp.finished)
	}
	sp.broken = social.Unavailable(errors.New("the disk is on fire"))
	a := ask().refused(503, "unavailable")
	if strings.Contains(string(a.body), "fire") || !strings.Contains(s.log.String(), "fire") {
		t.Errorf("the cause is for the log only: %s", a.body)
	}
	if n := len(s.as("alice", "GET", "/v1/me/tokens").wants(200).list("items")); n != 1 {
		t.Errorf("there are %d tokens", n)
	}
}

func TestAManagerWritesForOthersInContextsOnly(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("den", "closed")
		const header = "X-Rambla-Act-As"
		path := "/v1/contexts/den/activities"
		a := s.as("admin", "POST", path, `{"content":"x"}`).with(header, "alice").wants(201)
		if a.text("actor.id") != "alice" || a.text("creator.id") != "admin" {
			t.Errorf("posted %s", a.body)
		}
		id := a.text("id")
		if a := s.as("admin", "PATCH", "/v1/activities/"+id, `{"content":"y"}`).with(header, "alice").wants(200); a.text("object.content") != "y" {
			t.Errorf("edited %s", a.body)
		}
		if a := s.as("admin", "POST", path, `{"content":"x"}`).with(header, "ctx:den").wants(201); a.text("actor.type") != "Context" || a.text("actor.id") != "den" || a.text("creator.id") != "admin" {
			t.Errorf("posted %s", a.body)
		}
		if !strings.Contains(s.log.String(), "acting for another") {
			t.Error("acting for another is not in the log")
		}
		s.as("admin", "POST", "/v1/contexts/den/data/t", "x").with(header, "alice").wants(201)
		s.as("admin", "PUT", "/v1/contexts/den/members/carol").with(header, "alice").wants(201)
		s.as("admin", "POST", path, `{"content":"x"}`).with(header, "nobody").refused(404, "not_found")
		s.as("admin", "POST", path, `{"content":"x"}`).with(header, "ctx:nowhere").refused(404, "not_found")
		s.as("alice", "POST", path, `{"content":"x"}`).with(header, "bob").refused(403, "forbidden")
		s.as("alice", "POST", path, `{"content":"x"}`).with(header, "alice").refused(403, "forbidden")

		// not a token that was not made for it
		made := s.as("admin", "POST", "/v1/me/tokens", `{"name":"x","scopes":["write","read"]}`).wants(201)
		s.tokens["narrow"] = made.text("token")
		s.as("narrow", "POST", path, `{"content":"x"}`).with(header, "bob").refused(403, "forbidden")

		for _, c := range []*call{
			s.as("admin", "GET", path), s.as("admin", "GET", "/v1/activities/"+id), s.as("admin", "GET", "/v1/me"),
			s.as("admin", "GET", "/v1/me/tokens"), s.as("admin", "POST", "/v1/me/tokens", `{"name":"x"}`),
			s.as("admin", "PATCH", "/v1/people/alice", `{"displayName":"x"}`), s.as("admin", "POST", "/v1/contexts", `{"id":"x"}`),
			s.as("admin", "POST", "/v1/people", `{"name":"x"}`), s.as("admin", "PUT", "/v1/admin/roles/auditor/bob"),
		} {
			c.with(header, "alice").refused(403, "forbidden")
		}
		// Acting for its reader is no way to a private post.
		private := s.as("alice", "POST", path, `{"content":"for bob","to":["bob"]}`).wants(201).text("id")
		s.as("admin", "GET", "/v1/activities/"+private).with(header, "bob").refused(403, "forbidden")
	})
}

func TestTheActedForAreTakenFromTheHeaderOnly(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "closed")
	q := url.Values{"X-Rambla-Act-As": {"alice"}}.Encode()
	if a := s.as("admin", "POST", "/v1/contexts/den/activities?"+q, `{"content":"x"}`).wants(201); a.text("actor.id") != "admin" {
		t.Errorf("posted %s", a.body)
	}
}

func TestAnAnswerThatIsTooLargeToKeepIsNotGivenTwiceNorDoneTwice(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	for size, again := range map[int]int{api.MaxStoredAnswer: 200, api.MaxStoredAnswer + 1: 409} {
		path := fmt.Sprint("/v1/large/", size)
		happened := s.server.HandleLarge(path, size)
		s.as("alice", "PUT", path).with("Idempotency-Key", path).wants(200)
		a := s.as("alice", "PUT", path).with("Idempotency-Key", path).wants(again)
		if happened.Load() != 1 || again == 200 && len(a.body) != size {
			t.Errorf("an answer of %d bytes came again with %d, and happened %d times", size, len(a.body), happened.Load())
		}
	}
}

func TestAMethodSaidInAHeaderIsThatMethodForEverything(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "closed")
	const header = "X-HTTP-Method-Override"
	put := "/v1/contexts/den/members/carol"
	// The same request, however its method is said; and another one without it.
	s.as("admin", "POST", put).with(header, "PUT").with("Idempotency-Key", "k").wants(201)
	s.as("admin", "PUT", put).with("Idempotency-Key", "k").wants(201)
	id := s.post("alice", "den", "x")
	s.as("alice", "POST", "/v1/activities/"+id+"/report", `{"reason":"x"}`).with("Idempotency-Key", "r").wants(201)
	s.as("alice", "POST", "/v1/activities/"+id+"/report", `{"reason":"x"}`).with("Idempotency-Key", "r").with(header, "DELETE").refused(405, "method_not_allowed")
	// Nobody gets past a login, a right or acting for others by it.
	s.as("", "POST", "/v1/activities/"+id).with(header, "DELETE").refused(401, "unauthenticated")
	s.as("bob", "POST", "/v1/activities/"+id).with(header, "DELETE").refused(403, "forbidden")
	s.as("carol", "POST", "/v1/people/bob").with(header, "DELETE").refused(403, "forbidden")
	s.as("admin", "POST", "/v1/people/bob").with(header, "DELETE").with("X-Rambla-Act-As", "alice").refused(403, "forbidden")
	s.as("admin", "POST", "/v1/activities/"+id).with(header, "DELETE").with("X-Rambla-Act-As", "alice").wants(204)
	if seen := gather(s); seen["rambla_http_requests_total[DELETE /v1/activities/{id} 2xx]"] != 1 {
		t.Error("it is counted under another method")
	}
}
