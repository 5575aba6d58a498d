package main

import (
	bits "encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestWhatASessionMissedComesInOrderAndOnce(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		s.withRole(t, "alice", "manager")
		t.Run("of each stream in the order of seq", func(t *testing.T) { missedInOrder(t, s) })
		t.Run("what was not acknowledged comes first, with its packet id and DUP", func(t *testing.T) { unacknowledged(t, s) })
		t.Run("one at a time where Receive Maximum is 1", func(t *testing.T) { oneAtATime(t, s) })
		t.Run("without what is larger than Maximum Packet Size", func(t *testing.T) { smallPackets(t, s) })
		t.Run("private posts of others never", func(t *testing.T) { missedPrivate(t, s) })
		t.Run("No Local holds for what comes later", func(t *testing.T) { missedNoLocal(t, s) })
		t.Run("edits and removals too, as what they are now", func(t *testing.T) { missedEdits(t, s) })
		t.Run("nothing that was never sent is acknowledged", func(t *testing.T) { strayAcks(t, s) })
	})
}

func missedInOrder(t *testing.T, s *instance) {
	const n = 120 // of each of two contexts
	one, two := s.room(t, "order-1", "closed", "bob"), s.room(t, "order-2", "closed", "bob")
	for version := byte(4); version <= 5; version++ {
		s.begins(t, version, "bob", fmt.Sprint("named", version), 1, one, two).leaves()
		s.begins(t, version, "bob", fmt.Sprint("wild", version), 1, "/ctx/+/messages").leaves()
		s.begins(t, version, "bob", fmt.Sprint("both", version), 1, "/ctx/+/messages", one).leaves()
	}
	for i := range n {
		s.posts(t, "order-1", fmt.Sprint("one ", i))
		s.posts(t, "order-2", fmt.Sprint("two ", i))
	}
	for version := byte(4); version <= 5; version++ {
		for _, id := range []string{"named", "wild", "both"} {
			w := s.returns(t, version, "bob", fmt.Sprint(id, version))
			next := map[string]uint64{}
			for range 2 * n {
				f := w.hears()
				p := readPost(t, f)
				next[f.topic]++
				if p.Seq != next[f.topic] || f.flags&8 != 0 || f.qos() != 1 || !strings.HasSuffix(p.Object.Content, fmt.Sprint(p.Seq-1)) {
					t.Fatalf("%s%d: got %+v after %d of %s", id, version, f, next[f.topic]-1, f.topic)
				}
			}
			w.quiet()
			w.leaves()
			// What was acknowledged does not come again.
			w = s.returns(t, version, "bob", fmt.Sprint(id, version))
			w.quiet()
			w.leaves()
		}
	}
}

func unacknowledged(t *testing.T, s *instance) {
	topic := s.room(t, "unacked", "closed", "bob")
	for version := byte(4); version <= 5; version++ {
		id := fmt.Sprint("unacked", version)
		w := s.begins(t, version, "bob", id, 1, topic)
		s.posts(t, "unacked", "a", "b", "c")
		ids := map[string]uint16{}
		for range 3 {
			f := w.expect(kindPublish)
			content := readPost(t, f).Object.Content
			ids[content] = f.id
			if content == "b" {
				w.acknowledge(f)
			}
		}
		w.quiet() // so that the acknowledgement has been read
		w.vanishes()
		s.posts(t, "unacked", "d")
		for turn := range 2 {
			w = s.returns(t, version, "bob", id)
			for _, want := range []string{"a", "c"} {
				f := w.expect(kindPublish)
				if got := readPost(t, f).Object.Content; got != want || f.id != ids[want] || f.flags&8 == 0 {
					t.Fatalf("version %d, turn %d: got %q as %+v, want %q as %d", version, turn, got, f, want, ids[want])
				}
				if turn == 1 {
					w.acknowledge(f)
				}
			}
			if turn == 0 {
				w.leaves() // again without an answer
			}
		}
		f := w.hears()
		if got := readPost(t, f).Object.Content; got != "d" {
			t.Errorf("version %d: then came %q as %+v", version, got, f)
		}
		w.quiet()
		w.leaves()
	}
}

func oneAtATime(t *testing.T, s *instance) {
	topic := s.room(t, "window", "closed", "bob")
	s.begins(t, 5, "bob", "window", 1, topic).leaves()
	s.posts(t, "window", "1", "2", "3", "4", "5")
	w := s.returns(t, 5, "bob", "window", []byte{0x21, 0, 1})
	for _, want := range []string{"1", "2", "3", "4", "5"} {
		f := w.expect(kindPublish)
		if got := readPost(t, f).Object.Content; got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
		w.quiet() // [MQTT-3.3.4-9]: nothing more comes before the acknowledgement
		w.acknowledge(f)
	}
	s.posts(t, "window", "live")
	w.gets("live")
}

