package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"rambla/api"
	"rambla/broker"
	"rambla/hooks"
	"rambla/pushgw"
	"rambla/pushgw/webpush"
	"rambla/social"
	"rambla/web"
)

type serveCommand struct {
	MQTT    []string `name:"mqtt" placeholder:"ADDR" help:"Address for MQTT (127.0.0.1:1883); repeatable, tls://… for TLS."`
	HTTP    *string  `name:"http" placeholder:"ADDR" help:"Address for REST, WebSocket and the page (127.0.0.1:8080)."`
	Admin   *string  `name:"admin" placeholder:"ADDR" help:"Address of /metrics and profiles (127.0.0.1:9464)."`
	TLSCert *string  `name:"tls-cert" placeholder:"FILE" help:"Certificate chain (PEM)."`
	TLSKey  *string  `name:"tls-key" placeholder:"FILE" help:"Private key (PEM)."`
	Demo    bool     `env:"RAMBLA_DEMO" help:"Add the people alice, bob and carol and three contexts."`
}

func (s *serveCommand) addFlags(flags map[string]string) {
	for i, addr := range s.MQTT {
		if i > 0 {
			addr = flags["mqtt"] + "," + addr
		}
		flags["mqtt"] = addr
	}
	for name, v := range map[string]*string{"http": s.HTTP, "admin": s.Admin, "tls-cert": s.TLSCert, "tls-key": s.TLSKey} {
		if v != nil {
			flags[name] = *v
		}
	}
}

// The times a server takes for what must end.
const (
	rightsEvery  = 100 * time.Millisecond // see docs/adr: the rights journal
	expireEvery  = time.Second
	purgeEvery   = time.Minute
	drainWithin  = 20 * time.Second
	purgePerTurn = 20 // chunks
)

func (s *serveCommand) Run(in *invocation) error {
	c, err := in.config()
	if err != nil {
		return err
	}
	mishaps := social.NewMishaps(time.Now)
	logger := in.watchedLogger(&c, mishaps)
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	var b *broker.Broker
	// These are made before anything can change.
	var pushes *pushgw.Gateway
	var avatars *social.Avatars
	release := func() error { return nil }
	st, err := openSite(in.ctx, &c, logger, metrics, func(st *site) error {
		var err error
		if c.DatabaseURL == "" {
			if release, err = claimDirectory(c.Data); err != nil {
				return err
			}
		}
		b, err = broker.New(brokerConfig(&c), broker.Deps{
			Gate: st.gate, Backlog: st.gate, Attendance: st.gate, Sessions: st.db, Logger: logger, Metrics: metrics,
		})
		if err != nil {
			return usageError{err}
		}
		st.gate.Attach(b)
		st.dir.OnDelta(func(d social.Delta) { st.gate.Follow(b, d) })
		st.dir.OnDelta(st.counters.Follow)
		st.dir.OnDelta(st.presences.Follow) // behind the rights, by which it is delivered
		st.dir.OnDelta(func(d social.Delta) { pushes.Follow(d) })
		st.dir.OnDelta(func(d social.Delta) { avatars.Follow(d) })
		return nil
	})
	if err != nil && in.ctx.Err() != nil {
		logger.Info("stopped while it started")
		return nil
	}
	if err != nil {
		return err
	}
	srv := &server{site: st, mishaps: mishaps, config: &c, broker: b, metrics: metrics, logger: logger}
	if srv.vapid, err = st.vapidKey(in.ctx, &c); err == nil {
		srv.senders, err = newPushSenders(&c, srv.vapid, logger, metrics, time.Now)
	}
	if err == nil {
		defer srv.senders.close()
		st.devices.ServePush(srv.senders.Carries)
		pushes, err = newPushGateway(&c, st, b, srv.senders, metrics)
	}
	if err == nil {
		st.files, err = st.openFiles(in.ctx, &c, metrics)
	}
	if err == nil {
		defer func() { _ = st.files.blobs.Close() }() // nothing is written through it any more
		avatars = st.files.avatars
		srv.pushes = pushes
		st.gate.ServePush(pushes)
		err = srv.run(in, s.Demo)
	}
	return errors.Join(err, st.close(), release())
}

