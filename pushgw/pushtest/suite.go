package pushtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rambla/pushgw"
	"rambla/pushgw/simulator"
	"rambla/social"
)

// Run holds a sender to what is true of all of them.
func Run(t *testing.T, p Provider) {
	t.Helper()
	for name, f := range map[string]func(*testing.T, Provider){
		"each answer leads to its verdict":                   answers,
		"an app is given what the contract says":             content,
		"a preview is sealed where the device gave a key":    sealed,
		"a push beyond the limit is made small or refused":   large,
		"a badge of nothing is sent":                         noBadge,
		"what was shown is cleared without showing anything": clears,
		"many at once arrive once each":                      concurrent,
		"a caller that gives up is not kept":                 cancelled,
		"a black hole ends with the timeout":                 blackHole,
		"a push whose answer was lost keeps its id":          lost,
		"a cut connection is replaced":                       cut,
		"a dead connection is noticed":                       frozen,
		"a goodbye loses nothing":                            goodbye,
		"a redirect is not followed":                         redirect,
		"a middlebox's page deletes nobody":                  middlebox,
		"no token breaks anything, or gets into an error":    odd,
		"refused credentials are nobody's fault but ours":    wrong,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, p)
		})
	}
}

func start(t *testing.T) *simulator.Simulator {
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

// Message is a usual push to a device.
func Message(d *social.Device) *pushgw.Message {
	ids := social.IDs{}
	return &pushgw.Message{
		ID: ids.New(time.Now()), Device: d, Kind: pushgw.KindMessage, Stream: "/ctx/lobby/messages", Seq: 42,
		Post: ids.New(time.Now()).String(), Count: 5, Badge: 12, Collapse: "c29tZXRoaW5nIHNob3J0",
		Title: "Lobby", Body: "5 new messages", Expires: time.Now().Add(24 * time.Hour),
	}
}

func send(t *testing.T, s pushgw.Sender, m *pushgw.Message) pushgw.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	return s.Send(ctx, m)
}

func accepted(t *testing.T, s pushgw.Sender, m *pushgw.Message) {
	t.Helper()
	if a := send(t, s, m); a.Verdict != pushgw.Accepted || a.Err != nil {
		t.Fatalf("answered %+v, want accepted", a)
	}
}

func newest(t *testing.T, s *simulator.Simulator, p Provider, d *social.Device) simulator.Push {
	t.Helper()
	all := s.Pushes(p.Name, p.Token(d))
	if len(all) == 0 {
		t.Fatal("nothing arrived")
	}
	return all[len(all)-1]
}

func answers(t *testing.T, p Provider) {
	for _, row := range p.Answers {
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			sender, d := p.Open(t, s), p.Device(t, s, 1)
			s.Answer(p.Name, p.Token(d), row.Reply)
			a := send(t, sender, Message(d))
			if a.Verdict != row.Want || a.Since.UnixMilli() != row.Since.UnixMilli() {
				t.Errorf("answered %+v, want verdict %d since %v", a, row.Want, row.Since)
			}
			if row.Code != "" && a.Code != row.Code {
				t.Errorf("code %q, want %q", a.Code, row.Code)
			}
			if a.After < row.After || a.After > row.After+row.After/10 {
				t.Errorf("after %v, want %v", a.After, row.After)
			}
			if row.Reply.Status != 0 && a.Status != row.Reply.Status {
				t.Errorf("status %d, want %d", a.Status, row.Reply.Status)
			}
		})
	}
}

// want is contract section 8.
func want(m *pushgw.Message) map[string]string {
	return map[string]string{
		"v": "1", "kind": string(m.Kind), "stream": m.Stream, "seq": fmt.Sprint(m.Seq), "id": m.Post,
		"n": fmt.Sprint(m.Count), "badge": fmt.Sprint(m.Badge),
	}
}

func content(t *testing.T, p Provider) {
	s := start(t)
	sender := p.Open(t, s)
	for _, kind := range []pushgw.Kind{pushgw.KindMessage, pushgw.KindComment, pushgw.KindMention, pushgw.KindNotification} {
		for _, preview := range []bool{false, true} {
			d := p.Device(t, s, 1)
			d.Preview = preview
			m := Message(d)
			m.Kind = kind
			accepted(t, sender, m)
			expected := want(m)
			if preview {
				expected["title"], expected["body"] = m.Title, m.Body
			}
			if got := p.Data(t, newest(t, s, p, d)); !maps.Equal(got, expected) {
				t.Errorf("%s: the app was given %v, want %v", kind, got, expected)
			}
		}
	}
}

