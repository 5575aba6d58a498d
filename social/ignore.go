package social

import "time"

// NewIgnores makes the use cases on whom people ignore. To ignore somebody is to mute a
// person: what that one writes is pushed to nobody who ignores it, also where it
// mentions or answers them, and is left out of their timelines. It is of one side, and
// nobody else notices.
//
// What one asks for by name stays whole: the topics, logs and lists of a space, with
// their numbers, and how much is unread there, which counts the very same posts. What
// the space says by the hand of somebody is not that person's.
func NewIgnores(dir *Directory, store BlockStore, now func() time.Time) *Blocks {
	return &Blocks{dir: dir, store: store, ignored: true, now: now}
}

// ignoredBy are those whom the person ignores; nil for nobody.
func (d *Directory) ignoredBy(person PersonKey) []PersonKey {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var out []PersonKey
	for _, b := range d.ignores[person] {
		out = append(out, b.Blocked)
	}
	return out
}

// ignoresPost tells whether the person ignores what the post says.
func (d *Directory) ignoresPost(person PersonKey, p *Post) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return !p.AsSpace && blocks(d.ignores[person], p.Author)
}

// ignoresAny tells whether the person ignores anybody.
func (d *Directory) ignoresAny(person PersonKey) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.ignores[person]) > 0
}
