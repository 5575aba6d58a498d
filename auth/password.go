package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"strings"

	"rambla/social"
)

// Rehasher is what a Passwords may do as well: replace a hash by another one of
// the same password, without ending anything. It is false, and nothing happens,
// where the present hash is not old. Without it old costs stay until the
// password changes.
type Rehasher interface {
	ReplacePasswordHash(ctx context.Context, person social.PersonKey, old, hash string) (bool, error)
}

// AuthenticatePassword checks an account's password, for connections that are
// opened with it. KindUnauthenticated is the one answer to an unknown,
// suspended or removed account and to a wrong password, at the same price.
func (a *Authority) AuthenticatePassword(ctx context.Context, name, password string, from netip.Addr) (Identity, error) {
	p, _, err := a.check(ctx, name, password, from, anyAccount)
	if err != nil {
		return Identity{}, err
	}
	return Identity{Person: p.Key}, nil
}

// AuthenticateClient is AuthenticatePassword for service accounts only, with
// OAuth's code invalid_client: HTTP Basic at the OAuth endpoints.
func (a *Authority) AuthenticateClient(ctx context.Context, id, secret string, from netip.Addr) (Identity, error) {
	p, _, err := a.check(ctx, id, secret, from, serviceAccount)
	if err != nil {
		if social.KindOf(err) == social.KindUnauthenticated {
			err = refuse(CodeInvalidClient, social.KindUnauthenticated, social.Safe(err))
		}
		return Identity{}, err
	}
	return Identity{Person: p.Key}, nil
}

func anyAccount(social.Person) bool       { return true }
func serviceAccount(p social.Person) bool { return p.Service }

// check is the one place where passwords are checked. stored is the hash that
// it was checked against.
func (a *Authority) check(ctx context.Context, name, password string, from netip.Addr, fits func(social.Person) bool) (p social.Person, stored string, err error) {
	account, p := a.account(name)
	attempt, err := a.attempts.begin(account, from)
	if err != nil {
		a.counts.limited.Add(1)
		return social.Person{}, "", err
	}
	key := p.Key
	if key != 0 && (!mayEnter(p) || !fits(p)) || len(password) > maxPassword {
		key, password = 0, ""
	}
	// Nobody has the key 0: it takes every step of the way, and fails.
	stored, err = a.storedHash(ctx, key)
	if err != nil {
		return social.Person{}, "", err
	}
	same, err := a.verify(ctx, attempt, key, stored, password)
	if err != nil {
		return social.Person{}, "", err
	}
	if !same {
		a.counts.failed.Add(1)
		return social.Person{}, "", social.Errorf(social.KindUnauthenticated, "The name or the password is wrong.")
	}
	return p, stored, nil
}

// account is the name that failures are counted under, and the person if there
// is one. An alias counts as the name; a name that nobody has, as itself.
func (a *Authority) account(name string) (string, social.Person) {
	if n, err := social.ParsePersonName("username", name); err == nil {
		if p, ok := a.people.PersonByName(n); ok {
			return p.Name, p
		}
		return n, social.Person{}
	}
	sum := sha256.Sum256([]byte(strings.ToLower(name)))
	return string(sum[:]), social.Person{} // short, whatever was sent
}

// storedHash is empty where there is none, and for the key 0.
func (a *Authority) storedHash(ctx context.Context, key social.PersonKey) (string, error) {
	if hash, _, ok := a.stored.get(key); ok {
		return hash, nil
	}
	return a.loading.do(ctx, key, func() (string, error) {
		for again := false; ; again = true {
			hash, mark, ok := a.stored.get(key)
			if ok {
				return hash, nil
			}
			hash, err := a.passwords.PasswordHash(ctx, key)
			if err != nil {
				return "", storeError("read password hash", err)
			}
			if a.stored.putSince(mark, key, hash) || again { // see resolve
				return hash, nil
			}
		}
	})
}

// verify compares a password with the stored hash: by memory where the same
// password was verified minutes ago, else by hashing. Those who ask the same at
// the same time share one hash.
func (a *Authority) verify(ctx context.Context, attempt login, key social.PersonKey, stored, password string) (bool, error) {
	mac := a.keyed(attempt.account.account, key, stored, password)
	same, _ := a.recalls(key, mac)
	if !same {
		var err error
		same, err = a.verifying.do(ctx, mac, func() (bool, error) {
			return a.verifyAnew(ctx, attempt, key, stored, password, mac)
		})
		if err != nil {
			return false, err
		}
	}
	if same {
		attempt.becomeFamiliar()
	}
	return same, nil
}

// recalls tells whether this very password was verified minutes ago, and
// whether any of the person's was.
func (a *Authority) recalls(key social.PersonKey, mac [32]byte) (this, some bool) {
	known, _, some := a.remembered.get(key)
	if some && hmac.Equal(known[:], mac[:]) {
		a.counts.remembered.Add(1)
		return true, true
	}
	return false, some
}

func (a *Authority) verifyAnew(ctx context.Context, attempt login, key social.PersonKey, stored, password string, mac [32]byte) (bool, error) {
	this, some := a.recalls(key, mac)
	if this { // by another who finished between our two questions
		return true, nil
	}
	if err := attempt.guess(); err != nil {
		a.counts.limited.Add(1)
		return false, err
	}
	same, fresh, err := a.compareInTurn(ctx, attempt, stored, password)
	if err != nil {
		// Whoever was turned away before the hash has still learned, where a
		// right password is remembered, that this is not it: that was a guess.
		if !some {
			attempt.takeBackGuess()
		}
		return false, err
	}
	if !same {
		return false, nil
	}
	attempt.succeeded()
	a.remembered.put(key, mac)
	if fresh != "" {
		a.renew(ctx, attempt.account.account, key, stored, fresh, password)
	}
	return true, nil
}

