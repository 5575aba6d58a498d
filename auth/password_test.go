package auth

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"rambla/social"
)

func TestAllReasonsForARefusedPasswordLookAndCostTheSame(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, user, password string
	}{
		{"wrong password", "alice", "wrong"},
		{"empty password", "alice", ""},
		{"unknown account", "nobody", password},
		{"no name at all", "", password},
		{"a name that could be none", strings.Repeat("Ω", 5000), password},
		{"suspended account", "suspended", password},
		{"removed account", "removed", password},
		{"account without a password", "tokens-only", ""},
		{"unreadable hash", "broken", password},
		{"password beyond the limit", "alice", strings.Repeat("a", maxPassword+1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, cheap())
			for key, p := range map[social.PersonKey]social.Person{
				11: {Name: "suspended", Suspended: true}, 12: {Name: "removed", Removed: true}, 13: {Name: "tokens-only"}, 14: {Name: "broken"},
			} {
				p.Key = key
				h.store.people[key] = p
			}
			h.store.hashes[11], h.store.hashes[12], h.store.hashes[14] = h.store.hashes[alice], h.store.hashes[alice], "$1$broken"
			_, err := h.AuthenticatePassword(t.Context(), c.user, c.password, home)
			wantKind(t, err, social.KindUnauthenticated)
			if got := social.Safe(err); got != "The name or the password is wrong." {
				t.Errorf("the answer is %q", got)
			}
			if n := h.hashed.Load(); n != 1 {
				t.Errorf("%d hashes, want 1", n)
			}
			if n := h.longest.Load(); n > maxPassword {
				t.Errorf("%d bytes were hashed", n)
			}
		})
	}
}

func TestWhatUnknownAccountsAreComparedWithLetsNobodyIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	h.dummy, _ = parsePHC(h.store.hashes[alice])
	if got := h.try(t, "nobody", password, home); got != social.KindUnauthenticated {
		t.Errorf("an unknown account: %s", got)
	}
}

func TestWhoFindsThatAnotherJustVerifiedItDoesNotHashAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	stored := h.store.hashes[alice]
	mac := h.keyed("alice", alice, stored, password)
	attempt, err := h.attempts.begin("alice", home)
	if err != nil {
		t.Fatal(err)
	}
	for want := range int64(2) { // both had asked the memory before either verified
		if same, err := h.verifyAnew(t.Context(), attempt, alice, stored, password, mac); !same || err != nil {
			t.Fatalf("%v, %v", same, err)
		}
		if n := h.hashed.Load(); n != 1 {
			t.Errorf("%d hashes after %d", n, want+1)
		}
	}
}

func TestAPersonSignsInByNameOrAliasInAnyCase(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	for _, name := range []string{"alice", "ALICE", "alicia"} {
		id, err := h.AuthenticatePassword(t.Context(), name, password, home)
		if err != nil || id.Person != alice || id.Grant != 0 || !id.Scopes.Unrestricted() || !id.Expires.IsZero() {
			t.Errorf("%s is %+v, %v", name, id, err)
		}
	}
}

func TestAVerifiedPasswordIsRememberedForMinutes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	step := func(what string, wantHashes int64) {
		t.Helper()
		if _, err := h.AuthenticatePassword(t.Context(), "alice", password, home); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if n := h.hashed.Swap(0); n != wantHashes {
			t.Errorf("%s took %d hashes, want %d", what, n, wantHashes)
		}
	}
	step("the first login", 1)
	step("the second", 0)
	h.store.pass(9 * time.Minute)
	step("nine minutes later", 0)
	h.store.pass(2 * time.Minute)
	step("eleven minutes later", 1)
	h.restart(t)
	step("after a restart", 1)
	h.Forget(alice)
	step("after being forgotten", 1)
}

func TestManyWhoSignInTogetherWithOnePasswordHashOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	var wg sync.WaitGroup
	for range 300 {
		wg.Go(func() {
			if _, err := h.AuthenticatePassword(context.Background(), "alice", password, home); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := h.hashed.Load(); n != 1 {
		t.Errorf("%d hashes, want 1", n)
	}
	if n := h.store.readCount(); n != 1 {
		t.Errorf("%d reads of the stored hash, want 1", n)
	}
}

func TestWhoWaitsForAnothersHashTakesOverWhenThatOneLeaves(t *testing.T) {
	t.Parallel()
	cfg := cheap()
	cfg.HashesAtOnce = 1
	h := newHouse(t, cfg)
	leave, err := h.enter(t.Context()) // the only place is taken
	if err != nil {
		t.Fatal(err)
	}
	impatient, goAway := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := h.AuthenticatePassword(impatient, "alice", password, home)
		first <- err
	}()
	eventually(t, "the first waits in line", func() bool { return h.Stats().HashesWaiting == 1 })
	go func() {
		_, err := h.AuthenticatePassword(context.Background(), "alice", password, home)
		second <- err
	}()
	goAway()
	err = <-first
	wantKind(t, err, social.KindUnavailable)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not say why", err)
	}
	leave()
	if err := <-second; err != nil {
		t.Errorf("the second: %v", err)
	}
}

