package bench

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// Bounds of a load. They are far beyond what one machine can drive, and keep a
// slip of the finger from taking it down.
const (
	maxConnections = 100_000
	maxWindow      = 4096
	maxPayload     = 200 << 10 // bytes; a server refuses packets over 256 KiB
	maxCount       = 100_000_000
	maxContexts    = 10_000
	maxRuns        = 100
	maxTime        = 10 * time.Minute // of one run, one warm-up, one pause

	// maxCursors bounds subscribers × streams: each pair is one number in memory.
	maxCursors = 25_000_000
)

// Options says what to put load on and how much. The zero value of a field is
// its default; each function uses the fields that its comment names.
type Options struct {
	// Address is the broker's host:port, with tls:// before it for TLS. Default
	// 127.0.0.1:1883.
	Address string
	// Roots verify the certificates of Address and HTTP; nil: the system's.
	Roots *x509.CertPool
	// HTTP is the base URL of the server's REST API, default
	// http://127.0.0.1:8080. Not used for a foreign broker.
	HTTP string
	// User and Password are a manager's (or anyone's who may create contexts).
	// Both empty with Foreign: anonymous.
	User, Password string
	// Credentials, when given, are used for the connections in turn instead of
	// User. They have to hold the rights that the load needs.
	Credentials []Credential

	// Foreign says that the broker is not a Rambla server: nothing is set up
	// over REST, and Topic is used as it stands.
	Foreign bool
	// Topic to publish to, and to subscribe to unless Filter is given. Empty:
	// the messages of contexts that are made for this run and removed after it
	// (with Foreign: rambla/bench/messages).
	Topic string
	// Filter is what the subscribers of Fanout and Idle subscribe to, default
	// the topics published to. `/ctx/+/messages` measures the wildcard.
	Filter string
	// Version of MQTT: 4 (3.1.1) or 5. Default 5.
	Version int

	// Connections that publish (Publish, Absent: 8), read (Read: 16), idle (Idle:
	// 10,000) or come (Connect: 5,000).
	Connections int
	// Window is how many publishes of one connection may be unacknowledged,
	// default 64. A server that grants less by Receive Maximum gets less.
	Window int
	// Payload is the size of one publish in bytes, default 256.
	Payload int
	// JSON publishes an object with a key that is never used twice, instead of
	// plain text.
	JSON bool
	// Contexts is over how many contexts the load is spread, default 1
	// (Memberships: 1,000; Storm: 100).
	Contexts int

	// Subscribers of Fanout and Catchup (1,000), Memberships, Slow and Storm
	// (5,000); the people of Push (2,000).
	Subscribers int
	// MemberOf is in how many of the contexts each subscriber of Memberships
	// (20), Storm (5) and Push (10) is.
	MemberOf int
	// Members of each context of Push, default 200.
	Members int
	// PerPerson is how many sessions that outlive their connections one person
	// gets, default 50, which is what a server allows unless it is told otherwise.
	PerPerson int
	// ReceiveMaximum is how many deliveries of a subscriber may be
	// unacknowledged. 0: as many as there are packet ids. 3.1.1 cannot say it.
	ReceiveMaximum int
	// Slow is how many of the subscribers of Slow stop reading (a hundredth), and
	// Stall for how long (30 s).
	Slow  int
	Stall time.Duration
	// Away is how many sessions of Absent stay away, default 100,000.
	Away int
	// Durable lets the connections of Connect have sessions that outlive them.
	Durable bool
	// Spread is the time over which the subscribers of Storm come back, default
	// 10 s.
	Spread time.Duration
	// Burst is how many posts are published at once before their deliveries are
	// awaited, default 100. Not used with Rate.
	Burst int
	// Rate paces the publisher of Fanout (0: bursts), of Slow (20) and of Storm
	// (200), in posts per second, Read (1,000), in requests per second, and Push
	// (1,000), in pushes that become due per second.
	Rate float64
	// Providers is the control address of the simulated push providers that the
	// server of Push is told of, and ProvidersPID their process (0: its CPU is not
	// reported).
	Providers    string
	ProvidersPID int
	// Hold is for how long the server holds what it will push; Push waits so much
	// longer.
	Hold time.Duration
	// Outage is for how long the providers of Push refuse everything, or with
	// Silent do not answer, while others post; 0: not at all.
	Outage time.Duration
	Silent bool
	// Linger is how long Push looks for repeated pushes when all are told; default 2
	// s, and with Kill longer than rows stay with a server that is gone.
	Linger time.Duration
	// List is what Read asks for, and Fill how many posts it publishes before.
	List string
	Fill int

	// Duration of one run, default 5 s. Not used with Count.
	Duration time.Duration
	// Count ends a run after so many publishes instead of a time. 0: Duration
	// (Catchup: 1,000 publishes).
	Count int
	// Warmup is the time of the run before the first, which is not reported.
	// Default 2 s; negative: none.
	Warmup time.Duration
	// Runs is how often to measure; the report has each and their medians.
	// Default 5.
	Runs int
	// Settle is how long Idle, Catchup and Absent leave the server alone before
	// they look at its memory, default 5 s.
	Settle time.Duration
	// Patience is how long nothing at all may arrive before what is missing
	// counts as lost, default 10 s.
	Patience time.Duration

	// PID of the server's process on this machine: its CPU and memory are read
	// from /proc. 0: not reported.
	PID int
	// Restart ends the server, with kill at once and without asking, and starts
	// it anew on its store. nil: it cannot be restarted.
	Restart func(ctx context.Context, kill bool) (Server, error)
	// Kill lets Storm restart the server with kill, and Push again and again, with
	// KillEvery between two on average (5 s).
	Kill      bool
	KillEvery time.Duration
	// Written gives the bytes that the server's store has written so far. nil:
	// Absent asks the kernel about PID, which holds for an embedded store; Publish
	// does not tell.
	Written func(context.Context) (int64, error)
	// Progress is told what goes on, for a person at a terminal. nil: silence.
	Progress io.Writer
}

