package broker

import "rambla/social"

// RightsChanged has the gate asked again who may receive what: scopes are those
// whose rights or members changed, nil = all; people whom it concerns, nil =
// everybody. When it returns, nothing that a person may not receive is taken
// from the queues any more; a write that is already with the kernel completes.
//
// It calls Gate.Mine and Gate.MayReceive, so the caller must hold no lock that
// these take, and the gate must already answer by the new state.
func (b *Broker) RightsChanged(scopes []social.Scope, people []social.PersonKey) {
	for _, s := range b.concerned(scopes, people) {
		s.rightsChanged(scopes)
	}
}

// concerned lists the sessions that a change may reach: with people named,
// theirs; else those that are in one of the scopes, or could come to be by a
// wildcard.
func (b *Broker) concerned(scopes []social.Scope, people []social.PersonKey) []*session {
	all := b.snapshot()
	if people != nil {
		set := make(map[social.PersonKey]bool, len(people))
		for _, p := range people {
			set[p] = true
		}
		out := all[:0]
		for _, s := range all {
			if set[s.key.person] {
				out = append(out, s)
			}
		}
		return out
	}
	return all
}

func (s *session) rightsChanged(scopes []social.Scope) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.subs) == 0 {
		return
	}
	touched := make(map[social.Scope]bool)
	s.followLocked(scopes, touched)
	for scope := range touched {
		s.reattachLocked(scope)
	}
	if scopes == nil {
		for scope := range s.reaches {
			s.refreshLocked(scope)
		}
		return
	}
	for _, scope := range scopes {
		s.refreshLocked(scope)
	}
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
	member := make(map[social.Scope]bool)
	for _, space := range s.broker.gate.Mine(s.principal) {
		member[space.Scope()] = true
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
			if member[scope] {
				s.coverLocked(sub, scope, touched)
			} else if r != nil {
				r.drop(sub, scope, touched)
			}
		}
	}
}
