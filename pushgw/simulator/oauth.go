package simulator

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// OAuth is Google's token endpoint; scripts for it are Everyone's.
const OAuth = "oauth"

// Project is the Firebase project of fcm.json.
const Project = "demo-project"

const (
	scopeMessaging = "https://www.googleapis.com/auth/firebase.messaging"
	grantType      = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	accountName    = "push@" + Project + ".iam.gserviceaccount.com"
	accountKeyID   = "0123456789abcdef"
	maxGrantLife   = time.Hour
)

// oauth gives out access tokens for grants signed with the key of fcm.json.
type oauth struct {
	key *rsa.PrivateKey

	mu     sync.Mutex // guards the rest
	life   time.Duration
	tokens map[string]accessToken
	scopes []string // asked for, each once
}

type accessToken struct {
	ends time.Time
	may  bool // send
}

func newOAuth() (*oauth, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return &oauth{key: key, life: time.Hour, tokens: map[string]accessToken{}}, nil
}

// account is a service account's file as Google makes it.
func (o *oauth) account(tokenURL string) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(o.key)
	if err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	return json.MarshalIndent(map[string]string{
		"type": "service_account", "project_id": Project, "private_key_id": accountKeyID,
		"private_key":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email": accountName, "client_id": "1", "token_uri": tokenURL,
	}, "", "  ")
}

// RevokeTokens makes every access token given so far worthless, before its time.
func (s *Simulator) RevokeTokens() {
	s.oauth.mu.Lock()
	defer s.oauth.mu.Unlock()
	clear(s.oauth.tokens)
}

// SetTokenLife is for access tokens from now on; an hour if it is never called.
func (s *Simulator) SetTokenLife(d time.Duration) {
	s.oauth.mu.Lock()
	defer s.oauth.mu.Unlock()
	s.oauth.life = d
}

// Scopes are what access tokens were asked for.
func (s *Simulator) Scopes() []string {
	s.oauth.mu.Lock()
	defer s.oauth.mu.Unlock()
	return slices.Clone(s.oauth.scopes)
}

func (s *Simulator) serveOAuth() (err error) {
	if s.oauth, err = newOAuth(); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		reply, delay := s.scripts.next(OAuth, Everyone)
		if reply.BlackHole {
			s.hang(r)
		}
		if !wait(r.Context(), delay) {
			return
		}
		for k, v := range reply.Header {
			w.Header().Set(k, v)
		}
		switch {
		case reply.Body != "":
			w.WriteHeader(reply.Status)
			_, _ = w.Write([]byte(reply.Body)) // the client is gone
		case reply.Status != 0 && reply.Status != http.StatusOK:
			refuseGrant(w, reply.Status, reply.Reason)
		default:
			s.grant(w, r)
		}
	})
	if err := s.serveHTTP(OAuth, mux); err != nil {
		return err
	}
	account, err := s.oauth.account(s.URL(OAuth) + "/token")
	if err != nil {
		return err
	}
	return s.write("fcm.json", account)
}

func refuseGrant(w http.ResponseWriter, status int, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": reason, "error_description": "simulated"}) // the client is gone
}

func (s *Simulator) grant(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if r.PostFormValue("grant_type") != grantType {
		refuseGrant(w, http.StatusBadRequest, "unsupported_grant_type")
		return
	}
	scope, reason := s.oauth.check(r.PostFormValue("assertion"), s.URL(OAuth)+"/token", time.Now())
	if reason != "" {
		refuseGrant(w, http.StatusBadRequest, reason)
		return
	}
	token, life := s.oauth.give(scope)
	s.ledger.count(FCM, func(c *Counts) { c.TokenFetches++ })
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{ // the client is gone
		"access_token": token, "token_type": "Bearer", "expires_in": int(life / time.Second),
	})
}

// check verifies a grant (RFC 7523) and returns its scope, or why it is none.
func (o *oauth) check(assertion, audience string, now time.Time) (scope, refused string) {
	const bad = "invalid_grant"
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return "", bad
	}
	var head struct {
		Alg string `json:"alg"`
		Kid string `json:"kid"`
	}
	var claims struct {
		Iss   string `json:"iss"`
		Scope string `json:"scope"`
		Aud   string `json:"aud"`
		Iat   int64  `json:"iat"`
		Exp   int64  `json:"exp"`
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !decodePart(parts[0], &head) || !decodePart(parts[1], &claims) || head.Alg != "RS256" || head.Kid != accountKeyID {
		return "", bad
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if rsa.VerifyPKCS1v15(&o.key.PublicKey, crypto.SHA256, digest[:], signature) != nil || claims.Iss != accountName || claims.Aud != audience {
		return "", bad
	}
	issued, ends := time.Unix(claims.Iat, 0), time.Unix(claims.Exp, 0)
	if issued.After(now.Add(tokenSkew)) || ends.Before(now) || ends.Sub(issued) > maxGrantLife {
		return "", bad
	}
	if claims.Scope == "" {
		return "", "invalid_scope"
	}
	return claims.Scope, ""
}

func (o *oauth) give(scope string) (string, time.Duration) {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails since Go 1.24
	token := "ya29." + hex.EncodeToString(b)
	asked := strings.Fields(scope)
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, one := range asked {
		if !slices.Contains(o.scopes, one) {
			o.scopes = append(o.scopes, one)
		}
	}
	o.tokens[token] = accessToken{time.Now().Add(o.life), slices.Contains(asked, scopeMessaging)}
	return token, o.life
}

// reason is why a request with this Authorization is not let in.
func (o *oauth) reason(authorization string, now time.Time) (int, string) {
	text, _ := strings.CutPrefix(authorization, "Bearer ")
	o.mu.Lock()
	token, ok := o.tokens[text]
	o.mu.Unlock()
	switch {
	case !ok || now.After(token.ends):
		return http.StatusUnauthorized, "UNAUTHENTICATED"
	case !token.may:
		return http.StatusForbidden, "PERMISSION_DENIED"
	}
	return 0, ""
}
