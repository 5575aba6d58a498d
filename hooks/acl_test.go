package hooks_test

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rambla/broker"
	"rambla/social"
)

func TestWhoConnects(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p, err := s.connect("bob")
	if err != nil || p.Person != s.key("bob") || p.Name != "bob" || p.Credential().Grant != 0 || p.Credential().Rights == nil {
		t.Errorf("bob: %+v, %v", p, err)
	}
	p, err = s.connect("bob/read")
	if err != nil || p.Credential().Grant != 9 {
		t.Errorf("bob by a token: %+v, %v", p, err)
	}
	if _, err := s.connect("nobody"); kind(err) != "unauthenticated" {
		t.Errorf("nobody: %v", err)
	}
	yes := true
	if _, err := s.people.Amend(t.Context(), "bob", social.PersonPatch{Suspended: &yes}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.connect("bob"); kind(err) != "unauthenticated" {
		t.Errorf("who is suspended: %v", err)
	}
}

func TestATokenWhereATokenIsAskedForAndNothingElse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	login := broker.Login{Password: []byte("token:bob"), Token: true, Version: 5, Remote: netip.MustParseAddrPort("192.0.2.1:1")}
	if p, err := s.gate.Connect(t.Context(), login); err != nil || p.Name != "bob" || p.Credential().Grant != 9 {
		t.Errorf("a token: %+v, %v", p, err)
	}
	login.Username, login.Password = "bob", []byte("bob")
	if _, err := s.gate.Connect(t.Context(), login); kind(err) != "unauthenticated" {
		t.Errorf("a password: %v", err)
	}
}

func TestWhoseWillsMayBeSent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p, err := s.gate.Revive(t.Context(), s.key("bob"), 9)
	if err != nil || p.Name != "bob" || p.Credential().Grant != 9 || s.gate.MayPublish(p, "/ctx/lobby/messages") != nil {
		t.Errorf("bob's: %+v, %v", p, err)
	}
	if _, err := s.gate.Revive(t.Context(), s.key("bob"), 8); kind(err) != "unauthenticated" {
		t.Errorf("that of a token which has ended: %v", err)
	}
	yes := true
	if _, err := s.people.Amend(t.Context(), "bob", social.PersonPatch{Suspended: &yes}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.gate.Revive(t.Context(), s.key("bob"), 9); kind(err) != "unauthenticated" {
		t.Errorf("that of who is suspended: %v", err)
	}
}

func TestTheServersOwnKeyCountsWhereTheClientGaveNone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob := s.login("bob")
	for _, topic := range []string{"/ctx/lobby/messages", "/ctx/lobby/data/t"} {
		pub := broker.Publication{Topic: topic, Payload: []byte("bye"), QoS: 1, Key: "will:" + topic}
		first, again := s.publish(bob, pub), s.publish(bob, pub)
		if first.err != nil || again.Seq != first.Seq || again.ID != first.ID || len(s.take()) != 1 {
			t.Errorf("%s: %+v, then %+v", topic, first, again)
		}
		pub.Properties = user("key", "mine:"+topic)
		if own := s.publish(bob, pub); own.err != nil || own.Seq == first.Seq || own.Key != "mine:"+topic {
			t.Errorf("%s with a key of its own: %+v", topic, own)
		}
		s.take()
	}
}

