package broker_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"rambla/broker"
	"rambla/social"
)

// method and data are the properties of enhanced authentication.
func method(name string) []byte { return append([]byte{0x15}, str(name)...) }
func data(token string) []byte  { return append([]byte{0x16}, str(token)...) }

// tokenConnect is a CONNECT without name and password.
func (p *peer) tokenConnect(id string, list ...[]byte) []byte {
	body := append(append(str("MQTT"), 5, 2, 0, 60), p.props(list...)...)
	return packet(0x10, append(body, str(id)...))
}

func (p *peer) auth(code byte, list ...[]byte) []byte {
	return packet(0xF0, append([]byte{code}, p.props(list...)...))
}

// token connects by a token and expects success.
func (s *server) token(t testing.TB, id, token string) *peer {
	t.Helper()
	p := s.dial(t, 5, "tcp")
	p.send(p.tokenConnect(id, method("token"), data(token)))
	if r := p.expect(2); r.code != 0 || !r.has(method("token")...) || r.has(0x16) {
		t.Fatalf("CONNACK says %#x, % x", r.code, r.props)
	}
	return p
}

func TestSection4_12AConnectionByTheMethodToken(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	p := s.token(t, "a", "token:alice")
	if code := p.subscribe("/ctx/staff/messages", 1); code != 1 {
		t.Errorf("SUBACK says %#x", code)
	}
	for name, c := range map[string]struct {
		code byte
		list [][]byte
	}{
		"another method":      {0x8C, [][]byte{method("SCRAM-SHA-1"), data("token:alice")}},
		"a name in capitals":  {0x8C, [][]byte{method("TOKEN"), data("token:alice")}},
		"no data":             {0x86, [][]byte{method("token")}},
		"a wrong token":       {0x86, [][]byte{method("token"), data("alice")}},
		"data, but no method": {0x82, [][]byte{data("token:alice")}},
		"the method twice":    {0x82, [][]byte{method("token"), method("token")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := s.dial(t, 5, "tcp")
			p.send(p.tokenConnect("x", c.list...))
			if r := p.expect(2); r.code != c.code || r.has(0x15) {
				t.Errorf("CONNACK says %#x, % x; want %#x", r.code, r.props, c.code)
			}
			p.ended(0)
		})
	}
}

func TestSection4_12WhoAgreedOnNoMethodSendsNoAuth(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	p := s.dial(t, 5, "tcp")
	if r := p.join("alice", "a"); r.has(0x15) {
		t.Errorf("CONNACK names a method: % x", r.props)
	}
	p.send(p.auth(0x19, method("token"), data("token:alice")))
	p.ended(0x82)
	three := s.client(t, 4, "tcp", "alice", "b")
	three.send([]byte{0xF0, 0})
	three.ended(0)
}

func TestSection4_12_1ReauthenticationBringsANewCredential(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	p := s.token(t, "a", "token:alice")
	p.send(p.auth(0x19, method("token"), data("token:alice/new")))
	if r := p.expect(15); r.body[0] != 0 || !strings.HasSuffix(string(r.body), string(method("token"))) {
		t.Errorf("AUTH says % x", r.body)
	}
	old, now := social.GrantKey(len("token:alice")), social.GrantKey(len("token:alice/new"))
	ends := func(grant social.GrantKey) int {
		return s.End(func(p *broker.Principal) bool { return p.Credential().Grant == grant }, broker.ReasonNotAuthorized, "It has ended.")
	}
	if n := ends(old); n != 0 {
		t.Errorf("the end of the old credential ends %d connections", n)
	}
	p.quiet()
	if n := ends(now); n != 1 {
		t.Errorf("the end of the new credential ends %d connections", n)
	}
	p.ended(0x87)
	if n := s.value("rambla_broker_reauthentications_total", "accepted"); n != 1 {
		t.Errorf("%v counted", n)
	}
}

