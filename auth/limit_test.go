package auth

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"rambla/social"
)

var abroad = netip.MustParseAddr("198.51.100.7")

// try signs in and says how it ended: 0 where it worked.
func (h *house) try(t testing.TB, name, password string, from netip.Addr) social.Kind {
	t.Helper()
	_, err := h.AuthenticatePassword(t.Context(), name, password, from)
	if err == nil {
		return 0
	}
	if social.KindOf(err) == social.KindRateLimited && retryAfter(err) <= 0 {
		t.Errorf("%v does not say when to come back", err)
	}
	return social.KindOf(err)
}

func TestGuessingAtAnAccountIsSlowedWhetherOrNotItExists(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"alice", "nobody", "no name at all!"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, cheap())
			at := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}) }
			for i := range 10 {
				if got := h.try(t, name, "wrong", at(i)); got != social.KindUnauthenticated {
					t.Fatalf("guess %d: %s", i, got)
				}
			}
			h.hashed.Store(0)
			for i := range 20 {
				_, err := h.AuthenticatePassword(t.Context(), name, password, at(i))
				wantKind(t, err, social.KindRateLimited)
				if retryAfter(err) != 15*time.Second {
					t.Fatalf("it says to come back after %s", retryAfter(err))
				}
			}
			if n := h.hashed.Load(); n != 0 {
				t.Errorf("%d hashes for refused attempts", n)
			}
			h.store.pass(15 * time.Second)
			if got := h.try(t, name, "wrong", at(1)); got != social.KindUnauthenticated {
				t.Errorf("after the wait: %s", got)
			}
			if got := h.try(t, name, "wrong", at(1)); got != social.KindRateLimited {
				t.Errorf("a second guess after the wait: %s", got)
			}
		})
	}
}

func TestSuccessesDoNotCount(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	for i := range 200 {
		if i%2 == 0 {
			h.Forget(alice) // so that it is hashed
		}
		if got := h.try(t, "alice", password, home); got != 0 {
			t.Fatalf("login %d: %s", i, got)
		}
	}
}

func TestASuccessUndoesNoFailure(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	for range 5 {
		for range 10 {
			if got := h.try(t, "nobody", "wrong", abroad); got != social.KindUnauthenticated && got != social.KindRateLimited {
				t.Fatal(got)
			}
		}
		// Whoever guesses has an account of his own.
		if got := h.try(t, "bob", password, abroad); got != 0 {
			t.Fatal(got)
		}
	}
	if n := h.hashed.Load(); n != 10+1 {
		t.Errorf("%d hashes, want those of ten guesses and of one login", n)
	}
}

func TestAnAddressIsSlowedAcrossAccounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		from  func(i int) netip.Addr
		other netip.Addr
	}{
		{"IPv4", func(int) netip.Addr { return abroad }, home},
		{"IPv4 written as IPv6", func(i int) netip.Addr {
			if i%2 == 0 {
				return abroad
			}
			return netip.AddrFrom16(abroad.As16())
		}, home},
		{"a /64 of IPv6", func(i int) netip.Addr {
			return netip.MustParseAddr(fmt.Sprintf("2001:db8:0:1::%x", i+1))
		}, netip.MustParseAddr("2001:db8:0:2::1")},
		{"loopback", func(int) netip.Addr { return netip.MustParseAddr("127.0.0.1") }, home},
		{"an unknown address", func(int) netip.Addr { return netip.Addr{} }, home},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, cheap())
			for i := range 50 {
				if got := h.try(t, fmt.Sprintf("person%d", i), "wrong", c.from(i)); got != social.KindUnauthenticated {
					t.Fatalf("guess %d: %s", i, got)
				}
			}
			if got := h.try(t, "alice", password, c.from(50)); got != social.KindRateLimited {
				t.Errorf("the next from there: %s", got)
			}
			if got := h.try(t, "alice", password, c.other); got != 0 {
				t.Errorf("one from elsewhere: %s", got)
			}
			h.store.pass(2 * time.Second)
			if got := h.try(t, "alice", password, c.from(51)); got != 0 {
				t.Errorf("after the wait: %s", got)
			}
		})
	}
}

func TestStrangersDoNotLockAnOwnerOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	if got := h.try(t, "alice", password, home); got != 0 {
		t.Fatal(got)
	}
	for range 30 {
		h.try(t, "alice", "wrong", abroad)
	}
	if got := h.try(t, "alice", password, abroad); got != social.KindRateLimited {
		t.Errorf("abroad: %s", got)
	}
	if got := h.try(t, "alice", password, home); got != 0 {
		t.Errorf("at home: %s", got)
	}
	for range 10 {
		if got := h.try(t, "alice", "wrong", home); got != social.KindUnauthenticated {
			t.Fatalf("a guess at home: %s", got)
		}
	}
	if got := h.try(t, "alice", password, home); got != social.KindRateLimited {
		t.Errorf("at home after ten wrong ones: %s", got)
	}
	h.store.pass(familiarFor + time.Minute)
	for range 10 {
		h.try(t, "alice", "wrong", abroad)
	}
	if got := h.try(t, "alice", password, home); got != social.KindRateLimited {
		t.Errorf("home is still familiar after a day: %s", got)
	}
}

func TestOneInsistentDeviceDoesNotShutOutAnOffice(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	if got := h.try(t, "alice", password, home); got != 0 {
		t.Fatal(got)
	}
	for i := range 60 {
		h.try(t, fmt.Sprintf("misspelt%d", i), password, home)
	}
	if got := h.try(t, "bob", password, home); got != social.KindRateLimited {
		t.Errorf("bob, who is new here: %s", got)
	}
	if got := h.try(t, "alice", password, home); got != 0 {
		t.Errorf("alice: %s", got)
	}
}

func TestTheFamiliarAreLimitedTogetherToo(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	for i := range 60 { // all have signed in from the same address
		key := social.PersonKey(100 + i)
		name := fmt.Sprint("person", i)
		h.store.people[key] = social.Person{Key: key, Name: name}
		h.store.hashes[key] = h.store.hashes[alice]
		if got := h.try(t, name, password, home); got != 0 {
			t.Fatal(got)
		}
	}
	refused := 0
	for guess := range 600 {
		if h.try(t, fmt.Sprint("person", guess%60), fmt.Sprint("guess", guess), home) == social.KindRateLimited {
			refused++
		}
	}
	if refused != 100 {
		t.Errorf("%d of 600 guesses were refused, want 100", refused)
	}
}

func TestAGuessCannotHideBehindTheMemoryOfThePassword(t *testing.T) {
	t.Parallel()
	cfg := cheap()
	cfg.HashesAtOnce, cfg.HashesWaiting = 1, 1
	h := newHouse(t, cfg)
	if got := h.try(t, "alice", password, home); got != 0 {
		t.Fatal(got)
	}
	// The line is full: a guess is turned away, but not before it was compared
	// with what is remembered.
	leave, err := h.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	h.waiting.Add(1)
	for range 10 {
		if got := h.try(t, "alice", "wrong", abroad); got != social.KindRateLimited {
			t.Fatal(got)
		}
	}
	if got := h.try(t, "alice", password, abroad); got != social.KindRateLimited {
		t.Errorf("the eleventh guess, which is right: %s", got)
	}
	if got := h.try(t, "alice", password, home); got != 0 {
		t.Errorf("the owner, who is remembered: %s", got)
	}
}

func TestLimitersStaySmall(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := newLimiter(2, time.Second, func() time.Time { return now })
	for i := range 3 * maxBuckets {
		l.take(attempt{account: fmt.Sprint(i)})
	}
	if n := len(l.buckets.nodes); n != maxBuckets {
		t.Errorf("%d buckets are kept, want %d", n, maxBuckets)
	}
	a := attempt{account: "alice"}
	l.take(a)
	l.giveBack(a)
	if l.buckets.get(a) != nil {
		t.Error("a full bucket is kept")
	}
}

func TestABucketRefillsAndNeverOverflows(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	l := newLimiter(3, 10*time.Second, func() time.Time { return now })
	a := attempt{account: "alice"}
	takes := func(want int) {
		t.Helper()
		for n := 0; ; n++ {
			if wait := l.take(a); wait > 0 {
				if n != want || wait != l.wait(a) {
					t.Errorf("%d takes and then a wait of %s (%s), want %d", n, wait, l.wait(a), want)
				}
				return
			}
		}
	}
	takes(3)
	now = now.Add(9 * time.Second)
	takes(0)
	now = now.Add(time.Second)
	takes(1)
	now = now.Add(time.Hour)
	takes(3)
	l.giveBack(a)
	takes(1)
}
