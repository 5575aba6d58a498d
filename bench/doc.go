// Package bench puts load on one's own server and says what came of it: how
// many publishes a second are acknowledged, how soon, how many deliveries
// arrive, whether each of them arrived once and in order, and what the server
// spent on each.
//
// It shares the machine with what it measures, so its own cost per packet has
// to stay far below the server's. Hence no MQTT library: packets are patched
// templates, one write carries as many as there are, and one goroutine reads
// for many connections into one buffer. Every report gives the generator's own
// CPU beside the server's, so that a reader can tell which of the two was the
// limit.
//
// It knows MQTT and a few REST calls and nothing else of the server, so that
// another broker can be measured by the same generator. Every function runs
// the goroutines it needs and has waited for all of them when it returns; all
// of them end when the context does. Loads are bounded in connections, posts
// and time by Options.
package bench
