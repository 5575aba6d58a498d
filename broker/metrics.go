package broker

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/social"
)

// cause is why a connection ended; the label of rambla_broker_disconnects_total.
type cause byte

const (
	causeClosed             cause = iota // the client closed without DISCONNECT
	causeLost                            // the network did
	causeDisconnect                      // the client said DISCONNECT
	causeDisconnectWithWill              // likewise, and wants its will sent
	causeProxyHeader                     // a trusted proxy sent one that cannot be read
	causeConnectTimeout                  // no CONNECT in time
	causeKeepAlive
	causeMalformed
	causeProtocol // a protocol error
	causeTooLarge
	causeRefused // CONNECT was refused
	causeTakenOver
	causeEnded     // by End
	causeForgotten // by EndSession
	causeStalled   // the socket took nothing for StallTimeout
	causeUnavailable
	causeShutdown
	causePanic
	causeCount
)

var causeNames = [causeCount]string{
	"closed", "lost", "disconnect", "disconnect_with_will", "proxy_header", "connect_timeout", "keep_alive", "malformed", "protocol", "too_large",
	"refused", "taken_over", "ended", "forgotten", "stalled", "unavailable", "shutdown", "panic",
}

// byClient tells whether the client is gone and reads nothing more.
func (c cause) byClient() bool { return c <= causeDisconnectWithWill }

// causeOf is the cause for a violation's code.
func causeOf(code byte) cause {
	switch code {
	case codeMalformedPacket:
		return causeMalformed
	case codePacketTooLarge:
		return causeTooLarge
	case codeUnsupportedVersion:
		return causeRefused
	default:
		return causeProtocol
	}
}

// drop is why a delivery was not made; the label of rambla_broker_dropped_total.
type drop byte

const (
	dropQueueFull drop = iota // QoS 0 only
	dropRight                 // the right was gone before it was written
	dropExpired               // Message Expiry Interval
	dropTooLarge              // for the client's Maximum Packet Size
	dropCount
)

var dropNames = [dropCount]string{"queue_full", "right", "expired", "too_large"}

// limit is a bound that was met; the label of rambla_broker_limited_total.
type limit byte

const (
	limitAccept        limit = iota // accepting failed, for want of descriptors or memory
	limitConnecting                 // too many unauthenticated connections
	limitConnectingPer              // likewise, from one address
	limitConnectionsPer
	limitConnectTimeout // no CONNECT in time
	limitPacketBytes
	limitKeepAlive // the client asked for a longer one, or for none
	limitIdle      // without a keep alive, it said nothing for too long
	limitSessionExpiry
	limitSessionsPer // of one person
	limitReceiveMaximum
	limitInboundBytes // unacknowledged payloads; the connection is read no further meanwhile
	limitPublishRate
	limitTopicBytes
	limitTopicLevels
	limitTopicAlias
	limitSubscriptions
	limitQueued // messages that wait for a session
	limitQueuedBytes
	limitCount
)

var limitNames = [limitCount]string{
	"accept", "connecting", "connecting_per_address", "connections_per_address", "connect_timeout", "packet_bytes",
	"keep_alive", "idle", "session_expiry", "sessions_per_person", "receive_maximum", "inbound_bytes", "publish_rate",
	"topic_bytes", "topic_levels", "topic_alias", "subscriptions", "queued", "queued_bytes",
}

// metrics are the broker's figures, their labels resolved.
type metrics struct {
	connections   prometheus.Gauge
	connects      prometheus.Counter
	connectCodes  [256]prometheus.Counter // nil where the code is none of CONNACK
	ended         [causeCount]prometheus.Counter
	packets       [16]prometheus.Counter
	bytesReceived prometheus.Counter
	bytesSent     prometheus.Counter
	publishes     prometheus.Counter
	refusedKinds  map[social.Kind]prometheus.Counter
	deliveries    prometheus.Counter
	drops         [dropCount]prometheus.Counter
	fellBehind    prometheus.Counter
	fed           prometheus.Counter
	feedFailures  prometheus.Counter
	limits        [limitCount]prometheus.Counter
	wills         [willResultCount]prometheus.Counter
	renewals      [2]prometheus.Counter // refused, accepted
	panics        prometheus.Counter

	sys figures // the same, for $SYS
}

