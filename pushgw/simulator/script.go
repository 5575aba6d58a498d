package simulator

import (
	"context"
	"sync"
	"time"
)

// Reply is how one push is answered instead of being taken.
type Reply struct {
	Status int    `json:"status,omitempty"` // 0: whatever the protocol says about the push
	Reason string `json:"reason,omitempty"` // the provider's word for it
	// Body stands in for the provider's own form of the answer, such as the page of
	// a middlebox.
	Body   string            `json:"body,omitempty"`
	Header map[string]string `json:"header,omitempty"` // Retry-After, Location, Content-Type
	// Since is what APNs says with 410: when it learned it, in milliseconds.
	Since int64 `json:"since,omitempty"`
	// Delay is before the answer, beside the latency of all, in milliseconds.
	Delay int64 `json:"delay_ms,omitempty"`

	GoAway    bool `json:"go_away,omitempty"`    // the connection says goodbye behind the answer
	Refuse    bool `json:"refuse,omitempty"`     // the stream is refused, unprocessed (APNs)
	BlackHole bool `json:"black_hole,omitempty"` // no answer, and nothing is taken
	Lose      bool `json:"lose,omitempty"`       // it is taken, but the connection is cut instead of an answer
	Freeze    bool `json:"freeze,omitempty"`     // likewise, and the connection is dead from then on, PINGs included
	Times     int  `json:"times,omitempty"`      // how many pushes it is for; 0: all from then on
}

// Everyone is the token of a script for all tokens without one of their own.
const Everyone = "*"

// Script is what a provider answers to the pushes of one token, in order. When
// its replies are used up, the protocol decides again.
type Script struct {
	Provider string  `json:"provider"`
	Token    string  `json:"token"`
	Replies  []Reply `json:"replies"`
}

type scriptKey struct{ provider, token string }

// scripts is what is to be answered.
type scripts struct {
	mu      sync.Mutex // guards the rest
	all     map[scriptKey][]Reply
	latency time.Duration
}

func newScripts(latency time.Duration) *scripts {
	return &scripts{all: map[scriptKey][]Reply{}, latency: latency}
}

// Script replaces the token's script; without replies there is none any more.
func (s *Simulator) Script(script Script) {
	s.scripts.mu.Lock()
	defer s.scripts.mu.Unlock()
	key := scriptKey{script.Provider, script.Token}
	if len(script.Replies) == 0 {
		delete(s.scripts.all, key)
		return
	}
	s.scripts.all[key] = append([]Reply(nil), script.Replies...)
}

// Answer is Script for one token of one provider.
func (s *Simulator) Answer(provider, token string, replies ...Reply) {
	s.Script(Script{Provider: provider, Token: token, Replies: replies})
}

// Forget drops all scripts.
func (s *Simulator) Forget() {
	s.scripts.mu.Lock()
	defer s.scripts.mu.Unlock()
	clear(s.scripts.all)
}

// SetLatency sets how long every answer takes.
func (s *Simulator) SetLatency(d time.Duration) {
	s.scripts.mu.Lock()
	defer s.scripts.mu.Unlock()
	s.scripts.latency = d
}

// next takes the reply for a push to the token, and how long to wait before it.
// The zero Reply leaves it to the protocol.
func (s *scripts) next(provider, token string) (Reply, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range []scriptKey{{provider, token}, {provider, Everyone}} {
		replies := s.all[key]
		if len(replies) == 0 {
			continue
		}
		r := replies[0]
		switch {
		case r.Times == 1:
			if s.all[key] = replies[1:]; len(replies) == 1 {
				delete(s.all, key)
			}
		case r.Times > 1:
			replies[0].Times--
		}
		return r, s.latency + time.Duration(r.Delay)*time.Millisecond
	}
	return Reply{}, s.latency
}

// wait is false if ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