func TestAFullLineTurnsAwayAtOnce(t *testing.T) {
	t.Parallel()
	cfg := cheap()
	cfg.HashesAtOnce, cfg.HashesWaiting, cfg.AccountFailures = 1, 1, 1
	h := newHouse(t, cfg)
	leave, err := h.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error, 1)
	go func() {
		_, err := h.AuthenticatePassword(context.Background(), "bob", password, home)
		waiting <- err
	}()
	eventually(t, "bob waits in line", func() bool { return h.Stats().HashesWaiting == 1 })
	for range 3 { // that alice is turned away counts as no failure of hers
		_, err = h.AuthenticatePassword(t.Context(), "alice", password, home)
		wantKind(t, err, social.KindRateLimited)
		if retryAfter(err) != lineWait {
			t.Errorf("%v says to come back after %s", err, retryAfter(err))
		}
	}
	leave()
	if err := <-waiting; err != nil {
		t.Errorf("bob: %v", err)
	}
	if _, err := h.AuthenticatePassword(t.Context(), "alice", password, home); err != nil {
		t.Errorf("alice: %v", err)
	}
	if s := h.Stats(); s.LineFull != 3 || s.HashesWaiting != 0 {
		t.Errorf("stats are %+v", s)
	}
}

func TestANewPasswordHoldsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	elsewhere := h.another(t, h.store)
	for _, a := range []*Authority{h.Authority, elsewhere} {
		if _, err := a.AuthenticatePassword(t.Context(), "alice", password, home); err != nil {
			t.Fatal(err)
		}
	}
	me := social.Actor{Person: alice}
	if err := h.SetPassword(t.Context(), me, alice, password, "battery staple", home); err != nil {
		t.Fatal(err)
	}
	elsewhere.Forget(alice) // as the journal says
	for _, a := range []*Authority{h.Authority, elsewhere} {
		_, err := a.AuthenticatePassword(t.Context(), "alice", password, home)
		wantKind(t, err, social.KindUnauthenticated)
		if _, err := a.AuthenticatePassword(t.Context(), "alice", "battery staple", home); err != nil {
			t.Errorf("the new password: %v", err)
		}
	}
}

func TestWithoutBeingToldANodeIsRightAfterMinutes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	elsewhere := h.another(t, h.store)
	if _, err := elsewhere.AuthenticatePassword(t.Context(), "alice", password, home); err != nil {
		t.Fatal(err)
	}
	if err := h.ResetPassword(t.Context(), alice, "battery staple"); err != nil {
		t.Fatal(err)
	}
	h.store.pass(staleAfter)
	_, err := elsewhere.AuthenticatePassword(t.Context(), "alice", password, home)
	wantKind(t, err, social.KindUnauthenticated)
}

func TestAHashReadBeforeAChangeIsNotUsedAfterIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	fresh, err := h.Hash(t.Context(), "battery staple")
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	h.store.onRead = func() { // the old hash has been read: now it changes
		once.Do(func() {
			h.store.mu.Lock()
			h.store.hashes[alice] = fresh
			h.store.mu.Unlock()
			h.Forget(alice)
		})
	}
	_, err = h.AuthenticatePassword(t.Context(), "alice", password, home)
	wantKind(t, err, social.KindUnauthenticated)
	if _, err := h.AuthenticatePassword(t.Context(), "alice", "battery staple", home); err != nil {
		t.Errorf("the new password: %v", err)
	}
}

func TestOldCostsAreRenewedAtTheNextLogin(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	session := h.login(t, "alice")
	before := h.store.hashes[alice]
	h.cfg.HashPasses = 2
	h.restart(t)
	h.hashed.Store(0)
	if _, err := h.AuthenticatePassword(t.Context(), "alice", password, home); err != nil {
		t.Fatal(err)
	}
	after := h.store.hashes[alice]
	if parsed, err := parsePHC(after); err != nil || parsed.passes != 2 {
		t.Errorf("%s became %s", before, after)
	}
	if n := h.hashed.Swap(0); n != 2 {
		t.Errorf("%d hashes, want one to check and one to renew", n)
	}
	if _, err := h.AuthenticatePassword(t.Context(), "alice", password, home); err != nil || h.hashed.Load() != 0 {
		t.Errorf("the next login: %v, %d hashes", err, h.hashed.Load())
	}
	if _, err := h.AuthenticateToken(t.Context(), session.AccessToken); err != nil {
		t.Errorf("renewing the hash ended a login: %v", err)
	}
	if _, err := h.AuthenticatePassword(t.Context(), "alice", "wrong", home); err == nil {
		t.Error("a wrong password was accepted")
	}
}

func TestOldCostsStayWhereTheStoreCannotRenew(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	before := h.store.hashes[alice]
	h.cfg.HashPasses = 2
	a := h.another(t, bare{h.store})
	if _, err := a.AuthenticatePassword(t.Context(), "alice", password, home); err != nil {
		t.Fatal(err)
	}
	if h.store.hashes[alice] != before || h.hashed.Load() != 1 {
		t.Errorf("after %d hashes the stored one is %s", h.hashed.Load(), h.store.hashes[alice])
	}
}

func TestNobodySignsInWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	h.store.fail(errors.New("connection refused"))
	_, err := h.AuthenticatePassword(t.Context(), "alice", password, home)
	wantKind(t, err, social.KindUnavailable)
	h.store.fail(nil)
	if _, err := h.AuthenticatePassword(t.Context(), "alice", password, home); err != nil {
		t.Errorf("when it is back: %v", err)
	}
}

func TestWhoMaySetAPassword(t *testing.T) {
	t.Parallel()
	scoped := func(text string) social.Scopes {
		s, err := social.ParseScopes("scope", text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, c := range []struct {
		name     string
		actor    social.Actor
		of       social.PersonKey
		old, new string
		want     social.Kind // KindInternal: it works
	}{
		{"one's own with the old one", social.Actor{Person: alice}, alice, password, "battery staple", 0},
		{"one's own without", social.Actor{Person: alice}, alice, "", "battery staple", social.KindInvalid},
		{"a manager's own without", social.Actor{Person: boss}, boss, "", "battery staple", social.KindInvalid},
		{"somebody else's", social.Actor{Person: alice}, bob, password, "battery staple", social.KindForbidden},
		{"somebody else's as a manager", social.Actor{Person: boss}, bob, "", "battery staple", 0},
		{"the same with a token without admin", social.Actor{Person: boss, Scopes: scoped("read write")}, bob, "", "battery staple", social.KindForbidden},
		{"nobody's", social.Actor{Person: boss}, 99, "", "battery staple", social.KindNotFound},
		{"one's own with a token for one context", social.Actor{Person: alice, Scopes: scoped("write ctx:a")}, alice, password, "battery staple", social.KindForbidden},
		{"acting for another", social.Actor{Person: alice, Creator: boss}, alice, password, "battery staple", social.KindForbidden},
		{"too short", social.Actor{Person: alice}, alice, password, "sevenab", social.KindInvalid},
		{"short in characters, not in bytes", social.Actor{Person: alice}, alice, password, "ΩΩΩΩΩΩΩ", social.KindInvalid},
		{"too long", social.Actor{Person: alice}, alice, password, strings.Repeat("a", maxPassword+1), social.KindInvalid},
		{"an actor that is gone", social.Actor{Person: 99}, 99, password, "battery staple", social.KindUnauthenticated},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, cheap())
			before := h.store.hashes[c.of]
			err := h.SetPassword(t.Context(), c.actor, c.of, c.old, c.new, home)
			if c.want != 0 {
				wantKind(t, err, c.want)
				if h.store.hashes[c.of] != before {
					t.Error("the password was changed nevertheless")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if id, err := h.AuthenticatePassword(t.Context(), h.store.people[c.of].Name, c.new, home); err != nil || id.Person != c.of {
				t.Errorf("the new one: %+v, %v", id, err)
			}
		})
	}
}

func TestGuessingTheOldPasswordIsLimitedToo(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	me := social.Actor{Person: alice}
	for range 10 {
		wantKind(t, h.SetPassword(t.Context(), me, alice, "wrong", "battery staple", home), social.KindInvalid)
	}
	wantKind(t, h.SetPassword(t.Context(), me, alice, password, "battery staple", home), social.KindRateLimited)
}

func TestANewPasswordEndsLoginsAndSparesNamedTokens(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	login := h.login(t, "robot")
	client, err := h.Exchange(t.Context(), TokenRequest{GrantType: "client_credentials", ClientID: "robot", ClientSecret: password, From: home})
	if err != nil {
		t.Fatal(err)
	}
	named, _, err := h.CreateToken(t.Context(), social.Actor{Person: robot}, NewToken{Name: "sensor"})
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{login.AccessToken, client.AccessToken, named} {
		if _, err := h.AuthenticateToken(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.ResetPassword(t.Context(), robot, "battery staple"); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{login.AccessToken, client.AccessToken} {
		_, err := h.AuthenticateToken(t.Context(), token)
		wantKind(t, err, social.KindUnauthenticated)
	}
	_, err = h.refreshWith(t, login.RefreshToken)
	wantCode(t, err, CodeInvalidGrant)
	if _, err := h.AuthenticateToken(t.Context(), named); err != nil {
		t.Errorf("the named token: %v", err)
	}
}

func TestDemonstrationPasswordsMayBeShort(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	hash, err := h.HashUnchecked(t.Context(), "bob")
	if err != nil {
		t.Fatal(err)
	}
	h.store.hashes[bob] = hash
	if _, err := h.AuthenticatePassword(t.Context(), "bob", "bob", home); err != nil {
		t.Error(err)
	}
	_, err = h.HashUnchecked(t.Context(), "")
	wantKind(t, err, social.KindInvalid)
}

func retryAfter(err error) time.Duration {
	e, ok := errors.AsType[*social.Error](err)
	if !ok {
		return -1
	}
	return e.RetryAfter
}

// eventually polls until ok, for at most ten seconds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("it never came true that %s", what)
		}
	}
}
