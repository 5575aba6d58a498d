package broker_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rambla/broker"
	"rambla/social"
)

func TestSection3_9SubackGrantsWhatEachFilterCanHave(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{MaxSubscriptions: 12})
	variants(t, func(t *testing.T, version byte, transport string) {
		p := s.client(t, version, transport, "bob", t.Name())
		cases := []struct {
			filter     string
			qos        byte
			want5, old byte
		}{
			{"/ctx/lobby/messages", 2, 1, 1},
			{"/ctx/lobby/messages", 0, 0, 0},
			{"/ctx/+/events", 2, 1, 1},
			{"/ctx/lobby/data/a/+", 2, 2, 2},
			{"/ctx/lobby/#", 2, 2, 2},
			{"/ctx/#", 1, 1, 1},
			{"/user/bob/errors", 2, 0, 0},
			{"/user/bob/sync/#", 1, 0, 0},
			{"$SYS/#", 1, 0, 0},
			{"/user/alice/errors", 1, 0x87, 0x80},
			{"/ctx/staff/messages", 1, 0x87, 0x80},
			{"/ctx/none/messages", 1, 0x87, 0x80},
			{"#", 1, 0x87, 0x80},
			{"+/x", 1, 0x87, 0x80},
			{"/ctx/lobby/messages+", 1, 0x8F, 0x80},
			{"/ctx/lobby/da#/x", 1, 0x8F, 0x80},
			{strings.Repeat("/x", 100), 1, 0x8F, 0x80},
			{"", 1, 0x8F, 0x80},
			{"$share/g//ctx/lobby/messages", 1, 1, 1},
		}
		var filters [][]byte
		for _, c := range cases {
			filters = append(filters, subscription(c.filter, c.qos))
		}
		p.send(p.subscribePacket(1, nil, filters...))
		r := p.expect(9)
		if len(r.codes) != len(cases) {
			t.Fatalf("SUBACK % x", r.body)
		}
		for i, c := range cases {
			want := c.want5
			if version == 4 {
				want = c.old
			}
			if r.codes[i] != want {
				t.Errorf("%q is granted %#x, want %#x", c.filter, r.codes[i], want)
			}
		}
	})
}

func TestSection3_8SubscriptionsOfASessionAreLimited(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{MaxSubscriptions: 2})
	p := s.client(t, 5, "tcp", "bob", "b")
	for filter, want := range map[string]byte{"/ctx/lobby/data/1": 0, "/ctx/lobby/data/2": 0} {
		if code := p.subscribe(filter, 0); code != want {
			t.Errorf("%s: %#x", filter, code)
		}
	}
	if code := p.subscribe("/ctx/lobby/data/3", 0); code != 0x97 {
		t.Errorf("the third is granted %#x", code)
	}
	if code := p.subscribe("/ctx/lobby/data/2", 1); code != 1 {
		t.Errorf("replacing one is granted %#x", code)
	}
	p.send(packet(0xA2, append(append([]byte{0, 1, 0}, str("/ctx/lobby/data/1")...), str("/ctx/x")...)))
	if r := p.expect(11); len(r.codes) != 2 || r.codes[0] != 0 || r.codes[1] != 0x11 {
		t.Errorf("UNSUBACK % x", r.body)
	}
	if code := p.subscribe("/ctx/lobby/data/3", 0); code != 0 {
		t.Errorf("there is room again, but %#x", code)
	}
}

