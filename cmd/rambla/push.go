package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/broker"
	"rambla/markup"
	"rambla/pushgw"
	"rambla/pushgw/apns"
	"rambla/pushgw/fcm"
	"rambla/pushgw/webpush"
	"rambla/social"
)

// pushSenders are the providers that the configuration names, and the router that
// gives each push to its own.
type pushSenders struct {
	*pushgw.Router
	closing []interface{ Close() }
}

// close ends their connections; nothing may be sent any more.
func (p *pushSenders) close() {
	for _, s := range p.closing {
		s.Close()
	}
}

// newPushSenders reads the credentials of every app. vapid is the key of Web Push.
// The error names the key of the configuration that is wrong, and no secret.
func newPushSenders(c *Config, vapid *webpush.Key, logger *slog.Logger, metrics prometheus.Registerer, now func() time.Time) (_ *pushSenders, err error) {
	p := &pushSenders{}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	roots, err := c.pushRoots()
	if err != nil {
		return nil, err
	}
	var routes []pushgw.Route
	add := func(platform social.Platform, app string, s pushgw.Sender) {
		routes = append(routes, pushgw.Route{Platform: platform, App: app, Sender: s})
	}
	if apps, err := parseAPNsApps(c.PushAPNsApps); err != nil {
		return nil, err
	} else if len(apps) > 0 {
		s, err := apns.New(apns.Config{Apps: apps, URL: c.PushAPNsURL, Roots: roots}, logger, metrics, now)
		if err != nil {
			return nil, usagef("push.apns.apps: %w", err)
		}
		p.closing = append(p.closing, s)
		for _, app := range s.Apps() {
			add(social.PlatformAPNs, app, s)
		}
	}
	if apps, err := parseFCMApps(c.PushFCMApps); err != nil {
		return nil, err
	} else if len(apps) > 0 {
		s, err := fcm.New(fcm.Config{Apps: apps, URL: c.PushFCMURL, TokenURL: c.PushFCMTokenURL, Roots: roots}, logger, metrics, now)
		if err != nil {
			return nil, usagef("push.fcm.apps: %w", err)
		}
		p.closing = append(p.closing, s)
		for _, app := range s.Apps() {
			add(social.PlatformFCM, app, s)
		}
	}
	if vapid != nil {
		s, err := c.newWebPush(vapid, roots, now)
		if err != nil {
			return nil, err
		}
		p.closing = append(p.closing, s)
		add(social.PlatformWebPush, "", s)
	}
	p.Router = pushgw.NewRouter(routes, logger, metrics, now)
	return p, nil
}

func (c *Config) newWebPush(key *webpush.Key, roots *x509.CertPool, now func() time.Time) (*webpush.Sender, error) {
	allow, err := webpush.NewAllow(c.PushWebAllow)
	if err != nil {
		return nil, usageError{err}
	}
	s, err := webpush.New(webpush.Config{Key: key, Contact: c.pushSubject(), Allow: allow, Roots: roots}, now)
	if err != nil {
		return nil, usageError{err}
	}
	return s, nil
}

// pushDir is where in the data directory is noted what providers have taken.
const pushDir = "push"

// newPushGateway makes what decides whom to push to. On PostgreSQL two batches are
// prepared side by side.
func newPushGateway(c *Config, st *site, b *broker.Broker, senders pushgw.Sender, metrics prometheus.Registerer) (*pushgw.Gateway, error) {
	book, err := c.pushTexts()
	if err != nil {
		return nil, fmt.Errorf("read the texts of pushes: %w", err)
	}
	config := pushgw.Config{Hold: c.PushHold, HoldTalk: c.PushHold / 2, Alone: c.DatabaseURL == "", Dir: filepath.Join(c.Data, pushDir)}
	if c.DatabaseURL != "" {
		config.Planners = 2
	}
	return pushgw.New(config, pushgw.Deps{
		Directory: st.dir, Posts: st.db, Store: st.db, Devices: st.db, Sessions: b, Sender: senders,
		Words: book, Text: markup.New().Text, Logger: st.logger, Metrics: metrics, Now: time.Now,
	}), nil
}

// vapidKey is what browsers subscribe for. The store keeps one for all servers,
// unless the configuration brings its own.
func (s *site) vapidKey(ctx context.Context, c *Config) (*webpush.Key, error) {
	if key, err := c.vapidFile(); key != nil || err != nil {
		return key, err
	}
	return webpush.SiteKey(ctx, s.db, time.Now())
}

