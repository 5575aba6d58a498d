package api

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"rambla/social"
)

// guard is what stands before every handler: who asks, how often, in whose
// name, with what body, and whether the same was asked before. Around the
// answer stands what sh says of it.
func (s *Server) guard(rt route, sh *shape, next http.Handler) http.Handler {
	answer := s.shaped(sh, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rt.deprecated != nil {
			rt.deprecated.tell(w.Header())
		}
		if !rt.open {
			if err := s.admit(r, rt); err != nil {
				s.fail(w, r, err)
				return
			}
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
	return social.Actor{Person: id.Person, Grant: id.Grant, Scopes: id.Scopes, Generator: "rest"}, nil
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
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "acting for another", slog.String("request", requestID(r.Context())),
		slog.Int64("person", int64(actor.Person)), slog.Int64("for", int64(other.Person)), slog.Int64("context", int64(other.AsSpace)),
		slog.String("method", r.Method), slog.String("route", routeOf(r.Context())))
	return other, nil
}
