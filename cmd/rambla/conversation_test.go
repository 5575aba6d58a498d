package main

import (
	"net/http"
	"slices"
	"testing"
)

// talk is a conversation as the interface shows it.
type talk struct {
	ID, DisplayName, Owner, History string
	Participants                    []struct{ Name string }
	Tags, May                       []string
}

// talks begins a conversation.
func (s *instance) talks(t *testing.T, want int, name string, body any) talk {
	t.Helper()
	var c talk
	if code := s.call(t, s.token(t, name), http.MethodPost, "/v1/conversations", body, &c); code != want {
		t.Fatalf("%s begins a conversation: %d, want %d", name, code, want)
	}
	return c
}

func (c talk) topic(channel string) string { return "/conv/" + c.ID + "/" + channel }
func (c talk) path(rest string) string     { return "/v1/conversations/" + c.ID + rest }

type with map[string]any

func TestPeopleTalkInPrivate(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		if _, stderr, code := rambla(t, append([]string{"user", "role", "alice", "+manager", "+moderator", "+auditor"}, storeFlags(flags)...)...); code != exitOK {
			t.Fatal(stderr)
		}
		t.Run("two people have one conversation, which is live from its first message", func(t *testing.T) { twoTalk(t, s) })
		t.Run("a group is followed by who is added and removed while connected", func(t *testing.T) { groupTalks(t, s) })
		t.Run("who was away gets what was written, and what was before from a position", func(t *testing.T) { talkMissed(t, s) })
		t.Run("who left comes back with the other's next message, through both entrances", func(t *testing.T) { comeBack(t, s) })
		t.Run("participants see what reached and was read by the others", func(t *testing.T) { talkReceipts(t, s) })
		t.Run("a block ends a conversation of two on live connections", func(t *testing.T) { blockTalk(t, s) })
		t.Run("no role hears what others say", func(t *testing.T) { talkApart(t, s) })
	})
}

func twoTalk(t *testing.T, s *instance) {
	bob := s.as(t, 5, "bob", "phone")
	if code := bob.subscribe("/conv/+/messages", 1); code != 1 {
		t.Fatalf("granted %#x", code)
	}
	c := s.talks(t, http.StatusCreated, "alice", with{"participants": []string{"bob"}})
	if again := s.talks(t, http.StatusOK, "bob", with{"participants": []string{"alice"}}); again.ID != c.ID || again.DisplayName != "Alice" || c.DisplayName != "Bob" {
		t.Errorf("%+v, and then %+v", c, again)
	}
	alice := s.as(t, 4, "alice", "laptop")
	if ack := alice.publish(1, c.topic("messages"), "hello"); ack.code != 0 {
		t.Fatalf("%#x", ack.code)
	}
	f := bob.hears()
	if p := readPost(t, f); f.topic != c.topic("messages") || p.Object.Content != "hello" || p.Seq != 1 || p.Target.Type != "Conversation" || p.Target.ID != c.ID {
		t.Errorf("%s: %+v", f.topic, p)
	}
	s.do(t, http.StatusCreated, s.token(t, "bob"), http.MethodPost, c.path("/messages"), with{"content": "hello yourself"})
	bob.gets("hello yourself")
	var page struct{ Items []published }
	s.call(t, s.token(t, "alice"), http.MethodGet, c.path("/messages"), nil, &page)
	var contents []string
	for _, p := range page.Items {
		contents = append(contents, p.Object.Content)
	}
	if !slices.Equal(contents, []string{"hello yourself", "hello"}) {
		t.Errorf("listed %q", contents)
	}
	var mine struct{ Items []standing }
	s.call(t, s.token(t, "alice"), http.MethodGet, "/v1/me/conversations", nil, &mine)
	if len(mine.Items) != 1 || mine.Items[0].ID != c.ID || mine.Items[0].Unread != 1 || mine.Items[0].Last.Object.Content != "hello yourself" {
		t.Errorf("%+v", mine.Items)
	}
	carol := s.token(t, "carol")
	for _, path := range []string{"", "/messages", "/log/messages", "/log/events", "/log/reactions"} {
		s.do(t, http.StatusNotFound, carol, http.MethodGet, c.path(path), nil)
	}
	stranger := s.as(t, 5, "carol", "c")
	if code := stranger.subscribe(c.topic("messages"), 1); code != 0x87 {
		t.Errorf("a stranger subscribes: %#x", code)
	}
	if ack := stranger.publish(1, c.topic("messages"), "me too"); ack.code != 0x87 {
		t.Errorf("a stranger publishes: %#x", ack.code)
	}
}

