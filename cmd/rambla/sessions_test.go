package main

import (
	"bytes"
	bits "encoding/binary"
	"net/http"
	"net/url"
	"testing"
)

// listedSession is an entry of a list of sessions.
type listedSession struct {
	Client, Person, Protocol, Transport, Address, Since, Left, Expires string
	Connected                                                          bool
	Subscriptions                                                      []struct {
		Filter string
		QoS    byte
	}
}

func (s *instance) sessions(t *testing.T, token, path string) map[string]listedSession {
	t.Helper()
	var page struct{ Items []listedSession }
	if status := s.call(t, token, http.MethodGet, path, nil, &page); status != http.StatusOK {
		t.Fatalf("%s: %d", path, status)
	}
	out := map[string]listedSession{}
	for _, item := range page.Items {
		out[item.Client] = item
	}
	return out
}

func TestSessionsAreListedAndEndedOverREST(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir+"/pw", "correct horse\n")
	flags := []string{"--data", dir + "/data"}
	if _, stderr, code := rambla(t, append([]string{"user", "add", "root", "--manager", "--password-file", dir + "/pw"}, flags...)...); code != 0 {
		t.Fatal(stderr)
	}
	s := serve(t, append(flags, "--demo")...)
	bob, alice, root := s.login(t, "bob", "bob"), s.login(t, "alice", "alice"), s.login(t, "root", "correct horse")
	const odd = "kitchen/é #1"
	five, four, other := s.as(t, 5, "bob", odd), s.as(t, 4, "bob", "old phone"), s.as(t, 5, "alice", "old phone")
	if code := five.subscribe("/ctx/+/messages", 1); code != 1 {
		t.Fatalf("granted %d", code)
	}
	mine := s.sessions(t, bob, "/v1/me/sessions")
	got := mine[odd]
	if len(mine) != 2 || !got.Connected || got.Protocol != "5.0" || got.Transport != "tcp" || got.Address == "" || got.Since == "" || got.Person != "" ||
		len(got.Subscriptions) != 1 || got.Subscriptions[0].Filter != "/ctx/+/messages" || got.Subscriptions[0].QoS != 1 {
		t.Errorf("bob's: %+v", mine)
	}
	if got := mine["old phone"]; got.Protocol != "3.1.1" || len(got.Subscriptions) != 0 {
		t.Errorf("the other: %+v", got)
	}
	if all := s.sessions(t, root, "/v1/admin/sessions?person=bob"); len(all) != 2 || all[odd].Person != "bob" {
		t.Errorf("for a manager: %+v", all)
	}
	path := "/v1/me/sessions/" + url.PathEscape(odd)
	if status := s.call(t, alice, http.MethodDelete, path, nil, nil); status != http.StatusNotFound {
		t.Errorf("another's: %d", status)
	}
	if status := s.call(t, bob, http.MethodDelete, path, nil, nil); status != http.StatusNoContent {
		t.Errorf("one's own: %d", status)
	}
	if last := five.ends(0x98); last.props[0x1F] == nil {
		t.Errorf("without a reason: %+v", last)
	}
	if status := s.call(t, root, http.MethodDelete, "/v1/admin/sessions/bob/old%20phone", nil, nil); status != http.StatusNoContent {
		t.Errorf("by a manager: %d", status)
	}
	four.ends(0)
	other.quiet()
	if status := s.call(t, bob, http.MethodDelete, path, nil, nil); status != http.StatusNotFound {
		t.Errorf("once more: %d", status)
	}
	if left := s.sessions(t, bob, "/v1/me/sessions"); len(left) != 0 {
		t.Errorf("left are %+v", left)
	}
}

// expires is the Session Expiry Interval of CONNECT, in seconds.
func expires(seconds uint32) []byte { return bits.BigEndian.AppendUint32([]byte{0x11}, seconds) }

func TestAnEndedSessionIsForgotten(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		alice, bob := s.login(t, "alice", "alice"), s.login(t, "bob", "bob")
		const topic = "/ctx/lobby/messages"
		comes := func(id string, will []byte) *wire {
			t.Helper()
			w := s.wire(t, 5)
			if ack := w.connect(hello{id: id, name: "bob", password: "bob", unclean: true, properties: [][]byte{expires(3600)}, will: will}); ack.code != 0 {
				t.Fatalf("CONNACK %#x", ack.code)
			}
			return w
		}
		forget := func(id string) {
			t.Helper()
			if status := s.call(t, bob, http.MethodDelete, "/v1/me/sessions/"+id, nil, nil); status != http.StatusNoContent {
				t.Fatalf("DELETE of %s: %d", id, status)
			}
			if left, there := s.sessions(t, bob, "/v1/me/sessions")[id]; there {
				t.Errorf("left is %+v", left)
			}
		}
		// begins tells that the session is a new one: nothing of before comes.
		begins := func(id string) {
			t.Helper()
			w := comes(id, nil)
			w.quiet()
			if is := s.sessions(t, bob, "/v1/me/sessions")[id]; len(is.Subscriptions) != 0 {
				t.Errorf("%s has still %+v", id, is.Subscriptions)
			}
		}
		away := comes("away", nil)
		if code := away.subscribe(topic, 1); code != 1 {
			t.Fatalf("granted %#x", code)
		}
		away.send([]byte{0xE0, 0})
		away.ends(0)
		s.post(t, alice, "lobby", "missed")
		is := s.sessions(t, bob, "/v1/me/sessions")["away"]
		within(patience, func() bool { // the client hears of the end before the session is left
			is = s.sessions(t, bob, "/v1/me/sessions")["away"]
			return !is.Connected
		})
		if is.Connected || is.Left == "" || is.Expires == "" || len(is.Subscriptions) != 1 || is.Subscriptions[0].Filter != topic {
			t.Errorf("while away: %+v", is)
		}
		forget("away")
		begins("away")

		hears := s.as(t, 5, "alice", "hears")
		if code := hears.subscribe("/ctx/lobby/data/will", 0); code != 0 {
			t.Fatalf("granted %#x", code)
		}
		will := bytes.Join([][]byte{utf8String("/ctx/lobby/data/will"), utf8String("farewell")}, nil)
		live := comes("live", will)
		if code := live.subscribe(topic, 1); code != 1 {
			t.Fatalf("granted %#x", code)
		}
		forget("live")
		live.ends(0x98)
		if f := hears.hears(); f.payload != "farewell" {
			t.Errorf("heard %+v", f)
		}
		s.post(t, alice, "lobby", "missed too")
		begins("live")
	})
}