var packetNames = [16]string{
	"other", "connect", "other", "publish", "puback", "pubrec", "pubrel", "pubcomp", "subscribe", "other",
	"unsubscribe", "other", "pingreq", "other", "disconnect", "auth",
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{refusedKinds: make(map[social.Kind]prometheus.Counter)}
	var all []prometheus.Collector
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "rambla_broker_" + name, Help: help})
		all = append(all, c)
		return c
	}
	vector := func(name, help, label string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rambla_broker_" + name, Help: help}, []string{label})
		all = append(all, c)
		return c
	}
	m.connections = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "rambla_broker_connections", Help: "MQTT connections that are authenticated.",
	})
	all = append(all, m.connections)
	m.connects = counter("connects_total", "MQTT connections that were accepted.")
	refused := vector("connects_refused_total", "CONNECTs refused, by reason code of MQTT 5.0.", "code")
	for _, code := range []byte{
		codeUnspecified, codeMalformedPacket, codeProtocolError, codeImplementationSpecific, codeUnsupportedVersion,
		codeClientIDInvalid, codeBadCredentials, codeNotAuthorized, codeServerUnavailable, codeBadAuthMethod,
		codeConnectionRateExceeded,
		codeTopicNameInvalid, codeQuotaExceeded,
	} {
		m.connectCodes[code] = refused.WithLabelValues(fmt.Sprintf("0x%02X", code))
	}
	ended := vector("disconnects_total", "Network connections that ended, by cause.", "cause")
	for i, name := range causeNames {
		m.ended[i] = ended.WithLabelValues(name)
	}
	received := vector("packets_received_total", "MQTT packets received, by type.", "type")
	for i, name := range packetNames {
		m.packets[i] = received.WithLabelValues(name)
	}
	m.bytesReceived = counter("received_bytes_total", "Bytes received from MQTT clients.")
	m.bytesSent = counter("sent_bytes_total", "Bytes sent to MQTT clients.")
	m.publishes = counter("publishes_total", "Messages that clients published, repeats left out.")
	kinds := vector("publishes_refused_total", "Published messages that were refused, by kind of error.", "kind")
	for _, kind := range social.Kinds() {
		m.refusedKinds[kind] = kinds.WithLabelValues(kind.String())
	}
	m.deliveries = counter("deliveries_total", "Messages written to subscribers.")
	m.fellBehind = counter("behind_total", "Deliveries of QoS 1 and 2 that were left to the store: the session was behind.")
	m.fed = counter("fed_total", "Deliveries that were read from the store for sessions that were behind.")
	m.feedFailures = counter("feed_failures_total", "Readings for sessions that were behind that the store did not answer.")
	drops := vector("dropped_total", "Deliveries that were not made, by reason.", "reason")
	for i, name := range dropNames {
		m.drops[i] = drops.WithLabelValues(name)
	}
	limits := vector("limited_total", "How often a limit was met, by limit.", "limit")
	for i, name := range limitNames {
		m.limits[i] = limits.WithLabelValues(name)
	}
	wills := vector("wills_total", "Will messages whose time had come, by what became of them.", "result")
	for i, name := range willResultNames {
		m.wills[i] = wills.WithLabelValues(name)
	}
	renewals := vector("reauthentications_total", "Credentials that live connections offered, by what became of them.", "result")
	for i, name := range []string{"refused", "accepted"} {
		m.renewals[i] = renewals.WithLabelValues(name)
	}
	m.panics = counter("panics_total", "Connections that ended by a fault of the server.")
	for _, c := range all {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register broker metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) received(packetType byte) {
	m.packets[packetType&15].Inc()
	m.sys.packetsReceived.Add(1)
}

func (m *metrics) refused(code byte) {
	if c := m.connectCodes[code]; c != nil {
		c.Inc()
	}
}

func (m *metrics) published() {
	m.publishes.Inc()
	m.sys.published.Add(1)
}

func (m *metrics) publishRefused(kind social.Kind) {
	if c := m.refusedKinds[kind]; c != nil {
		c.Inc()
	}
}

// wrote counts what one pass sent and left out.
func (m *metrics) wrote(bytes, deliveries int, s skips) {
	if bytes > 0 {
		m.bytesSent.Add(float64(bytes))
	}
	if deliveries > 0 {
		m.deliveries.Add(float64(deliveries))
		m.sys.delivered.Add(uint64(deliveries))
	}
	if s != (skips{}) {
		m.dropped(dropRight, s.right)
		m.dropped(dropExpired, s.expired)
		m.dropped(dropTooLarge, s.tooLarge)
	}
}

func (m *metrics) dropped(why drop, n int) {
	if n > 0 {
		m.drops[why].Add(float64(n))
		m.sys.dropped.Add(uint64(n))
	}
}

// violated counts the limits that a client breaks by a violation.
func (m *metrics) violated(code byte) {
	switch code {
	case codePacketTooLarge:
		m.limited(limitPacketBytes)
	case codeReceiveMaximumExceeded:
		m.limited(limitReceiveMaximum)
	case codeTopicAliasInvalid:
		m.limited(limitTopicAlias)
	}
}

func (m *metrics) limited(which limit) { m.limits[which].Inc() }