func brokerConfig(c *Config) broker.Config {
	most := func(n int64) int { // of what is off at zero here, and below it there
		if n == 0 {
			return -1
		}
		return int(n)
	}
	proxies, err := api.ParseProxies(c.TrustedProxies)
	if err != nil {
		proxies = nil // restConfig's Validate tells of it
	}
	return broker.Config{
		TrustedProxies: proxies, Alone: c.DatabaseURL == "",
		Version: versionText(), MaxPacket: int(c.MaxPacket), MaxFirstPacket: int(c.MaxFirstPacket), Origins: c.HTTPOrigins,
		MaxKeepAlive: c.KeepAliveMax, IdleLimit: c.IdleLimit, SessionExpiryMax: c.SessionExpiryMax,
		SessionExpiry3: c.SessionExpiryMQTT3, MaxSessionsPerPerson: int(c.SessionsPerPerson),
		MaxInboundBytes: int(c.MaxInboundBytes), MaxTopicBytes: int(c.MaxTopicBytes), MaxTopicLevels: int(c.MaxTopicLevels),
		TopicAliasMax: most(c.TopicAliasMax), SendTopicAliasMax: most(c.TopicAliasSendMax),
		ConnectTimeout: c.ConnectTimeout, MaxConnecting: int(c.MaxConnecting),
		MaxConnectingPerAddr: int(c.MaxConnectingPerAddr), MaxConnectionsPerAddr: int(c.MaxConnectionsPerAddr),
		ReceiveMaximum: int(c.ReceiveMaximum), PublishRate: float64(c.PublishRate),
		MaxSubscriptions: int(c.MaxSubscriptions), MaxQueued: int(c.MaxQueued), MaxQueuedBytes: int(c.MaxQueuedBytes),
	}
}

func restConfig(c *Config) api.Config {
	return api.Config{
		PublicURL: c.PublicURL, Origins: c.HTTPOrigins, TrustedProxies: c.TrustedProxies,
		MaxBody:    c.MaxPacket,
		PersonRate: float64(c.PersonRate), PersonBurst: int(5 * c.PersonRate),
		AddressRate: float64(c.AddressRate), AddressBurst: int(5 * c.AddressRate),
		LogRequests: c.LogRequests,
	}
}

// server is a site with its listeners.
type server struct {
	*site
	config  *Config
	broker  *broker.Broker
	metrics *prometheus.Registry
	logger  *slog.Logger
	mishaps *social.Mishaps
	sweeps  sweeping
	rest    *api.Server // made with the listeners
	vapid   *webpush.Key
	senders *pushSenders
	pushes  *pushgw.Gateway
}

// run serves until the invocation's context ends, then drains.
func (s *server) run(in *invocation, demo bool) error {
	// What was accepted is finished after the signal; so these end later.
	working, stopWorking := context.WithCancel(context.WithoutCancel(in.ctx))
	var work sync.WaitGroup
	defer work.Wait()
	defer stopWorking()
	work.Go(func() { s.committer.Serve(working) })
	work.Go(func() { s.markers.Serve(working) })
	work.Go(func() { s.erasures.Serve(working) })
	work.Go(func() { s.presences.Serve(working) })
	work.Go(func() { s.counters.Serve(working) })
	work.Go(func() { s.dir.Watch(working, rightsEvery) })

	if err := s.firstStart(in); err != nil {
		return err
	}
	if demo {
		if err := s.demo(in); err != nil {
			return fmt.Errorf("add the demo people: %w", err)
		}
	}
	listeners, err := s.listen()
	if err != nil {
		return err
	}
	defer listeners.close()
	web, err := s.handler(listeners)
	if err != nil {
		return err
	}
	public := s.httpServer(web)
	private := s.httpServer(s.adminHandler())

	failed := make(chan error, 3)
	serve := func(what string, f func() error) {
		work.Go(func() {
			if err := f(); err != nil && !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("%s: %w", what, err)
			}
		})
	}
	serving, stopServing := context.WithCancel(working)
	defer stopServing()
	serve("MQTT", func() error { return s.broker.Serve(serving, listeners.mqtt...) })
	serve("HTTP", func() error { return public.Serve(listeners.http) })
	serve("admin", func() error { return private.Serve(listeners.admin) })
	work.Go(func() { hooks.Expire(serving, s.broker, expireEvery, time.Now) })
	work.Go(func() { s.purge(serving) })
	work.Go(func() { s.files.attachments.Serve(serving) })
	work.Go(func() { s.files.avatars.Serve(serving) })
	work.Go(func() { s.pushes.Serve(serving) })
	if s.config.SearchIndex {
		work.Go(func() { s.indexer.Serve(serving) })
	}
	s.logger.Info("ready", "mqtt", listeners.names(), "http", listeners.httpURL(), "admin", listeners.admin.Addr().String(), "version", versionText())

	select {
	case err = <-failed:
	case <-in.ctx.Done():
		s.logger.Info("draining")
	}
	return errors.Join(err, s.drain(public, private, stopServing))
}

