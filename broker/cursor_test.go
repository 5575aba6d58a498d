package broker_test

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"

	"rambla/broker"
	"rambla/social"
)

// What moves the cursor of a session, and what must not.

func TestWhatIsAnnouncedWhileAConnectionEndsComesToItsSessionLater(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for _, version := range []byte{4, 5} {
		space, id := fmt.Sprint("ending", version), fmt.Sprint(t.Name(), version)
		s.site.join(space, "carol")
		p := s.kept(t, version, "tcp", "carol", id, 0)
		p.subscribe("/ctx/"+space+"/messages", 1)
		s.append(space, social.ChannelMessages, "", 1, "1")
		p.gets("1")
		p.quiet()
		ended := s.End(func(of *broker.Principal) bool { return of.Person == s.site.person("carol") }, broker.ReasonAdministrative, "")
		if ended != 1 {
			t.Fatalf("%d connections ended", ended)
		}
		s.append(space, social.ChannelMessages, "", 1, "2") // the client has not closed its side yet
		s.leave(p, "carol", id, nil)
		p = s.kept(t, version, "tcp", "carol", id, 1)
		p.gets("2")
		p.quiet()
		s.leave(p, "carol", id, nil)
	}
}

func TestAConnectionThatIsRefusedAfterItsClaimLeavesTheCursorWhereItWas(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	s.site.join("refused", "carol")
	id := t.Name()
	p := s.kept(t, 5, "tcp", "carol", id, 0)
	p.subscribe("/ctx/refused/messages", 1)
	s.append("refused", social.ChannelMessages, "", 1, "1")
	p.gets("1")
	p.quiet()
	s.leave(p, "carol", id, nil)
	s.append("refused", social.ChannelMessages, "", 1, "2")
	s.site.store.watch(func(ws []social.SessionWrite) {
		for _, w := range ws {
			if w.Claim != nil {
				s.End(func(*broker.Principal) bool { return true }, broker.ReasonNotAuthorized, "")
			}
		}
	})
	p = s.dial(t, 5, "tcp")
	body := p.connectBody("carol", id, 60, expiry(3600))
	body[7] &^= 2
	p.send(packet(0x10, body))
	if r := p.expect(2); r.code != broker.ReasonNotAuthorized {
		t.Fatalf("CONNACK says %#x", r.code)
	}
	p.nc.Close()
	s.site.store.watch(nil)
	p = s.kept(t, 5, "tcp", "carol", id, 1)
	p.gets("2")
	p.quiet()
}

func TestAReplayThatASubscriptionAtQoS1OvertakesGoesOnLive(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	s.site.join("overtaken", "carol")
	for i := range 3 {
		s.append("overtaken", social.ChannelMessages, "", 1, fmt.Sprint(i))
	}
	topic := "/ctx/overtaken/messages"
	p := s.client(t, 4, "tcp", "carol", t.Name())
	reading, goOn := make(chan struct{}, 100), make(chan struct{})
	s.site.log.watch(func(social.StreamKey) { reading <- struct{}{}; <-goOn })
	if code := p.subscribe("$since/0/"+topic, 0); code != 0 {
		t.Fatalf("SUBACK says %#x", code)
	}
	<-reading
	p.subscribe(topic, 1)
	s.site.log.watch(nil)
	close(goOn)
	for i := range 3 {
		p.gets(fmt.Sprint(i))
	}
	p.quiet()
	s.append("overtaken", social.ChannelMessages, "", 1, "live")
	p.gets("live")
}

func TestAVetoRightAfterTheJoinHidesWhatIsPostedUnderIt(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	s.site.join("vetoed", "carol")
	scopes := []social.Scope{s.site.scope("vetoed")}
	p := s.client(t, 4, "tcp", "carol", t.Name())
	p.subscribe("/ctx/vetoed/messages", 1)
	s.site.allow("vetoed", "carol", 0, false) // at the very seq of the join
	s.RightsChanged(scopes, nil)
	s.append("vetoed", social.ChannelMessages, "", 1, "unheard")
	s.site.allow("vetoed", "carol", social.SpaceChannels(), true)
	s.RightsChanged(scopes, nil)
	s.append("vetoed", social.ChannelMessages, "", 1, "heard")
	p.gets("heard")
	s.site.leave("vetoed", "carol") // and who joins anew begins with the join
	s.RightsChanged(scopes, nil)
	s.append("vetoed", social.ChannelMessages, "", 1, "unheard")
	s.site.join("vetoed", "carol")
	s.append("vetoed", social.ChannelMessages, "", 1, "behind the join")
	s.RightsChanged(scopes, nil)
	p.gets("behind the join")
	p.quiet()
}

