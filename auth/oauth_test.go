package auth

import (
	"testing"

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
	if id.Person != alice || id.Grant == 0 || !id.Scopes.Unrestricted() {
		t.Errorf("identity is %+v", id)
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