// drain stops accepting, lets publishers have their acknowledgements, says
// goodbye to the clients, and ends. It takes drainWithin at most.
func (s *server) drain(public, private *http.Server, stopServing func()) error {
	s.rest.Drain()
	within, cancel := context.WithTimeout(context.Background(), drainWithin)
	defer cancel()
	err := s.broker.Drain(within)
	err = errors.Join(err, public.Shutdown(within))
	stopServing()
	err = errors.Join(err, private.Shutdown(within))
	if err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	s.logger.Info("stopped")
	return nil
}

// purge removes what its time is over, a few chunks a minute, so that it never
// competes with publishers for long.
func (s *server) purge(ctx context.Context) {
	s.sweeps.clean.Store(time.Now().UnixNano())
	tick := time.NewTicker(purgeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for range purgePerTurn {
			n, err := s.db.Purge(ctx, time.Now())
			if n == 0 && err == nil {
				s.sweeps.clean.Store(time.Now().UnixNano())
			}
			if err != nil && ctx.Err() == nil {
				s.sweeps.failures.Add(1)
				s.logger.WarnContext(ctx, "removing what is out of date did not work; trying again", "err", err)
			}
			if n == 0 || err != nil {
				break
			}
		}
	}
}

// handler is the public HTTP listener: REST, MQTT over WebSocket, and the page.
func (s *server) handler(l *listeners) (http.Handler, error) {
	var mqtt []string
	for i, ln := range l.mqtt {
		scheme := "mqtt://"
		if strings.HasPrefix(s.config.MQTTListen[i], "tls://") {
			scheme = "mqtts://"
		}
		mqtt = append(mqtt, scheme+ln.Addr().String())
	}
	settings := social.NewSettings(s.dir, s.db, time.Now)
	settings.OnPut(s.pushes.Wished)
	rest, err := api.New(restConfig(s.config), api.Deps{
		Directory: s.dir, Posts: s.posts, Activities: s.activities, Spaces: s.spaces, People: s.people, Data: s.data, Markers: s.markers, Sessions: social.NewSessions(s.dir, s.db, hooks.Live{Broker: s.broker}, time.Now), Auth: s.auth,
		Walls: s.walls, Repeats: s.repeats, Preferences: settings, Feeds: s.feeds, Talks: s.talks, Blocks: s.blocks, Ignores: s.ignores,
		Attention: s.attention, Presences: s.presences, Devices: s.devices, Pushes: s.traces, Searches: s.searches, Imports: s.imports, Erasures: s.erasures, Exports: s.exports,
		Attachments: s.files.attachments, Thumbnails: s.files.thumbnails, Avatars: s.files.avatars, Links: s.files.links, Media: s.files.media,
		Mishaps: s.mishaps, Stats: (&census{server: s, started: time.Now()}).stats,
		Replays: s.db, Ping: s.db.Ping, Metrics: s.metrics, Logger: s.logger, Now: time.Now,
		Version: versionText(), MQTT: mqtt, VAPID: s.vapid.Public(),
	})
	if err != nil {
		return nil, usageError{err}
	}
	s.rest = rest
	proxies, err := api.ParseProxies(s.config.TrustedProxies)
	if err != nil {
		return nil, usageError{err}
	}
	mqttSocket, page := behindProxies(proxies, s.broker.Handler()), web.Handler()
	// Not a ServeMux: it would redirect topics with empty levels (data/a//b).
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); first {
		case "v1", ".well-known", "docs", "healthz", "readyz":
			rest.ServeHTTP(w, r)
		case "mqtt":
			mqttSocket.ServeHTTP(w, r)
		default:
			page.ServeHTTP(w, r)
		}
	}), nil
}

// behindProxies has the broker see the address of the client itself.
func behindProxies(proxies api.Proxies, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if at := proxies.ClientAddr(r); at.IsValid() {
			port := uint16(0) // of the proxy's connection, not of the client
			if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && peer.Addr().Unmap() == at {
				port = peer.Port()
			}
			r.RemoteAddr = netip.AddrPortFrom(at, port).String()
		}
		next.ServeHTTP(w, r)
	})
}

func (s *server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute,
		WriteTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
}

// listeners are bound before anything is served, so that "ready" is true.
type listeners struct {
	mqtt  []net.Listener
	http  net.Listener
	admin net.Listener
	tls   bool
}

func (l *listeners) close() {
	for _, ln := range append(l.mqtt, l.http, l.admin) {
		if ln != nil {
			_ = ln.Close() // closed already by whoever served it
		}
	}
}
