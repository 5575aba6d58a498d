package auth

import (
	"context"
	"errors"
	"net/netip"

	"rambla/social"
)

// OAuth's error codes (RFC 6749 section 5.2; RFC 6750 section 3.1).
const (
	CodeInvalidRequest       = "invalid_request"
	CodeInvalidClient        = "invalid_client"
	CodeInvalidGrant         = "invalid_grant"
	CodeInvalidScope         = "invalid_scope"
	CodeInvalidToken         = "invalid_token"
	CodeInsufficientScope    = "insufficient_scope"
	CodeUnsupportedGrantType = "unsupported_grant_type"
	CodeUnavailable          = "temporarily_unavailable"
	CodeServerError          = "server_error"
)

// OAuthError is an error with OAuth's code for it; the *social.Error beneath
// has the sentence.
type OAuthError struct {
	Code string
	Err  *social.Error
}

func (e *OAuthError) Error() string { return e.Code + ": " + e.Err.Error() }
func (e *OAuthError) Unwrap() error { return e.Err }

// OAuthCode is the code that the token, introspection and revocation endpoints
// answer with, for any error of this package. A rate limit, which OAuth has no
// code for, is temporarily_unavailable.
func OAuthCode(err error) string {
	if e, ok := errors.AsType[*OAuthError](err); ok {
		return e.Code
	}
	switch social.KindOf(err) {
	case social.KindInvalid, social.KindTooLarge:
		return CodeInvalidRequest
	case social.KindUnauthenticated:
		return CodeInvalidToken
	case social.KindForbidden:
		return CodeInsufficientScope
	case social.KindRateLimited, social.KindUnavailable:
		return CodeUnavailable
	default:
		return CodeServerError
	}
}

func refuse(code string, kind social.Kind, sentence string) *OAuthError {
	return &OAuthError{Code: code, Err: social.Errorf(kind, "%s", sentence)}
}

// TokenRequest is the form of the token endpoint.
type TokenRequest struct {
	GrantType    string
	Username     string
	Password     string
	RefreshToken string
	Scope        string
	ClientID     string // of HTTP Basic, decoded; or of the form
	ClientSecret string
	From         netip.Addr // whose attempts are limited
}

// Exchange answers the token endpoint. Errors carry an *OAuthError, except
// KindRateLimited and KindUnavailable. Its Kind is KindUnauthenticated for
// invalid_client (401) and KindInvalid for all others (400).
func (a *Authority) Exchange(ctx context.Context, r TokenRequest) (Tokens, error) {
	switch r.GrantType {
	case "password":
		if r.Username == "" || r.Password == "" {
			return Tokens{}, refuse(CodeInvalidRequest, social.KindInvalid, "This grant type needs username and password.")
		}
		return a.login(ctx, r, social.GrantPassword)
	case "client_credentials":
		if r.ClientID == "" || r.ClientSecret == "" {
			return Tokens{}, refuse(CodeInvalidClient, social.KindUnauthenticated, "This grant type needs the name and password of a service account by HTTP Basic.")
		}
		r.Username, r.Password = r.ClientID, r.ClientSecret
		return a.login(ctx, r, social.GrantClient)
	case "refresh_token":
		if r.RefreshToken == "" {
			return Tokens{}, refuse(CodeInvalidRequest, social.KindInvalid, "This grant type needs refresh_token.")
		}
		return a.refresh(ctx, r)
	case "":
		return Tokens{}, refuse(CodeInvalidRequest, social.KindInvalid, "grant_type is missing.")
	default:
		return Tokens{}, refuse(CodeUnsupportedGrantType, social.KindInvalid, "The grant types are password, refresh_token and client_credentials.")
	}
}

func (a *Authority) login(ctx context.Context, r TokenRequest, kind social.GrantKind) (Tokens, error) {
	scopes, err := parseScope(r.Scope)
	if err != nil {
		return Tokens{}, err
	}
	fits, code, errKind := anyAccount, CodeInvalidGrant, social.KindInvalid
	if kind == social.GrantClient {
		fits, code, errKind = serviceAccount, CodeInvalidClient, social.KindUnauthenticated
	}
	p, stored, err := a.check(ctx, r.Username, r.Password, r.From, fits)
	if err != nil {
		if social.KindOf(err) == social.KindUnauthenticated {
			return Tokens{}, refuse(code, errKind, social.Safe(err))
		}
		return Tokens{}, err
	}
	if !scopes.HeldBy(p.Roles) {
		return Tokens{}, refuse(CodeInvalidScope, social.KindInvalid, "scope: admin and act-as are for managers")
	}
	out, key, err := a.issue(ctx, p, kind, scopes)
	if err != nil {
		return Tokens{}, err
	}
	if err := a.confirm(ctx, p.Key, key, stored, r.Password); err != nil {
		return Tokens{}, err
	}
	return out, nil
}

