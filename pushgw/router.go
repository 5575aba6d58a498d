package pushgw

import (
	"cmp"
	"context"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/social"
)

// Limits are of one lane.
type Limits struct {
	Outstanding int     // pushes that wait for the provider's answer; 0: 500
	Rate        float64 // pushes per second; 0: 8000
}

// Route is an app, as devices name it, and who sends its pushes.
type Route struct {
	Platform social.Platform
	App      string // of Web Push empty: there is only one
	Sender   Sender
	Limits   Limits // of each of its lanes
}

// maxHosts is how many hosts of Web Push have a lane of their own. Wildcards let
// in any number of them; the rest share one.
const maxHosts = 256

// Router gives each push to the lane of its provider, app and world, so that one
// that is away, slow or badly configured holds up no other. It is a Sender that
// always answers within 40 seconds. Whoever made the routes' senders closes them.
type Router struct {
	routes  map[routeName]*Route
	first   map[social.Platform]string // the app of devices that name none
	logger  *slog.Logger
	metrics *metrics
	now     func() time.Time

	mu      sync.Mutex // guards the rest
	lanes   map[laneName]*lane
	hosts   int
	unknown map[social.Platform]time.Time // when an app without route was last told of
}

type routeName struct {
	platform social.Platform
	app      string
}

// NewRouter makes a router. Of several routes of a platform the first is for
// devices that name no app.
func NewRouter(routes []Route, logger *slog.Logger, registry prometheus.Registerer, now func() time.Time) *Router {
	r := &Router{
		routes: map[routeName]*Route{}, first: map[social.Platform]string{}, logger: logger, metrics: newMetrics(registry), now: now,
		lanes: map[laneName]*lane{}, unknown: map[social.Platform]time.Time{},
	}
	for _, route := range routes {
		route.Limits.Outstanding = cmp.Or(route.Limits.Outstanding, 500)
		route.Limits.Rate = cmp.Or(route.Limits.Rate, 8000)
		r.routes[routeName{route.Platform, route.App}] = &route
		if _, named := r.first[route.Platform]; !named {
			r.first[route.Platform] = route.App
		}
		for _, world := range worlds(route.Platform) {
			r.metrics.lane(laneName{route.Platform, route.App, world})
		}
	}
	return r
}

// worlds are the labels env of a platform.
func worlds(p social.Platform) []string {
	if p == social.PlatformAPNs {
		return []string{"production", "sandbox"}
	}
	return []string{""}
}

// Carries tells whether pushes to devices of the platform and app can be sent.
func (r *Router) Carries(p social.Platform, app string) bool {
	_, ok := r.route(p, app)
	return ok
}

func (r *Router) route(p social.Platform, app string) (*Route, bool) {
	if app == "" || p == social.PlatformWebPush {
		app = r.first[p]
	}
	route, ok := r.routes[routeName{p, app}]
	return route, ok
}

// Send gives the push to its lane. An app that is not configured is Misconfigured:
// it may be tomorrow.
func (r *Router) Send(ctx context.Context, m *Message) Answer {
	route, ok := r.route(m.Device.Platform, m.Device.App)
	if !ok {
		r.tell(m.Device.Platform)
		return Answer{Verdict: Misconfigured, Code: "unknown_app", After: spread(credentialsMost)}
	}
	return r.lane(route, worldOf(m.Device)).send(ctx, m)
}

// tell says once a minute that an app is missing. Its name is the client's word,
// which could be anything.
func (r *Router) tell(p social.Platform) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.now(); now.Sub(r.unknown[p]) >= time.Minute {
		r.unknown[p] = now
		r.logger.Warn("there are devices of an app that no push credentials are configured for", "provider", p.String())
	}
}

// worldOf is what a provider's failures are counted by.
func worldOf(d *social.Device) string {
	switch {
	case d.Platform == social.PlatformWebPush:
		at, err := url.Parse(string(d.Token))
		if err != nil {
			return ""
		}
		return strings.ToLower(at.Host)
	case d.Platform != social.PlatformAPNs:
		return ""
	case d.Sandbox:
		return "sandbox"
	default:
		return "production"
	}
}

func (r *Router) lane(route *Route, world string) *lane {
	name := laneName{route.Platform, route.App, world}
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.lanes[name]
	if l == nil && route.Platform == social.PlatformWebPush {
		if r.hosts >= maxHosts {
			name.world = "" // no host has this name
			l = r.lanes[name]
		}
		r.hosts++
	}
	if l == nil {
		l = &lane{
			name: name, sender: route.Sender, limits: route.Limits, logger: r.logger, counters: r.metrics.lane(name), now: r.now,
			gate: make(chan struct{}, route.Limits.Outstanding),
		}
		r.lanes[name] = l
	}
	return l
}