// compareInTurn waits for a place and hashes: once, or twice where the password
// is right and its hash was made with other costs. fresh is then a new one.
func (a *Authority) compareInTurn(ctx context.Context, attempt login, stored, password string) (same bool, fresh string, err error) {
	leave, err := a.enter(ctx)
	if err != nil {
		return false, "", err
	}
	defer leave()
	if err := attempt.hash(); err != nil {
		a.counts.limited.Add(1)
		return false, "", err
	}
	var against *phc
	if h, err := parsePHC(stored); err == nil {
		against = &h
	} else if stored != "" {
		a.log.ErrorContext(ctx, "stored password hash is unreadable", "err", err)
	}
	same, outdated := a.compare(against, password)
	if same && outdated && a.rehasher != nil {
		fresh = a.encode(password)
	}
	return same, fresh, nil
}

// renew stores a hash with the present costs. That it may fail costs nothing:
// the next login tries again.
func (a *Authority) renew(ctx context.Context, account string, key social.PersonKey, old, fresh, password string) {
	_, mark, _ := a.stored.get(key)
	done, err := a.rehasher.ReplacePasswordHash(ctx, key, old, fresh)
	switch {
	case err != nil:
		a.log.WarnContext(ctx, "could not renew a password hash", "person", int64(key), "err", err)
	case !done:
		a.stored.drop(key)
	default:
		a.stored.putSince(mark, key, fresh)
		a.remembered.put(key, a.keyed(account, key, fresh, password))
	}
}

// keyed is what is remembered of a verified password: useless outside this
// process, and another one as soon as the stored hash is.
func (a *Authority) keyed(account string, key social.PersonKey, stored, password string) (mac [32]byte) {
	h := hmac.New(sha256.New, a.secret[:])
	var head [24]byte
	binary.BigEndian.PutUint64(head[0:], uint64(key))
	binary.BigEndian.PutUint64(head[8:], uint64(len(account)))
	binary.BigEndian.PutUint64(head[16:], uint64(len(stored)))
	h.Write(head[:])
	h.Write([]byte(account))
	h.Write([]byte(stored))
	h.Write([]byte(password))
	h.Sum(mac[:0])
	return mac
}

// SetPassword changes a password on behalf of actor: one's own, which needs the
// old one (KindInvalid about oldPassword, and counted as a failed login), or as
// a manager somebody else's, which does not. It ends every login of the person.
func (a *Authority) SetPassword(ctx context.Context, actor social.Actor, person social.PersonKey, old, password string, from netip.Addr) error {
	if err := actor.RequireSelf(true); err != nil {
		return err
	}
	me, ok := a.people.PersonByKey(actor.Person)
	if !ok || !mayEnter(me) {
		return badToken()
	}
	if person != actor.Person {
		if !me.Roles.Has(social.RoleManager) || !actor.Scopes.Admin() {
			return social.Errorf(social.KindForbidden, "Only a manager may set the password of somebody else.")
		}
		return a.ResetPassword(ctx, person, password)
	}
	if err := a.confirmPassword(ctx, me, "oldPassword", old, from); err != nil {
		return err
	}
	return a.ResetPassword(ctx, person, password)
}

// Confirm is nil where the password is the actor's own: for what a stolen token must not
// do. Errors are KindInvalid, of field, and those of a login.
func (a *Authority) Confirm(ctx context.Context, actor social.Actor, field, password string, from netip.Addr) error {
	if err := actor.RequireSelf(true); err != nil {
		return err
	}
	me, ok := a.people.PersonByKey(actor.Person)
	if !ok || !mayEnter(me) {
		return badToken()
	}
	return a.confirmPassword(ctx, me, field, password, from)
}

func (a *Authority) confirmPassword(ctx context.Context, me social.Person, field, password string, from netip.Addr) error {
	_, _, err := a.check(ctx, me.Name, password, from, anyAccount)
	if social.KindOrNil(err) == social.KindUnauthenticated {
		return social.Invalid(field, "it is not the present password")
	}
	return err
}

// ResetPassword sets a password without asking whose right it is, and ends
// every login of the person. Errors are those of Hash, and KindNotFound.
func (a *Authority) ResetPassword(ctx context.Context, person social.PersonKey, password string) error {
	if p, ok := a.people.PersonByKey(person); !ok || p.Removed {
		return social.Errorf(social.KindNotFound, "There is no such person.")
	}
	hash, err := a.Hash(ctx, password)
	if err != nil {
		return err
	}
	if err := a.passwords.SetPasswordHash(ctx, person, hash, a.now()); err != nil {
		return storeError("set password", err)
	}
	a.Forget(person)
	if err := a.endClientGrants(ctx, person); err != nil {
		return err
	}
	a.log.InfoContext(ctx, "password set", "person", int64(person))
	return nil
}

// endClientGrants ends what was obtained by client_credentials, whose secret
// was the password that has just changed. The store ends password logins
// itself; these live an hour at most in any case.
func (a *Authority) endClientGrants(ctx context.Context, person social.PersonKey) error {
	held, err := a.grantsOf(ctx, person)
	if err != nil {
		return err
	}
	for _, g := range held {
		if g.Kind == social.GrantClient {
			if err := a.end(ctx, g.Key); err != nil {
				return err
			}
		}
	}
	return nil
}
