package webpush

import (
	"crypto/x509"
	"encoding/json"
	"path"
	"testing"
	"time"

	"rambla/pushgw"
	"rambla/pushgw/pushtest"
	"rambla/pushgw/simulator"
	"rambla/social"
)

func TestWebPushIsASender(t *testing.T) {
	t.Parallel()
	pushtest.Run(t, pushtest.Provider{
		Name: simulator.WebPush,
		Open: func(t *testing.T, s *simulator.Simulator) pushgw.Sender { return open(t, config(t, s), time.Now) },
		Device: func(t *testing.T, s *simulator.Simulator, _ int) *social.Device {
			device, _ := subscribe(t, s, "")
			return device
		},
		Token:   func(d *social.Device) string { return path.Base(string(d.Token)) },
		Odd:     func(d *social.Device, token string) { d.Token = social.Secret(token) },
		Data:    given,
		Large:   4096,
		Answers: answers(),
		Wrong: map[string]func(*testing.T, *simulator.Simulator) pushgw.Sender{
			"a certificate that nobody knows": func(t *testing.T, s *simulator.Simulator) pushgw.Sender {
				cfg := config(t, s)
				cfg.Roots = x509.NewCertPool()
				return open(t, cfg, time.Now)
			},
			"a contact that is nobody's": func(t *testing.T, s *simulator.Simulator) pushgw.Sender {
				cfg := config(t, s)
				cfg.Contact = "ops@localhost"
				return open(t, cfg, time.Now)
			},
			"a clock that is behind": func(t *testing.T, s *simulator.Simulator) pushgw.Sender {
				return open(t, config(t, s), func() time.Time { return time.Now().Add(-2 * tokenLife) })
			},
			"a clock that is ahead": func(t *testing.T, s *simulator.Simulator) pushgw.Sender {
				return open(t, config(t, s), func() time.Time { return time.Now().Add(2 * tokenLife) })
			},
		},
	})
}

func answers() []pushtest.Row {
	const otherKey = "the VAPID credentials in the authorization header do not correspond to the credentials used to create the subscriptions."
	return []pushtest.Row{
		{Name: "created", Want: pushgw.Accepted},
		{Name: "accepted", Reply: simulator.Reply{Status: 202}, Want: pushgw.Accepted},
		{Name: "bad topic", Reply: simulator.Reply{Status: 400, Reason: "BadWebPushTopic"}, Want: pushgw.Refused, Code: "BadWebPushTopic"},
		{Name: "bad token", Reply: simulator.Reply{Status: 403, Reason: "BadJwtToken"}, Want: pushgw.Misconfigured, Code: "BadJwtToken"},
		{Name: "another key", Reply: simulator.Reply{Status: 403, Body: otherKey}, Want: pushgw.Gone, Code: "VapidKeyMismatch"},
		{Name: "not found", Reply: simulator.Reply{Status: 404}, Want: pushgw.Gone},
		{Name: "gone", Reply: simulator.Reply{Status: 410}, Want: pushgw.Gone},
		{Name: "too many for Windows", Reply: simulator.Reply{Status: 406}, Want: pushgw.Throttled, After: time.Minute},
		{Name: "too large", Reply: simulator.Reply{Status: 413}, Want: pushgw.TooLarge},
		{Name: "too many", Reply: simulator.Reply{Status: 429, Header: map[string]string{"Retry-After": "30"}}, Want: pushgw.Throttled, After: 30 * time.Second},
		{Name: "an overload", Reply: simulator.Reply{Status: 503, Header: map[string]string{"Retry-After": "40"}}, Want: pushgw.Retry, After: 40 * time.Second},
		{Name: "a fault", Reply: simulator.Reply{Status: 500}, Want: pushgw.Retry},
	}
}

// given is the data without the line that Web Push has no other place for.
func given(t *testing.T, p simulator.Push) map[string]string {
	t.Helper()
	var data map[string]string
	if err := json.Unmarshal(p.Body, &data); err != nil {
		t.Fatal(err)
	}
	delete(data, "alertTitle")
	delete(data, "alertBody")
	return data
}
