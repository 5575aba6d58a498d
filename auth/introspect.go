package auth

import (
	"context"

	"rambla/social"
)

// Introspection is the answer of RFC 7662 section 2.2, as it is written in JSON.
// Only Active is there where the token is over, unknown or none of the caller's.
type Introspection struct {
	Active    bool   `json:"active"`
	Scope     string `json:"scope,omitempty"`
	Username  string `json:"username,omitempty"`
	Subject   string `json:"sub,omitempty"` // the name: keys are internal
	TokenType string `json:"token_type,omitempty"`
	Expires   int64  `json:"exp,omitempty"` // Unix seconds; absent where it has no end
}

// Introspect tells about a token: service accounts and managers about any,
// others about their own. The caller has authenticated, by bearer token or, as
// a service account, by HTTP Basic; KindForbidden where its token is narrowed
// to contexts or may not read.
func (a *Authority) Introspect(ctx context.Context, caller Identity, token string) (Introspection, error) {
	me, ok := a.people.PersonByKey(caller.Person)
	if !ok || !mayEnter(me) {
		return Introspection{}, badToken()
	}
	if !caller.Scopes.MayRead("", false) {
		return Introspection{}, social.Errorf(social.KindForbidden, "This token's scopes do not allow it.")
	}
	kind, hash, ok := parseSecret(token)
	if !ok {
		return Introspection{}, nil
	}
	c, err := a.resolve(ctx, hash)
	if err != nil {
		if social.KindOf(err) == social.KindUnauthenticated {
			return Introspection{}, nil
		}
		return Introspection{}, err
	}
	tellsAll := me.Service || me.Roles.Has(social.RoleManager)
	if !a.living(c) || c.grant.Person != caller.Person && !tellsAll {
		return Introspection{}, nil
	}
	p, _ := a.people.PersonByKey(c.grant.Person)
	out := Introspection{Active: true, Scope: shown(c.scopes, p), Username: p.Name, Subject: p.Name}
	if kind == social.TokenAccess {
		out.TokenType = "Bearer"
	}
	if end := earlier(c.token.Expires, c.grant.Expires); !end.IsZero() {
		out.Expires = end.Unix()
	}
	return out, nil
}

// Revoke ends the grant of an access or refresh token, also of one that has
// expired or was used: whoever holds it wants the login to be over. An unknown
// token is no error (RFC 7009 section 2.2).
func (a *Authority) Revoke(ctx context.Context, token string) error {
	_, hash, ok := parseSecret(token)
	if !ok {
		return nil
	}
	c, err := a.find(ctx, hash)
	switch {
	case err == nil:
		return a.end(ctx, c.grant.Key)
	case social.KindOf(err) == social.KindUnauthenticated:
		return nil
	default:
		return err
	}
}
