package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestASubscriptionFromAPosition(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		s.withRole(t, "alice", "manager")
		t.Run("replays what is behind it, and goes on live", func(t *testing.T) { replays(t, s) })
		t.Run("is refused where it cannot be", func(t *testing.T) { badPositions(t, s) })
		t.Run("is one subscription with the plain filter", func(t *testing.T) { onePosition(t, s) })
		t.Run("rewinds the cursor of a wildcard", func(t *testing.T) { rewinds(t, s) })
		t.Run("tells of each filter of its own", func(t *testing.T) { manyPositions(t, s) })
		t.Run("replays what one may read only", func(t *testing.T) { replaysOwn(t, s) })
		t.Run("lasts with its session", func(t *testing.T) { lastingPosition(t, s) })
	})
}

// seek subscribes from a position and gives the SUBACK.
func (w *wire) seek(filters ...string) frame {
	w.t.Helper()
	parts := [][]byte{twoBytes(5), w.props()}
	for _, f := range filters {
		parts = append(parts, utf8String(f), []byte{1})
	}
	w.send(bytesOf(0x82, parts...))
	return w.expect(kindSuback)
}

// position of the messages of a context, as the log tells it.
func (s *instance) position(t *testing.T, context string) (epoch, head string) {
	t.Helper()
	var page struct{ Position string }
	s.call(t, s.token(t, "alice"), http.MethodGet, "/v1/contexts/"+context+"/log/messages?after=0", nil, &page)
	epoch, head, ok := strings.Cut(page.Position, ":")
	if !ok {
		t.Fatalf("position %q", page.Position)
	}
	return epoch, head
}

func replays(t *testing.T, s *instance) {
	for version := byte(4); version <= 5; version++ {
		context := fmt.Sprint("replays", version)
		topic := s.room(t, context, "closed", "bob")
		s.posts(t, context, "1", "2", "3", "4", "5")
		epoch, _ := s.position(t, context)
		n := 5
		for _, c := range []struct {
			from     string
			first    int // of the posts that come; 0: none but the live one
			complete string
		}{
			{"$since/0", 1, "true"},
			{"$since/3", 4, "true"},
			{"$since/{head}", 0, "true"},
			{"$since/" + epoch + ":2", 3, "true"},
			{"$since/" + epoch + ":{head}", 0, "true"},
			{"$since/other:3", 1, "false"},
			{"$since/other:999999", 1, "false"},
			{"$since/999999", 0, "false"},
			{"$since/" + epoch + ":999999", 0, "false"},
			{"$since/9223372036854775807", 0, "false"},
			{"$since/18446744073709551616", 0, "false"},
			{"$last/0", 0, "true"},
			{"$last/2", -2, "true"},
			{"$last/999999", 1, "true"},
		} {
			head := fmt.Sprint(n)
			w := s.as(t, version, "bob", "replays")
			ack := w.seek(strings.ReplaceAll(c.from, "{head}", head) + "/" + topic)
			if string(ack.codes) != "\x01" {
				t.Fatalf("%s in version %d: %#x", c.from, version, ack.codes)
			}
			if version == 5 && (ack.user["complete"] != c.complete || ack.user["position"] != epoch+":"+head) {
				t.Errorf("%s: SUBACK tells %v, want %s and %s:%s", c.from, ack.user, c.complete, epoch, head)
			}
			n++
			s.posts(t, context, fmt.Sprint(n))
			first := c.first
			switch {
			case first == 0:
				first = n
			case first < 0:
				first += n
			}
			for want := first; want <= n; want++ {
				f := w.hears()
				if p := readPost(t, f); p.Object.Content != fmt.Sprint(want) || p.Seq != uint64(want) || f.topic != topic { //nolint:gosec // small
					t.Fatalf("%s in version %d: got %+v, want %d", c.from, version, f, want)
				}
			}
			w.quiet()
			w.leaves()
		}
	}
}

func badPositions(t *testing.T, s *instance) {
	topic := s.room(t, "bad", "closed", "bob")
	const malformed, refused = 0x8F, 0x87
	for filter, want := range map[string]byte{
		"$since/-1/" + topic: malformed, "$since/x/" + topic: malformed, "$since//" + topic: malformed, "$since/1.5/" + topic: malformed,
		"$since/+3/" + topic: malformed, "$since/0x10/" + topic: malformed, "$since/ 1/" + topic: malformed, "$since/e:/" + topic: malformed,
		"$since/:1/" + topic: malformed, "$last/-1/" + topic: malformed, "$last/all/" + topic: malformed, "$since/1": malformed, "$since": refused,
		"$since/1//ctx/+/messages": malformed, "$last/1//ctx/#": malformed, "$since/1//ctx/bad/#": malformed, "$last/2//ctx/bad/+": malformed,
		"$since/1//ctx/bad/data/#": malformed, "$since/1//ctx/bad/data/x": malformed,
		"$since/1//ctx/nothing/messages": refused, "$last/1//ctx/unknown/messages": refused,
	} {
		for version := byte(4); version <= 5; version++ {
			code := want
			if version == 4 {
				code = 0x80
			}
			w := s.as(t, version, "bob", "bad")
			if ack := w.seek(filter); string(ack.codes) != string([]byte{code}) {
				t.Errorf("%q in version %d: %#x, want %#x", filter, version, ack.codes, code)
			}
			s.posts(t, "bad", "unheard")
			w.quiet()
		}
	}
	carol := s.as(t, 5, "carol", "bad")
	if ack := carol.seek("$since/0/" + topic); ack.codes[0] != refused {
		t.Errorf("who may not read: %#x", ack.codes)
	}
	carol.quiet()
}

