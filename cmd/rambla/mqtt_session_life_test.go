package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"rambla/storage/pgtest"
)

func TestASessionSurvivesWhateverEndsItsConnection(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		flags = append(flags, "--demo")
		s := serve(t, flags...)
		s.withRole(t, "alice", "manager")
		sessions := map[string]byte{"v4": 4, "v5": 5}
		live := map[string]*wire{}
		topic := s.room(t, "lives", "closed", "bob")
		for id, version := range sessions {
			live[id] = s.begins(t, version, "bob", id, 1, topic)
		}
		for round, how := range []string{"DISCONNECT", "a lost connection", "a takeover", "a restart", "kill -9"} {
			name := func(n int) string { return fmt.Sprintf("%s %d", how, n) }
			s.posts(t, "lives", name(1))
			for id, w := range live {
				if got := w.until(name(1)); round > 0 && len(got) != 1 {
					t.Errorf("%s, %s: got %q", how, id, got)
				}
				w.quiet() // so that the acknowledgement has been read
			}
			switch how {
			case "DISCONNECT":
				for _, w := range live {
					w.leaves()
				}
			case "a lost connection":
				for _, w := range live {
					w.vanishes()
				}
			case "a takeover":
				for id, w := range live {
					live[id] = s.returns(t, sessions[id], "bob", id)
					w.ends(0x8E)
				}
			case "a restart":
				if code := s.stop(); code != exitOK {
					t.Fatalf("the server ended with %d", code)
				}
				s = serve(t, flags...)
			case "kill -9":
				s = s.again(t, flags)
			}
			s.posts(t, "lives", name(2), name(3))
			for id, version := range sessions {
				w := live[id]
				if how != "a takeover" {
					w = s.returns(t, version, "bob", id)
					live[id] = w
				}
				got := w.until(name(3))
				if how == "kill -9" {
					// What it had acknowledged within the last seconds may come again, before the rest.
					got = got[max(0, len(got)-2):]
				}
				if !slices.Equal(got, []string{name(2), name(3)}) {
					t.Errorf("%s, %s: got %q", how, id, got)
				}
				w.quiet()
			}
		}
	})
}

func TestASubscriptionIsKeptBeforeItIsConfirmed(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		flags = append(flags, "--demo")
		s := serve(t, flags...)
		for _, version := range []byte{4, 5} {
			id := fmt.Sprint("sub", version)
			s.begins(t, version, "bob", id, 1, "/ctx/lobby/messages", "/ctx/news/messages")
			s = s.again(t, flags)
			s.posts(t, "lobby", "after "+id)
			w := s.returns(t, version, "bob", id)
			w.gets("after " + id)
			// So is its end.
			w.send(bytesOf(0xA2, twoBytes(8), w.props(), utf8String("/ctx/lobby/messages")))
			w.expect(kindUnsuback)
			s = s.again(t, flags)
			s.posts(t, "lobby", "not for "+id)
			s.posts(t, "news", "last for "+id)
			s.returns(t, version, "bob", id).gets("last for " + id)
		}
	})
}

func TestASessionSurvivesARestartOfItsDatabase(t *testing.T) {
	t.Parallel()
	db := pgtest.Private(t)
	s := serve(t, "--demo", "--data", t.TempDir(), "--database", db.URL())
	bob := s.token(t, "bob")
	s.token(t, "alice")
	away := s.begins(t, 5, "bob", "away", 1, "/ctx/lobby/messages")
	away.leaves()
	there := s.begins(t, 4, "bob", "there", 1, "/ctx/lobby/messages")
	s.posts(t, "lobby", "before")
	there.gets("before")
	if err := db.Kill(); err != nil {
		t.Fatal(err)
	}
	s.readiness(t, 503)
	// Nobody can be let in meanwhile, and is told to come again.
	w := s.wire(t, 5)
	if ack := w.connect(hello{id: "away", name: "bob", password: bob, unclean: true, properties: [][]byte{sessionExpiry(hour)}}); ack.code != 0x88 {
		t.Errorf("without the store: %#x", ack.code)
	}
	if err := db.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.readiness(t, 200)
	s.posts(t, "lobby", "after")
	s.returns(t, 5, "bob", "away").gets("before", "after")
	// Whether the other's connection has survived is the server's affair; its session has.
	there.vanishes()
	got := s.returns(t, 4, "bob", "there").until("after")
	if got = slices.DeleteFunc(got, func(c string) bool { return c == "before" }); !slices.Equal(got, []string{"after"}) {
		t.Errorf("got %q", got)
	}
}

func TestHowASessionBeginsAndEnds(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		s.withRole(t, "alice", "manager")
		t.Run("a clean start ends what was there", func(t *testing.T) { cleanStart(t, s) })
		t.Run("3.1.1 keeps a session where clean session is off", func(t *testing.T) { cleanSession(t, s) })
		t.Run("MQTT 5 says how long it lives", func(t *testing.T) { sessionLives(t, s) })
		t.Run("a session belongs to the person and the client id", func(t *testing.T) { ownSession(t, s) })
		t.Run("a session may change its version and its transport", func(t *testing.T) { otherVersion(t, s) })
	})
}

