package auth

import (
	"context"
	"slices"
	"sync"
	"time"

	"rambla/social"
)

// credential is a token with its grant, as the store had them.
type credential struct {
	token  social.Token
	grant  social.Grant
	scopes social.Scopes // of the grant
	until  time.Time     // remembered no longer than this
}

// resolve finds a token by its hash, in memory or in the store. What is found
// may be over; KindUnauthenticated where there is none.
func (a *Authority) resolve(ctx context.Context, hash [32]byte) (credential, error) {
	if c, _, ok := a.tokens.get(hash); ok {
		return c, nil
	}
	return a.resolving.do(ctx, hash, func() (credential, error) {
		for again := false; ; again = true {
			c, mark, ok := a.tokens.get(hash)
			if ok {
				return c, nil
			}
			c, err := a.find(ctx, hash)
			if err != nil || c.token.Kind != social.TokenAccess || !a.living(c) {
				return c, err
			}
			// Who was told meanwhile that a grant has ended shall not get an
			// answer from before; one reading after that is enough.
			if a.tokens.putSince(mark, c) || again {
				return c, nil
			}
		}
	})
}

// find asks the store.
func (a *Authority) find(ctx context.Context, hash [32]byte) (credential, error) {
	t, g, err := a.grants.FindToken(ctx, hash)
	if err != nil {
		if social.KindOf(err) == social.KindNotFound {
			return credential{}, badToken()
		}
		return credential{}, storeError("find token", err)
	}
	scopes, err := social.ParseScopes("scope", g.Scopes)
	if err != nil { // written by a newer release, perhaps: fail closed
		return credential{}, &social.Error{Kind: social.KindUnauthenticated, Safe: badToken().Safe, Err: err}
	}
	t.Hash = hash
	return credential{token: t, grant: g, scopes: scopes}, nil
}

// tokenCache remembers living access tokens, by their hash.
type tokenCache struct {
	life time.Duration
	now  func() time.Time

	mu       sync.Mutex // guards what follows
	entries  *lru[[32]byte, credential]
	byGrant  map[social.GrantKey][][32]byte
	byPerson map[social.PersonKey][][32]byte
	drops    uint64
}

func newTokenCache(limit int, life time.Duration, now func() time.Time) *tokenCache {
	return &tokenCache{
		life: life, now: now, entries: newLRU[[32]byte, credential](limit),
		byGrant: map[social.GrantKey][][32]byte{}, byPerson: map[social.PersonKey][][32]byte{},
	}
}

// get also returns a mark for putSince.
func (t *tokenCache) get(hash [32]byte) (c credential, mark uint64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.entries.get(hash)
	switch {
	case at == nil:
		return c, t.drops, false
	case over(at.until, t.now()):
		t.dropLocked(*at)
		return c, t.drops, false
	}
	return *at, t.drops, true
}

// putSince stores nothing, and is false, where anything was dropped since mark,
// see cache.
func (t *tokenCache) putSince(mark uint64, c credential) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if mark != t.drops {
		return false
	}
	if old := t.entries.get(c.token.Hash); old != nil {
		t.dropLocked(*old)
	}
	c.until = t.now().Add(t.life)
	if _, old, evicted := t.entries.put(c.token.Hash, c); evicted {
		t.unindexLocked(old)
	}
	t.byGrant[c.grant.Key] = append(t.byGrant[c.grant.Key], c.token.Hash)
	t.byPerson[c.grant.Person] = append(t.byPerson[c.grant.Person], c.token.Hash)
	return true
}

func (t *tokenCache) dropGrant(key social.GrantKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dropAllLocked(t.byGrant[key])
}

func (t *tokenCache) dropPerson(key social.PersonKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dropAllLocked(t.byPerson[key])
}

func (t *tokenCache) dropAllLocked(hashes [][32]byte) {
	t.drops++
	for _, h := range slices.Clone(hashes) {
		t.dropLocked(*t.entries.get(h))
	}
}

func (t *tokenCache) dropLocked(c credential) {
	t.entries.drop(c.token.Hash)
	t.unindexLocked(c)
}

func (t *tokenCache) unindexLocked(c credential) {
	unindex(t.byGrant, c.grant.Key, c.token.Hash)
	unindex(t.byPerson, c.grant.Person, c.token.Hash)
}

func unindex[K comparable](index map[K][][32]byte, k K, hash [32]byte) {
	rest := slices.DeleteFunc(index[k], func(h [32]byte) bool { return h == hash })
	if len(rest) == 0 {
		delete(index, k)
		return
	}
	index[k] = rest
}
