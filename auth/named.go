package auth

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"rambla/social"
)

// maxTokenName bounds the names of tokens, in bytes.
const maxTokenName = 100

// NewToken is a named token to make.
type NewToken struct {
	Name string
	// Scopes; the zero value asks for read and write, as far as the maker has
	// them: what has everything is a login, not a token.
	Scopes social.Scopes
	TTL    time.Duration // zero: until it is deleted
}

// CreateToken makes a named token for the actor. The secret is told once; the
// operator's command line is an actor without a credential, whose Scopes are
// zero. Errors: KindForbidden where the actor's credential is narrowed or may not
// write, KindInvalid about name, scopes or ttl (OAuthCode: invalid_scope for
// scopes beyond one's own), KindConflict where there are too many.
func (a *Authority) CreateToken(ctx context.Context, actor social.Actor, n NewToken) (secret string, g social.Grant, err error) {
	if err := actor.RequireSelf(true); err != nil {
		return "", social.Grant{}, err
	}
	p, ok := a.people.PersonByKey(actor.Person)
	if !ok || !mayEnter(p) {
		return "", social.Grant{}, badToken()
	}
	if n, err = n.checked(actor.Scopes, p.Roles); err != nil {
		return "", social.Grant{}, err
	}
	held, err := a.grantsOf(ctx, p.Key)
	if err != nil {
		return "", social.Grant{}, err
	}
	now := a.now()
	for _, old := range held {
		if old.Kind == social.GrantNamed && over(old.Expires, now) {
			if err := a.end(ctx, old.Key); err != nil {
				return "", social.Grant{}, err
			}
		}
	}
	if len(livingTokens(held, now)) >= a.cfg.TokensPerPerson {
		return "", social.Grant{}, social.Errorf(social.KindConflict, "There are %d tokens already; delete one first.", a.cfg.TokensPerPerson)
	}
	g = social.Grant{ID: a.ids.New(now), Person: p.Key, Kind: social.GrantNamed, Name: n.Name, Scopes: n.Scopes.String(), Created: now, Used: now}
	if n.TTL > 0 {
		g.Expires = now.Add(n.TTL)
	}
	secret = newSecret(social.TokenAccess)
	if g.Key, err = a.grants.CreateGrant(ctx, g, []social.Token{hashed(secret, g.Expires)}); err != nil {
		return "", social.Grant{}, storeError("create token", err)
	}
	return secret, g, nil
}

func (n NewToken) checked(held social.Scopes, roles social.Roles) (NewToken, error) {
	n.Name = strings.TrimSpace(n.Name)
	switch {
	case n.Name == "" || len(n.Name) > maxTokenName || !utf8.ValidString(n.Name) || strings.ContainsFunc(n.Name, unicode.IsControl):
		return n, social.Invalid("name", "a token has a name of 1 to %d bytes, without control characters", maxTokenName)
	case n.TTL < 0 || n.TTL > 0 && n.TTL < time.Second:
		return n, social.Invalid("ttl", "a token lives a second at least")
	}
	if n.Scopes.Unrestricted() {
		n.Scopes = readWrite(held)
	}
	if !n.Scopes.Within(held) || !n.Scopes.HeldBy(roles) {
		return n, &OAuthError{Code: CodeInvalidScope, Err: social.Invalid("scopes", "they reach further than your own")}
	}
	return n, nil
}

// readWrite is the part of read and write that held has. Who makes tokens may
// write, so it is never empty.
func readWrite(held social.Scopes) social.Scopes {
	words := []string{"write"}
	if held.MayRead("", false) {
		words = append(words, "read")
	}
	s, _ := social.ParseScopeWords("scopes", words) // fixed words
	return s
}

// ListTokens lists the actor's living named tokens, newest first.
func (a *Authority) ListTokens(ctx context.Context, actor social.Actor) ([]social.Grant, error) {
	if err := actor.RequireSelf(false); err != nil {
		return nil, err
	}
	held, err := a.grantsOf(ctx, actor.Person)
	if err != nil {
		return nil, err
	}
	return livingTokens(held, a.now()), nil
}

// DeleteToken ends one of the actor's named tokens; KindNotFound where there is
// none with that id.
func (a *Authority) DeleteToken(ctx context.Context, actor social.Actor, id social.ID) error {
	if err := actor.RequireSelf(true); err != nil {
		return err
	}
	held, err := a.grantsOf(ctx, actor.Person)
	if err != nil {
		return err
	}
	for _, g := range livingTokens(held, a.now()) {
		if g.ID == id {
			return a.end(ctx, g.Key)
		}
	}
	return social.Errorf(social.KindNotFound, "There is no such token.")
}

func livingTokens(held []social.Grant, now time.Time) []social.Grant {
	return slices.DeleteFunc(slices.Clone(held), func(g social.Grant) bool {
		return g.Kind != social.GrantNamed || !g.Ended.IsZero() || over(g.Expires, now)
	})
}
