package api

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"rambla/social"
)

// guard is what stands before every handler: who asks, how often, in whose
// name, with what body, and whether the same was asked before. Around the
// answer stands what sh says of it.
func (s *Server) guard(rt route, sh *shape, next http.Handler) http.Handler {
	next = s.acting(next)
	answer := s.shaped(sh, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rt.deprecated != nil {
			rt.deprecated.tell(w.Header())
		}
		var err error
		switch {
		case rt.media:
			err = s.admitMedia(r, rt, w.Header())
		case !rt.open:
			err = s.admit(r, rt)
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		body, err := s.readBody(w, r, rt)
		if err != nil {
			if rt.body == formBody {
				s.oauthFail(w, r, err)
				return
			}
			s.fail(w, r, err)
			return
		}
		if key := r.Header.Get("Idempotency-Key"); key != "" && rt.replays() {
			s.shaped(sh, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				s.once(w, r, key, body, next)
			})).ServeHTTP(w, r)
			return
		}
		answer.ServeHTTP(w, r)
	})
}

// acting sees to it that what somebody does in another's name is in the audit log.
// Where a use case has written it down with more detail, that is the entry.
func (s *Server) acting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := askedOf(r.Context()).actor
		if a.Creator == 0 {
			next.ServeHTTP(w, r)
			return
		}
		_ = s.directory.Audit().Do(r.Context(), func(ctx context.Context) error {
			rec := &recorder{ResponseWriter: w}
			next.ServeHTTP(rec, r.WithContext(ctx))
			if rec.code() >= http.StatusBadRequest {
				return errAnswered
			}
			return nil
		}, s.actingOn(r, a.Act(social.VerbActAs)))
	})
}

// actingOn says what a request acts on, by its pattern and ids: names of people
// are not kept.
func (s *Server) actingOn(r *http.Request, act social.Act) social.Act {
	act.Target = r.Method + " " + routeOf(r.Context())
	id := chi.URLParam(r, "id")
	if _, ok := social.ParseID(id); ok {
		act.Target += " " + id
	}
	if sight, err := s.directory.See(askedOf(r.Context()).actor, id); err == nil && strings.HasPrefix(routeOf(r.Context()), "/v1/contexts/") {
		act.Space = sight.Space.Key
	}
	return act
}

// errAnswered says that a request was refused, and that its answer is written.
var errAnswered = social.Errorf(social.KindForbidden, "The request was refused.")

// admit finds out who asks. Errors are KindUnauthenticated, KindRateLimited,
// KindForbidden, KindNotFound and KindUnavailable.
func (s *Server) admit(r *http.Request, rt route) error {
	a := askedOf(r.Context())
	actor, err := s.authenticate(r.Context(), r.Header)
	if err != nil {
		return err
	}
	if wait := s.persons.take(actor.Person); wait > 0 {
		return s.metrics.refuseFast(byPerson, wait)
	}
	if a.actor, err = s.actFor(r, rt, actor); err != nil {
		return err
	}
	return nil
}

// authenticate accepts a bearer token of the Authorization header (RFC 6750
// section 2.1), and no other way to send one: addresses end up in logs.
func (s *Server) authenticate(ctx context.Context, h http.Header) (social.Actor, error) {
	header := h.Get("Authorization")
	if header == "" {
		p := newProblem(http.StatusUnauthorized, social.KindUnauthenticated.String(), "Send a token as Authorization: Bearer ….")
		p.header.Set("WWW-Authenticate", `Bearer realm="rambla"`)
		return social.Actor{}, p
	}
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return social.Actor{}, social.Errorf(social.KindUnauthenticated, "The Authorization header takes a bearer token here.")
	}
	id, err := s.auth.AuthenticateToken(ctx, strings.TrimSpace(token))
	if err != nil {
		return social.Actor{}, err
	}
	return social.Actor{Person: id.Person, Grant: id.Grant, Scopes: id.Scopes, Generator: "rest", From: askedOf(ctx).from, Request: requestID(ctx)}, nil
}

const actAs = "X-Rambla-Act-As"

// actFor makes the actor speak for whom the header names. It writes in
// contexts; it never reads what others may.
func (s *Server) actFor(r *http.Request, rt route, actor social.Actor) (social.Actor, error) {
	name := r.Header.Get(actAs)
	if name == "" {
		return actor, nil
	}
	if !rt.actable {
		return social.Actor{}, social.Errorf(social.KindForbidden, "One can act for others when writing in contexts only.")
	}
	other, err := s.directory.ActFor(actor, name)
	if err != nil {
		return social.Actor{}, err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "acting for another",
		slog.Int64("person", int64(actor.Person)), slog.Int64("for", int64(other.Person)), slog.Int64("context", int64(other.AsSpace)),
		slog.String("method", r.Method), slog.String("route", routeOf(r.Context())))
	return other, nil
}
