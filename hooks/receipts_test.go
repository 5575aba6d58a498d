package hooks_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"rambla/broker"
	"rambla/social"
)

func TestWhoMayMoveAMarkerWhere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.publish(s.login("bob"), broker.Publication{Topic: "/ctx/staff/messages", Payload: []byte("x")})
	s.publish(s.login("bob"), broker.Publication{Topic: "/ctx/lobby/messages", Payload: []byte("x")})
	for _, c := range []struct{ who, topic, want string }{
		{"alice", "/ctx/staff/receipts", "allowed"},
		{"carol", "/ctx/lobby/receipts", "allowed"}, // reads it, though no member
		{"carol", "/ctx/staff/receipts", "not_found"},
		{"carol", "/ctx/nowhere/receipts", "not_found"},
		{"root", "/ctx/staff/receipts", "allowed"},
		{"alice/read ctx:lobby", "/ctx/lobby/receipts", "allowed"},
		{"alice/read ctx:lobby", "/ctx/staff/receipts", "not_found"},
		{"alice/write", "/ctx/lobby/receipts", "not_found"},
		{"alice/read data:lobby", "/ctx/lobby/receipts", "not_found"},
		{"alice", "/ctx/lobby/receipts/alice", "forbidden"},
		{"root", "/ctx/lobby/receipts/alice", "forbidden"},
		{"alice", "/ctx/lobby/receipts/", "forbidden"},
	} {
		p := s.login(c.who)
		for qos := range byte(3) {
			o := s.publish(p, broker.Publication{Topic: c.topic, Payload: []byte(`{"read":1}`), QoS: qos})
			if kind(o.err) != c.want || o.Seq != 0 || o.ID != "" {
				t.Errorf("%s to %s at QoS %d: %+v, want %s", c.who, c.topic, qos, o, c.want)
			}
		}
	}
	if o := s.publish(s.login("alice"), broker.Publication{Topic: "/ctx/lobby/receipts", Payload: []byte(`{"read":"1"}`), QoS: 1}); kind(o.err) != "invalid" {
		t.Errorf("no number: %v", o.err)
	}
}

func TestAMovedMarkerGoesToWhomItConcerns(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	alice := social.Actor{Person: s.key("alice")}
	for range 9 {
		s.publish(s.login("alice"), broker.Publication{Topic: "/ctx/lobby/messages", Payload: []byte("x")})
	}
	next := 0
	// moved has somebody read one post more, and gives what went out.
	moved := func(who string) *broker.Delivery {
		t.Helper()
		next++
		s.take()
		payload, err := json.Marshal(map[string]int{"read": next})
		if err != nil {
			t.Fatal(err)
		}
		if o := s.publish(s.login(who), broker.Publication{Topic: "/ctx/lobby/receipts", Payload: payload, QoS: 1, Session: 5}); o.err != nil {
			t.Fatal(o.err)
		}
		got := s.take()
		if len(got) != 1 {
			t.Fatalf("%d deliveries", len(got))
		}
		return got[0]
	}
	alone := func(what, who string) {
		t.Helper()
		if d := moved(who); !slices.Equal(d.Only, []social.PersonKey{s.key(who)}) {
			t.Errorf("%s: goes to %v", what, d.Only)
		}
	}
	all := func(what, who string) {
		t.Helper()
		if d := moved(who); d.Only != nil {
			t.Errorf("%s: goes to %v", what, d.Only)
		}
	}
	d := moved("bob")
	var told struct {
		Delivered, Read uint64
		Actor           struct{ Type, ID, Name string }
		At              time.Time
	}
	if err := json.Unmarshal(d.Payload(), &told); err != nil || told.Read != 1 || told.Delivered != 1 || told.Actor.ID != "bob" || !told.At.Equal(s.now()) {
		t.Errorf("%s, %v", d.Payload(), err)
	}
	if d.Topic != "/ctx/lobby/receipts/bob" || d.Rest != "bob" || d.Scope != s.space("lobby").Scope() || d.Channel != social.ChannelReceipts ||
		d.QoS != 0 || !d.Retain || d.Stream != 0 || d.Session != 0 || d.Properties.ContentType != "application/json" {
		t.Errorf("%+v", d)
	}
	alone("where the context does not say so", "bob")
	yes, hidden := true, social.RoleHidden
	if _, err := s.spaces.Edit(t.Context(), alice, "lobby", social.SpacePatch{Receipts: &yes}); err != nil {
		t.Fatal(err)
	}
	all("where it does", "bob")
	alone("who is no member", "carol")
	if _, err := s.people.Amend(t.Context(), "bob", social.PersonPatch{Roles: &hidden}); err != nil {
		t.Fatal(err)
	}
	alone("who is hidden", "bob")
	hidden = 0
	if _, err := s.people.Amend(t.Context(), "bob", social.PersonPatch{Roles: &hidden}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.spaces.Admit(t.Context(), alice, "lobby", "carol"); err != nil {
		t.Fatal(err)
	}
	all("three members are few", "bob")
	if _, err := s.spaces.Admit(t.Context(), alice, "lobby", "root"); err != nil {
		t.Fatal(err)
	}
	alone("four are too many", "bob")
	if _, err := s.spaces.Dismiss(t.Context(), alice, "lobby", "root"); err != nil {
		t.Fatal(err)
	}
	all("three again", "bob")
}
