package auth

import (
	"math"
	"net/netip"
	"sync"
	"time"

	"rambla/social"
)

// limiter counts failures in buckets: one that is full bears burst failures
// and refills by one every so often. Full buckets are not kept. Where there
// are too many others, the one that was touched least recently is forgotten.
type limiter struct {
	burst float64
	every time.Duration
	now   func() time.Time

	mu      sync.Mutex // guards buckets
	buckets *lru[attempt, bucket]
}

// attempt names a bucket: an account, an address, or an account from one of
// the addresses it is used to.
type attempt struct {
	account string
	from    netip.Prefix
}

type bucket struct {
	left float64 // at the time of at
	at   time.Time
}

// maxBuckets bounds each limiter, at about 250 bytes a bucket.
const maxBuckets = 20_000

func newLimiter(burst int, every time.Duration, now func() time.Time) *limiter {
	return &limiter{burst: float64(burst), every: every, now: now, buckets: newLRU[attempt, bucket](maxBuckets)}
}

// wait is how long until one more failure is borne; 0 for now.
func (l *limiter) wait(a attempt) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waitFor(l.leftLocked(a))
}

// take counts a failure in advance, or says how long to wait before one may.
func (l *limiter) take(a attempt) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	left := l.leftLocked(a)
	if wait := l.waitFor(left); wait > 0 {
		return wait
	}
	l.buckets.put(a, bucket{left - 1, l.now()})
	return 0
}

// giveBack undoes a take that was no failure.
func (l *limiter) giveBack(a attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if left := l.leftLocked(a) + 1; left < l.burst {
		l.buckets.put(a, bucket{left, l.now()})
		return
	}
	l.buckets.drop(a)
}

func (l *limiter) leftLocked(a attempt) float64 {
	b := l.buckets.get(a)
	if b == nil {
		return l.burst
	}
	return min(l.burst, b.left+float64(l.now().Sub(b.at))/float64(l.every))
}

func (l *limiter) waitFor(left float64) time.Duration {
	if left >= 1 {
		return 0
	}
	return time.Duration(math.Ceil((1 - left) * float64(l.every)))
}

// attempts limits the guessing of passwords, per account and per address.
//
// Only failures count, whether or not the account exists, and a success makes
// no earlier failure undone: else who has one account could go on guessing at
// others between two logins of his own.
//
// That a stranger's failures slow down the owner too would let anybody lock
// anybody out. So an account is familiar at an address from which it signed in
// within the last day. There it has a bucket of its own, which failures from
// elsewhere do not touch, and all who are familiar share an address bucket of
// their own, ten times as large: one device that insists on a wrong name does
// not shut out an office behind the same address.
type attempts struct {
	accounts  *limiter // by account; where familiar, by account and address
	strangers *limiter // by address
	familiars *limiter // by address
	familiar  *cache[attempt, struct{}]
}

const (
	familiarFor    = 24 * time.Hour
	maxFamiliar    = 50_000
	familiarFactor = 10
)

func newAttempts(cfg Config, now func() time.Time) *attempts {
	return &attempts{
		accounts:  newLimiter(cfg.AccountFailures, cfg.AccountEvery, now),
		strangers: newLimiter(cfg.AddressFailures, cfg.AddressEvery, now),
		familiars: newLimiter(familiarFactor*cfg.AddressFailures, cfg.AddressEvery/familiarFactor, now),
		familiar:  newCache[attempt, struct{}](maxFamiliar, familiarFor, now),
	}
}

// login is one login attempt and the buckets it is counted in.
type login struct {
	*attempts
	account   attempt
	address   attempt
	pair      attempt // both
	addresses *limiter
}

// begin is KindRateLimited where the account or the address had too many
// failures; nothing is counted yet.
func (a *attempts) begin(account string, from netip.Addr) (login, error) {
	net := network(from)
	l := login{a, attempt{account: account}, attempt{from: net}, attempt{account, net}, a.strangers}
	if _, _, ok := a.familiar.get(l.pair); ok {
		l.account, l.addresses = l.pair, a.familiars
	}
	if wait := max(a.accounts.wait(l.account), l.addresses.wait(l.address)); wait > 0 {
		return login{}, tooMany(wait)
	}
	return l, nil
}

// guess counts against the account; an address counts when the hash begins, so
// that many people who sign in at once behind one address are not taken for
// one who guesses.
func (l login) guess() error {
	if wait := l.accounts.take(l.account); wait > 0 {
		return tooMany(wait)
	}
	return nil
}

func (l login) hash() error {
	if wait := l.addresses.take(l.address); wait > 0 {
		return tooMany(wait)
	}
	return nil
}

func (l login) takeBackGuess() { l.accounts.giveBack(l.account) }

// succeeded undoes both counts.
func (l login) succeeded() {
	l.accounts.giveBack(l.account)
	l.addresses.giveBack(l.address)
}

// becomeFamiliar gives the account a bucket of its own at this address.
func (l login) becomeFamiliar() { l.familiar.put(l.pair, struct{}{}) }

func tooMany(wait time.Duration) *social.Error {
	return &social.Error{
		Kind: social.KindRateLimited, RetryAfter: wait,
		Safe: "Too many failed attempts to sign in; wait before the next one.",
	}
}

// network is what one attacker is assumed to have: an IPv4 address, or a /64
// of IPv6. An unknown address is a network of its own.
func network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
