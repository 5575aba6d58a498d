package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWhoHearsWhat(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		s.withRole(t, "alice", "manager")
		figures := s.as(t, 5, "alice", "figures")
		if code := figures.subscribe("$SYS/#", 0); code != 0 {
			t.Errorf("a manager subscribes to figures: %#x", code)
		}
		t.Run("SUBACK tells what each filter can have", func(t *testing.T) { filters(t, s) })
		t.Run("data passes unchanged at the lower QoS", func(t *testing.T) { samples(t, s) })
		t.Run("sync reaches one's own devices", func(t *testing.T) { ownDevices(t, s) })
		t.Run("wildcards follow memberships", func(t *testing.T) { wildcards(t, s) })
		t.Run("events tell who comes and goes", func(t *testing.T) { events(t, s) })
		t.Run("history since the join hides what was before", func(t *testing.T) { sinceJoin(t, s) })
		t.Run("a context that is deleted falls silent", func(t *testing.T) { deleted(t, s) })
		if f := figures.hears(); !strings.HasPrefix(f.topic, "$SYS/") || f.payload == "" {
			t.Errorf("%+v", f)
		}
	})
}

func filters(t *testing.T, s *instance) {
	const refused = 0x87
	for filter, want := range map[string]byte{
		"/ctx/lobby/messages": 1, "/ctx/lobby/events": 1, "/ctx/+/messages": 1, "/ctx/lobby/+": 1, "/ctx/news/messages": 1,
		"/ctx/lobby/data/#": 2, "/ctx/lobby/data/a/b": 2, "/ctx/lobby/#": 2, "/ctx/#": 2, "/ctx/+/data/#": 2, "/ctx/lobby/data/+/x": 2,
		"/user/carol/errors": 0, "/user/carol/sync/#": 0, "/user/carol/sync/a": 0, "/user/carol/#": 1, "/user/carol/posts": 1, "/user/bob/posts": 1, "/user/+/posts": 1, "/conv/+/messages": 1, "/conv/#": 1,

		"/ctx/staff/messages": refused, "/ctx/staff/#": refused, "/ctx/nope/messages": refused, "/ctx/Lobby/messages": refused,
		"#": refused, "/#": refused, "+/+/messages": refused, "+/x": refused, "/+/lobby/messages": refused, "/user/#": refused,
		"/user/bob/errors": refused, "/user/bob/sync/#": refused, "/user/bob/#": refused, "/user/bob/counters": refused, "/user/+/counters": refused, "/conv/nope/messages": refused, "$SYS/#": refused,
		"ctx/lobby/messages": refused, "somewhere": refused, "/ctx/lobby": refused, "/ctx/lobby/messages/x": refused,
		"/ctx/lo+/messages": 0x8F, "/ctx/#/messages": 0x8F, "": 0x8F,
	} {
		for _, version := range []byte{5, 4} {
			if version == 4 {
				want = min(want, 0x80)
			}
			w := s.as(t, version, "carol", "filters")
			if got := w.subscribe(filter, 2); got != want {
				t.Errorf("%q in version %d: %#x, want %#x", filter, version, got, want)
			}
			w.quiet()
		}
	}
	w := s.as(t, 5, "carol", "filters")
	w.subscribe("/ctx/lobby/messages", 1)
	w.send(bytesOf(0xA2, twoBytes(8), w.props(), utf8String("/ctx/lobby/messages"), utf8String("/ctx/lobby/events")))
	if f := w.expect(kindUnsuback); string(f.codes) != "\x00\x11" {
		t.Errorf("UNSUBACK %#x", f.codes)
	}
}

