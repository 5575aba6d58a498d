package hooks_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"rambla/broker"
	"rambla/social"
)

func TestWhoMayTypeAndSayHowItIsWhere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, c := range []struct{ who, topic, payload, want string }{
		{"alice", "/ctx/staff/typing", `{"typing":true}`, "allowed"},
		{"carol", "/ctx/lobby/typing", `{"typing":true}`, "forbidden"}, // reads there, and is no member
		{"carol", "/ctx/staff/typing", `{"typing":true}`, "not_found"},
		{"alice", "/ctx/staff/typing", `{"typing":"yes"}`, "invalid"},
		{"alice", "/ctx/staff/typing/alice", `{"typing":true}`, "forbidden"},
		{"alice", "/user/alice/typing", `{"typing":true}`, "forbidden"},
		{"alice/read ctx:staff", "/ctx/staff/typing", `{"typing":true}`, "forbidden"},
		{"alice", "/user/alice/presence", `{"status":"away"}`, "allowed"},
		{"alice", "/user/alice/presence", `{"status":"gone"}`, "invalid"},
		{"alice", "/user/bob/presence", `{"status":"away"}`, "forbidden"},
		{"root", "/user/bob/presence", `{"status":"away"}`, "forbidden"},
		{"alice/read", "/user/alice/presence", `{"status":"away"}`, "forbidden"},
		{"alice/write ctx:staff", "/user/alice/presence", `{"status":"away"}`, "forbidden"},
		{"alice", "/ctx/staff/presence", `{"online":9}`, "forbidden"},
		{"alice", "/ctx/staff/presence/alice", `{"status":"away"}`, "forbidden"},
		{"alice", "/user/alice/counters", `{"total":0}`, "forbidden"},
	} {
		p := s.login(c.who)
		for qos := range byte(2) {
			if o := s.publish(p, broker.Publication{Topic: c.topic, Payload: []byte(c.payload), QoS: qos}); kind(o.err) != c.want {
				t.Errorf("%s to %s at QoS %d: %v, want %s", c.who, c.topic, qos, o.err, c.want)
			}
		}
		if err := s.gate.MayPublish(p, c.topic); c.want != "invalid" && kind(err) != c.want {
			t.Errorf("%s leaves a will to %s: %v, want %s", c.who, c.topic, err, c.want)
		}
	}
	s.pass(3e9) // nobody refreshes the rights
	for topic, payload := range map[string]string{"/ctx/staff/typing": `{"typing":true}`} {
		if o := s.publish(s.login("alice"), broker.Publication{Topic: topic, Payload: []byte(payload), QoS: 1}); kind(o.err) != "unavailable" {
			t.Errorf("%s with stale rights: %v", topic, o.err)
		}
	}
}

func TestNoticesOfTypingAreTheServers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	o := s.publish(s.login("bob"), broker.Publication{Topic: "/ctx/lobby/typing", Payload: []byte(`{"typing":true}`), QoS: 2, Retain: true, Session: 7, Properties: user("a", "b")})
	got := s.take()
	if o.err != nil || len(got) != 1 {
		t.Fatalf("%v, %d deliveries", o.err, len(got))
	}
	d := got[0]
	if d.Topic != "/ctx/lobby/typing" || d.Scope != s.space("lobby").Scope() || d.Channel != social.ChannelTyping || d.QoS != 0 || d.Retain ||
		d.Session != 7 || d.Stream != 0 || len(d.Properties.User) != 0 || d.Properties.ContentType != "application/json" ||
		string(d.Payload()) != `{"actor":{"type":"Person","id":"bob","name":"bob"},"typing":true,"at":"2026-11-20T12:00:00.000Z"}` {
		t.Errorf("%+v %s", d, d.Payload())
	}
}

// retained is what somebody gets who subscribes, page by page.
func (s *site) retained(who string, scope social.Scope, c social.Channel, rest string, page int) []string {
	s.Helper()
	var out []string
	p := s.login(who)
	for after := ""; ; {
		list, next, err := s.gate.Retained(context.Background(), p, scope, c, rest, after, page)
		if err != nil {
			s.Fatal(err)
		}
		if len(list) > page {
			s.Errorf("%d in a page of %d", len(list), page)
		}
		for _, d := range list {
			if !d.Retain || !social.MatchRest(rest, d.Rest) {
				s.Errorf("%s: retain %v, behind %q", d.Topic, d.Retain, d.Rest)
			}
			out = append(out, d.Topic+" "+string(d.Payload()))
		}
		if after = next; next == "" {
			return out
		}
	}
}

func TestWhatIsRetainedOfWhoIsThere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, who := range []string{"alice", "bob", "carol"} {
		if s.gate.Came(s.login(who)) == nil {
			t.Fatalf("%s was not noted", who)
		}
	}
	if s.gate.Came(s.login("bob/write data:lobby")) != nil {
		t.Error("a sensor is there in person")
	}
	lobby := s.space("lobby").Scope()
	const (
		number = `/ctx/lobby/presence {"online":2}`
		first  = `/ctx/lobby/presence/alice {"actor":{"type":"Person","id":"alice","name":"alice"},"status":"online"}`
		second = `/ctx/lobby/presence/bob {"actor":{"type":"Person","id":"bob","name":"bob"},"status":"online"}`
	)
	for rest, want := range map[string][]string{
		"": {number}, "#": {number, first, second}, "+": {first, second}, "bob": {second}, "carol": nil, "+/#": {first, second},
	} {
		for _, page := range []int{1, 2, 50} {
			if got := s.retained("carol", lobby, social.ChannelPresence, rest, page); !slices.Equal(got, want) {
				t.Errorf("%q by %d: %s", rest, page, strings.Join(got, "\n"))
			}
		}
	}
	alice := social.Actor{Person: s.key("alice")}
	for _, who := range []string{"carol", "root"} { // four are too many to name
		if _, err := s.spaces.Admit(t.Context(), alice, "lobby", who); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.retained("carol", lobby, social.ChannelPresence, "#", 50); !slices.Equal(got, []string{`/ctx/lobby/presence {"online":3}`}) {
		t.Errorf("in a crowd: %s", got)
	}
	own := s.key("bob").Scope()
	if got := s.retained("bob", own, social.ChannelPresence, "", 1); len(got) != 1 || !strings.HasPrefix(got[0], "/user/bob/presence ") {
		t.Errorf("one's own: %s", got)
	}
	if got := s.retained("carol", own, social.ChannelPresence, "", 1); got != nil {
		t.Errorf("a stranger's: %s", got)
	}
	if got := s.retained("bob", own, social.ChannelCounters, "", 1); !slices.Equal(got, []string{`/user/bob/counters {"unread":{"contexts":0,"conversations":0},"total":0}`}) {
		t.Errorf("counters: %s", got)
	}
}
