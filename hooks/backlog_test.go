package hooks_test

import (
	"slices"
	"testing"

	"rambla/broker"
	"rambla/social"
)

// Whoever catches up gets what whoever was there got.
func TestWhatIsReadAgainIsWhatWasDelivered(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob := s.login("bob")
	for _, p := range []broker.Publication{
		{Topic: "/ctx/lobby/messages", Payload: []byte("hello"), QoS: 1, Session: 5},
		{Topic: "/ctx/lobby/messages", Payload: []byte(`{"content":"psst","to":["carol"],"key":"k"}`), QoS: 1},
		{Topic: "/ctx/lobby/data/a", Payload: []byte{0, 255}, QoS: 2, Session: 6, Properties: user("unit", "°C")},
		{Topic: "/ctx/lobby/data/b", QoS: 1},
		{Topic: "/ctx/lobby/data/a", Payload: []byte("again"), QoS: 1},
	} {
		if o := s.publish(bob, p); o.err != nil {
			t.Fatalf("%s: %v", p.Topic, o.err)
		}
	}
	live := s.take()
	for channel, want := range map[social.Channel]int{social.ChannelMessages: 2, social.ChannelData: 3} {
		stream := s.gate.Stream(s.space("lobby").Scope(), channel)
		if head, told := s.gate.Head(stream); head != uint64(want) || told != head {
			t.Errorf("%v: announced up to %d, told %d, want %d", channel, head, told, want)
		}
		read, err := s.gate.Read(t.Context(), stream, "", 0, 10)
		if err != nil || len(read) != want {
			t.Fatalf("%v: %d entries, %v", channel, len(read), err)
		}
		for _, d := range read {
			i := slices.IndexFunc(live, func(l *broker.Delivery) bool { return l.Stream == d.Stream && l.Seq == d.Seq })
			if i < 0 {
				t.Fatalf("%v %d was never delivered", channel, d.Seq)
			}
			if l := live[i]; d.Topic != l.Topic || d.QoS != l.QoS || d.Rest != l.Rest || d.Scope != l.Scope || d.Session != l.Session ||
				string(d.Payload()) != string(l.Payload()) || !slices.Equal(d.Only, l.Only) || d.At.IsZero() ||
				(d.Properties == nil) != (l.Properties == nil) || d.Properties != nil && !slices.Equal(d.Properties.User, l.Properties.User) {
				t.Errorf("%v %d is read as\n%+v\nand was delivered as\n%+v", channel, d.Seq, d, l)
			}
		}
	}
	data := s.gate.Stream(s.space("lobby").Scope(), social.ChannelData)
	if one, err := s.gate.Read(t.Context(), data, "a", 1, 10); err != nil || len(one) != 1 || one[0].Seq != 3 {
		t.Errorf("one topic behind a seq: %v, %v", one, err)
	}
	if none, err := s.gate.Read(t.Context(), 4711, "", 0, 10); err != nil || none != nil {
		t.Errorf("a stream that is none: %v, %v", none, err)
	}
}

func TestAReplayBeginsWhereTheReaderMayBegin(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob, stream := s.login("bob"), s.gate.Stream(s.space("lobby").Scope(), social.ChannelMessages)
	for _, text := range []string{"1", `{"content":"2","to":["alice"]}`, "3"} {
		if o := s.publish(bob, broker.Publication{Topic: "/ctx/lobby/messages", Payload: []byte(text), QoS: 1}); o.err != nil {
			t.Fatal(o.err)
		}
	}
	for _, c := range []struct {
		name, who string
		from      social.SeekFrom
		after     uint64
		complete  bool
	}{
		{"after a seq", "bob", social.SeekFrom{After: 1}, 1, true},
		{"beyond the end", "bob", social.SeekFrom{After: 9}, 3, false},
		{"another epoch", "bob", social.SeekFrom{Epoch: "other", After: 2}, 0, false},
		{"the last two", "bob", social.SeekFrom{ByLast: true, Last: 2}, 1, true},
		{"the last two that a stranger sees", "carol", social.SeekFrom{ByLast: true, Last: 2}, 0, true},
		{"the last none", "bob", social.SeekFrom{ByLast: true}, 3, true},
		{"the last thousand", "bob", social.SeekFrom{ByLast: true, Last: 1000}, 0, true},
	} {
		got, err := s.gate.Seek(t.Context(), s.login(c.who), stream, c.from)
		if err != nil || got.After != c.after || got.Complete != c.complete || got.Head != 3 {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
	closed := s.gate.Stream(s.space("staff").Scope(), social.ChannelMessages)
	if _, err := s.gate.Seek(t.Context(), s.login("carol"), closed, social.SeekFrom{}); kind(err) != "not_found" {
		t.Errorf("a stranger replays a closed context: %v", err)
	}
	if seq, member := s.gate.Joined(s.login("carol"), stream); member || seq != 0 {
		t.Errorf("a stranger joined at %d", seq)
	}
	if _, member := s.gate.Joined(bob, stream); !member {
		t.Error("a member did not join")
	}
}