func samples(t *testing.T, s *instance) {
	const topic = "/ctx/lobby/data/kitchen/temperature"
	props := slices.Concat([]byte{0x01, 0}, append([]byte{0x03}, utf8String("text/plain")...), append([]byte{0x08}, utf8String("/ctx/lobby/data/answers")...),
		[]byte{0x09, 0, 2, 'n', '1'}, property("unit", "°C"), property("unit2", "K"), property("key", ""))
	for version := byte(4); version <= 5; version++ {
		for granted := byte(0); granted <= 2; granted++ {
			reader := s.as(t, version, "bob", "data-reader")
			if code := reader.subscribe("/ctx/+/data/kitchen/+", granted); code != granted {
				t.Fatalf("granted %d", code)
			}
			writer := s.as(t, 5, "alice", "data-writer")
			for qos := byte(0); qos <= 2; qos++ {
				payload := fmt.Sprintf("\x00\xff%d", qos)
				ack := writer.publish(qos, topic, payload, props)
				if ack.code != 0 || qos > 0 && ack.user["seq"] == "" {
					t.Errorf("QoS %d: %+v", qos, ack)
				}
				f := reader.hears()
				if f.topic != topic || f.payload != payload || f.qos() != min(qos, granted) {
					t.Errorf("published at %d, granted %d: %+v", qos, granted, f)
				}
				if version == 5 && (f.props[0x03] != "text/plain" || f.props[0x08] != "/ctx/lobby/data/answers" || f.props[0x09] != "n1" ||
					len(f.user) != 3 || f.user["unit"] != "°C" || f.user["unit2"] != "K") {
					t.Errorf("properties %+v %+v", f.props, f.user)
				}
			}
			writer.publish(1, topic, "")
			if f := reader.hears(); f.payload != "" || version == 5 && len(f.user)+len(f.props) > 0 {
				t.Errorf("an empty payload: %+v", f)
			}
		}
	}
	var page struct {
		Items []struct {
			Seq                         uint64
			Topic, ContentType, Payload string
			Properties                  json.RawMessage
		}
	}
	carol := s.login(t, "carol", "carol")
	s.call(t, carol, http.MethodGet, "/v1/contexts/lobby/data/kitchen/temperature?after=0&limit=200", nil, &page)
	if len(page.Items) != 18 { // 6 rounds of QoS 1, 2 and the empty one
		t.Errorf("%d samples are kept", len(page.Items))
	}
	for i, item := range page.Items {
		if item.Seq != uint64(i+1) || item.Topic != "kitchen/temperature" { //nolint:gosec // small
			t.Errorf("sample %d: %+v", i, item)
		}
	}
	if first := page.Items[0]; first.ContentType != "text/plain" || first.Payload != "AP8x" || !strings.Contains(string(first.Properties), "°C") {
		t.Errorf("the first is %+v", first)
	}
}

func ownDevices(t *testing.T, s *instance) {
	phone, desk, other := s.as(t, 5, "bob", "phone"), s.as(t, 4, "bob", "desk"), s.as(t, 5, "carol", "phone")
	phone.subscribe("/user/bob/sync/#", 1)
	if code := other.subscribe("/user/bob/sync/#", 1); code != 0x87 {
		t.Errorf("another person subscribes: %#x", code)
	}
	for qos := byte(0); qos <= 2; qos++ {
		desk.publish(qos, "/user/bob/sync/draft/lobby", "so far")
		if f := phone.hears(); f.payload != "so far" || f.qos() != 0 || f.topic != "/user/bob/sync/draft/lobby" {
			t.Errorf("QoS %d: %+v", qos, f)
		}
	}
	if ack := other.publish(1, "/user/bob/sync/draft", "x"); ack.code != 0x87 {
		t.Errorf("another person publishes: %#x", ack.code)
	}
	phone.quiet()
}

// withRole gives a demo person a role for the time of the test.
func (s *instance) withRole(t *testing.T, name, role string) {
	t.Helper()
	set := func(word string) {
		if _, stderr, code := here(nil, append([]string{"user", "role", name, word}, s.store()...)...); code != exitOK {
			t.Error(stderr)
		}
	}
	set("+" + role)
	t.Cleanup(func() { set("-" + role) })
	token := s.login(t, name, name)
	deadline := time.Now().Add(patience)
	for {
		var me struct{ Roles []string }
		if s.call(t, token, http.MethodGet, "/v1/me", nil, &me); slices.Contains(me.Roles, role) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is no %s after %v", name, role, patience)
		}
		time.Sleep(20 * time.Millisecond) //nolint:forbidigo // polls another process
	}
}

// contents are those of the next n posts, and of what is there beside them.
func (w *wire) contents(t *testing.T, n int) []string {
	t.Helper()
	out := []string{}
	for range n {
		out = append(out, readPost(t, w.hears()).Object.Content)
	}
	w.send([]byte{0xC0, 0})
	for {
		f, err := w.read()
		switch {
		case err != nil:
			t.Fatal(err)
		case f.kind == kindPingresp:
			return out
		case f.kind == kindPublish:
			out = append(out, readPost(t, f).Object.Content)
			w.send(bytesOf(kindPuback<<4, twoBytes(f.id)))
		}
	}
}

