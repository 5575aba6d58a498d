package auth

import (
	"sync"
	"time"
)

// lru is a bounded map that forgets what was not touched for longest. It is
// not safe for concurrent use: its owner has the lock.
type lru[K comparable, V any] struct {
	limit int
	nodes map[K]*node[K, V]
	root  node[K, V] // of a ring: root.next is the newest, root.prev the oldest
}

type node[K comparable, V any] struct {
	key        K
	value      V
	prev, next *node[K, V]
}

func newLRU[K comparable, V any](limit int) *lru[K, V] {
	l := &lru[K, V]{limit: limit, nodes: map[K]*node[K, V]{}}
	l.root.prev, l.root.next = &l.root, &l.root
	return l
}

// get is a pointer to the value, valid until the key is dropped; nil where it
// is not there.
func (l *lru[K, V]) get(k K) *V {
	n := l.nodes[k]
	if n == nil {
		return nil
	}
	n.unlink()
	n.linkAfter(&l.root)
	return &n.value
}

// put sets a value. Where the map is full, the oldest entry makes room and is
// returned.
func (l *lru[K, V]) put(k K, v V) (oldKey K, old V, evicted bool) {
	if at := l.get(k); at != nil {
		*at = v
		return oldKey, old, false
	}
	if len(l.nodes) >= l.limit {
		oldest := l.root.prev
		oldKey, old, evicted = oldest.key, oldest.value, true
		l.drop(oldKey)
	}
	n := &node[K, V]{key: k, value: v}
	n.linkAfter(&l.root)
	l.nodes[k] = n
	return oldKey, old, evicted
}

func (l *lru[K, V]) drop(k K) {
	if n := l.nodes[k]; n != nil {
		n.unlink()
		delete(l.nodes, k)
	}
}

func (n *node[K, V]) unlink() { n.prev.next, n.next.prev = n.next, n.prev }

func (n *node[K, V]) linkAfter(at *node[K, V]) {
	n.prev, n.next = at, at.next
	n.prev.next, n.next.prev = n, n
}

// cache remembers answers for a while. It is safe for concurrent use.
type cache[K comparable, V any] struct {
	life time.Duration
	now  func() time.Time

	mu      sync.Mutex // guards what follows
	entries *lru[K, dated[V]]
	drops   uint64
}

type dated[V any] struct {
	value V
	until time.Time
}

func newCache[K comparable, V any](limit int, life time.Duration, now func() time.Time) *cache[K, V] {
	return &cache[K, V]{life: life, now: now, entries: newLRU[K, dated[V]](limit)}
}

// get also returns a mark for putSince, to be taken before the answer is
// looked up elsewhere.
func (c *cache[K, V]) get(k K) (v V, mark uint64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.entries.get(k); d != nil {
		if c.now().Before(d.until) {
			return d.value, c.drops, true
		}
		c.entries.drop(k)
	}
	return v, c.drops, false
}

func (c *cache[K, V]) put(k K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.putLocked(k, v)
}

// putSince stores nothing, and is false, where anything was dropped since mark:
// the answer may have been read before the change that the drop was about.
func (c *cache[K, V]) putSince(mark uint64, k K, v V) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if mark != c.drops {
		return false
	}
	c.putLocked(k, v)
	return true
}

func (c *cache[K, V]) putLocked(k K, v V) {
	c.entries.put(k, dated[V]{v, c.now().Add(c.life)})
}

func (c *cache[K, V]) drop(k K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	c.entries.drop(k)
}
