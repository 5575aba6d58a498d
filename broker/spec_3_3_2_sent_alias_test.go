package broker_test

import (
	"fmt"
	"strings"
	"testing"

	"rambla/broker"
	"rambla/social"
)

// aliasOf is the Topic Alias of a delivery; 0 where it has none.
func aliasOf(r received) int {
	for _, p := range properties(r.props) {
		if p.id == 0x23 {
			return int(p.value[0])<<8 | int(p.value[1])
		}
	}
	return 0
}

func TestSection3_3_2TheServersAliasesStayWithinTheClientsMaximum(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{SendTopicAliasMax: 5})
	for _, transport := range []string{"tcp", "ws"} {
		for _, most := range []byte{0, 1, 3, 200} {
			c := s.pair(t, 5, transport)
			id := fmt.Sprint(t.Name(), transport, most)
			for connection := range 2 { // [MQTT-3.3.2-7]: each begins without any
				p := s.kept(t, 5, transport, "bob", id, byte(connection), expiry(3600), []byte{0x22, 0, most})
				p.subscribe(c.data+"#", 1)
				known := make(map[int]string)
				for i := range 40 {
					topic := c.data + fmt.Sprint(i%8)
					s.append(c.space, social.ChannelData, fmt.Sprint(i%8), byte(i%2), strings.Repeat("x", i))
					r := p.expect(3)
					n := aliasOf(r)
					if n > int(min(most, 5)) {
						t.Fatalf("alias %d, where %d are taken", n, most)
					}
					got := r.topic
					switch {
					case got == "" && n == 0:
						t.Fatal("a delivery without topic and alias")
					case got == "":
						got = known[n]
					case n > 0:
						known[n] = got
					}
					if got != topic || len(r.payload) != i {
						t.Fatalf("delivered %q with %d bytes, want %q with %d", got, len(r.payload), topic, i)
					}
					if r.qos() > 0 {
						p.send(ack(4, r.id))
					}
				}
				if len(known) != int(min(most, 5)) {
					t.Errorf("%d aliases were used, where %d are taken", len(known), most)
				}
				s.leave(p, "bob", id, nil)
			}
		}
	}
}