func TestWhoMaySubscribeToWhat(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if _, err := s.people.Rename(t.Context(), nil, "carol", "carla"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ who, filter, want string }{
		{"bob", "/ctx/lobby/messages", "allowed"},
		{"bob", "/ctx/staff/messages", "allowed"},
		{"bob", "/ctx/staff/#", "allowed"},
		{"bob", "/ctx/staff/data/#", "allowed"},
		{"bob", "/ctx/staff/events", "allowed"},
		{"carla", "/ctx/lobby/messages", "allowed"}, // public, not joined, named
		{"carla", "/ctx/staff/messages", "forbidden"},
		{"carla", "/ctx/staff/#", "forbidden"},
		{"carla", "/ctx/nowhere/messages", "forbidden"},
		{"carla", "/ctx/+/messages", "allowed"}, // covers what one belongs to, also nothing
		{"carla", "/ctx/#", "allowed"},
		{"carla", "/ctx/+/data/#", "allowed"},
		{"root", "/ctx/staff/#", "allowed"},
		{"root", "$SYS/#", "allowed"},
		{"bob", "$SYS/#", "forbidden"},
		{"root/read write", "$SYS/#", "forbidden"},
		{"bob", "/user/bob/#", "allowed"},
		{"alice", "/user/bob/#", "forbidden"},
		{"alice", "/user/bob/+", "forbidden"},
		{"alice", "/user/bob/posts", "allowed"},
		{"alice", "/user/bob/counters", "forbidden"},
		{"root", "/user/bob/notifications", "forbidden"},
		{"bob", "/user/+/posts", "allowed"},
		{"bob", "/conv/+/messages", "allowed"},
		{"bob", "/conv/nothing/messages", "forbidden"},
		{"bob", "/user/bob/errors", "allowed"},
		{"bob", "/user/bob/sync/#", "allowed"},
		{"carla", "/user/carla/errors", "allowed"},
		{"carla", "/user/carol/errors", "allowed"}, // the name it had
		{"bob", "/user/carla/errors", "forbidden"},
		{"bob", "/user/nobody/errors", "forbidden"},
		{"root", "/user/bob/errors", "forbidden"},
		{"root", "/user/bob/sync/#", "forbidden"},
		{"bob", "/user/+/errors", "forbidden"},
		{"bob", "#", "forbidden"},
		{"bob", "/#", "forbidden"},
		{"bob", "+/#", "forbidden"},
		{"bob", "/ctx/lobby/data/a#", "invalid"},
		{"bob", "", "invalid"},
		{"bob/read ctx:staff", "/ctx/staff/messages", "allowed"},
		{"bob/read ctx:staff", "/ctx/lobby/messages", "forbidden"},
		{"bob/read data:staff", "/ctx/staff/data/temp", "allowed"},
		{"bob/read data:staff", "/ctx/staff/#", "allowed"}, // as far as the credential reaches
		{"bob/read data:staff", "/ctx/staff/messages", "forbidden"},
		{"bob/write", "/ctx/lobby/messages", "forbidden"},
		{"bob/write data:staff", "/ctx/staff/data/#", "forbidden"},
		{"bob/read ctx:staff", "/user/bob/errors", "allowed"}, // one's own refusals, by any credential
		{"bob/read ctx:staff", "/user/bob/sync/#", "forbidden"},
	} {
		_, err := s.gate.Subscribe(s.login(c.who), c.filter)
		if kind(err) != c.want {
			t.Errorf("%s to %q: %v, want %s", c.who, c.filter, err, c.want)
		}
	}
	cover, err := s.gate.Subscribe(s.login("bob"), "/ctx/staff/data/+/x")
	want := broker.Coverage{Scope: s.space("staff").Scope(), Channels: social.Channels(social.ChannelData), Rest: "+/x"}
	if err != nil || cover != want {
		t.Errorf("covers %+v, %v; want %+v", cover, err, want)
	}
	cover, err = s.gate.Subscribe(s.login("bob"), "/ctx/+/messages")
	want = broker.Coverage{Scope: social.Scope{Kind: social.ScopeSpace}, Mine: true, Channels: social.Channels(social.ChannelMessages)}
	if err != nil || cover != want {
		t.Errorf("covers %+v, %v; want %+v", cover, err, want)
	}
	if _, err := s.gate.Subscribe(&broker.Principal{Person: s.key("bob")}, "/ctx/lobby/messages"); kind(err) != "forbidden" {
		t.Errorf("a principal that the gate did not make: %v", err)
	}
}

