// Package storagetest opens stores for tests and holds the contract that both
// engines keep.
//
// Every store that it opens is verified and closed when its test ends, so that a
// test of anything also tests the invariants. A PostgreSQL that cannot be had fails
// the test: it is not skipped.
package storagetest
