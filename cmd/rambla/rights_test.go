package main

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// listener is a subscribed client that keeps what it gets.
type listener struct {
	client mqtt.Client
	posts  chan received
	lost   chan time.Time // when the connection ended
}

type received struct {
	topic string
	Seq   uint64
	Type  string
	Actor struct{ ID string }
	// Object is a note or a person.
	Object struct{ ID, Type, Content string }
}

func listen(t *testing.T, s *instance, name, password string, filters ...string) *listener {
	t.Helper()
	l := &listener{posts: make(chan received, 1000), lost: make(chan time.Time, 1)}
	l.client = mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + s.mqtt).SetClientID("listener-" + name + t.Name()).
		SetUsername(name).SetPassword(password).SetAutoReconnect(false).SetOrderMatters(true).
		SetConnectionLostHandler(func(mqtt.Client, error) { l.lost <- time.Now() }))
	if token := l.client.Connect(); !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("%s connects: %v", name, token.Error())
	}
	t.Cleanup(func() { l.client.Disconnect(0) })
	for _, filter := range filters {
		token := l.client.Subscribe(filter, 1, func(_ mqtt.Client, m mqtt.Message) {
			r := received{topic: m.Topic()}
			if err := json.Unmarshal(m.Payload(), &r); err != nil {
				t.Errorf("%s: %v: %s", m.Topic(), err, m.Payload())
			}
			l.posts <- r
		})
		if !token.WaitTimeout(patience) || token.Error() != nil {
			t.Fatalf("%s subscribes to %s: %v", name, filter, token.Error())
		}
	}
	return l
}

// next waits for one post.
func (l *listener) next(t *testing.T) received {
	t.Helper()
	select {
	case r := <-l.posts:
		return r
	case <-time.After(patience):
		t.Fatal("nothing arrived within " + patience.String())
		return received{}
	}
}

// wants checks that exactly these contents arrive, in order.
func (l *listener) wants(t *testing.T, contents ...string) {
	t.Helper()
	for _, want := range contents {
		if got := l.next(t); got.Object.Content != want {
			t.Fatalf("got %q on %s, want %q", got.Object.Content, got.topic, want)
		}
	}
}

// post writes as the token's person and fails unless it is taken.
func (s *instance) post(t *testing.T, token, context, content string) {
	t.Helper()
	if code := s.call(t, token, http.MethodPost, "/v1/contexts/"+context+"/activities", map[string]string{"content": content}, nil); code != http.StatusCreated {
		t.Fatalf("posting %q in %s: %d", content, context, code)
	}
}

// do calls and checks the status.
func (s *instance) do(t *testing.T, want int, token, method, path string, body any) {
	t.Helper()
	if code := s.call(t, token, method, path, body, nil); code != want {
		t.Fatalf("%s %s: %d, want %d", method, path, code, want)
	}
}

func TestARemovedRightEndsOnLiveConnectionsAtOnce(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		alice := s.login(t, "alice", "alice")
		named := listen(t, s, "bob", "bob", "/ctx/staff/messages", "/ctx/lobby/messages")
		wild := listen(t, s, "carol", "carol", "/ctx/+/messages")

		s.post(t, alice, "staff", "one")
		named.wants(t, "one")
		s.post(t, alice, "lobby", "two")
		named.wants(t, "two")
		wild.wants(t, "two")

		// A veto: what is posted after the answer is not delivered any more.
		s.do(t, http.StatusCreated, alice, http.MethodPut, "/v1/contexts/staff/members/bob/vetoes/read", nil)
		s.post(t, alice, "staff", "secret")
		s.post(t, alice, "lobby", "three")
		named.wants(t, "three")
		wild.wants(t, "three")

		// Its end: the sleeping subscription goes on with what is posted from then on.
		s.do(t, http.StatusNoContent, alice, http.MethodDelete, "/v1/contexts/staff/members/bob/vetoes/read", nil)
		s.post(t, alice, "staff", "four")
		named.wants(t, "four")

		// Joining and leaving move a wildcard that stands.
		s.do(t, http.StatusCreated, alice, http.MethodPut, "/v1/contexts/staff/members/carol", nil)
		s.post(t, alice, "staff", "five")
		wild.wants(t, "five")
		named.wants(t, "five")
		s.do(t, http.StatusNoContent, alice, http.MethodDelete, "/v1/contexts/staff/members/carol", nil)
		s.post(t, alice, "staff", "six")
		named.wants(t, "six")
		s.post(t, alice, "lobby", "seven")
		wild.wants(t, "seven")
		named.wants(t, "seven")

		// A policy that changes for all.
		s.do(t, http.StatusOK, alice, http.MethodPatch, "/v1/contexts/lobby", map[string]any{"permissions": map[string]string{"read": "restricted"}})
		s.post(t, alice, "lobby", "unheard")
		s.post(t, alice, "staff", "eight")
		named.wants(t, "eight")
	})
}

