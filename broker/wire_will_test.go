package broker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rambla/broker"
	"rambla/social"
)

// The flags of CONNECT for a will that is sent at QoS 1: with a clean start,
// without, and to be retained.
const (
	willClean    byte = 0x04 | 0x08 | 0x02
	willKept     byte = 0x04 | 0x08
	willRetained byte = 0x04 | 0x08 | 0x02 | 0x20
)

// delay is the property Will Delay Interval, in seconds.
func delay(n byte) []byte { return []byte{0x18, 0, 0, 0, n} }

// bequest connects alice with a will on a topic of its own.
type bequest struct {
	s     *server
	p     *peer
	id    string
	topic string
	text  string
}

func (s *server) bequest(t *testing.T, version byte, transport string, flags byte, list, props []byte) *bequest {
	t.Helper()
	name := strings.NewReplacer("/", "_", " ", "_", "'", "", ",", "").Replace(t.Name())
	w := &bequest{s: s, id: name, topic: "/ctx/lobby/data/" + name[max(0, len(name)-60):], text: "gone"}
	w.connect(t, version, transport, flags, list, props)
	return w
}

func (w *bequest) connect(t *testing.T, version byte, transport string, flags byte, list, props []byte) received {
	t.Helper()
	w.p = w.s.dial(t, version, transport)
	w.p.send(packet(0x10, w.p.willBody("alice", w.id, flags, list, props, w.topic, w.text)))
	r := w.p.expect(2)
	if r.code != 0 {
		t.Fatalf("CONNACK says %#x", r.code)
	}
	return r
}

// sent counts the wills that came.
func (w *bequest) sent() (n int) {
	for _, pub := range w.s.site.published() {
		if pub.topic == w.topic {
			n++
		}
	}
	return n
}

// comes waits for the will, and that it comes once.
func (w *bequest) comes(t *testing.T) seen {
	t.Helper()
	waitFor(t, func() bool { return w.sent() > 0 })
	w.gone(t)
	all := w.s.site.published()
	i := slices.IndexFunc(all, func(pub seen) bool { return pub.topic == w.topic })
	if w.sent() != 1 || all[i].payload != w.text {
		t.Errorf("sent %d times: %+v", w.sent(), all[i])
	}
	return all[i]
}

// gone waits until nothing is left of the will in the store.
func (w *bequest) gone(t *testing.T) {
	t.Helper()
	waitFor(t, func() bool {
		row, ok := w.s.site.store.row(w.s.site.person("alice"), w.id)
		return !ok || row.Will == nil || row.Node != 0
	})
}

func TestSection3_1_2_5AWillIsSentWhenTheConnectionEndsWithoutGoodbye(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for how, end := range map[string]func(w *bequest){
		"the client closes":      func(w *bequest) { w.p.nc.Close() },
		"a protocol error":       func(w *bequest) { w.p.send([]byte{0xF0, 0}); w.p.ended(0x82) },
		"a malformed packet":     func(w *bequest) { w.p.send([]byte{0xC1, 0}); w.p.ended(0x81) },
		"the server ends it":     func(w *bequest) { s.end(w.id); w.p.ended(0x98) },
		"another takes over":     func(w *bequest) { s.client(w.p.t, w.p.version, "tcp", "alice", w.id); w.p.ended(0x8E) },
		"a client says goodbye":  func(w *bequest) { w.p.send([]byte{0xE0, 0}); w.p.ended(0) },
		"with a word of success": func(w *bequest) { w.p.send([]byte{0xE0, 1, 0}); w.p.ended(0) },
		"and asks for its will":  func(w *bequest) { w.p.send([]byte{0xE0, 1, 4}); w.p.ended(0) },
		"in an error of its own": func(w *bequest) { w.p.send([]byte{0xE0, 2, 0x80, 0}); w.p.ended(0) },
	} {
		for _, version := range []byte{4, 5} {
			for _, transport := range []string{"tcp", "ws"} {
				words := how == "with a word of success" || how == "and asks for its will" || how == "in an error of its own"
				if words && version == 4 {
					continue // a DISCONNECT of MQTT 3.1.1 has no code
				}
				t.Run(fmt.Sprintf("%s v%d over %s", how, version, transport), func(t *testing.T) {
					t.Parallel()
					w := s.bequest(t, version, transport, willClean, nil, nil)
					end(w)
					if how == "a client says goodbye" || how == "with a word of success" { // [MQTT-3.14.4-3]
						w.gone(t)
						if w.sent() != 0 {
							t.Error("it was sent")
						}
						return
					}
					w.comes(t)
				})
			}
		}
	}
}

// end ends the connection of a client, as an administrator would.
func (s *server) end(clientID string) {
	for _, info := range s.Sessions() {
		if info.ClientID == clientID {
			_, _ = s.EndSession(context.Background(), info.Person, clientID, "Enough.") // what follows shows that it has ended
		}
	}
}

