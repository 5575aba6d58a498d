package broker

import "rambla/social"

// Acknowledged is up to where the live session of a client has acknowledged a
// stream: there is nothing at or below that it was not sent, or has not answered,
// but what was not for it. live is false where there is no such session here. What
// comes at QoS 0 is never acknowledged, nor is what a shared subscription gives.
// Cost: two look-ups, and a look at what is open.
func (b *Broker) Acknowledged(person social.PersonKey, clientID string, scope social.Scope, channel social.Channel) (seq uint64, live bool) {
	s := b.live(person, clientID)
	if s == nil {
		return 0, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, false
	}
	r := s.reaches[scope]
	if r == nil || r.tracks[channel] == nil {
		return 0, true
	}
	t := r.tracks[channel]
	_, told := b.backlog.Head(t.stream)
	return s.conn.out.acknowledged(t, told), true
}

// acknowledged is the seq below which nothing of the track is open; told is up to
// where announcing got.
func (o *outbox) acknowledged(t *track, told uint64) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if t.stream == 0 || !t.kept || t.replay || !t.may() {
		return 0
	}
	at := t.sent
	if !t.behind && t.sent == t.at { // what it was not handed was not for it
		at = max(at, told)
	}
	for _, p := range o.window.list(nil) {
		if p.Stream == t.stream && p.State == social.AwaitsPuback {
			at = min(at, p.Seq-1)
		}
	}
	return at
}
