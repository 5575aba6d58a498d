package apns

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sideshow/apns2"
	"github.com/sideshow/apns2/token"

	"rambla/pushgw"
	"rambla/social"
)

// maxToken is the longest device token that is asked about, in bytes; Apple's have
// 32 today, written as 64 digits.
const maxToken = 1024

// Sender sends to Apple's devices. It is safe for concurrent use.
type Sender struct {
	config Config
	apps   map[string]*key // by topic
	keys   []*key
	first  string // the topic of devices that name none
	two    bool   // the worlds are at different addresses
	opened [2]prometheus.Counter
	now    func() time.Time
}

// world is one of Apple's, as one key reaches it.
type world struct {
	client *apns2.Client
	conns  *conns
}

// New reads every key. The error names the app whose configuration is wrong, and
// holds no secret.
func New(c Config, logger *slog.Logger, metrics prometheus.Registerer, now func() time.Time) (*Sender, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c.Connections = cmp.Or(c.Connections, 4)
	c.Timeout = cmp.Or(c.Timeout, 20*time.Second)
	c.PingAfter = cmp.Or(c.PingAfter, 15*time.Second)
	c.PingTimeout = cmp.Or(c.PingTimeout, 5*time.Second)
	s := &Sender{config: c, apps: map[string]*key{}, first: c.Apps[0].Topic, now: now}
	production, sandbox := c.hosts()
	s.two = production != sandbox
	var opened *prometheus.CounterVec
	opened, s.opened = newOpened()
	open := func(t *token.Token) [2]*world {
		return [2]*world{s.world(production, t, 0), s.world(sandbox, t, 1)}
	}
	byName := map[keyName]*key{}
	for _, a := range c.Apps {
		name := keyName{a.Team, a.KeyID}
		k := byName[name]
		if k == nil {
			k = &key{name: name, file: pushgw.KeyFile{Path: a.File, Now: now}, now: now, logger: logger, open: open}
			if err := k.load(); err != nil {
				return nil, fmt.Errorf("app %q: %w", a.Topic, err)
			}
			byName[name] = k
			s.keys = append(s.keys, k)
		}
		s.apps[a.Topic] = k
	}
	metrics.MustRegister(opened, newCollector(s))
	return s, nil
}

func (s *Sender) world(host string, t *token.Token, sandbox int) *world {
	conns := newConns(&s.config, s.opened[sandbox].Inc)
	client := &apns2.Client{Host: host, Token: t, HTTPClient: &http.Client{
		Transport: observer{conns},
		// Whoever redirects is not Apple, and would be given the token.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	return &world{client: client, conns: conns}
}

// Close breaks off what is on its way.
func (s *Sender) Close() {
	for _, k := range s.keys {
		k.close()
	}
}

// Apps are the topics that are configured, the one of devices that name none first.
func (s *Sender) Apps() []string {
	out := make([]string, len(s.config.Apps))
	for i, a := range s.config.Apps {
		out[i] = a.Topic
	}
	return out
}

// Version changes when the credentials of the app are read anew.
func (s *Sender) Version(app string) uint64 {
	if k := s.apps[cmp.Or(app, s.first)]; k != nil {
		return k.version()
	}
	return 0
}

// Send hands a push to Apple. It takes Config.Timeout at most, twice where the
// device turns out to be of the other world.
func (s *Sender) Send(ctx context.Context, m *pushgw.Message) pushgw.Answer {
	topic := cmp.Or(m.Device.App, s.first)
	k := s.apps[topic]
	switch {
	case k == nil:
		return pushgw.Answer{Verdict: pushgw.Misconfigured, Code: "unknown_app"}
	case m.Device.Token == "" || len(m.Device.Token) > maxToken:
		return pushgw.Answer{Verdict: pushgw.Gone, Code: "BadDeviceToken"}
	}
	n, err := notification(topic, m)
	if err != nil {
		return pushgw.Answer{Verdict: pushgw.Refused, Code: "encoding", Err: err}
	}
	if n == nil {
		return pushgw.Answer{Verdict: pushgw.TooLarge, Code: "PayloadTooLarge"}
	}
	a := s.push(ctx, k, m.Device.Sandbox, n)
	if a.Code != "BadDeviceToken" || !s.two {
		return a
	}
	// A token of the other world looks like none at all. That lane's breaker is not
	// asked: it is one push per such device, ever.
	other := s.push(ctx, k, !m.Device.Sandbox, n)
	switch other.Verdict {
	case pushgw.Accepted:
		sandbox := !m.Device.Sandbox
		other.Sandbox = &sandbox
		return other
	case pushgw.Gone:
		return other
	case pushgw.Misconfigured:
		return a // the key is not of that world, and so neither are its devices
	default:
		return other
	}
}

// push sends to one world. What is known not to have been processed is sent once more.
func (s *Sender) push(ctx context.Context, k *key, sandbox bool, n *apns2.Notification) pushgw.Answer {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	for again := false; ; again = true {
		f := &flight{}
		w := k.world(sandbox)
		_, err := w.client.PushWithContext(context.WithValue(ctx, flightKey{}, f), n)
		if !f.answered {
			if !again && err != nil && w.conns.closed() && ctx.Err() == nil {
				continue // the key was replaced under it, before it was sent
			}
			return unanswered(ctx, err)
		}
		a := f.answer(s.now()) // err is of the parsing only, which was done already
		if again || !rules[a.Code].again {
			return a
		}
		if a.Code == "ExpiredProviderToken" {
			if err := k.resign(f.token()); err != nil {
				a.Err = fmt.Errorf("sign a new token: %w", err)
				return a
			}
		}
	}
}

// notification is the request; nil if it is too large for Apple.
func notification(topic string, m *pushgw.Message) (*apns2.Notification, error) {
	body, err := payload(m)
	if err != nil || body == nil {
		return nil, err
	}
	n := &apns2.Notification{
		ApnsID: requestID(m), CollapseID: m.Collapse, DeviceToken: url.PathEscape(string(m.Device.Token)),
		Topic: topic, Payload: body, PushType: apns2.PushTypeAlert, Priority: apns2.PriorityHigh, Expiration: m.Expires,
	}
	if !m.Expires.IsZero() && !m.Expires.After(time.Unix(0, 0)) {
		n.Expiration = time.Unix(1, 0) // apns2 leaves out what is not after 1970, and Apple then stores it
	}
	if m.Kind == pushgw.KindClear {
		// Priority 10 is an error of a push that shows nothing.
		n.PushType, n.Priority = apns2.PushTypeBackground, apns2.PriorityLow
	}
	return n, nil
}

// requestID is the same for the same push to the same device, so that one whose
// answer was lost can be told from another one.
func requestID(m *pushgw.Message) string {
	sum := sha256.Sum256(append(m.ID[:], m.Device.ID[:]...))
	id := social.ID(sum[:16])
	id[6] = id[6]&0x0f | 0x80 // RFC 9562 section 5.8
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}