func TestWhatIsDelivered(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	all := words(social.SpaceChannels())
	bob, lobby, staff := s.login("bob"), s.space("lobby").Scope(), s.space("staff").Scope()
	for _, c := range []struct {
		name  string
		p     *broker.Principal
		scope social.Scope
		want  string
	}{
		{"a member", bob, staff, all},
		{"a stranger of a public context", s.login("carol"), lobby, all},
		{"a stranger of a closed one", s.login("carol"), staff, ""},
		{"a manager", s.login("root"), staff, all},
		{"a token for data alone", s.login("bob/read data:staff"), staff, words(social.Channels(social.ChannelData))},
		{"a token that only writes", s.login("bob/write"), staff, ""},
		{"oneself", bob, s.key("bob").Scope(), words(social.PersonChannels())},
		{"oneself by a narrowed token", s.login("bob/read ctx:lobby"), s.key("bob").Scope(), words(social.Channels(social.ChannelErrors))},
		{"another: what is for others", s.login("root"), s.key("bob").Scope(), words(social.WallChannels())},
		{"the server to a manager", s.login("root"), social.Scope{Kind: social.ScopeServer}, words(social.Channels(social.ChannelSys))},
		{"the server to others", bob, social.Scope{Kind: social.ScopeServer}, ""},
		{"no scope", bob, social.Scope{}, ""},
	} {
		if got := words(s.gate.MayReceive(c.p, c.scope)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if mine := s.gate.Mine(bob, social.ScopeSpace); len(mine) != 2 {
		t.Errorf("bob's wildcard covers %v", mine)
	}
	if _, err := s.spaces.Dismiss(t.Context(), social.Actor{Person: s.key("alice")}, "staff", "bob"); err != nil {
		t.Fatal(err)
	}
	if got := words(s.gate.MayReceive(bob, staff)); got != "" {
		t.Errorf("who was removed: %q", got)
	}
	if mine := s.gate.Mine(bob, social.ScopeSpace); !slices.Equal(mine, []social.Scope{s.space("lobby").Scope()}) {
		t.Errorf("bob's wildcard covers %v", mine)
	}
}

func TestWhoMayPublishWhere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, c := range []struct{ who, topic, want string }{
		{"bob", "/ctx/lobby/messages", "allowed"},
		{"carol", "/ctx/lobby/messages", "forbidden"},
		{"carol", "/ctx/staff/messages", "not_found"},
		{"root", "/ctx/staff/messages", "allowed"},
		{"root", "/ctx/nowhere/messages", "not_found"},
		{"bob/read", "/ctx/lobby/messages", "forbidden"},
		{"bob/write ctx:lobby", "/ctx/lobby/messages", "allowed"},
		{"bob/write ctx:lobby", "/ctx/staff/messages", "not_found"},
		{"bob/write data:lobby", "/ctx/lobby/messages", "not_found"},
		{"bob/write data:lobby", "/ctx/lobby/data/t", "allowed"},
		{"carol", "/ctx/lobby/data/t", "forbidden"},
		{"root", "/ctx/lobby/events", "forbidden"}, // only the server says these
		{"bob", "/user/bob/errors", "forbidden"},
		{"root", "$SYS/x", "forbidden"},
		{"bob", "/user/bob/sync/x", "allowed"},
		{"bob", "/user/carol/sync/x", "forbidden"},
		{"root", "/user/bob/sync/x", "forbidden"},
		{"bob", "/user/nobody/sync/x", "forbidden"},
		{"bob/read write ctx:lobby", "/user/bob/sync/x", "forbidden"},
		{"bob/read", "/user/bob/sync/x", "forbidden"},
		{"bob", "/ctx/+/messages", "invalid"},
		{"bob", "/ctx/lobby/data/a\x00", "invalid"},
		{"bob", "/ctx/lobby/" + strings.Repeat("/", 33_000), "invalid"},
		{"bob", "/elsewhere", "forbidden"},
	} {
		p := s.login(c.who)
		s.take()
		if err := s.gate.MayPublish(p, c.topic); kind(err) != c.want {
			t.Errorf("%s is told of %.40q: %v, want %s", c.who, c.topic, err, c.want)
		}
		for qos := range byte(3) {
			o := s.publish(p, broker.Publication{Topic: c.topic, Payload: []byte("x"), QoS: qos, Session: 5})
			if kind(o.err) != c.want {
				t.Errorf("%s to %.40q at QoS %d: %v, want %s", c.who, c.topic, qos, o.err, c.want)
			}
			if n := len(s.take()); (n == 1) != (o.err == nil) {
				t.Errorf("%s to %.40q at QoS %d: %d deliveries", c.who, c.topic, qos, n)
			}
		}
	}
}

func TestAPostGoesOutAsTheServersOwn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob := s.login("bob")
	o := s.publish(bob, broker.Publication{
		Topic: "/ctx/lobby/messages", Payload: []byte("hello"), QoS: 0, Retain: true, Session: 5,
		Properties: user("key", "k", "x", "y"),
	})
	if o.err != nil || o.Seq != 1 || len(o.ID) != 36 || o.Key != "k" {
		t.Fatalf("%+v", o)
	}
	got := s.take()
	if len(got) != 1 {
		t.Fatalf("%d deliveries", len(got))
	}
	d := got[0]
	if d.Topic != "/ctx/lobby/messages" || d.Scope != s.space("lobby").Scope() || d.Channel != social.ChannelMessages ||
		d.QoS != 1 || d.Retain || d.Session != 5 || d.Only != nil || d.Rest != "" {
		t.Errorf("%+v", d)
	}
	want := []social.UserProperty{{Name: "id", Value: o.ID}, {Name: "seq", Value: strconv.FormatUint(o.Seq, 10)}}
	if d.Properties.ContentType != "application/json" || !slices.Equal(d.Properties.User, want) {
		t.Errorf("properties %+v", d.Properties)
	}
	var post struct {
		ID, Type, Key, Generator string
		Actor, Object            struct{ ID, Content string }
	}
	if err := json.Unmarshal(d.Payload(), &post); err != nil || post.ID != o.ID || post.Object.Content != "hello" || post.Actor.ID != "bob" || post.Key != "k" || post.Generator != "mqtt" {
		t.Errorf("%s, %v", d.Payload(), err)
	}

	again := s.publish(bob, broker.Publication{Topic: "/ctx/lobby/messages", Payload: []byte(`{"content":"hello","key":"k"}`), QoS: 1})
	if again.err != nil || again.ID != o.ID || again.Seq != o.Seq || len(s.take()) != 0 {
		t.Errorf("a repeat: %+v", again)
	}
	other := s.publish(bob, broker.Publication{Topic: "/ctx/lobby/messages", Payload: []byte("other"), QoS: 1, Properties: user("key", "k")})
	if kind(other.err) != "conflict" || other.Key != "k" {
		t.Errorf("the key with other words: %+v", other)
	}
	both := s.publish(bob, broker.Publication{Topic: "/ctx/lobby/messages", Payload: []byte(`{"content":"x","key":"body"}`), QoS: 1, Properties: user("key", "property")})
	if both.err != nil || both.Key != "body" {
		t.Errorf("both keys: %+v", both)
	}
	long := s.publish(bob, broker.Publication{Topic: "/ctx/lobby/messages", Payload: []byte("x"), QoS: 1, Properties: user("key", strings.Repeat("k", social.MaxKey+1))})
	if kind(long.err) != "invalid" {
		t.Errorf("a long key: %+v", long)
	}
}