func TestAGrantThatExpiresEndsDeliveries(t *testing.T) {
	t.Parallel()
	s := serve(t, "--demo", "--data", t.TempDir())
	alice := s.login(t, "alice", "alice")
	var until time.Time
	grant := func(ends time.Duration) {
		t.Helper()
		until = time.Now().Add(ends)
		body := map[string]any{"until": until.UTC().Format(time.RFC3339Nano)}
		if code := s.call(t, alice, http.MethodPut, "/v1/contexts/staff/members/carol/grants/read", body, nil); code/100 != 2 {
			t.Fatalf("a grant: %d", code)
		}
	}
	grant(time.Hour)
	carol := listen(t, s, "carol", "carol", "/ctx/staff/messages", "/ctx/lobby/messages")
	// A busy machine may not get there in time; then what was posted has not arrived.
	for ends, arrived := 2*time.Second, false; !arrived; ends += 2 * time.Second {
		if ends > 10*time.Second {
			t.Fatal("nothing arrives while a grant lasts")
		}
		grant(ends)
		s.post(t, alice, "staff", "in time")
		arrived = within(time.Until(until), func() bool { return len(carol.posts) > 0 })
	}
	time.Sleep(time.Until(until) + 250*time.Millisecond) //nolint:forbidigo // the promise is about time
	s.post(t, alice, "staff", "too late")
	s.post(t, alice, "lobby", "for all")
	for got := ""; got != "for all"; {
		if got = carol.next(t).Object.Content; got != "in time" && got != "for all" {
			t.Fatalf("got %q", got)
		}
	}
}

func TestConnectionsEndWithWhatTheyWereOpenedWith(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		bob := s.login(t, "bob", "bob")
		var made struct{ ID, Token string }
		if code := s.call(t, bob, http.MethodPost, "/v1/me/tokens", map[string]any{"name": "sensor", "scopes": []string{"read"}}, &made); code != http.StatusCreated {
			t.Fatalf("making a token: %d", code)
		}
		byNamed := listen(t, s, "bob", made.Token, "/ctx/lobby/messages")
		byLogin := listen(t, s, "carol", s.login(t, "carol", "carol"), "/ctx/lobby/messages")
		byPassword := listen(t, s, "alice", "alice", "/ctx/lobby/messages")

		s.do(t, http.StatusNoContent, bob, http.MethodDelete, "/v1/me/tokens/"+made.ID, nil)
		byNamed.ends(t, "the token was deleted", time.Now())

		// Commands act on a running server through the store alone.
		before := time.Now()
		if _, stderr, code := rambla(t, append([]string{"user", "suspend", "carol"}, storeFlags(flags)...)...); code != 0 {
			t.Fatalf("suspend: %d\n%s", code, stderr)
		}
		byLogin.ends(t, "the person was suspended", before)

		password := t.TempDir() + "/password"
		writeFile(t, password, "a better password\n")
		before = time.Now()
		if _, stderr, code := rambla(t, append([]string{"user", "passwd", "alice", "--password-file", password}, storeFlags(flags)...)...); code != 0 {
			t.Fatalf("passwd: %d\n%s", code, stderr)
		}
		byPassword.ends(t, "the password was changed", before)
	})
}

// ends waits for the connection's end; the time it took is for the log.
func (l *listener) ends(t *testing.T, because string, since time.Time) {
	t.Helper()
	select {
	case at := <-l.lost:
		t.Logf("%s: the connection ended after %v", because, at.Sub(since).Round(time.Millisecond))
	case <-time.After(10 * time.Second):
		t.Fatal(because + ", and the connection lives on after 10 s")
	}
}
