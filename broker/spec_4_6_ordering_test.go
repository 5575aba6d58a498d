package broker_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"rambla/broker"
)

func TestSection4_6DeliveriesOfOneTopicAndQoSKeepTheOrderOfTheirPublishes(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		for _, qos := range []byte{0, 1, 2} {
			c := s.pair(t, version, transport)
			c.sub.subscribe(c.data+"x", 2)
			const n = 200
			var flood sync.WaitGroup
			flood.Go(func() {
				for i := range uint16(n) {
					c.pub.try(c.pub.message(qos, i+1, c.data+"x", fmt.Sprint(i)))
				}
			})
			next, answers := 0, 0
			var received, released []uint16
			for next < n || answers < n && qos == 2 {
				switch r := c.sub.read(); {
				case r.kind() == 3 && r.payload == fmt.Sprint(next) && r.qos() == qos:
					next++
					if qos > 0 {
						c.sub.send(ack(3+qos, r.id))
						received = append(received, r.id)
					}
				case r.kind() == 6:
					answers++
					released = append(released, r.id)
					c.sub.send(ack(7, r.id))
				default:
					t.Fatalf("got packet %#x %q, want %d", r.header, r.payload, next)
				}
			}
			if qos == 2 && !slices.Equal(received, released) { // [MQTT-4.6.0-4]
				t.Errorf("PUBREC for %v, PUBREL for %v", received, released)
			}
			flood.Wait()
		}
	})
}
