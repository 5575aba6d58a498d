package simulator

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
)

// Subscription is a browser's PushSubscription, as it prints itself.
type Subscription struct {
	Endpoint       string `json:"endpoint"`
	ExpirationTime *int64 `json:"expirationTime"` // milliseconds; null: never
	Keys           struct {
		P256dh string `json:"p256dh"`
		Auth   string `json:"auth"`
	} `json:"keys"`
}

// ID is the token of scripts and counts: the last part of the endpoint.
func (s Subscription) ID() string {
	for i := len(s.Endpoint) - 1; i >= 0; i-- {
		if s.Endpoint[i] == '/' {
			return s.Endpoint[i+1:]
		}
	}
	return s.Endpoint
}

// browser is one that has subscribed.
type browser struct {
	key    *ecdh.PrivateKey
	auth   []byte
	server string // the application server's public key, in base64url; empty: any
}

type browsers struct {
	mu  sync.Mutex          // guards all
	all map[string]*browser // nil: has unsubscribed
}

func newBrowsers() *browsers { return &browsers{all: map[string]*browser{}} }

func (b *browsers) find(id string) (*browser, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	one, known := b.all[id]
	return one, known
}

// Subscribe makes a subscription that takes pushes signed with the key of the
// application server (in base64url, as GET /v1/info tells it), or with any for "".
func (s *Simulator) Subscribe(serverKey string) (Subscription, error) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return Subscription{}, fmt.Errorf("make a key: %w", err)
	}
	one := &browser{key: key, auth: make([]byte, 16), server: serverKey}
	_, _ = rand.Read(one.auth) // never fails since Go 1.24
	id := newUUID()
	s.browsers.mu.Lock()
	s.browsers.all[id] = one
	s.browsers.mu.Unlock()
	sub := Subscription{Endpoint: s.URL(WebPush) + "/push/" + id}
	sub.Keys.P256dh = base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes())
	sub.Keys.Auth = base64.RawURLEncoding.EncodeToString(one.auth)
	return sub, nil
}

// Unsubscribe has pushes to the subscription answered with 410 from then on.
func (s *Simulator) Unsubscribe(id string) {
	s.browsers.mu.Lock()
	defer s.browsers.mu.Unlock()
	s.browsers.all[id] = nil
}

var errSealed = errors.New("not encrypted for this browser")

// decrypt is RFC 8291 over RFC 8188 from the receiver's side, for one record.
func (b *browser) decrypt(body []byte) ([]byte, error) {
	const head = 16 + 4 + 1
	if len(body) < head {
		return nil, errSealed
	}
	salt, size, idLen := body[:16], binary.BigEndian.Uint32(body[16:20]), int(body[20])
	if len(body) < head+idLen || size < uint32(len(body)-head-idLen) { //nolint:gosec // some kilobytes
		return nil, errSealed
	}
	sender, err := ecdh.P256().NewPublicKey(body[head : head+idLen])
	if err != nil {
		return nil, errSealed
	}
	shared, err := b.key.ECDH(sender)
	if err != nil {
		return nil, errSealed
	}
	info := "WebPush: info\x00" + string(b.key.PublicKey().Bytes()) + string(sender.Bytes())
	secret, err := hkdf.Key(sha256.New, shared, b.auth, info, 32)
	if err != nil {
		return nil, fmt.Errorf("derive the secret: %w", err)
	}
	key, err := hkdf.Key(sha256.New, secret, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, fmt.Errorf("derive the key: %w", err)
	}
	nonce, err := hkdf.Key(sha256.New, secret, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, fmt.Errorf("derive the nonce: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("set up AES: %w", err)
	}
	sealed, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("set up GCM: %w", err)
	}
	plain, err := sealed.Open(nil, nonce, body[head+idLen:], nil)
	if err != nil {
		return nil, errSealed
	}
	for i := len(plain) - 1; i >= 0; i-- { // padding ends in the delimiter of the last record
		switch plain[i] {
		case 0:
		case 2:
			return plain[:i], nil
		default:
			return nil, errSealed
		}
	}
	return nil, errSealed
}
