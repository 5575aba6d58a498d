package api

import (
	"context"
	"time"

	"rambla/social"
)

// Broadcast is what a manager tells everybody.
type Broadcast struct {
	ID        string `json:"id" format:"uuid"`
	Topic     string `json:"topic" doc:"Where it is told" example:"/sys/broadcast"`
	Content   string `json:"content"`
	Published string `json:"published" format:"date-time"`
	Until     string `json:"until,omitempty" format:"date-time"`
}

type broadcastIn struct {
	Body struct {
		Content string     `json:"content" minLength:"1" maxLength:"16384" doc:"Plain text" example:"Tonight from 22:00 the site is not there for an hour."`
		Until   *time.Time `json:"until,omitempty" doc:"Until then whoever subscribes gets it, 30 days at most; absent: only who is subscribed, connected or not"`
	}
}

type broadcastOut struct{ Body Broadcast }

func (s *Server) broadcast(ctx context.Context, a social.Actor, in *broadcastIn) (*broadcastOut, error) {
	said := social.Broadcast{Content: in.Body.Content}
	if in.Body.Until != nil {
		said.Until = *in.Body.Until
	}
	b, err := s.data.Broadcast(ctx, a, said)
	if err != nil {
		return nil, err
	}
	return &broadcastOut{Broadcast{
		ID: b.ID.String(), Topic: social.BroadcastTopic, Content: b.Content, Published: stamp(b.Published), Until: stamp(b.Until),
	}}, nil
}
