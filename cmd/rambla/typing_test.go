package main

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// typed is how the server tells that somebody types.
type typed struct {
	Actor  struct{ Type, ID, Name string }
	Typing *bool
	At     time.Time
}

// types waits for a notice of typing on the topic.
func (w *wire) types(topic string) typed {
	w.t.Helper()
	f := w.hears()
	var n typed
	if err := json.Unmarshal([]byte(f.payload), &n); err != nil || f.topic != topic || f.flags != 0 || n.Typing == nil {
		w.t.Fatalf("got %+v, %v; want a notice on %s", f, err, topic)
	}
	return n
}

func TestTypingIsToldToWhoeverIsThere(t *testing.T) {
	t.Parallel()
	s := serve(t, "--data", t.TempDir(), "--demo")
	const topic = "/ctx/lobby/typing"
	var others []*wire
	for i, version := range []byte{4, 5} {
		w := s.as(t, version, "bob", fmt.Sprint(i))
		if code := w.subscribe([]string{topic, "/ctx/+/typing"}[i], 1); code != 0 {
			t.Fatalf("granted %d", code)
		}
		others = append(others, w)
	}
	for _, version := range []byte{4, 5} {
		carol := s.as(t, version, "carol", "c")
		for qos := range byte(2) { // no more than what may be said at once
			if ack := carol.publish(qos, topic, fmt.Sprintf(`{"typing":%v}`, qos != 1)); ack.code != 0 {
				t.Errorf("QoS %d: %#x", qos, ack.code)
			}
			for _, w := range others {
				if n := w.types(topic); n.Actor.ID != "carol" || n.Actor.Type != "Person" || *n.Typing != (qos != 1) || time.Since(n.At).Abs() > time.Minute {
					t.Errorf("%+v", n)
				}
			}
		}
	}
	carol := s.as(t, 5, "carol", "c")
	for _, payload := range []string{"", "true", `{}`, `{"typing":1}`, `{"typing":true,"actor":"bob"}`, `{"typing":null}`} {
		if ack := carol.publish(1, topic, payload); ack.code != 0x99 {
			t.Errorf("%q: %#x", payload, ack.code)
		}
	}
	for _, topic := range []string{"/ctx/staff/typing", "/ctx/news/typing", "/ctx/nowhere/typing", "/ctx/lobby/typing/carol", "/user/carol/typing"} {
		if ack := carol.publish(1, topic, `{"typing":true}`); ack.code != 0x87 {
			t.Errorf("%s: %#x", topic, ack.code)
		}
	}
	// It is not kept for who comes later, and a flood is told in part and costs
	// its sender nothing.
	late := s.as(t, 5, "alice", "late")
	late.subscribe(topic, 0)
	late.quiet()
	began := time.Now()
	for range 100 {
		if ack := carol.publish(1, topic, `{"typing":true}`); ack.code != 0 {
			t.Fatalf("%#x", ack.code)
		}
	}
	alice := s.as(t, 5, "alice", "end")
	alice.publish(1, topic, `{"typing":false}`)
	n := 0
	for late.types(topic).Actor.ID == "carol" {
		n++
	}
	if took := time.Since(began); n == 0 || n > 20+int(took/time.Second) { // one more each second
		t.Errorf("%d of 100 were told in %v", n, took)
	}
}

func TestAWillOfTypingIsHeldToTheRightToWrite(t *testing.T) {
	t.Parallel()
	s := serve(t, "--data", t.TempDir(), "--demo")
	bob := s.as(t, 5, "bob", "b")
	bob.subscribe("/ctx/lobby/typing", 0)
	carol := s.wire(t, 5)
	carol.connect(hello{id: "c", name: "carol", password: "carol", will: append(utf8String("/ctx/lobby/typing"), utf8String(`{"typing":false}`)...)})
	_ = carol.nc.Close()
	if n := bob.types("/ctx/lobby/typing"); *n.Typing || n.Actor.ID != "carol" {
		t.Errorf("%+v", n)
	}
	refused := s.wire(t, 5)
	if ack := refused.connect(hello{id: "c", name: "carol", password: "carol", will: append(utf8String("/ctx/news/typing"), utf8String(`{"typing":false}`)...)}); ack.code != 0x87 {
		t.Errorf("%#x", ack.code)
	}
}
