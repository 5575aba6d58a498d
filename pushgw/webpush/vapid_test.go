package webpush

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

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
