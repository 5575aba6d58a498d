package hooks_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"rambla/broker"
	"rambla/social"
)

func TestOpenTopicsAreForEverybodyWhoSignsIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, c := range []struct {
		who, filter, publish string // what becomes of each
	}{
		{"carol", "allowed", "allowed"},
		{"root", "allowed", "allowed"},
		{"carol/read", "allowed", "forbidden"},
		{"carol/write", "forbidden", "allowed"},
		{"bob/read write ctx:lobby", "forbidden", "forbidden"},
	} {
		p := s.login(c.who)
		if _, err := s.gate.Subscribe(p, "sensors/+/wind"); kind(err) != c.filter {
			t.Errorf("%s subscribes: %v", c.who, err)
		}
		if err := s.gate.MayPublish(p, "sensors/roof/wind"); kind(err) != c.publish {
			t.Errorf("%s may publish: %v", c.who, err)
		}
		for qos := range byte(3) {
			s.take()
			o := s.publish(p, broker.Publication{Topic: "sensors/roof/wind", Payload: []byte("7"), QoS: qos, Session: 5, Properties: user("a", "b")})
			if kind(o.err) != c.publish {
				t.Errorf("%s publishes: %v", c.who, o.err)
			}
			got := s.take()
			if (len(got) == 1) != (o.err == nil) {
				t.Fatalf("%s: %d deliveries", c.who, len(got))
			}
			if o.err != nil {
				continue
			}
			d := got[0]
			if d.Topic != "sensors/roof/wind" || d.Rest != "roof/wind" || d.Scope.Kind != social.ScopeOpen || d.Channel != social.ChannelData ||
				d.QoS != qos || d.Session != 5 || string(d.Payload()) != "7" || d.Properties.User[0].Name != "a" || (d.Seq != 0) != (qos > 0) {
				t.Errorf("%+v", d)
			}
			if s.gate.Stream(d.Scope, social.ChannelData) == 0 {
				t.Error("it has no stream")
			}
		}
	}
	for _, topic := range []string{"sensors", "sensors/", "other/x"} {
		if err := s.gate.MayPublish(s.login("root"), topic); kind(err) != "forbidden" {
			t.Errorf("%q: %v", topic, err)
		}
	}
	cover, err := s.gate.Subscribe(s.login("carol"), "sensors/#")
	if err != nil || cover.Rest != "#" || cover.Mine || s.gate.MayReceive(s.login("carol"), cover.Scope) != social.Channels(social.ChannelData) {
		t.Errorf("%+v, %v", cover, err)
	}
	yes := true
	carol := s.login("carol")
	if _, err := s.people.Amend(t.Context(), "carol", social.PersonPatch{Suspended: &yes}); err != nil {
		t.Fatal(err)
	}
	if got := s.gate.MayReceive(carol, cover.Scope); got != 0 {
		t.Errorf("who is suspended receives %q", words(got))
	}
	read, err := s.gate.Read(t.Context(), s.gate.Stream(cover.Scope, social.ChannelData), "", 0, 100)
	if err != nil || len(read) != 6 || read[0].Topic != "sensors/roof/wind" || read[0].QoS != 1 || read[1].QoS != 2 || read[0].Session != 5 {
		t.Errorf("%d kept, %v", len(read), err)
	}
}

func TestRetainedMessagesAreFoundByTheFilter(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob := s.login("bob")
	for i, topic := range []string{"/ctx/lobby/data/a", "/ctx/lobby/data/a/b", "/ctx/lobby/data/a/c/d", "/ctx/lobby/data/a-b", "/ctx/lobby/data/b/b", "/ctx/staff/data/a", "sensors/a"} {
		o := s.publish(bob, broker.Publication{Topic: topic, Payload: []byte{byte(i)}, QoS: byte(i % 3), Retain: true, Session: 9})
		if o.err != nil || (o.Seq != 0) != (i%3 > 0) {
			t.Fatalf("%s: %+v", topic, o)
		}
	}
	if got := s.take(); len(got) != 7 || !got[0].Retain || !got[1].Retain || got[0].Seq != 0 || got[0].Stream != 0 || got[1].Seq != 1 {
		t.Fatalf("%d deliveries", len(got))
	}
	for filter, want := range map[string][]string{
		"/ctx/lobby/data/#":   {"a", "a-b", "a/b", "a/c/d", "b/b"},
		"/ctx/lobby/data/a/#": {"a", "a/b", "a/c/d"},
		"/ctx/lobby/data/a/+": {"a/b"},
		"/ctx/lobby/data/+/b": {"a/b", "b/b"},
		"/ctx/lobby/data/a":   {"a"},
		"/ctx/lobby/data/x":   nil,
		"/ctx/staff/#":        {"a"},
		"sensors/#":           {"a"},
	} {
		cover, err := s.gate.Subscribe(bob, filter)
		if err != nil {
			t.Fatal(err)
		}
		for _, limit := range []int{100, 2, 1} { // in pages
			var got []string
			for after := ""; ; {
				list, next, err := s.gate.Retained(t.Context(), bob, cover.Scope, social.ChannelData, cover.Rest, after, limit)
				if err != nil || len(list) > limit {
					t.Fatalf("%d, %v", len(list), err)
				}
				for _, d := range list {
					got = append(got, d.Rest)
					if !d.Retain || d.Session != 9 || d.At.IsZero() || d.Scope != cover.Scope {
						t.Errorf("%+v", d)
					}
				}
				if after = next; next == "" {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s by %d: %q, want %q", filter, limit, got, want)
			}
		}
	}
	if list, next, err := s.gate.Retained(t.Context(), bob, s.space("lobby").Scope(), social.ChannelMessages, "#", "", 9); list != nil || next != "" || err != nil {
		t.Errorf("of messages: %v, %q, %v", list, next, err)
	}
	// What is out of date is not there.
	o := s.publish(bob, broker.Publication{Topic: "sensors/short", Payload: []byte("x"), Retain: true, Properties: &social.Properties{Expiry: 60}})
	open, err := s.gate.Subscribe(bob, "sensors/short")
	if err != nil || o.err != nil {
		t.Fatal(err, o.err)
	}
	for _, want := range []int{1, 0} {
		if list, _, err := s.gate.Retained(t.Context(), bob, open.Scope, social.ChannelData, open.Rest, "", 9); err != nil || len(list) != want {
			t.Errorf("%d, want %d, %v", len(list), want, err)
		}
		s.pass(time.Minute)
	}
}

func TestAStreamHasRoomForSoManyRetainedMessages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob := s.login("bob")
	for i := range retainedHere {
		if o := s.publish(bob, broker.Publication{Topic: fmt.Sprint("/ctx/lobby/data/", i), Payload: []byte("x"), QoS: 1, Retain: true}); o.err != nil {
			t.Fatalf("%d: %v", i, o.err)
		}
	}
	s.take()
	if o := s.publish(bob, broker.Publication{Topic: "/ctx/lobby/data/more", Payload: []byte("x"), QoS: 1, Retain: true}); kind(o.err) != "rate_limited" || len(s.take()) != 0 {
		t.Errorf("one more: %v", o.err)
	}
	if o := s.publish(bob, broker.Publication{Topic: "/ctx/staff/data/more", Payload: []byte("x"), QoS: 1, Retain: true}); o.err != nil {
		t.Errorf("elsewhere: %v", o.err)
	}
}