func TestDeclaredTextIsNotRead(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob := s.login("bob")
	for _, media := range []string{"text/plain", "Text/Plain; charset=utf-8", "text/plain;charset=utf-8", " text/plain "} {
		o := s.publish(bob, broker.Publication{Topic: "/ctx/lobby/messages", Payload: []byte(`{"no":"post"}`), QoS: 1, Properties: &social.Properties{ContentType: media}})
		if o.err != nil {
			t.Errorf("%q: %v", media, o.err)
		}
	}
	for _, media := range []string{"", "application/json", "text/plainer", "text/html"} {
		o := s.publish(bob, broker.Publication{Topic: "/ctx/lobby/messages", Payload: []byte(`{"no":"post"}`), QoS: 1, Properties: &social.Properties{ContentType: media}})
		if kind(o.err) != "invalid" {
			t.Errorf("%q: %v", media, o.err)
		}
	}
}

func TestPrivatePostsGoToTheirReadersOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	o := s.publish(s.login("bob"), broker.Publication{Topic: "/ctx/lobby/messages", Payload: []byte(`{"content":"psst","to":["carol","bob"]}`), QoS: 1})
	got := s.take()
	if o.err != nil || len(got) != 1 || !slices.Equal(got[0].Only, []social.PersonKey{s.key("bob"), s.key("carol")}) {
		t.Errorf("%+v, %+v", o, got)
	}
	o = s.publish(s.login("bob"), broker.Publication{Topic: "/ctx/lobby/messages", Payload: []byte(`{"content":"note to self","to":["bob"]}`), QoS: 1})
	got = s.take()
	if o.err != nil || len(got) != 1 || !slices.Equal(got[0].Only, []social.PersonKey{s.key("bob")}) {
		t.Errorf("a note to oneself: %+v, %+v", o, got)
	}
}

