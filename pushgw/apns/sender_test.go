package apns_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"rambla/pushgw"
	"rambla/pushgw/apns"
	"rambla/pushgw/pushtest"
	"rambla/pushgw/simulator"
	"rambla/social"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const topic = "org.example.chat"

// config is for the simulator, with times for tests.
func config(t *testing.T, s *simulator.Simulator) apns.Config {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(s.CA()) {
		t.Fatal("the CA is no PEM")
	}
	return apns.Config{
		Apps: []apns.App{{Topic: topic, Team: simulator.Team, KeyID: simulator.KeyID, File: s.File("apns.p8")}},
		URL:  s.URL(simulator.APNs), Roots: roots, Timeout: 5 * time.Second,
		PingAfter: 500 * time.Millisecond, PingTimeout: 1500 * time.Millisecond,
	}
}

func open(t *testing.T, c apns.Config) *apns.Sender {
	t.Helper()
	s, err := apns.New(c, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func device(n int) *social.Device {
	return &social.Device{
		ID: social.ID{1, byte(n)}, Platform: social.PlatformAPNs, App: topic, //nolint:gosec // a few
		Token: social.Secret(fmt.Sprintf("%064x", n+1)),
	}
}

func simulated(t *testing.T) *simulator.Simulator {
	t.Helper()
	s, err := simulator.Start(simulator.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// newKey writes another .p8 file, and returns its path.
func newKey(t *testing.T, path string) string {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAPNsIsASender(t *testing.T) {
	t.Parallel()
	pushtest.Run(t, pushtest.Provider{
		Name: simulator.APNs,
		Open: func(t *testing.T, s *simulator.Simulator) pushgw.Sender { return open(t, config(t, s)) },
		Device: func(_ *testing.T, _ *simulator.Simulator, n int) *social.Device {
			return device(n)
		},
		Token:   func(d *social.Device) string { return string(d.Token) },
		Odd:     func(d *social.Device, token string) { d.Token = social.Secret(token) },
		Data:    data,
		Answers: answers(),
		Clears:  true, Large: apns.MaxPayload,
		Wrong: map[string]func(*testing.T, *simulator.Simulator) pushgw.Sender{
			"a key that Apple does not know": func(t *testing.T, s *simulator.Simulator) pushgw.Sender {
				c := config(t, s)
				c.Apps[0].File = newKey(t, filepath.Join(t.TempDir(), "other.p8"))
				return open(t, c)
			},
			"another key id": func(t *testing.T, s *simulator.Simulator) pushgw.Sender {
				c := config(t, s)
				c.Apps[0].KeyID = "KEY7654321"
				return open(t, c)
			},
			"a certificate that nobody trusts": func(t *testing.T, s *simulator.Simulator) pushgw.Sender {
				c := config(t, s)
				c.Roots = x509.NewCertPool()
				return open(t, c)
			},
			"a clock that is off": func(t *testing.T, s *simulator.Simulator) pushgw.Sender {
				s.Answer(simulator.APNs, simulator.Everyone, simulator.Reply{Status: 403, Reason: "ExpiredProviderToken"})
				return open(t, config(t, s))
			},
		},
	})
}

// data is what is beside aps.
func data(t *testing.T, p simulator.Push) map[string]string {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal(p.Body, &all); err != nil {
		t.Fatal(err)
	}
	delete(all, "aps")
	out := map[string]string{}
	for k, raw := range all {
		var v string
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatalf("%s is no string: %s", k, raw)
		}
		out[k] = v
	}
	return out
}

// answers is the table of Apple's reasons.
func answers() []pushtest.Row {
	since := time.UnixMilli(1_760_000_000_123)
	rows := []pushtest.Row{
		{Name: "taken", Want: pushgw.Accepted},
		{Name: "gone, and since when", Reply: simulator.Reply{Status: 410, Reason: "Unregistered", Since: since.UnixMilli()}, Want: pushgw.Gone, Code: "Unregistered", Since: since},
		{Name: "an expired device", Reply: simulator.Reply{Status: 410, Reason: "ExpiredToken", Since: since.UnixMilli()}, Want: pushgw.Gone, Since: since},
		{Name: "too many to the device", Reply: simulator.Reply{Status: 429, Reason: "TooManyRequests"}, Want: pushgw.Throttled, After: 30 * time.Second},
		{Name: "too many, and for how long", Reply: simulator.Reply{Status: 429, Reason: "TooManyRequests", Header: map[string]string{"Retry-After": "120"}}, Want: pushgw.Throttled, After: 2 * time.Minute},
		{Name: "too many tokens", Reply: simulator.Reply{Status: 429, Reason: "TooManyProviderTokenUpdates"}, Want: pushgw.Retry, After: 10 * time.Second},
		{Name: "an error of Apple's", Reply: simulator.Reply{Status: 500, Reason: "InternalServerError"}, Want: pushgw.Retry, After: 5 * time.Second},
		{Name: "busy", Reply: simulator.Reply{Status: 503, Reason: "ServiceUnavailable", Header: map[string]string{"Retry-After": "3"}}, Want: pushgw.Retry, After: 3 * time.Second},
		{Name: "shutting down", Reply: simulator.Reply{Status: 503, Reason: "Shutdown", GoAway: true}, Want: pushgw.Retry},
		{Name: "too large", Reply: simulator.Reply{Status: 413, Reason: "PayloadTooLarge"}, Want: pushgw.TooLarge},
		{Name: "too large for a middlebox", Reply: simulator.Reply{Status: 413, Body: "<html>"}, Want: pushgw.TooLarge, Code: "http_413"},
		{Name: "a reason from the future", Reply: simulator.Reply{Status: 400, Reason: "NewReason"}, Want: pushgw.Refused, Code: "NewReason"},
		{Name: "a page that says gone", Reply: simulator.Reply{Status: 410, Body: "<html>gone</html>"}, Want: pushgw.Retry, Code: "http_410"},
		{Name: "a page that says not found", Reply: simulator.Reply{Status: 404, Body: "<html>no</html>"}, Want: pushgw.Retry, Code: "http_404"},
		{Name: "a goodbye behind the answer", Reply: simulator.Reply{GoAway: true}, Want: pushgw.Accepted},
		{Name: "a stream refused once", Reply: simulator.Reply{Refuse: true, Times: 1}, Want: pushgw.Accepted},
		{Name: "idle once", Reply: simulator.Reply{Status: 400, Reason: "IdleTimeout"}, Want: pushgw.Retry},
	}
	for verdict, reasons := range map[pushgw.Verdict]map[string]int{
		pushgw.Gone: {"BadDeviceToken": 400, "DeviceTokenNotForTopic": 400},
		pushgw.Misconfigured: {
			"TopicDisallowed": 400, "BadTopic": 400, "MissingTopic": 400, "InvalidProviderToken": 403, "MissingProviderToken": 403,
			"UnrelatedKeyIdInToken": 403, "BadEnvironmentKeyIdInToken": 403, "BadCertificate": 403, "BadCertificateEnvironment": 403,
			"Forbidden": 403, "ExpiredProviderToken": 403,
		},
		pushgw.Refused: {
			"BadCollapseId": 400, "BadExpirationDate": 400, "BadMessageId": 400, "BadPriority": 400, "DuplicateHeaders": 400,
			"InvalidPushType": 400, "MissingDeviceToken": 400, "PayloadEmpty": 400, "BadPath": 404, "MethodNotAllowed": 405,
		},
	} {
		for reason, status := range reasons {
			rows = append(rows, pushtest.Row{Name: reason, Reply: simulator.Reply{Status: status, Reason: reason}, Want: verdict, Code: reason})
		}
	}
	return rows
}

func push(t *testing.T, s pushgw.Sender, m *pushgw.Message) pushgw.Answer {
	t.Helper()
	return s.Send(t.Context(), m)
}

func TestADeviceOfTheOtherWorldIsFoundThere(t *testing.T) {
	t.Parallel()
	s := simulated(t)
	c := config(t, s)
	c.SandboxURL = s.URL(simulator.APNsSandbox)
	sender, d := open(t, c), device(1)
	s.Answer(simulator.APNs, string(d.Token), simulator.Reply{Status: 400, Reason: "BadDeviceToken"})
	a := push(t, sender, pushtest.Message(d))
	if a.Verdict != pushgw.Accepted || a.Sandbox == nil || !*a.Sandbox {
		t.Errorf("answered %+v, want a device of the sandbox", a)
	}
	s.Answer(simulator.APNsSandbox, string(d.Token), simulator.Reply{Status: 400, Reason: "BadDeviceToken"})
	if a := push(t, sender, pushtest.Message(d)); a.Verdict != pushgw.Gone || a.Sandbox != nil {
		t.Errorf("answered %+v to a device of no world", a)
	}
	s.Answer(simulator.APNsSandbox, string(d.Token), simulator.Reply{Status: 403, Reason: "BadEnvironmentKeyIdInToken"})
	if a := push(t, sender, pushtest.Message(d)); a.Verdict != pushgw.Gone || a.Code != "BadDeviceToken" {
		t.Errorf("answered %+v where the key is of one world only", a)
	}
	s.Answer(simulator.APNsSandbox, string(d.Token), simulator.Reply{Status: 503, Reason: "ServiceUnavailable"})
	if a := push(t, sender, pushtest.Message(d)); a.Verdict != pushgw.Retry {
		t.Errorf("answered %+v while the other world is away", a)
	}
}

func TestAnExpiredTokenIsSignedAnewOnce(t *testing.T) {
	t.Parallel()
	s := simulated(t)
	sender, d := open(t, config(t, s)), device(1)
	expired := simulator.Reply{Status: 403, Reason: "ExpiredProviderToken", Times: 1}
	s.Answer(simulator.APNs, string(d.Token), expired)
	if a := push(t, sender, pushtest.Message(d)); a.Verdict != pushgw.Accepted {
		t.Errorf("answered %+v", a)
	}
	s.Answer(simulator.APNs, string(d.Token), expired)
	if a := push(t, sender, pushtest.Message(d)); a.Verdict != pushgw.Misconfigured || a.Err == nil {
		t.Errorf("answered %+v to a second one within minutes", a)
	}
	if c := s.Counts(simulator.APNs); c.Signatures != 2 {
		t.Errorf("%d tokens were signed, want 2", c.Signatures)
	}
}

func TestColdConnectionsAndBadTokensCostNoPush(t *testing.T) {
	t.Parallel()
	s := simulated(t)
	s.SetLatency(5 * time.Millisecond)
	c := config(t, s)
	c.Timeout, c.PingAfter = time.Minute, time.Minute // the machine may be slow
	sender := open(t, c)
	const pushes = 400
	answers := make(chan pushgw.Answer, pushes)
	for i := range pushes {
		d := device(i)
		if i%10 == 9 {
			s.Answer(simulator.APNs, string(d.Token), simulator.Reply{Status: 410, Reason: "Unregistered", Since: 1})
		}
		go func() { answers <- sender.Send(t.Context(), pushtest.Message(d)) }()
	}
	verdicts := map[pushgw.Verdict]int{}
	for range pushes {
		verdicts[(<-answers).Verdict]++
	}
	if verdicts[pushgw.Accepted] != pushes*9/10 || verdicts[pushgw.Gone] != pushes/10 {
		t.Errorf("answered %v", verdicts)
	}
	if c := s.Counts(simulator.APNs); c.Duplicates != 0 || c.Connections > 4 || c.Signatures != 1 {
		t.Errorf("counted %+v", c)
	}
}

func TestTwoAppsOfATeamShareATokenAndItsConnections(t *testing.T) {
	t.Parallel()
	s, err := simulator.Start(simulator.Config{Dir: t.TempDir(), Topics: []string{topic, "org.example.forum"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	c := config(t, s)
	c.Apps = append(c.Apps, apns.App{Topic: "org.example.forum", Team: simulator.Team, KeyID: simulator.KeyID, File: s.File("apns.p8")})
	sender := open(t, c)
	for _, app := range []string{topic, "org.example.forum", ""} {
		d := device(1)
		d.App = app
		if a := push(t, sender, pushtest.Message(d)); a.Verdict != pushgw.Accepted {
			t.Errorf("%q: answered %+v", app, a)
		}
	}
	d := device(1)
	d.App = "org.example.unknown"
	if a := push(t, sender, pushtest.Message(d)); a.Verdict != pushgw.Misconfigured || a.Code != "unknown_app" {
		t.Errorf("answered %+v to an app that is not configured", a)
	}
	if c := s.Counts(simulator.APNs); c.Signatures != 1 || c.Connections != 1 {
		t.Errorf("counted %+v", c)
	}
}

func TestAReplacedKeyIsUsedWithoutARestart(t *testing.T) {
	t.Parallel()
	s := simulated(t)
	c := config(t, s)
	good, err := os.ReadFile(c.Apps[0].File)
	if err != nil {
		t.Fatal(err)
	}
	c.Apps[0].File = newKey(t, filepath.Join(t.TempDir(), "key.p8"))
	clock := &clock{now: time.Now()}
	sender, err := apns.New(c, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), clock.read)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sender.Close)
	if a := push(t, sender, pushtest.Message(device(1))); a.Verdict != pushgw.Misconfigured {
		t.Errorf("answered %+v with a key that Apple does not know", a)
	}
	before := sender.Version(topic)
	if err := os.WriteFile(c.Apps[0].File, []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	clock.add(2 * time.Second)
	if sender.Version(topic) != before {
		t.Error("half a file counts as a new key")
	}
	if err := os.WriteFile(c.Apps[0].File, good, 0o600); err != nil {
		t.Fatal(err)
	}
	clock.add(2 * time.Second)
	if a := push(t, sender, pushtest.Message(device(1))); a.Verdict != pushgw.Accepted {
		t.Errorf("answered %+v with the new key", a)
	}
	if sender.Version(topic) == before {
		t.Error("nobody can tell that the key is new")
	}
}

func TestAConfigurationThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	s := simulated(t)
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.p8")
	if err := os.WriteFile(secret, []byte("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*apns.Config){
		"no app":              func(c *apns.Config) { c.Apps = nil },
		"an app twice":        func(c *apns.Config) { c.Apps = append(c.Apps, c.Apps[0]) },
		"an app without team": func(c *apns.Config) { c.Apps[0].Team = "" },
		"a file that is away": func(c *apns.Config) { c.Apps[0].File = filepath.Join(dir, "none.p8") },
		"a file without key":  func(c *apns.Config) { c.Apps[0].File = secret },
		"an address in plain": func(c *apns.Config) { c.URL = "http://127.0.0.1:1" },
		"one key, two files": func(c *apns.Config) {
			c.Apps = append(c.Apps, apns.App{Topic: "other", Team: simulator.Team, KeyID: simulator.KeyID, File: secret})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config(t, s)
			change(&c)
			sender, err := apns.New(c, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), time.Now)
			if err == nil {
				sender.Close()
				t.Fatal("it was taken")
			}
			if strings.Contains(err.Error(), "c2VjcmV0") {
				t.Errorf("the error tells the key: %v", err)
			}
		})
	}
}

func TestAppleIsGivenWhatItAsksFor(t *testing.T) {
	t.Parallel()
	s := simulated(t)
	sender := open(t, config(t, s))
	for name, row := range map[string]struct {
		change func(*pushgw.Message)
		aps    string
		header map[string]string
	}{
		"a message": {
			func(*pushgw.Message) {},
			`{"alert":{"title":"Lobby","body":"5 new messages"},"badge":12,"sound":"default","thread-id":"/ctx/lobby/messages","category":"message","mutable-content":1,"interruption-level":"active","relevance-score":0.5}`,
			map[string]string{"apns-push-type": "alert", "apns-priority": "10", "apns-topic": topic, "apns-expiration": "1800000000", "apns-collapse-id": "c29tZXRoaW5nIHNob3J0"},
		},
		"a mention that clears the badge": {
			func(m *pushgw.Message) { m.Kind, m.Badge = pushgw.KindMention, 0 },
			`{"alert":{"title":"Lobby","body":"5 new messages"},"badge":0,"sound":"default","thread-id":"/ctx/lobby/messages","category":"mention","mutable-content":1,"interruption-level":"time-sensitive","relevance-score":1}`,
			map[string]string{"apns-push-type": "alert", "apns-priority": "10"},
		},
		"a changed text": {
			func(m *pushgw.Message) { m.Silent = true },
			`{"alert":{"title":"Lobby","body":"5 new messages"},"badge":12,"thread-id":"/ctx/lobby/messages","category":"message","mutable-content":1,"interruption-level":"passive","relevance-score":0.5}`,
			map[string]string{"apns-push-type": "alert", "apns-priority": "10", "apns-collapse-id": "c29tZXRoaW5nIHNob3J0"},
		},
		"nothing left": {
			func(m *pushgw.Message) { m.Kind, m.Title, m.Body = pushgw.KindClear, "", "" },
			`{"content-available":1}`,
			map[string]string{"apns-push-type": "background", "apns-priority": "5", "apns-collapse-id": "c29tZXRoaW5nIHNob3J0"},
		},
		"a time that is over": {
			func(m *pushgw.Message) { m.Expires = time.Unix(0, 0) },
			`{"alert":{"title":"Lobby","body":"5 new messages"},"badge":12,"sound":"default","thread-id":"/ctx/lobby/messages","category":"message","mutable-content":1,"interruption-level":"active","relevance-score":0.5}`,
			map[string]string{"apns-expiration": "1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := device(len(name))
			m := pushtest.Message(d)
			m.Expires = time.Unix(1_800_000_000, 0)
			row.change(m)
			if a := push(t, sender, m); a.Verdict != pushgw.Accepted || a.ID == "" {
				t.Fatalf("answered %+v", a)
			}
			p := s.Pushes(simulator.APNs, string(d.Token))[0]
			var got struct {
				APS json.RawMessage `json:"aps"`
			}
			if err := json.Unmarshal(p.Body, &got); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.APS, []byte(row.aps)) {
				t.Errorf("aps is\n%s, want\n%s", got.APS, row.aps)
			}
			for k, v := range row.header {
				if p.Header[k] != v {
					t.Errorf("%s is %q, want %q", k, p.Header[k], v)
				}
			}
		})
	}
}
