package main

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestWhoMayConnectAndWhatItIsTold(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		t.Run("every refusal has its code", func(t *testing.T) { refusedConnects(t, s) })
		t.Run("a token stands for its person", func(t *testing.T) { tokenConnects(t, s) })
		t.Run("CONNACK says what there is not", func(t *testing.T) { promises(t, s) })
		t.Run("a client id belongs to its person", func(t *testing.T) { takeover(t, s) })
		t.Run("browsers connect by WebSocket", func(t *testing.T) { sockets(t, s) })
	})
}

func refusedConnects(t *testing.T, s *instance) {
	will := func(topic string) []byte { return append(utf8String(topic), utf8String("gone")...) }
	alice := hello{id: "c", name: "alice", password: "alice"}
	with := func(change func(*hello)) hello {
		h := alice
		change(&h)
		return h
	}
	for what, c := range map[string]struct {
		hello
		v3, v5 byte
	}{
		"a wrong password":             {with(func(h *hello) { h.password = "x" }), 4, 0x86},
		"nobody":                       {with(func(h *hello) { h.name = "nobody" }), 4, 0x86},
		"neither name nor password":    {with(func(h *hello) { h.anonymous = true }), 4, 0x86},
		"an empty name and a password": {with(func(h *hello) { h.name = "" }), 4, 0x86},
		"a bad token":                  {with(func(h *hello) { h.name, h.password = "", "rbl_x" }), 4, 0x86},
		"a will without the right":     {with(func(h *hello) { h.will = will("/ctx/lobby/events") }), 5, 0x87},
		"a will that is no topic":      {with(func(h *hello) { h.will = will("/ctx/#") }), 5, 0x90},
		"a later version":              {with(func(h *hello) { h.level = 9 }), 0, 0x84},
		"MQTT 3.1":                     {with(func(h *hello) { h.protocol, h.level = "MQIsdp", 3 }), 1, 1},
	} {
		for _, version := range []byte{4, 5} {
			if c.level == 3 && version == 5 || c.level == 9 && version == 4 {
				continue // MQTT 3.1 has no properties; what comes after 5.0 has
			}
			w := s.wire(t, version)
			want := c.v3
			if version == 5 {
				want = c.v5
			}
			w.send(w.connectPacket(c.hello))
			if ack := w.expect(kindConnack); ack.code != want {
				t.Errorf("%s in version %d: %#x, want %#x", what, version, ack.code, want)
			}
			w.ends(0)
		}
	}
	// A 3.1.1 client without an id must ask for a clean session.
	w := s.wire(t, 4)
	if ack := w.connect(hello{name: "alice", password: "alice", unclean: true}); ack.code != 2 {
		t.Errorf("an empty id with a session to keep: %#x", ack.code)
	}
	// A second CONNECT.
	for _, version := range []byte{4, 5} {
		w := s.as(t, version, "alice", "twice")
		w.send(w.connectPacket(alice))
		w.ends(0x82)
	}
}

