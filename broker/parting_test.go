package broker_test

import (
	"fmt"
	"testing"

	"rambla/broker"
	"rambla/social"
)

// last is what tells of the end of a right, as entry seq of the events.
func (s *server) last(space string, seq uint64, only ...social.PersonKey) *broker.Delivery {
	return &broker.Delivery{
		Scope: s.site.scope(space), Channel: social.ChannelEvents, Topic: "/ctx/" + space + "/events", QoS: 1,
		Stream: s.site.log.Stream(s.site.scope(space), social.ChannelEvents), Seq: seq,
		Payload: func() []byte { return []byte("the end") }, Only: only,
	}
}

func TestWhoLosesARightIsToldAndThenNothingMore(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		for i, filter := range []string{"/ctx/%s/events", "/ctx/+/events", "/ctx/%s/#"} {
			space, name := fmt.Sprint("e", version, transport, i), fmt.Sprint("of-e", version, transport, i)
			s.site.join(space, name, "alice")
			p, stays := s.client(t, version, transport, name, "x"), s.client(t, version, transport, "alice", fmt.Sprint("stays", t.Name(), i))
			topic := filter
			if i != 1 {
				topic = fmt.Sprintf(filter, space)
			}
			p.subscribe(topic, 1)
			stays.subscribe("/ctx/"+space+"/events", 1)
			s.append(space, social.ChannelEvents, "", 1, "before")
			p.gets("before")
			stays.gets("before")
			s.site.leave(space, name)
			person := []social.PersonKey{s.site.person(name)}
			s.RightsEnded(s.site.scope(space), person, []*broker.Delivery{s.last(space, 2, person...)})
			s.append(space, social.ChannelEvents, "", 1, "the end") // as it is announced
			s.append(space, social.ChannelEvents, "", 1, "after")
			p.gets("the end")
			p.quiet()
			stays.gets("the end")
			stays.gets("after")
			stays.quiet()
		}
	})
}

func TestTheEndOfARightLeavesBehindWhatWaitsAndPassesNobodyTwice(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	s.site.join("ends", "carol", "bob")
	p := s.dial(t, 5, "tcp")
	p.join("carol", "c", []byte{0x21, 0, 1}) // one at a time
	p.subscribe("/ctx/ends/events", 1)
	p.subscribe("/ctx/ends/messages", 1)
	bob := s.client(t, 5, "tcp", "bob", "b")
	bob.subscribe("/ctx/ends/events", 1)
	s.append("ends", social.ChannelEvents, "", 1, "first")
	s.append("ends", social.ChannelEvents, "", 1, "waits")
	s.append("ends", social.ChannelMessages, "", 1, "waits too")
	first := p.expect(3)
	bob.gets("first")
	bob.gets("waits")
	s.append("ends", social.ChannelEvents, "", 1, "the end")
	bob.gets("the end") // under the right: it was quicker
	for _, name := range []string{"carol", "bob"} {
		s.site.leave("ends", name)
	}
	s.RightsEnded(s.site.scope("ends"), nil, []*broker.Delivery{s.last("ends", 3)})
	p.send(ack(4, first.id))
	p.gets("the end")
	p.quiet()
	bob.quiet()
	// A right that is back begins anew, and its end is told again.
	s.site.join("ends", "carol")
	s.RightsChanged([]social.Scope{s.site.scope("ends")}, nil)
	s.append("ends", social.ChannelEvents, "", 1, "again")
	p.gets("again")
	p.quiet()
}
