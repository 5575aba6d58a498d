package webpush

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rambla/pushgw"
	"rambla/pushgw/simulator"
	"rambla/social"
)

func TestABrowserReadsWhatIsSent(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	for name, row := range map[string]struct {
		change        func(*pushgw.Message)
		urgency, size string
		data          map[string]string
	}{
		"news":         {func(*pushgw.Message) {}, "high", "512", map[string]string{"alertTitle": "Lobby", "alertBody": "5 new messages"}},
		"a preview":    {func(m *pushgw.Message) { m.Device.Preview = true }, "high", "512", map[string]string{"title": "Lobby", "body": "5 new messages"}},
		"a long text":  {func(m *pushgw.Message) { m.Body = strings.Repeat("x", 500) }, "high", "1024", map[string]string{"alertTitle": "Lobby", "alertBody": strings.Repeat("x", 500)}},
		"a longer one": {func(m *pushgw.Message) { m.Body = strings.Repeat("x", 2000) }, "high", "4096", map[string]string{"alertTitle": "Lobby", "alertBody": strings.Repeat("x", 2000)}},
		"a correction": {func(m *pushgw.Message) { m.Silent = true }, "normal", "512", map[string]string{"alertTitle": "Lobby", "alertBody": "5 new messages", "silent": "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			device, id := s.browser(t)
			m := news(device)
			m.Expires = time.Now().Add(24*time.Hour + 900*time.Millisecond)
			row.change(m)
			if got := s.send(t, m); got.Verdict != pushgw.Accepted || got.Status != 201 || len(got.ID) != 36 {
				t.Fatalf("answer %+v", got)
			}
			push := s.Pushes(simulator.WebPush, id)[0]
			want := map[string]string{
				"v": "1", "kind": "message", "stream": "/ctx/lobby/messages", "seq": "42", "id": "01JD", "n": "5", "badge": "12",
			}
			maps.Copy(want, row.data)
			got := map[string]string{}
			if err := json.Unmarshal(push.Body, &got); err != nil || !maps.Equal(got, want) {
				t.Errorf("decrypted %s (%v)\nwant %v", push.Body, err, want)
			}
			header := map[string]string{
				"TTL": "86400", "Urgency": row.urgency, "Topic": m.Collapse, "Content-Encoding": "aes128gcm", "size": row.size,
			}
			if !maps.Equal(push.Header, header) {
				t.Errorf("header %v, want %v", push.Header, header)
			}
		})
	}
}

func TestATokenIsSignedPerServiceAndNotPerPush(t *testing.T) {
	t.Parallel()
	var later atomic.Int64
	s := start(t, nil, func() time.Time { return time.Now().Add(time.Duration(later.Load())) })
	device, _ := s.browser(t)
	for _, step := range []struct {
		later      time.Duration
		signatures int
	}{{0, 1}, {tokenUse - time.Minute, 1}, {tokenUse + time.Minute, 2}} {
		later.Store(int64(step.later))
		for range 3 {
			if got := s.send(t, news(device)); got.Verdict != pushgw.Accepted {
				t.Fatalf("answer %+v", got)
			}
		}
		if n := s.Counts(simulator.WebPush).Signatures; n != step.signatures {
			t.Errorf("after %s: %d signatures, want %d", step.later, n, step.signatures)
		}
	}
}

