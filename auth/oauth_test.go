package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"rambla/social"
)

func TestAPasswordLoginHasAllThatThePersonHas(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	out := h.login(t, "Alicia")
	id, err := h.AuthenticateToken(t.Context(), out.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	if id.Person != alice || id.Grant == 0 || !id.Scopes.Unrestricted() || !id.Ends.IsZero() {
		t.Errorf("identity is %+v", id)
	}
	if want := h.store.clock().Add(time.Hour); !id.Expires.Equal(want) {
		t.Errorf("it expires at %s, want %s", id.Expires, want)
	}
	if out.Scope != "read write" || out.TokenType != "Bearer" || out.ExpiresIn != 3600 {
		t.Errorf("answer is %+v", out)
	}
	if got := h.login(t, "boss").Scope; got != "act-as admin read write" {
		t.Errorf("a manager's scope is %q", got)
	}
	_, err = h.AuthenticateToken(t.Context(), out.RefreshToken)
	wantKind(t, err, social.KindUnauthenticated)
}

func TestBadTokenRequestsGetOAuthsCodes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	access := h.login(t, "alice").AccessToken
	for _, c := range []struct {
		name string
		r    TokenRequest
		code string
		kind social.Kind
	}{
		{"no grant type", TokenRequest{}, CodeInvalidRequest, social.KindInvalid},
		{"an unknown one", TokenRequest{GrantType: "authorization_code"}, CodeUnsupportedGrantType, social.KindInvalid},
		{"no username", TokenRequest{GrantType: "password", Password: password}, CodeInvalidRequest, social.KindInvalid},
		{"no password", TokenRequest{GrantType: "password", Username: "alice"}, CodeInvalidRequest, social.KindInvalid},
		{"wrong password", TokenRequest{GrantType: "password", Username: "alice", Password: "wrong"}, CodeInvalidGrant, social.KindInvalid},
		{"unknown person", TokenRequest{GrantType: "password", Username: "nobody", Password: "wrong"}, CodeInvalidGrant, social.KindInvalid},
		{"unknown scope", TokenRequest{GrantType: "password", Username: "alice", Password: password, Scope: "everything"}, CodeInvalidScope, social.KindInvalid},
		{"a manager's scope", TokenRequest{GrantType: "password", Username: "alice", Password: password, Scope: "read admin"}, CodeInvalidScope, social.KindInvalid},
		{"no client", TokenRequest{GrantType: "client_credentials"}, CodeInvalidClient, social.KindUnauthenticated},
		{"wrong secret", TokenRequest{GrantType: "client_credentials", ClientID: "robot", ClientSecret: "wrong"}, CodeInvalidClient, social.KindUnauthenticated},
		{"a client that is a person", TokenRequest{GrantType: "client_credentials", ClientID: "alice", ClientSecret: password}, CodeInvalidClient, social.KindUnauthenticated},
		{"no refresh token", TokenRequest{GrantType: "refresh_token"}, CodeInvalidRequest, social.KindInvalid},
		{"no token at all", TokenRequest{GrantType: "refresh_token", RefreshToken: "x"}, CodeInvalidGrant, social.KindInvalid},
		{"an unknown refresh token", TokenRequest{GrantType: "refresh_token", RefreshToken: newSecret(social.TokenRefresh)}, CodeInvalidGrant, social.KindInvalid},
		{"an access token to refresh with", TokenRequest{GrantType: "refresh_token", RefreshToken: access}, CodeInvalidGrant, social.KindInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.r.From = home
			out, err := h.Exchange(t.Context(), c.r)
			wantCode(t, err, c.code)
			wantKind(t, err, c.kind)
			if out != (Tokens{}) {
				t.Errorf("and tokens: %+v", out)
			}
		})
	}
}

