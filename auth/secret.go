package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"

	"rambla/social"
)

// A token is a prefix that says its kind, 32 random bytes and a checksum, in
// base64url: rbl_ or rbr_, 43 and 6 characters. The checksum (CRC-32 of all
// that precedes it) lets secret scanners tell tokens from lookalikes, and us
// refuse a mistyped one without asking the store.
const (
	accessPrefix  = "rbl_"
	refreshPrefix = "rbr_"
	prefixChars   = 4
	randomChars   = 43
	secretChars   = prefixChars + randomChars + 6
)

var tokenEncoding = base64.RawURLEncoding.Strict()

// newSecret makes a token of that kind.
func newSecret(kind social.TokenKind) string {
	prefix := accessPrefix
	if kind == social.TokenRefresh {
		prefix = refreshPrefix
	}
	return seal(prefix, randomBytes(32))
}

func seal(prefix string, random []byte) string {
	s := tokenEncoding.AppendEncode([]byte(prefix), random)
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(s))
	return string(tokenEncoding.AppendEncode(s, sum))
}

// parseSecret is the kind and the hash of a token; ok is false for what is none.
func parseSecret(s string) (kind social.TokenKind, hash [32]byte, ok bool) {
	if len(s) != secretChars {
		return 0, hash, false
	}
	switch s[:prefixChars] {
	case accessPrefix:
		kind = social.TokenAccess
	case refreshPrefix:
		kind = social.TokenRefresh
	default:
		return 0, hash, false
	}
	random, err := tokenEncoding.DecodeString(s[prefixChars : prefixChars+randomChars])
	if err != nil || seal(s[:prefixChars], random) != s {
		return 0, hash, false
	}
	return kind, sha256.Sum256([]byte(s)), true
}

// LooksLikeToken tells whether s is written as our tokens are, living or not. The
// password field of CONNECT carries either a token or the account's password.
func LooksLikeToken(s string) bool {
	_, _, ok := parseSecret(s)
	return ok
}