func TestARefusedTokenIsSignedAnewAfterAnHourOnly(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	key, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	v := &vapid{key: key, subject: "mailto:ops@example.org", now: func() time.Time { return now }, tokens: map[string]signedToken{}}
	sign := func() string {
		header, err := v.header("https://push.example.org")
		if err != nil {
			t.Fatal(err)
		}
		return header
	}
	first := sign()
	now = now.Add(renewAfter - time.Second)
	if v.refused("https://push.example.org"); sign() != first {
		t.Error("a token of an hour was replaced")
	}
	now = now.Add(time.Second)
	if v.refused("https://push.example.org"); sign() == first {
		t.Error("an older one that is refused was kept")
	}
	now = now.Add(-2 * time.Hour) // the clock was wrong, and was put right
	for range 2 {
		sign()
	}
	for i := range 2 * maxOrigins {
		if _, err := v.header(fmt.Sprintf("https://%d.example.org", i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(v.tokens) > maxOrigins {
		t.Errorf("%d tokens are kept", len(v.tokens))
	}
}

func TestASubscriptionForAnotherKeyIsGone(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	other, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	stale, _ := subscribe(t, s.Simulator, other.Public())
	if got := s.send(t, news(stale)); got.Verdict != pushgw.Gone || got.Code != "VapidKeyMismatch" {
		t.Errorf("answer %+v", got)
	}
	device, id := s.browser(t)
	s.Unsubscribe(id)
	if got := s.send(t, news(device)); got.Verdict != pushgw.Gone || got.Status != 410 {
		t.Errorf("of one that has unsubscribed: %+v", got)
	}
}

func TestAServiceThatTakesOurTokensIsNotStoppedByOneEndpoint(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	bad, id := s.browser(t)
	s.Answer(simulator.WebPush, id, simulator.Reply{Status: 403, Body: "no"})
	if got := s.send(t, news(bad)); got.Verdict != pushgw.Misconfigured {
		t.Errorf("before anything was taken: %+v", got)
	}
	good, _ := s.browser(t)
	if got := s.send(t, news(good)); got.Verdict != pushgw.Accepted {
		t.Fatalf("answer %+v", got)
	}
	if got := s.send(t, news(bad)); got.Verdict != pushgw.Refused {
		t.Errorf("afterwards: %+v", got)
	}
}

func TestAPushIsOneRequest(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		reply simulator.Reply
		want  pushgw.Answer
	}{
		"that meets an overload": {simulator.Reply{Status: 503, Header: map[string]string{"Retry-After": "3"}}, pushgw.Answer{Verdict: pushgw.Retry, Code: "http_503", Status: 503, After: 3 * time.Second}},
		"whose answer is lost":   {simulator.Reply{Lose: true}, pushgw.Answer{Verdict: pushgw.Retry, Code: "connection"}},
		"that is sent elsewhere": {simulator.Reply{Status: 307, Header: map[string]string{"Location": "/push/other"}}, pushgw.Answer{Verdict: pushgw.Retry, Code: "http_307", Status: 307}},
		"with an endless answer": {simulator.Reply{Status: 500, Body: strings.Repeat("x", 1<<20)}, pushgw.Answer{Verdict: pushgw.Retry, Code: "http_500", Status: 500}},
		"that is taken at once":  {simulator.Reply{Status: 200, Body: strings.Repeat("x", 1<<20)}, pushgw.Answer{Verdict: pushgw.Accepted, Status: 200}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, nil, nil)
			device, id := s.browser(t)
			s.Answer(simulator.WebPush, id, row.reply)
			got := s.send(t, news(device))
			if (got.Err == nil) == (got.Status == 0) || got.Err != nil && strings.Contains(got.Err.Error(), id) {
				t.Errorf("error %v", got.Err)
			}
			got.Err, got.ID = nil, ""
			if got != row.want {
				t.Errorf("answer %+v, want %+v", got, row.want)
			}
			if n := s.requests(); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

func TestWhatCannotBeSentIsNotAsked(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	for name, row := range map[string]struct {
		change func(*pushgw.Message)
		want   pushgw.Verdict
		code   string
	}{
		"nothing to show":  {func(m *pushgw.Message) { m.Kind = pushgw.KindClear }, pushgw.Refused, "NothingToShow"},
		"too much":         {func(m *pushgw.Message) { m.Body = strings.Repeat("x", 4000) }, pushgw.TooLarge, "PayloadTooLarge"},
		"half a key":       {func(m *pushgw.Message) { m.Device.P256dh = m.Device.P256dh[:33] }, pushgw.Refused, "BadKeys"},
		"no secret":        {func(m *pushgw.Message) { m.Device.Auth = nil }, pushgw.Refused, "BadKeys"},
		"another's host":   {func(m *pushgw.Message) { m.Device.Token = "https://169.254.169.254/x" }, pushgw.Refused, "EndpointNotAllowed"},
		"no address at al": {func(m *pushgw.Message) { m.Device.Token = "::" }, pushgw.Refused, "EndpointNotAllowed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			device, _ := s.browser(t)
			m := news(device)
			row.change(m)
			if got := s.send(t, m); got.Verdict != row.want || got.Code != row.code {
				t.Errorf("answer %+v", got)
			}
		})
	}
	t.Cleanup(func() {
		if n := s.requests(); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestANameThatLeadsInsideIsNotConnectedTo(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) {
		var err error
		if c.Allow, err = NewAllow([]string{"localhost"}); err != nil {
			t.Fatal(err)
		}
	}, nil)
	device, id := s.browser(t)
	m := news(device)
	m.Device.Token = social.Secret("https://localhost/push/" + id)
	got := s.send(t, m)
	if got.Verdict != pushgw.Retry || got.Code != "address_not_public" || strings.Contains(got.Err.Error(), id) {
		t.Errorf("answer %+v", got)
	}
}

func TestManyPushesShareConnections(t *testing.T) {
	t.Parallel()
	s := start(t, nil, nil)
	s.SetLatency(5 * time.Millisecond)
	device, _ := s.browser(t)
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			if got := s.send(t, news(device)); got.Verdict != pushgw.Accepted {
				t.Errorf("answer %+v", got)
			}
		})
	}
	all.Wait()
	// net/http dials some more than it may keep before it knows that they speak HTTP/2.
	if c := s.Counts(simulator.WebPush); c.Connections > 3*perService || c.Signatures != 1 {
		t.Errorf("%d connections, %d signatures", c.Connections, c.Signatures)
	}
}
