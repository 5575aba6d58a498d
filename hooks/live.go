package hooks

import (
	"context"

	"rambla/broker"
	"rambla/social"
)

// Live shows social the sessions that are connected to a broker.
type Live struct{ Broker *broker.Broker }

// LiveSessions is [social.LiveSessions]'. Who was told that it is over is not connected
// any more, however long it takes to hang up.
func (l Live) LiveSessions(person social.PersonKey) []social.LiveSession {
	var out []social.LiveSession
	for _, s := range l.Broker.Sessions() {
		if s.Ended || person != 0 && s.Person != person {
			continue
		}
		out = append(out, social.LiveSession{
			ID: s.ID, Person: s.Person, Name: s.ClientID, Version: s.Version, Transport: s.Transport, Remote: s.Remote,
			Since: s.Since, Queued: s.Queued, QueuedBytes: s.QueuedBytes, Unacknowledged: s.Unacknowledged,
		})
	}
	return out
}

// Subscriptions is [social.LiveSessions]'.
func (l Live) Subscriptions(person social.PersonKey, name string) []social.Subscription {
	return l.Broker.Subscriptions(person, name)
}

// EndSession is [social.LiveSessions]'.
func (l Live) EndSession(ctx context.Context, person social.PersonKey, name string) (bool, error) {
	return l.Broker.EndSession(ctx, person, name, "The session was ended by its person or by an administrator.")
}
