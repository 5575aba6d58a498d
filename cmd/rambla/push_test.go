package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/pushgw"
	"rambla/pushgw/pushtest"
	"rambla/pushgw/simulator"
	"rambla/social"
)

func TestAPushIsCarriedAsConfigured(t *testing.T) {
	t.Parallel()
	s, err := simulator.Start(simulator.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	c, err := loadConfig("", []string{
		"RAMBLA_PUSH_APNS_APPS=org.example.chat:" + simulator.Team + ":" + simulator.KeyID + ":" + s.File("apns.p8"),
		"RAMBLA_PUSH_APNS_URL=" + s.URL(simulator.APNs), "RAMBLA_PUSH_CA_FILE=" + s.File("ca.pem"),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.checkFiles(); err != nil {
		t.Fatal(err)
	}
	p, err := newPushSenders(&c, nil, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	d := &social.Device{Platform: social.PlatformAPNs, App: "org.example.chat", Token: social.Secret(strings.Repeat("ab", 32))}
	if a := p.Send(t.Context(), pushtest.Message(d)); a.Verdict != pushgw.Accepted {
		t.Errorf("answered %+v", a)
	}
	if p.Carries(social.PlatformFCM, "") {
		t.Error("it claims an app that is not configured")
	}
}

func TestAWrongPushSettingIsNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "secret.json")
	if err := os.WriteFile(file, []byte("c2VjcmV0"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct{ variable, value, key string }{
		"an app without key":        {"RAMBLA_PUSH_APNS_APPS", "org.example.chat:TEAM", "push.apns.apps"},
		"an app twice":              {"RAMBLA_PUSH_APNS_APPS", "a:T:K:x.p8,a:T:K:x.p8", "push.apns.apps"},
		"a key that is away":        {"RAMBLA_PUSH_APNS_APPS", "a:T:K:" + dir + "/none.p8", "push.apns.apps"},
		"a key that is none":        {"RAMBLA_PUSH_APNS_APPS", "a:T:K:" + file, "push.apns.apps"},
		"an account without file":   {"RAMBLA_PUSH_FCM_APPS", "android", "push.fcm.apps"},
		"two accounts of a name":    {"RAMBLA_PUSH_FCM_APPS", "a:x.json,a:y.json", "push.fcm.apps"},
		"an account that is away":   {"RAMBLA_PUSH_FCM_APPS", "a:" + dir + "/none.json", "push.fcm.apps"},
		"an account that is none":   {"RAMBLA_PUSH_FCM_APPS", "a:" + file, "push.fcm.apps"},
		"an address in plain":       {"RAMBLA_PUSH_APNS_URL", "http://127.0.0.1:1", "push.apns.url"},
		"an address that is none":   {"RAMBLA_PUSH_FCM_URL", "fcm", "push.fcm.url"},
		"an address with a query":   {"RAMBLA_PUSH_FCM_TOKEN_URL", "https://x/?y=z", "push.fcm.token_url"},
		"a host that is none":       {"RAMBLA_PUSH_WEBPUSH_ALLOW", "https://push.example.org", "push.webpush.allow"},
		"a subject that is none":    {"RAMBLA_PUSH_WEBPUSH_SUBJECT", "me", "push.webpush.subject"},
		"certificates that are not": {"RAMBLA_PUSH_CA_FILE", file, "push.ca_file"},
		"a key file that is none":   {"RAMBLA_PUSH_WEBPUSH_KEY_FILE", file, "push.webpush.key_file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := loadConfig("", []string{row.variable + "=" + row.value}, nil)
			if err == nil {
				err = c.checkFiles()
			}
			if err == nil || !strings.HasPrefix(err.Error(), row.key+":") && !strings.Contains(err.Error(), " "+row.key+":") || strings.Contains(err.Error(), "c2VjcmV0") {
				t.Errorf("says %v, want a word about %s", err, row.key)
			}
		})
	}
}
