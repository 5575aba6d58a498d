package api

import (
	"context"

	"rambla/social"
)

// Stats are what the site comes to.
type Stats struct {
	Version       string  `json:"version"`
	Uptime        float64 `json:"uptime" doc:"Seconds since this process started"`
	People        int     `json:"people"`
	Contexts      int     `json:"contexts"`
	Conversations int     `json:"conversations"`
	Connections   int     `json:"connections" doc:"MQTT clients that are connected to this process"`
	Queues        Queues  `json:"queues"`
	Lag           Lag     `json:"lag"`
	Store         Store   `json:"store"`
}

// Queues are what waits to be worked on.
type Queues struct {
	Commits     int   `json:"commits" doc:"Posts and data that wait for their transaction"`
	CommitBytes int   `json:"commitBytes"`
	Receipts    int   `json:"receipts" doc:"Read markers that wait for theirs"`
	Pushes      int   `json:"pushes" doc:"People and streams of which something waits to be pushed"`
	Search      int64 `json:"search" doc:"Entries of the log that search has not read"`
}

// Lag is how old the oldest of what waits is, in seconds.
type Lag struct {
	Rights float64 `json:"rights" doc:"Age of what the process knows of rights"`
	Push   float64 `json:"push"`
	Search float64 `json:"search"`
}

// Store is what the store holds, as it was counted last.
type Store struct {
	Counted  string `json:"counted" format:"date-time"`
	Posts    int64  `json:"posts" doc:"Posts, comments and messages, also removed ones"`
	Sessions int64  `json:"sessions" doc:"MQTT sessions, connected or not"`
	Bytes    int64  `json:"bytes" doc:"Size of the database"`
}

type statsOut struct{ Body Stats }

func (s *Server) siteStats(ctx context.Context, a social.Actor, _ *struct{}) (*statsOut, error) {
	if err := s.requireManager(a); err != nil {
		return nil, err
	}
	st, err := s.stats(ctx)
	if err != nil {
		return nil, err
	}
	return &statsOut{Stats{
		Version: st.Version, Uptime: s.now().Sub(st.Started).Seconds(), People: st.People, Contexts: st.Contexts,
		Conversations: st.Conversations, Connections: st.Connections,
		Queues: Queues{Commits: st.Commits, CommitBytes: st.CommitBytes, Receipts: st.Receipts, Pushes: st.PushWaiting, Search: st.SearchBehind},
		Lag:    Lag{Rights: st.RightsAge.Seconds(), Push: st.PushOldest.Seconds(), Search: st.SearchLag.Seconds()},
		Store:  Store{Counted: stamp(st.Counted), Posts: st.Posts, Sessions: st.Sessions, Bytes: st.StoreSize},
	}}, nil
}