func TestSection3_8BadSubscribesEndTheConnection(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	filter := str("/ctx/lobby/messages")
	for name, c := range map[string]struct {
		version, code byte
		packet        []byte
	}{
		"no options byte 5.0":      {5, 0x81, packet(0x82, append([]byte{0, 1, 0}, filter...))},
		"no options byte 3.1.1":    {4, 0, packet(0x82, append([]byte{0, 1}, filter...))},
		"no filter 5.0":            {5, 0x82, packet(0x82, []byte{0, 1, 0})},
		"no filter 3.1.1":          {4, 0, packet(0x82, []byte{0, 1})},
		"identifier 0":             {5, 0x82, packet(0x82, append(append([]byte{0, 0, 0}, filter...), 1))},
		"header flags":             {5, 0x81, packet(0x80, append(append([]byte{0, 1, 0}, filter...), 1))},
		"QoS 3 5.0":                {5, 0x82, packet(0x82, append(append([]byte{0, 1, 0}, filter...), 3))},
		"QoS 3 3.1.1":              {4, 0, packet(0x82, append(append([]byte{0, 1}, filter...), 3))},
		"reserved options":         {5, 0x81, packet(0x82, append(append([]byte{0, 1, 0}, filter...), 0x41))},
		"retain handling 3":        {5, 0x82, packet(0x82, append(append([]byte{0, 1, 0}, filter...), 0x31))},
		"subscription id 0":        {5, 0x82, packet(0x82, append(append([]byte{0, 1, 2, 0x0B, 0}, filter...), 1))},
		"two subscription ids":     {5, 0x82, packet(0x82, append(append([]byte{0, 1, 4, 0x0B, 1, 0x0B, 2}, filter...), 1))},
		"shared and no local":      {5, 0x82, packet(0x82, append(append([]byte{0, 1, 0}, str("$share/g/x")...), 5))},
		"NUL in the filter":        {5, 0x81, packet(0x82, append(append([]byte{0, 1, 0}, str("/ctx/\x00")...), 1))},
		"unsubscribe from nothing": {5, 0x82, packet(0xA2, []byte{0, 1, 0})},
		"unsubscribe cut short":    {5, 0x81, packet(0xA2, []byte{0, 1, 0, 0, 9, 'x'})},
		"PINGREQ with a body":      {5, 0x81, []byte{0xC0, 1, 0}},
		"PUBACK with flags":        {5, 0x81, []byte{0x42, 2, 0, 1}},
		"PUBACK for 0":             {5, 0x82, []byte{0x40, 2, 0, 0}},
		"PUBACK cut short":         {5, 0x81, []byte{0x40, 1, 0}},
		"PUBREL without flags":     {5, 0x81, []byte{0x60, 2, 0, 1}},
		"AUTH":                     {5, 0x82, []byte{0xF0, 0}},
		"CONNACK":                  {5, 0x81, []byte{0x20, 3, 0, 0, 0}},
		"reserved type":            {5, 0x81, []byte{0x00, 0}},
		"DISCONNECT with flags":    {5, 0x81, []byte{0xE1, 0}},
		"DISCONNECT with expiry":   {5, 0x82, []byte{0xE0, 7, 0, 5, 0x11, 0, 0, 0, 9}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := s.client(t, c.version, "tcp", "bob", t.Name())
			p.send(c.packet)
			p.ended(c.code)
		})
	}
}

func TestSection3_8_4OverlappingSubscriptionsGiveOneCopyWithTheHighestQoSAndAllIdentifiers(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	p := s.client(t, 5, "tcp", "bob", "b")
	for i, f := range [][]byte{
		subscription("/ctx/lobby/data/a", 0), subscription("/ctx/lobby/data/+", 1), subscription("/ctx/+/data/#", 2),
		subscription("/ctx/lobby/data/other", 2),
	} {
		p.send(p.subscribePacket(1, []byte{0x0B, byte(i + 1)}, f))
		p.expect(9)
	}
	a := s.client(t, 5, "tcp", "alice", "a")
	a.send(a.message(2, 1, "/ctx/lobby/data/a", "x"))
	r := p.expect(3)
	if r.qos() != 2 || len(r.props) != 6 || !r.has(0x0B, 1) || !r.has(0x0B, 2) || !r.has(0x0B, 3) {
		t.Errorf("delivered %x with % x", r.header, r.props)
	}
	p.quiet()
	p.send(packet(0xA2, append([]byte{0, 1, 0}, str("/ctx/+/data/#")...)))
	p.expect(11)
	a.send(a.message(2, 2, "/ctx/lobby/data/a", "y"))
	if r := p.expect(3); r.qos() != 1 || len(r.props) != 4 || r.payload != "y" {
		t.Errorf("delivered %x with % x", r.header, r.props)
	}
	p.send(p.subscribePacket(1, nil, subscription("/ctx/lobby/data/+", 0))) // replaces, identifier and all
	p.expect(9)
	a.send(a.message(1, 3, "/ctx/lobby/data/a", "z"))
	if r := p.expect(3); r.qos() != 0 || !r.has(0x0B, 1) || len(r.props) != 2 {
		t.Errorf("delivered %x with % x", r.header, r.props)
	}
}