func TestARightThatIsBackWhenTheClientLeavesIsBackForWhatFollows(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	s.site.join("back", "carol")
	scopes := []social.Scope{s.site.scope("back")}
	p := s.kept(t, 5, "tcp", "carol", t.Name(), 0)
	p.subscribe("/ctx/back/messages", 1)
	s.site.allow("back", "carol", 0, false)
	s.RightsChanged(scopes, nil)
	s.append("back", social.ChannelMessages, "", 1, "unheard")
	s.site.allow("back", "carol", social.SpaceChannels(), true) // the broker is not told before it leaves
	s.leave(p, "carol", t.Name(), nil)
	s.append("back", social.ChannelMessages, "", 1, "heard")
	p = s.kept(t, 5, "tcp", "carol", t.Name(), 1)
	p.gets("heard")
	p.quiet()
}

// Once, under a storm of returning clients, one of them got what was posted while it
// had no right: it lost and regained it between its claim and its subscriptions.
func TestARightThatGoesAndComesBackWhileTheClientReturnsHidesWhatWasPostedWithoutIt(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for kind, filter := range map[social.SessionKind]string{social.SessionClient: "", social.SessionGroup: "$share/workers/"} {
		space := fmt.Sprint("returning", kind)
		s.site.join(space, "carol")
		scopes := []social.Scope{s.site.scope(space)}
		p := s.kept(t, 5, "tcp", "carol", space, 0)
		p.subscribe(filter+"/ctx/"+space+"/messages", 1)
		s.append(space, social.ChannelMessages, "", 1, "1")
		p.gets("1")
		p.quiet()
		s.leave(p, "carol", space, nil)
		for _, when := range []string{"after its claim", "as its cursors are found"} {
			times := 0
			flicker := func() {
				if times++; times > 2 { // and again while that is looked up
					return
				}
				s.site.allow(space, "carol", 0, false)
				s.RightsChanged(scopes, nil)
				s.append(space, social.ChannelMessages, "", 1, "unheard")
				s.site.allow(space, "carol", social.SpaceChannels(), true)
				s.RightsChanged(scopes, nil)
			}
			if when == "after its claim" {
				s.site.store.watchReads(func(of *social.Session) {
					if of.Kind == kind {
						flicker()
					}
				})
			} else {
				s.site.log.watchResume(flicker)
			}
			p = s.kept(t, 5, "tcp", "carol", space, 1)
			p.quiet()
			s.append(space, social.ChannelMessages, "", 1, when)
			p.gets(when)
			p.quiet()
			s.site.store.watchReads(nil)
			s.site.log.watchResume(nil)
			if times < 3 {
				t.Errorf("%s: it was looked up %d times, want 3", when, times)
			}
			s.leave(p, "carol", space, nil)
		}
	}
}

func TestAGroupThatItsLastSubscriberGivesUpBeginsAnew(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	s.site.join("given-up", "carol")
	filter := "$share/workers//ctx/given-up/messages"
	p := s.kept(t, 5, "tcp", "carol", t.Name(), 0)
	p.subscribe(filter, 1)
	p.send(p.unsubscribePacket(8, filter))
	p.expect(11)
	s.append("given-up", social.ChannelMessages, "", 1, "for nobody")
	p.subscribe(filter, 1)
	s.append("given-up", social.ChannelMessages, "", 1, "for the group")
	p.gets("for the group")
	p.quiet()
}

