package broker_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rambla/broker"
	"rambla/social"
)

// memoryRetained are the retained messages of a memoryLog.
type memoryRetained struct {
	mu      sync.Mutex
	kept    map[social.Scope]map[string]*broker.Delivery
	reading func() // called without the lock when a page was read, before it is handed over; nil = nothing to do
	pages   int
}

// retain keeps what was published to be retained; an empty payload removes it.
func (m *memoryRetained) retain(d *broker.Delivery) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil {
		m.kept = make(map[social.Scope]map[string]*broker.Delivery)
	}
	if m.kept[d.Scope] == nil {
		m.kept[d.Scope] = make(map[string]*broker.Delivery)
	}
	if m.kept[d.Scope][d.Rest] = d; len(d.Payload()) == 0 {
		delete(m.kept[d.Scope], d.Rest)
	}
}

// Retained is a page of a few, whatever the limit, so that there are many.
func (l *memoryLog) Retained(_ context.Context, _ *broker.Principal, scope social.Scope, channel social.Channel, rest, after string, limit int) (list []*broker.Delivery, next string, err error) {
	l.mu.Lock()
	down := l.down
	l.mu.Unlock()
	if down != nil || channel != social.ChannelData {
		return nil, "", down
	}
	m := &l.retained
	m.mu.Lock()
	m.pages++
	reading := m.reading
	for i, topic := range slices.Sorted(maps.Keys(m.kept[scope])) {
		if topic <= after {
			continue
		}
		if social.MatchRest(rest, topic) {
			list = append(list, m.kept[scope][topic])
		}
		if next = topic; len(list) == min(limit, 7) && i < len(m.kept[scope])-1 {
			break
		}
		if i == len(m.kept[scope])-1 {
			next = ""
		}
	}
	m.mu.Unlock()
	if reading != nil {
		reading()
	}
	return list, next, nil
}

// retained is a PUBLISH with RETAIN.
func (p *peer) retained(qos byte, id uint16, topic, payload string, list ...[]byte) []byte {
	m := p.message(qos, id, topic, payload, list...)
	m[0] |= 1
	return m
}

// publishRetained publishes and waits for the answer.
func (p *peer) publishRetained(qos byte, topic, payload string, list ...[]byte) {
	p.t.Helper()
	p.send(p.retained(qos, 9, topic, payload, list...))
	switch qos {
	case 0:
		p.quiet()
	case 1:
		p.expect(4)
	case 2:
		p.expect(5)
		p.send(ack(6, 9))
		p.expect(7)
	}
}

func TestSection3_3_1ARetainedMessageComesToANewSubscription(t *testing.T) {
	t.Parallel()
	variants(t, func(t *testing.T, version byte, transport string) {
		s := serve(t, broker.Config{})
		alice := s.client(t, version, transport, "alice", "a")
		for qos := range byte(3) {
			alice.publishRetained(qos, fmt.Sprintf("/ctx/lobby/data/q%d", qos), fmt.Sprintf("stored at %d", qos))
		}
		alice.publishRetained(1, "/ctx/lobby/data/q1", "replaced")
		alice.send(alice.message(1, 5, "/ctx/lobby/data/q1", "passing"))
		alice.expect(4)
		for granted := range byte(3) {
			bob := s.client(t, version, transport, "bob", fmt.Sprint("b", granted))
			bob.subscribe("/ctx/lobby/data/+", granted)
			for qos, want := range []string{"stored at 0", "replaced", "stored at 2"} {
				r := bob.expect(3)
				if r.topic != fmt.Sprintf("/ctx/lobby/data/q%d", qos) || r.payload != want || r.header&1 != 1 || r.qos() != min(byte(qos), granted) {
					t.Errorf("granted %d: %x %s %q, want %q at %d", granted, r.header, r.topic, r.payload, want, min(byte(qos), granted))
				}
				switch r.qos() {
				case 1:
					bob.send(ack(4, r.id))
				case 2:
					bob.send(ack(5, r.id))
					bob.expect(6)
					bob.send(ack(7, r.id))
				}
			}
			bob.quiet()
			// What follows is no retained message [MQTT-3.3.1-9].
			alice.publishRetained(0, "/ctx/lobby/data/q0", "stored at 0")
			if r := bob.expect(3); r.header&1 != 0 {
				t.Errorf("a live message has the header %x", r.header)
			}
		}
	})
}

