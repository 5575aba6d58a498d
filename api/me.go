package api

import (
	"context"
	"time"

	"rambla/auth"
	"rambla/social"
)

// Me is the person itself, and what the token that was shown lets it do.
type Me struct {
	Person
	Scopes []string `json:"scopes" nullable:"false" doc:"What this token may be used for"`
}

type meOut struct{ Body Me }

func (s *Server) me(_ context.Context, a social.Actor, _ *struct{}) (*meOut, error) {
	if err := a.RequireSelf(false); err != nil {
		return nil, err
	}
	p, err := s.people.Get(a, "me")
	if err != nil {
		return nil, err
	}
	scopes := a.Scopes
	if scopes.Unrestricted() {
		scopes = social.EveryScope(p.Roles)
	}
	return &meOut{Me{Person: newPerson(p, true), Scopes: append([]string{}, scopes.Words()...)}}, nil
}

// Token is a named token. Its secret is told once, when it is made.
type Token struct {
	ID      string   `json:"id"`
	Name    string   `json:"name" example:"kitchen sensor"`
	Scopes  []string `json:"scopes" nullable:"false"`
	Created string   `json:"created" format:"date-time"`
	Expires string   `json:"expires,omitempty" format:"date-time" doc:"Absent: never"`
	Used    string   `json:"used,omitempty" format:"date-time" doc:"When it was last used, to the hour"`
	Token   string   `json:"token,omitempty" doc:"The secret; only in the answer that made it"`
}

func newToken(g social.Grant) Token {
	t := Token{ID: g.ID.String(), Name: g.Name, Created: stamp(g.Created), Expires: stamp(g.Expires), Used: stamp(g.Used), Scopes: []string{}}
	if scopes, err := social.ParseScopes("scopes", g.Scopes); err == nil { // it was stored from Scopes
		t.Scopes = append(t.Scopes, scopes.Words()...)
	}
	return t
}

// stamp writes a time as every interface does; empty for the zero time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return string(social.AppendTime(nil, t))
}

func (s *Server) listTokens(ctx context.Context, a social.Actor, in *PageCursor) (*listOut[Token], error) {
	after, err := in.after("tokens")
	if err != nil {
		return nil, err
	}
	held, err := s.auth.ListTokens(ctx, a)
	if err != nil {
		return nil, err
	}
	var items []Token
	next := ""
	for _, g := range held { // newest first; ids are in the order of time
		if after != "" && g.ID.String() >= after {
			continue
		}
		if len(items) == in.Limit {
			next = items[len(items)-1].ID
			break
		}
		items = append(items, newToken(g))
	}
	return newList("tokens", "/v1/me/tokens", *in, nil, items, next), nil
}

type createTokenIn struct {
	Body struct {
		Name   string   `json:"name" example:"kitchen sensor"`
		Scopes []string `json:"scopes,omitempty" nullable:"false" doc:"Absent: read and write"`
		TTL    string   `json:"ttl,omitempty" example:"8760h" doc:"How long it lives; absent: until it is deleted"`
	}
}

type tokenOut struct {
	Location string `header:"Location"`
	Body     Token
}

func (s *Server) createToken(ctx context.Context, a social.Actor, in *createTokenIn) (*tokenOut, error) {
	n := auth.NewToken{Name: in.Body.Name}
	var err error
	if n.Scopes, err = social.ParseScopeWords("scopes", in.Body.Scopes); err != nil {
		return nil, err
	}
	if in.Body.TTL != "" {
		if n.TTL, err = time.ParseDuration(in.Body.TTL); err != nil || n.TTL <= 0 {
			return nil, social.Invalid("ttl", "%q is no duration such as 720h or 30m", clip(in.Body.TTL))
		}
	}
	secret, g, err := s.auth.CreateToken(ctx, a, n)
	if err != nil {
		return nil, err
	}
	out := &tokenOut{Location: "/v1/me/tokens/" + g.ID.String(), Body: newToken(g)}
	out.Body.Token = secret
	return out, nil
}

type PathID struct {
	ID string `path:"id"`
}

func (s *Server) deleteToken(ctx context.Context, a social.Actor, in *PathID) (*struct{}, error) {
	id, ok := social.ParseID(in.ID)
	if !ok {
		return nil, social.Errorf(social.KindNotFound, "There is no such token.")
	}
	return nil, s.auth.DeleteToken(ctx, a, id)
}
