package auth

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"rambla/social"
)

// memory is a store, a directory and a clock.
type memory struct {
	mu     sync.Mutex
	people map[social.PersonKey]social.Person
	hashes map[social.PersonKey]string
	grants map[social.GrantKey]*social.Grant
	tokens map[[32]byte]*social.Token
	now    time.Time
	err    error // of every store method, while set
	reads  int   // of password hashes and tokens
	// onRead is called by every read after it has looked, without the lock.
	onRead func()
}

func (m *memory) clock() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *memory) pass(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

func (m *memory) edit(key social.PersonKey, change func(*social.Person)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.people[key]
	change(&p)
	m.people[key] = p
}

func (m *memory) readCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reads
}

func (m *memory) PersonByName(name string) (social.Person, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.people {
		if p.Name == name || slices.Contains(p.Aliases, name) {
			return p, true
		}
	}
	return social.Person{}, false
}

func (m *memory) PersonByKey(key social.PersonKey) (social.Person, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.people[key]
	return p, ok
}

func (m *memory) PasswordHash(ctx context.Context, person social.PersonKey) (string, error) {
	m.mu.Lock()
	hash, err, after := m.hashes[person], m.err, m.onRead
	m.reads++
	m.mu.Unlock()
	if after != nil {
		after()
	}
	return hash, err
}

func (m *memory) SetPasswordHash(ctx context.Context, person social.PersonKey, hash string, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	m.hashes[person] = hash
	for _, g := range m.grants {
		if g.Person == person && g.Kind == social.GrantPassword {
			m.endLocked(g.Key, now)
		}
	}
	return nil
}

func (m *memory) ReplacePasswordHash(ctx context.Context, person social.PersonKey, old, hash string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil || m.hashes[person] != old {
		return false, m.err
	}
	m.hashes[person] = hash
	return true, nil
}

func (m *memory) CreateGrant(ctx context.Context, g social.Grant, tokens []social.Token) (social.GrantKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return 0, m.err
	}
	g.Key = social.GrantKey(len(m.grants) + 1)
	m.grants[g.Key] = &g
	for _, t := range tokens {
		t.Grant = g.Key
		m.tokens[t.Hash] = &t
	}
	return g.Key, nil
}

func (m *memory) FindToken(ctx context.Context, hash [32]byte) (t social.Token, g social.Grant, err error) {
	m.mu.Lock()
	m.reads++
	after := m.onRead
	switch at := m.tokens[hash]; {
	case m.err != nil:
		err = m.err
	case at == nil:
		err = social.Errorf(social.KindNotFound, "There is no such token.")
	default:
		t, g = *at, *m.grants[at.Grant]
	}
	m.mu.Unlock()
	if after != nil {
		after()
	}
	return t, g, err
}

func (m *memory) Rotate(ctx context.Context, refresh [32]byte, successors []social.Token, now time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return false, m.err
	}
	t := m.tokens[refresh]
	if t == nil {
		return false, nil
	}
	if !t.Used.IsZero() || !m.grants[t.Grant].Ended.IsZero() {
		m.endLocked(t.Grant, now)
		return false, nil
	}
	t.Used = now
	if g, hour := m.grants[t.Grant], now.Truncate(time.Hour); hour.After(g.Used) {
		g.Used = hour
	}
	for _, s := range successors {
		m.tokens[s.Hash] = &s
	}
	return true, nil
}

func (m *memory) EndGrant(ctx context.Context, key social.GrantKey, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	m.endLocked(key, now)
	return nil
}

func (m *memory) endLocked(key social.GrantKey, now time.Time) {
	if g := m.grants[key]; g != nil && g.Ended.IsZero() {
		g.Ended = now
	}
	for h, t := range m.tokens {
		if t.Grant == key {
			delete(m.tokens, h)
		}
	}
}

func (m *memory) GrantsOf(ctx context.Context, person social.PersonKey, limit int) ([]social.Grant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil, m.err
	}
	var out []social.Grant
	for key := social.GrantKey(len(m.grants)); key > 0 && len(out) < limit; key-- {
		if g := m.grants[key]; g.Person == person && g.Ended.IsZero() {
			out = append(out, *g)
		}
	}
	return out, nil
}

// bare hides what a store may do beyond Passwords.
type bare struct{ Passwords }

// house is an Authority on a memory, with cheap hashes that are counted.
type house struct {
	*Authority
	store   *memory
	cfg     Config
	hashed  atomic.Int64
	longest atomic.Int64 // password hashed, in bytes
	// onHash is called before every hash; set it before the first.
	onHash func()
}

const (
	alice social.PersonKey = iota + 1
	bob
	robot
	boss
	password = "correct horse"
)

var home = netip.MustParseAddr("192.0.2.1")

func cheap() Config { return Config{HashMemory: 64, HashPasses: 1} }

func newHouse(t testing.TB, cfg Config) *house {
	t.Helper()
	h := &house{cfg: cfg, store: &memory{
		people: map[social.PersonKey]social.Person{}, hashes: map[social.PersonKey]string{},
		grants: map[social.GrantKey]*social.Grant{}, tokens: map[[32]byte]*social.Token{},
		now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
	}}
	h.restart(t)
	for _, p := range []social.Person{
		{Key: alice, Name: "alice", Aliases: []string{"alicia"}},
		{Key: bob, Name: "bob"},
		{Key: robot, Name: "robot", Service: true},
		{Key: boss, Name: "boss", Roles: social.RoleManager},
	} {
		h.store.people[p.Key] = p
		hash, err := h.Hash(t.Context(), password)
		if err != nil {
			t.Fatal(err)
		}
		h.store.hashes[p.Key] = hash
	}
	h.hashed.Store(0)
	return h
}

// restart makes a new Authority, which remembers nothing, on the same store.
func (h *house) restart(t testing.TB) {
	t.Helper()
	h.Authority = h.another(t, h.store)
}

// another is a second node on the same store.
func (h *house) another(t testing.TB, passwords Passwords) *Authority {
	t.Helper()
	a, err := New(h.cfg, passwords, h.store, h.store, slog.New(slog.DiscardHandler), h.store.clock)
	if err != nil {
		t.Fatal(err)
	}
	a.derive = func(password, salt []byte, passes, memory uint32, lanes uint8, length uint32) []byte {
		h.hashed.Add(1)
		h.longest.Store(max(h.longest.Load(), int64(len(password))))
		if h.onHash != nil {
			h.onHash()
		}
		return argon2.IDKey(password, salt, passes, memory, lanes, length)
	}
	return a
}

// login is a password grant that succeeds.
func (h *house) login(t testing.TB, name string) Tokens {
	t.Helper()
	out, err := h.Exchange(t.Context(), TokenRequest{GrantType: "password", Username: name, Password: password, From: home})
	if err != nil {
		t.Fatalf("login of %s: %v", name, err)
	}
	return out
}

func (h *house) refreshWith(t testing.TB, token string) (Tokens, error) {
	t.Helper()
	return h.Exchange(t.Context(), TokenRequest{GrantType: "refresh_token", RefreshToken: token, From: home})
}

func wantKind(t testing.TB, err error, kind social.Kind) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", kind)
	}
	if got := social.KindOf(err); got != kind {
		t.Fatalf("%v is %s, want %s", err, got, kind)
	}
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", code)
	}
	if got := OAuthCode(err); got != code {
		t.Fatalf("%v is %s, want %s", err, got, code)
	}
}
