// Package backup writes and reads the archive of a site: a tar of a manifest, of
// the parts, and of the SHA-256 of each. It knows nothing of what the parts are.
//
// The first entry is manifest.json, so that a reader knows at once whether the
// archive is for it; the last is SHA256SUMS, as sha256sum writes and checks it, so
// that one that was cut short is known by its absence. Nothing is compressed:
// pictures are already, and what stores backups compresses and finds what it has
// better than we would.
//
// It starts no goroutines and keeps no list of the parts in memory.
package backup
