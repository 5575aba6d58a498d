package hooks

import (
	"context"
	"slices"
	"time"

	"rambla/broker"
	"rambla/social"
)

// Connections is what changes of rights act on: the broker.
type Connections interface {
	// RightsChanged looks again at what the people's sessions may receive of the
	// scopes; nil people are all, nil scopes are all of theirs.
	RightsChanged(scopes []social.Scope, people []social.PersonKey)
	// RightsEnded does so for one scope, and hands those who lose the right to it
	// what tells of that.
	RightsEnded(scope social.Scope, people []social.PersonKey, last []*broker.Delivery)
	// End ends the connections that match, with a reason code and a sentence for
	// the client, and says how many there were.
	End(match func(*broker.Principal) bool, reason byte, text string) int
}

// Follow makes live connections follow what a refresh of the directory found.
// It returns when they have.
func (g *Gate) Follow(c Connections, delta social.Delta) {
	dir := g.dir
	if len(delta.Barred) > 0 {
		c.End(func(p *broker.Principal) bool { return slices.Contains(delta.Barred, p.Person) },
			broker.ReasonNotAuthorized, "The account was suspended or removed.")
	}
	if len(delta.Passwords) > 0 {
		c.End(func(p *broker.Principal) bool {
			return p.Credential().Grant == 0 && slices.Contains(delta.Passwords, p.Person)
		},
			broker.ReasonNotAuthorized, "The password was changed; sign in again.")
	}
	if len(delta.Grants) > 0 {
		ended := make(map[social.GrantKey]bool, len(delta.Grants))
		for _, key := range delta.Grants {
			ended[key] = true
		}
		c.End(func(p *broker.Principal) bool {
			grant := p.Credential().Grant
			return grant != 0 && ended[grant]
		},
			broker.ReasonNotAuthorized, "The login or token that this connection used has ended; sign in again.")
	}
	var scopes []social.Scope
	for _, key := range delta.Spaces {
		if dir.SpaceByKey(key).Deleted {
			g.endOf(c, key)
		} else {
			scopes = append(scopes, dir.ScopeOf(key))
		}
	}
	if len(scopes) > 0 {
		c.RightsChanged(scopes, nil)
	}
	byPlace := map[social.SpaceKey][]social.PersonKey{}
	for _, m := range delta.Members {
		byPlace[m.Space] = append(byPlace[m.Space], m.Person)
	}
	for space, people := range byPlace {
		if fault("keep-rights") {
			continue
		}
		g.endFor(c, space, people)
		if met := dir.Acquaintances(space, people); len(met) > 0 { // who may see whose presence
			scopes := make([]social.Scope, len(met))
			for i, person := range met {
				scopes[i] = person.Scope()
			}
			c.RightsChanged(scopes, met)
		}
	}
	if len(delta.Blocks) > 0 { // neither sees the other's presence
		scopes := make([]social.Scope, len(delta.Blocks))
		for i, key := range delta.Blocks {
			scopes[i] = key.Scope()
		}
		c.RightsChanged(scopes, nil)
		c.RightsChanged(nil, delta.Blocks)
	}
	if len(delta.Watched) > 0 {
		scopes := make([]social.Scope, len(delta.Watched))
		for i, key := range delta.Watched {
			scopes[i] = key.Scope()
		}
		c.RightsChanged(scopes, nil)
	}
	if len(delta.People) > 0 {
		c.RightsChanged(nil, delta.People) // roles
	}
}

// Expire ends connections whose credential reaches its end while they live. It
// runs until ctx ends; each round costs one look at every connection.
func Expire(ctx context.Context, c Connections, every time.Duration, now func() time.Time) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		at := now()
		c.End(func(p *broker.Principal) bool {
			cl, ok := p.Credential().Rights.(claim)
			return !ok || !cl.expires.IsZero() && !at.Before(cl.expires)
		}, broker.ReasonNotAuthorized, "The token that this connection used has expired; sign in again.")
	}
}
