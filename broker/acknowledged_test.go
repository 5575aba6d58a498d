package broker_test

import (
	"fmt"
	"testing"
	"time"

	"rambla/broker"
	"rambla/social"
)

func TestASessionTellsUpToWhereItHasAcknowledged(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	s.site.join("acked", "carol")
	scope := s.site.scope("acked")
	ask := func(id string) (uint64, bool) {
		return s.Acknowledged(s.site.person("carol"), id, scope, social.ChannelMessages)
	}
	wants := func(id string, want uint64) {
		t.Helper()
		deadline := time.Now().Add(eventually)
		for {
			seq, live := ask(id)
			if live && seq == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("acknowledged %d, live %v; want %d", seq, live, want)
			}
			<-time.After(5 * time.Millisecond)
		}
	}
	topic := "/ctx/acked/messages"
	if seq, live := ask("nobody"); seq != 0 || live {
		t.Errorf("nobody's session: %d, %v", seq, live)
	}
	p := s.client(t, 5, "tcp", "carol", "one")
	wants("one", 0)
	p.subscribe(topic, 1)
	q := s.client(t, 4, "tcp", "carol", "zero")
	q.subscribe(topic, 0)
	for i := range 3 {
		s.append("acked", social.ChannelMessages, "", 1, fmt.Sprint(i))
	}
	ids := make([]uint16, 3)
	for i := range ids {
		ids[i] = p.expect(3).id
	}
	wants("one", 0)
	p.send(packet(0x40, []byte{byte(ids[1] >> 8), byte(ids[1])}))
	wants("one", 0) // the first is open
	p.send(packet(0x40, []byte{byte(ids[0] >> 8), byte(ids[0])}))
	wants("one", 2)
	p.send(packet(0x40, []byte{byte(ids[2] >> 8), byte(ids[2])}))
	wants("one", 3)
	wants("zero", 0) // what comes at QoS 0 is never acknowledged
}
