package broker

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	"rambla/social"
)

// Config is what an operator may set. The zero value of every field stands for
// the default that its comment names.
type Config struct {
	Version string // of the server, for $SYS/broker/version

	// MaxPacket bounds a client's packet in bytes (256 KiB); MaxFirstPacket the
	// CONNECT, which anybody may send (16 KiB).
	MaxPacket      int
	MaxFirstPacket int

	// ConnectTimeout is the time from the first byte of TCP to the end of
	// CONNECT, the TLS or WebSocket handshake included (10 s).
	ConnectTimeout time.Duration
	// MaxConnecting bounds the connections that have not authenticated, in total
	// (10,000) and per address, where an IPv6 address counts as its /64 (1,000).
	MaxConnecting        int
	MaxConnectingPerAddr int
	// MaxConnectionsPerAddr bounds all connections of one address. 0 = no limit,
	// as a university may stand behind one.
	MaxConnectionsPerAddr int

	// TrustedProxies are the networks that begin a connection with a PROXY
	// protocol header of version 2, whose address counts for limits and logs.
	// From other addresses such a header is no CONNECT.
	TrustedProxies []netip.Prefix

	// SessionExpiryMax is the longest that a session lives beyond its connection
	// (30 days). SessionExpiry3 is how long one of MQTT 3.1.1 does, which cannot
	// say (14 days).
	SessionExpiryMax time.Duration
	SessionExpiry3   time.Duration
	// MaxSessionsPerPerson bounds the stored sessions of one person (50).
	MaxSessionsPerPerson int

	// MaxKeepAlive is the longest keep alive (30 min). MQTT 5.0 clients that ask
	// for more, or for none, are told to use it.
	MaxKeepAlive time.Duration
	// IdleLimit ends MQTT 3.1.1 connections that asked for no keep alive and say
	// nothing for so long (2 h).
	IdleLimit time.Duration
	// StallTimeout ends connections whose socket takes nothing for so long
	// though there is something to send (2 min).
	StallTimeout time.Duration

	// ReceiveMaximum is how many QoS 1 and 2 publishes a client may have
	// unacknowledged (1,024, at most 65,535). Whoever speaks MQTT 3.1.1 cannot be
	// told and is read no further until there is room.
	ReceiveMaximum int
	// MaxInboundBytes bounds the unacknowledged payloads of one connection, which
	// is read no further while there are more (4 MiB).
	MaxInboundBytes int
	// SendWindow is the most unacknowledged QoS 1 and 2 deliveries to a client,
	// whatever more its Receive Maximum allows (1,024). SendWindow3 is the same
	// for MQTT 3.1.1, which has no way to ask for less (256).
	SendWindow  int
	SendWindow3 int

	// MaxQueuedBytes and MaxQueued bound what waits for one session (4 MiB and
	// 8,192 messages). QoS 0 may fill half of either. See outbox.enqueue for what
	// happens then.
	MaxQueuedBytes int
	MaxQueued      int

	// TopicAliasMax is how many topic aliases a client may define (32), a
	// negative number: none. SendTopicAliasMax is how many are defined to a client
	// that takes them (64), likewise.
	TopicAliasMax     int
	SendTopicAliasMax int
	// MaxTopicBytes and MaxTopicLevels bound topics and filters, by less than
	// the topic grammar does (512 bytes, 16 levels).
	MaxTopicBytes  int
	MaxTopicLevels int

	// MaxSubscriptions bounds the subscriptions of one session (1,000).
	MaxSubscriptions int
	// PublishRate bounds the publishes per second of one connection, PublishBurst
	// how many may come at once (twice the rate). 0 = no limit.
	PublishRate  float64
	PublishBurst int

	// PageCacheBytes bounds the memory for what sessions that catch up read from
	// the store (16 MiB). Feeders is how many goroutines read for them (4).
	PageCacheBytes int
	Feeders        int
	// NodeTimeout is after how long without a sign of life another server of this
	// store counts as dead, and its sessions as left (10 s). Alone: there is no
	// other, so whatever was before is dead.
	NodeTimeout time.Duration
	Alone       bool

	// Origins lists the web origins ("https://app.example.org") whose pages may
	// open a WebSocket; "*" allows all. Empty: the page's host must be ours.
	Origins []string
	// PingInterval is how often a WebSocket is pinged, so that proxies keep it (50 s).
	PingInterval time.Duration
	// SysInterval is how often the figures of $SYS are published (10 s).
	SysInterval time.Duration
	// Writers is how many goroutines write to the sockets (one per CPU, at most 8).
	Writers int

	// Now tells the time (time.Now).
	Now func() time.Time
}

// lingerTime is how long a connection that we end stays open for the client to
// read why: closing with unread input would reset it.
const lingerTime = time.Second

