package fcm

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/pushgw"
	"rambla/pushgw/simulator"
)

func TestAPushIsOneRequest(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		reply simulator.Reply
		want  pushgw.Answer
	}{
		"that is accepted":        {simulator.Reply{}, pushgw.Answer{Verdict: pushgw.Accepted, Status: 200}},
		"that meets an overload":  {simulator.Reply{Status: 503, Reason: "UNAVAILABLE"}, pushgw.Answer{Verdict: pushgw.Retry, Status: 503, Code: "UNAVAILABLE"}},
		"that is told to wait":    {simulator.Reply{Status: 503, Reason: "UNAVAILABLE", Header: map[string]string{"Retry-After": "3"}}, pushgw.Answer{Verdict: pushgw.Retry, Status: 503, Code: "UNAVAILABLE", After: 3 * time.Second}},
		"whose answer is lost":    {simulator.Reply{Lose: true}, pushgw.Answer{Verdict: pushgw.Retry, Code: "connection"}},
		"that a fault refuses":    {simulator.Reply{Status: 500, Reason: "INTERNAL"}, pushgw.Answer{Verdict: pushgw.Retry, Status: 500, Code: "INTERNAL"}},
		"that is sent elsewhere":  {simulator.Reply{Status: 307, Header: map[string]string{"Location": "/v1/projects/demo-project/messages:send"}, Body: "x"}, pushgw.Answer{Verdict: pushgw.Retry, Status: 307, Code: "http_307"}},
		"answered by a middlebox": {simulator.Reply{Status: 502, Body: "<html>Bad gateway</html>"}, pushgw.Answer{Verdict: pushgw.Retry, Status: 502, Code: "http_502"}},
		"taken by a middlebox":    {simulator.Reply{Status: 200, Body: "<html>Sign in</html>"}, pushgw.Answer{Verdict: pushgw.Retry, Status: 200, Code: "NotFCM"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, s := simulate(t, nil)
			sim.Answer(simulator.FCM, token, row.reply)
			began := time.Now()
			got := send(t, s, message1())
			if took := time.Since(began); took > 2500*time.Millisecond {
				t.Errorf("slept %s in the call", took)
			}
			if (got.ID == "") == (row.want.Verdict == pushgw.Accepted) || (got.Err == nil) == (got.Status == 0) {
				t.Errorf("answer %+v", got)
			}
			got.ID, got.Err = "", nil
			if got != row.want {
				t.Errorf("answer %+v, want %+v", got, row.want)
			}
			if n := requests(sim); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

func TestAPushCarriesDataOnly(t *testing.T) {
	t.Parallel()
	shown := map[string]string{
		"v": "1", "kind": "message", "stream": "/ctx/lobby/messages", "seq": "42", "id": "01JD", "n": "5", "badge": "12",
		"alertTitle": "Lobby", "alertBody": "5 new messages",
	}
	with := func(add map[string]string, without ...string) map[string]string {
		out := map[string]string{}
		for k, v := range shown {
			if !slices.Contains(without, k) {
				out[k] = v
			}
		}
		for k, v := range add {
			out[k] = v
		}
		return out
	}
	for name, row := range map[string]struct {
		change         func(*pushgw.Message)
		data           map[string]string
		priority, key_ string
	}{
		"shown":   {func(*pushgw.Message) {}, shown, "high", "msg"},
		"preview": {func(m *pushgw.Message) { m.Device.Preview = true }, with(map[string]string{"title": "Lobby", "body": "5 new messages"}, "alertTitle", "alertBody"), "high", "msg"},
		"sealed":  {func(m *pushgw.Message) { m.Sealed = []byte{0xff, 0xef} }, with(map[string]string{"sealed": "_-8"}), "high", "msg"},
		"silent":  {func(m *pushgw.Message) { m.Silent = true }, with(map[string]string{"silent": "1"}), "normal", "sync"},
		"clear":   {func(m *pushgw.Message) { m.Kind = pushgw.KindClear }, with(map[string]string{"kind": "clear"}, "alertTitle", "alertBody"), "normal", "sync"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, s := simulate(t, nil)
			m := message1()
			m.Expires = time.Now().Add(time.Hour + 900*time.Millisecond)
			row.change(m)
			if got := send(t, s, m); got.Verdict != pushgw.Accepted {
				t.Fatalf("answer %+v", got)
			}
			got := map[string]any{}
			if err := json.Unmarshal(sim.Pushes(simulator.FCM, token)[0].Body, &got); err != nil {
				t.Fatal(err)
			}
			data := map[string]any{}
			for k, v := range row.data {
				data[k] = v
			}
			want := map[string]any{"message": map[string]any{
				"token": token, "data": data,
				"android": map[string]any{"priority": row.priority, "ttl": "3600s", "collapse_key": row.key_, "direct_boot_ok": true},
			}}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("sent %v\nwant %v", got, want)
			}
		})
	}
}

func TestARevokedTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	sim, s := simulate(t, nil)
	for range 3 {
		if got := send(t, s, message1()); got.Verdict != pushgw.Accepted {
			t.Fatalf("answer %+v", got)
		}
	}
	sim.RevokeTokens()
	if got := send(t, s, message1()); got.Verdict != pushgw.Accepted {
		t.Errorf("after the token was revoked: %+v", got)
	}
	if n := sim.Counts(simulator.FCM).TokenFetches; n != 2 {
		t.Errorf("%d tokens were fetched, want 2", n)
	}
	if scopes := sim.Scopes(); !slices.Equal(scopes, []string{scope}) {
		t.Errorf("asked for %v", scopes)
	}
	sim.Answer(simulator.FCM, token, simulator.Reply{Status: 401})
	before := requests(sim)
	if got := send(t, s, message1()); got.Verdict != pushgw.Misconfigured || got.Status != 401 {
		t.Errorf("where no token is taken: %+v", got)
	}
	if n := requests(sim) - before; n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

func TestATokenIsRenewedBeforeItEnds(t *testing.T) {
	t.Parallel()
	sim, _ := simulate(t, nil)
	c := &clock{}
	s := open(t, config(sim), c.now)
	for _, later := range []time.Duration{0, 58 * time.Minute, 59*time.Minute + 30*time.Second} {
		c.ahead.Store(int64(later))
		m := message1()
		m.Expires = m.Expires.Add(later)
		if got := send(t, s, m); got.Verdict != pushgw.Accepted {
			t.Fatalf("answer %+v", got)
		}
	}
	if n := sim.Counts(simulator.FCM).TokenFetches; n != 2 {
		t.Errorf("%d tokens were fetched, want 2", n)
	}
}

func TestManyPushesWaitForOneTokenAndShareConnections(t *testing.T) {
	t.Parallel()
	sim, s := simulate(t, nil)
	sim.SetLatency(5 * time.Millisecond)
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			if got := send(t, s, message1()); got.Verdict != pushgw.Accepted {
				t.Errorf("answer %+v", got)
			}
		})
	}
	all.Wait()
	if c := sim.Counts(simulator.FCM); c.TokenFetches != 1 || c.Connections > 5 {
		t.Errorf("%d tokens and %d connections", c.TokenFetches, c.Connections)
	}
}

