package webpush

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"rambla/social"
)

const (
	// tokenLife is half of what RFC 8292 allows, for clocks that differ.
	tokenLife = 12 * time.Hour
	// tokenUse is how long a token is sent; Apple wants no other within an hour.
	tokenUse = 6 * time.Hour
	// renewAfter is how old a token must be to be replaced because it was refused.
	renewAfter = time.Hour
	// maxOrigins bounds the tokens kept: the list of hosts has wildcards.
	maxOrigins = 512
)

// Key signs for the site: a browser's subscription is for its public half and
// ends with it.
type Key struct{ private *ecdsa.PrivateKey }

// GenerateKey makes a site's key; PEM is how it is kept.
func GenerateKey() (*Key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate a VAPID key: %w", err)
	}
	return &Key{private}, nil
}

// ParseKey reads a private key of P-256 from PEM, PKCS #8 or SEC 1. The error is
// KindInvalid and has nothing of the key in it.
func ParseKey(text social.Secret) (*Key, error) {
	bad := social.Invalid("push.webpush.key_file", "holds no private key of the curve P-256 in PEM")
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, bad
		}
		if block.Type == "EC PARAMETERS" { // openssl writes them first
			continue
		}
		private, err := parsePrivate(block.Bytes)
		if err != nil {
			bad.Err = err
			return nil, bad
		}
		return &Key{private}, nil
	}
}

func parsePrivate(der []byte) (*ecdsa.PrivateKey, error) {
	if private, err := x509.ParseECPrivateKey(der); err == nil && private.Curve == elliptic.P256() {
		return private, nil
	}
	any8, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("neither PKCS #8 nor SEC 1")
	}
	private, is := any8.(*ecdsa.PrivateKey)
	if !is || private.Curve != elliptic.P256() {
		return nil, errors.New("a key of another kind")
	}
	return private, nil
}

// SiteKey is the key that all servers of a site share: the first one to start
// makes it.
func SiteKey(ctx context.Context, store social.VAPIDStore, now time.Time) (*Key, error) {
	made, err := GenerateKey()
	if err != nil {
		return nil, err
	}
	text, err := made.PEM()
	if err != nil {
		return nil, err
	}
	if text, err = store.KeepVAPID(ctx, text, now); err != nil {
		return nil, fmt.Errorf("read the site's VAPID key: %w", err)
	}
	return ParseKey(text)
}

// PEM is the private key as [ParseKey] reads it.
func (k *Key) PEM() (social.Secret, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return "", fmt.Errorf("write the VAPID key: %w", err)
	}
	return social.Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}

// Public is the applicationServerKey of browsers: the uncompressed point in
// base64url.
func (k *Key) Public() string {
	point, err := k.private.PublicKey.Bytes()
	if err != nil {
		return "" // a parsed or generated key is on its curve
	}
	return base64.RawURLEncoding.EncodeToString(point)
}

// subject is who answers for the pushes: a bare address becomes a mailto.
func subject(given string) (string, error) {
	const key = "push.webpush.subject"
	bad := social.Invalid(key, "is an address of mail or of a page, such as ops@example.org or https://example.org")
	if !strings.Contains(given, ":") {
		given = "mailto:" + given
	}
	u, err := url.Parse(given)
	switch {
	case err != nil:
		return "", bad
	case u.Scheme == "mailto" && len(u.Opaque) > 2 && strings.Contains(u.Opaque[1:len(u.Opaque)-1], "@"):
		return given, nil
	case u.Scheme == "https" && u.Host != "":
		return given, nil
	}
	return "", bad
}

// vapid keeps one signed token per push service.
type vapid struct {
	key     *Key
	subject string
	now     func() time.Time

	mu     sync.Mutex // guards tokens; signing under it is once in six hours
	tokens map[string]signedToken
}

type signedToken struct {
	header string
	made   time.Time
	taken  time.Time // when the service last took one of ours; zero: never
}

// header is the Authorization for an origin, such as https://web.push.apple.com.
func (v *vapid) header(origin string) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.now()
	old, ok := v.tokens[origin]
	if ok && old.header != "" && now.Sub(old.made) < tokenUse && !now.Before(old.made) {
		return old.header, nil
	}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"aud": origin, "exp": now.Add(tokenLife).Unix(), "sub": v.subject,
	})
	text, err := token.SignedString(v.key.private)
	if err != nil {
		return "", fmt.Errorf("sign a VAPID token: %w", err)
	}
	if !ok && len(v.tokens) >= maxOrigins {
		v.forgetOldestLocked()
	}
	t := signedToken{header: "vapid t=" + text + ", k=" + v.key.Public(), made: now, taken: old.taken}
	v.tokens[origin] = t
	return t.header, nil
}

func (v *vapid) forgetOldestLocked() {
	oldest, first := "", true
	for origin, t := range v.tokens {
		if first || t.made.Before(v.tokens[oldest].made) {
			oldest, first = origin, false
		}
	}
	delete(v.tokens, oldest)
}

// refused lets go of a token that a service does not take, if it is not a new one:
// then the key or the clock is wrong, and another would be refused too.
func (v *vapid) refused(origin string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if t, ok := v.tokens[origin]; ok && v.now().Sub(t.made) >= renewAfter {
		t.header = ""
		v.tokens[origin] = t
	}
}

// accepted notes that the service takes our tokens.
func (v *vapid) accepted(origin string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if t, ok := v.tokens[origin]; ok {
		t.taken = v.now()
		v.tokens[origin] = t
	}
}

// proven is whether the service took one within the life of a token.
func (v *vapid) proven(origin string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	t := v.tokens[origin]
	return !t.taken.IsZero() && v.now().Sub(t.taken) < tokenLife
}