func onePosition(t *testing.T, s *instance) {
	for version := byte(4); version <= 5; version++ {
		context := fmt.Sprint("one", version)
		topic := s.room(t, context, "closed", "bob")
		s.posts(t, context, "1", "2")
		w := s.as(t, version, "bob", "one")
		unsubscribe := func(filter string, want byte) {
			t.Helper()
			w.send(bytesOf(0xA2, twoBytes(8), w.props(), utf8String(filter)))
			if f := w.expect(kindUnsuback); version == 5 && string(f.codes) != string([]byte{want}) {
				t.Errorf("UNSUBSCRIBE of %s: %#x, want %#x", filter, f.codes, want)
			}
		}
		w.subscribe(topic, 1)
		w.seek("$since/1/" + topic) // replaces it, and replays
		w.gets("2")
		s.posts(t, context, "3")
		w.gets("3")
		w.quiet() // once, by the one subscription
		w.subscribe(topic, 1)
		w.quiet() // without a position nothing is replayed
		unsubscribe(topic, 0)
		unsubscribe("$since/1/"+topic, 0x11)
		w.seek("$last/1/" + topic)
		w.gets("3")
		unsubscribe("$since/77/"+topic, 0)
		unsubscribe(topic, 0x11)
		w.subscribe(topic, 1)
		unsubscribe("$last/1/"+topic, 0)
		s.posts(t, context, "unheard")
		w.quiet()
	}
}

func rewinds(t *testing.T, s *instance) {
	topic := s.room(t, "rewinds", "closed", "bob")
	s.room(t, "beside", "closed", "bob")
	w := s.as(t, 5, "bob", "rewinds")
	w.subscribe("/ctx/+/messages", 1)
	s.posts(t, "rewinds", "1", "2")
	w.gets("1", "2")
	s.posts(t, "beside", "3")
	w.gets("3")
	if ack := w.seek("$since/1/" + topic); string(ack.codes) != "\x01" {
		t.Fatalf("%#x", ack.codes)
	}
	s.posts(t, "rewinds", "4")
	w.gets("2", "4")
	s.posts(t, "beside", "5")
	w.gets("5")
	w.quiet()
}

func manyPositions(t *testing.T, s *instance) {
	one, two := s.room(t, "many-1", "closed", "bob"), s.room(t, "many-2", "closed", "bob")
	s.posts(t, "many-1", "1", "2")
	s.posts(t, "many-2", "3")
	w := s.as(t, 5, "bob", "many")
	ack := w.seek("$since/1/"+one, "/ctx/lobby/messages", "$since/-1/"+one, "$since/9/"+two)
	first, _ := s.position(t, "many-1")
	second, _ := s.position(t, "many-2")
	if string(ack.codes) != "\x01\x01\x8F\x01" || ack.user["complete"] != "true,false" || ack.user["position"] != first+":2,"+second+":1" {
		t.Errorf("SUBACK %+v", ack)
	}
	w.gets("2")
	w.quiet()
}

func replaysOwn(t *testing.T, s *instance) {
	alice := s.as(t, 5, "alice", "writer")
	for i, c := range []struct {
		from string
		want []string
	}{
		{"$since/0/", []string{"to bob", "to all"}}, {"$last/2/", []string{"to bob", "to all"}}, {"$last/1/", []string{"to all"}},
	} {
		topic := s.room(t, fmt.Sprint("own", i), "closed", "bob", "carol")
		for _, post := range []string{
			`{"content":"to carol","to":["carol"]}`, `{"content":"to bob","to":["bob"]}`, "to all", `{"content":"to carol again","to":["carol"]}`,
		} {
			if ack := alice.publish(1, topic, post); ack.code != 0 {
				t.Fatalf("%+v", ack)
			}
		}
		w := s.as(t, 4, "bob", "own")
		w.seek(c.from + topic)
		w.gets(c.want...)
		w.quiet()
	}
}

func lastingPosition(t *testing.T, s *instance) {
	for version := byte(4); version <= 5; version++ {
		id := fmt.Sprint("lasting", version)
		topic := s.room(t, id, "closed", "bob")
		s.posts(t, id, "1", "2", "3")
		w := s.begins(t, version, "bob", id, 0)
		w.seek("$since/0/" + topic)
		w.gets("1", "2", "3")
		w.leaves()
		s.posts(t, id, "4")
		w = s.returns(t, version, "bob", id)
		w.gets("4")
		w.quiet()
		// It leaves in the middle of a replay, and goes on there.
		w.seek("$since/0/" + topic)
		if got := readPost(t, w.hears()).Object.Content; got != "1" {
			t.Errorf("got %q", got)
		}
		w.leaves()
		w = s.returns(t, version, "bob", id)
		w.gets("2", "3", "4")
		w.quiet()
		w.leaves()
	}
}
