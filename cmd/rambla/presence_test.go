package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// presence is what the server tells of who is there.
type presence struct {
	Actor    struct{ Type, ID, Name string }
	Status   string
	LastSeen time.Time
	Online   *int
}

// present waits for the next message about presence.
func (w *wire) present() (topic string, retained bool, p presence) {
	w.t.Helper()
	f := w.hears()
	if err := json.Unmarshal([]byte(f.payload), &p); err != nil || f.qos() != 0 {
		w.t.Fatalf("got %+v, %v", f, err)
	}
	return f.topic, f.flags&1 != 0, p
}

// online waits until the topic says n.
func (w *wire) online(topic string, n int) {
	w.t.Helper()
	for {
		at, _, p := w.present()
		if at == topic && p.Online != nil && *p.Online == n {
			return
		}
	}
}

// status waits until the topic says that somebody has the status.
func (w *wire) status(topic, status string) presence {
	w.t.Helper()
	for {
		if at, _, p := w.present(); at == topic && p.Status == status {
			return p
		}
	}
}

// serveLive is a server whose people are gone after the grace.
func serveLive(t *testing.T, grace time.Duration, flags ...string) *instance {
	t.Helper()
	config := t.TempDir() + "/rambla.yaml"
	writeFile(t, config, fmt.Sprintf("presence: {grace: %v}\n", grace))
	return serve(t, append(flags, "--config", config)...)
}

func TestAContextTellsWhoIsThere(t *testing.T) {
	t.Parallel()
	const grace = 3 * time.Second // enough to come back within, on a busy machine
	s := serveLive(t, grace, "--data", t.TempDir(), "--demo")
	alice := s.as(t, 5, "alice", "a")
	if code := alice.subscribe("/ctx/lobby/presence/#", 1); code != 0 {
		t.Fatalf("granted %d", code)
	}
	// That she came may be told as what happens, too, before or after what is retained.
	topic, retained, p := alice.present()
	for !retained {
		topic, retained, p = alice.present()
	}
	if topic != "/ctx/lobby/presence" || p.Online == nil || *p.Online != 1 {
		t.Fatalf("%s %+v", topic, p)
	}
	topic, retained, p = alice.present()
	for !retained {
		topic, retained, p = alice.present()
	}
	if topic != "/ctx/lobby/presence/alice" || p.Status != "online" || p.Actor.ID != "alice" || !p.LastSeen.IsZero() {
		t.Fatalf("%s %+v", topic, p)
	}
	phone, laptop := s.as(t, 4, "bob", "phone"), s.as(t, 5, "bob", "laptop")
	alice.status("/ctx/lobby/presence/bob", "online")
	alice.online("/ctx/lobby/presence", 2)

	// One of two devices goes; then a status is changed by the other.
	phone.send([]byte{0xE0, 0})
	_ = phone.nc.Close()
	if ack := laptop.publish(1, "/user/bob/presence", `{"status":"busy"}`); ack.code != 0 {
		t.Fatalf("%#x", ack.code)
	}
	if p := alice.status("/ctx/lobby/presence/bob", "busy"); !p.LastSeen.IsZero() {
		t.Errorf("%+v", p)
	}
	// Invisible is offline to others, and not to oneself.
	laptop.subscribe("/user/bob/presence", 0)
	if _, _, p := laptop.present(); p.Status != "busy" {
		t.Errorf("%+v", p)
	}
	laptop.publish(1, "/user/bob/presence", `{"status":"invisible"}`)
	alice.status("/ctx/lobby/presence/bob", "offline")
	alice.online("/ctx/lobby/presence", 1)
	if _, _, p := laptop.present(); p.Status != "invisible" {
		t.Errorf("%+v", p)
	}
	laptop.publish(1, "/user/bob/presence", `{"status":"online"}`)
	alice.status("/ctx/lobby/presence/bob", "online")
	laptop.status("/user/bob/presence", "online")
	// Who comes back at once was never away; who does not, is after the grace.
	_ = laptop.nc.Close()
	laptop = s.as(t, 5, "bob", "laptop")
	alice.online("/ctx/lobby/presence", 2)
	alice.quiet()
	began := time.Now()
	_ = laptop.nc.Close()
	alice.status("/ctx/lobby/presence/bob", "offline")
	if took := time.Since(began); took < grace || took > grace+10*time.Second {
		t.Errorf("gone after %v", took)
	}
	alice.online("/ctx/lobby/presence", 1)
}

func TestWhatIsNoStatusIsRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, "--data", t.TempDir(), "--demo")
	bob := s.as(t, 5, "bob", "b")
	for _, payload := range []string{"", "away", `{}`, `{"status":"offline"}`, `{"status":1}`, `{"status":"away","lastSeen":"x"}`} {
		if ack := bob.publish(1, "/user/bob/presence", payload); ack.code != 0x99 {
			t.Errorf("%q: %#x", payload, ack.code)
		}
	}
	for _, topic := range []string{"/user/alice/presence", "/ctx/lobby/presence", "/ctx/lobby/presence/bob"} {
		if ack := bob.publish(1, topic, `{"status":"away"}`); ack.code != 0x87 {
			t.Errorf("%s: %#x", topic, ack.code)
		}
	}
	if code := bob.subscribe("/user/alice/presence", 0); code != 0x87 {
		t.Errorf("a stranger's: %#x", code)
	}
}

// Killed like by a power cut, a server forgets who was there.
func TestAfterACrashNobodyIsStuckOnline(t *testing.T) {
	t.Parallel()
	flags := []string{"--data", t.TempDir()}
	s := serveLive(t, time.Second, append(flags, "--demo")...)
	bob := s.as(t, 5, "bob", "b")
	bob.subscribe("/ctx/lobby/presence/bob", 0)
	bob.status("/ctx/lobby/presence/bob", "online")
	s.kill()
	s = serveLive(t, time.Second, flags...)
	alice := s.as(t, 5, "alice", "a")
	alice.subscribe("/ctx/lobby/presence/+", 0)
	if topic, _, p := alice.present(); topic != "/ctx/lobby/presence/alice" || p.Status != "online" {
		t.Errorf("%s %+v", topic, p)
	}
	// It may be told once as what is retained, and once as what happens.
	alice.send([]byte{0xC0, 0})
	for {
		f, err := alice.read()
		if err != nil {
			t.Fatal(err)
		}
		if f.kind == kindPingresp {
			return
		}
		if f.kind != kindPublish || f.topic != "/ctx/lobby/presence/alice" {
			t.Errorf("got %+v", f)
		}
	}
}

// Those who have a conversation see each other; others do not.
func TestPresenceIsForThoseWhoKnowEachOther(t *testing.T) {
	t.Parallel()
	flags := []string{"--data", t.TempDir()}
	s := serveLive(t, time.Second, append(flags, "--demo")...)
	token := s.login(t, "alice", "alice")
	var shown struct{ Presence *presence }
	look := func(who string) *presence {
		t.Helper()
		shown.Presence = nil
		if status := s.call(t, s.login(t, who, who), http.MethodGet, "/v1/people/alice", nil, &shown); status != http.StatusOK {
			t.Fatalf("GET: %d", status)
		}
		return shown.Presence
	}
	if look("bob") != nil {
		t.Error("a stranger sees it")
	}
	var talk struct{ ID string }
	if status := s.call(t, token, http.MethodPost, "/v1/conversations", map[string]any{"participants": []string{"bob"}}, &talk); status != http.StatusCreated {
		t.Fatalf("a conversation: %d", status)
	}
	if p := look("bob"); p == nil || p.Status != "offline" || !p.LastSeen.IsZero() {
		t.Errorf("who was never there: %+v", p)
	}
	bob := s.as(t, 4, "bob", "b")
	if code := bob.subscribe("/user/alice/presence", 0); code != 0 {
		t.Fatalf("granted %d", code)
	}
	bob.status("/user/alice/presence", "offline")
	bob.subscribe("/conv/+/presence/alice", 0)
	bob.status("/conv/"+talk.ID+"/presence/alice", "offline")
	alice := s.as(t, 5, "alice", "a")
	bob.status("/user/alice/presence", "online")
	bob.status("/conv/"+talk.ID+"/presence/alice", "online")
	if p := look("bob"); p == nil || p.Status != "online" {
		t.Errorf("%+v", p)
	}
	if p := look("carol"); p != nil {
		t.Errorf("a stranger sees %+v", p)
	}
	carol := s.as(t, 5, "carol", "c")
	if code := carol.subscribe("/user/alice/presence", 0); code != 0x87 {
		t.Errorf("a stranger subscribes: %#x", code)
	}
	// Invisible is as if one had gone when one said so.
	alice.publish(1, "/user/alice/presence", `{"status":"invisible"}`)
	hidden := bob.status("/user/alice/presence", "offline").LastSeen
	if time.Since(hidden).Abs() > 30*time.Second {
		t.Errorf("last seen %v", hidden)
	}
	alice.send([]byte{0xE0, 0})
	if p := look("alice"); p == nil {
		t.Error("not one's own")
	}
	s.stop()
	s = serveLive(t, time.Second, flags...)
	if p := look("bob"); p == nil || p.Status != "offline" || p.LastSeen.Sub(hidden).Abs() > time.Millisecond {
		t.Errorf("after a restart %+v, want last seen %v", p, hidden)
	}
}
