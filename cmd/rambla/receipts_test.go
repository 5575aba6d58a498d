package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// told is how far somebody has read, as the server tells it.
type receipt struct {
	Delivered, Read uint64
	Actor           struct{ Type, ID, Name string }
	At              time.Time
}

// receipt waits for the next one on the person's topic that is told; what a subscription brings that is
// retained may come behind what was told meanwhile, and is left out.
func (w *wire) receipt(topic string) receipt {
	w.t.Helper()
	f := w.hears()
	for f.flags&1 != 0 {
		f = w.hears()
	}
	var r receipt
	if err := json.Unmarshal([]byte(f.payload), &r); err != nil || f.topic != topic || f.qos() != 0 {
		w.t.Fatalf("got %+v, %v; want a receipt on %s", f, err, topic)
	}
	return r
}

// standing is an entry of somebody's list of contexts.
type standing struct {
	ID              string
	Position        string
	Delivered, Read uint64
	Unread          uint64
	Last            published
}

func (s *instance) standing(t *testing.T, token, context string) standing {
	t.Helper()
	var page struct{ Items []standing }
	if status := s.call(t, token, http.MethodGet, "/v1/me/contexts", nil, &page); status != http.StatusOK {
		t.Fatalf("my contexts: %d", status)
	}
	for _, item := range page.Items {
		if item.ID == context {
			return item
		}
	}
	t.Fatalf("%s is none of my contexts", context)
	return standing{}
}

func TestHowFarOneHasReadIsTold(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		t.Run("two devices of a person agree", func(t *testing.T) { devicesAgree(t, s) })
		t.Run("others see it only where the context lets them", func(t *testing.T) { receiptsOfOthers(t, s) })
		t.Run("unread is right through edits, removals, private and own posts", func(t *testing.T) { unread(t, s) })
		t.Run("a stored session's receipts are exchanged to their end", func(t *testing.T) { storedReceipts(t, s) })
		t.Run("receipts that are none are refused", func(t *testing.T) { noReceipts(t, s) })
	})
}

func devicesAgree(t *testing.T, s *instance) {
	alice, bob := s.login(t, "alice", "alice"), s.login(t, "bob", "bob")
	for i := range 5 {
		s.post(t, alice, "news", fmt.Sprint(i))
	}
	const mine = "/ctx/news/receipts/bob"
	phone, laptop := s.as(t, 5, "bob", "phone"), s.as(t, 4, "bob", "laptop")
	for w, filter := range map[*wire]string{phone: mine, laptop: "/ctx/+/receipts/+"} {
		if code := w.subscribe(filter, 1); code != 0 {
			t.Fatalf("granted %d", code)
		}
	}
	for qos, want := range []uint64{1, 2, 3} {
		began := time.Now()
		ack := laptop.publishReceipt(byte(qos), fmt.Sprintf(`{"delivered":5,"read":%d}`, want), mine)
		if qos > 0 && ack.code != 0 {
			t.Errorf("QoS %d: %#x", qos, ack.code)
		}
		got := phone.receipt(mine)
		if got.Read != want || got.Delivered != 5 || got.Actor.ID != "bob" || got.Actor.Type != "Person" || time.Since(got.At).Abs() > time.Minute {
			t.Errorf("QoS %d: %+v", qos, got)
		}
		if late := time.Since(began); late > time.Second {
			t.Errorf("QoS %d: told after %v", qos, late)
		}
		if o := s.standing(t, bob, "news"); o.Read != want || o.Unread != 5-want || o.Last.Object.Content != "4" {
			t.Errorf("QoS %d: over REST %+v", qos, o)
		}
	}
	// The other entrance; beyond the end is the end.
	s.call(t, bob, http.MethodPut, "/v1/contexts/news/read", map[string]any{"read": 400}, nil)
	for _, w := range []*wire{phone, laptop} {
		if got := w.receipt(mine); got.Read != 5 || got.Delivered != 5 {
			t.Errorf("%+v", got)
		}
	}
	// What changes nothing is told to nobody.
	if ack := phone.publish(1, "/ctx/news/receipts", `{"read":2}`); ack.code != 0 {
		t.Errorf("a smaller one: %#x", ack.code)
	}
	phone.quiet()
	laptop.quiet()
	// A device that comes later gets it retained; another person does not.
	tablet, alices := s.as(t, 5, "bob", "tablet"), s.as(t, 5, "alice", "tablet")
	tablet.send(bytesOf(0x82, twoBytes(5), tablet.props(), utf8String("/ctx/news/receipts/#"), []byte{0}))
	alices.send(bytesOf(0x82, twoBytes(5), alices.props(), utf8String("/ctx/news/receipts/#"), []byte{0}))
	tablet.expect(kindSuback)
	alices.expect(kindSuback)
	f := tablet.expect(kindPublish)
	var r receipt
	if err := json.Unmarshal([]byte(f.payload), &r); err != nil || f.topic != mine || f.flags != 1 || r.Read != 5 {
		t.Errorf("retained %+v, %v", f, err)
	}
	alices.quiet()
}

