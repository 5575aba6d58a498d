package social

import "net/netip"

// Actor is on whose behalf a use case runs. Authentication made it; use cases
// ask the Directory what it may.
type Actor struct {
	Person    PersonKey
	Grant     GrantKey  // 0 where the account's password was used
	Scopes    Scopes    // what the credential allows of what the person may
	Creator   PersonKey // the manager who acts for Person; 0 where Person acts itself
	AsSpace   SpaceKey  // the space in whose name Creator speaks; 0: in Person's
	Generator string    // the entrance, kept with posts
	Session   SessionID // the MQTT session it acts through; 0: none
	Packet    uint16    // the QoS 2 identifier there that is kept until PUBREL; 0: none

	// For the audit log.
	From    netip.Addr // where it asks from; the zero value where nobody knows
	Request string     // the id of the request; empty: none
}

// hand is the person whose rights count: who really acts.
func (a Actor) hand() PersonKey {
	if a.Creator != 0 {
		return a.Creator
	}
	return a.Person
}

// rolesLocked are the roles that the credential lets the actor use: a token without
// the scope admin makes an ordinary person of a manager.
func (d *Directory) rolesLocked(a Actor) Roles {
	p := d.people[a.hand()]
	if p == nil || p.Removed || p.Suspended {
		return 0
	}
	return d.usableLocked(a, p.Roles)
}

// usableLocked is what the credential leaves of roles.
func (d *Directory) usableLocked(a Actor, roles Roles) Roles {
	if !a.Scopes.Admin() {
		return roles &^ RoleManager
	}
	return roles
}

// rolesInSpacesLocked are the roles that count for what the actor may do in a
// space: who acts for others does so by the manager's rights, for which the
// scope act-as stands.
func (d *Directory) rolesInSpacesLocked(a Actor) Roles {
	roles := d.rolesLocked(a)
	if a.Creator != 0 && a.Scopes.ActAs() {
		if p := d.people[a.Creator]; p != nil && !p.Removed && !p.Suspended {
			roles |= p.Roles & RoleManager
		}
	}
	return roles
}

// Roles are the roles the actor may use.
func (d *Directory) Roles(a Actor) Roles {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.rolesLocked(a)
}

// RequireManager is KindForbidden for all but managers.
func (d *Directory) RequireManager(a Actor) error {
	if !d.Roles(a).Has(RoleManager) {
		return Errorf(KindForbidden, "Only a manager may do this.")
	}
	return nil
}

// ActFor makes the actor that writes for name ("ctx:ID" for a context) by a's
// hand. It needs the role manager and the scope act-as; nobody acts through
// somebody who acts for another.
func (d *Directory) ActFor(a Actor, name string) (Actor, error) {
	hand, ok := d.PersonByKey(a.Person)
	if !ok || hand.Suspended || !hand.Roles.Has(RoleManager) || !a.Scopes.ActAs() || a.Creator != 0 {
		return Actor{}, Errorf(KindForbidden, "Acting for others needs the role manager and a token with the scope act-as.")
	}
	out := a
	out.Creator = a.Person
	if id, ok := cutContextName(name); ok {
		d.mu.RLock()
		defer d.mu.RUnlock()
		key, ok := d.ids[id]
		if !ok || d.spaces[key].space.Deleted {
			return Actor{}, Errorf(KindNotFound, "There is no context %q to act for.", clip(id))
		}
		out.AsSpace = key
		return out, nil
	}
	p, ok := d.PersonByName(name)
	if !ok {
		return Actor{}, Errorf(KindNotFound, "There is no person %q to act for.", clip(name))
	}
	out.Person = p.Key
	return out, nil
}

// voice is KindForbidden for who speaks for another context than s.
func (s *Space) voice(a Actor) error {
	if a.AsSpace != 0 && a.AsSpace != s.Key {
		return Errorf(KindForbidden, "A context speaks in itself only.")
	}
	return nil
}

func cutContextName(name string) (id string, ok bool) {
	const prefix = "ctx:"
	if len(name) > len(prefix) && name[:len(prefix)] == prefix {
		return name[len(prefix):], true
	}
	return "", false
}

// refuseActing is KindForbidden where somebody acts for another: for what only
// a person itself may touch.
func (a Actor) refuseActing() error {
	if a.Creator != 0 {
		return Errorf(KindForbidden, "Acting for others is possible in contexts only.")
	}
	return nil
}

// RequireSelf is KindForbidden where the credential is narrowed to contexts, or
// somebody acts for another.
func (a Actor) RequireSelf(write bool) error {
	if err := a.refuseActing(); err != nil {
		return err
	}
	if write && !a.Scopes.MayWrite("", false) || !write && !a.Scopes.MayRead("", false) {
		return Errorf(KindForbidden, "This token's scopes do not allow it.")
	}
	return nil
}

// requireReading is KindForbidden where the credential reads nowhere, or somebody
// acts for another: for lists of what one has in many places.
func (a Actor) requireReading() error {
	if err := a.refuseActing(); err != nil {
		return err
	}
	if !a.Scopes.Reads() {
		return Errorf(KindForbidden, "This token's scopes do not allow it.")
	}
	return nil
}

// inbound is what is committed with what the actor publishes.
func (a Actor) inbound() InboundPacket { return InboundPacket{Session: a.Session, Packet: a.Packet} }
