package broker_test

import (
	"fmt"
	"testing"

	"rambla/broker"
	"rambla/social"
)

// post delivers a message of a space at QoS 1.
func (s *server) post(space string, channel social.Channel, payload string, only ...social.PersonKey) {
	s.Deliver(&broker.Delivery{
		Scope: s.site.scope(space), Channel: channel, Topic: "/ctx/" + space + "/" + channel.String(), QoS: 1,
		Payload: func() []byte { return []byte(payload) }, Only: only,
	})
}

func (p *peer) gets(payload string) {
	p.t.Helper()
	if r := p.expect(3); r.payload != payload {
		p.t.Fatalf("got %q, want %q", r.payload, payload)
	} else if r.qos() > 0 {
		p.send(ack(4, r.id))
	}
}

func TestARemovedRightStopsDeliveriesAndItsReturnWakesTheSubscription(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		space, name := fmt.Sprint("r", version, transport), fmt.Sprint("of-r", version, transport)
		s.site.join(space, name, "alice")
		for i, filter := range []string{"/ctx/" + space + "/messages", "/ctx/+/messages"} {
			p := s.client(t, version, transport, name, fmt.Sprint(t.Name(), i))
			p.subscribe(filter, 1)
			scopes, person := []social.Scope{s.site.scope(space)}, []social.PersonKey{s.site.person(name)}
			s.post(space, social.ChannelMessages, "1")
			p.gets("1")
			s.site.allow(space, name, 0, false)
			s.RightsChanged(scopes, person)
			s.post(space, social.ChannelMessages, "2")
			p.quiet()
			s.site.allow(space, name, social.Channels(social.ChannelEvents), false)
			s.RightsChanged(scopes, nil)
			s.post(space, social.ChannelMessages, "3")
			p.quiet() // a right to another channel is none to this
			s.site.allow(space, name, social.SpaceChannels(), false)
			s.RightsChanged(nil, nil)
			s.post(space, social.ChannelMessages, "4")
			p.gets("4")
			p.quiet()
		}
	})
}

func TestARemovedRightReachesWhatIsQueuedButNotWritten(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	p := s.dial(t, 5, "tcp")
	p.join("bob", "b", []byte{0x21, 0, 1})
	p.subscribe("/ctx/lobby/messages", 1)
	p.subscribe("/ctx/lobby/events", 1)
	s.post("lobby", social.ChannelMessages, "1")
	s.post("lobby", social.ChannelMessages, "2")
	s.post("lobby", social.ChannelEvents, "3")
	first := p.expect(3)
	s.site.allow("lobby", "bob", social.Channels(social.ChannelEvents), false)
	s.RightsChanged([]social.Scope{s.site.scope("lobby")}, nil)
	s.site.allow("lobby", "bob", social.SpaceChannels(), false)
	s.RightsChanged([]social.Scope{s.site.scope("lobby")}, nil) // back: what waited while it lacked stays away
	p.send(ack(4, first.id))
	p.gets("3")
	p.quiet()
	if n := s.value("rambla_broker_dropped_total", "right"); n != 1 {
		t.Errorf("%v counted, want 1", n)
	}
}

func TestAWildcardFollowsJoinsAndLeaves(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		name, space := fmt.Sprint("p", version, transport), fmt.Sprint("w", version, transport)
		s.site.join(space, "alice")
		s.site.join(space+"-other", name)
		person, scopes := []social.PersonKey{s.site.person(name)}, []social.Scope{s.site.scope(space)}
		p := s.client(t, version, transport, name, "x")
		p.subscribe("/ctx/+/messages", 1)
		p.subscribe("/ctx/#", 0)
		s.post(space, social.ChannelMessages, "not a member yet")
		p.quiet()
		s.site.join(space, name)
		s.RightsChanged(scopes, person)
		s.post(space, social.ChannelMessages, "a member")
		s.post(space, social.ChannelEvents, "by the other wildcard")
		p.gets("a member")
		p.gets("by the other wildcard")
		s.site.leave(space, name)
		s.RightsChanged(scopes, person)
		s.site.allow(space, name, social.SpaceChannels(), false) // it may read without being a member
		s.RightsChanged(nil, person)
		s.post(space, social.ChannelMessages, "left")
		s.post(space+"-other", social.ChannelMessages, "still there")
		p.gets("still there")
		p.send(packet(0xA2, append(append([]byte{0, 1}, p.props()...), str("/ctx/+/messages")...)))
		p.expect(11)
		s.post(space+"-other", social.ChannelMessages, "by what remains")
		p.gets("by what remains")
		p.quiet()
	})
}

func TestAPrivateDeliveryReachesThoseNamedOnly(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	alice, bob := s.client(t, 5, "tcp", "alice", "a"), s.client(t, 4, "tcp", "bob", "b")
	alice.subscribe("/ctx/lobby/messages", 1)
	bob.subscribe("/ctx/+/messages", 1)
	s.post("lobby", social.ChannelMessages, "secret", s.site.person("alice"))
	s.post("lobby", social.ChannelMessages, "for all")
	alice.gets("secret")
	alice.gets("for all")
	bob.gets("for all")
	s.Deliver(&broker.Delivery{
		Scope: s.site.scope("lobby"), Channel: social.ChannelMessages, Topic: "/ctx/lobby/messages",
		Only: []social.PersonKey{}, Payload: func() []byte { t.Error("rendered for nobody"); return nil },
	})
	alice.quiet()
}

func TestSyncReachesOnesOwnDevicesOnly(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	phone, laptop, bob := s.client(t, 5, "tcp", "alice", "p"), s.client(t, 4, "ws", "alice", "l"), s.client(t, 4, "tcp", "bob", "b")
	for _, p := range []*peer{phone, laptop} {
		p.subscribe("/user/alice/sync/draft", 1)
	}
	if code := bob.subscribe("/user/alice/sync/draft", 1); code != 0x80 {
		t.Errorf("granted %#x", code)
	}
	phone.send(phone.message(1, 1, "/user/alice/sync/draft", "x"), phone.message(1, 2, "/user/alice/sync/other", "y"))
	for range 3 {
		if r := phone.read(); r.kind() == 3 && (r.qos() != 0 || r.payload != "x") {
			t.Errorf("got %x %q", r.header, r.payload)
		}
	}
	laptop.gets("x")
	laptop.quiet()
}

func TestEndReachesConnectionsThatAreStillAuthenticating(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	in := s.client(t, 5, "tcp", "bob", "in")
	other := s.client(t, 5, "tcp", "alice", "other")
	checked, goOn := make(chan struct{}), make(chan struct{})
	s.site.mu.Lock()
	s.site.connect = holdConnect(checked, goOn)
	s.site.mu.Unlock()
	late := s.dial(t, 5, "tcp")
	late.send(packet(0x10, late.connectBody("bob", "late", 60)))
	<-checked
	bob := s.site.person("bob")
	n := s.End(func(p *broker.Principal) bool { return p.Person == bob }, broker.ReasonNotAuthorized, "Your account was suspended.")
	if n != 1 {
		t.Errorf("%d connections ended, want 1", n)
	}
	close(goOn)
	if r := late.expect(2); r.code != 0x87 {
		t.Errorf("CONNACK says %#x", r.code)
	}
	if r := in.ended(0x87); !r.has(append([]byte{0x1F}, str("Your account was suspended.")...)...) {
		t.Errorf("no reason: % x", r.props)
	}
	other.quiet()
}
