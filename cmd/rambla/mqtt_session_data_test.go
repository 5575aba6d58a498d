package main

import (
	bits "encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

func TestDataThatASessionMissed(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		t.Run("comes as it was published, at the lower of both QoS", func(t *testing.T) { missedData(t, s) })
		t.Run("comes only where its topic is subscribed to", func(t *testing.T) { missedTopics(t, s) })
		t.Run("passes when its time is over", func(t *testing.T) { expiredData(t, s) })
		t.Run("at QoS 2 stays open with its packet id until PUBCOMP", func(t *testing.T) { openHandshakes(t, s) })
	})
}

func missedData(t *testing.T, s *instance) {
	const topic = "/ctx/lobby/data/missed/a"
	for granted := byte(0); granted <= 2; granted++ {
		for version := byte(4); version <= 5; version++ {
			s.begins(t, version, "bob", fmt.Sprint("data", granted, version), granted, "/ctx/lobby/data/missed/#").leaves()
		}
	}
	properties := slices.Concat([]byte{0x01, 0}, append([]byte{0x03}, utf8String("text/plain")...),
		append([]byte{0x08}, utf8String("/ctx/lobby/data/answers")...), []byte{0x09, 0, 2, 'n', '1'}, property("unit", "°C"))
	writer := s.as(t, 5, "alice", "data-writer")
	for i := range byte(9) {
		if ack := writer.publish(i%3, topic, fmt.Sprintf("\x00\xff%d", i), properties); ack.code != 0 {
			t.Fatalf("%+v", ack)
		}
	}
	writer.publish(1, topic, "")
	for granted := byte(0); granted <= 2; granted++ {
		for version := byte(4); version <= 5; version++ {
			w := s.returns(t, version, "bob", fmt.Sprint("data", granted, version))
			if granted > 0 {
				came := w.collect(7)
				for i := range byte(9) {
					if i%3 == 0 {
						continue // QoS 0 is for who is there
					}
					f := came[0]
					came = came[1:]
					if f.topic != topic || f.payload != fmt.Sprintf("\x00\xff%d", i) || f.qos() != min(granted, i%3) || f.flags&9 != 0 {
						t.Errorf("granted %d, version %d, %d: %+v", granted, version, i, f)
					}
					if version == 5 && (f.props[0x03] != "text/plain" || f.props[0x08] != "/ctx/lobby/data/answers" || f.props[0x09] != "n1" ||
						len(f.user) != 1 || f.user["unit"] != "°C") {
						t.Errorf("properties %+v %+v", f.props, f.user)
					}
				}
				if f := came[0]; f.payload != "" || len(f.user)+len(f.props) > 0 {
					t.Errorf("an empty payload: %+v", f)
				}
			}
			w.quiet()
			w.leaves()
		}
	}
}

func missedTopics(t *testing.T, s *instance) {
	s.begins(t, 5, "bob", "topics", 2, "/ctx/lobby/data/room/+/heat", "/ctx/lobby/messages").leaves()
	writer := s.as(t, 5, "alice", "data-writer")
	for _, topic := range []string{"room/1/heat", "room/1/light", "room/heat", "room/2/heat", "room/2/heat/x"} {
		writer.publish(1, "/ctx/lobby/data/"+topic, topic)
	}
	w := s.returns(t, 5, "bob", "topics")
	for _, want := range []string{"room/1/heat", "room/2/heat"} {
		if f := w.hears(); f.payload != want {
			t.Errorf("got %+v, want %s", f, want)
		}
	}
	w.quiet()
}

func expiredData(t *testing.T, s *instance) {
	const topic = "/ctx/lobby/data/expires"
	expiry := func(seconds uint32) []byte { return bits.BigEndian.AppendUint32([]byte{0x02}, seconds) }
	s.begins(t, 5, "bob", "expires", 2, topic).leaves()
	writer := s.as(t, 5, "alice", "data-writer")
	writer.publish(1, topic, "for a second", expiry(1))
	writer.publish(2, topic, "for an hour", expiry(hour))
	writer.publish(1, topic, "for ever")
	passes(2500 * time.Millisecond)
	w := s.returns(t, 5, "bob", "expires")
	came := w.collect(2)
	if f := came[0]; f.payload != "for an hour" {
		t.Errorf("got %+v", f)
	} else if left, _ := f.props[0x02].(uint32); left > hour-2 || left < hour-60 {
		t.Errorf("%v s are left of an hour", f.props[0x02]) // [MQTT-3.3.2-6]
	}
	if f := came[1]; f.payload != "for ever" || f.props[0x02] != nil {
		t.Errorf("got %+v", f)
	}
	w.quiet()
}

