package auth

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"rambla/social"
)

// MediaLife is how long a media token lives.
const MediaLife = time.Hour

const mediaPrefix = "rbm_"

// Media makes tokens that stand in addresses, where a page cannot send a header: of
// pictures and downloads. They are good for reading those and nothing else, since
// nothing else takes them, and say to nobody whose they are: what they hold is sealed.
// They end with the login that they were asked for by, or sooner. It is safe for
// concurrent use.
type Media struct {
	seal      cipher.AEAD
	authority *Authority
	now       func() time.Time
}

// NewMedia takes a secret of the site, which every node has to have.
func NewMedia(secret social.Secret, authority *Authority, now func() time.Time) (*Media, error) {
	key := hmac.New(sha256.New, []byte(secret))
	key.Write([]byte("media tokens"))
	block, err := aes.NewCipher(key.Sum(nil))
	if err != nil {
		return nil, fmt.Errorf("media tokens: %w", err)
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("media tokens: %w", err)
	}
	return &Media{seal, authority, now}, nil
}

// Mint makes a token of whoever asks; who may read nothing gets none: KindForbidden.
func (m *Media) Mint(a social.Actor) (token string, expires time.Time, err error) {
	switch {
	case a.Creator != 0:
		return "", time.Time{}, social.Errorf(social.KindForbidden, "Media tokens are for oneself.")
	case !a.Scopes.Reads():
		return "", time.Time{}, social.Errorf(social.KindForbidden, "This token's scopes do not allow it.")
	}
	expires = m.now().Add(MediaLife).Truncate(time.Second)
	var plain []byte
	for _, v := range []int64{int64(a.Person), int64(a.Grant), expires.Unix()} {
		plain = binary.BigEndian.AppendUint64(plain, uint64(v)) //nolint:gosec // the same bits
	}
	return mediaPrefix + tokenEncoding.EncodeToString(m.seal.Seal(nil, nil, plain, []byte(mediaPrefix))), expires, nil
}

// Authenticate tells for whom a token reads. KindUnauthenticated; it blocks for the
// store.
func (m *Media) Authenticate(ctx context.Context, token string) (Identity, error) {
	text, ok := strings.CutPrefix(token, mediaPrefix)
	sealed, err := tokenEncoding.DecodeString(text)
	if !ok || err != nil {
		return Identity{}, badToken()
	}
	plain, err := m.seal.Open(nil, nil, sealed, []byte(mediaPrefix))
	if err != nil || len(plain) != 24 {
		return Identity{}, badToken()
	}
	var v [3]int64
	for i := range v {
		v[i] = int64(binary.BigEndian.Uint64(plain[8*i:])) //nolint:gosec // the same bits
	}
	if !m.now().Before(time.Unix(v[2], 0)) {
		return Identity{}, badToken()
	}
	return m.authority.Recall(ctx, social.PersonKey(v[0]), social.GrantKey(v[1]))
}

// NewSiteSecret makes what a site signs with, for a store to keep.
func NewSiteSecret() social.Secret {
	return social.Secret(tokenEncoding.EncodeToString(randomBytes(32)))
}

// SiteLinkKey is the key of links that a site has without any being configured.
func SiteLinkKey(secret social.Secret) LinkKey {
	key := hmac.New(sha256.New, []byte(secret))
	key.Write([]byte("signed links"))
	return LinkKey{ID: "site", Secret: key.Sum(nil)}
}
