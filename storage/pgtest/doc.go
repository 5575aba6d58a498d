//go:build unix

// Package pgtest gives tests a real PostgreSQL: a fresh, empty database each,
// or a whole server that a test may kill.
//
// Where RAMBLA_TEST_DATABASE names a server, databases are made there. Where it
// is not set, the package starts a throw-away cluster from the binaries that are
// installed and shares it between all test processes of the user. A missing
// PostgreSQL fails the test with the command that installs it: a skipped store
// is an untested store.
//
// Commits are as durable as in production, because the tests of crashes and of
// acknowledgements mean nothing otherwise. RAMBLA_TEST_FSYNC=off trades that for
// speed on slow disks.
//
// Whoever calls [Start] owns the server and stops it. The shared cluster belongs
// to a process of its own (see keeper.go), which outlives the test binary that
// started it and ends when nobody has used the cluster for a while.
//
// The package knows nothing of Rambla's schema and imports nothing of ours.
package pgtest