// byStream puts together what belongs to one stream, which the first word names: order
// is promised in each, not between them.
func byStream(contents []string) []string {
	stream := func(content string) string {
		name, _, _ := strings.Cut(content, " ")
		return name
	}
	return slices.SortedStableFunc(slices.Values(contents), func(a, b string) int { return strings.Compare(stream(a), stream(b)) })
}

func wildcards(t *testing.T, s *instance) {
	alice := s.login(t, "alice", "alice")
	s.withRole(t, "carol", "manager")
	manager, bob := s.as(t, 5, "carol", "wild"), s.as(t, 4, "bob", "wild")
	for _, w := range []*wire{manager, bob} {
		w.subscribe("/ctx/+/messages", 1)
	}
	all := func(suffix string) {
		for _, context := range []string{"lobby", "news", "staff"} {
			s.post(t, alice, context, context+suffix)
		}
	}
	want := func(w *wire, who string, contents ...string) {
		t.Helper()
		if got := byStream(w.contents(t, len(contents))); !slices.Equal(got, byStream(contents)) {
			t.Errorf("%s got %q, want %q", who, got, contents)
		}
	}
	all(" 1")
	want(manager, "a manager who is no member of staff", "lobby 1", "news 1")
	want(bob, "a member of all", "lobby 1", "news 1", "staff 1")
	// Who leaves a public context must name it from then on.
	bobs := s.login(t, "bob", "bob")
	s.do(t, http.StatusNoContent, bobs, http.MethodDelete, "/v1/contexts/lobby/members/me", nil)
	all(" 2")
	want(bob, "bob, who left lobby", "news 2", "staff 2")
	bob.subscribe("/ctx/lobby/messages", 1)
	all(" 3")
	want(bob, "bob, who names it", "lobby 3", "news 3", "staff 3")
	s.do(t, http.StatusCreated, bobs, http.MethodPut, "/v1/contexts/lobby/members/me", nil)
	all(" 4")
	want(bob, "bob, by the name and the wildcard", "lobby 4", "news 4", "staff 4")
	want(manager, "a manager", "lobby 2", "news 2", "lobby 3", "news 3", "lobby 4", "news 4")

	s.withRole(t, "carol", "auditor")
	all(" 5")
	want(manager, "an auditor", "lobby 5", "news 5", "staff 5")
}

func events(t *testing.T, s *instance) {
	alice := s.login(t, "alice", "alice")
	w := s.as(t, 5, "alice", "events")
	w.subscribe("/ctx/news/events", 1)
	carol := s.login(t, "carol", "carol")
	s.do(t, http.StatusNoContent, carol, http.MethodDelete, "/v1/contexts/news/members/me", nil)
	s.do(t, http.StatusCreated, carol, http.MethodPut, "/v1/contexts/news/members/me", nil)
	s.do(t, http.StatusOK, alice, http.MethodPatch, "/v1/contexts/news", map[string]string{"displayName": "The news"})
	for _, want := range []string{"Leave", "Join", "Update"} {
		f := w.hears()
		p := readPost(t, f)
		if p.Type != want || f.props[0x03] != "application/json" || f.user["seq"] != fmt.Sprint(p.Seq) {
			t.Errorf("got %s %+v, want %s", f.payload, f, want)
		}
		if want != "Update" && p.Object.ID != "carol" {
			t.Errorf("%s of %s", want, f.payload)
		}
	}
}

