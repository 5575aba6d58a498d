package api

import (
	"context"
	"time"

	"rambla/social"
)

// Mute is that one wants to be told nothing of a context or conversation.
type Mute struct {
	Until string `json:"until,omitempty" format:"date-time" doc:"Absent: for good"`
}

// newMute is nil where nothing is muted.
func newMute(m social.Mute) *Mute {
	if !m.On {
		return nil
	}
	return &Mute{Until: stamp(m.Until)}
}

type putMuteIn struct {
	PathID
	Body *struct {
		Until *time.Time `json:"until,omitempty" doc:"Absent: for good"`
	}
}

type muteOut struct{ Body Mute }

func (s *Server) putMute(of func(id string) social.Where) func(context.Context, social.Actor, *putMuteIn) (*muteOut, error) {
	return func(ctx context.Context, a social.Actor, in *putMuteIn) (*muteOut, error) {
		m := social.Mute{On: true}
		if in.Body != nil && in.Body.Until != nil {
			m.Until = *in.Body.Until
		}
		if err := s.attention.Mute(ctx, a, of(in.ID), m); err != nil {
			return nil, err
		}
		return &muteOut{*newMute(m)}, nil
	}
}

func (s *Server) deleteMute(of func(id string) social.Where) func(context.Context, social.Actor, *PathID) (*struct{}, error) {
	return func(ctx context.Context, a social.Actor, in *PathID) (*struct{}, error) {
		return nil, s.attention.Mute(ctx, a, of(in.ID), social.Mute{})
	}
}