func smallPackets(t *testing.T, s *instance) {
	topic := s.room(t, "small", "closed", "bob")
	s.begins(t, 5, "bob", "small", 1, topic).leaves()
	s.posts(t, "small", "short", strings.Repeat("long ", 1000), "short again")
	w := s.returns(t, 5, "bob", "small", bits.BigEndian.AppendUint32([]byte{0x27}, 1500))
	w.gets("short", "short again")
	w.leaves()
	// It counts as delivered [MQTT-3.1.2-25].
	s.posts(t, "small", "end")
	s.returns(t, 5, "bob", "small").gets("end")
}

func missedPrivate(t *testing.T, s *instance) {
	topic := s.room(t, "private", "closed", "bob", "carol")
	for _, name := range []string{"bob", "carol"} {
		s.begins(t, 5, name, "private", 1, topic).leaves()
	}
	alice := s.as(t, 5, "alice", "writer")
	for _, to := range []string{"bob", "carol"} {
		if ack := alice.publish(1, topic, fmt.Sprintf(`{"content":"to %s","to":[%q]}`, to, to)); ack.code != 0 {
			t.Fatalf("%+v", ack)
		}
	}
	s.posts(t, "private", "to all")
	for _, name := range []string{"bob", "carol"} {
		w := s.returns(t, 5, name, "private")
		w.gets("to "+name, "to all")
		w.leaves()
	}
}

func missedNoLocal(t *testing.T, s *instance) {
	topic := s.room(t, "nolocal", "closed", "bob")
	s.do(t, http.StatusOK, s.token(t, "alice"), http.MethodPatch, "/v1/contexts/nolocal", map[string]any{"permissions": map[string]string{"write": "members"}})
	const noLocal = 4
	w := s.wire(t, 5)
	w.keeps("bob", "nolocal", []byte{0x21, 0, 1})
	if code := w.subscribe(topic, 1|noLocal); code != 1 {
		t.Fatalf("%#x", code)
	}
	// The window is full with the first, so the rest is for later.
	s.posts(t, "nolocal", "first")
	w.expect(kindPublish)
	if ack := w.publish(1, topic, "mine"); ack.code != 0 {
		t.Fatalf("%+v", ack)
	}
	s.posts(t, "nolocal", "theirs")
	w.leaves()
	w = s.returns(t, 5, "bob", "nolocal")
	w.gets("first", "theirs")
	// A replay does not bring it either; other sessions of the same person get it.
	if code := w.subscribe("$since/0/"+topic, 1|noLocal); code != 1 {
		t.Fatalf("%#x", code)
	}
	w.gets("first", "theirs")
	other := s.as(t, 5, "bob", "other")
	other.subscribe("$since/0/"+topic, 1)
	other.gets("first", "mine", "theirs")
}

func missedEdits(t *testing.T, s *instance) {
	topic := s.room(t, "edits", "closed", "bob")
	s.begins(t, 5, "bob", "edits", 1, topic).leaves()
	alice := s.token(t, "alice")
	var kept, gone published
	s.call(t, alice, http.MethodPost, "/v1/contexts/edits/activities", map[string]string{"content": "first words"}, &kept)
	s.call(t, alice, http.MethodPost, "/v1/contexts/edits/activities", map[string]string{"content": "regretted"}, &gone)
	s.do(t, http.StatusOK, alice, http.MethodPatch, "/v1/activities/"+kept.ID, map[string]string{"content": "better words"})
	s.do(t, http.StatusNoContent, alice, http.MethodDelete, "/v1/activities/"+gone.ID, nil)
	w := s.returns(t, 5, "bob", "edits")
	var got []string
	for range 4 {
		p := readPost(t, w.hears())
		got = append(got, fmt.Sprintf("%d %s %s %s", p.Seq, p.Type, p.Object.Type, p.Object.Content))
	}
	want := []string{"1 Create Note better words", "2 Create Tombstone ", "3 Update Note better words", "4 Delete Tombstone "}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	w.quiet()
}

func strayAcks(t *testing.T, s *instance) {
	topic := s.room(t, "stray", "closed", "bob")
	for version := byte(4); version <= 5; version++ {
		id := fmt.Sprint("stray", version)
		w := s.begins(t, version, "bob", id, 1, topic)
		s.posts(t, "stray", "one")
		f := w.hears()
		// Of what was acknowledged already, and of what was never sent.
		for _, packet := range []uint16{f.id, 77, 65535} {
			w.send(bytesOf(kindPuback<<4, twoBytes(packet)))
		}
		w.quiet()
		s.posts(t, "stray", "two", "three")
		first := w.expect(kindPublish)
		w.send(bytesOf(kindPuback<<4, twoBytes(first.id+1000)))
		w.leaves()
		w = s.returns(t, version, "bob", id)
		w.gets("two", "three")
		w.quiet()
		w.leaves()
	}
}