// hearing is a connection with these subscriptions.
func (s *instance) hearing(t *testing.T, version byte, name, id string, filters ...string) *wire {
	t.Helper()
	w := s.as(t, version, name, id)
	for _, f := range filters {
		if code := w.subscribe(f, 1); code != 1 {
			t.Fatalf("%s subscribes to %s: %#x", name, f, code)
		}
	}
	return w
}

// event reads one on the topic: what became of whom.
func (w *wire) event(topic, kind, whom string) {
	w.t.Helper()
	f := w.hears()
	p := readPost(w.t, f)
	if f.topic != topic || p.Type != kind || p.Object.ID != whom {
		w.t.Errorf("heard %s of %s on %s, want %s of %s on %s", p.Type, p.Object.ID, f.topic, kind, whom, topic)
	}
}

func groupTalks(t *testing.T, s *instance) {
	alice := s.token(t, "alice")
	bob := s.hearing(t, 5, "bob", "g1", "/conv/+/messages", "/conv/+/events")
	carol := s.hearing(t, 4, "carol", "g2", "/conv/+/messages", "/conv/+/events")
	all := s.hearing(t, 5, "carol", "g5", "/conv/#") // with who is there
	c := s.talks(t, http.StatusCreated, "alice", with{"participants": []string{"bob"}, "displayName": "Trip"})
	bob.event(c.topic("events"), "Join", "alice")
	own := s.as(t, 5, "alice", "g3")
	says := func(content string) {
		t.Helper()
		if ack := own.publish(1, c.topic("messages"), content); ack.code != 0 {
			t.Fatalf("%q: %#x", content, ack.code)
		}
	}
	says("one")
	bob.gets("one")
	carol.quiet()
	s.do(t, http.StatusCreated, alice, http.MethodPut, c.path("/participants/carol"), nil)
	bob.event(c.topic("events"), "Join", "carol")
	carol.event(c.topic("events"), "Join", "carol")
	says("two")
	bob.gets("two")
	carol.gets("two")
	for f := all.hears(); f.topic != c.topic("messages") || readPost(t, f).Object.Content != "two"; f = all.hears() {
	}
	says(`{"content":"only for bob","to":["bob"]}`)
	bob.gets("only for bob")
	s.do(t, http.StatusOK, alice, http.MethodPatch, c.path(""), with{"displayName": "Girona"})
	for _, w := range []*wire{bob, carol} {
		w.event(c.topic("events"), "Update", c.ID)
	}
	for _, w := range []*wire{bob, carol} { // clients do not write what the server says
		for _, channel := range []string{"events", "reactions"} {
			if ack := w.publish(1, c.topic(channel), "x"); w.version == 5 && ack.code != 0x87 {
				t.Errorf("%s: %#x", channel, ack.code)
			}
		}
	}
	// Removed: nothing more comes, and nothing is taken.
	s.do(t, http.StatusNoContent, alice, http.MethodDelete, c.path("/participants/carol"), nil)
	bob.event(c.topic("events"), "Leave", "carol")
	carol.event(c.topic("events"), "Leave", "carol") // the last that she hears
	says("three")
	bob.gets("three")
	carol.quiet()
	if ack := s.as(t, 5, "carol", "g4").publish(1, c.topic("messages"), "me too"); ack.code != 0x87 {
		t.Errorf("who was removed writes: %#x", ack.code)
	}
	// Added again: from then on, while the connection stands.
	s.do(t, http.StatusCreated, alice, http.MethodPut, c.path("/participants/carol"), nil)
	bob.event(c.topic("events"), "Join", "carol")
	carol.event(c.topic("events"), "Join", "carol")
	says("four")
	carol.gets("four")
	bob.gets("four")
	// Handed over, and ended by the new owner, which is the last that anybody hears.
	s.do(t, http.StatusOK, alice, http.MethodPut, c.path("/owner"), with{"owner": "bob"})
	s.do(t, http.StatusNoContent, s.token(t, "bob"), http.MethodDelete, c.path(""), nil)
	for _, w := range []*wire{bob, carol} {
		w.event(c.topic("events"), "Update", c.ID)
		w.event(c.topic("events"), "Delete", c.ID)
		w.quiet()
	}
	if ack := own.publish(1, c.topic("messages"), "anybody?"); ack.code != 0x87 {
		t.Errorf("where a conversation has ended: %#x", ack.code)
	}
	if code := own.subscribe(c.topic("messages"), 1); code != 0x87 {
		t.Errorf("where a conversation has ended: granted %#x", code)
	}
}