func sinceJoin(t *testing.T, s *instance) {
	alice, bob := s.login(t, "alice", "alice"), s.login(t, "bob", "bob")
	s.do(t, http.StatusOK, alice, http.MethodPatch, "/v1/contexts/staff", map[string]string{"history": "since_join"})
	s.post(t, alice, "staff", "before")
	s.do(t, http.StatusNoContent, alice, http.MethodDelete, "/v1/contexts/staff/members/bob", nil)
	s.do(t, http.StatusCreated, alice, http.MethodPut, "/v1/contexts/staff/members/bob", nil)
	s.post(t, alice, "staff", "after")
	var all, since struct{ Items []published }
	s.call(t, alice, http.MethodGet, "/v1/contexts/staff/log/messages?limit=2", nil, &all)
	s.call(t, bob, http.MethodGet, "/v1/contexts/staff/log/messages?limit=2", nil, &since)
	if len(all.Items) != 2 || len(since.Items) != 1 || since.Items[0].Object.Content != "after" {
		t.Errorf("alice reads %+v\nbob reads %+v", all, since)
	}
	if code := s.call(t, bob, http.MethodGet, "/v1/activities/"+all.Items[1].ID, nil, nil); code != http.StatusNotFound {
		t.Errorf("by its id: %d", code)
	}
	// The same of what is said about posts, from a position, and live.
	before, after := "/v1/activities/"+all.Items[1].ID, "/v1/activities/"+all.Items[0].ID
	s.do(t, http.StatusNoContent, alice, http.MethodDelete, "/v1/contexts/staff/members/bob", nil)
	s.do(t, http.StatusCreated, alice, http.MethodPost, before+"/comments", with{"content": "unheard"})
	s.do(t, http.StatusCreated, alice, http.MethodPut, before+"/like", nil)
	s.do(t, http.StatusCreated, alice, http.MethodPut, "/v1/contexts/staff/members/bob", nil)
	s.do(t, http.StatusCreated, alice, http.MethodPost, after+"/comments", with{"content": "heard"})
	s.do(t, http.StatusCreated, alice, http.MethodPut, after+"/like", nil)
	for version := byte(4); version <= 5; version++ {
		for channel, want := range map[string]string{"comments": "heard", "reactions": ""} {
			for i, from := range []string{"$since/0/", "$last/9/"} {
				w := s.as(t, version, "bob", fmt.Sprint("floor", version, channel, i))
				if ack := w.seek(from + "/ctx/staff/" + channel); len(ack.codes) != 1 || ack.codes[0] != 1 {
					t.Fatalf("granted %x", ack.codes)
				}
				f := w.hears()
				if p := readPost(t, f); p.Seq != 2 || p.Object.Content != want || f.topic != "/ctx/staff/"+channel {
					t.Errorf("%s of %s begins with %d, %s", from, channel, p.Seq, f.payload)
				}
				w.quiet()
			}
		}
	}
	s.do(t, http.StatusOK, alice, http.MethodPatch, "/v1/contexts/staff", map[string]string{"history": "all"})
}

func deleted(t *testing.T, s *instance) {
	alice := s.login(t, "alice", "alice")
	s.do(t, http.StatusCreated, alice, http.MethodPost, "/v1/contexts", map[string]string{"id": "brief", "preset": "open"})
	w := s.as(t, 5, "bob", "brief")
	if code := w.subscribe("/ctx/brief/messages", 1); code != 1 {
		t.Fatalf("%#x", code)
	}
	s.post(t, alice, "brief", "hello")
	w.hears()
	hears := map[*wire]string{}
	for version := byte(4); version <= 5; version++ {
		for i, filter := range []string{"/ctx/brief/events", "/ctx/+/events"} {
			if version == 4 && i == 0 {
				s.do(t, http.StatusCreated, s.login(t, "bob", "bob"), http.MethodPut, "/v1/contexts/brief/members/me", nil)
			}
			hears[s.hearing(t, version, "bob", fmt.Sprint("end", version, i), filter)] = filter
		}
	}
	s.do(t, http.StatusNoContent, alice, http.MethodDelete, "/v1/contexts/brief", nil)
	for listener := range hears { // the end is the last that they hear
		listener.event("/ctx/brief/events", "Delete", "brief")
		listener.quiet()
	}
	s.do(t, http.StatusNotFound, alice, http.MethodPost, "/v1/contexts/brief/activities", map[string]string{"content": "x"})
	s.do(t, http.StatusNotFound, alice, http.MethodGet, "/v1/contexts/brief", nil)
	if ack := w.publish(1, "/ctx/brief/messages", "x"); ack.code != 0x87 {
		t.Errorf("a publish: %#x", ack.code)
	}
	if code := w.subscribe("/ctx/brief/messages", 1); code != 0x87 {
		t.Errorf("a subscription: %#x", code)
	}
	// Its id is not given again.
	s.do(t, http.StatusConflict, alice, http.MethodPost, "/v1/contexts", map[string]string{"id": "brief"})
}
