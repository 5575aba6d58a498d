package fcm

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rambla/pushgw"
	"rambla/pushgw/simulator"
	"rambla/social"
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
		"whose answer is lost":    {simulator.Reply{Lose: true}, pushgw.Answer{Verdict: pushgw.Retry}},
		"that a fault refuses":    {simulator.Reply{Status: 500, Reason: "INTERNAL"}, pushgw.Answer{Verdict: pushgw.Retry, Status: 500, Code: "INTERNAL"}},
		"that is sent elsewhere":  {simulator.Reply{Status: 307, Header: map[string]string{"Location": "/v1/projects/demo-project/messages:send"}, Body: "x"}, pushgw.Answer{Verdict: pushgw.Retry, Status: 307}},
		"answered by a middlebox": {simulator.Reply{Status: 502, Body: "<html>Bad gateway</html>"}, pushgw.Answer{Verdict: pushgw.Retry, Status: 502}},
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

func TestAPushEndsWithItsContext(t *testing.T) {
	t.Parallel()
	sim, s := simulate(t, nil)
	sim.Answer(simulator.FCM, token, simulator.Reply{BlackHole: true})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if got := s.Send(ctx, message1()); got.Verdict != pushgw.Retry || got.Err == nil {
		t.Errorf("answer %+v, want one to try again", got)
	}
	if ctx.Err() == nil {
		t.Error("it answered before the deadline")
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
			now := time.Now()
			sim, s := simulate(t, func(_ *simulator.Simulator, c *Config) { c.Now = func() time.Time { return now } })
			m := message1()
			m.Expires = now.Add(time.Hour)
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
	var mu sync.Mutex
	offset := time.Duration(0)
	sim, s := simulate(t, func(_ *simulator.Simulator, c *Config) {
		c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return time.Now().Add(offset) }
	})
	for _, later := range []time.Duration{0, 58 * time.Minute, 59*time.Minute + 30*time.Second} {
		mu.Lock()
		offset = later
		mu.Unlock()
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
		"a middlebox":       {simulator.Reply{Status: 403, Body: "<html>"}, pushgw.Answer{Verdict: pushgw.Retry, Status: 403, Code: "OAuth"}},
		"an empty answer":   {simulator.Reply{Status: 200, Body: "{}"}, pushgw.Answer{Verdict: pushgw.Retry, Status: 200, Code: "OAuth"}},
		"another's address": {simulator.Reply{Status: 307, Body: "x", Header: map[string]string{"Location": "/token"}}, pushgw.Answer{Verdict: pushgw.Retry, Status: 307, Code: "OAuth"}},
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

func TestAnotherAuthorityIsAMistakeOfTheConfiguration(t *testing.T) {
	t.Parallel()
	_, s := simulate(t, func(_ *simulator.Simulator, c *Config) { c.CAs = x509.NewCertPool() })
	if got := send(t, s, message1()); got.Verdict != pushgw.Misconfigured || got.Err == nil {
		t.Errorf("answer %+v", got)
	}
}

func TestAPushBeyondTheLimitIsNotSent(t *testing.T) {
	t.Parallel()
	sim, s := simulate(t, nil)
	m := message1()
	m.Sealed = make([]byte, 3500)
	if got := send(t, s, m); got.Verdict != pushgw.TooLarge {
		t.Errorf("answer %+v", got)
	}
	if n := requests(sim); n != 0 {
		t.Errorf("%d requests", n)
	}
	m.Sealed = make([]byte, 2700)
	if got := send(t, s, m); got.Verdict != pushgw.Accepted {
		t.Errorf("one within it: %+v", got)
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
			_, s := simulate(t, func(_ *simulator.Simulator, c *Config) {
				c.URL = stand.URL
				if secure {
					c.CAs.AddCert(stand.Certificate())
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
	for name, cfg := range map[string]Config{
		"no credentials":     {},
		"no JSON":            {Credentials: "-----BEGIN " + secret},
		"another kind":       {Credentials: `{"type":"authorized_user","refresh_token":"` + secret + `"}`},
		"a key that is none": {Credentials: `{"type":"service_account","client_email":"a@b","private_key":"` + secret + `"}`},
	} {
		s, err := New(cfg)
		if err == nil || s != nil || social.KindOf(err) != social.KindInvalid || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, url := range []string{"fcm.googleapis.com", "ftp://x", "https://u:p@host", "https://"} {
		if _, err := endpoint("push.fcm.url", url, defaultURL); err == nil || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: %v", url, err)
		}
	}
}
