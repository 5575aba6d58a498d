package broker

import (
	"container/list"
	"context"
	"sort"
	"sync"
	"time"

	"rambla/social"
)

// pageSeqs is how many seqs of a stream one page spans.
const pageSeqs = 128

// mostFramed is up to what size, in bytes, entries are kept framed.
const mostFramed = 8 << 10

// pageLife is how long a page may be used. What it shows of people's names may
// be as old; edits and removals take effect at once, see forget.
const pageLife = 5 * time.Second

// pageBytes is what a page takes that holds nothing.
const pageBytes = 512

// pages keeps what was read of streams, made ready to be sent, for the many
// sessions that come back or keep up at about the same place. Memory: limit,
// and what the queues of sessions still point to.
type pages struct {
	backlog Backlog
	now     func() time.Time
	limit   int // bytes

	mu    sync.Mutex // guards all below
	known map[pageKey]*page
	order list.List // of *page, the most recently used in front
	bytes int
	turns map[social.StreamKey]uint64 // how often a stream was forgotten while somebody read it
}

type pageKey struct {
	stream social.StreamKey
	number uint64
}

// page is what the store holds of seqs (number*pageSeqs, (number+1)*pageSeqs].
type page struct {
	key     pageKey
	loaded  chan struct{} // closed when all below is set; it does not change then
	err     error
	items   []item
	covered uint64 // the page is right up to here, which may be beyond its end
	until   time.Time
	bytes   int
	element *list.Element
	counted bool // in pages.bytes; guarded by pages.mu
}

// item is an entry of a stream, ready to be delivered.
type item struct {
	delivery *Delivery
	message  *message
}

func newPages(backlog Backlog, limit int, now func() time.Time) *pages {
	return &pages{
		backlog: backlog, now: now, limit: limit,
		known: make(map[pageKey]*page), turns: make(map[social.StreamKey]uint64),
	}
}

// read gives the entries of the stream behind after, as far as one page goes, and
// the seq up to which they are all there are. heard is a seq that is known to be
// committed. It blocks for the store.
func (ps *pages) read(ctx context.Context, stream social.StreamKey, after, heard uint64) ([]item, uint64, error) {
	p, err := ps.get(ctx, pageKey{stream, after / pageSeqs}, min(heard, (after/pageSeqs+1)*pageSeqs))
	if err != nil {
		return nil, 0, err
	}
	from := sort.Search(len(p.items), func(i int) bool { return p.items[i].message.seq > after })
	return p.items[from:], p.covered, nil
}

// get finds a page that is right up to least, or reads it; who asks for a page
// that somebody reads waits for it.
func (ps *pages) get(ctx context.Context, key pageKey, least uint64) (*page, error) {
	for {
		ps.mu.Lock()
		p := ps.known[key]
		if p == nil {
			p = &page{key: key, loaded: make(chan struct{})}
			ps.known[key] = p
			p.element = ps.order.PushFront(p)
			turn := ps.turns[key.stream]
			ps.mu.Unlock()
			ps.load(ctx, p, least, turn)
			return p, p.err
		}
		ps.order.MoveToFront(p.element)
		ps.mu.Unlock()
		select {
		case <-p.loaded:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if p.err == nil && p.covered >= least && ps.now().Before(p.until) {
			return p, nil
		}
		ps.mu.Lock()
		ps.dropLocked(p)
		ps.mu.Unlock()
	}
}

// load reads a page; it stays known if nothing of it changed meanwhile.
func (ps *pages) load(ctx context.Context, p *page, least, turn uint64) {
	defer close(p.loaded)
	var read []*Delivery
	begin := p.key.number * pageSeqs
	read, p.err = ps.backlog.Read(ctx, p.key.stream, "", begin, pageSeqs)
	p.until = ps.now().Add(pageLife)
	p.items, p.covered = makeItems(read, begin+pageSeqs, pageSeqs, least, ps.now())
	p.bytes = pageBytes
	for i := range p.items {
		p.bytes += 3*p.items[i].message.size() + 256 // payload and two frames
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p.err != nil || ps.turns[p.key.stream] != turn {
		ps.dropLocked(p)
		return
	}
	if ps.known[p.key] != p {
		return
	}
	p.counted = true
	ps.bytes += p.bytes
	for ps.bytes > ps.limit && ps.order.Len() > 1 {
		oldest := ps.order.Back().Value.(*page) //nolint:errcheck,forcetypeassert // nothing else is put in
		ps.dropLocked(oldest)
	}
}

// makeItems makes what was read ready, as far as end. covered is the seq up to
// which that is everything: a reading that was cut short by its limit says
// nothing of what is behind, any other holds all that was committed before it,
// which heard was.
func makeItems(read []*Delivery, end uint64, limit int, heard uint64, now time.Time) (items []item, covered uint64) {
	covered = end
	if len(read) < limit {
		covered = heard
	}
	for _, d := range read {
		if d.Seq > end {
			covered = d.Seq - 1
			break
		}
		covered = max(covered, d.Seq)
		m := newMessage(d, now)
		if m.size() <= mostFramed { // a large one costs more memory than copying it
			m.prepare(true, true)
			m.prepare(false, true)
		}
		items = append(items, item{d, m})
	}
	if len(read) == limit && len(items) == limit {
		covered = items[limit-1].message.seq
	}
	return items, covered
}

// forget drops what is known of a stream: something of it reads otherwise now.
func (ps *pages) forget(stream social.StreamKey) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.turns[stream]++
	for _, p := range ps.known {
		if p.key.stream == stream {
			ps.dropLocked(p)
		}
	}
}

func (ps *pages) dropLocked(p *page) {
	if ps.known[p.key] == p {
		delete(ps.known, p.key)
		ps.order.Remove(p.element)
		if p.counted {
			ps.bytes -= p.bytes
		}
	}
}
