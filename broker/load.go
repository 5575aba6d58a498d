package broker

import "github.com/prometheus/client_golang/prometheus"

// load tells how much waits, counted when somebody asks: no delivery pays for it.
type load struct {
	broker                                              *Broker
	connecting, subscriptions, messages, bytes, unacked *prometheus.Desc
	behind, saves                                       *prometheus.Desc
}

func newLoad(b *Broker) *load {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("rambla_broker_"+name, help, nil, nil)
	}
	return &load{
		broker:        b,
		connecting:    desc("connecting", "Connections that have not authenticated."),
		subscriptions: desc("subscriptions", "Subscriptions of all live sessions."),
		messages:      desc("queued_messages", "Deliveries that wait in the queues of all sessions."),
		bytes:         desc("queued_bytes", "What they count, in bytes; shared messages count once per session."),
		unacked:       desc("unacknowledged", "QoS 1 and 2 deliveries that clients have not acknowledged."),
		behind:        desc("behind", "Live sessions that are fed from the store in some stream."),
		saves:         desc("session_writes_waiting", "Claims and positions of sessions that wait for the store."),
	}
}

// Describe implements prometheus.Collector.
func (l *load) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{l.connecting, l.subscriptions, l.messages, l.bytes, l.unacked, l.behind, l.saves} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (l *load) Collect(out chan<- prometheus.Metric) {
	var subscriptions, messages, bytes, unacked, behind int
	for _, s := range l.broker.snapshot() {
		m, b, u := s.conn.out.depth()
		subscriptions, messages, bytes, unacked = subscriptions+s.count(), messages+m, bytes+b, unacked+u
		behind += index(s.conn.out.isBehind())
	}
	l.broker.mu.Lock()
	connecting := l.broker.connecting
	l.broker.mu.Unlock()
	for d, n := range map[*prometheus.Desc]int{
		l.connecting: connecting, l.subscriptions: subscriptions, l.messages: messages, l.bytes: bytes, l.unacked: unacked,
		l.behind: behind, l.saves: l.broker.keeper.depth(),
	} {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n))
	}
}