func talkMissed(t *testing.T, s *instance) {
	alice := s.token(t, "alice")
	c := s.talks(t, http.StatusCreated, "alice", with{"participants": []string{"bob"}, "displayName": "Missed"})
	write := func(contents ...string) {
		t.Helper()
		for _, content := range contents {
			s.do(t, http.StatusCreated, alice, http.MethodPost, c.path("/messages"), with{"content": content})
		}
	}
	away := s.begins(t, 5, "bob", "away", 1, "/conv/+/messages")
	write("1")
	away.gets("1")
	away.leaves()
	late := s.begins(t, 4, "carol", "late", 1, "/conv/+/messages")
	late.leaves()
	write("2")
	s.do(t, http.StatusCreated, alice, http.MethodPut, c.path("/participants/carol"), nil)
	write("3", "4")
	s.returns(t, 5, "bob", "away").gets("2", "3", "4")
	s.returns(t, 4, "carol", "late").gets("3", "4") // what was said before she came is not hers
	from := s.as(t, 5, "bob", "from")
	if code := from.subscribe("$since/2/"+c.topic("messages"), 1); code != 1 {
		t.Fatalf("granted %#x", code)
	}
	from.gets("3", "4")
	last := s.as(t, 4, "carol", "last")
	if code := last.subscribe("$last/10/"+c.topic("messages"), 1); code != 1 {
		t.Fatalf("granted %#x", code)
	}
	last.gets("3", "4")
}

func comeBack(t *testing.T, s *instance) {
	bob, carol := s.token(t, "bob"), s.token(t, "carol")
	c := s.talks(t, http.StatusCreated, "bob", with{"participants": []string{"carol"}})
	hers := s.hearing(t, 5, "carol", "back", "/conv/+/messages")
	his := s.as(t, 5, "bob", "stays")
	leaves := func() {
		t.Helper()
		s.do(t, http.StatusNoContent, carol, http.MethodDelete, c.path("/participants/me"), nil)
		s.do(t, http.StatusNotFound, carol, http.MethodGet, c.path(""), nil)
		if ack := s.as(t, 5, "carol", "left").publish(1, c.topic("messages"), "x"); ack.code != 0x87 {
			t.Errorf("who left writes: %#x", ack.code)
		}
	}
	leaves()
	if ack := his.publish(1, c.topic("messages"), "are you there?"); ack.code != 0 {
		t.Fatalf("%#x", ack.code)
	}
	hers.gets("are you there?")
	leaves()
	s.do(t, http.StatusCreated, bob, http.MethodPost, c.path("/messages"), with{"content": "hello?"})
	hers.gets("hello?")
	s.do(t, http.StatusOK, carol, http.MethodGet, c.path("/messages"), nil)
}