func TestSection3_1_2_5AWillIsSentWhenTheKeepAlivePasses(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{IdleLimit: 100 * time.Millisecond})
	w := &bequest{s: s, id: "idle", topic: "/ctx/lobby/data/idle", text: "gone"}
	w.p = s.dial(t, 4, "tcp")
	body := w.p.willBody("alice", w.id, willClean, nil, nil, w.topic, w.text)
	body[9] = 0 // no keep alive
	w.p.send(packet(0x10, body))
	w.p.expect(2)
	w.comes(t)
}

func TestSection3_1_3_2AllOfAWillIsPublished(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	props := slices.Concat(
		[]byte{0x01, 1, 0x02, 0, 0, 1, 0}, append([]byte{0x03}, str("text/plain")...), append([]byte{0x08}, str("/user/alice/sync/r")...),
		append([]byte{0x09}, str("\x00\x01")...), user("b", "1"), user("a", "2"), user("b", "3"),
	)
	five := s.bequest(t, 5, "tcp", willRetained, nil, props)
	five.p.nc.Close()
	pub := five.comes(t)
	want := &social.Properties{
		TextPayload: true, Expiry: 256, ContentType: "text/plain", ResponseTopic: "/user/alice/sync/r", CorrelationData: []byte{0, 1},
		User: []social.UserProperty{{Name: "b", Value: "1"}, {Name: "a", Value: "2"}, {Name: "b", Value: "3"}}, // [MQTT-3.1.3-10]
	}
	if pub.qos != 1 || !pub.retain || pub.key == "" || pub.session == 0 || fmt.Sprintf("%+v", pub.properties) != fmt.Sprintf("%+v", want) {
		t.Errorf("%+v with %+v", pub, pub.properties)
	}
	three := &bequest{s: s, id: "three", topic: "/ctx/lobby/data/three", text: ""}
	three.connect(t, 4, "tcp", 0x04|0x10|0x02, nil, nil) // QoS 2, not retained, empty
	three.p.nc.Close()
	if pub := three.comes(t); pub.qos != 2 || pub.retain || pub.properties != nil {
		t.Errorf("%+v", pub)
	}
}

func TestSection3_1_2_5AWillReachesSubscribers(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	sub := s.client(t, 5, "tcp", "bob", "sub")
	sub.subscribe("/ctx/lobby/#", 1)
	w := &bequest{s: s, id: "post", topic: "/ctx/lobby/messages", text: "I am gone"}
	w.connect(t, 4, "ws", willClean, nil, nil)
	w.p.nc.Close()
	if r := sub.expect(3); r.topic != w.topic || r.payload != w.text || r.qos() != 1 {
		t.Errorf("%+v", r)
	}
}

func TestSection3_1_3AWillWaitsForItsDelayOrTheEndOfTheSession(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	t.Run("the delay passes", func(t *testing.T) {
		t.Parallel()
		w := s.bequest(t, 5, "tcp", willKept, expiry(60), delay(1))
		w.p.nc.Close()
		begun := time.Now()
		w.comes(t)
		if d := time.Since(begun); d < 900*time.Millisecond {
			t.Errorf("it came after %v", d)
		}
	})
	t.Run("the session ends before", func(t *testing.T) {
		t.Parallel()
		w := s.bequest(t, 5, "tcp", willKept, expiry(1), delay(60))
		w.p.nc.Close()
		w.comes(t)
	})
	t.Run("the session ends with the connection", func(t *testing.T) {
		t.Parallel()
		w := s.bequest(t, 5, "tcp", willKept, nil, delay(60))
		w.p.nc.Close()
		w.comes(t)
	})
	t.Run("the client gives the session up at the end", func(t *testing.T) {
		t.Parallel()
		w := s.bequest(t, 5, "tcp", willKept, expiry(60), delay(60))
		w.p.send([]byte{0xE0, 7, 4, 5, 0x11, 0, 0, 0, 0})
		w.p.ended(0)
		w.comes(t)
	})
	t.Run("the client comes back in time", func(t *testing.T) { // [MQTT-3.1.3-9]
		t.Parallel()
		w := s.bequest(t, 5, "tcp", willKept, expiry(60), delay(60))
		w.p.nc.Close()
		waitFor(t, func() bool {
			row, _ := s.site.store.row(s.site.person("alice"), w.id)
			return !row.WillDue.IsZero()
		})
		back := s.dial(t, 5, "tcp")
		body := back.connectBody("alice", w.id, 60, expiry(60))
		body[7] &^= 2 // no clean start
		back.send(packet(0x10, body))
		if r := back.expect(2); r.body[0] != 1 {
			t.Error("no session is present")
		}
		back.nc.Close() // this connection has no will
		waitFor(t, func() bool {
			row, ok := s.site.store.row(s.site.person("alice"), w.id)
			return ok && row.Node == 0 && row.Will == nil
		})
		if w.sent() != 0 {
			t.Error("it was sent")
		}
	})
	t.Run("the client begins anew", func(t *testing.T) {
		t.Parallel()
		w := s.bequest(t, 5, "tcp", willKept, expiry(60), delay(60))
		w.p.nc.Close()
		waitFor(t, func() bool {
			row, _ := s.site.store.row(s.site.person("alice"), w.id)
			return !row.WillDue.IsZero()
		})
		s.client(t, 5, "tcp", "alice", w.id)
		w.comes(t)
	})
	t.Run("taken over, and the session goes on", func(t *testing.T) {
		t.Parallel()
		w := s.bequest(t, 5, "tcp", willKept, expiry(60), delay(60))
		first := w.p
		w.connect(t, 5, "tcp", willKept, expiry(60), delay(1))
		first.ended(0x8E)
		if w.sent() != 0 {
			t.Error("it was sent")
		}
		w.p.nc.Close()
		w.comes(t) // the will of the second connection
	})
}

