// Package social holds Rambla's words and rules: people, spaces (outside they
// are called contexts), streams, posts, members and permissions, and the use
// cases on them.
//
// It knows no SQL, no MQTT and no HTTP, and imports the standard library only.
// The transports translate into its types and the store implements the small
// interfaces it declares, so every rule stands here once and is tested without
// a machine. Its goroutines are the shards of [Committer] and the loop of
// [Directory.Watch]; both are run, and waited for, by whoever calls them.
package social