func talkReceipts(t *testing.T, s *instance) {
	c := s.talks(t, http.StatusCreated, "bob", with{"participants": []string{"carol", "alice"}, "displayName": "Read"})
	sender := s.as(t, 5, "bob", "r1")
	if code := sender.subscribe(c.topic("receipts/+"), 0); code != 0 {
		t.Fatalf("granted %#x", code)
	}
	if ack := sender.publish(1, c.topic("messages"), "read this"); ack.code != 0 {
		t.Fatalf("%#x", ack.code)
	}
	carol := s.as(t, 4, "carol", "r2")
	for _, payload := range []string{`{"delivered":1}`, `{"read":1}`} {
		carol.publish(1, c.topic("receipts"), payload)
		r := sender.receipt(c.topic("receipts/carol"))
		if want := payload == `{"read":1}`; r.Delivered != 1 || (r.Read == 1) != want || r.Actor.ID != "carol" {
			t.Errorf("%s is told as %+v", payload, r)
		}
	}
	s.do(t, http.StatusOK, s.token(t, "alice"), http.MethodPut, c.path("/read"), with{"read": 1})
	if r := sender.receipt(c.topic("receipts/alice")); r.Read != 1 {
		t.Errorf("%+v", r)
	}
	later := s.as(t, 5, "bob", "r3")
	later.send(bytesOf(0x82, twoBytes(5), later.props(), utf8String(c.topic("receipts/carol")), []byte{0}))
	later.expect(kindSuback)
	if f := later.expect(kindPublish); f.topic != c.topic("receipts/carol") || f.flags != 1 {
		t.Errorf("retained %+v", f)
	}
}

func blockTalk(t *testing.T, s *instance) {
	bob := s.token(t, "bob")
	c := s.talks(t, http.StatusOK, "bob", with{"participants": []string{"carol"}})
	hers, his, old := s.as(t, 5, "carol", "b1"), s.as(t, 5, "bob", "b2"), s.hearing(t, 4, "carol", "b3", c.topic("messages"))
	if code := old.subscribe("/user/carol/errors", 0); code != 0 {
		t.Fatalf("granted %#x", code)
	}
	if ack := hers.publish(1, c.topic("messages"), "before"); ack.code != 0 {
		t.Fatalf("%#x", ack.code)
	}
	old.gets("before")
	s.do(t, http.StatusCreated, bob, http.MethodPut, "/v1/people/carol/block", nil)
	var reasons []any
	for _, w := range []*wire{hers, his} {
		ack := w.publish(1, c.topic("messages"), "x")
		if ack.code != 0x87 {
			t.Errorf("blocked: %#x", ack.code)
		}
		reasons = append(reasons, ack.props[0x1F])
	}
	if reasons[0] != reasons[1] || reasons[0] == nil {
		t.Errorf("the two are told apart: %v", reasons)
	}
	old.send(old.publishPacket(1, c.topic("messages"), "x"))
	if f := old.expect(kindPublish); f.topic != "/user/carol/errors" {
		t.Errorf("told on %s", f.topic)
	}
	old.expect(kindPuback)
	s.do(t, http.StatusForbidden, s.token(t, "carol"), http.MethodPost, c.path("/messages"), with{"content": "x"})
	s.do(t, http.StatusForbidden, s.token(t, "carol"), http.MethodPost, "/v1/conversations", with{"participants": []string{"bob"}})
	s.do(t, http.StatusNoContent, bob, http.MethodDelete, "/v1/people/carol/block", nil)
	if ack := hers.publish(1, c.topic("messages"), "after"); ack.code != 0 {
		t.Errorf("after the block: %#x", ack.code)
	}
	old.gets("after")
}

// alice has every role that there is.
func talkApart(t *testing.T, s *instance) {
	c := s.talks(t, http.StatusCreated, "bob", with{"participants": []string{"carol"}, "displayName": "Apart"})
	w := s.hearing(t, 5, "alice", "a1", "/conv/+/messages", "/ctx/+/messages")
	for _, f := range []string{c.topic("messages"), c.topic("events"), c.topic("#"), "$since/0/" + c.topic("messages"), "$last/5/" + c.topic("messages"), c.topic("receipts/bob")} {
		if code := w.subscribe(f, 1); code != 0x87 {
			t.Errorf("%s: granted %#x", f, code)
		}
	}
	if ack := s.as(t, 5, "bob", "a2").publish(1, c.topic("messages"), "secret"); ack.code != 0 {
		t.Fatalf("%#x", ack.code)
	}
	w.quiet()
}
