package broker

import (
	"maps"
	"slices"

	"rambla/social"
)

// RightsChanged has the gate asked again who may receive what: scopes are those
// whose rights or members changed, nil = all; people whom it concerns, nil =
// everybody. When it returns, nothing that a person may not receive is taken
// from the queues any more; a write that is already with the kernel completes.
//
// It calls Gate.Mine and Gate.MayReceive, so the caller must hold no lock that
// these take, and the gate must already answer by the new state.
func (b *Broker) RightsChanged(scopes []social.Scope, people []social.PersonKey) {
	for _, s := range b.concerned(people) {
		s.rightsChanged(scopes)
	}
}

// concerned lists the sessions that a change may reach: those of the people,
// else all, since a wildcard may come to cover a scope that it was not in.
func (b *Broker) concerned(people []social.PersonKey) []*session {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []*session
	for key, g := range b.groups {
		if people == nil || slices.Contains(people, key.person) {
			out = append(out, g.s)
		}
	}
	if people == nil {
		return slices.AppendSeq(out, maps.Values(b.sessions))
	}
	for _, p := range people {
		out = append(out, b.people[p]...)
	}
	return out
}

func (s *session) rightsChanged(scopes []social.Scope) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.subs) == 0 {
		return
	}
	s.rightsChangedLocked(scopes)
}

func (s *session) rightsChangedLocked(scopes []social.Scope) {
	for _, m := range s.shares {
		m.refresh(scopes)
	}
	touched := make(map[social.Scope]bool)
	s.followLocked(scopes, touched)
	for scope := range touched {
		s.reattachLocked(scope, s.fromJoin)
	}
	if scopes == nil {
		for scope := range s.reaches {
			s.refreshLocked(scope)
		}
		s.askFeeder()
		return
	}
	for _, scope := range scopes {
		s.refreshLocked(scope)
	}
	s.askFeeder()
}

// followLocked lets the wildcards join and leave scopes as the person did.
func (s *session) followLocked(scopes []social.Scope, touched map[social.Scope]bool) {
	var wild []*subscription
	for _, sub := range s.subs {
		if sub.cover.Mine {
			wild = append(wild, sub)
		}
	}
	if len(wild) == 0 {
		return
	}
	member, asked := make(map[social.Scope]bool), make(map[social.ScopeKind]bool)
	for _, sub := range wild {
		if kind := sub.cover.Scope.Kind; !asked[kind] {
			asked[kind] = true
			for _, scope := range s.broker.gate.Mine(s.principal, kind) {
				member[scope] = true
			}
		}
	}
	if scopes == nil {
		for scope := range member {
			scopes = append(scopes, scope)
		}
		for scope := range s.reaches {
			if !member[scope] {
				scopes = append(scopes, scope)
			}
		}
	}
	for _, scope := range scopes {
		r := s.reaches[scope]
		for _, sub := range wild {
			switch {
			case sub.cover.Scope.Kind != scope.Kind:
			case member[scope]:
				s.coverLocked(sub, scope, touched)
			case r != nil:
				r.drop(sub, scope, touched)
			}
		}
	}
}
