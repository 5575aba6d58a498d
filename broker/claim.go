package broker

import (
	"context"
	"sync"
	"time"

	"rambla/social"
)

// claims lets one connection at a time claim a session, so that the connection
// it takes over has saved its position before.
type claims struct {
	mu    sync.Mutex // guards under
	under map[sessionKey]chan struct{}
}

// lock waits until nobody claims the session; release lets the next.
func (cs *claims) lock(ctx context.Context, key sessionKey) (release func(), err error) {
	for {
		cs.mu.Lock()
		other := cs.under[key]
		if other == nil {
			mine := make(chan struct{})
			cs.under[key] = mine
			cs.mu.Unlock()
			return func() {
				cs.mu.Lock()
				delete(cs.under, key)
				cs.mu.Unlock()
				close(mine)
			}, nil
		}
		cs.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// claim takes the stored session for the connection; nil where there is none and
// none is needed: a client that wants nothing kept costs one look.
func (c *conn) claim(ctx context.Context, p *connectPacket, s *session, expiry time.Duration) (*social.SessionClaimed, error) {
	b := c.broker
	if expiry == 0 && p.will == nil {
		_, err := b.store.FindSession(ctx, s.key.person, social.SessionClient, s.key.clientID)
		if social.KindOrNil(err) == social.KindNotFound {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
	claim := &social.SessionClaim{
		ID: s.id, Person: s.key.person, Kind: social.SessionClient, Name: s.key.clientID, Grant: s.principal.Credential().Grant,
		Version: p.version, Node: b.node, Clean: p.clean, Expiry: expiry, Rights: b.backlog.Rights(),
		Most: b.config.MaxSessionsPerPerson,
	}
	if p.will != nil {
		claim.Will, claim.WillDelay = p.will.encode(), p.will.delay
	}
	out, err := b.keeper.do(ctx, social.SessionWrite{Claim: claim})
	if err != nil {
		return nil, err
	}
	if s.id = out.Claimed.Session.ID; expiry > 0 || p.will != nil { // else nothing of it is kept
		s.take(out.Claimed, expiry)
	}
	return out.Claimed, nil
}

// take makes the session the stored one.
func (s *session) take(from *social.SessionClaimed, expiry time.Duration) {
	s.id = from.Session.ID
	s.stored = &persistence{
		id: from.Session.ID, fence: from.Session.Fence, grant: from.Session.Grant, last: s.broker.now(),
		placed: !from.Present, parted: make(chan struct{}),
	}
	s.stored.expiry.Store(int64(expiry))
}

// retire ends the connection that a session has, and has its position saved.
func (b *Broker) retire(ctx context.Context, key sessionKey) {
	b.mu.Lock()
	older := b.sessions[key]
	b.mu.Unlock()
	if older == nil {
		return
	}
	older.conn.end(ending{codeSessionTakenOver, "The session was taken over by another connection.", causeTakenOver}) // [MQTT-3.1.4-3]
	older.leave(ctx)
}