func openHandshakes(t *testing.T, s *instance) {
	const topic = "/ctx/lobby/data/handshake"
	for version := byte(4); version <= 5; version++ {
		id := fmt.Sprint("handshake", version)
		w := s.begins(t, version, "bob", id, 2, topic)
		writer := s.as(t, 5, "alice", "data-writer")
		writer.publish(2, topic, "one")
		writer.publish(2, topic, "two")
		one, two := w.expect(kindPublish), w.expect(kindPublish)
		w.send(bytesOf(kindPubrec<<4, twoBytes(two.id)))
		if f := w.expect(kindPubrel); f.id != two.id {
			t.Fatalf("%+v", f)
		}
		w.vanishes()
		// The first is sent again, of the second only the PUBREL [MQTT-4.4.0-1].
		w = s.returns(t, version, "bob", id)
		w.resumes(one.id, two.id)
		w.send(bytesOf(kindPubrec<<4, twoBytes(one.id)), bytesOf(kindPubcomp<<4, twoBytes(two.id)))
		w.expect(kindPubrel)
		w.send(bytesOf(kindPubcomp<<4, twoBytes(one.id)))
		w.quiet()
		w.leaves()
		w = s.returns(t, version, "bob", id)
		w.quiet()
		w.leaves()
	}
}

// collect reads n messages and completes their exchanges, which may overlap.
func (w *wire) collect(n int) (came []frame) {
	w.t.Helper()
	for open := 0; len(came) < n || open > 0; {
		f, err := w.read()
		if err != nil {
			w.t.Fatalf("after %d of %d messages: %v", len(came), n, err)
		}
		switch f.kind {
		case kindPublish:
			came = append(came, f)
			w.acknowledge(f)
			if f.qos() == 2 {
				open++
				w.send(bytesOf(kindPubrec<<4, twoBytes(f.id)))
			}
		case kindPubrel:
			open--
			w.send(bytesOf(kindPubcomp<<4, twoBytes(f.id)))
		default:
			w.t.Fatalf("got %+v", f)
		}
	}
	return came
}

// resumes expects one PUBLISH with DUP and one PUBREL, in either order: they are
// of different messages.
func (w *wire) resumes(publish, pubrel uint16) {
	w.t.Helper()
	for range 2 {
		f, err := w.read()
		if err != nil {
			w.t.Fatal(err)
		}
		switch f.kind {
		case kindPublish:
			if f.id != publish || f.flags&8 == 0 || f.qos() != 2 {
				w.t.Errorf("got %+v, want %d again", f, publish)
			}
		case kindPubrel:
			if f.id != pubrel {
				w.t.Errorf("got %+v, want %d", f, pubrel)
			}
		default:
			w.t.Errorf("got %+v", f)
		}
	}
}