func tokenConnects(t *testing.T, s *instance) {
	bob := s.login(t, "bob", "bob")
	for _, version := range []byte{4, 5} {
		for name, ok := range map[string]bool{"": true, "bob": true, "BOB": true, "alice": false} {
			w := s.wire(t, version)
			ack := w.connect(hello{id: "token", name: name, password: bob})
			if (ack.code == 0) != ok {
				t.Errorf("version %d as %q: %#x", version, name, ack.code)
			}
			if ok && w.subscribe("/user/bob/errors", 0) != 0 {
				t.Errorf("version %d as %q: not bob", version, name)
			}
		}
	}
	// What a token is narrowed to, it is on MQTT too.
	for _, c := range []struct {
		scopes         []string
		read, data     byte // SUBACK of messages and data of lobby
		other          byte // of staff's messages
		write, samples byte // PUBACK of messages and data of lobby
	}{
		{[]string{"read"}, 1, 1, 1, 0x87, 0x87},
		{[]string{"write"}, 0x87, 0x87, 0x87, 0, 0},
		{[]string{"read", "write", "ctx:lobby"}, 1, 1, 0x87, 0, 0},
		{[]string{"read", "write", "data:lobby"}, 0x87, 1, 0x87, 0x87, 0},
		{[]string{"read", "write", "ctx:staff"}, 0x87, 0x87, 1, 0x87, 0x87},
	} {
		var made struct{ Token string }
		if code := s.call(t, bob, http.MethodPost, "/v1/me/tokens", map[string]any{"name": "narrow", "scopes": c.scopes}, &made); code != http.StatusCreated {
			t.Fatalf("%v: %d", c.scopes, code)
		}
		w := s.wire(t, 5)
		w.connect(hello{id: "narrow", password: made.Token})
		got := []byte{
			w.subscribe("/ctx/lobby/messages", 1), w.subscribe("/ctx/lobby/data/#", 1), w.subscribe("/ctx/staff/messages", 1),
		}
		if want := []byte{c.read, c.data, c.other}; string(got) != string(want) {
			t.Errorf("%v subscribes: %#x, want %#x", c.scopes, got, want)
		}
		w = s.wire(t, 5)
		w.connect(hello{id: "narrow", password: made.Token})
		got = []byte{w.publish(1, "/ctx/lobby/messages", "x").code, w.publish(1, "/ctx/lobby/data/x", "x").code}
		if want := []byte{c.write, c.samples}; string(got) != string(want) {
			t.Errorf("%v publishes: %#x, want %#x", c.scopes, got, want)
		}
		// And over REST.
		restRead := map[bool]int{true: http.StatusOK, false: http.StatusNotFound}[c.read < 0x80]
		if code := s.call(t, made.Token, http.MethodGet, "/v1/contexts/lobby/log/messages", nil, nil); code != restRead && (code < 400 || restRead == http.StatusOK) {
			t.Errorf("%v reads the log: %d", c.scopes, code)
		}
		code := s.call(t, made.Token, http.MethodPost, "/v1/contexts/lobby/activities", map[string]string{"content": "x"}, nil)
		if (code == http.StatusCreated) != (c.write == 0) {
			t.Errorf("%v posts: %d", c.scopes, code)
		}
		for _, path := range []string{"/v1/me/tokens", "/v1/people"} {
			if code := s.call(t, made.Token, http.MethodPost, path, map[string]any{"name": "more", "scopes": []string{"read"}}, nil); code == http.StatusCreated && len(c.scopes) > 1 {
				t.Errorf("%v makes more of itself at %s", c.scopes, path)
			}
		}
	}
}

func promises(t *testing.T, s *instance) {
	w := s.wire(t, 5)
	ack := w.connect(hello{name: "alice", password: "alice", properties: [][]byte{{0x11, 0, 0, 14, 16}}}) // session expiry 3600
	for id, want := range map[byte]any{0x27: uint32(256 << 10), 0x22: uint16(32)} {
		if ack.props[id] != want {
			t.Errorf("property %#x is %v, want %v", id, ack.props[id], want)
		}
	}
	for _, id := range []byte{0x11, 0x2A} { // granted as asked, and available
		if told, is := ack.props[id]; is {
			t.Errorf("property %#x is %v", id, told)
		}
	}
	if id, _ := ack.props[0x12].(string); id == "" {
		t.Error("no client id was assigned")
	}
	// Each is kept.
	w.send(w.publishPacket(0, "/ctx/lobby/messages", "x", []byte{0x23, 0, 33}))
	w.ends(0x94)
	large := s.as(t, 5, "alice", "large")
	large.send([]byte{0x30, 0x81, 0x80, 0x10}) // one byte more than 256 KiB are to come
	large.ends(0x95)
	if code := s.as(t, 5, "alice", "share").subscribe("$share/g//ctx/lobby/data/#", 1); code != 1 {
		t.Errorf("a shared subscription: %#x", code)
	}
}

func takeover(t *testing.T, s *instance) {
	for _, version := range []byte{4, 5} {
		first := s.as(t, version, "alice", "same")
		others := s.as(t, version, "bob", "same")
		second := s.as(t, 9-version, "alice", "same") // of the other version
		first.ends(0x8E)
		others.quiet()
		second.quiet()
	}
}

