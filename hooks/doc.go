// Package hooks answers the broker's questions from the rules of social: who
// connects, who may publish, subscribe and receive, and what a publish becomes.
// It translates and decides nothing of its own beyond the topic grammar's
// meaning; acl.go is the one place where the four decisions stand.
//
// Its methods run on the goroutines of the broker, the committer and the
// directory; it has none of its own except Expire, run by whoever wires it.
package hooks