func TestQoS2GoesOutExactlyOnceOverACrashAtEachStep(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		flags = append(flags, "--demo")
		s := serve(t, flags...)
		const topic = "/ctx/lobby/data/once"
		for version := byte(4); version <= 5; version++ {
			id := fmt.Sprint("once", version)
			w := s.begins(t, version, "bob", id, 2, topic)
			publish := func(payload string) {
				if ack := s.as(t, 5, "alice", "data-writer").publish(2, topic, payload); ack.code != 0 {
					t.Fatalf("%+v", ack)
				}
			}
			back := func() {
				s = s.again(t, flags)
				w = s.returns(t, version, "bob", id)
			}
			publish("first")
			f := w.expect(kindPublish)
			// After PUBLISH: it comes again as what it is.
			back()
			if again := w.expect(kindPublish); again.id != f.id || again.flags&8 == 0 || again.payload != "first" {
				t.Fatalf("after PUBLISH: %+v, was %+v", again, f)
			}
			// After PUBREC, of which nobody knows whether it was read: either again.
			w.send(bytesOf(kindPubrec<<4, twoBytes(f.id)))
			back()
			got, err := w.read()
			if err != nil {
				t.Fatal(err)
			}
			if got.kind == kindPublish {
				if got.id != f.id || got.flags&8 == 0 {
					t.Fatalf("after PUBREC: %+v, was %+v", got, f) // another id would be another message to the client
				}
				w.send(bytesOf(kindPubrec<<4, twoBytes(f.id)))
				got = w.expect(kindPubrel)
			}
			if got.kind != kindPubrel || got.id != f.id {
				t.Fatalf("after PUBREC: %+v", got)
			}
			// After PUBREL: only that comes again.
			back()
			if got := w.expect(kindPubrel); got.id != f.id {
				t.Fatalf("after PUBREL: %+v", got)
			}
			w.send(bytesOf(kindPubcomp<<4, twoBytes(f.id)))
			w.quiet()
			w.leaves()
			// After PUBCOMP: that may have been forgotten, but never the message.
			back()
			w.send([]byte{0xC0, 0})
			for got, err = w.read(); err == nil && got.kind != kindPingresp; got, err = w.read() {
				if got.kind != kindPubrel || got.id != f.id {
					t.Fatalf("after PUBCOMP: %+v", got)
				}
				w.send(bytesOf(kindPubcomp<<4, twoBytes(f.id)))
			}
			if err != nil {
				t.Fatal(err)
			}
			publish("second")
			if f := w.hears(); f.payload != "second" || f.flags&8 != 0 {
				t.Errorf("then came %+v", f)
			}
			w.quiet()
			w.leaves()
		}
	})
}

func TestQoS2ComesInExactlyOnceOverACrashAtEachStep(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		flags = append(flags, "--demo")
		s := serve(t, flags...)
		for version := byte(4); version <= 5; version++ {
			for _, topic := range []string{"/ctx/lobby/messages", "/ctx/lobby/data/in"} {
				id := fmt.Sprint("in", version, topic[len(topic)-2:])
				content := id + " once"
				w := s.begins(t, version, "alice", id, 0)
				packet := w.publishPacket(2, topic, content)
				dup := slices.Clone(packet)
				dup[0] |= 8
				back := func() {
					s = s.again(t, flags)
					w = s.returns(t, version, "alice", id)
				}
				w.send(packet)
				first := w.expect(kindPubrec)
				// After PUBREC, and again on the same connection.
				back()
				for range 2 {
					w.send(dup)
					if again := w.expect(kindPubrec); again.id != 9 || again.code >= 0x80 || again.user["seq"] != first.user["seq"] {
						t.Fatalf("a replay: %+v, first %+v", again, first)
					}
				}
				// PUBREL twice, the second after a crash that may have come before the PUBCOMP.
				w.send(bytesOf(kindPubrel<<4|2, twoBytes(9)))
				w.expect(kindPubcomp)
				back()
				w.send(bytesOf(kindPubrel<<4|2, twoBytes(9)))
				if f := w.expect(kindPubcomp); f.id != 9 || version == 5 && f.code != 0x92 {
					t.Errorf("PUBREL twice: %+v", f)
				}
				// The packet id is free: the same again is another message.
				w.send(w.publishPacket(2, topic, id+" end"))
				if f := w.expect(kindPubrec); f.code >= 0x80 || version == 5 && f.user["seq"] == first.user["seq"] {
					t.Errorf("a new one with the id: %+v", f)
				}
				w.send(bytesOf(kindPubrel<<4|2, twoBytes(9)))
				w.expect(kindPubcomp)
				w.leaves()
				if got := s.count(t, topic, content); got != 1 {
					t.Errorf("%q is stored %d times", content, got)
				}
			}
		}
	})
}

// count says how often a content or payload is stored.
func (s *instance) count(t *testing.T, topic, content string) (n int) {
	t.Helper()
	contents := s.stored(t, "lobby")
	if topic != "/ctx/lobby/messages" {
		contents = nil
		var page struct{ Items []struct{ Payload []byte } }
		s.call(t, s.token(t, "alice"), http.MethodGet, "/v1/contexts/lobby/data/in?after=0&limit=200", nil, &page)
		for _, item := range page.Items {
			contents = append(contents, string(item.Payload))
		}
	}
	for _, c := range contents {
		if c == content {
			n++
		}
	}
	return n
}