func TestSection3_3_1AnEmptyPayloadPassesAndRemovesWhatWasRetained(t *testing.T) {
	t.Parallel()
	for _, version := range []byte{4, 5} {
		s := serve(t, broker.Config{})
		alice, bob := s.client(t, version, "tcp", "alice", "a"), s.client(t, version, "tcp", "bob", "b")
		alice.publishRetained(1, "/ctx/lobby/data/x", "here")
		bob.subscribe("/ctx/lobby/data/x", 0)
		if r := bob.expect(3); r.payload != "here" || r.header != 0x31 {
			t.Errorf("%x %q", r.header, r.payload)
		}
		alice.publishRetained(0, "/ctx/lobby/data/x", "")
		if r := bob.expect(3); r.payload != "" || r.header != 0x30 {
			t.Errorf("%x %q", r.header, r.payload)
		}
		late := s.client(t, version, "tcp", "bob", "late")
		late.subscribe("/ctx/lobby/data/x", 0)
		late.quiet()
	}
}

func TestSection3_8_3RetainHandlingDecides(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	s.client(t, 5, "tcp", "alice", "a").publishRetained(1, "/ctx/lobby/data/x", "v")
	const filter = "/ctx/lobby/data/#"
	for handling, want := range [][]bool{{true, true}, {true, false}, {false, false}} {
		p := s.client(t, 5, "tcp", "bob", fmt.Sprint(handling))
		for try, comes := range want {
			p.subscribe(filter, byte(handling)<<4)
			if comes {
				if r := p.expect(3); r.payload != "v" || r.header != 0x31 {
					t.Errorf("handling %d, try %d: %x %q", handling, try, r.header, r.payload)
				}
			}
			p.quiet()
		}
		// After an UNSUBSCRIBE it is new again.
		p.send(p.unsubscribePacket(8, filter))
		p.expect(11)
		p.subscribe(filter, byte(handling)<<4)
		if want[0] {
			p.expect(3)
		}
		p.quiet()
	}
	// Twice in one packet, the second is not new.
	p := s.client(t, 5, "tcp", "bob", "twice")
	p.send(p.subscribePacket(7, nil, subscription(filter, 0x20), subscription(filter, 0x10)))
	p.expect(9)
	p.quiet()
	// In 3.1.1 they come again every time [MQTT-3.8.4-3].
	three := s.client(t, 4, "tcp", "bob", "three")
	for range 2 {
		three.subscribe(filter, 0)
		three.expect(3)
		three.quiet()
	}
}

func TestSection3_3_1RetainedMessagesKeepWhatTheyCameWith(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	alice := s.client(t, 5, "tcp", "alice", "a")
	alice.publishRetained(1, "/ctx/lobby/data/x", "v", user("a", "1"), []byte{0x02, 0, 0, 0, 200})
	bob := s.client(t, 5, "tcp", "bob", "b")
	// Overlapping subscriptions each have their own.
	bob.send(bob.subscribePacket(7, []byte{0x0B, 42}, subscription("/ctx/lobby/data/#", 1)))
	bob.expect(9)
	r := bob.expect(3)
	if !r.has(user("a", "1")...) || !r.has(0x0B, 42) || !r.has(0x02, 0, 0, 0) || r.has(0x02, 0, 0, 0, 201) {
		t.Errorf("properties % x", r.props)
	}
	bob.send(ack(4, r.id))
	// No Local: not to the session that published it [MQTT-3.8.3-3].
	alice.subscribe("/ctx/lobby/data/#", 1|4)
	alice.quiet()
	alice.subscribe("/ctx/lobby/data/x", 1)
	alice.expect(3)
}

func TestARetainedMessageThatHasExpiredDoesNotCome(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	old := &broker.Delivery{
		Scope: s.site.scope("lobby"), Channel: social.ChannelData, Topic: "/ctx/lobby/data/x", Rest: "x", Payload: func() []byte { return []byte("x") },
		Properties: &social.Properties{Expiry: 5}, At: time.Now().Add(-6 * time.Second),
	}
	s.site.log.retained.retain(old)
	bob := s.client(t, 5, "tcp", "bob", "b")
	bob.subscribe("/ctx/lobby/data/#", 1)
	bob.quiet()
}

