// Package check meets a running server as many clients at once, writes down what
// each of them sent and saw, and then verifies that history: nothing lost, nothing
// twice, nothing out of order, nothing delivered without the right to it, nothing
// acknowledged or announced that the log does not hold, and sessions that are what
// the server says they are. Each promise is a rule: a function over the history
// that names the first message which breaks it.
//
// It uses MQTT and REST and nothing else of the server. The server may be killed,
// restarted or cut off from its database meanwhile: a client that finds nobody
// comes again, and what was not acknowledged has an outcome that nobody knows.
// Connections are cut, left half open and taken over by the check itself.
//
// [Run] starts one goroutine per client, one per connection that reads, one per
// publisher over REST, one that changes rights and a few that look up in the log
// what was just told; it has waited for all of them when it returns. What it
// keeps grows with the traffic, some 200 bytes per packet, so a run is bounded
// by Options.For.
package check
