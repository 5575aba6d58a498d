package api

import (
	"context"

	"rambla/social"
)

type putOwnerIn struct {
	PathID
	Body struct {
		Owner string `json:"owner" doc:"The name of the new owner" example:"bob"`
	}
}

func (s *Server) putOwner(ctx context.Context, a social.Actor, in *putOwnerIn) (*contextOut, error) {
	sight, _, err := s.spaces.HandOver(ctx, a, in.ID, in.Body.Owner)
	if err != nil {
		return nil, err
	}
	return s.contextOf(ctx, a, sight)
}