func TestAGroupKeepsItsPlaceForWhoIsAwayWhileOthersOfNoSessionComeAndGo(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	s.site.join("kept-place", "carol")
	filter := "$share/workers//ctx/kept-place/messages"
	p := s.kept(t, 5, "tcp", "carol", t.Name(), 0)
	p.subscribe(filter, 1)
	s.leave(p, "carol", t.Name(), nil)
	s.append("kept-place", social.ChannelMessages, "", 1, "1")
	q := s.client(t, 5, "tcp", "carol", t.Name()+" of a moment")
	q.subscribe(filter, 1)
	q.gets("1")
	q.quiet()
	s.leave(q, "carol", t.Name()+" of a moment", nil)
	s.append("kept-place", social.ChannelMessages, "", 1, "2")
	p = s.kept(t, 5, "tcp", "carol", t.Name(), 1)
	p.gets("2")
	p.quiet()
}

func TestOfManyConnectionsThatTakeOneSessionOverTheLastOneHasItWhole(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	s.site.join("storm", "carol")
	p := s.kept(t, 5, "tcp", "carol", t.Name(), 0)
	p.subscribe("/ctx/storm/messages", 1)
	const n = 30
	var posted atomic.Int32
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 200 {
			s.append("storm", social.ChannelMessages, "", 1, fmt.Sprint(i))
			posted.Store(int32(i))
		}
	}()
	for range n {
		q := s.dial(t, 5, "tcp")
		body := q.connectBody("carol", t.Name(), 60, expiry(3600))
		body[7] &^= 2
		q.send(packet(0x10, body))
	}
	waitFor(t, func() bool { return s.value("rambla_broker_connects_total", "") == n+1 })
	<-done
	p = s.kept(t, 5, "tcp", "carol", t.Name(), 1)
	next := 0 // nothing was acknowledged, so all of it comes, in order
	for next < 200 {
		r := p.expect(3)
		if r.payload != fmt.Sprint(next) {
			t.Fatalf("got %s, want %d", r.payload, next)
		}
		p.send(ack(4, r.id))
		next++
	}
	p.quiet()
}

func TestADisconnectThatCrossesATakeOverLeavesOneOfThemInForce(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for i := range 40 {
		id := fmt.Sprint(t.Name(), i)
		p, q := s.kept(t, 5, "tcp", "carol", id, 0), s.dial(t, 5, "tcp")
		body := q.connectBody("carol", id, 60, expiry(3600))
		body[7] &^= 2
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.try(packet(0xE0, append([]byte{0, 5}, expiry(7200)...)))
		}()
		q.send(packet(0x10, body))
		if r := q.expect(2); r.code != 0 || r.body[0] != 1 {
			t.Fatalf("CONNACK % x", r.body)
		}
		<-done
		s.leave(q, "carol", id, nil)
	}
}

func TestAMemberThatComesWhileItsGroupGoesToRestIsServed(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for i := range 30 {
		space := fmt.Sprint("rest", i)
		s.site.join(space, "carol")
		filter := "$share/g//ctx/" + space + "/messages"
		a, b := s.client(t, 4, "tcp", "carol", fmt.Sprint("a", i)), s.client(t, 4, "tcp", "carol", fmt.Sprint("b", i))
		a.subscribe(filter, 1)
		a.nc.Close()
		if code := b.subscribe(filter, 1); code != 1 {
			t.Fatalf("SUBACK says %#x", code)
		}
		s.append(space, social.ChannelMessages, "", 1, "x")
		b.gets("x")
		b.nc.Close()
	}
}

func TestASharedSubscriptionOfAConnectionThatIsOverHoldsNoGroup(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	s.site.join("over", "carol")
	for i := range 50 {
		p := s.client(t, 4, "tcp", "carol", "over")
		p.send(bytes.Join([][]byte{
			p.subscribePacket(7, nil, subscription(fmt.Sprint("$share/g", i, "//ctx/over/messages"), 1)),
			p.subscribePacket(8, nil, subscription(fmt.Sprint("$share/h", i, "//ctx/over/messages"), 1)),
		}, nil)) // the next connection takes this one over
	}
	q := s.client(t, 4, "tcp", "carol", "over")
	q.quiet()
	q.nc.Close()
	waitFor(t, func() bool { return len(s.Broker.Sessions()) == 0 && s.Groups() == 0 })
}
