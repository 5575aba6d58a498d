package storage

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"rambla/social"
)

// failure gives err its Kind, once: what may pass is KindUnavailable, so that
// nobody is told that something was done, or can never be done, when nobody
// knows. What is a *social.Error already stays as it is.
func failure(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*social.Error](err); ok {
		return err
	}
	if mayPass(err) {
		return social.Unavailable(err)
	}
	if beyondLimits(err) {
		return &social.Error{Kind: social.KindInvalid, Safe: "Something in the request is longer than can be stored.", Err: err}
	}
	return &social.Error{Kind: social.KindInternal, Safe: social.Safe(err), Err: err}
}

func mayPass(err error) bool {
	if lostRace(err) { // more often than anybody tried again
		return true
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return passingState(pg.Code)
	}
	if lite, ok := errors.AsType[*sqlite.Error](err); ok {
		return passingCode(lite.Code())
	}
	if _, ok := errors.AsType[pgx.ScanArgError](err); ok {
		return false
	}
	if _, ok := errors.AsType[*brokenRuleError](err); ok {
		return false
	}
	// What is left came from the network, from a pool or from a deadline.
	return !errors.Is(err, errNoRow)
}

// brokenRuleError is a fault of ours that no repetition mends.
type brokenRuleError struct{ text string }

func (e *brokenRuleError) Error() string { return e.text }

// passingState goes by the class of an SQLSTATE (PostgreSQL documentation,
// appendix A).
func passingState(state string) bool {
	switch state {
	case "25006", // read-only transaction: this server has become a standby
		"55P03", // lock not available
		"42501": // permissions are mended by an operator, not by the client
		return true
	}
	switch state[:min(2, len(state))] {
	case "08", // connection exception
		"40", // transaction rollback: serialization, deadlock
		"53", // insufficient resources: disk full, too many connections
		"57", // operator intervention: shutdown, cannot connect now, cancelled
		"58": // system error: I/O
		return true
	}
	return false
}

func passingCode(code int) bool {
	switch code & 0xff {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_INTERRUPT, lib.SQLITE_IOERR, lib.SQLITE_FULL,
		lib.SQLITE_CANTOPEN, lib.SQLITE_PROTOCOL, lib.SQLITE_NOMEM, lib.SQLITE_READONLY:
		return true
	}
	return false
}

// diskFull tells whether err says that there is no room left.
func diskFull(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == "53100"
	}
	lite, ok := errors.AsType[*sqlite.Error](err)
	return ok && lite.Code()&0xff == lib.SQLITE_FULL
}

// fileBusy tells whether another process has the embedded store.
func fileBusy(err error) bool {
	lite, ok := errors.AsType[*sqlite.Error](err)
	return ok && lite.Code()&0xff == lib.SQLITE_BUSY
}

// beyondLimits tells whether a CHECK of the schema has refused a value.
func beyondLimits(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == "23514"
	}
	lite, ok := errors.AsType[*sqlite.Error](err)
	return ok && lite.Code() == lib.SQLITE_CONSTRAINT_CHECK
}

// deadlock tells whether the database has ended one.
func deadlock(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "40P01"
}

// lostRace tells whether the same transaction may go through when it is run
// again at once: somebody else committed something between.
func lostRace(err error) bool {
	if errors.Is(err, errSessionMoved) || errors.Is(err, errClaimMoved) {
		return true
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	switch pg.Code {
	case "40001", "40P01":
		return true
	case "23505":
		// Two nodes used an idempotency key, or made a session, at the same moment,
		// or a publish and its repeat came together; or two people registered a device.
		switch pg.ConstraintName {
		case "keys_pkey", "sessions_name", "inbound_pkey", "devices_hash_key":
			return true
		}
	}
	return false
}

// notFound makes the error about something that is not there (any more).
func notFound(what string) *social.Error {
	return social.Errorf(social.KindNotFound, "There is no such %s.", what)
}

// orNotFound turns an empty result into KindNotFound.
func orNotFound(err error, what string) error {
	if errors.Is(err, errNoRow) {
		return notFound(what)
	}
	return err
}

// outlive is a context for work that has begun and is to end, with a limit of
// its own: a request that was given up must not cut a transaction in two.
func outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), transactionLimit)
}
