package broker

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"rambla/social"
)

// figures are what $SYS tells.
type figures struct {
	packetsReceived atomic.Uint64
	published       atomic.Uint64
	delivered       atomic.Uint64
	dropped         atomic.Uint64
}

// publishFigures tells the broker's figures on $SYS/broker/… while somebody is
// subscribed, until ctx ends.
func (b *Broker) publishFigures(ctx context.Context) {
	tick := time.NewTicker(b.config.SysInterval)
	defer tick.Stop()
	scope := social.Scope{Kind: social.ScopeServer}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		a := b.feeds.find(scope)
		if a == nil {
			continue
		}
		a.mu.RUnlock()
		for _, f := range b.figures() {
			rest := "broker/" + f.name
			b.Deliver(&Delivery{
				Scope: scope, Channel: social.ChannelSys, Topic: "$SYS/" + rest, Rest: rest,
				Payload: func() []byte { return []byte(f.value) },
			})
		}
	}
}

type figure struct{ name, value string }

func (b *Broker) figures() []figure {
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	sessions := b.snapshot()
	subscriptions := 0
	for _, s := range sessions {
		subscriptions += s.count()
	}
	sys := &b.metrics.sys
	return []figure{
		{"version", b.config.Version},
		{"uptime", number(uint64(b.now().Sub(b.started) / time.Second))}, // seconds
		{"clients/connected", number(uint64(len(sessions)))},
		{"subscriptions/count", number(uint64(subscriptions))},
		{"packets/received", number(sys.packetsReceived.Load())},
		{"messages/received", number(sys.published.Load())},
		{"messages/sent", number(sys.delivered.Load())},
		{"messages/dropped", number(sys.dropped.Load())},
	}
}