func TestAWildcardsRetainedMessagesComeOfEveryContextOfTheMoment(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	s.site.join("second", "alice", "bob")
	s.site.join("third", "alice")
	alice := s.client(t, 5, "tcp", "alice", "a")
	for _, space := range []string{"lobby", "second", "third", "staff"} {
		alice.publishRetained(1, "/ctx/"+space+"/data/x", space)
	}
	bob := s.client(t, 5, "tcp", "bob", "b")
	bob.subscribe("/ctx/+/data/#", 0)
	got := []string{bob.expect(3).payload, bob.expect(3).payload}
	if slices.Sort(got); !slices.Equal(got, []string{"lobby", "second"}) {
		t.Errorf("%q", got)
	}
	bob.quiet()
	// One that comes under it later is covered from now on, and no new subscription.
	s.site.join("third", "bob")
	s.RightsChanged([]social.Scope{s.site.scope("third")}, []social.PersonKey{s.site.person("bob")})
	bob.quiet()
}

func TestTheRightIsAskedWhenRetainedMessagesLeave(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	alice := s.client(t, 5, "tcp", "alice", "a")
	for i := range 20 {
		alice.publishRetained(1, fmt.Sprintf("/ctx/lobby/data/%02d", i), "v")
	}
	bob := s.client(t, 5, "tcp", "bob", "b")
	took := make(chan struct{})
	var once sync.Once
	s.site.log.retained.mu.Lock()
	s.site.log.retained.reading = func() {
		once.Do(func() { // the first page is read, and not yet queued
			s.site.allow("lobby", "bob", 0, false)
			s.RightsChanged([]social.Scope{s.site.scope("lobby")}, []social.PersonKey{s.site.person("bob")})
			close(took)
		})
	}
	s.site.log.retained.mu.Unlock()
	bob.subscribe("/ctx/lobby/data/#", 1)
	<-took
	bob.quiet()
	// Nor when the right comes back: it is no new subscription.
	s.site.allow("lobby", "bob", social.SpaceChannels(), false)
	s.RightsChanged([]social.Scope{s.site.scope("lobby")}, []social.PersonKey{s.site.person("bob")})
	alice.publishRetained(1, "/ctx/lobby/data/live", "live")
	if r := bob.expect(3); r.payload != "live" || r.header&1 != 0 {
		t.Errorf("%x %q", r.header, r.payload)
	}
}

// A retained message that is older than what was published while it was read
// must not be what the subscriber hears last.
func TestTheNewestValueIsAlsoTheLastToArrive(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	alice := s.client(t, 5, "tcp", "alice", "a")
	alice.publishRetained(1, "/ctx/lobby/data/x", "old")
	var once sync.Once
	s.site.log.retained.mu.Lock()
	s.site.log.retained.reading = func() {
		once.Do(func() { alice.publishRetained(1, "/ctx/lobby/data/x", "new") })
	}
	s.site.log.retained.mu.Unlock()
	bob := s.client(t, 5, "tcp", "bob", "b")
	bob.subscribe("/ctx/lobby/data/#", 0)
	if first, second := bob.expect(3), bob.expect(3); first.payload != "old" || first.header&1 != 1 || second.payload != "new" || second.header&1 != 0 {
		t.Errorf("%q (%x), then %q (%x)", first.payload, first.header, second.payload, second.header)
	}
}

func TestThousandsOfRetainedMessagesNeitherBlockNorOverflow(t *testing.T) {
	t.Parallel()
	const many = 3000
	s := serve(t, broker.Config{MaxQueued: 64})
	payload := strings.Repeat("x", 1000)
	for i := range many {
		s.site.log.retained.retain(&broker.Delivery{
			Scope: s.site.scope("lobby"), Channel: social.ChannelData, Topic: fmt.Sprintf("/ctx/lobby/data/%05d", i), Rest: fmt.Sprintf("%05d", i),
			QoS: 1, Payload: func() []byte { return []byte(payload) },
		})
	}
	bob := s.client(t, 5, "tcp", "bob", "b")
	bob.subscribe("/ctx/lobby/data/#", 1)
	bob.send([]byte{0xC0, 0}) // the reader answers while they come
	answered := 0
	for next := 0; next < many; {
		r := bob.read()
		if r.kind() == 13 {
			answered = next
			continue
		}
		if want := fmt.Sprintf("/ctx/lobby/data/%05d", next); r.topic != want || r.qos() != 1 {
			t.Fatalf("message %d is %s at %d", next, r.topic, r.qos())
		}
		bob.send(ack(4, r.id))
		next++
	}
	bob.quiet()
	if answered > many/2 {
		t.Errorf("a PINGREQ was answered after %d messages", answered)
	}
	// Whoever ends the subscription gets no more of them [MQTT-3.10.4-2].
	slow := s.client(t, 5, "tcp", "bob", "slow")
	slow.subscribe("/ctx/lobby/data/#", 1)
	slow.expect(3)
	slow.send(slow.unsubscribePacket(8, "/ctx/lobby/data/#"))
	for n := 0; ; n++ {
		if r := slow.read(); r.kind() == 11 {
			break
		}
		if n > many/2 {
			t.Fatal("an UNSUBSCRIBE stopped nothing")
		}
	}
}

