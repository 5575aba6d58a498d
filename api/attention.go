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

// Interest is what one wants to be told of a context or conversation.
type Interest struct {
	Muted *Mute  `json:"muted,omitempty" doc:"I want to be told nothing of it; absent: I do"`
	Level string `json:"level,omitempty" enum:"default,all,mentions,none" doc:"What I want to be told of while it is not muted; default is what its notifications say. Absent, and muted with it, while the database cannot be reached"`
}

func newInterest(i social.Interest) Interest {
	out := Interest{Level: i.Level.String()}
	if i.Muted {
		out.Muted = &Mute{Until: stamp(i.Until)}
	}
	return out
}

// InterestBody says what changes. Saying nothing mutes for good.
type InterestBody struct {
	Until    *time.Time `json:"until,omitempty" doc:"Mute until then"`
	Duration string     `json:"duration,omitempty" example:"8h" doc:"Mute for so long: 90s, 8h, 7d"`
	Level    string     `json:"level,omitempty" enum:"default,all,mentions,none" doc:"What I want to be told of while it is not muted; alone it neither mutes nor ends that"`
}

type putMuteIn struct {
	PathID
	Body *InterestBody
}

type interestOut struct{ Body Interest }

// putMute changes what one wants to be told of a context or conversation.
func (s *Server) putMute(of func(id string) social.Where) func(context.Context, social.Actor, *putMuteIn) (*interestOut, error) {
	return func(ctx context.Context, a social.Actor, in *putMuteIn) (*interestOut, error) {
		body := in.Body
		if body == nil {
			body = &InterestBody{}
		}
		until, err := s.until(body.Until, body.Duration)
		if err != nil {
			return nil, err
		}
		var p social.InterestPatch
		if body.Level != "" {
			level, err := social.ParseLevel("level", body.Level)
			if err != nil {
				return nil, err
			}
			p.Level = &level
		}
		if p.Level == nil || !until.IsZero() {
			p.Mute = &social.Mute{On: true, Until: until}
		}
		is, err := s.attention.Set(ctx, a, of(in.ID), p)
		if err != nil {
			return nil, err
		}
		return &interestOut{newInterest(is)}, nil
	}
}

// deleteMute ends a mute, and leaves the level as it is.
func (s *Server) deleteMute(of func(id string) social.Where) func(context.Context, social.Actor, *PathID) (*struct{}, error) {
	return func(ctx context.Context, a social.Actor, in *PathID) (*struct{}, error) {
		_, err := s.attention.Set(ctx, a, of(in.ID), social.InterestPatch{Mute: &social.Mute{}})
		return nil, err
	}
}
