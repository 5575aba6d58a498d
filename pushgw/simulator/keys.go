package simulator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"time"
)

// Team and KeyID are of the APNs key in apns.p8.
const (
	Team  = "TEAM123456"
	KeyID = "KEY1234567"
)

// keys are the credentials that the simulator accepts.
type keys struct {
	apnsPEM []byte
	apns    *ecdsa.PublicKey

	mu       sync.Mutex // guards verified
	verified map[string]time.Time
}

// maxVerified is how many tokens are remembered as genuine; then all are
// forgotten, and verified again.
const maxVerified = 1024

func newKeys() (*keys, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	return &keys{
		apnsPEM:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		apns:     &key.PublicKey,
		verified: map[string]time.Time{},
	}, nil
}

// Times of a provider token: Apple takes one for an hour, and one from the near
// future, as clocks differ.
const (
	tokenLife = time.Hour
	tokenSkew = 5 * time.Minute
)

// check is what APNs says about an Authorization header: a reason, empty where it is good.
func (k *keys) check(header string, now time.Time) string {
	token, ok := strings.CutPrefix(header, "bearer ")
	if !ok || token == "" {
		return "MissingProviderToken"
	}
	k.mu.Lock()
	issued, known := k.verified[token]
	k.mu.Unlock()
	if !known {
		if issued, ok = verifyES256(token, k.apns, KeyID, Team); !ok {
			return "InvalidProviderToken"
		}
		k.mu.Lock()
		if len(k.verified) >= maxVerified {
			clear(k.verified)
		}
		k.verified[token] = issued
		k.mu.Unlock()
	}
	if age := now.Sub(issued); age > tokenLife || age < -tokenSkew {
		return "ExpiredProviderToken"
	}
	return ""
}

// verifyES256 reads a JWT (RFC 7519) signed with ES256 (RFC 7518 section 3.4).
func verifyES256(token string, key *ecdsa.PublicKey, kid, issuer string) (issued time.Time, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}, false
	}
	var header struct{ Alg, Kid string }
	var claims struct {
		Iss string
		Iat int64
	}
	if !decodePart(parts[0], &header) || !decodePart(parts[1], &claims) {
		return time.Time{}, false
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(signature) != 64 || header.Alg != "ES256" || header.Kid != kid || claims.Iss != issuer {
		return time.Time{}, false
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	return time.Unix(claims.Iat, 0), ecdsa.Verify(key, digest[:], r, s)
}

func decodePart(part string, into any) bool {
	b, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(b, into) == nil
}
