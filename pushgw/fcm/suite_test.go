package fcm

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rambla/pushgw"
	"rambla/pushgw/pushtest"
	"rambla/pushgw/simulator"
	"rambla/social"
)

func TestFCMIsASender(t *testing.T) {
	t.Parallel()
	pushtest.Run(t, pushtest.Provider{
		Name: simulator.FCM,
		Open: func(t *testing.T, s *simulator.Simulator) pushgw.Sender { return open(t, config(s), time.Now) },
		Device: func(_ *testing.T, _ *simulator.Simulator, n int) *social.Device {
			return &social.Device{Platform: social.PlatformFCM, Token: social.Secret(fmt.Sprintf("%s-%d", token, n))}
		},
		Token:  func(d *social.Device) string { return string(d.Token) },
		Odd:    func(d *social.Device, token string) { d.Token = social.Secret(token) },
		Data:   given,
		Clears: true, Large: 4096,
		Answers: []pushtest.Row{
			{Name: "accepted", Want: pushgw.Accepted},
			{Name: "unregistered", Reply: simulator.Reply{Status: 404, Reason: "UNREGISTERED"}, Want: pushgw.Gone, Code: "UNREGISTERED"},
			{Name: "no token", Reply: simulator.Reply{Status: 400, Reason: "INVALID_ARGUMENT"}, Want: pushgw.Gone},
			{Name: "a bad field", Reply: simulator.Reply{Status: 400, Reason: "BAD_FIELD"}, Want: pushgw.Refused},
			{Name: "too big", Reply: simulator.Reply{Status: 400, Reason: "TOO_BIG"}, Want: pushgw.TooLarge},
			{Name: "another sender", Reply: simulator.Reply{Status: 403, Reason: "SENDER_ID_MISMATCH"}, Want: pushgw.Gone},
			{Name: "no permission", Reply: simulator.Reply{Status: 403}, Want: pushgw.Misconfigured, Code: "PERMISSION_DENIED"},
			{Name: "no access", Reply: simulator.Reply{Status: 401}, Want: pushgw.Misconfigured, Code: "UNAUTHENTICATED"},
			{Name: "no key of Apple's", Reply: simulator.Reply{Status: 401, Reason: "THIRD_PARTY_AUTH_ERROR"}, Want: pushgw.Throttled, After: appleWait},
			{Name: "a quota", Reply: simulator.Reply{Status: 429, Reason: "QUOTA_EXCEEDED"}, Want: pushgw.Retry, After: time.Minute},
			{Name: "a fault", Reply: simulator.Reply{Status: 500, Reason: "INTERNAL"}, Want: pushgw.Retry},
			{Name: "an overload", Reply: simulator.Reply{Status: 503, Reason: "UNAVAILABLE", Header: map[string]string{"Retry-After": "40"}}, Want: pushgw.Retry, After: 40 * time.Second},
		},
		Wrong: map[string]func(*testing.T, *simulator.Simulator) pushgw.Sender{
			"a certificate that nobody knows": func(t *testing.T, s *simulator.Simulator) pushgw.Sender {
				cfg := config(s)
				cfg.Roots = x509.NewCertPool()
				return open(t, cfg, time.Now)
			},
			"a key that Google does not know": func(t *testing.T, s *simulator.Simulator) pushgw.Sender {
				other, _ := simulate(t, nil)
				cfg := config(s)
				cfg.Apps[0].File = other.File("fcm.json")
				return open(t, cfg, time.Now)
			},
			"another key id": func(t *testing.T, s *simulator.Simulator) pushgw.Sender {
				text, err := os.ReadFile(s.File("fcm.json"))
				if err != nil {
					t.Fatal(err)
				}
				cfg := config(s)
				cfg.Apps[0].File = filepath.Join(t.TempDir(), "fcm.json")
				if err := os.WriteFile(cfg.Apps[0].File, []byte(strings.Replace(string(text), "0123456789abcdef", "fedcba", 1)), 0o600); err != nil {
					t.Fatal(err)
				}
				return open(t, cfg, time.Now)
			},
		},
	})
}

// given is the data without the line that FCM has no other place for.
func given(t *testing.T, p simulator.Push) map[string]string {
	t.Helper()
	var sent struct {
		Message struct {
			Data map[string]string `json:"data"`
		} `json:"message"`
	}
	if err := json.Unmarshal(p.Body, &sent); err != nil {
		t.Fatal(err)
	}
	delete(sent.Message.Data, "alertTitle")
	delete(sent.Message.Data, "alertBody")
	return sent.Message.Data
}