func TestOtherErrorsHaveACodeToo(t *testing.T) {
	t.Parallel()
	for kind, want := range map[social.Kind]string{
		social.KindInternal: CodeServerError, social.KindInvalid: CodeInvalidRequest, social.KindUnauthenticated: CodeInvalidToken,
		social.KindForbidden: CodeInsufficientScope, social.KindRateLimited: CodeUnavailable, social.KindUnavailable: CodeUnavailable,
	} {
		if got := OAuthCode(fmt.Errorf("ask: %w", social.Errorf(kind, "No."))); got != want {
			t.Errorf("%s is %s, want %s", kind, got, want)
		}
	}
	if got := OAuthCode(errors.New("odd")); got != CodeServerError {
		t.Errorf("an unknown error is %s", got)
	}
	h := newHouse(t, cheap())
	for range 10 {
		h.try(t, "alice", "wrong", home)
	}
	_, err := h.Exchange(t.Context(), TokenRequest{GrantType: "password", Username: "alice", Password: password, From: home})
	wantKind(t, err, social.KindRateLimited)
	if retryAfter(err) <= 0 {
		t.Errorf("%v does not say when to come back", err)
	}
}

func TestScopesThatWereAskedForHold(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	out, err := h.Exchange(t.Context(), TokenRequest{GrantType: "password", Username: "boss", Password: password, Scope: "write act-as ctx:maths", From: home})
	if err != nil {
		t.Fatal(err)
	}
	if out.Scope != "act-as ctx:maths write" {
		t.Errorf("scope is %q", out.Scope)
	}
	for range 2 { // the second time from memory
		id, err := h.AuthenticateToken(t.Context(), out.AccessToken)
		if err != nil {
			t.Fatal(err)
		}
		if id.Scopes.String() != out.Scope || id.Scopes.MayRead("maths", false) || !id.Scopes.MayWrite("maths", false) {
			t.Errorf("scopes are %q", id.Scopes)
		}
	}
	next, err := h.refreshWith(t, out.RefreshToken)
	if err != nil || next.Scope != out.Scope {
		t.Errorf("after a refresh: %q, %v", next.Scope, err)
	}
}

func TestAServiceAccountGetsATokenForItsPassword(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	out, err := h.Exchange(t.Context(), TokenRequest{GrantType: "client_credentials", ClientID: "robot", ClientSecret: password, Scope: "read", From: home})
	if err != nil {
		t.Fatal(err)
	}
	if out.RefreshToken != "" || out.Scope != "read" {
		t.Errorf("answer is %+v", out)
	}
	id, err := h.AuthenticateToken(t.Context(), out.AccessToken)
	if err != nil || id.Person != robot || !id.Ends.Equal(id.Expires) {
		t.Errorf("identity is %+v, %v", id, err)
	}
	basic, err := h.AuthenticateClient(t.Context(), "robot", password, home)
	if err != nil || basic.Person != robot || basic.Grant != 0 {
		t.Errorf("by HTTP Basic: %+v, %v", basic, err)
	}
	_, err = h.AuthenticateClient(t.Context(), "alice", password, home)
	wantKind(t, err, social.KindUnauthenticated)
	wantCode(t, err, CodeInvalidClient)
}