// confirm ends a login whose password was changed while it was being made: the
// change ended the logins that it found, and could not know of this one.
func (a *Authority) confirm(ctx context.Context, person social.PersonKey, key social.GrantKey, stored, password string) error {
	present, err := a.passwords.PasswordHash(ctx, person)
	if err != nil {
		return storeError("read password hash", err)
	}
	if present == stored {
		return nil
	}
	a.stored.drop(person)
	same, err := a.matches(ctx, present, password)
	if err != nil || same { // the same, where only its hash was renewed
		return err
	}
	if err := a.end(ctx, key); err != nil {
		return err
	}
	return refuse(CodeInvalidGrant, social.KindInvalid, "The password was changed just now; sign in with the new one.")
}

// refresh exchanges a refresh token. One that was used before has been stolen,
// or its successor has: the whole grant ends.
func (a *Authority) refresh(ctx context.Context, r TokenRequest) (Tokens, error) {
	kind, hash, ok := parseSecret(r.RefreshToken)
	if !ok || kind != social.TokenRefresh {
		return Tokens{}, badRefresh()
	}
	c, err := a.find(ctx, hash)
	if err != nil {
		if social.KindOf(err) == social.KindUnauthenticated {
			return Tokens{}, badRefresh()
		}
		return Tokens{}, err
	}
	now := a.now()
	if !c.token.Used.IsZero() {
		return Tokens{}, a.replayed(ctx, c.grant)
	}
	if over(c.token.Expires, now) || over(c.grant.Expires, now) || !c.grant.Ended.IsZero() {
		if err := a.end(ctx, c.grant.Key); err != nil { // nothing can revive it
			return Tokens{}, err
		}
		return Tokens{}, badRefresh()
	}
	p, ok := a.people.PersonByKey(c.grant.Person)
	if !ok || !mayEnter(p) {
		return Tokens{}, badRefresh()
	}
	if err := sameScope(r.Scope, c.scopes, p); err != nil {
		return Tokens{}, err
	}
	out, successors := a.mint(now, true)
	for i := range successors {
		successors[i].Grant = c.grant.Key
	}
	fresh, err := a.grants.Rotate(ctx, hash, successors, now)
	if err != nil {
		return Tokens{}, storeError("rotate refresh token", err)
	}
	if !fresh {
		return Tokens{}, a.replayed(ctx, c.grant)
	}
	out.Scope = shown(c.scopes, p)
	return out, nil
}

func (a *Authority) replayed(ctx context.Context, g social.Grant) error {
	a.counts.replays.Add(1)
	a.log.WarnContext(ctx, "refresh token used twice; its grant has ended", "person", int64(g.Person), "grant", int64(g.Key))
	if err := a.end(ctx, g.Key); err != nil {
		return err
	}
	return badRefresh()
}

// sameScope allows a refresh to repeat the scope of its grant. Less would need
// a login of its own: scopes belong to grants, not to single tokens.
func sameScope(asked string, held social.Scopes, p social.Person) error {
	scopes, err := parseScope(asked)
	if err != nil {
		return err
	}
	if s := scopes.String(); s != "" && s != held.String() && s != shown(held, p) {
		return refuse(CodeInvalidScope, social.KindInvalid, "scope: a refresh keeps the scope of the login; sign in anew for another one")
	}
	return nil
}

func parseScope(text string) (social.Scopes, error) {
	scopes, err := social.ParseScopes("scope", text)
	if e, ok := errors.AsType[*social.Error](err); ok {
		return social.Scopes{}, &OAuthError{Code: CodeInvalidScope, Err: e}
	}
	return scopes, nil
}

func badRefresh() *OAuthError {
	return refuse(CodeInvalidGrant, social.KindInvalid, "The refresh token is not valid, or not any more; sign in again.")
}
