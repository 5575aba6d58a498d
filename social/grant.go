package social

import "time"

// GrantKind says how a grant came to be.
type GrantKind uint8

const (
	GrantPassword GrantKind = iota + 1 // signed in with the password; refreshed
	GrantClient                        // client_credentials of a service account
	GrantNamed                         // a long-lived token for a device or script
)

// Grant is one act of letting somebody in: a login or a named token. The
// tokens that prove it come and go; connections end when it does.
type Grant struct {
	Key     GrantKey
	ID      ID // its public name
	Person  PersonKey
	Kind    GrantKind
	Name    string // of a named token
	Scopes  string // space-separated, sorted; empty = all that the person has
	Created time.Time
	Expires time.Time // zero: when refreshing stops
	Used    time.Time // last seen, to the hour
	Ended   time.Time // zero: it holds
}

// TokenKind tells an access token from a refresh token.
type TokenKind uint8

const (
	TokenAccess TokenKind = iota + 1
	TokenRefresh
)

// Token is a stored credential: only a hash of it is known.
type Token struct {
	Hash    [32]byte // SHA-256 of the secret
	Grant   GrantKey
	Kind    TokenKind
	Expires time.Time
	Used    time.Time // of a refresh token that was exchanged; zero: never
}
