package webpush

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"rambla/social"
)

func TestAKeyIsReadInEveryFormThatToolsWrite(t *testing.T) {
	t.Parallel()
	key, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	own, err := key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(key.private)
	if err != nil {
		t.Fatal(err)
	}
	openssl := "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" +
		string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}))
	for name, text := range map[string]social.Secret{"ours": own, "openssl's": social.Secret(openssl)} {
		got, err := ParseKey(text)
		if err != nil || got.Public() != key.Public() || len(got.Public()) != 87 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAKeyOfAnotherKindIsRefused(t *testing.T) {
	t.Parallel()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	wrap := func(key any) social.Secret {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return social.Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	for name, text := range map[string]social.Secret{
		"nothing": "", "no PEM": "wYTOgGZHvUMQBNWhznHixP1gfN5DO963dSFJ", "P-384": wrap(p384), "Ed25519": wrap(edwards),
		"bytes that are none": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
	} {
		if _, err := ParseKey(text); err == nil || social.KindOf(err) != social.KindInvalid || strings.Contains(err.Error(), "AAAA") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAContactIsMailOrAPage(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"ops@example.org": "mailto:ops@example.org", "mailto:ops@example.org": "mailto:ops@example.org", "https://example.org/contact": "https://example.org/contact",
		"": "", "example.org": "", "http://example.org": "", "mailto:": "", "mailto:@": "", "mailto:ops": "", "https://": "", "@example.org": "",
	} {
		got, err := subject(given)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", given, got, err)
		}
	}
}

// kept is a store with one row.
type kept struct {
	key social.Secret
	err error
}

func (k *kept) KeepVAPID(_ context.Context, made social.Secret, _ time.Time) (social.Secret, error) {
	if k.key == "" {
		k.key = made
	}
	return k.key, k.err
}

func TestASiteHasOneKey(t *testing.T) {
	t.Parallel()
	store := &kept{}
	first, err := SiteKey(t.Context(), store, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	second, err := SiteKey(t.Context(), store, time.Now())
	if err != nil || second.Public() != first.Public() {
		t.Errorf("the second server has another key (%v)", err)
	}
	store.err = social.Unavailable(nil)
	if _, err := SiteKey(t.Context(), store, time.Now()); err == nil || social.KindOf(err) != social.KindUnavailable {
		t.Errorf("while the store is away: %v", err)
	}
}