// publishReceipt publishes to the context of the topic that tells it, and takes
// the echo there, which may come before or behind the acknowledgement.
func (w *wire) publishReceipt(qos byte, payload, echo string) frame {
	w.t.Helper()
	w.send(w.publishPacket(qos, echo[:len(echo)-len("/bob")], payload))
	var ack frame
	for heard, acked := false, qos == 0; !heard || !acked; {
		f, err := w.read()
		if err != nil {
			w.t.Fatalf("waiting for the answers to a receipt: %v", err)
		}
		switch f.kind {
		case kindPublish:
			heard = f.topic == echo
		case kindPuback, kindPubcomp:
			ack, acked = f, true
		case kindPubrec:
			w.send(bytesOf(kindPubrel<<4|2, twoBytes(9)))
		}
	}
	return ack
}

func receiptsOfOthers(t *testing.T, s *instance) {
	alice := s.login(t, "alice", "alice")
	s.post(t, alice, "staff", "one")
	s.post(t, alice, "staff", "two")
	s.post(t, alice, "staff", "three")
	const his = "/ctx/staff/receipts/bob"
	her, own, stranger := s.as(t, 5, "alice", "watches"), s.as(t, 5, "bob", "own"), s.as(t, 5, "carol", "stranger")
	if code := stranger.subscribe("/ctx/staff/receipts/#", 0); code != 0x87 {
		t.Errorf("a stranger: %#x", code)
	}
	for _, w := range []*wire{her, own} {
		if code := w.subscribe("/ctx/staff/receipts/+", 0); code != 0 {
			t.Fatalf("granted %d", code)
		}
	}
	bob := s.as(t, 5, "bob", "says")
	says := func(payload string) {
		t.Helper()
		if ack := bob.publish(1, "/ctx/staff/receipts", payload); ack.code != 0 {
			t.Fatalf("%#x", ack.code)
		}
	}
	says(`{"read":1}`)
	if got := own.receipt(his); got.Read != 1 {
		t.Errorf("%+v", got)
	}
	her.quiet()
	s.call(t, alice, http.MethodPatch, "/v1/contexts/staff", map[string]any{"receipts": true}, nil)
	says(`{"read":2}`)
	for _, w := range []*wire{own, her} {
		got := w.receipt(his)
		if got.Read == 1 { // told late, to who may know of it by now
			got = w.receipt(his)
		}
		if got.Read != 2 || got.Actor.Name != "Bob" {
			t.Errorf("%+v", got)
		}
	}
	s.call(t, alice, http.MethodPatch, "/v1/contexts/staff", map[string]any{"receipts": false}, nil)
	says(`{"read":3}`)
	own.receipt(his)
	her.quiet()
}