func sealed(t *testing.T, p Provider) {
	s := start(t)
	sender, d := p.Open(t, s), p.Device(t, s, 1)
	d.Preview, d.PayloadKey = true, []byte("a point")
	m := Message(d)
	m.Sealed = []byte{0xfb, 0xff, 1, 2}
	accepted(t, sender, m)
	expected := want(m)
	expected["sealed"] = "-_8BAg"
	if got := p.Data(t, newest(t, s, p, d)); !maps.Equal(got, expected) {
		t.Errorf("the app was given %v, want %v", got, expected)
	}
}

func large(t *testing.T, p Provider) {
	s := start(t)
	sender, d := p.Open(t, s), p.Device(t, s, 1)
	d.Preview = true
	m := Message(d)
	m.Body = strings.Repeat("ñ<", p.Large)
	if a := send(t, sender, m); a.Verdict != pushgw.TooLarge {
		t.Errorf("a large preview is answered %+v", a)
	}
	d.PayloadKey = []byte("a point")
	m = Message(d)
	m.Sealed = make([]byte, p.Large)
	accepted(t, sender, m)
	if got, expected := p.Data(t, newest(t, s, p, d)), want(m); !maps.Equal(got, expected) {
		t.Errorf("the app was given %v, want %v", got, expected)
	}
}

func noBadge(t *testing.T, p Provider) {
	s := start(t)
	sender, d := p.Open(t, s), p.Device(t, s, 1)
	m := Message(d)
	m.Badge = 0
	accepted(t, sender, m)
	if got := p.Data(t, newest(t, s, p, d)); got["badge"] != "0" {
		t.Errorf("the app was given %v", got)
	}
}

func clears(t *testing.T, p Provider) {
	s := start(t)
	sender, d := p.Open(t, s), p.Device(t, s, 1)
	m := Message(d)
	m.Kind, m.Title, m.Body, m.Count = pushgw.KindClear, "", "", 0
	a := send(t, sender, m)
	if !p.Clears {
		if a.Verdict != pushgw.Refused || len(s.Pushes(p.Name, p.Token(d))) != 0 {
			t.Errorf("answered %+v, and %d pushes arrived", a, len(s.Pushes(p.Name, p.Token(d))))
		}
		return
	}
	if a.Verdict != pushgw.Accepted {
		t.Fatalf("answered %+v", a)
	}
	if got, expected := p.Data(t, newest(t, s, p, d)), want(m); !maps.Equal(got, expected) {
		t.Errorf("the app was given %v, want %v", got, expected)
	}
}

func concurrent(t *testing.T, p Provider) {
	const devices, each = 20, 10
	s := start(t)
	s.SetLatency(5 * time.Millisecond)
	sender := p.Open(t, s)
	var work sync.WaitGroup
	var failed atomic.Int64
	for i := range devices {
		d := p.Device(t, s, i)
		for j := range each {
			m := Message(d)
			m.Seq = uint64(j + 1)
			work.Go(func() {
				if a := sender.Send(t.Context(), m); a.Verdict != pushgw.Accepted {
					failed.Add(1)
				}
			})
		}
	}
	work.Wait()
	c := s.Counts(p.Name)
	if failed.Load() != 0 || c.Accepted != devices*each || c.Duplicates != 0 {
		t.Errorf("%d failed; counted %+v", failed.Load(), c)
	}
}

func cancelled(t *testing.T, p Provider) {
	s := start(t)
	sender, d := p.Open(t, s), p.Device(t, s, 1)
	accepted(t, sender, Message(d))
	s.Answer(p.Name, p.Token(d), simulator.Reply{BlackHole: true})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	a := sender.Send(ctx, Message(d))
	if a.Verdict != pushgw.Retry || a.Err == nil || time.Since(begin) > time.Second {
		t.Errorf("answered %+v after %v", a, time.Since(begin))
	}
	over, stop := context.WithCancel(t.Context())
	stop()
	if a := sender.Send(over, Message(d)); a.Verdict != pushgw.Retry || !errors.Is(a.Err, context.Canceled) {
		t.Errorf("answered %+v to a caller that is gone", a)
	}
}

func blackHole(t *testing.T, p Provider) {
	s := start(t)
	sender, d := p.Open(t, s), p.Device(t, s, 1)
	s.Answer(p.Name, p.Token(d), simulator.Reply{BlackHole: true, Times: 1})
	if a := send(t, sender, Message(d)); a.Verdict != pushgw.Retry || a.Code != "timeout" {
		t.Errorf("answered %+v", a)
	}
	accepted(t, sender, Message(d))
}

