package auth

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"rambla/social"
)

// The example of the reference implementation of argon2 ("password", "somesalt").
const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"

func TestHashesMadeElsewhereAreRead(t *testing.T) {
	t.Parallel()
	h, err := NewHasher(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]bool{"password": true, "Password": false} {
		if got, err := h.matches(t.Context(), reference, password); err != nil || got != want {
			t.Errorf("%q matches = %v, %v", password, got, err)
		}
	}
}

func TestDefaultCostsAreWrittenIntoTheHash(t *testing.T) {
	t.Parallel()
	h, err := NewHasher(Config{})
	if err != nil {
		t.Fatal(err)
	}
	one, err1 := h.Hash(t.Context(), "correct horse")
	two, err2 := h.Hash(t.Context(), "correct horse")
	if err1 != nil || err2 != nil || one == two {
		t.Fatalf("%q and %q share a salt, or %v, %v", one, two, err1, err2)
	}
	if !strings.HasPrefix(one, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("the hash is %q", one)
	}
	if same, err := h.matches(t.Context(), one, "correct horse"); !same || err != nil {
		t.Errorf("it matches = %v, %v", same, err)
	}
}

func TestWhatIsNoHashIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"$argon2id$", "$argon2i$"},
		{"v=19", "v=16"},
		{"m=65536", "m=065536"},
		{"m=65536", "m=+65536"},
		{"m=65536", "m="},
		{"m=65536", "m=7"},
		{"m=65536", "m=4294967295"},
		{"m=65536", "m=99999999999"},
		{"t=2", "t=0"},
		{"t=2", "t=1000"},
		{"p=1", "p=0"},
		{"p=1", "p=200"},
		{"p=1", "p=256"},
		{",p=1", ""},
		{",p=1", ",p=1,x=1"},
		{"m=65536,t=2", "t=2,m=65536"},
		{"c29tZXNhbHQ", "c29t"},
		{"c29tZXNhbHQ", "c29tZXNhbHQ="},
		{"c29tZXNhbHQ", "c29tZXNhbHR"},
		{"CTFh", "CT\nFh"},
		{"$CTFh", "$$CTFh"},
		{"CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "CTFh"},
		{"$argon2id", "argon2id"},
	} {
		s := strings.Replace(reference, c[0], c[1], 1)
		if h, err := parsePHC(s); err == nil {
			t.Errorf("%q was read as %+v", s, h)
		}
	}
}

func TestNoMoreHashAtOnceThanConfigured(t *testing.T) {
	t.Parallel()
	cfg := cheap()
	cfg.HashesAtOnce = 2
	h, err := NewHasher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var atOnce, most atomic.Int64
	derive := h.derive
	h.derive = func(password, salt []byte, passes, memory uint32, lanes uint8, length uint32) []byte {
		n := atOnce.Add(1)
		defer atOnce.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		return derive(password, salt, passes, memory, lanes, length)
	}
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if _, err := h.Hash(context.Background(), "correct horse"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most.Load() > 2 {
		t.Errorf("%d hashed at once", most.Load())
	}
}

func TestConfigurationIsRefusedByKey(t *testing.T) {
	t.Parallel()
	if err := (Config{}).Validate(); err != nil {
		t.Errorf("the zero value: %v", err)
	}
	for key, cfg := range map[string]Config{
		"access_ttl":        {AccessTTL: -1},
		"refresh_ttl":       {RefreshTTL: 1},
		"tokens_per_person": {TokensPerPerson: -1},
		"logins_per_person": {LoginsPerPerson: 1 << 30},
		"password_min":      {PasswordMin: 2000},
		"hash_memory_kib":   {HashMemory: 1 << 30},
		"hash_passes":       {HashPasses: 1000},
		"hash_lanes":        {HashLanes: 255},
		"hashes_at_once":    {HashesAtOnce: -1},
		"hashes_waiting":    {HashesWaiting: -1},
		"remember":          {Remember: -1},
		"account_failures":  {AccountFailures: -1},
		"account_every":     {AccountEvery: -1},
		"address_failures":  {AddressFailures: -1},
		"address_every":     {AddressEvery: -1},
	} {
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", key, err)
		}
		if _, err := New(cfg, nil, nil, nil, nil, nil); err == nil {
			t.Errorf("%s was accepted by New", key)
		}
	}
}

func TestTokensCarryTheirKindAndAChecksum(t *testing.T) {
	t.Parallel()
	for prefix, want := range map[string]social.TokenKind{"rbl_": social.TokenAccess, "rbr_": social.TokenRefresh} {
		s := newSecret(want)
		kind, hash, ok := parseSecret(s)
		if !ok || kind != want || !strings.HasPrefix(s, prefix) || hash == ([32]byte{}) || !LooksLikeToken(s) {
			t.Errorf("%q is %d, %v", s, kind, ok)
		}
		if s == newSecret(want) {
			t.Error("two tokens are the same")
		}
		for i := range len(s) { // no neighbour of a token is a token
			for _, c := range "Aaz0_-" {
				if other := s[:i] + string(c) + s[i+1:]; other != s && LooksLikeToken(other) {
					t.Fatalf("%q counts as well as %q", other, s)
				}
			}
		}
	}
	for _, s := range []string{"", "rbl_", "password", strings.Repeat("a", secretChars), newSecret(social.TokenAccess) + "a"} {
		if LooksLikeToken(s) {
			t.Errorf("%q counts as a token", s)
		}
	}
}

func FuzzPHC(f *testing.F) {
	f.Add(reference)
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$2b$10$abcdefghijklmnopqrstuv")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parsePHC(s)
		if err != nil {
			return
		}
		if h.memory > maxMemory || h.passes > maxPasses || h.lanes > maxLanes {
			t.Fatalf("%q costs %+v", s, h.params)
		}
		if h.String() != s {
			t.Fatalf("%q prints as %q", s, h)
		}
	})
}

func FuzzToken(f *testing.F) {
	f.Add(seal(accessPrefix, make([]byte, 32)))
	f.Add(seal(refreshPrefix, make([]byte, 32)))
	f.Add("rbl_")
	f.Add(fmt.Sprintf("rbl_%049d", 0))
	f.Fuzz(func(t *testing.T, s string) {
		kind, _, ok := parseSecret(s)
		if !ok {
			return
		}
		random, err := tokenEncoding.DecodeString(s[prefixChars : prefixChars+randomChars])
		prefix := map[social.TokenKind]string{social.TokenAccess: accessPrefix, social.TokenRefresh: refreshPrefix}[kind]
		if err != nil || seal(prefix, random) != s {
			t.Fatalf("%q is no token of ours (%v)", s, err)
		}
	})
}
