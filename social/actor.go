package social

// Actor is on whose behalf a use case runs. Authentication made it; use cases
// ask the Directory what it may.
type Actor struct {
	Person    PersonKey
	Grant     GrantKey  // 0 where the account's password was used
	Scopes    Scopes    // what the credential allows of what the person may
	Creator   PersonKey // the manager who acts for Person; 0 where Person acts itself
	AsSpace   SpaceKey  // the space in whose name Creator speaks; 0: in Person's
	Generator string    // the entrance, kept with posts
	Session   uint64    // the MQTT session it acts through; 0: none
}

// hand is the person whose rights count: who really acts.
func (a Actor) hand() PersonKey {
	if a.Creator != 0 {
		return a.Creator
	}
	return a.Person
}

// roles are the roles that the credential lets the actor use: a token without
// the scope admin makes an ordinary person of a manager.
func (d *Directory) rolesLocked(a Actor) Roles {
	p := d.people[a.hand()]
	if p == nil || p.Removed || p.Suspended {
		return 0
	}
	if !a.Scopes.Admin() {
		return p.Roles &^ RoleManager
	}
	return p.Roles
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
// hand. It needs the role manager and the scope act-as.
func (d *Directory) ActFor(a Actor, name string) (Actor, error) {
	if !d.Roles(a).Has(RoleManager) || !a.Scopes.ActAs() {
		return Actor{}, Errorf(KindForbidden, "Acting for others needs the role manager and a token with the scope act-as.")
	}
	out := a
	out.Creator = a.Person
	if id, ok := cutContextName(name); ok {
		d.mu.RLock()
		defer d.mu.RUnlock()
		key, ok := d.ids[id]
		if !ok || d.spaces[key].space.Deleted {
			return Actor{}, Errorf(KindNotFound, "There is no context %q to act for.", id)
		}
		out.AsSpace = key
		return out, nil
	}
	p, ok := d.PersonByName(name)
	if !ok {
		return Actor{}, Errorf(KindNotFound, "There is no person %q to act for.", name)
	}
	out.Person = p.Key
	return out, nil
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