func TestCredentialsThatGoogleRefusesAreNobodysDevice(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		reply simulator.Reply
		want  pushgw.Answer
	}{
		"a deleted key":     {simulator.Reply{Status: 400, Reason: "invalid_grant"}, pushgw.Answer{Verdict: pushgw.Misconfigured, Status: 400, Code: "invalid_grant"}},
		"no client":         {simulator.Reply{Status: 401, Reason: "invalid_client"}, pushgw.Answer{Verdict: pushgw.Misconfigured, Status: 401, Code: "invalid_client"}},
		"an overload":       {simulator.Reply{Status: 503, Reason: "unavailable", Header: map[string]string{"Retry-After": "7"}}, pushgw.Answer{Verdict: pushgw.Retry, Status: 503, Code: "unavailable", After: 7 * time.Second}},
		"a middlebox":       {simulator.Reply{Status: 403, Body: "<html>"}, pushgw.Answer{Verdict: pushgw.Retry, Status: 403, Code: "oauth_http_403"}},
		"an empty answer":   {simulator.Reply{Status: 200, Body: "{}"}, pushgw.Answer{Verdict: pushgw.Retry, Status: 200, Code: "oauth_http_200"}},
		"another's address": {simulator.Reply{Status: 307, Body: "x", Header: map[string]string{"Location": "/token"}}, pushgw.Answer{Verdict: pushgw.Retry, Status: 307, Code: "oauth_http_307"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, s := simulate(t, nil)
			sim.Answer(simulator.OAuth, simulator.Everyone, row.reply)
			if got := send(t, s, message1()); got != row.want {
				t.Errorf("answer %+v, want %+v", got, row.want)
			}
			sim.Forget()
			if got := send(t, s, message1()); got != row.want {
				t.Errorf("the next within the second: %+v", got)
			}
			if n := requests(sim); n != 0 {
				t.Errorf("%d pushes were sent without a token", n)
			}
		})
	}
}