func sockets(t *testing.T, s *instance) {
	for _, c := range []struct {
		subprotocol, origin string
		ok                  bool
	}{
		{"mqtt", "", true},
		{"mqttv3.1", "", true},
		{"mqtt", s.http, true},
		{"mqtt", "https://evil.example", false},
		{"mqtt", "null", false},
		{"", "", false},
		{"chat", "", false},
	} {
		w, resp, err := s.socket(t, 4, c.subprotocol, c.origin)
		if (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		if !c.ok {
			if resp == nil || resp.StatusCode < 400 || resp.StatusCode > 499 {
				t.Errorf("%+v: %+v", c, resp)
			}
			continue
		}
		if got := resp.Header.Get("Sec-Websocket-Protocol"); got != c.subprotocol {
			t.Errorf("%+v: speaks %q", c, got)
		}
		if ack := w.connect(hello{id: "ws", name: "alice", password: "alice"}); ack.code != 0 {
			t.Errorf("%+v: %#x", c, ack.code)
		}
		// A packet in many messages, and a message too large for any packet.
		for _, b := range bytesOf(0x82, twoBytes(5), utf8String("/ctx/lobby/messages"), []byte{1}) {
			w.send([]byte{b})
		}
		w.expect(kindSuback)
		w.send(make([]byte, 1<<20))
		w.ends(0)
	}
}

func TestAReplayedRefreshTokenEndsItsFamilyOnLiveConnections(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		type tokens struct {
			AccessToken  string `json:"access_token"`
			RefreshToken string `json:"refresh_token"`
			TokenType    string `json:"token_type"`
			ExpiresIn    int    `json:"expires_in"`
			Scope        string `json:"scope"`
			Error        string `json:"error"`
		}
		ask := func(want int, form ...string) tokens {
			t.Helper()
			var got tokens
			if code := s.form(t, "/v1/oauth/token", form, &got); code != want {
				t.Fatalf("%v: %d, %+v", form, code, got)
			}
			return got
		}
		first := ask(http.StatusOK, "grant_type", "password", "username", "bob", "password", "bob")
		if first.TokenType != "Bearer" || first.ExpiresIn != 3600 || first.Scope == "" {
			t.Errorf("%+v", first)
		}
		second := ask(http.StatusOK, "grant_type", "refresh_token", "refresh_token", first.RefreshToken)
		other := ask(http.StatusOK, "grant_type", "password", "username", "bob", "password", "bob")
		byFirst, bySecond, byOther := s.wire(t, 5), s.wire(t, 4), s.wire(t, 5)
		byFirst.connect(hello{id: "1", password: first.AccessToken})
		bySecond.connect(hello{id: "2", password: second.AccessToken})
		byOther.connect(hello{id: "3", password: other.AccessToken})
		byFirst.quiet()

		// Both users of a token that is used twice lose what came of it.
		if e := ask(http.StatusBadRequest, "grant_type", "refresh_token", "refresh_token", first.RefreshToken); e.Error != "invalid_grant" {
			t.Errorf("%+v", e)
		}
		if bye := byFirst.ends(0x87); bye.props[0x1F] == nil {
			t.Error("no reason string")
		}
		bySecond.ends(0)
		byOther.quiet()
		ask(http.StatusBadRequest, "grant_type", "refresh_token", "refresh_token", second.RefreshToken)
		s.do(t, http.StatusUnauthorized, second.AccessToken, http.MethodGet, "/v1/me", nil)
		s.do(t, http.StatusOK, other.AccessToken, http.MethodGet, "/v1/me", nil)

		// Logging out ends the connection that came of the login.
		if code := s.form(t, "/v1/oauth/revoke", []string{"token", other.RefreshToken}, nil); code != http.StatusOK {
			t.Errorf("revocation: %d", code)
		}
		byOther.ends(0x87)
		var active struct{ Active bool }
		if code := s.form(t, "/v1/oauth/introspect", []string{"token", other.AccessToken}, &active, s.login(t, "bob", "bob")); code != http.StatusOK || active.Active {
			t.Errorf("introspection: %d, %+v", code, active)
		}
	})
}