// vapidFile is the key of push.webpush.key_file; nil where there is none.
func (c *Config) vapidFile() (*webpush.Key, error) {
	if c.PushVAPIDFile == "" {
		return nil, nil
	}
	b, err := os.ReadFile(filepath.Clean(c.PushVAPIDFile))
	if err != nil {
		return nil, usagef("push.webpush.key_file: %w", err)
	}
	key, err := webpush.ParseKey(social.Secret(b))
	if err != nil {
		return nil, usageError{err}
	}
	return key, nil
}

// pushSubject is whom the operators of push services may write to.
func (c *Config) pushSubject() string {
	if strings.HasPrefix(c.PublicURL, "https://") {
		return cmp.Or(c.PushSubject, c.PublicURL)
	}
	return cmp.Or(c.PushSubject, "https://rambla.invalid")
}

// pushRoots are the certificates of push.ca_file beside the system's: who has a
// push service of his own is asked for others by browsers all the same.
func (c *Config) pushRoots() (*x509.CertPool, error) {
	if c.PushCAFile == "" {
		return nil, nil
	}
	b, err := os.ReadFile(filepath.Clean(c.PushCAFile))
	if err != nil {
		return nil, usagef("push.ca_file: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil { // there is none, as in an empty container
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(b) {
		return nil, usagef("push.ca_file: %s holds no certificate in PEM", c.PushCAFile)
	}
	return roots, nil
}

// parseAPNsApps reads topic:team:key_id:file.p8.
func parseAPNsApps(entries []string) ([]apns.App, error) {
	var out []apns.App
	for _, e := range entries {
		parts := strings.SplitN(e, ":", 4)
		if len(parts) != 4 || parts[0] == "" || parts[1] == "" || parts[2] == "" || parts[3] == "" {
			return nil, usagef("push.apns.apps: %q is not topic:team:key_id:file.p8", e)
		}
		out = append(out, apns.App{Topic: parts[0], Team: parts[1], KeyID: parts[2], File: parts[3]})
	}
	return out, nil
}

// parseFCMApps reads app:service-account.json.
func parseFCMApps(entries []string) ([]fcm.App, error) {
	var out []fcm.App
	for _, e := range entries {
		app, file, ok := strings.Cut(e, ":")
		if !ok || app == "" || file == "" {
			return nil, usagef("push.fcm.apps: %q is not app:service-account.json", e)
		}
		out = append(out, fcm.App{Name: app, File: file})
	}
	return out, nil
}

// checkPush looks at what can be judged without the files.
func (c *Config) checkPush() error {
	apps, err := parseAPNsApps(c.PushAPNsApps)
	if err != nil {
		return err
	}
	projects, err := parseFCMApps(c.PushFCMApps)
	if err != nil {
		return err
	}
	if len(projects) > 0 {
		if err := (&fcm.Config{Apps: projects}).Validate(); err != nil {
			return usagef("push.fcm.apps: %w", err)
		}
	}
	if len(apps) > 0 {
		if err := (&apns.Config{Apps: apps}).Validate(); err != nil {
			return usagef("push.apns.apps: %w", err)
		}
	}
	for key, u := range map[string]string{
		"push.apns.url": c.PushAPNsURL, "push.fcm.url": c.PushFCMURL, "push.fcm.token_url": c.PushFCMTokenURL,
	} {
		at, err := url.Parse(u)
		if u != "" && (err != nil || at.Host == "" || at.User != nil || at.RawQuery != "" || at.Scheme != "https" && (at.Scheme != "http" || key == "push.apns.url")) {
			return usagef("%s: %q is no address such as https://proxy.example.org", key, u)
		}
	}
	if _, err := webpush.NewAllow(c.PushWebAllow); err != nil {
		return usageError{err}
	}
	return nil
}

// checkPushFiles reads what the server would.
func (c *Config) checkPushFiles() error {
	key, err := c.vapidFile()
	if err == nil && key == nil {
		key, err = webpush.GenerateKey() // stands in for the one in the store
	}
	if err != nil {
		return err
	}
	p, err := newPushSenders(c, key, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), time.Now)
	if err != nil {
		return err
	}
	p.close()
	return nil
}