func TestAReplacedKeyFileIsUsedWithoutARestart(t *testing.T) {
	t.Parallel()
	sim, _ := simulate(t, nil)
	other, _ := simulate(t, nil) // whose accounts the first does not know
	good, err := os.ReadFile(sim.File("fcm.json"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := config(sim)
	cfg.Apps[0].File = filepath.Join(t.TempDir(), "fcm.json")
	put := func(file string) {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(cfg.Apps[0].File, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(other.File("fcm.json"))
	c := &clock{}
	s := open(t, cfg, c.now)
	if got := send(t, s, message1()); got.Verdict != pushgw.Misconfigured || got.Code != "invalid_grant" {
		t.Errorf("with another's key: %+v", got)
	}
	before := s.Version("")
	c.ahead.Add(int64(2 * time.Second))
	if err := os.WriteFile(cfg.Apps[0].File, good[:len(good)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if got := send(t, s, message1()); got.Verdict != pushgw.Misconfigured || s.Version("chat") != before {
		t.Errorf("with half a file: %+v", got)
	}
	c.ahead.Add(int64(2 * time.Second))
	put(sim.File("fcm.json"))
	if got := send(t, s, message1()); got.Verdict != pushgw.Accepted || s.Version("chat") == before {
		t.Errorf("with the new file: %+v, version %d", got, s.Version("chat"))
	}
}

func TestAnAppIsSentToWithItsOwnProject(t *testing.T) {
	t.Parallel()
	_, s := simulate(t, func(c *Config) {
		c.Apps = append(c.Apps, App{Name: "other", File: c.Apps[0].File, Project: "another"})
	})
	for name, want := range map[string]pushgw.Answer{
		"":      {Verdict: pushgw.Accepted, Status: 200},
		"chat":  {Verdict: pushgw.Accepted, Status: 200},
		"other": {Verdict: pushgw.Misconfigured, Status: 404, Code: "NOT_FOUND"}, // the simulator knows one project
		"none":  {Verdict: pushgw.Misconfigured, Code: "unknown_app"},
	} {
		m := message1()
		m.Device.App = name
		got := send(t, s, m)
		if got.ID = ""; got != want {
			t.Errorf("%q: answer %+v, want %+v", name, got, want)
		}
	}
	if apps := s.Apps(); !slices.Equal(apps, []string{"chat", "other"}) {
		t.Errorf("apps %v", apps)
	}
}

func TestAServerWithoutHTTP2StandsInToo(t *testing.T) {
	t.Parallel()
	for name, secure := range map[string]bool{"over TLS": true, "in clear": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/v1/projects/demo-project/messages:send" || r.ProtoMajor != 1 || !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ya29.") {
					w.WriteHeader(http.StatusTeapot)
				}
				_, _ = w.Write([]byte(`{"name":"projects/demo-project/messages/1"}`))
			})
			stand := httptest.NewUnstartedServer(h)
			if secure {
				stand.StartTLS()
			} else {
				stand.Start()
			}
			t.Cleanup(stand.Close)
			_, s := simulate(t, func(c *Config) {
				c.URL = stand.URL
				if secure {
					c.Roots.AddCert(stand.Certificate())
				}
			})
			for range 2 {
				if got := send(t, s, message1()); got.Verdict != pushgw.Accepted || got.ID != "projects/demo-project/messages/1" {
					t.Errorf("answer %+v", got)
				}
			}
		})
	}
}

func TestWhatIsMisconfiguredIsSaidAtTheStart(t *testing.T) {
	t.Parallel()
	const secret = "MIIEv-private"
	dir := t.TempDir()
	file := func(name, text string) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	keyless := file("keyless", `{"type":"service_account","client_email":"a@b","private_key":"`+secret+`"}`)
	for name, cfg := range map[string]Config{
		"no app":             {},
		"no file":            {Apps: []App{{Name: "a"}}},
		"a file that is not": {Apps: []App{{Name: "a", File: filepath.Join(dir, "none")}}},
		"an app twice":       {Apps: []App{{Name: "a", File: keyless}, {Name: "a", File: keyless}}},
		"no JSON":            {Apps: []App{{File: file("pem", "-----BEGIN "+secret)}}},
		"another kind":       {Apps: []App{{File: file("user", `{"type":"authorized_user","refresh_token":"`+secret+`"}`)}}},
		"a key that is none": {Apps: []App{{File: keyless}}},
		"no address":         {Apps: []App{{File: keyless}}, URL: "fcm.googleapis.com"},
		"another scheme":     {Apps: []App{{File: keyless}}, URL: "ftp://x"},
		"a secret in it":     {Apps: []App{{File: keyless}}, TokenURL: "https://u:" + secret + "@host"},
	} {
		s, err := New(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), time.Now)
		if err == nil || s != nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
