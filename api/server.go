package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"

	"rambla/auth"
	"rambla/social"
)

// Deps is what the interface works with. All fields are needed.
type Deps struct {
	Directory   *social.Directory
	Posts       *social.Posts
	Activities  *social.Activities
	Spaces      *social.Spaces
	People      *social.People
	Data        *social.Data
	Markers     *social.Markers
	Sessions    *social.Sessions
	Auth        *auth.Authority
	Replays     Replays
	Talks       *social.Conversations
	Blocks      *social.Blocks
	Ignores     *social.Blocks
	Feeds       *social.Feeds
	Attention   *social.Attention
	Walls       *social.Walls
	Repeats     *social.Repeats
	Preferences *social.Settings
	Presences   *social.Presences
	Devices     *social.Devices
	Pushes      *social.Pushes
	Searches    *social.Searches
	Attachments *social.Attachments
	Thumbnails  *social.Thumbnails
	Avatars     *social.Avatars
	Links       *auth.Links
	Media       *auth.Media
	Imports     *social.Imports
	Mishaps     *social.Mishaps
	// Stats are the figures of the site; it may read the store.
	Stats    func(context.Context) (social.SiteStats, error)
	Erasures *social.Erasures
	Exports  *social.Exports
	// Ping asks the store whether it answers.
	Ping    func(context.Context) error
	Metrics prometheus.Registerer
	Logger  *slog.Logger
	Now     func() time.Time
	Version string // of the binary, for /v1/info and the OpenAPI document
	// MQTT are the addresses of the MQTT listeners as clients reach them, such as
	// mqtt://chat.example.org:1883, for /v1/info.
	MQTT []string
	// VAPID is the public key that browsers subscribe with, in base64url, for
	// /v1/info; empty: this site has no Web Push.
	VAPID string
}

// Server is the handler of /v1/…, /.well-known/oauth-authorization-server,
// /docs, /healthz and /readyz. It is safe for concurrent use.
type Server struct {
	cfg        Config
	directory  *social.Directory
	posts      *social.Posts
	activities *social.Activities
	spaces     *social.Spaces
	people     *social.People
	data       *social.Data
	markers    *social.Markers
	sessions   *social.Sessions
	presences  *social.Presences
	auth       *auth.Authority
	mishaps    *social.Mishaps
	stats      func(context.Context) (social.SiteStats, error)
	replays    Replays
	ping       func(context.Context) error
	metrics    *metrics
	log        *slog.Logger
	now        func() time.Time
	version    string
	mqtt       []string
	vapid      string

	talks     *social.Conversations
	blocks    *social.Blocks
	ignores   *social.Blocks
	attention *social.Attention

	feeds       *social.Feeds
	walls       *social.Walls
	repeats     *social.Repeats
	preferences *social.Settings
	devices     *social.Devices
	pushes      *social.Pushes
	searches    *social.Searches
	attachments *social.Attachments
	thumbnails  *social.Thumbnails
	avatars     *social.Avatars
	links       *auth.Links
	media       *auth.Media
	imports     *social.Imports
	erasures    *social.Erasures
	exports     *social.Exports
	proxies     Proxies
	persons     *limiter[social.PersonKey]
	addresses   *limiter[netip.Prefix]
	draining    atomic.Bool

	router    *chi.Mux
	handler   http.Handler
	documents documents
}

// New makes the handler. The error names the wrong key of the configuration.
func New(cfg Config, deps Deps) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	proxies, err := ParseProxies(cfg.TrustedProxies)
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, directory: deps.Directory, posts: deps.Posts, activities: deps.Activities, spaces: deps.Spaces, people: deps.People,
		data: deps.Data, markers: deps.Markers, sessions: deps.Sessions, auth: deps.Auth, replays: deps.Replays, ping: deps.Ping,
		talks: deps.Talks, blocks: deps.Blocks, ignores: deps.Ignores,
		feeds:     deps.Feeds,
		attention: deps.Attention, presences: deps.Presences,
		metrics: m, log: deps.Logger, now: deps.Now, version: deps.Version, mqtt: deps.MQTT, vapid: deps.VAPID, proxies: proxies,
		mishaps:     deps.Mishaps,
		stats:       deps.Stats,
		walls:       deps.Walls,
		repeats:     deps.Repeats,
		preferences: deps.Preferences,
		devices:     deps.Devices,
		pushes:      deps.Pushes,
		searches:    deps.Searches,
		attachments: deps.Attachments, thumbnails: deps.Thumbnails, avatars: deps.Avatars, links: deps.Links, media: deps.Media, imports: deps.Imports, erasures: deps.Erasures, exports: deps.Exports,
		persons:   newLimiter[social.PersonKey](cfg.PersonRate, cfg.PersonBurst, deps.Now),
		addresses: newLimiter[netip.Prefix](cfg.AddressRate, cfg.AddressBurst, deps.Now),
	}
	router := chi.NewMux()
	router.NotFound(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, social.Errorf(social.KindNotFound, "There is nothing at this address; /docs lists what there is."))
	})
	router.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", strings.Join(allowed(router, r), ", "))
		s.fail(w, r, newProblem(http.StatusMethodNotAllowed, codeMethod, "This address does not take the method "+clip(r.Method)+"."))
	})
	router.Use(middleware.GetHead)
	docs := newAPI(router, s)
	s.routes(docs)
	s.documents.list(docs.OpenAPI(), deps.MQTT)
	s.mountDocuments(router)
	s.router, s.handler = router, s.outermost(router)
	return s, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Drain makes /readyz say no, so that balancers send new clients elsewhere;
// requests are answered as before.
func (s *Server) Drain() { s.draining.Store(true) }

// allowed are the methods that an address takes.
func allowed(router chi.Routes, r *http.Request) []string {
	path := r.URL.RawPath
	if path == "" {
		path = r.URL.Path
	}
	var out []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if router.Match(chi.NewRouteContext(), m, path) {
			out = append(out, m)
			if m == http.MethodGet {
				out = append(out, http.MethodHead)
			}
		}
	}
	return out
}

// newAPI makes the document and the decoder of requests.
func newAPI(router chi.Router, s *Server) huma.API {
	const prefix = "#/components/schemas/"
	schemas := huma.NewMapRegistry(prefix, huma.DefaultSchemaNamer)
	return huma.NewAPI(huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Rambla", Version: s.version,
				Description: "Messages, people and contexts over REST. The same posts travel over MQTT.",
				License:     &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			OnAddOperation: []huma.AddOpFunc{document},
			Components: &huma.Components{
				Schemas:   schemas,
				Responses: failures(schemas),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"bearer": {Type: "http", Scheme: "bearer", Description: "A token from /v1/oauth/token or /v1/me/tokens."},
					"basic":  {Type: "http", Scheme: "basic", Description: "Name and password of a service account."},
				},
			},
		},
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{s.rewriteProblem},
	}, &adapter{router: router, server: s, schemas: schemas})
}

// rewriteProblem gives huma's own errors the shape of all others.
func (s *Server) rewriteProblem(c huma.Context, _ string, v any) (any, error) {
	if m, ok := v.(*huma.ErrorModel); ok {
		p := ofHuma(m)
		s.metrics.problem(p.Code)
		if p.Status >= http.StatusInternalServerError {
			p.Request = requestID(c.Context())
		}
		return p, nil
	}
	return v, nil
}
