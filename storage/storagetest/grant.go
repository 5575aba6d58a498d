package storagetest

import (
	"crypto/rand"
	"reflect"
	"time"

	"rambla/social"
)

func grantClaims() []claim {
	return []claim{
		{"a grant is found by its tokens", grantRoundTrip},
		{"a refresh token is exchanged once, and its copy ends the grant", rotate},
		{"an ended grant has no tokens and is told once", endGrant},
		{"a new password ends what the old one let in", newPassword},
		{"grants are listed newest first", grantsOf},
	}
}

func newToken(kind social.TokenKind, expires time.Time) social.Token {
	t := social.Token{Kind: kind, Expires: expires}
	_, _ = rand.Read(t.Hash[:])
	return t
}

// login makes a grant with an access and a refresh token.
func (w *World) login(person social.PersonKey, kind social.GrantKind) (social.GrantKey, []social.Token) {
	w.Helper()
	tokens := []social.Token{
		newToken(social.TokenAccess, Epoch().Add(time.Hour)), newToken(social.TokenRefresh, Epoch().Add(30*24*time.Hour)),
	}
	key, err := w.DB.CreateGrant(w.Context(), social.Grant{ID: w.IDs.New(Epoch()), Person: person, Kind: kind, Created: Epoch(), Used: Epoch().Truncate(time.Hour)}, tokens)
	if err != nil {
		w.Fatal(err)
	}
	return key, tokens
}

func grantRoundTrip(w *World) {
	want := social.Grant{
		ID: w.IDs.New(Epoch()), Person: w.Bob, Kind: social.GrantNamed, Name: "kitchen sensor", Scopes: "ctx:lobby write",
		Created: Epoch(), Expires: Epoch().Add(time.Hour), Used: Epoch().Truncate(time.Hour),
	}
	tokens := []social.Token{newToken(social.TokenAccess, Epoch().Add(time.Hour))}
	before := w.Version()
	key, err := w.DB.CreateGrant(w.Context(), want, tokens)
	if err != nil {
		w.Fatal(err)
	}
	want.Key = key
	if tokens[0].Grant != key {
		w.Errorf("the token's grant is %d", tokens[0].Grant)
	}
	token, grant, err := w.DB.FindToken(w.Context(), tokens[0].Hash)
	if err != nil || !reflect.DeepEqual(grant, want) || !reflect.DeepEqual(token, tokens[0]) {
		w.Errorf("%+v\n%+v\n%v", token, grant, err)
	}
	_, _, err = w.DB.FindToken(w.Context(), [32]byte{1})
	Wants(w, err, social.KindNotFound)
	if w.Version() != before {
		w.Error("a grant that begins makes nothing stale")
	}
}

func rotate(w *World) {
	key, tokens := w.login(w.Bob, social.GrantPassword)
	next := []social.Token{newToken(social.TokenAccess, Epoch().Add(2*time.Hour)), newToken(social.TokenRefresh, Epoch().Add(time.Hour))}
	before := w.Version()
	fresh, err := w.DB.Rotate(w.Context(), tokens[1].Hash, next, Epoch().Add(time.Hour))
	if err != nil || !fresh || next[0].Grant != key {
		w.Fatalf("fresh %v, %+v, %v", fresh, next, err)
	}
	old, grant, err := w.DB.FindToken(w.Context(), tokens[1].Hash)
	if err != nil || !old.Used.Equal(Epoch().Add(time.Hour)) || !grant.Used.Equal(Epoch().Add(time.Hour).Truncate(time.Hour)) {
		w.Errorf("%+v, %+v, %v", old, grant, err)
	}
	if fresh, err := w.DB.Rotate(w.Context(), tokens[0].Hash, nil, Epoch()); err != nil || fresh {
		w.Errorf("an access token: fresh %v, %v", fresh, err)
	}
	if w.Version() != before {
		w.Error("a rotation makes nothing stale")
	}
	copied := []social.Token{newToken(social.TokenRefresh, Epoch().Add(time.Hour))}
	if fresh, err := w.DB.Rotate(w.Context(), tokens[1].Hash, copied, Epoch()); err != nil || fresh {
		w.Errorf("a copy: fresh %v, %v", fresh, err)
	}
	if got := w.Changes(before); !reflect.DeepEqual(got, []social.Change{{Kind: social.ChangeGrant, Person: w.Bob, Grant: key}}) {
		w.Errorf("changes %+v", got)
	}
	for _, token := range append(next, copied...) {
		_, _, err := w.DB.FindToken(w.Context(), token.Hash)
		Wants(w, err, social.KindNotFound)
	}
	if fresh, err := w.DB.Rotate(w.Context(), next[1].Hash, copied, Epoch()); err != nil || fresh {
		w.Errorf("of an ended grant: fresh %v, %v", fresh, err)
	}
}

