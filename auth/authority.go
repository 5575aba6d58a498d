package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"rambla/social"
)

// People finds people in memory; neither method blocks.
type People interface {
	// PersonByName finds by name or alias, as ParsePersonName wrote it.
	PersonByName(name string) (social.Person, bool)
	PersonByKey(key social.PersonKey) (social.Person, bool)
}

// Authority checks and issues credentials. All methods may be called
// concurrently; those that take a context block on the store or on hashing.
//
// Errors are *social.Error: KindUnauthenticated for a wrong password or token,
// with one sentence for all reasons; KindRateLimited with RetryAfter; and
// KindUnavailable where the store is away. Exchange adds OAuth's own codes.
type Authority struct {
	*Hasher

	cfg       Config
	passwords Passwords
	rehasher  Rehasher // nil where passwords is none
	grants    Grants
	people    People
	log       *slog.Logger
	now       func() time.Time

	ids        social.IDs
	attempts   *attempts
	secret     [32]byte // of this process, for the keyed hashes of remembered passwords
	stored     *cache[social.PersonKey, string]
	remembered *cache[social.PersonKey, [32]byte]
	loading    flights[social.PersonKey, string]
	verifying  flights[[32]byte, bool]
	tokens     *tokenCache
	resolving  flights[[32]byte, credential]
	counts     counts
}

// How much is remembered, and for how long where nobody tells of changes.
const (
	maxRemembered = 65_536 // passwords and stored hashes, at about 300 bytes each
	maxTokens     = 65_536 // at about 600 bytes each
	staleAfter    = 5 * time.Minute
)

// New makes an Authority. The error names the wrong key of the configuration.
func New(cfg Config, passwords Passwords, grants Grants, people People, log *slog.Logger, now func() time.Time) (*Authority, error) {
	hasher, err := NewHasher(cfg)
	if err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	rehasher, _ := passwords.(Rehasher)
	return &Authority{
		Hasher: hasher, cfg: cfg, passwords: passwords, rehasher: rehasher, grants: grants, people: people, log: log, now: now,
		attempts:   newAttempts(cfg, now),
		secret:     [32]byte(randomBytes(32)),
		stored:     newCache[social.PersonKey, string](maxRemembered, staleAfter, now),
		remembered: newCache[social.PersonKey, [32]byte](maxRemembered, cfg.Remember, now),
		tokens:     newTokenCache(maxTokens, staleAfter, now),
	}, nil
}

// Identity is whom a credential speaks for.
type Identity struct {
	Person social.PersonKey
	Grant  social.GrantKey // 0: the account's password
	Scopes social.Scopes
	// Expires is when the token presented stops to be accepted; zero: never.
	Expires time.Time
	// Ends is when the grant itself is over, and what was opened with it must
	// close; zero: when Ended or Forget tells.
	Ends time.Time
}

// AuthenticateToken accepts a living access token or named token.
func (a *Authority) AuthenticateToken(ctx context.Context, token string) (Identity, error) {
	kind, hash, ok := parseSecret(token)
	if !ok || kind != social.TokenAccess {
		return Identity{}, badToken()
	}
	c, err := a.resolve(ctx, hash)
	if err != nil {
		return Identity{}, err
	}
	if !a.living(c) {
		return Identity{}, badToken()
	}
	return Identity{
		Person: c.grant.Person, Grant: c.grant.Key, Scopes: c.scopes,
		Expires: earlier(c.token.Expires, c.grant.Expires), Ends: c.grant.Expires,
	}, nil
}

// Recall tells what a grant of the person still allows, without a token of it,
// for what its holder left to be done; grant 0 is the account's password. It
// blocks for the store; KindUnauthenticated where nobody would be let in by it.
func (a *Authority) Recall(ctx context.Context, person social.PersonKey, grant social.GrantKey) (Identity, error) {
	if p, ok := a.people.PersonByKey(person); !ok || !mayEnter(p) {
		return Identity{}, badToken()
	}
	if grant == 0 {
		return Identity{Person: person}, nil
	}
	held, err := a.grantsOf(ctx, person)
	if err != nil {
		return Identity{}, err
	}
	for _, g := range held {
		if g.Key != grant || !g.Ended.IsZero() || over(g.Expires, a.now()) {
			continue
		}
		scopes, err := social.ParseScopes("scope", g.Scopes)
		if err != nil { // as in find
			return Identity{}, &social.Error{Kind: social.KindUnauthenticated, Safe: badToken().Safe, Err: err}
		}
		return Identity{Person: person, Grant: grant, Scopes: scopes, Expires: g.Expires, Ends: g.Expires}, nil
	}
	return Identity{}, badToken()
}

// living tells whether a credential counts at this moment.
func (a *Authority) living(c credential) bool {
	now := a.now()
	if over(c.token.Expires, now) || over(c.grant.Expires, now) || !c.grant.Ended.IsZero() || !c.token.Used.IsZero() {
		return false
	}
	p, ok := a.people.PersonByKey(c.grant.Person)
	return ok && mayEnter(p)
}

func mayEnter(p social.Person) bool { return !p.Removed && !p.Suspended }

func over(end, now time.Time) bool { return !end.IsZero() && !now.Before(end) }

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Ended drops what is remembered of a grant that has ended, here or elsewhere.
func (a *Authority) Ended(grant social.GrantKey) { a.tokens.dropGrant(grant) }

// Forget drops all that is remembered of a person's credentials, whose
// password or standing has changed.
func (a *Authority) Forget(person social.PersonKey) {
	a.stored.drop(person)
	a.remembered.drop(person)
	a.tokens.dropPerson(person)
}

// badToken is one answer for all reasons (RFC 6750 section 3.1: invalid_token).
func badToken() *social.Error {
	return social.Errorf(social.KindUnauthenticated, "The token is not valid, or not any more; sign in again.")
}

// storeError makes what a store returned fit to cross the package.
func storeError(doing string, err error) error {
	err = fmt.Errorf("%s: %w", doing, err)
	if _, ok := errors.AsType[*social.Error](err); ok {
		return err
	}
	return social.Unavailable(err)
}
