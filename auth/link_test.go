package auth

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"rambla/social"
)

func TestALinkIsGoodAsItWasSignedAndNoByteOtherwise(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	keys, err := ParseLinkKeys("keys", "k2:c2Vjb25kIHNlY3JldCBrZXk,k1:Zmlyc3Qgc2VjcmV0IGtleXM=")
	if err != nil || len(keys) != 2 {
		t.Fatal(keys, err)
	}
	clock := func() time.Time { return now }
	links := NewLinks(keys, clock)
	const path = "/v1/attachments/0190"
	link := Link{Method: "GET", Path: path, Customer: "ann é&=", Expires: now.Add(time.Hour)}
	q, err := url.ParseQuery(links.Sign(link))
	if err != nil {
		t.Fatal(err)
	}
	link.Key = "k2"
	if got, err := links.Verify("GET", path, q); err != nil || got != link {
		t.Fatalf("%+v, %v", got, err)
	}
	// A link of a key that no longer signs, and of one that is gone.
	former, err := url.ParseQuery(NewLinks(keys[1:], clock).Sign(link))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := links.Verify("GET", path, former); err != nil {
		t.Errorf("by a former key: %v", err)
	}
	refused := func(what string, l *Links, method, path string, q url.Values) {
		t.Helper()
		if _, err := l.Verify(method, path, q); social.KindOrNil(err) != social.KindForbidden || errors.Is(err, ErrExpired) {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("a key that is gone", NewLinks(keys[:1], clock), "GET", path, former)
	refused("another method", links, "POST", path, q)
	for i := range len(path) {
		refused("another path", links, "GET", path[:i]+"x"+path[i+1:], q)
	}
	refused("a longer path", links, "GET", path+"0", q)
	for name, values := range q {
		value := values[0]
		for i := range len(value) {
			other := url.Values{}
			for n, v := range q {
				other[n] = v
			}
			other.Set(name, value[:i]+string(value[i]^1)+value[i+1:])
			refused("another "+name, links, "GET", path, other)
		}
		for what, list := range map[string][]string{"no ": nil, "an empty ": {""}, "two of ": {value, value}, "a longer ": {value + "A"}, "a shorter ": {value[:len(value)-1]}} {
			other := url.Values{}
			for n, v := range q {
				other[n] = v
			}
			other[name] = list
			refused(what+name, links, "GET", path, other)
		}
	}
	// What moves from one field into the next is another link.
	moved := url.Values{}
	for n, v := range q {
		moved[n] = v
	}
	moved.Set("customer", q.Get("customer")[1:])
	refused("a moved byte", links, "GET", path+"a", moved)

	now = now.Add(time.Hour)
	if got, err := links.Verify("GET", path, q); !errors.Is(err, ErrExpired) || got.Customer != link.Customer {
		t.Errorf("expired: %+v, %v", got, err)
	}
	q.Set("expires", q.Get("expires")+"0")
	refused("an expired one that was made longer", links, "GET", path, q)
}

func TestKeysOfLinksThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []social.Secret{"k1", "k1:short", ":c2Vjb25kIHNlY3JldCBrZXk", "k 1:c2Vjb25kIHNlY3JldCBrZXk", "k1:%%%", "k1:c2Vjb25kIHNlY3JldCBrZXk,k1:c2Vjb25kIHNlY3JldCBrZXk"} {
		_, err := ParseLinkKeys("files.link_keys", text)
		wantKind(t, err, social.KindInvalid)
		if secret := "c2Vjb25kIHNlY3JldCBrZXk"; strings.Contains(err.Error(), secret) {
			t.Errorf("the error repeats the secret: %v", err)
		}
	}
	if keys, err := ParseLinkKeys("x", ""); err != nil || keys != nil {
		t.Errorf("%v, %v", keys, err)
	}
}

func TestAMediaTokenReadsForAnHourAndEndsWithItsLogin(t *testing.T) {
	t.Parallel()
	h := newHouse(t, cheap())
	login := h.login(t, "alice")
	id, err := h.AuthenticateToken(t.Context(), login.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	media, err := NewMedia("a secret of the site", h.Authority, h.store.clock)
	if err != nil {
		t.Fatal(err)
	}
	a := social.Actor{Person: id.Person, Grant: id.Grant, Scopes: id.Scopes}
	token, expires, err := media.Mint(a)
	if err != nil || expires.Sub(h.store.clock()) > time.Hour || expires.Sub(h.store.clock()) < time.Hour-time.Second {
		t.Fatal(expires, err)
	}
	got, err := media.Authenticate(t.Context(), token)
	if err != nil || got.Person != id.Person || got.Grant != id.Grant {
		t.Fatalf("%+v, %v", got, err)
	}
	if LooksLikeToken(token) {
		t.Error("it passes for a token of another kind")
	}
	_, err = h.AuthenticateToken(t.Context(), token)
	wantKind(t, err, social.KindUnauthenticated)
	_, err = media.Authenticate(t.Context(), login.AccessToken)
	wantKind(t, err, social.KindUnauthenticated)
	for i := range len(token) {
		if _, err := media.Authenticate(t.Context(), token[:i]+string(token[i]^1)+token[i+1:]); social.KindOrNil(err) != social.KindUnauthenticated {
			t.Errorf("byte %d does not matter: %v", i, err)
		}
	}
	other, err := NewMedia("a secret of another site", h.Authority, h.store.clock)
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.Authenticate(t.Context(), token)
	wantKind(t, err, social.KindUnauthenticated)
	writer, err := social.ParseScopes("scope", "write")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = media.Mint(social.Actor{Person: id.Person, Scopes: writer})
	wantKind(t, err, social.KindForbidden)
	if err := h.Revoke(t.Context(), login.AccessToken); err != nil {
		t.Fatal(err)
	}
	_, err = media.Authenticate(t.Context(), token)
	wantKind(t, err, social.KindUnauthenticated)
	again := h.login(t, "alice")
	if id, err = h.AuthenticateToken(t.Context(), again.AccessToken); err != nil {
		t.Fatal(err)
	}
	if token, _, err = media.Mint(social.Actor{Person: id.Person, Grant: id.Grant}); err != nil {
		t.Fatal(err)
	}
	h.store.pass(time.Hour)
	_, err = media.Authenticate(t.Context(), token)
	wantKind(t, err, social.KindUnauthenticated)
}
