package apns

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Apple's two worlds. A device token belongs to one of them.
const (
	HostProduction = "https://api.push.apple.com"
	HostSandbox    = "https://api.sandbox.push.apple.com"
)

// App is one app that is pushed to. Apps of one team usually share a key.
type App struct {
	Topic string // its bundle id
	Team  string // ten characters
	KeyID string // likewise
	File  string // the .p8 file, read again when it changes
}

// Config is what a Sender is made with.
type Config struct {
	Apps []App // at least one; the first is for devices that name none
	// URL stands in for both worlds of Apple; empty: Apple's own.
	URL string
	// SandboxURL stands in for the sandbox only; empty: URL, or else Apple's own.
	SandboxURL  string
	Roots       *x509.CertPool // who may sign Apple's certificate; nil: the system's
	Connections int            // most per key and world; 0: 4
	Timeout     time.Duration  // of one push, with its connection; 0: 20 s
	PingAfter   time.Duration  // of silence a connection is asked whether it lives; 0: 15 s
	PingTimeout time.Duration  // that it may take to answer; 0: 5 s
}

// Validate tells what is wrong, by app.
func (c *Config) Validate() error {
	if len(c.Apps) == 0 {
		return fmt.Errorf("there is no app")
	}
	for _, u := range []string{c.URL, c.SandboxURL} {
		if u == "" {
			continue
		}
		at, err := url.Parse(u)
		if err != nil || at.Scheme != "https" || at.Host == "" || strings.Trim(at.Path, "/") != "" || at.RawQuery != "" || at.User != nil {
			return fmt.Errorf("%q is no address such as %s", u, HostProduction)
		}
	}
	seen, files := map[string]bool{}, map[keyName]string{}
	for _, a := range c.Apps {
		switch {
		case a.Topic == "" || a.Team == "" || a.KeyID == "" || a.File == "":
			return fmt.Errorf("app %q needs a topic, a team, a key id and a file", a.Topic)
		case seen[a.Topic]:
			return fmt.Errorf("app %q is there twice", a.Topic)
		}
		seen[a.Topic] = true
		name := keyName{a.Team, a.KeyID}
		if other, ok := files[name]; ok && other != a.File {
			return fmt.Errorf("the key %s of team %s is in two files, %s and %s", a.KeyID, a.Team, other, a.File)
		}
		files[name] = a.File
	}
	return nil
}

// hosts are the addresses of production and sandbox.
func (c *Config) hosts() (production, sandbox string) {
	production, sandbox = HostProduction, HostSandbox
	if c.URL != "" {
		production, sandbox = c.URL, c.URL
	}
	if c.SandboxURL != "" {
		sandbox = c.SandboxURL
	}
	return strings.TrimSuffix(production, "/"), strings.TrimSuffix(sandbox, "/")
}
