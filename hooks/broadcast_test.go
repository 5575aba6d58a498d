package hooks_test

import (
	"strings"
	"testing"
	"time"

	"rambla/broker"
	"rambla/social"
)

func TestABroadcastReachesEverybodyWhoSubscribesAndNobodyElseSpeaksThere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root := social.Actor{Person: s.key("root")}
	carol := s.login("carol")
	cover, err := s.gate.Subscribe(carol, social.BroadcastTopic)
	if err != nil || s.gate.MayReceive(carol, cover.Scope) != social.Channels(social.ChannelData) {
		t.Fatalf("%+v, %v", cover, err)
	}
	if _, err := s.gate.Subscribe(s.login("bob/read write ctx:lobby"), social.BroadcastTopic); kind(err) != "forbidden" {
		t.Errorf("a token for one context subscribes: %v", err)
	}
	for _, who := range []string{"carol", "root"} {
		for qos := range byte(3) {
			for _, retain := range []bool{false, true} {
				pub := broker.Publication{Topic: social.BroadcastTopic, Payload: []byte("x"), QoS: qos, Retain: retain}
				if o := s.publish(s.login(who), pub); kind(o.err) != "forbidden" || len(s.take()) != 0 {
					t.Errorf("%s at QoS %d: %v", who, qos, o.err)
				}
			}
		}
	}
	if _, err := s.data.Broadcast(t.Context(), social.Actor{Person: s.key("carol")}, social.Broadcast{Content: "x"}); kind(err) != "forbidden" {
		t.Errorf("carol: %v", err)
	}

	first, err := s.data.Broadcast(t.Context(), root, social.Broadcast{Content: "good morning"})
	if err != nil {
		t.Fatal(err)
	}
	told := s.take()
	if len(told) != 1 || told[0].Topic != social.BroadcastTopic || told[0].QoS != 1 || told[0].Seq != 1 || told[0].Retain || told[0].Scope != cover.Scope {
		t.Fatalf("%+v", told)
	}
	if got := string(told[0].Payload()); !strings.Contains(got, first.ID.String()) || !strings.Contains(got, "good morning") || strings.Contains(got, "root") {
		t.Error(got)
	}
	stands := func(want ...string) {
		t.Helper()
		list, _, err := s.gate.Retained(t.Context(), carol, cover.Scope, social.ChannelData, cover.Rest, "", 9)
		if err != nil || len(list) != len(want) || len(want) > 0 && !strings.Contains(string(list[0].Payload()), want[0]) {
			t.Errorf("%d stand, want %q, %v", len(list), want, err)
		}
	}
	stands()
	for _, text := range []string{"closed tonight", "open after all"} {
		if _, err := s.data.Broadcast(t.Context(), root, social.Broadcast{Content: text, Until: s.now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		stands(text)
	}
	s.pass(2 * time.Hour)
	stands()
	read, err := s.gate.Read(t.Context(), s.gate.Stream(cover.Scope, social.ChannelData), "", 0, 100)
	if err != nil || len(read) != 3 {
		t.Errorf("who was away gets %d, %v", len(read), err)
	}
}