func TestDataGoesOutUnchanged(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob := s.login("bob")
	props := user("key", "", "unit", "°C")
	props.ResponseTopic, props.CorrelationData, props.ContentType, props.Expiry = "/user/bob/sync/r", []byte{0, 1}, "text/plain", 60
	for qos := range byte(3) {
		for _, payload := range []string{"\x00\xff", ""} {
			o := s.publish(bob, broker.Publication{Topic: "/ctx/staff/data/a/b", Payload: []byte(payload), QoS: qos, Session: 5, Properties: props})
			got := s.take()
			if o.err != nil || (o.Seq != 0) != (qos > 0) || o.ID != "" || len(got) != 1 {
				t.Fatalf("QoS %d: %+v, %d deliveries", qos, o, len(got))
			}
			d := got[0]
			if d.Topic != "/ctx/staff/data/a/b" || d.Rest != "a/b" || d.Channel != social.ChannelData || d.QoS != qos || d.Session != 5 ||
				string(d.Payload()) != payload || d.Properties != props || d.Scope != s.space("staff").Scope() {
				t.Errorf("QoS %d: %+v", qos, d)
			}
		}
	}
}

func TestSyncGoesToOnesOwnDevices(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if _, err := s.people.Rename(t.Context(), nil, "bob", "rob"); err != nil {
		t.Fatal(err)
	}
	o := s.publish(s.login("rob"), broker.Publication{Topic: "/user/bob/sync/draft", Payload: []byte("x"), QoS: 1, Session: 5})
	got := s.take()
	if o.err != nil || len(got) != 1 {
		t.Fatalf("%+v, %d deliveries", o, len(got))
	}
	if d := got[0]; d.Topic != "/user/rob/sync/draft" || d.Scope != s.key("rob").Scope() || d.QoS != 0 || d.Rest != "draft" || o.Seq != 0 {
		t.Errorf("%+v", d)
	}
}

func TestNothingIsForwardedOnRightsThatNobodyCouldConfirm(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob := s.login("bob")
	s.refresh()
	s.pass(3 * time.Second)
	for _, topic := range []string{"/ctx/lobby/data/t", "/user/bob/sync/x"} {
		if o := s.publish(bob, broker.Publication{Topic: topic, Payload: []byte("x")}); kind(o.err) != "unavailable" {
			t.Errorf("%s on stale rights: %v", topic, o.err)
		}
	}
	if n := len(s.take()); n != 0 {
		t.Errorf("%d deliveries on stale rights", n)
	}
	s.refresh()
	for _, topic := range []string{"/ctx/lobby/data/t", "/user/bob/sync/x"} {
		if o := s.publish(bob, broker.Publication{Topic: topic, Payload: []byte("x")}); o.err != nil {
			t.Errorf("%s on fresh rights: %v", topic, o.err)
		}
	}
}

func TestMembershipEventsAreDelivered(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if _, err := s.spaces.Admit(t.Context(), social.Actor{Person: s.key("carol")}, "lobby", "me"); err != nil {
		t.Fatal(err)
	}
	got := s.take()
	if len(got) != 1 || got[0].Topic != "/ctx/lobby/events" || got[0].Channel != social.ChannelEvents || got[0].QoS != 1 ||
		!strings.Contains(string(got[0].Payload()), `"type":"Join"`) {
		t.Errorf("%+v", got)
	}
}