func (c Config) withDefaults() Config {
	set := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	last := func(v *time.Duration, def time.Duration) {
		if *v == 0 {
			*v = def
		}
	}
	set(&c.MaxPacket, 256<<10)
	set(&c.MaxFirstPacket, 16<<10)
	last(&c.ConnectTimeout, 10*time.Second)
	set(&c.MaxConnecting, 10_000)
	set(&c.MaxConnectingPerAddr, 1_000)
	last(&c.SessionExpiryMax, 30*24*time.Hour)
	last(&c.SessionExpiry3, 14*24*time.Hour)
	set(&c.MaxSessionsPerPerson, 50)
	last(&c.MaxKeepAlive, 30*time.Minute)
	last(&c.IdleLimit, 2*time.Hour)
	last(&c.StallTimeout, 2*time.Minute)
	set(&c.ReceiveMaximum, 1_024)
	set(&c.MaxInboundBytes, 4<<20)
	set(&c.SendWindow, 1_024)
	set(&c.SendWindow3, 256)
	set(&c.MaxQueuedBytes, 4<<20)
	set(&c.MaxQueued, 8_192)
	set(&c.TopicAliasMax, 32)
	set(&c.SendTopicAliasMax, 64)
	set(&c.MaxTopicBytes, social.MaxTopicBytes)
	set(&c.MaxTopicLevels, social.MaxTopicLevels)
	set(&c.MaxSubscriptions, 1_000)
	set(&c.PageCacheBytes, 16<<20)
	set(&c.Feeders, 4)
	last(&c.NodeTimeout, 10*time.Second)
	set(&c.PublishBurst, int(2*c.PublishRate))
	last(&c.PingInterval, 50*time.Second)
	last(&c.SysInterval, 10*time.Second)
	set(&c.Writers, defaultWriters())
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Validate names the first field that cannot be used.
func (c Config) Validate() error {
	if c.PublishRate < 0 {
		return errors.New("broker: PublishRate is negative")
	}
	c = c.withDefaults()
	for _, f := range []struct {
		name         string
		value        int
		least, limit int
	}{
		{"MaxPacket", c.MaxPacket, 64, maxRemaining},
		{"MaxFirstPacket", c.MaxFirstPacket, 64, maxRemaining},
		{"MaxConnecting", c.MaxConnecting, 1, 1 << 30},
		{"MaxConnectingPerAddr", c.MaxConnectingPerAddr, 1, 1 << 30},
		{"MaxConnectionsPerAddr", c.MaxConnectionsPerAddr, 0, 1 << 30},
		{"ReceiveMaximum", c.ReceiveMaximum, 1, packetIDs},
		{"MaxInboundBytes", c.MaxInboundBytes, 1, 1 << 40},
		{"SendWindow", c.SendWindow, 1, packetIDs},
		{"SendWindow3", c.SendWindow3, 1, packetIDs},
		{"MaxQueuedBytes", c.MaxQueuedBytes, 1, 1 << 40},
		{"MaxQueued", c.MaxQueued, 2, 1 << 24},
		{"MaxSessionsPerPerson", c.MaxSessionsPerPerson, 1, 1 << 20},
		{"TopicAliasMax", c.TopicAliasMax, -1, math.MaxUint16},
		{"SendTopicAliasMax", c.SendTopicAliasMax, -1, math.MaxUint16},
		{"MaxTopicBytes", c.MaxTopicBytes, 16, social.MaxTopicBytes},
		{"MaxTopicLevels", c.MaxTopicLevels, 4, social.MaxTopicLevels},
		{"MaxSubscriptions", c.MaxSubscriptions, 1, 1 << 20},
		{"PageCacheBytes", c.PageCacheBytes, 1, 1 << 40},
		{"Feeders", c.Feeders, 1, 1024},
		{"PublishBurst", c.PublishBurst, 0, 1 << 30},
		{"Writers", c.Writers, 1, 1024},
	} {
		if f.value < f.least || f.value > f.limit {
			return fmt.Errorf("broker: %s is %d; it must lie between %d and %d", f.name, f.value, f.least, f.limit)
		}
	}
	for _, f := range []struct {
		name        string
		value, most time.Duration
	}{
		{"ConnectTimeout", c.ConnectTimeout, time.Hour},
		{"SessionExpiryMax", c.SessionExpiryMax, expiryNever * time.Second},
		{"SessionExpiry3", c.SessionExpiry3, expiryNever * time.Second},
		{"MaxKeepAlive", c.MaxKeepAlive, 65_535 * time.Second},
		{"IdleLimit", c.IdleLimit, 1 << 62},
		{"NodeTimeout", c.NodeTimeout, time.Hour},
		{"StallTimeout", c.StallTimeout, time.Hour},
		{"PingInterval", c.PingInterval, 1 << 62},
		{"SysInterval", c.SysInterval, 1 << 62},
	} {
		if f.value <= 0 || f.value > f.most {
			return fmt.Errorf("broker: %s is %v; it must be above 0 and at most %v", f.name, f.value, f.most)
		}
	}
	if c.MaxKeepAlive < time.Second {
		return errors.New("broker: MaxKeepAlive is less than a second")
	}
	return nil
}

// sessionExpiry is how long a session may outlive its connection, where the
// client asked for so many seconds.
func (c *Config) sessionExpiry(version byte, asked uint32) time.Duration {
	most := c.SessionExpiryMax
	if version == version311 {
		most = c.SessionExpiry3
	}
	if asked == expiryNever {
		return most
	}
	return min(most, time.Duration(asked)*time.Second)
}