func storedReceipts(t *testing.T, s *instance) {
	s.post(t, s.login(t, "alice", "alice"), "news", "more")
	bob := s.login(t, "bob", "bob")
	head := s.standing(t, bob, "news").Last.Seq
	w := s.wire(t, 5)
	if ack := w.connect(hello{id: "stored", name: "bob", password: "bob", properties: [][]byte{expires(60)}}); ack.code != 0 {
		t.Fatalf("CONNACK %#x", ack.code)
	}
	for _, payload := range []string{`{"delivered":1}`, fmt.Sprintf(`{"read":%d}`, head)} {
		if ack := w.publish(2, "/ctx/news/receipts", payload); ack.code != 0 {
			t.Errorf("%s: %#x", payload, ack.code)
		}
	}
	if o := s.standing(t, bob, "news"); o.Read != head || o.Unread != 0 {
		t.Errorf("%+v, want all of %d read", o, head)
	}
}

func unread(t *testing.T, s *instance) {
	alice, bob := s.login(t, "alice", "alice"), s.login(t, "bob", "bob")
	w := s.as(t, 5, "alice", "writes")
	wants := func(what string, read, unread uint64) {
		t.Helper()
		if o := s.standing(t, bob, "lobby"); o.Read != read || o.Unread != unread {
			t.Errorf("%s: %+v, want read %d, unread %d", what, o, read, unread)
		}
	}
	first := w.publish(1, "/ctx/lobby/messages", "one").user["id"]
	second := w.publish(1, "/ctx/lobby/messages", "two").user["id"]
	wants("two posts", 0, 2)
	s.call(t, alice, http.MethodPatch, "/v1/activities/"+first, map[string]any{"content": "one!"}, nil)
	wants("an edit", 0, 2)
	w.publish(1, "/ctx/lobby/messages", `{"content":"for carol","to":["carol"]}`)
	wants("a private post of others", 0, 2)
	w.publish(1, "/ctx/lobby/messages", `{"content":"for bob","to":["bob"]}`)
	wants("a private post", 0, 3)
	s.call(t, alice, http.MethodDelete, "/v1/activities/"+second, nil, nil)
	wants("a removal", 0, 2)
	s.post(t, bob, "lobby", "own")
	wants("his own", 0, 2)
	head := s.standing(t, bob, "lobby")
	if ack := s.as(t, 4, "bob", "reads").publish(1, "/ctx/lobby/receipts", `{"read":1000}`); ack.code != 0 {
		t.Errorf("%#x", ack.code)
	}
	wants("all read", head.Last.Seq, 0)
	s.post(t, bob, "lobby", "own again")
	wants("his own with nothing unread", head.Last.Seq+1, 0)
}

func noReceipts(t *testing.T, s *instance) {
	five, four := s.as(t, 5, "bob", "five"), s.as(t, 4, "bob", "four")
	for topic, want := range map[string]byte{
		"/ctx/lobby/receipts/bob": 0x87, "/ctx/lobby/receipts/alice": 0x87, "/ctx/nowhere/receipts": 0x87,
	} {
		if ack := five.publish(1, topic, `{"read":1}`); ack.code != want {
			t.Errorf("%s: %#x", topic, ack.code)
		}
	}
	for _, payload := range []string{``, `1`, `{}`, `[]`, `{"read":-1}`, `{"read":"1"}`, `{"read":1.5}`, `{"read":1,"read":2}`, `{"read":1,"at":"x"}`, `{"seen":1}`, `{"read":1} x`} {
		if ack := five.publish(1, "/ctx/lobby/receipts", payload); ack.code != 0x99 {
			t.Errorf("%s: %#x", payload, ack.code)
		}
	}
	if code := four.subscribe("/user/bob/errors", 0); code != 0 {
		t.Fatalf("granted %#x", code)
	}
	four.send(four.publishPacket(1, "/ctx/lobby/receipts", `{"read":-1}`))
	var told struct{ Topic, Code string }
	if f := four.hears(); json.Unmarshal([]byte(f.payload), &told) != nil || told.Topic != "/ctx/lobby/receipts" || told.Code != "invalid" {
		t.Errorf("told %s", f.payload)
	}
	four.expect(kindPuback)
	if code := five.subscribe("/ctx/lobby/receipts", 0); code != 0x87 {
		t.Errorf("the topic to publish to: %#x", code)
	}
	if code := s.as(t, 5, "carol", "c").subscribe("/ctx/staff/receipts/carol", 0); code != 0x87 {
		t.Errorf("where one may not read: %#x", code)
	}
}
