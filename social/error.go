package social

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what the caller of a failed use case should do; each transport has
// one table from Kind to its own codes.
type Kind uint8

const (
	KindInternal        Kind = iota // a fault of ours; the zero value fails closed
	KindInvalid                     // mend the request
	KindUnauthenticated             // sign in (again)
	KindForbidden                   // ask for the right
	KindNotFound                    // it does not exist, or not for you
	KindConflict                    // it clashes with what is there
	KindTooLarge                    // send less
	KindRateLimited                 // wait
	KindUnavailable                 // the same request may succeed later
	KindStale                       // what it was made for has changed; read that again
	kindCount
)

var kindCodes = [kindCount]string{
	KindInternal: "internal", KindInvalid: "invalid", KindUnauthenticated: "unauthenticated",
	KindForbidden: "forbidden", KindNotFound: "not_found", KindConflict: "conflict",
	KindTooLarge: "too_large", KindRateLimited: "rate_limited", KindUnavailable: "unavailable",
	KindStale: "precondition_failed",
}

// String is the stable code of the kind, as REST's problem documents carry it.
func (k Kind) String() string {
	if k < kindCount {
		return kindCodes[k]
	}
	return kindCodes[KindInternal]
}

// Kinds lists every kind, so that each can have a counter that starts at 0.
func Kinds() []Kind {
	out := make([]Kind, kindCount)
	for i := range out {
		out[i] = Kind(i)
	}
	return out
}

// Field names one wrong member of a request.
type Field struct {
	Name   string // as the client wrote it, e.g. "permissions.write"
	Detail string
}

// Error is what crosses a package boundary: a Kind to act on, a sentence that
// the user may read, and a cause that only the log may.
type Error struct {
	Kind       Kind
	Safe       string        // a sentence that says what to do; never empty
	Fields     []Field       // for KindInvalid, which members are wrong
	RetryAfter time.Duration // for KindRateLimited and KindUnavailable; 0 = unknown
	Err        error         // the cause; may be nil
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Kind.String() + ": " + e.Safe + ": " + e.Err.Error()
	}
	return e.Kind.String() + ": " + e.Safe
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error without a cause; the formatted text is shown to users.
func Errorf(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Safe: fmt.Sprintf(format, args...)}
}

// Invalid makes a KindInvalid error about one field.
func Invalid(field, format string, args ...any) *Error {
	detail := fmt.Sprintf(format, args...)
	return &Error{Kind: KindInvalid, Safe: field + ": " + detail, Fields: []Field{{Name: field, Detail: detail}}}
}

// Unavailable wraps a failure that may pass, such as a store that is away.
func Unavailable(err error) *Error {
	return &Error{Kind: KindUnavailable, Safe: "The server cannot reach its database; try again shortly.", Err: err}
}

// KindOf is the kind of err: KindInternal for an error that carries none.
// It must not be asked about nil.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return KindInternal
}

// KindOrNil is KindOf for an error that may be nil, which has no kind of its own.
func KindOrNil(err error) Kind {
	if err == nil {
		return kindCount
	}
	return KindOf(err)
}

// Safe is the sentence of err that a user may read.
func Safe(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Safe
	}
	return "Something went wrong on the server; the operators can find it in the log."
}