func TestSection3_8_3NoLocalKeepsOnesOwnMessagesAway(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	p := s.client(t, 5, "tcp", "alice", "a")
	p.subscribe("/ctx/lobby/messages", 1|4)
	other := s.client(t, 5, "tcp", "alice", "b")
	other.subscribe("/ctx/lobby/messages", 1|4)
	p.send(p.message(1, 1, "/ctx/lobby/messages", "x"))
	p.expect(4)
	if r := other.expect(3); r.payload != "x" {
		t.Errorf("delivered %q", r.payload)
	}
	p.quiet()
	p.subscribe("/ctx/+/messages", 0) // without the option: it matches alone
	p.send(p.message(1, 2, "/ctx/lobby/messages", "y"))
	for range 2 {
		if r := p.read(); r.kind() == 3 && r.qos() != 0 {
			t.Error("the copy has the QoS of the subscription that does not match")
		}
	}
}

func TestSection3_8_3RetainIsShownOnlyToWhomAsked(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	plain, asPublished := s.client(t, 5, "tcp", "bob", "b"), s.client(t, 5, "tcp", "bob", "c")
	plain.subscribe("/ctx/lobby/data/#", 0)
	asPublished.subscribe("/ctx/lobby/data/#", 8)
	s.Deliver(&broker.Delivery{
		Scope: s.site.scope("lobby"), Channel: social.ChannelData, Topic: "/ctx/lobby/data/x", Rest: "x",
		Retain: true, Payload: func() []byte { return []byte("x") },
	})
	if r := plain.expect(3); r.header != 0x30 {
		t.Errorf("header %x", r.header)
	}
	if r := asPublished.expect(3); r.header != 0x31 {
		t.Errorf("header %x", r.header)
	}
}

func TestSection3_9ADeliveryWaitsForTheSubackOfItsSubscription(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	s.site.join("other", "bob")
	s.site.mu.Lock()
	s.site.asked = func() { // of two contexts one is in force before the other
		s.post("lobby", social.ChannelMessages, "x")
		s.post("other", social.ChannelMessages, "x")
		<-time.After(5 * time.Millisecond) // a writer that may write has done so by now
	}
	s.site.mu.Unlock()
	for i := range 10 {
		p := s.client(t, 4, "tcp", "bob", fmt.Sprint(i))
		p.send(p.subscribePacket(7, nil, subscription("/ctx/lobby/messages", 0), subscription("/ctx/other/messages", 0)))
		p.expect(9)
		p.expect(3)
	}
}

func TestSection3_9NothingIsDeliveredBeforeItsSubackAndNothingMissedAfter(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	stop := make(chan struct{})
	flood := make(chan struct{})
	go func() {
		defer close(flood)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				s.Deliver(&broker.Delivery{
					Scope: s.site.scope("lobby"), Channel: social.ChannelMessages, Topic: "/ctx/lobby/messages",
					QoS: 0, Payload: func() []byte { return fmt.Appendf(nil, "%d", i) },
				})
			}
		}
	}()
	for i := range 20 {
		p := s.client(t, 4, "tcp", "bob", fmt.Sprint(i))
		p.send(p.subscribePacket(7, nil, subscription("/ctx/lobby/messages", 0)))
		p.expect(9)
		p.expect(3)
	}
	close(stop)
	<-flood
}