func lost(t *testing.T, p Provider) {
	s := start(t)
	sender, d := p.Open(t, s), p.Device(t, s, 1)
	s.Answer(p.Name, p.Token(d), simulator.Reply{Lose: true, Times: 1})
	m := Message(d)
	if a := send(t, sender, m); a.Verdict != pushgw.Retry || a.Err == nil {
		t.Errorf("answered %+v", a)
	}
	accepted(t, sender, m)
	if c := s.Counts(p.Name); c.Accepted != 2 || c.Duplicates != 1 {
		t.Errorf("the second is not known for the first: %+v", c)
	}
}

func cut(t *testing.T, p Provider) {
	s := start(t)
	sender, d := p.Open(t, s), p.Device(t, s, 1)
	accepted(t, sender, Message(d))
	s.Cut(p.Name)
	// The first may still be given to the connection that is going.
	m := Message(d)
	for try := 0; ; try++ {
		a := send(t, sender, m)
		if a.Verdict == pushgw.Accepted {
			return
		}
		if a.Verdict != pushgw.Retry || try == 2 {
			t.Fatalf("answered %+v", a)
		}
	}
}

func frozen(t *testing.T, p Provider) {
	s := start(t)
	sender, d := p.Open(t, s), p.Device(t, s, 1)
	accepted(t, sender, Message(d))
	s.Freeze(p.Name)
	m := Message(d)
	if a := send(t, sender, m); a.Verdict != pushgw.Retry || a.Code != "connection" {
		t.Errorf("answered %+v, want a connection that a PING found dead", a)
	}
	accepted(t, sender, m)
}

func goodbye(t *testing.T, p Provider) {
	s := start(t)
	sender, d := p.Open(t, s), p.Device(t, s, 1)
	accepted(t, sender, Message(d))
	before := s.Counts(p.Name).Connections
	s.GoAway(p.Name)
	for range 3 {
		accepted(t, sender, Message(d))
	}
	s.Answer(p.Name, p.Token(d), simulator.Reply{GoAway: true, Times: 1})
	for range 3 {
		accepted(t, sender, Message(d))
	}
	if c := s.Counts(p.Name); c.Accepted != 7 || c.GoAways < 2 || c.Connections < before+2 {
		t.Errorf("counted %+v", c)
	}
}

func redirect(t *testing.T, p Provider) {
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect} {
		s := start(t)
		var followed atomic.Int64
		other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
		t.Cleanup(other.Close)
		sender, d := p.Open(t, s), p.Device(t, s, 1)
		s.Answer(p.Name, p.Token(d), simulator.Reply{Status: status, Header: map[string]string{"Location": other.URL}, Body: "moved"})
		if a := send(t, sender, Message(d)); a.Verdict != pushgw.Retry || followed.Load() != 0 {
			t.Errorf("%d: answered %+v, followed %d times", status, a, followed.Load())
		}
	}
}

func middlebox(t *testing.T, p Provider) {
	const page = "<html><body>The requested page is not available.</body></html>"
	for _, status := range []int{http.StatusForbidden, http.StatusProxyAuthRequired, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout} {
		s := start(t)
		sender, d := p.Open(t, s), p.Device(t, s, 1)
		s.Answer(p.Name, p.Token(d), simulator.Reply{Status: status, Body: page, Header: map[string]string{"Retry-After": "7"}})
		a := send(t, sender, Message(d))
		if a.Verdict != pushgw.Retry && a.Verdict != pushgw.Misconfigured || a.Status != status {
			t.Errorf("%d: answered %+v", status, a)
		}
		if a.Verdict == pushgw.Retry && a.After != 7*time.Second {
			t.Errorf("%d: after %v, want what it says", status, a.After)
		}
	}
}

func odd(t *testing.T, p Provider) {
	s := start(t)
	sender := p.Open(t, s)
	tokens := []string{
		"x", "../../3/device/x", "a b", "a/b?c#d", "%", "%2e", "\x00", "line\r\nbreak", "ñandú", "\xff\xfe", ".", "..",
		strings.Repeat("a", 1000), strings.Repeat("0123456789abcdef", 8192),
	}
	for _, token := range tokens {
		d := p.Device(t, s, 1)
		p.Odd(d, token)
		a := send(t, sender, Message(d))
		if a.Verdict == 0 || a.Verdict == pushgw.Misconfigured || a.Verdict == pushgw.Accepted {
			t.Errorf("%.40q: answered %+v", token, a)
		}
		if text := fmt.Sprintf("%v %+v", a.Err, a); len(token) > 8 && strings.Contains(text, token) {
			t.Errorf("%.40q: the answer tells the token: %.200s", token, text)
		}
	}
	accepted(t, sender, Message(p.Device(t, s, 2)))
}

func wrong(t *testing.T, p Provider) {
	for name, open := range p.Wrong {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			if a := send(t, open(t, s), Message(p.Device(t, s, 1))); a.Verdict != pushgw.Misconfigured {
				t.Errorf("answered %+v", a)
			}
		})
	}
}
