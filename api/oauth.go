package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"rambla/auth"
	"rambla/social"
)

// oauthToken is RFC 6749's token endpoint.
func (s *Server) oauthToken(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Pragma", "no-cache") // RFC 6749 section 5.1
	form, err := oauthForm(r)
	if err != nil {
		s.oauthFail(w, r, err)
		return
	}
	in := auth.TokenRequest{
		GrantType: form.Get("grant_type"), Username: form.Get("username"), Password: form.Get("password"),
		RefreshToken: form.Get("refresh_token"), Scope: form.Get("scope"),
		ClientID: form.Get("client_id"), ClientSecret: form.Get("client_secret"), From: askedOf(r.Context()).from,
	}
	if id, secret, ok := basic(r); ok {
		in.ClientID, in.ClientSecret = id, secret
	}
	out, err := s.auth.Exchange(r.Context(), in)
	if err != nil {
		s.oauthFail(w, r, err)
		return
	}
	s.writeJSON(w, http.StatusOK, out)
}

// oauthIntrospect is RFC 7662's endpoint; its caller shows a bearer token, or
// is a service account that shows its password.
func (s *Server) oauthIntrospect(w http.ResponseWriter, r *http.Request) {
	form, err := oauthForm(r)
	if err != nil {
		s.oauthFail(w, r, err)
		return
	}
	if form.Get("token") == "" {
		s.oauthFail(w, r, missing("token"))
		return
	}
	var caller auth.Identity
	if id, secret, ok := basic(r); ok {
		caller, err = s.auth.AuthenticateClient(r.Context(), id, secret, askedOf(r.Context()).from)
	} else {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		caller, err = s.auth.AuthenticateToken(r.Context(), token)
	}
	if err != nil {
		s.oauthFail(w, r, err)
		return
	}
	out, err := s.auth.Introspect(r.Context(), caller, form.Get("token"))
	if err != nil {
		s.oauthFail(w, r, err)
		return
	}
	s.writeJSON(w, http.StatusOK, out)
}

// oauthRevoke is RFC 7009's endpoint: holding the token is the right to end it.
func (s *Server) oauthRevoke(w http.ResponseWriter, r *http.Request) {
	form, err := oauthForm(r)
	if err == nil && form.Get("token") == "" {
		err = missing("token")
	}
	if err == nil {
		err = s.auth.Revoke(r.Context(), form.Get("token"))
	}
	if err != nil {
		s.oauthFail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (s *Server) oauthMetadata(w http.ResponseWriter, r *http.Request) {
	s.writeJSON(w, http.StatusOK, auth.NewMetadata(s.publicURL(r)))
}

// publicURL is where clients reach the site.
func (s *Server) publicURL(r *http.Request) string {
	if s.cfg.PublicURL != "" {
		return s.cfg.PublicURL
	}
	scheme := "http"
	if s.proxies.secure(r) {
		scheme = "https"
	}
	return (&url.URL{Scheme: scheme, Host: r.Host}).String()
}

// oauthForm reads the body; a parameter may be there once only (RFC 6749
// section 3.2), and none counts that is in the address.
func oauthForm(r *http.Request) (url.Values, error) {
	if err := r.ParseForm(); err != nil {
		return nil, &auth.OAuthError{Code: auth.CodeInvalidRequest, Err: social.Errorf(social.KindInvalid, "The form cannot be read.")}
	}
	for name, values := range r.PostForm {
		if len(values) > 1 {
			return nil, &auth.OAuthError{Code: auth.CodeInvalidRequest, Err: social.Invalid(clip(name), "is there twice")}
		}
	}
	return r.PostForm, nil
}

func missing(name string) error {
	return &auth.OAuthError{Code: auth.CodeInvalidRequest, Err: social.Invalid(name, "is missing")}
}

// basic reads HTTP Basic credentials, whose parts OAuth form-encodes (RFC 6749
// section 2.3.1). Many clients do not; what cannot be decoded is taken as it is.
func basic(r *http.Request) (id, secret string, ok bool) {
	id, secret, ok = r.BasicAuth()
	for _, part := range []*string{&id, &secret} {
		if plain, err := url.QueryUnescape(*part); err == nil {
			*part = plain
		}
	}
	return id, secret, ok
}

// oauthError is the error answer of RFC 6749 section 5.2.
type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

func (s *Server) oauthFail(w http.ResponseWriter, r *http.Request, err error) {
	p := s.report(r.Context(), err)
	code := auth.OAuthCode(err)
	if _, ok := errors.AsType[*Problem](err); ok && p.Status < http.StatusInternalServerError {
		code = auth.CodeInvalidRequest // the body itself was refused
	}
	for name, values := range p.header {
		w.Header()[name] = values
	}
	status := p.Status
	if status == http.StatusUnprocessableEntity {
		status = http.StatusBadRequest // RFC 6749 knows no other
	}
	if status == http.StatusUnauthorized && code == auth.CodeInvalidClient {
		w.Header().Set("WWW-Authenticate", `Basic realm="rambla"`)
	}
	s.writeJSON(w, status, oauthError{code, p.Detail})
}

// writeJSON answers with v.
func (s *Server) writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		s.log.Error("encode an answer", "err", err)
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client went away
}