// Server is where a server is that was started anew; see Options for the fields.
type Server struct {
	Address, HTTP string
	PID           int
}

// Credential lets one connection in. Password may be a token.
type Credential struct {
	Name     string
	Password string
}

// withDefaults fills what is zero; connections is the default of the load.
func (o Options) withDefaults(connections, subscribers, contexts int) Options {
	text := func(p *string, v string) {
		if *p == "" {
			*p = v
		}
	}
	number := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	span := func(p *time.Duration, v time.Duration) {
		if *p == 0 {
			*p = v
		}
	}
	text(&o.Address, "127.0.0.1:1883")
	text(&o.HTTP, "http://127.0.0.1:8080")
	if o.Foreign {
		text(&o.Topic, "rambla/bench/messages")
	}
	number(&o.Version, 5)
	number(&o.Connections, connections)
	number(&o.Window, 64)
	number(&o.Payload, 256)
	number(&o.Contexts, contexts)
	number(&o.Subscribers, subscribers)
	number(&o.MemberOf, 20)
	number(&o.Members, 200)
	number(&o.PerPerson, 50)
	number(&o.Away, 100_000)
	number(&o.Burst, 100)
	span(&o.Duration, 5*time.Second)
	span(&o.Warmup, 2*time.Second)
	if o.Warmup < 0 {
		o.Warmup = 0
	}
	number(&o.Runs, 5)
	span(&o.Settle, 5*time.Second)
	span(&o.Patience, 10*time.Second)
	span(&o.Stall, 30*time.Second)
	span(&o.Spread, 10*time.Second)
	span(&o.KillEvery, 5*time.Second)
	return o
}

// validate names the first option that cannot be used.
func (o Options) validate() error {
	for _, n := range []struct {
		name         string
		value        int
		least, limit int
	}{
		{"connections", o.Connections, 1, maxConnections},
		{"window", o.Window, 1, maxWindow},
		{"payload", o.Payload, leastPayload(o.JSON), maxPayload},
		{"contexts", o.Contexts, 1, maxContexts},
		{"subscribers", o.Subscribers, 1, maxConnections},
		{"member-of", o.MemberOf, 1, maxContexts},
		{"members", o.Members, 1, maxConnections},
		{"per-person", o.PerPerson, 1, maxConnections},
		{"receive-maximum", o.ReceiveMaximum, 0, 65535},
		{"slow", o.Slow, 0, o.Subscribers},
		{"away", o.Away, 1, maxConnections},
		{"burst", o.Burst, 1, maxCount},
		{"count", o.Count, 0, maxCount},
		{"fill", o.Fill, 0, maxCount},
		{"runs", o.Runs, 1, maxRuns},
		{"pid", o.PID, 0, 1 << 30},
	} {
		if n.value < n.least || n.value > n.limit {
			return fmt.Errorf("%s is %d; it must lie between %d and %d", n.name, n.value, n.least, n.limit)
		}
	}
	for _, d := range []struct {
		name         string
		value, least time.Duration
	}{
		{"duration", o.Duration, time.Millisecond},
		{"warmup", o.Warmup, 0},
		{"settle", o.Settle, 0},
		{"patience", o.Patience, time.Millisecond},
		{"stall", o.Stall, time.Millisecond},
		{"spread", o.Spread, time.Millisecond},
		{"kill-every", o.KillEvery, time.Millisecond},
		{"hold", o.Hold, 0},
		{"outage", o.Outage, 0},
		{"linger", o.Linger, 0},
	} {
		if d.value < d.least || d.value > maxTime {
			return fmt.Errorf("%s is %s; it must lie between %s and %s", d.name, d.value, d.least, maxTime)
		}
	}
	if o.Version != 4 && o.Version != 5 {
		return fmt.Errorf("version is %d; it must be 4 (MQTT 3.1.1) or 5", o.Version)
	}
	if o.Rate < 0 || o.Rate > 1_000_000 {
		return fmt.Errorf("rate is %g; it must lie between 0 and 1000000 posts per second", o.Rate)
	}
	if o.Subscribers*o.Contexts > maxCursors {
		return fmt.Errorf("subscribers × contexts is %d; at most %d", o.Subscribers*o.Contexts, maxCursors)
	}
	if strings.ContainsAny(o.Topic, "+#\x00") {
		return errors.New("topic must be a plain topic; wildcards belong into filter")
	}
	if len(o.Topic) > 1024 || len(o.Filter) > 1024 {
		return errors.New("topic and filter may have at most 1024 bytes")
	}
	if _, _, err := net.SplitHostPort(strings.TrimPrefix(o.Address, "tls://")); err != nil {
		return fmt.Errorf("address: %w", err)
	}
	if !o.Foreign && len(o.Credentials) == 0 && o.User == "" {
		return errors.New("user and password of a manager are needed (or foreign for another broker)")
	}
	return nil
}

// written is 0 where nobody counts.
func (o Options) written(ctx context.Context) (int64, error) {
	if o.Written == nil {
		return 0, nil
	}
	return o.Written(ctx)
}

// credential for the i-th connection.
func (o Options) credential(i int) Credential {
	if len(o.Credentials) > 0 {
		return o.Credentials[i%len(o.Credentials)]
	}
	return Credential{Name: o.User, Password: o.Password}
}