func TestSection4_6DeliveriesKeepTheirOrderWhileSubscriptionsAreReplaced(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		space := fmt.Sprint("order-", version, transport)
		s.site.join(space, "of-"+space) // the wildcard covers this space only
		p := s.client(t, version, transport, "of-"+space, t.Name())
		p.subscribe("/ctx/"+space+"/data/#", 1)
		const n = 2000
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range n {
				s.Deliver(&broker.Delivery{
					Scope: s.site.scope(space), Channel: social.ChannelData, Topic: "/ctx/" + space + "/data/x", Rest: "x",
					QoS: 1, Payload: func() []byte { return fmt.Appendf(nil, "%d", i) },
				})
			}
		}()
		want := 0
		for changes := 0; want < n; {
			if want%100 == 50 && changes < want/100+1 {
				changes++
				p.send(p.subscribePacket(8, nil, subscription("/ctx/"+space+"/data/#", 1), subscription("/ctx/+/data/x", 1)))
			}
			switch r := p.read(); r.kind() {
			case 3:
				if r.payload != fmt.Sprint(want) {
					t.Fatalf("got %s, want %d", r.payload, want)
				}
				want++
				p.send(ack(4, r.id))
			case 9:
			default:
				t.Fatalf("got packet %d", r.kind())
			}
		}
		<-done
	})
}

func TestSection3_3_4NoMoreThanReceiveMaximumAreUnacknowledged(t *testing.T) {
	t.Parallel()
	for _, qos := range []byte{1, 2} {
		s := serve(t, broker.Config{SendWindow3: 2})
		for _, version := range []byte{4, 5} {
			p := s.dial(t, version, "tcp")
			p.join("bob", fmt.Sprint("b", version), []byte{0x21, 0, 2})
			p.subscribe("/ctx/lobby/data/#", qos)
			for i := range 5 {
				s.Deliver(&broker.Delivery{
					Scope: s.site.scope("lobby"), Channel: social.ChannelData, Topic: "/ctx/lobby/data/x", Rest: "x",
					QoS: qos, Payload: func() []byte { return fmt.Appendf(nil, "%d", i) },
				})
			}
			first, second := p.expect(3), p.expect(3)
			p.quiet()
			if qos == 1 {
				p.send(ack(4, second.id), ack(4, 999), ack(7, first.id)) // out of order, and nonsense
				p.expect(3)
				p.quiet()
				p.send(ack(4, first.id))
				p.expect(3)
				p.quiet()
				continue
			}
			p.send(ack(5, first.id))
			p.expect(6)
			p.quiet() // PUBREC does not make room
			p.send(ack(7, first.id))
			if r := p.expect(3); r.payload != "2" {
				t.Errorf("got %s", r.payload)
			}
			if version == 5 { // [MQTT-4.3.3-4]: a refused delivery is over
				p.send([]byte{0x50, 3, byte(second.id >> 8), byte(second.id), 0x97})
				p.expect(3)
			}
		}
	}
}

func TestSection3_1_2WhatIsLargerThanTheClientTakesIsLeftOut(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	p := s.dial(t, 5, "tcp")
	p.join("bob", "b", []byte{0x27, 0, 0, 0, 100})
	p.subscribe("/ctx/lobby/data/#", 1)
	for _, size := range []int{200, 100 - 26, 101 - 26, 10} { // 26: all of the packet but the payload
		s.Deliver(&broker.Delivery{
			Scope: s.site.scope("lobby"), Channel: social.ChannelData, Topic: "/ctx/lobby/data/xyz", Rest: "xyz",
			QoS: 1, Payload: func() []byte { return []byte(strings.Repeat("x", size)) },
		})
	}
	if r := p.expect(3); len(r.payload) != 74 || r.id != 1 {
		t.Errorf("got %d bytes with identifier %d", len(r.payload), r.id)
	}
	if r := p.expect(3); len(r.payload) != 10 || r.id != 2 {
		t.Errorf("got %d bytes with identifier %d", len(r.payload), r.id)
	}
	// They are counted when the write that they are not in is over.
	waitFor(t, func() bool { return s.value("rambla_broker_dropped_total", "too_large") == 2 })
}
