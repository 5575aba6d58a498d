package auth

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rambla/social"
)

func scopes(t testing.TB, text string) social.Scopes {
	t.Helper()
	s, err := social.ParseScopes("scopes", text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestANamedTokenLivesAsLongAsItWasMadeFor(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	me := social.Actor{Person: alice}
	for _, ttl := range []time.Duration{0, 8760 * time.Hour} {
		secret, g, err := h.CreateToken(t.Context(), me, NewToken{Name: " kitchen sensor ", Scopes: scopes(t, "data:maths-3 write"), TTL: ttl})
		if err != nil {
			t.Fatal(err)
		}
		if g.Name != "kitchen sensor" || g.Scopes != "data:maths-3 write" || g.Kind != social.GrantNamed || g.Person != alice || g.ID.IsZero() || g.Key == 0 {
			t.Errorf("grant is %+v", g)
		}
		h.store.pass(8759 * time.Hour)
		id, err := h.AuthenticateToken(t.Context(), secret)
		if err != nil || id.Grant != g.Key || id.Scopes.String() != g.Scopes || !id.Ends.Equal(g.Expires) || !id.Expires.Equal(g.Expires) {
			t.Errorf("after 8759 hours: %+v, %v", id, err)
		}
		h.store.pass(time.Hour)
		_, err = h.AuthenticateToken(t.Context(), secret)
		if (err == nil) != (ttl == 0) {
			t.Errorf("after 8760 hours of %s: %v", ttl, err)
		}
	}
	list, err := h.ListTokens(t.Context(), me)
	if err != nil || len(list) != 1 || !list[0].Expires.IsZero() {
		t.Errorf("what lives is %+v, %v", list, err)
	}
}

func TestATokenHandsOnOnlyWhatItHas(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		person      social.PersonKey
		held, asked string
		want        string // scopes, or
		refused     string // OAuth's code
	}{
		{"a login asks for nothing in particular", alice, "", "", "read write", ""},
		{"a manager's neither", boss, "", "", "read write", ""},
		{"a manager asks for all", boss, "", "admin act-as read write", "act-as admin read write", ""},
		{"an ordinary person asks for a manager's", alice, "", "admin", "", CodeInvalidScope},
		{"an ordinary person asks to act for others", alice, "", "write act-as", "", CodeInvalidScope},
		{"less than one has", alice, "read write", "read ctx:a", "read ctx:a", ""},
		{"more than one has", alice, "write", "read", "", CodeInvalidScope},
		{"nothing in particular of part", alice, "write", "", "write", ""},
		{"a manager's token without admin asks for it", boss, "read write", "admin read", "", CodeInvalidScope},
		{"a token that only reads", alice, "read", "read", "", CodeInsufficientScope},
		{"a token for one context", alice, "read write ctx:a", "read ctx:a", "", CodeInsufficientScope},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, cheap())
			actor := social.Actor{Person: c.person, Scopes: scopes(t, c.held)}
			secret, _, err := h.CreateToken(t.Context(), actor, NewToken{Name: "x", Scopes: scopes(t, c.asked)})
			if c.refused != "" {
				wantCode(t, err, c.refused)
				if secret != "" || len(h.store.grants) != 0 {
					t.Error("it was made nevertheless")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			id, err := h.AuthenticateToken(t.Context(), secret)
			if want := scopes(t, c.want).String(); err != nil || id.Scopes.String() != want {
				t.Errorf("its scopes are %q, %v; want %q", id.Scopes, err, want)
			}
		})
	}
}

func TestBadNamedTokensAreRefusedByField(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	for field, n := range map[string]NewToken{
		"name":   {Name: "  "},
		"name ":  {Name: strings.Repeat("x", maxTokenName+1)},
		"name  ": {Name: "a\nb"},
		"ttl":    {Name: "x", TTL: -time.Hour},
		"ttl ":   {Name: "x", TTL: time.Millisecond},
	} {
		_, _, err := h.CreateToken(t.Context(), social.Actor{Person: alice}, n)
		wantKind(t, err, social.KindInvalid)
		if !strings.HasPrefix(social.Safe(err), strings.TrimSpace(field)+":") {
			t.Errorf("%+v: %v", n, err)
		}
	}
	for name, actor := range map[string]social.Actor{
		"nobody": {Person: 99}, "acting for another": {Person: alice, Creator: boss},
	} {
		if _, _, err := h.CreateToken(t.Context(), actor, NewToken{Name: "x"}); err == nil {
			t.Errorf("%s got a token", name)
		}
	}
}

func TestOnesOwnTokensCanBeListedAndDeleted(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	h.login(t, "alice") // is none of them
	me, him := social.Actor{Person: alice}, social.Actor{Person: bob}
	var secrets []string
	for i := range 3 {
		secret, _, err := h.CreateToken(t.Context(), me, NewToken{Name: fmt.Sprint("token ", i)})
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, secret)
	}
	list, err := h.ListTokens(t.Context(), me)
	if err != nil || len(list) != 3 || list[0].Name != "token 2" || list[2].Name != "token 0" {
		t.Fatalf("the list is %+v, %v", list, err)
	}
	if his, err := h.ListTokens(t.Context(), him); err != nil || len(his) != 0 {
		t.Errorf("bob's are %+v, %v", his, err)
	}
	wantKind(t, h.DeleteToken(t.Context(), him, list[1].ID), social.KindNotFound)
	if _, err := h.AuthenticateToken(t.Context(), secrets[1]); err != nil {
		t.Fatal(err)
	}
	narrow := social.Actor{Person: alice, Scopes: scopes(t, "read")}
	wantKind(t, h.DeleteToken(t.Context(), narrow, list[1].ID), social.KindForbidden)
	if err := h.DeleteToken(t.Context(), me, list[1].ID); err != nil {
		t.Fatal(err)
	}
	_, err = h.AuthenticateToken(t.Context(), secrets[1])
	wantKind(t, err, social.KindUnauthenticated)
	wantKind(t, h.DeleteToken(t.Context(), me, list[1].ID), social.KindNotFound)
	if list, err := h.ListTokens(t.Context(), narrow); err != nil || len(list) != 2 {
		t.Errorf("what remains is %+v, %v", list, err)
	}
	_, err = h.ListTokens(t.Context(), social.Actor{Person: alice, Scopes: scopes(t, "read ctx:a")})
	wantKind(t, err, social.KindForbidden)
}

func TestOnlySoManyTokensAndExpiredOnesMakeRoom(t *testing.T) {
	t.Parallel()
	cfg := cheap()
	cfg.TokensPerPerson = 3
	h := newHouse(t, cfg)
	me := social.Actor{Person: alice}
	for i := range 10 {
		for range 3 {
			if _, _, err := h.CreateToken(t.Context(), me, NewToken{Name: "x", TTL: time.Hour}); err != nil {
				t.Fatalf("round %d: %v", i, err)
			}
		}
		_, _, err := h.CreateToken(t.Context(), me, NewToken{Name: "x"})
		wantKind(t, err, social.KindConflict)
		h.store.pass(time.Hour)
	}
	if held, err := h.store.GrantsOf(t.Context(), alice, 100); err != nil || len(held) != 3 {
		t.Errorf("%d are kept, %v", len(held), err)
	}
}
