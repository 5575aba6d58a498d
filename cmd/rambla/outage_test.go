package main

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"rambla/storage/pgtest"
)

func TestWhileTheDatabaseIsAwayEverybodyIsToldSo(t *testing.T) {
	t.Parallel()
	db := pgtest.Private(t)
	s := serve(t, "--demo", "--data", t.TempDir(), "--database", db.URL())
	token := s.login(t, "alice", "alice")
	const topic, post = "/ctx/lobby/messages", "/v1/contexts/lobby/activities"
	if ack := s.as(t, 5, "alice", "before").publish(1, topic, `{"content":"before","key":"1"}`); ack.code != 0 {
		t.Fatalf("%+v", ack)
	}
	five, four := s.as(t, 5, "alice", "five"), s.as(t, 4, "alice", "four")
	if err := db.Kill(); err != nil {
		t.Fatal(err)
	}
	s.readiness(t, http.StatusServiceUnavailable) // the last of its processes is gone
	// Publishers get no acknowledgement, but an end.
	five.send(five.publishPacket(1, topic, `{"content":"during","key":"2"}`))
	four.send(four.publishPacket(2, topic, `{"content":"during","key":"3"}`))
	for _, w := range []*wire{five, four} {
		f, err := w.readWithin(time.Minute)
		if w.version == 5 && err == nil && f.kind == kindDisconnect && f.code == 0x89 {
			f, err = w.read()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("version %d: %+v, %v", w.version, f, err)
		}
	}
	// Whose password must be looked up is asked to come again.
	for version, want := range map[byte]byte{4: 3, 5: 0x88} {
		if ack := s.wire(t, version).connect(hello{id: "c", name: "carol", password: "carol"}); ack.code != want {
			t.Errorf("version %d: CONNACK %#x, want %#x", version, ack.code, want)
		}
	}
	bearer := "Authorization: Bearer " + token
	if a := s.ask(t, http.MethodPost, post, `{"content":"during","key":"4"}`, bearer, inJSON); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("REST: %d %v %s", a.status, a.header, a.body)
	}
	if a := s.ask(t, http.MethodGet, "/healthz", ""); a.status != http.StatusOK {
		t.Errorf("health: %d", a.status)
	}
	if err := db.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.readiness(t, http.StatusOK)
	s.as(t, 5, "carol", "after").quiet()
	w := s.as(t, 5, "alice", "after")
	first := w.publish(1, topic, `{"content":"during","key":"2"}`)
	again := w.publish(1, topic, `{"content":"during","key":"2"}`)
	if first.code != 0 || first.user["seq"] == "" || again.user["seq"] != first.user["seq"] {
		t.Errorf("sent again: %+v, %+v", first, again)
	}
}

// readiness waits until the server says so of itself.
func (s *instance) readiness(t *testing.T, want int) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for s.ask(t, http.MethodGet, "/readyz", "").status != want {
		if time.Now().After(deadline) {
			t.Fatalf("readiness is not %d within 30 s", want)
		}
		time.Sleep(50 * time.Millisecond) //nolint:forbidigo // polls another process
	}
}
