package api

import (
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Config is the part of the configuration under the key http that this package
// obeys. The zero value of every field means its default.
type Config struct {
	// PublicURL is the address people reach the site at, such as
	// https://chat.example.org. Empty: what each request was sent to.
	PublicURL string `yaml:"public_url"`
	// Origins are the web origins, besides the site's own, whose pages may use
	// REST (CORS) and MQTT over WebSocket, each as scheme://host[:port].
	Origins []string `yaml:"origins"`
	// TrustedProxies are the networks, in CIDR notation or as single addresses,
	// whose X-Forwarded-For and X-Forwarded-Proto headers count.
	TrustedProxies []string `yaml:"trusted_proxies"`
	// MaxBody bounds request bodies, in bytes (default 262144 = 256 KiB).
	MaxBody int64 `yaml:"max_body"`
	// RequestTimeout is how long a request may take, waiting for the store
	// included, before it is answered with 503 (default 20s).
	RequestTimeout time.Duration `yaml:"request_timeout"`
	// PersonRate is how many requests a second one person may send in the long
	// run (default 500), and PersonBurst how many at once (default 5000).
	PersonRate  float64 `yaml:"person_rate"`
	PersonBurst int     `yaml:"person_burst"`
	// AddressRate and AddressBurst are the same for one IPv4 address, or one
	// /64 of IPv6 (default 2000 and 10000).
	AddressRate  float64 `yaml:"address_rate"`
	AddressBurst int     `yaml:"address_burst"`
	// LogRequests has a line of the log for each request at level info, not debug.
	LogRequests bool `yaml:"log_requests"`
}

func (c Config) accessLevel() slog.Level {
	if c.LogRequests {
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// Validate names the first key whose value cannot be used.
func (c Config) Validate() error {
	c = c.withDefaults()
	if c.PublicURL != "" {
		if u, err := url.Parse(c.PublicURL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" {
			return fmt.Errorf("http.public_url: %q is no address such as https://chat.example.org", c.PublicURL)
		}
	}
	for _, o := range c.Origins {
		if u, err := url.Parse(o); err != nil || u.Host == "" || u.Scheme+"://"+u.Host != o {
			return fmt.Errorf("http.origins: %q is no origin such as https://app.example.org", o)
		}
	}
	if _, err := ParseProxies(c.TrustedProxies); err != nil {
		return fmt.Errorf("http.trusted_proxies: %w", err)
	}
	switch {
	case c.MaxBody < 1024 || c.MaxBody > 64<<20:
		return fmt.Errorf("http.max_body: %d is not between 1024 and %d", c.MaxBody, 64<<20)
	case c.RequestTimeout < time.Second:
		return fmt.Errorf("http.request_timeout: %s is shorter than 1s", c.RequestTimeout)
	case c.PersonRate <= 0 || c.PersonBurst < 1:
		return fmt.Errorf("http.person_rate, http.person_burst: %g and %d are not both positive", c.PersonRate, c.PersonBurst)
	case c.AddressRate <= 0 || c.AddressBurst < 1:
		return fmt.Errorf("http.address_rate, http.address_burst: %g and %d are not both positive", c.AddressRate, c.AddressBurst)
	}
	return nil
}

func (c Config) withDefaults() Config {
	orDefault(&c.MaxBody, 256<<10)
	orDefault(&c.RequestTimeout, 20*time.Second)
	orDefault(&c.PersonRate, 500)
	orDefault(&c.PersonBurst, 5000)
	orDefault(&c.AddressRate, 2000)
	orDefault(&c.AddressBurst, 10_000)
	c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	return c
}

func orDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// Proxies are the networks of proxies that are believed.
type Proxies []netip.Prefix

// ParseProxies reads networks ("10.0.0.0/8") and single addresses.
func ParseProxies(list []string) (Proxies, error) {
	var out Proxies
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			a, err := netip.ParseAddr(s)
			if err != nil {
				return nil, fmt.Errorf("%q is neither a network such as 10.0.0.0/8 nor an address", s)
			}
			p = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