func endGrant(w *World) {
	key, tokens := w.login(w.Bob, social.GrantPassword)
	before := w.Version()
	for range 2 {
		if err := w.DB.EndGrant(w.Context(), key, Epoch()); err != nil {
			w.Fatal(err)
		}
	}
	if err := w.DB.EndGrant(w.Context(), 4711, Epoch()); err != nil {
		w.Fatal(err)
	}
	if got := w.Changes(before); !reflect.DeepEqual(got, []social.Change{{Kind: social.ChangeGrant, Person: w.Bob, Grant: key}}) {
		w.Errorf("changes %+v", got)
	}
	_, _, err := w.DB.FindToken(w.Context(), tokens[0].Hash)
	Wants(w, err, social.KindNotFound)
	if got, err := w.DB.GrantsOf(w.Context(), w.Bob, 10); err != nil || len(got) != 0 {
		w.Errorf("%+v, %v", got, err)
	}
}

func newPassword(w *World) {
	if err := w.DB.SetPasswordHash(w.Context(), w.Bob, "one", Epoch()); err != nil {
		w.Fatal(err)
	}
	login, _ := w.login(w.Bob, social.GrantPassword)
	named, _ := w.login(w.Bob, social.GrantNamed)
	before := w.Version()
	if err := w.DB.SetPasswordHash(w.Context(), w.Bob, "two", Epoch()); err != nil {
		w.Fatal(err)
	}
	want := []social.Change{{Kind: social.ChangePassword, Person: w.Bob}, {Kind: social.ChangeGrant, Person: w.Bob, Grant: login}}
	if got := w.Changes(before); !reflect.DeepEqual(got, want) {
		w.Errorf("changes %+v", got)
	}
	if got, err := w.DB.GrantsOf(w.Context(), w.Bob, 10); err != nil || len(got) != 1 || got[0].Key != named {
		w.Errorf("%+v, %v", got, err)
	}
	if hash, err := w.DB.PasswordHash(w.Context(), w.Bob); err != nil || hash != "two" {
		w.Errorf("%q, %v", hash, err)
	}
	if err := w.DB.SetPasswordHash(w.Context(), w.Bob, "", Epoch()); err != nil {
		w.Fatal(err)
	}
	if hash, err := w.DB.PasswordHash(w.Context(), w.Bob); err != nil || hash != "" {
		w.Errorf("%q, %v", hash, err)
	}
	Wants(w, w.DB.SetPasswordHash(w.Context(), 4711, "x", Epoch()), social.KindNotFound)
}

func grantsOf(w *World) {
	var keys []social.GrantKey
	for range 3 {
		key, _ := w.login(w.Bob, social.GrantNamed)
		keys = append(keys, key)
	}
	got, err := w.DB.GrantsOf(w.Context(), w.Bob, 2)
	if err != nil || len(got) != 2 || got[0].Key != keys[2] || got[1].Key != keys[1] {
		w.Errorf("%+v, %v", got, err)
	}
}