func TestCommandsActOnARunningServer(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		dir := t.TempDir()
		writeFile(t, dir+"/pw", "correct horse\n")
		command := func(args ...string) string {
			t.Helper()
			out, stderr, code := here(nil, append(args, s.store()...)...)
			if code != 0 {
				t.Fatalf("%v: %d\n%s", args, code, stderr)
			}
			return out
		}
		connects := func(name, password string, want byte) {
			t.Helper()
			deadline := time.Now().Add(2 * time.Second) // the command's journal is read every tenth of a second
			for {
				late := time.Now().After(deadline) // when it was asked, not when it was answered
				ack := s.wire(t, 5).connect(hello{id: "probe", name: name, password: password})
				if ack.code == want {
					return
				}
				if late {
					t.Fatalf("%s connects: %#x, want %#x", name, ack.code, want)
				}
				time.Sleep(20 * time.Millisecond) //nolint:forbidigo // polls another process
			}
		}
		command("user", "add", "dora", "--name", "Dora", "--password-file", dir+"/pw")
		connects("dora", "correct horse", 0)
		command("user", "add", "robot", "--service", "--password-file", dir+"/pw")
		connects("robot", "correct horse", 0)

		token := command("token", "create", "--user", "dora", "--ttl", "1h", "--scope", "read")
		token = token[:len(token)-1]
		s.do(t, http.StatusOK, token, http.MethodGet, "/v1/me", nil)
		s.do(t, http.StatusForbidden, token, http.MethodPut, "/v1/contexts/lobby/members/me", nil)

		w := s.wire(t, 5)
		w.connect(hello{id: "dora", name: "dora", password: "correct horse"})
		command("user", "suspend", "dora")
		w.ends(0x87)
		connects("dora", "correct horse", 0x86)
		s.do(t, http.StatusUnauthorized, token, http.MethodGet, "/v1/me", nil)
		command("user", "suspend", "dora", "--undo")
		connects("dora", "correct horse", 0)

		// Renamed: both names find her, the new one is shown.
		command("user", "rename", "dora", "dorothy")
		connects("dorothy", "correct horse", 0)
		connects("dora", "correct horse", 0)
		if code := s.call(t, s.login(t, "alice", "alice"), http.MethodGet, "/v1/people/dora", nil, nil); code != http.StatusOK {
			t.Errorf("by the old name: %d", code)
		}

		// A role is hers at once, and no more at once.
		doras := s.login(t, "dorothy", "correct horse")
		s.do(t, http.StatusNotFound, doras, http.MethodGet, "/v1/contexts/staff/log/messages", nil)
		command("user", "role", "dorothy", "+auditor")
		s.eventually(t, http.StatusOK, doras, "/v1/contexts/staff/log/messages")
		command("user", "role", "dorothy", "-auditor")
		s.eventually(t, http.StatusNotFound, doras, "/v1/contexts/staff/log/messages")

		w = s.wire(t, 5)
		w.connect(hello{id: "dora", name: "dorothy", password: "correct horse"})
		writeFile(t, dir+"/pw", "battery staple\n")
		command("user", "passwd", "dorothy", "--password-file", dir+"/pw")
		w.ends(0x87)
		connects("dorothy", "correct horse", 0x86)
		connects("dorothy", "battery staple", 0)

		w = s.wire(t, 5)
		w.connect(hello{id: "dora", name: "dorothy", password: "battery staple"})
		command("user", "remove", "dorothy")
		w.ends(0x87)
		connects("dorothy", "battery staple", 0x86)
		for _, name := range []string{"dora", "dorothy"} {
			if _, _, code := here(nil, append([]string{"user", "add", name, "--password-file", dir + "/pw"}, s.store()...)...); code != exitFailure {
				t.Errorf("adding %s again: %d", name, code)
			}
		}
		if list := command("user", "list"); strings.Contains(list, "dor") || !strings.Contains(list, "robot") {
			t.Errorf("listed are\n%s", list)
		}
	})
}

// eventually asks until the status is right.
func (s *instance) eventually(t *testing.T, want int, token, path string) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for code := 0; ; {
		late := time.Now().After(deadline) // as above
		if code = s.call(t, token, http.MethodGet, path, nil, nil); code == want {
			return
		}
		if late {
			t.Fatalf("GET %s: %d, want %d", path, code, want)
		}
		time.Sleep(20 * time.Millisecond) //nolint:forbidigo // polls another process
	}
}
