package api

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"rambla/auth"
	"rambla/social"
)

// asked is what the chain found out about a request and hands to its handler.
// It is the one thing this package keeps in a context: net/http has no other
// way from a middleware to a handler.
type asked struct {
	id    string
	from  netip.Addr
	actor social.Actor
	link  *auth.Link // a signed one that the request came by; nil for others
	// request is it as it came in.
	request *http.Request

	counting bool // the total of the list is asked for
	total    *int // as its handler told it, see counted
}

type askedKey struct{}

func askedOf(ctx context.Context) *asked {
	if a, ok := ctx.Value(askedKey{}).(*asked); ok {
		return a
	}
	return &asked{}
}

func requestID(ctx context.Context) string { return askedOf(ctx).id }

// maxRequestID bounds the id that a client may give its request, in bytes.
const maxRequestID = 128

// idOf is the id that the client, or a proxy before us, gave the request, if it is
// one that can stand in a line of a log; else a new one.
func idOf(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	if id == "" || len(id) > maxRequestID || strings.ContainsFunc(id, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-_.:", c)
	}) {
		return rand.Text()
	}
	return id
}

// outermost surrounds every request, whether or not a route takes it.
func (s *Server) outermost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := s.now()
		a := &asked{id: idOf(r), from: s.proxies.ClientAddr(r), request: r}
		ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), askedKey{}, a), s.cfg.RequestTimeout)
		defer cancel()
		// The router notes the pattern here, so that it is known afterwards.
		routing := chi.NewRouteContext()
		routing.Routes = s.router
		ctx = context.WithValue(ctx, chi.RouteCtxKey, routing)
		r = r.WithContext(ctx)
		rec := &recorder{ResponseWriter: w, bodyless: r.Method == http.MethodHead}
		secure(rec.Header(), a.id)
		s.metrics.running.Inc()
		defer func() {
			s.metrics.running.Dec()
			s.recovered(rec, r, recover())
			took := s.now().Sub(begun)
			s.metrics.answered(routeOf(ctx), r.Method, rec.code(), took)
			s.log.LogAttrs(ctx, s.cfg.accessLevel(), "request", slog.String("method", r.Method),
				slog.String("route", routeOf(ctx)), slog.Int("status", rec.code()), slog.Duration("dur", took))
		}()
		if s.crossOrigin(rec, r) {
			return
		}
		if wait := s.addresses.take(network(a.from)); wait > 0 {
			s.fail(rec, r, s.metrics.refuseFast(byAddress, wait))
			return
		}
		if err := override(r); err != nil {
			s.fail(rec, r, err)
			return
		}
		next.ServeHTTP(rec, r)
	})
}

// secure sets what every answer carries. Answers are for one person, and data:
// nothing keeps them, nothing runs them. /docs, a page, loosens this for itself.
func secure(h http.Header, id string) {
	h.Set("X-Request-Id", id)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-site")
}

// recovered answers for a handler that panicked.
func (s *Server) recovered(rec *recorder, r *http.Request, cause any) {
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler { //nolint:errorlint // net/http documents the bare value
		panic(cause)
	}
	err := fmt.Errorf("handler panicked: %v\n%s", cause, debug.Stack())
	if rec.status != 0 {
		_ = s.report(r.Context(), err) // counted and logged; it can no longer be sent
		panic(http.ErrAbortHandler)    // the client must not take half an answer for a whole one
	}
	s.fail(rec, r, err)
}

const overrideHeader = "X-HTTP-Method-Override"

// override lets clients that can only GET and POST say another method.
//
// Only a POST can: a GET that deletes would be one that any link makes. Who asks
// for it elsewhere is told, rather than left to believe that it was done.
func override(r *http.Request) error {
	to := strings.ToUpper(r.Header.Get(overrideHeader))
	switch {
	case to == "":
		return nil
	case r.Method != http.MethodPost:
		return social.Invalid(overrideHeader, "goes with POST only")
	case !slices.Contains([]string{http.MethodPatch, http.MethodPut, http.MethodDelete}, to):
		return social.Invalid(overrideHeader, "can be PATCH, PUT or DELETE")
	}
	r.Method = to
	return nil
}

// crossOrigin answers preflights, and lets pages of the configured origins read
// our answers. done means that the request was a preflight. Credentials are
// bearer tokens, which no browser sends by itself, so that a page elsewhere can
// do nothing by being refused these headers late.
func (s *Server) crossOrigin(w http.ResponseWriter, r *http.Request) (done bool) {
	origin := r.Header.Get("Origin")
	if len(s.cfg.Origins) > 0 {
		w.Header().Add("Vary", "Origin")
	}
	preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
	if origin != "" && slices.Contains(s.cfg.Origins, origin) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "Deprecation, ETag, Link, Location, Retry-After, Sunset, WWW-Authenticate, X-Request-Id, X-Total-Count, X-Total-Count-Capped")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		if preflight {
			h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, If-Match, X-HTTP-Method-Override, X-Rambla-Act-As, X-Request-Id")
			h.Set("Access-Control-Max-Age", "600")
		}
	}
	if preflight {
		w.WriteHeader(http.StatusNoContent)
	}
	return preflight
}

// routeOf is the pattern that took a request, or "none".
func routeOf(ctx context.Context) string {
	if c := chi.RouteContext(ctx); c != nil {
		if p := c.RoutePattern(); p != "" {
			return p
		}
	}
	return "none"
}

// recorder remembers the status for logs and metrics.
type recorder struct {
	http.ResponseWriter
	status   int
	bodyless bool // the answer to HEAD
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	if r.bodyless {
		return len(b), nil
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}
