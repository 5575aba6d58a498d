package main

import (
	"strings"
	"testing"
)

func TestTheWillOfAServerThatWasKilledIsSentByTheNext(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		w := s.wire(t, 4)
		if ack := w.connect(hello{
			id: "device", name: "bob", password: "bob", will: append(utf8String("/ctx/lobby/messages"), utf8String("gone without a word")...),
		}); ack.code != 0 {
			t.Fatalf("CONNACK says %#x", ack.code)
		}
		s.kill()
		s = serve(t, append(storeFlags(flags), "--demo")...)
		alice := s.as(t, 5, "alice", "a")
		// The last post, if the will came before the subscription, and what follows.
		if code := alice.subscribe("$last/1//ctx/lobby/messages", 1); code != 1 {
			t.Fatalf("SUBACK says %#x", code)
		}
		if f := alice.hears(); !strings.Contains(f.payload, "gone without a word") || !strings.Contains(f.payload, `"id":"bob"`) {
			t.Errorf("heard %s", f.payload)
		}
		alice.quiet()
	})
}

func TestAWillIsAPostOfItsPerson(t *testing.T) {
	t.Parallel()
	s := serve(t, "--data", t.TempDir(), "--demo")
	alice := s.as(t, 5, "alice", "a")
	alice.subscribe("/ctx/+/messages", 1)
	for _, version := range []byte{4, 5} {
		w := s.wire(t, version)
		w.connect(hello{id: "device", name: "bob", password: "bob", will: append(utf8String("/ctx/lobby/messages"), utf8String("bye")...)})
		w.send([]byte{0xE0, 0})
		w.ends(0)
		w = s.wire(t, version)
		w.connect(hello{id: "device", name: "bob", password: "bob", will: append(utf8String("/ctx/lobby/messages"), utf8String("help")...)})
		if err := w.nc.Close(); err != nil {
			t.Fatal(err)
		}
		if f := alice.hears(); !strings.Contains(f.payload, `"content":"help"`) || !strings.Contains(f.payload, `"id":"bob"`) {
			t.Errorf("heard %s", f.payload)
		}
		alice.quiet() // not the one that ended with a goodbye
	}
}
