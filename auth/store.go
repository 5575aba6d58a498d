package auth

import (
	"context"
	"time"

	"rambla/social"
)

// Passwords keeps one hash per account.
type Passwords interface {
	// PasswordHash is empty where the person has none or does not exist.
	PasswordHash(ctx context.Context, person social.PersonKey) (string, error)
	// SetPasswordHash replaces the hash (empty removes it) and ends every grant
	// of kind GrantPassword, in one transaction with its changes.
	SetPasswordHash(ctx context.Context, person social.PersonKey, hash string, now time.Time) error
}

// Grants keeps grants and the hashes of their tokens.
type Grants interface {
	// CreateGrant stores a grant with its first tokens; their Grant is filled in.
	CreateGrant(ctx context.Context, g social.Grant, tokens []social.Token) (social.GrantKey, error)
	// FindToken is KindNotFound where no token has that hash. Ended grants and
	// expired tokens are returned as they are.
	FindToken(ctx context.Context, hash [32]byte) (social.Token, social.Grant, error)
	// Rotate marks the refresh token used and stores its successors. Where it
	// was used before or its grant has ended, it stores nothing, ends the grant
	// with its change, and fresh is false.
	Rotate(ctx context.Context, refresh [32]byte, successors []social.Token, now time.Time) (fresh bool, err error)
	// EndGrant ends a grant and deletes its tokens, with its change; ending an
	// ended one does nothing.
	EndGrant(ctx context.Context, key social.GrantKey, now time.Time) error
	// GrantsOf lists the person's living grants, newest first, at most limit.
	GrantsOf(ctx context.Context, person social.PersonKey, limit int) ([]social.Grant, error)
}
