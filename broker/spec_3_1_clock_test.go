package broker_test

import (
	"sync/atomic"
	"testing"
	"time"

	"rambla/broker"
)

func TestSection3_1_2AClockThatJumpsNeitherEndsAConnectionNorKeepsASilentOne(t *testing.T) {
	t.Parallel()
	for name, jump := range map[string]time.Duration{"an hour ahead": time.Hour, "an hour back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ahead atomic.Int64
			s := serve(t, broker.Config{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
			join := func(id string) *peer {
				p := s.dial(t, 5, "tcp")
				p.send(packet(0x10, p.connectBody("alice", id, 2)))
				p.expect(2)
				return p
			}
			busy, silent := join("busy"), join("silent")
			<-time.After(2 * time.Second) // of the three that a client may say nothing
			busy.quiet()
			ahead.Store(int64(jump))
			silentSince := time.Now()
			tick := time.NewTicker(1500 * time.Millisecond)
			defer tick.Stop()
			for range 2 {
				<-tick.C
				busy.quiet()
			}
			silent.ended(0x8D)
			if d := time.Since(silentSince); d > 4*time.Second {
				t.Errorf("the silent one ended %v after the jump", d)
			}
			busy.quiet()
		})
	}
}
