package auth

import (
	"cmp"
	"context"
	"slices"
	"time"

	"rambla/social"
)

// Tokens is the answer of the token endpoint (RFC 6749 section 5.1), as it is
// written in JSON.
type Tokens struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"` // always Bearer
	ExpiresIn    int64  `json:"expires_in"` // seconds
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope"`
}

// issue stores a new login and its first tokens.
func (a *Authority) issue(ctx context.Context, p social.Person, kind social.GrantKind, scopes social.Scopes) (Tokens, social.GrantKey, error) {
	if err := a.makeRoom(ctx, p.Key); err != nil {
		return Tokens{}, 0, err
	}
	now := a.now()
	out, stored := a.mint(now, kind == social.GrantPassword)
	g := social.Grant{ID: a.ids.New(now), Person: p.Key, Kind: kind, Scopes: scopes.String(), Created: now, Used: now}
	if kind == social.GrantClient {
		g.Expires = now.Add(a.cfg.AccessTTL) // there is no refresh token (RFC 6749 section 4.4.3)
	}
	key, err := a.grants.CreateGrant(ctx, g, stored)
	if err != nil {
		return Tokens{}, 0, storeError("create grant", err)
	}
	out.Scope = shown(scopes, p)
	return out, key, nil
}

// mint makes an access token, and a refresh token where wanted: as they are
// handed out, and as they are stored.
func (a *Authority) mint(now time.Time, refresh bool) (Tokens, []social.Token) {
	out := Tokens{AccessToken: newSecret(social.TokenAccess), TokenType: "Bearer", ExpiresIn: int64(a.cfg.AccessTTL / time.Second)}
	stored := []social.Token{hashed(out.AccessToken, now.Add(a.cfg.AccessTTL))}
	if refresh {
		out.RefreshToken = newSecret(social.TokenRefresh)
		stored = append(stored, hashed(out.RefreshToken, now.Add(a.cfg.RefreshTTL)))
	}
	return out, stored
}

func hashed(secret string, expires time.Time) social.Token {
	kind, hash, _ := parseSecret(secret)
	return social.Token{Hash: hash, Kind: kind, Expires: expires}
}

// shown are a grant's scopes in words.
func shown(scopes social.Scopes, p social.Person) string {
	if scopes.Unrestricted() {
		scopes = social.EveryScope(p.Roles)
	}
	return scopes.String()
}

// grantsOf lists all that a person holds: makeRoom and CreateToken see to it
// that it is no more than this many, but for a few that raced.
func (a *Authority) grantsOf(ctx context.Context, person social.PersonKey) ([]social.Grant, error) {
	held, err := a.grants.GrantsOf(ctx, person, 2*(a.cfg.LoginsPerPerson+a.cfg.TokensPerPerson))
	if err != nil {
		return nil, storeError("list grants", err)
	}
	return held, nil
}

// makeRoom ends logins until one more fits in: those that are over first, then
// those that were never refreshed, then those that were not for longest. So a
// script that signs in every minute pushes out its own and not a telephone's.
func (a *Authority) makeRoom(ctx context.Context, person social.PersonKey) error {
	held, err := a.grantsOf(ctx, person)
	if err != nil {
		return err
	}
	logins := slices.DeleteFunc(held, func(g social.Grant) bool { return g.Kind == social.GrantNamed })
	surplus := len(logins) - a.cfg.LoginsPerPerson + 1
	if surplus <= 0 {
		return nil
	}
	now := a.now()
	worth := func(g social.Grant) int {
		switch {
		case over(g.Expires, now):
			return 0
		case !g.Used.After(g.Created):
			return 1
		}
		return 2
	}
	slices.SortFunc(logins, func(x, y social.Grant) int {
		return cmp.Or(cmp.Compare(worth(x), worth(y)), x.Used.Compare(y.Used))
	})
	for _, g := range logins[:surplus] {
		if err := a.end(ctx, g.Key); err != nil {
			return err
		}
	}
	return nil
}

// end ends a grant, here at once and elsewhere by the journal.
func (a *Authority) end(ctx context.Context, key social.GrantKey) error {
	if err := a.grants.EndGrant(ctx, key, a.now()); err != nil {
		return storeError("end grant", err)
	}
	a.Ended(key)
	return nil
}