func TestARefreshTokenIsReplaced(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	first := h.login(t, "alice")
	h.store.pass(2 * time.Hour)
	_, err := h.AuthenticateToken(t.Context(), first.AccessToken)
	wantKind(t, err, social.KindUnauthenticated)
	second, err := h.refreshWith(t, first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if second.RefreshToken == first.RefreshToken || second.AccessToken == first.AccessToken {
		t.Error("a token came twice")
	}
	if _, err := h.AuthenticateToken(t.Context(), second.AccessToken); err != nil {
		t.Error(err)
	}
	for i := range 12 { // each use begins another 30 days
		h.store.pass(29 * 24 * time.Hour)
		if second, err = h.refreshWith(t, second.RefreshToken); err != nil {
			t.Fatalf("month %d: %v", i, err)
		}
	}
}

func TestReplayOfAUsedRefreshTokenEndsTheWholeGrant(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	other := h.login(t, "alice")
	first := h.login(t, "alice")
	second, err := h.refreshWith(t, first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.AuthenticateToken(t.Context(), second.AccessToken); err != nil {
		t.Fatal(err)
	}
	_, err = h.refreshWith(t, first.RefreshToken)
	wantCode(t, err, CodeInvalidGrant)
	for name, token := range map[string]string{"first": first.AccessToken, "second": second.AccessToken} {
		if _, err := h.AuthenticateToken(t.Context(), token); err == nil {
			t.Errorf("the %s access token still holds", name)
		}
	}
	_, err = h.refreshWith(t, second.RefreshToken)
	wantCode(t, err, CodeInvalidGrant)
	if _, err := h.AuthenticateToken(t.Context(), other.AccessToken); err != nil {
		t.Errorf("the person's other login: %v", err)
	}
	if n := h.Stats().Replays; n != 1 {
		t.Errorf("%d replays were counted", n)
	}
}

func TestAReplayIsOneWhateverElseIsWrong(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	first := h.login(t, "alice")
	second, err := h.refreshWith(t, first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.Exchange(t.Context(), TokenRequest{GrantType: "refresh_token", RefreshToken: first.RefreshToken, Scope: "read"})
	wantCode(t, err, CodeInvalidGrant)
	_, err = h.refreshWith(t, second.RefreshToken)
	wantCode(t, err, CodeInvalidGrant)
}

func TestOfManyWhoUseARefreshTokenAtOnceNoneKeepsTheGrant(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	first := h.login(t, "alice")
	// All have read the token before any exchanges it.
	const users = 8
	var reading sync.WaitGroup
	reading.Add(users)
	h.store.onRead = func() { reading.Done(); reading.Wait() }
	outs := make(chan Tokens, users)
	var wg sync.WaitGroup
	for range users {
		wg.Go(func() {
			if out, err := h.Exchange(context.Background(), TokenRequest{GrantType: "refresh_token", RefreshToken: first.RefreshToken}); err == nil {
				outs <- out
			}
		})
	}
	wg.Wait()
	close(outs)
	h.store.onRead = nil
	if len(outs) != 1 {
		t.Errorf("%d exchanged it", len(outs))
	}
	for out := range outs {
		_, err := h.AuthenticateToken(t.Context(), out.AccessToken)
		wantKind(t, err, social.KindUnauthenticated)
		_, err = h.refreshWith(t, out.RefreshToken)
		wantCode(t, err, CodeInvalidGrant)
	}
}

func TestALoginThatIsNotRefreshedForThirtyDaysIsOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	out := h.login(t, "alice")
	id, err := h.AuthenticateToken(t.Context(), out.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	h.store.pass(30 * 24 * time.Hour)
	_, err = h.refreshWith(t, out.RefreshToken)
	wantCode(t, err, CodeInvalidGrant)
	if h.store.grants[id.Grant].Ended.IsZero() {
		t.Error("the grant was left standing")
	}
}

func TestARefreshKeepsItsScope(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ login, refresh, code string }{
		{"read write", "write read", ""},
		{"read write", "read", CodeInvalidScope},
		{"read", "read write", CodeInvalidScope},
		{"", "read write", ""}, // what it was told to have
		{"", "read", CodeInvalidScope},
		{"read", "nonsense", CodeInvalidScope},
	} {
		h := newHouse(t, cheap())
		out, err := h.Exchange(t.Context(), TokenRequest{GrantType: "password", Username: "alice", Password: password, Scope: c.login, From: home})
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.Exchange(t.Context(), TokenRequest{GrantType: "refresh_token", RefreshToken: out.RefreshToken, Scope: c.refresh})
		if c.code != "" {
			wantCode(t, err, c.code)
			if _, err := h.refreshWith(t, out.RefreshToken); err != nil {
				t.Errorf("%+v: the token was spent: %v", c, err)
			}
		} else if err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestAPasswordThatChangesDuringALoginEndsIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	fresh, err := h.Hash(t.Context(), "battery staple")
	if err != nil {
		t.Fatal(err)
	}
	h.onHash = func() { // the old hash has been read, its grant is not made yet
		if err := h.store.SetPasswordHash(context.Background(), alice, fresh, h.store.clock()); err != nil {
			t.Error(err)
		}
	}
	_, err = h.Exchange(t.Context(), TokenRequest{GrantType: "password", Username: "alice", Password: password, From: home})
	wantCode(t, err, CodeInvalidGrant)
	held, err := h.store.GrantsOf(t.Context(), alice, 10)
	if err != nil || len(held) != 0 {
		t.Errorf("she holds %+v, %v", held, err)
	}
	if got := h.try(t, "alice", "battery staple", home); got != 0 {
		t.Errorf("the new password: %s", got)
	}
}

func TestARenewedHashEndsNoLoginUnderWay(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	h.cfg.HashPasses = 2
	h.restart(t)
	out := h.login(t, "alice")
	if _, err := h.AuthenticateToken(t.Context(), out.AccessToken); err != nil {
		t.Error(err)
	}
}

func TestOnlySoManyLoginsHoldAtOnce(t *testing.T) {
	t.Parallel()
	cfg := cheap()
	cfg.LoginsPerPerson = 5
	h := newHouse(t, cfg)
	phone := h.login(t, "alice")
	h.store.pass(time.Hour)
	phone, err := h.refreshWith(t, phone.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	sensor, _, err := h.CreateToken(t.Context(), social.Actor{Person: alice}, NewToken{Name: "sensor"})
	if err != nil {
		t.Fatal(err)
	}
	var last Tokens
	for i := range 20 { // a script that signs in each time
		h.store.pass(time.Minute)
		last = h.login(t, "alice")
		if _, err := h.AuthenticateToken(t.Context(), phone.AccessToken); err != nil {
			t.Fatalf("the telephone was pushed out by login %d: %v", i, err)
		}
	}
	for _, token := range []string{sensor, last.AccessToken} {
		if _, err := h.AuthenticateToken(t.Context(), token); err != nil {
			t.Error(err)
		}
	}
	held, err := h.store.GrantsOf(t.Context(), alice, 100)
	if err != nil || len(held) != 5+1 {
		t.Errorf("%d grants hold, %v", len(held), err)
	}
	if got := h.login(t, "bob"); got.AccessToken == "" {
		t.Error("bob's login counts among alice's")
	}
}

func TestALoginThatIsOverMakesRoomFirst(t *testing.T) {
	t.Parallel()
	cfg := cheap()
	cfg.LoginsPerPerson = 2
	h := newHouse(t, cfg)
	old := h.login(t, "robot")
	h.store.pass(time.Minute)
	if _, err := h.Exchange(t.Context(), TokenRequest{GrantType: "client_credentials", ClientID: "robot", ClientSecret: password, From: home}); err != nil {
		t.Fatal(err)
	}
	h.store.pass(2 * time.Hour)
	h.login(t, "robot")
	if _, err := h.refreshWith(t, old.RefreshToken); err != nil {
		t.Errorf("the living login was ended: %v", err)
	}
}

func TestAStoreThatIsAwayIsNoWrongPassword(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	out := h.login(t, "alice")
	h.store.fail(errors.New("connection refused"))
	for _, r := range []TokenRequest{
		{GrantType: "password", Username: "alice", Password: password, From: home},
		{GrantType: "refresh_token", RefreshToken: out.RefreshToken},
	} {
		_, err := h.Exchange(t.Context(), r)
		wantKind(t, err, social.KindUnavailable)
		wantCode(t, err, CodeUnavailable)
	}
	h.store.fail(nil)
	if _, err := h.refreshWith(t, out.RefreshToken); err != nil {
		t.Errorf("when it is back: %v", err)
	}
}

func TestTheAnswerIsWrittenAsOAuthSays(t *testing.T) {
	t.Parallel()
	body, err := json.Marshal(Tokens{AccessToken: "a", TokenType: "Bearer", ExpiresIn: 3600, RefreshToken: "r", Scope: "read"})
	if want := `{"access_token":"a","token_type":"Bearer","expires_in":3600,"refresh_token":"r","scope":"read"}`; err != nil || string(body) != want {
		t.Errorf("%s, %v; want %s", body, err, want)
	}
	body, err = json.Marshal(NewMetadata("https://chat.example.org/"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"issuer":"https://chat.example.org"`, `"token_endpoint":"https://chat.example.org/v1/oauth/token"`,
		`"introspection_endpoint":"https://chat.example.org/v1/oauth/introspect"`, `"revocation_endpoint":"https://chat.example.org/v1/oauth/revoke"`,
		`"grant_types_supported":["password","refresh_token","client_credentials"]`, `"response_types_supported":[]`,
	} {
		if !strings.Contains(string(body), want) {
			t.Errorf("%s lacks %s", body, want)
		}
	}
}