func TestSection3_1_3WhoMayNotPublishHasNoWill(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for topic, codes := range map[string][2]byte{
		"/ctx/lobby/events":                      {5, 0x87},
		"/ctx/nowhere/data/x":                    {5, 0x87},
		"/ctx/+/messages":                        {5, 0x90},
		"":                                       {5, 0x90},
		"/ctx/lobby/" + strings.Repeat("x/", 20): {5, 0x90},
	} {
		for i, version := range []byte{4, 5} {
			p := s.dial(t, version, "tcp")
			p.send(p.willConnect("alice", "x", willClean, nil, topic, "x"))
			if r := p.expect(2); r.code != codes[i] {
				t.Errorf("v%d: CONNACK says %#x for %q, want %#x", version, r.code, topic, codes[i])
			}
			p.ended(0)
		}
	}
}

func TestSection3_1_2_5ARightOrCredentialThatIsGoneMeanwhileKeepsAWillBack(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	s.site.join("attic", "alice")
	refused := func(n float64) func() bool {
		return func() bool { return s.value("rambla_broker_wills_total", "refused") == n }
	}
	w := &bequest{s: s, id: "w", topic: "/ctx/attic/data/x", text: "x"}
	w.connect(t, 5, "tcp", willClean, nil, nil)
	s.site.leave("attic", "alice")
	w.p.nc.Close()
	waitFor(t, refused(1))
	sub := s.client(t, 5, "tcp", "bob", "sub")
	sub.subscribe("/ctx/lobby/#", 1)
	s.site.mu.Lock()
	s.site.revive = func(social.GrantKey) error { return social.Errorf(social.KindUnauthenticated, "It has ended.") }
	s.site.mu.Unlock()
	w.topic = "/ctx/lobby/data/x"
	w.connect(t, 5, "tcp", willClean, nil, nil)
	w.p.nc.Close()
	waitFor(t, refused(2))
	w.gone(t)
	sub.quiet()
}

func TestAWillIsTriedAgainUntilTheStoreTakesIt(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	w := s.bequest(t, 5, "tcp", willClean, nil, nil)
	s.site.fail(social.Unavailable(errors.New("connection refused")))
	w.p.nc.Close()
	waitFor(t, func() bool { return s.value("rambla_broker_wills_total", "delayed") > 0 })
	s.site.fail(nil)
	// The lease of half a minute is over at once.
	s.site.store.edit(s.site.person("alice"), w.id, func(row *social.Session) { row.WillDue = time.Now() })
	waitFor(t, func() bool { return s.value("rambla_broker_wills_total", "sent") == 1 })
	w.gone(t)
	keys := map[string]bool{}
	for _, pub := range s.site.published() {
		keys[pub.key] = true
	}
	if len(keys) != 1 {
		t.Errorf("tried under the keys %v", keys)
	}
}

func TestACorruptWillIsDroppedAndCounted(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	w := s.bequest(t, 5, "tcp", willClean, nil, nil)
	s.site.store.edit(s.site.person("alice"), w.id, func(row *social.Session) { row.Will = []byte("rubbish") })
	w.p.nc.Close()
	waitFor(t, func() bool { return s.value("rambla_broker_wills_total", "failed") == 1 })
	w.gone(t)
	if w.sent() != 0 || !strings.Contains(s.log.String(), "a will was dropped") {
		t.Error("it was sent, or nobody was told")
	}
}

func TestAShutdownKeepsWillsForWhoServesNext(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	w := s.bequest(t, 5, "tcp", willClean, nil, nil)
	ctx, cancel := context.WithTimeout(t.Context(), eventually)
	defer cancel()
	if err := s.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	w.p.ended(0x8B)
	s.stop()
	row, ok := s.site.store.row(s.site.person("alice"), w.id)
	if !ok || row.Will == nil || row.Node != 0 || time.Until(row.WillDue) < 30*time.Second || w.sent() != 0 {
		t.Errorf("%v %+v, sent %d times", ok, row, w.sent())
	}
}

func TestTheWillOfANodeThatDiedIsSentByAnother(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{NodeTimeout: 200 * time.Millisecond})
	w := s.bequest(t, 5, "tcp", willKept, expiry(60), nil)
	const other social.NodeID = 7 // has said nothing since
	if _, err := s.site.store.Beat(t.Context(), other, time.Now().Add(-time.Second), time.Time{}); err != nil {
		t.Fatal(err)
	}
	s.site.store.edit(s.site.person("alice"), w.id, func(row *social.Session) { row.Node = other })
	w.comes(t)
}
