package broker_test

import (
	"bytes"
	"fmt"
	"testing"

	"rambla/broker"
)

func TestSection3_8SubscriptionsBeyondTheLimitAreRefusedOneByOne(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{MaxSubscriptions: 5})
	variants(t, func(t *testing.T, version byte, transport string) {
		p := s.client(t, version, transport, "bob", t.Name())
		refused := map[byte]byte{4: 0x80, 5: 0x97}[version]
		var filters [][]byte
		var want []byte
		for i := range 200 {
			filters = append(filters, subscription(fmt.Sprint("/ctx/lobby/data/", i%100), 1))
			if i%100 < 5 {
				want = append(want, 1)
			} else {
				want = append(want, refused)
			}
		}
		p.send(p.subscribePacket(1, nil, filters...))
		if r := p.expect(9); !bytes.Equal(r.codes, want) {
			t.Errorf("SUBACK % x", r.codes)
		}
		p.quiet()
	})
}
