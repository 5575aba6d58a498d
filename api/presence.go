package api

import (
	"context"

	"rambla/social"
)

// Presence is whether somebody is there.
type Presence struct {
	Status   string `json:"status" enum:"online,away,busy,invisible,offline" doc:"invisible is shown to the person itself alone"`
	LastSeen string `json:"lastSeen,omitempty" format:"date-time" doc:"When an offline person was there last, where that is known"`
}

// presence is nil where it is not the actor's to see.
func (s *Server) presence(ctx context.Context, a social.Actor, p social.Person) *Presence {
	// Whether somebody is there is known without the store; when, where it answers.
	is, may, _ := s.presences.Of(ctx, a, p.Key)
	if !may {
		return nil
	}
	out := &Presence{Status: is.Status.String()}
	if !is.LastSeen.IsZero() {
		out.LastSeen = stamp(is.LastSeen)
	}
	return out
}