func cleanStart(t *testing.T, s *instance) {
	topic := s.room(t, "clean", "closed", "bob")
	for _, version := range []byte{4, 5} {
		id := fmt.Sprint("clean", version)
		s.begins(t, version, "bob", id, 1, topic).leaves()
		s.posts(t, "clean", "missed")
		w := s.wire(t, version)
		var properties [][]byte
		if version == 5 {
			properties = append(properties, sessionExpiry(hour))
		}
		if ack := w.connect(hello{id: id, name: "bob", password: "bob", properties: properties}); ack.present || ack.code != 0 {
			t.Errorf("version %d: a clean start finds %+v", version, ack)
		}
		s.posts(t, "clean", "not subscribed to")
		w.quiet()
		w.leaves()
		// In MQTT 5 a clean start begins a session that may live on; in 3.1.1 it does not.
		w = s.wire(t, version)
		if present := w.keeps("bob", id); present != (version == 5) {
			t.Errorf("version %d: after a clean one the session is there: %v", version, present)
		}
		if w.subscribe(topic, 1) != 1 {
			t.Error("not subscribed")
		}
		s.posts(t, "clean", "from now on")
		w.gets("from now on")
		w.leaves()
	}
}

func cleanSession(t *testing.T, s *instance) {
	// A connection that keeps nothing, in either version, ends what was kept.
	for _, version := range []byte{4, 5} {
		s.begins(t, 4, "bob", "on-off", 1, "/ctx/lobby/messages").leaves()
		s.as(t, version, "bob", "on-off").leaves()
		if s.wire(t, 4).keeps("bob", "on-off") {
			t.Errorf("version %d: the session outlives a clean one", version)
		}
		s.as(t, version, "bob", "on-off").leaves()
	}
}

func sessionLives(t *testing.T, s *instance) {
	connect := func(t *testing.T, id string, expiry ...[]byte) (*wire, frame) {
		w := s.wire(t, 5)
		ack := w.connect(hello{id: id, name: "bob", password: "bob", unclean: true, properties: expiry})
		if ack.code != 0 {
			t.Fatalf("%s: %#x %v", id, ack.code, ack.props[0x1F])
		}
		return w, ack
	}
	const never, most = 0xFFFFFFFF, 30 * 24 * hour
	for _, c := range []struct {
		name    string
		connect [][]byte // its expiry
		told    any      // in CONNACK; nil: as was asked for
		leave   [][]byte // of DISCONNECT
		after   time.Duration
		lives   bool
	}{
		{"none was asked for", nil, nil, nil, 0, false},
		{"none was asked for in words", [][]byte{sessionExpiry(0)}, nil, nil, 0, false},
		{"an hour", [][]byte{sessionExpiry(hour)}, nil, nil, 0, true},
		{"for ever, which is capped", [][]byte{sessionExpiry(never)}, uint32(most), nil, 0, true},
		{"longer than allowed", [][]byte{sessionExpiry(most + 1)}, uint32(most), nil, 0, true},
		{"a second that is over", [][]byte{sessionExpiry(1)}, nil, nil, 2500 * time.Millisecond, false},
		{"an hour that became nothing", [][]byte{sessionExpiry(hour)}, nil, [][]byte{sessionExpiry(0)}, 0, false},
		{"a second that became an hour", [][]byte{sessionExpiry(1)}, nil, [][]byte{sessionExpiry(hour)}, 2500 * time.Millisecond, true},
		{"an hour that became a second", [][]byte{sessionExpiry(hour)}, nil, [][]byte{sessionExpiry(1)}, 2500 * time.Millisecond, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, ack := connect(t, c.name, c.connect...)
			if told := ack.props[0x11]; c.told != nil && told != c.told || ack.present {
				t.Errorf("CONNACK tells %v, want %v; the session is there: %v", told, c.told, ack.present)
			}
			w.subscribe("/ctx/lobby/messages", 1)
			w.leaves(c.leave...)
			passes(c.after)
			w, ack = connect(t, c.name, sessionExpiry(hour))
			for wait := 2 * c.after; c.after > 0 && !c.lives && ack.present && wait < patience; wait *= 2 {
				// Its time is counted from when the server has put it away, which may be busy.
				w.leaves(sessionExpiry(1))
				passes(wait)
				w, ack = connect(t, c.name, sessionExpiry(hour))
			}
			if ack.present != c.lives {
				t.Errorf("it is there: %v", ack.present)
			}
		})
	}
	t.Run("nothing cannot become something", func(t *testing.T) {
		w, _ := connect(t, "nothing", sessionExpiry(0))
		w.send(bytesOf(0xE0, []byte{0}, w.props(sessionExpiry(hour))))
		w.ends(0x82) // [MQTT-3.14.2-2]
	})
}

func ownSession(t *testing.T, s *instance) {
	s.begins(t, 5, "bob", "shared-id", 1, "/ctx/lobby/messages").leaves()
	others := s.wire(t, 5)
	if others.keeps("carol", "shared-id") {
		t.Error("carol got bob's session")
	}
	s.posts(t, "lobby", "for bob")
	others.quiet()
	s.returns(t, 5, "bob", "shared-id").gets("for bob")
}

func otherVersion(t *testing.T, s *instance) {
	topic := s.room(t, "versions", "closed", "bob")
	s.begins(t, 4, "bob", "changes", 1, topic).leaves()
	socket := func(version byte) *wire {
		w, _, err := s.socket(t, version, "mqtt", "")
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	for i, w := range []*wire{socket(5), s.wire(t, 4), socket(4), s.wire(t, 5)} {
		content := fmt.Sprint("turn ", i)
		s.posts(t, "versions", content)
		if !w.keeps("bob", "changes") {
			t.Fatalf("%s: the session is not there", content)
		}
		w.gets(content)
		w.leaves()
	}
}
