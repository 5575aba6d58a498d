package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestAKeyIsStoredOnceWhateverIsRepeated(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		flags = append(flags, "--demo")
		s := serve(t, flags...)
		const topic = "/ctx/lobby/messages"
		var want []string
		// Every entrance begins once, and all repeat, some of them behind a crash.
		for first, begin := range map[string]func(key, content string){
			"QoS 1": func(key, content string) {
				// The PUBACK is lost: the connection is, before anything was read.
				w := s.as(t, 5, "alice", "first")
				w.send(w.publishPacket(1, topic, keyed(key, content)))
				s.awaitStored(t, content)
				w.vanishes()
			},
			"QoS 2": func(key, content string) {
				w := s.begins(t, 5, "alice", "first-"+key, 0)
				w.send(w.publishPacket(2, topic, keyed(key, content)))
				s.awaitStored(t, content)
				w.vanishes()
			},
			"a user property": func(key, content string) {
				w := s.as(t, 5, "alice", "first")
				w.publish(1, topic, content, property("key", key))
			},
			"REST": func(key, content string) { s.idempotent(t, key, content) },
		} {
			for _, crash := range []bool{false, true} {
				key := fmt.Sprintf("key-%s-%v", strings.ReplaceAll(first, " ", ""), crash)
				content := "content of " + key
				want = append(want, content)
				begin(key, content)
				if crash {
					s = s.again(t, flags)
				}
				id, seq := s.idempotent(t, key, content)
				for version := byte(4); version <= 5; version++ {
					w := s.as(t, version, "alice", "again")
					for qos := byte(1); qos <= 2; qos++ {
						packet := w.publishPacket(qos, topic, keyed(key, content))
						packet[0] |= 8
						w.send(packet)
						f, err := w.read()
						if err != nil || f.code >= 0x80 || version == 5 && (f.user["id"] != id || f.user["seq"] != seq) {
							t.Errorf("%s, crash %v, QoS %d: %+v, %v; want %s %s", first, crash, qos, f, err, id, seq)
						}
						if qos == 2 {
							w.send(bytesOf(kindPubrel<<4|2, twoBytes(9)))
							w.expect(kindPubcomp)
						}
					}
				}
				if first == "QoS 2" {
					// The session replays its own.
					w := s.returns(t, 5, "alice", "first-"+key)
					packet := w.publishPacket(2, topic, keyed(key, content))
					packet[0] |= 8
					w.send(packet)
					if f := w.expect(kindPubrec); f.code >= 0x80 || f.user["seq"] != seq {
						t.Errorf("its own replay: %+v, want %s", f, seq)
					}
					w.send(bytesOf(kindPubrel<<4|2, twoBytes(9)))
					w.expect(kindPubcomp)
				}
			}
		}
		got := s.stored(t, "lobby")
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("stored are %q, want %q", got, want)
		}
	})
}

func keyed(key, content string) string { return fmt.Sprintf(`{"key":%q,"content":%q}`, key, content) }

// idempotent posts over REST under the key.
func (s *instance) idempotent(t *testing.T, key, content string) (id, seq string) {
	t.Helper()
	a := s.ask(t, http.MethodPost, "/v1/contexts/lobby/activities", fmt.Sprintf(`{"content":%q}`, content),
		"Authorization: Bearer "+s.token(t, "alice"), inJSON, "Idempotency-Key: "+key)
	if a.status != http.StatusCreated {
		t.Fatalf("%s: %d %s", key, a.status, a.body)
	}
	p := readPost(t, frame{payload: a.body})
	return p.ID, fmt.Sprint(p.Seq)
}

// awaitStored waits until somebody who listens would have got the content.
func (s *instance) awaitStored(t *testing.T, content string) {
	t.Helper()
	w := s.as(t, 5, "bob", "witness-"+t.Name())
	w.subscribe("$last/1//ctx/lobby/messages", 1)
	for readPost(t, w.hears()).Object.Content != content {
	}
	w.vanishes()
}
