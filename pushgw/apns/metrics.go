package apns

import "github.com/prometheus/client_golang/prometheus"

// worldNames are the label env.
var worldNames = [2]string{"production", "sandbox"}

// collector tells of the keys and their connections. The labels are env, one of
// worldNames, and app, which the configuration lists.
type collector struct {
	sender *Sender
	age    *prometheus.Desc
	live   *prometheus.Desc
}

func newOpened() (all *prometheus.CounterVec, of [2]prometheus.Counter) {
	all = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rambla_push_apns_connections_opened_total", Help: "Connections opened to APNs.",
	}, []string{"env"})
	for i, env := range worldNames {
		of[i] = all.WithLabelValues(env)
	}
	return all, of
}

func newCollector(s *Sender) *collector {
	return &collector{
		sender: s,
		age:    prometheus.NewDesc("rambla_push_apns_token_age_seconds", "Age of the provider token of an app.", []string{"app"}, nil),
		live:   prometheus.NewDesc("rambla_push_apns_connections", "Open connections to APNs.", []string{"env"}, nil),
	}
}

func (c *collector) Describe(ch chan<- *prometheus.Desc) { ch <- c.age; ch <- c.live }

func (c *collector) Collect(ch chan<- prometheus.Metric) {
	for app, k := range c.sender.apps {
		ch <- prometheus.MustNewConstMetric(c.age, prometheus.GaugeValue, k.age().Seconds(), app)
	}
	for i, env := range worldNames {
		n := 0
		for _, k := range c.sender.keys {
			n += k.connections(i)
		}
		ch <- prometheus.MustNewConstMetric(c.live, prometheus.GaugeValue, float64(n), env)
	}
}
