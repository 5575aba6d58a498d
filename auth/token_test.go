package auth

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"rambla/social"
)

func TestATokenIsLookedUpOnceWhileItLives(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	token := h.login(t, "alice").AccessToken
	before := h.store.readCount()
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if _, err := h.AuthenticateToken(t.Context(), token); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := h.store.readCount() - before; n != 1 {
		t.Errorf("%d reads, want 1", n)
	}
	h.store.fail(errors.New("connection refused"))
	if _, err := h.AuthenticateToken(t.Context(), token); err != nil {
		t.Errorf("while the store is away: %v", err)
	}
	_, err := h.AuthenticateToken(t.Context(), newSecret(social.TokenAccess))
	wantKind(t, err, social.KindUnavailable)
}

func TestWhatIsNoTokenIsRefusedWithoutTheStore(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	h.store.fail(errors.New("connection refused"))
	for _, s := range []string{"", "x", "rbl_", newSecret(social.TokenRefresh), newSecret(social.TokenAccess)[1:] + "a"} {
		_, err := h.AuthenticateToken(t.Context(), s)
		wantKind(t, err, social.KindUnauthenticated)
	}
}

func TestATokenStopsWithItsPersonAndGoesOnWithIt(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(*social.Person){
		"suspended": func(p *social.Person) { p.Suspended = true },
		"removed":   func(p *social.Person) { p.Removed = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, cheap())
			out := h.login(t, "alice")
			if _, err := h.AuthenticateToken(t.Context(), out.AccessToken); err != nil {
				t.Fatal(err)
			}
			h.store.edit(alice, stop)
			_, err := h.AuthenticateToken(t.Context(), out.AccessToken)
			wantKind(t, err, social.KindUnauthenticated)
			_, err = h.refreshWith(t, out.RefreshToken)
			wantCode(t, err, CodeInvalidGrant)
			_, err = h.Exchange(t.Context(), TokenRequest{GrantType: "password", Username: "alice", Password: password, From: home})
			wantCode(t, err, CodeInvalidGrant)
			_, err = h.Introspect(t.Context(), Identity{Person: alice}, out.AccessToken)
			wantKind(t, err, social.KindUnauthenticated)
			h.store.edit(alice, func(p *social.Person) { p.Suspended, p.Removed = false, false })
			if _, err := h.AuthenticateToken(t.Context(), out.AccessToken); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func TestAnEndedGrantIsForgottenWhereItIsTold(t *testing.T) {
	t.Parallel()
	for name, tell := range map[string]func(*Authority, Identity){
		"the grant":  func(a *Authority, id Identity) { a.Ended(id.Grant) },
		"the person": func(a *Authority, id Identity) { a.Forget(id.Person) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, cheap())
			elsewhere := h.another(t, h.store)
			token := h.login(t, "alice").AccessToken
			bystander := h.login(t, "bob").AccessToken
			id, err := elsewhere.AuthenticateToken(t.Context(), token)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := elsewhere.AuthenticateToken(t.Context(), bystander); err != nil {
				t.Fatal(err)
			}
			if err := h.Revoke(t.Context(), token); err != nil {
				t.Fatal(err)
			}
			tell(elsewhere, id)
			_, err = elsewhere.AuthenticateToken(t.Context(), token)
			wantKind(t, err, social.KindUnauthenticated)
			reads := h.store.readCount()
			if _, err := elsewhere.AuthenticateToken(t.Context(), bystander); err != nil || h.store.readCount() != reads {
				t.Errorf("bob's token: %v after %d reads", err, h.store.readCount()-reads)
			}
		})
	}
}

func TestWithoutBeingToldATokenEndsAfterMinutes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	elsewhere := h.another(t, h.store)
	token := h.login(t, "alice").AccessToken
	if _, err := elsewhere.AuthenticateToken(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	if err := h.Revoke(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	h.store.pass(staleAfter)
	_, err := elsewhere.AuthenticateToken(t.Context(), token)
	wantKind(t, err, social.KindUnauthenticated)
}

func TestATokenReadBeforeItsEndIsNotBelievedAfterIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	token := h.login(t, "alice").AccessToken
	var once sync.Once
	h.store.onRead = func() { // read, and not yet remembered
		once.Do(func() {
			for key := range h.store.grants {
				if err := h.store.EndGrant(t.Context(), key, h.store.clock()); err != nil {
					t.Error(err)
				}
				h.Ended(key)
			}
		})
	}
	_, err := h.AuthenticateToken(t.Context(), token)
	wantKind(t, err, social.KindUnauthenticated)
}

func TestAScopeThatCannotBeReadGivesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	token := h.login(t, "alice").AccessToken
	for _, g := range h.store.grants {
		g.Scopes = "read from-the-future"
	}
	_, err := h.AuthenticateToken(t.Context(), token)
	wantKind(t, err, social.KindUnauthenticated)
}

func TestRevokingAnyTokenEndsItsGrant(t *testing.T) {
	t.Parallel()
	for name, pick := range map[string]func(used, out Tokens) string{
		"access":       func(_, out Tokens) string { return out.AccessToken },
		"refresh":      func(_, out Tokens) string { return out.RefreshToken },
		"former":       func(used, _ Tokens) string { return used.AccessToken },
		"used refresh": func(used, _ Tokens) string { return used.RefreshToken },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, cheap())
			used := h.login(t, "alice")
			out, err := h.refreshWith(t, used.RefreshToken)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := h.AuthenticateToken(t.Context(), out.AccessToken); err != nil {
				t.Fatal(err)
			}
			token := pick(used, out)
			for range 2 { // the second time it is unknown
				if err := h.Revoke(t.Context(), token); err != nil {
					t.Fatal(err)
				}
			}
			_, err = h.AuthenticateToken(t.Context(), out.AccessToken)
			wantKind(t, err, social.KindUnauthenticated)
			_, err = h.refreshWith(t, out.RefreshToken)
			wantCode(t, err, CodeInvalidGrant)
		})
	}
	h := newHouse(t, cheap())
	for _, s := range []string{"", "x", newSecret(social.TokenRefresh)} {
		if err := h.Revoke(t.Context(), s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	h.store.fail(errors.New("connection refused"))
	wantKind(t, h.Revoke(t.Context(), newSecret(social.TokenRefresh)), social.KindUnavailable)
}

func TestWhoIsToldAboutAToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	out := h.login(t, "alice")
	for _, c := range []struct {
		name   string
		caller Identity
		active bool
	}{
		{"its owner", Identity{Person: alice}, true},
		{"another person", Identity{Person: bob}, false},
		{"a service account", Identity{Person: robot}, true},
		{"a manager", Identity{Person: boss}, true},
		{"its owner with a token that reads", Identity{Person: alice, Scopes: scopes(t, "read")}, true},
	} {
		got, err := h.Introspect(t.Context(), c.caller, out.AccessToken)
		if err != nil || got.Active != c.active {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		if !c.active && got != (Introspection{}) {
			t.Errorf("%s learns %+v", c.name, got)
		}
	}
	for _, text := range []string{"write", "read data:a"} {
		_, err := h.Introspect(t.Context(), Identity{Person: robot, Scopes: scopes(t, text)}, out.AccessToken)
		wantCode(t, err, CodeInsufficientScope)
	}
}

func TestWhatIsToldAboutAToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	out := h.login(t, "alice")
	forever, _, err := h.CreateToken(t.Context(), social.Actor{Person: alice}, NewToken{Name: "x", Scopes: scopes(t, "read")})
	if err != nil {
		t.Fatal(err)
	}
	next, err := h.refreshWith(t, out.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	caller := Identity{Person: robot}
	for _, c := range []struct{ name, token, want string }{
		{"an access token", out.AccessToken, `{"active":true,"scope":"read write","username":"alice","sub":"alice","token_type":"Bearer","exp":1772370000}`},
		{"a refresh token", next.RefreshToken, `{"active":true,"scope":"read write","username":"alice","sub":"alice","exp":1774958400}`},
		{"one without an end", forever, `{"active":true,"scope":"read","username":"alice","sub":"alice","token_type":"Bearer"}`},
		{"a used refresh token", out.RefreshToken, `{"active":false}`},
		{"an unknown token", newSecret(social.TokenAccess), `{"active":false}`},
		{"no token", "x", `{"active":false}`},
	} {
		got, err := h.Introspect(t.Context(), caller, c.token)
		body, _ := json.Marshal(got)
		if err != nil || string(body) != c.want {
			t.Errorf("%s is %s, %v; want %s", c.name, body, err, c.want)
		}
	}
	if _, err := h.refreshWith(t, next.RefreshToken); err != nil {
		t.Errorf("introspection spent a token: %v", err)
	}
	if got, err := h.Introspect(t.Context(), caller, next.RefreshToken); err != nil || got.Active {
		t.Errorf("a refresh token that was used since: %+v, %v", got, err)
	}
	h.store.pass(time.Hour)
	if got, err := h.Introspect(t.Context(), caller, out.AccessToken); err != nil || got.Active {
		t.Errorf("after an hour: %+v, %v", got, err)
	}
}

func TestTheMemoryOfTokensStaysSmallAndWhole(t *testing.T) {
	t.Parallel()
	const limit = 50
	now := time.Unix(1000, 0)
	c := newTokenCache(limit, time.Minute, func() time.Time { return now })
	random := rand.New(rand.NewPCG(1, 2))
	seen := map[social.GrantKey]bool{}
	for range 20_000 {
		grant := social.GrantKey(random.IntN(40))
		switch random.IntN(12) {
		case 0:
			c.dropGrant(grant)
		case 1:
			c.dropPerson(social.PersonKey(grant % 7))
		case 2:
			now = now.Add(time.Second)
		case 3:
			c.get([32]byte{byte(grant), byte(random.IntN(5))})
		default:
			t := credential{grant: social.Grant{Key: grant, Person: social.PersonKey(grant % 7)}}
			t.token.Hash = [32]byte{byte(grant), byte(random.IntN(5))}
			c.putSince(c.drops, t)
			seen[grant] = true
		}
		byGrant, byPerson := 0, 0
		for _, hashes := range c.byGrant {
			byGrant += len(hashes)
		}
		for _, hashes := range c.byPerson {
			byPerson += len(hashes)
		}
		if n := len(c.entries.nodes); n > limit || n != byGrant || n != byPerson {
			t.Fatalf("%d tokens, %d by grant, %d by person", n, byGrant, byPerson)
		}
	}
	for grant := range seen {
		c.dropGrant(grant)
	}
	if len(c.entries.nodes)+len(c.byGrant)+len(c.byPerson) != 0 {
		t.Errorf("%d tokens remain", len(c.entries.nodes))
	}
}

func TestWhatWasTouchedLeastRecentlyIsForgotten(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	c := newCache[int, string](2, time.Minute, func() time.Time { return now })
	c.put(1, "one")
	c.put(2, "two")
	c.get(1)
	c.put(3, "three")
	for k, want := range map[int]bool{1: true, 2: false, 3: true} {
		if _, _, ok := c.get(k); ok != want {
			t.Errorf("%d is remembered: %v", k, ok)
		}
	}
	now = now.Add(time.Minute)
	if _, _, ok := c.get(1); ok {
		t.Error("it is remembered for longer than a minute")
	}
	_, mark, _ := c.get(1)
	c.drop(7)
	if c.putSince(mark, 1, "old") {
		t.Error("what was read before a change was remembered after it")
	}
	_, mark, _ = c.get(1)
	if !c.putSince(mark, 1, "new") {
		t.Error("what was read after a change was not remembered")
	}
}

func TestAGrantIsRecalledWhileSomebodyWouldBeLetInByIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	out := h.login(t, "alice")
	id, err := h.AuthenticateToken(t.Context(), out.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	h.store.pass(2 * time.Hour) // the access token is over, the login is not
	if got, err := h.Recall(t.Context(), alice, id.Grant); err != nil || got.Person != alice || got.Grant != id.Grant || !got.Scopes.Unrestricted() {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := h.Recall(t.Context(), alice, 0); err != nil || got.Person != alice {
		t.Errorf("the password: %+v, %v", got, err)
	}
	_, err = h.Recall(t.Context(), bob, id.Grant)
	wantKind(t, err, social.KindUnauthenticated)
	scopes, err := social.ParseScopes("scope", "write data:maths")
	if err != nil {
		t.Fatal(err)
	}
	_, named, err := h.CreateToken(t.Context(), social.Actor{Person: alice}, NewToken{Name: "sensor", Scopes: scopes, TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := h.Recall(t.Context(), alice, named.Key); err != nil || got.Scopes.String() != scopes.String() || !got.Ends.Equal(named.Expires) {
		t.Errorf("a named token: %+v, %v", got, err)
	}
	h.store.pass(time.Hour)
	_, err = h.Recall(t.Context(), alice, named.Key)
	wantKind(t, err, social.KindUnauthenticated)
	if err := h.Revoke(t.Context(), out.RefreshToken); err != nil {
		t.Fatal(err)
	}
	_, err = h.Recall(t.Context(), alice, id.Grant)
	wantKind(t, err, social.KindUnauthenticated)
	h.store.edit(alice, func(p *social.Person) { p.Suspended = true })
	_, err = h.Recall(t.Context(), alice, 0)
	wantKind(t, err, social.KindUnauthenticated)
	h.store.fail(errors.New("connection refused"))
	_, err = h.Recall(t.Context(), bob, id.Grant)
	wantKind(t, err, social.KindUnavailable)
}