func TestAReplacedSubscriptionLosesNoRetainedMessage(t *testing.T) {
	t.Parallel()
	const many = 600
	s := serve(t, broker.Config{})
	for i := range many {
		s.site.log.retained.retain(&broker.Delivery{
			Scope: s.site.scope("lobby"), Channel: social.ChannelData, Topic: fmt.Sprintf("/ctx/lobby/data/%05d", i), Rest: fmt.Sprintf("%05d", i),
			QoS: 1, Payload: func() []byte { return []byte("x") },
		})
	}
	bob := s.dial(t, 5, "tcp")
	bob.join("bob", "b", []byte{0x21, 0, 10}) // at most ten at once
	bob.subscribe("/ctx/lobby/data/#", 1)
	first := bob.expect(3)
	bob.send(bob.subscribePacket(8, nil, subscription("/ctx/lobby/data/#", 1|0x10))) // it is not new
	bob.send(ack(4, first.id))
	for n := 1; n < many; {
		r := bob.read()
		if r.kind() == 9 {
			continue
		}
		if want := fmt.Sprintf("/ctx/lobby/data/%05d", n); r.topic != want {
			t.Fatalf("message %d is %s", n, r.topic)
		}
		bob.send(ack(4, r.id))
		n++
	}
	bob.quiet()
}

func TestRetainedMessagesWaitForTheStore(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	s.client(t, 5, "tcp", "alice", "a").publishRetained(1, "/ctx/lobby/data/x", "v")
	s.site.log.fail(errors.New("away"))
	bob := s.client(t, 5, "tcp", "bob", "b")
	bob.subscribe("/ctx/lobby/data/#", 0)
	bob.quiet()
	s.site.log.fail(nil)
	if r := bob.expect(3); r.payload != "v" {
		t.Errorf("%q", r.payload)
	}
}

// What a durable session has not acknowledged of them comes again, from the
// stream, by the same identifier.
func TestAnUnacknowledgedRetainedMessageComesAgain(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	alice := s.client(t, 5, "tcp", "alice", "a")
	alice.publishRetained(1, "/ctx/lobby/data/x", "v")
	alice.send(alice.message(1, 5, "/ctx/lobby/data/y", "w"))
	alice.expect(4)
	bob := s.dial(t, 5, "tcp")
	bob.join("bob", "b", []byte{0x11, 0, 0, 1, 0})
	bob.subscribe("/ctx/lobby/data/x", 1)
	first := bob.expect(3)
	bob.nc.Close()
	again := s.dial(t, 5, "tcp")
	body := again.connectBody("bob", "b", 60, []byte{0x11, 0, 0, 1, 0})
	body[7] &^= 2 // no clean start
	again.send(packet(0x10, body))
	if r := again.expect(2); r.code != 0 || r.body[0] != 1 {
		t.Fatalf("CONNACK % x", r.body)
	}
	r := again.expect(3)
	if r.payload != "v" || r.id != first.id || r.header&0x0A != 0x0A {
		t.Errorf("%x %q, identifier %d; before %d", r.header, r.payload, r.id, first.id)
	}
	again.send(ack(4, r.id))
	alice.send(alice.message(1, 6, "/ctx/lobby/data/x", "later"))
	if r := again.expect(3); r.payload != "later" || r.header&8 != 0 {
		t.Errorf("%x %q", r.header, r.payload)
	}
}
