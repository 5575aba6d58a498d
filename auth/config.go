package auth

import (
	"fmt"
	"runtime"
	"time"
)

// Config is the part of the configuration under the key auth. The zero value of
// every field means its default.
type Config struct {
	// AccessTTL is how long an access token lives (default 1h).
	AccessTTL time.Duration `yaml:"access_ttl"`
	// RefreshTTL is how long a refresh token may lie unused (default 720h).
	RefreshTTL time.Duration `yaml:"refresh_ttl"`
	// TokensPerPerson bounds the named tokens of one person (default 100).
	TokensPerPerson int `yaml:"tokens_per_person"`
	// LoginsPerPerson bounds the logins of one person that hold at once (default
	// 200). One more ends those that were used least recently.
	LoginsPerPerson int `yaml:"logins_per_person"`

	// PasswordMin is the least number of characters of a new password (default 8).
	PasswordMin int `yaml:"password_min"`
	// HashMemory is argon2's memory for one hash, in KiB (default 19456 = 19 MiB).
	HashMemory uint32 `yaml:"hash_memory_kib"`
	// HashPasses is argon2's number of passes over it (default 2).
	HashPasses uint32 `yaml:"hash_passes"`
	// HashLanes is argon2's parallelism within one hash (default 1).
	HashLanes uint8 `yaml:"hash_lanes"`
	// HashesAtOnce bounds the hashes computed at the same time, and with them
	// their memory (default: the number of processors).
	HashesAtOnce int `yaml:"hashes_at_once"`
	// HashesWaiting bounds the logins that wait for their turn to be hashed
	// (default 256). Further ones are told to come back later.
	HashesWaiting int `yaml:"hashes_waiting"`
	// Remember is how long a verified password need not be hashed again (default 10m).
	Remember time.Duration `yaml:"remember"`

	// AccountFailures is how many wrong passwords in a row an account bears
	// before it is slowed down (default 10), and AccountEvery the time after
	// which it bears one more (default 15s).
	AccountFailures int           `yaml:"account_failures"`
	AccountEvery    time.Duration `yaml:"account_every"`
	// AddressFailures and AddressEvery are the same for one address, or one
	// /64 of IPv6 (default 50 and 2s); ten times as many for accounts that signed
	// in from there within a day.
	AddressFailures int           `yaml:"address_failures"`
	AddressEvery    time.Duration `yaml:"address_every"`
}

// Validate names the first key whose value cannot be used.
func (c Config) Validate() error {
	c = c.withDefaults()
	if err := c.params().check(); err != nil {
		return fmt.Errorf("auth.hash_memory_kib, hash_passes, hash_lanes: %w", err)
	}
	for _, d := range []struct {
		key string
		v   time.Duration
		min time.Duration
	}{
		{"access_ttl", c.AccessTTL, time.Second},
		{"refresh_ttl", c.RefreshTTL, time.Second},
		{"remember", c.Remember, 0},
		{"account_every", c.AccountEvery, time.Millisecond},
		{"address_every", c.AddressEvery, time.Millisecond},
	} {
		if d.v < d.min {
			return fmt.Errorf("auth.%s: %s is too short", d.key, d.v)
		}
	}
	for _, n := range []struct {
		key string
		v   int
		max int
	}{
		{"tokens_per_person", c.TokensPerPerson, 10_000},
		{"logins_per_person", c.LoginsPerPerson, 10_000},
		{"password_min", c.PasswordMin, maxPassword},
		{"hashes_at_once", c.HashesAtOnce, 1024},
		{"hashes_waiting", c.HashesWaiting, 100_000},
		{"account_failures", c.AccountFailures, 1_000_000},
		{"address_failures", c.AddressFailures, 1_000_000},
	} {
		if n.v < 1 || n.v > n.max {
			return fmt.Errorf("auth.%s: %d is not between 1 and %d", n.key, n.v, n.max)
		}
	}
	return nil
}

func (c Config) withDefaults() Config {
	orDefault(&c.AccessTTL, time.Hour)
	orDefault(&c.RefreshTTL, 30*24*time.Hour)
	orDefault(&c.TokensPerPerson, 100)
	orDefault(&c.LoginsPerPerson, 200)
	orDefault(&c.PasswordMin, 8)
	// The least that OWASP's password storage sheet accepts for argon2id.
	orDefault(&c.HashMemory, 19*1024)
	orDefault(&c.HashPasses, 2)
	orDefault(&c.HashLanes, 1)
	orDefault(&c.HashesAtOnce, runtime.GOMAXPROCS(0))
	orDefault(&c.HashesWaiting, 256)
	orDefault(&c.Remember, 10*time.Minute)
	orDefault(&c.AccountFailures, 10)
	orDefault(&c.AccountEvery, 15*time.Second)
	orDefault(&c.AddressFailures, 50)
	orDefault(&c.AddressEvery, 2*time.Second)
	return c
}

func (c Config) params() params {
	return params{memory: c.HashMemory, passes: c.HashPasses, lanes: c.HashLanes}
}

func orDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