func TestSection4_12_1AFailedReauthenticationEndsTheConnection(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	s.site.connect = func(_ context.Context, l broker.Login) error {
		if strings.HasSuffix(string(l.Password), "/down") {
			return social.Unavailable(errors.New("connection refused"))
		}
		return nil
	}
	for name, c := range map[string]struct {
		code  byte
		bytes []byte
	}{
		"a wrong token":        {0x87, (&peer{version: 5}).auth(0x19, method("token"), data("x"))},
		"no token":             {0x87, (&peer{version: 5}).auth(0x19, method("token"))},
		"another person's":     {0x87, (&peer{version: 5}).auth(0x19, method("token"), data("token:bob"))},
		"the store is away":    {0x89, (&peer{version: 5}).auth(0x19, method("token"), data("token:alice/down"))},
		"another method":       {0x8C, (&peer{version: 5}).auth(0x19, method("other"), data("token:alice"))},
		"no method":            {0x8C, (&peer{version: 5}).auth(0x19)},
		"nothing at all":       {0x82, []byte{0xF0, 0}},
		"a code alone":         {0x82, []byte{0xF0, 1, 0x19}},
		"an answer to nothing": {0x82, (&peer{version: 5}).auth(0x18, method("token"), data("token:alice"))},
		"success":              {0x82, (&peer{version: 5}).auth(0x00, method("token"), data("token:alice"))},
		"an unknown code":      {0x82, (&peer{version: 5}).auth(0x42, method("token"), data("token:alice"))},
		"flags in the header":  {0x81, packet(0xF1, append([]byte{0x19}, (&peer{version: 5}).props(method("token"))...))},
		"bytes behind the end": {0x81, packet(0xF0, append((&peer{version: 5}).auth(0x19, method("token"))[2:], 0))},
		"a property of others": {0x81, (&peer{version: 5}).auth(0x19, method("token"), []byte{0x23, 0, 1})},
		"the method twice":     {0x82, (&peer{version: 5}).auth(0x19, method("token"), method("token"))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := s.token(t, t.Name(), "token:alice")
			p.send(c.bytes, p.message(1, 1, "/ctx/lobby/messages", name))
			p.ended(c.code)
			for _, pub := range s.site.published() {
				if pub.payload == name {
					t.Error("what came behind it was published")
				}
			}
		})
	}
}

func TestSection4_12_1ACredentialThatEndsWhileItIsCheckedIsNotTaken(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	asked, goOn := make(chan struct{}), make(chan struct{})
	s.site.connect = func(_ context.Context, l broker.Login) error {
		if strings.HasSuffix(string(l.Password), "/late") {
			close(asked)
			<-goOn
		}
		return nil
	}
	p := s.token(t, "a", "token:alice")
	p.send(p.auth(0x19, method("token"), data("token:alice/late")))
	<-asked
	late := social.GrantKey(len("token:alice/late"))
	s.End(func(p *broker.Principal) bool { return p.Credential().Grant == late }, broker.ReasonNotAuthorized, "It has ended.")
	close(goOn)
	p.ended(0x87)
}

func TestSection4_12_1WhatTheNewCredentialMayNotReadIsNotDelivered(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	p := s.token(t, "a", "token:alice")
	p.subscribe("/ctx/staff/messages", 1)
	writer := s.client(t, 5, "tcp", "alice", "w")
	say := func(text string) {
		writer.send(writer.message(1, 1, "/ctx/staff/messages", text))
		writer.expect(4)
	}
	say("before")
	p.send(ack(4, p.expect(3).id))
	s.site.mu.Lock()
	s.site.narrow = "token:alice/blind"
	s.site.mu.Unlock()
	p.send(p.auth(0x19, method("token"), data("token:alice/blind")))
	p.expect(15)
	say("hidden")
	p.quiet()
	p.send(p.auth(0x19, method("token"), data("token:alice")))
	p.expect(15)
	say("after")
	if r := p.expect(3); r.payload != "after" {
		t.Errorf("got %q", r.payload)
	}
}

func TestATokenIsNeverLogged(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	p := s.token(t, "a", "token:alice/sesame")
	p.send(p.auth(0x19, method("token"), data("token:alice/sesame2")))
	p.expect(15)
	p.send(p.auth(0x19, method("token"), data("sesame3")))
	p.ended(0x87)
	if strings.Contains(s.log.String(), "sesame") {
		t.Error("the log has the token")
	}
}

func TestAWillIsSentByTheCredentialThatTheConnectionHadLast(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	p := s.dial(t, 5, "tcp")
	body := append(append(str("MQTT"), 5, willClean, 0, 60), p.props(method("token"), data("token:alice"))...)
	body = append(append(append(append(body, str("w")...), 0), str("/ctx/lobby/data/w")...), str("gone")...)
	p.send(packet(0x10, body))
	if r := p.expect(2); r.code != 0 {
		t.Fatalf("CONNACK says %#x", r.code)
	}
	asked := make(chan social.GrantKey, 1)
	s.site.mu.Lock()
	s.site.revive = func(grant social.GrantKey) error { asked <- grant; return nil }
	s.site.mu.Unlock()
	p.send(p.auth(0x19, method("token"), data("token:alice/second")))
	p.expect(15)
	p.nc.Close()
	select {
	case grant := <-asked:
		if want := social.GrantKey(len("token:alice/second")); grant != want {
			t.Errorf("the grant is %d, want %d", grant, want)
		}
	case <-time.After(eventually):
		t.Error("nobody asked")
	}
}
