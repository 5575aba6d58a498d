// Package storage keeps everything that Rambla must not forget, in PostgreSQL
// or, for one node, in an SQLite file of the data directory. It implements the
// interfaces that social and auth declare and knows their types, but no rule:
// who may do what was decided before a call arrives here.
//
// There is one [DB] and two engines behind it. Nearly all statements are one SQL
// text in the subset that both databases run, through the small layer of conn.go;
// they stand in the file of their noun. What decides speed, the append of posts
// and samples and the writes of sessions, is written per engine
// (append_postgres.go, session_sqlite.go and so on) around one
// engine-independent plan (append.go, session_batch.go).
//
// # Order of locks
//
// On PostgreSQL transactions run side by side. Every one of them takes its row
// locks in this order, so that no two can wait for each other:
//
//  1. site, by whoever changes rights ([DB.change])
//  2. people, in ascending order of their keys; spaces, members, overrides
//  3. grants, one at a time unless site is held; then their tokens
//  4. streams, in ascending order of their keys
//  5. posts of those streams, and what hangs on them
//  6. idempotency keys, in ascending order
//  7. nodes; then sessions, in the order of their names, by an append only so
//     that they stay and by ascending id; then packets that wait for their PUBREL
//
// Rows of pushes are locked in the order of person and stream, and devices in that of
// their keys. Appends begin at 4 and never go back; of sessions, new ones have their
// person locked first. What a statement asks of a row before it deletes or changes it
// is asked of the row itself, or the row is locked first: PostgreSQL does not ask a
// subquery again after it has waited for whoever wrote the row. Deletions of old rows
// skip what somebody else has locked. A transaction that loses a race all the same (two
// nodes, one idempotency key, or one new session) is run again. On SQLite there is one
// writer.
//
// # Goroutines
//
// Open starts one on SQLite, the checkpointer; Close waits for it. Methods may
// be called from any goroutine. A request's context bounds the wait for a
// connection; a transaction that has begun is finished, or given up after
// a limit of its own, whatever becomes of the request.
package storage
