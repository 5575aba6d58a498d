package fcm

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"strings"
	"time"

	"rambla/social"
)

const (
	defaultURL = "https://fcm.googleapis.com"
	// The only right that is asked for; a stolen token opens nothing else.
	scope = "https://www.googleapis.com/auth/firebase.messaging"
)

// App is one project of Firebase.
type App struct {
	Name    string // what devices call it
	File    string // the key file of a service account, read again when it changes
	Project string // empty: the project in File
}

// Config is what a Sender is made with.
type Config struct {
	Apps []App // at least one; the first is for devices that name none
	// URL and TokenURL stand in for Google's where they are set: https, or http for
	// a proxy on the same machine.
	URL, TokenURL string
	Roots         *x509.CertPool // who may sign the certificates of both; nil: the system's
	Timeout       time.Duration  // of one push, with its connection and token; 0: 15 s
	PingAfter     time.Duration  // of silence a connection is asked whether it lives; 0: 15 s
	PingTimeout   time.Duration  // that it may take to answer; 0: 5 s
}

// Validate tells what is wrong, by app or key.
func (c *Config) Validate() error {
	if len(c.Apps) == 0 {
		return fmt.Errorf("there is no app")
	}
	seen := map[string]bool{}
	for _, a := range c.Apps {
		switch {
		case a.File == "":
			return fmt.Errorf("app %q needs a file", a.Name)
		case seen[a.Name]:
			return fmt.Errorf("app %q is there twice", a.Name)
		}
		seen[a.Name] = true
	}
	if _, err := endpoint("push.fcm.url", c.URL, defaultURL); err != nil {
		return err
	}
	_, err := endpoint("push.fcm.token_url", c.TokenURL, defaultURL)
	return err
}

func endpoint(key, given, otherwise string) (string, error) {
	if given == "" {
		return otherwise, nil
	}
	u, err := url.Parse(given)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.RawQuery != "" || u.User != nil {
		return "", social.Invalid(key, "begins with https:// and names a host")
	}
	return strings.TrimRight(given, "/"), nil
}
