package main

import (
	"net/http"
	"net/url"
	"testing"
)

// listedSession is an entry of a list of sessions.
type listedSession struct {
	Client, Person, Protocol, Transport, Address, Since string
	Connected                                           bool
	Subscriptions                                       []struct {
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
