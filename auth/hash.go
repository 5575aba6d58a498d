package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"rambla/social"
)

// maxPassword bounds passwords, in bytes: hashing reads all of one.
const maxPassword = 1024

// Hasher hashes passwords: at most HashesAtOnce at the same time, at most
// HashesWaiting in line for that, and whoever finds the line full is told to
// come back (KindRateLimited).
type Hasher struct {
	cost  params
	least int // characters
	dummy phc // compared with where there is no hash, so that time tells nothing
	slots chan struct{}
	line  int64

	waiting atomic.Int64
	hashes  atomic.Uint64
	refused atomic.Uint64

	derive func(password, salt []byte, passes, memory uint32, lanes uint8, length uint32) []byte // argon2.IDKey
}

// lineWait is what somebody is told who found the line full. At 50 hashes a
// second and processor, a full line of the default length takes that long.
const lineWait = 5 * time.Second

// NewHasher checks cfg. Commands that only set passwords use a Hasher without
// an Authority.
func NewHasher(cfg Config) (*Hasher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	h := &Hasher{
		cost: cfg.params(), least: cfg.PasswordMin,
		slots: make(chan struct{}, cfg.HashesAtOnce), line: int64(cfg.HashesWaiting),
		derive: argon2.IDKey,
	}
	h.dummy = phc{params: h.cost, salt: randomBytes(saltBytes), key: randomBytes(keyBytes)}
	return h, nil
}

// Hash makes the stored form of a new password. Errors are KindInvalid about
// the field password where it is too short or too long, KindRateLimited, or
// KindUnavailable where ctx ends; it blocks for tens of milliseconds and more.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if utf8.RuneCountInString(password) < h.least {
		return "", social.Invalid("password", "a password has at least %d characters", h.least)
	}
	return h.HashUnchecked(ctx, password)
}

// HashUnchecked is Hash without the least length, for accounts whose password
// is no secret, such as those of a demonstration.
func (h *Hasher) HashUnchecked(ctx context.Context, password string) (string, error) {
	if password == "" || len(password) > maxPassword {
		return "", social.Invalid("password", "a password is 1 to %d bytes long", maxPassword)
	}
	leave, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	return h.encode(password), nil
}

// enter takes a place among those who hash; leave gives it back.
func (h *Hasher) enter(ctx context.Context) (leave func(), err error) {
	leave = func() { <-h.slots }
	select {
	case h.slots <- struct{}{}:
		return leave, nil
	default:
	}
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > h.line {
		h.refused.Add(1)
		return nil, &social.Error{
			Kind: social.KindRateLimited, RetryAfter: lineWait,
			Safe: "Too many people are signing in at this moment; try again shortly.",
		}
	}
	select {
	case h.slots <- struct{}{}:
		return leave, nil
	case <-ctx.Done():
		return nil, tooSlow(ctx.Err())
	}
}

func tooSlow(err error) *social.Error {
	return &social.Error{Kind: social.KindUnavailable, Safe: "Signing in took too long; try again shortly.", Err: err}
}

// encode hashes with the present costs. Only between enter and leave.
func (h *Hasher) encode(password string) string {
	h.hashes.Add(1)
	out := phc{params: h.cost, salt: randomBytes(saltBytes)}
	out.key = h.derive([]byte(password), out.salt, out.passes, out.memory, out.lanes, keyBytes)
	return out.String()
}

// compare tells whether stored is the hash of password, and whether it was made
// with other than the present costs. Where stored is nil it takes as long and
// says no. Only between enter and leave.
func (h *Hasher) compare(stored *phc, password string) (same, outdated bool) {
	against := h.dummy
	if stored != nil {
		against = *stored
	}
	h.hashes.Add(1)
	key := h.derive([]byte(password), against.salt, against.passes, against.memory, against.lanes, uint32(len(against.key)))
	same = subtle.ConstantTimeCompare(key, against.key) == 1
	return same && stored != nil, against.params != h.cost || len(against.key) != keyBytes
}

// matches is compare where nobody's attempts are counted.
func (h *Hasher) matches(ctx context.Context, stored, password string) (bool, error) {
	against, err := parsePHC(stored)
	if err != nil {
		return false, nil // no password any more, or one that cannot be read
	}
	leave, err := h.enter(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	same, _ := h.compare(&against, password)
	return same, nil
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return b
}
