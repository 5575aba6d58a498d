package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"rambla/social"
)

// The bounds of reading a feed.
const (
	feedWidth  = 32     // streams that one round reads from
	feedFirst  = 8      // entries that the first round reads of each
	feedMost   = 512    // entries that a round reads of one
	feedBudget = 20_000 // entries that a page looks at; with fewer living ones among them it is short
)

// feedKey is how a feed is sorted, the greatest first.
type feedKey struct {
	at     int64
	stream int64
	seq    int64
}

func (k feedKey) compare(o feedKey) int {
	return cmp.Or(cmp.Compare(k.at, o.at), cmp.Compare(k.stream, o.stream), cmp.Compare(k.seq, o.seq))
}

// in is the place in a run of the stream: what is there behind k is less.
func (k feedKey) in(stream int64) feedKey {
	switch {
	case stream < k.stream:
		k.seq = 1<<63 - 1
	case stream > k.stream:
		k.seq = 0
	}
	k.stream = stream
	return k
}

// feedEntry is an entry that a feed has looked at.
type feedEntry struct {
	feedKey
	id      social.ID
	author  social.PersonKey
	asSpace bool
	visible bool // a living post that the reader may see and wants

	likes, rankedAt int64 // of a ranked list: what it is sorted by
}

// feedRun is what is left of one of the sorted runs that a feed is merged from:
// the posts of a stream in the order of their seqs, or those of them that were
// commented on in the order of their last comments.
type feedRun struct {
	stream    int64
	commented bool
	next      feedKey // nothing that is left is greater; at is 0 where nothing is left
	rough     bool    // next is no entry, but only a bound
	floor     int64   // what is at or below it is not the reader's, or gone
	chunk     int64   // how many entries to read next
}

func (r *feedRun) done() bool { return r.next.at == 0 }

// feed merges runs.
type feed struct {
	conn
	times *streamTimes
	social.FeedQuery
	runs    []*feedRun
	entries []feedEntry // all that was looked at
	seen    int         // how many of them are visible
	words   string      // of a search on PostgreSQL: only what matches this tsquery; else empty
	budget  int         // entries to look at; 0: feedBudget
	asked   []social.FeedHead
}

// Feed is [social.FeedStore]'s.
func (db *DB) Feed(ctx context.Context, q social.FeedQuery) (social.FeedPage, error) {
	f := &feed{conn: db.eng.reader(), times: db.times, FeedQuery: q}
	found, next, err := f.find(ctx, db.eng)
	var posts []social.Post
	if err == nil {
		posts, err = readPostsAt(ctx, f.conn, found)
	}
	if err != nil {
		return social.FeedPage{}, failure(fmt.Errorf("read a feed: %w", err))
	}
	return social.FeedPage{Posts: posts, Next: next, Heads: f.asked}, nil
}

// Authors is [social.FeedStore]'s.
func (db *DB) Authors(ctx context.Context, q social.FeedQuery, most int) ([]social.PersonKey, error) {
	var out []social.PersonKey
	// Mostly the first few posts tell.
	for _, limit := range []int{4 * most, q.Limit} {
		f := &feed{conn: db.eng.reader(), times: db.times, FeedQuery: q}
		f.Limit = limit
		found, next, err := f.find(ctx, db.eng)
		if err != nil {
			return nil, failure(fmt.Errorf("read who posted: %w", err))
		}
		out = out[:0]
		for _, e := range found {
			if !e.asSpace && !slices.Contains(out, e.author) {
				out = append(out, e.author)
			}
		}
		if len(out) >= most || next.IsZero() {
			break
		}
	}
	return out[:min(len(out), most)], nil
}

// find finds the posts of a page, and where the next one begins.
//
// The newest n posts are in the n streams with the newest heads at most, so the
// heads are read first, and of the others nothing. Times never go back in a
// stream: whatever is below an entry is no newer, so a run that was read down to
// something older than the n-th post found so far is done with.
func (f *feed) find(ctx context.Context, eng engine) (found []feedEntry, next social.FeedPlace, err error) {
	if err := f.begin(ctx); err != nil {
		return nil, next, err
	}
	want := f.Limit + 1 // one more tells whether there is a next page
	for {
		runs := f.turn(want)
		if len(runs) == 0 || len(f.entries) >= cmp.Or(f.budget, feedBudget) {
			break
		}
		if err := f.read(ctx, eng, runs); err != nil {
			return nil, next, err
		}
	}
	f.learn()
	found, next = f.cut()
	return found, next, nil
}

// learn remembers when the entries were published, where the next page may begin.
func (f *feed) learn() {
	if f.Order != social.ByPublished {
		return // by other times
	}
	keys := make([]feedKey, 0, len(f.entries))
	for _, e := range f.entries[:min(len(f.entries), 500)] {
		keys = append(keys, e.feedKey)
	}
	f.times.learn(keys)
}

// begin finds where each run begins behind the place.
func (f *feed) begin(ctx context.Context) error {
	after, err := f.place(ctx)
	if err != nil {
		return err
	}
	heads, err := f.heads(ctx)
	if err != nil {
		return err
	}
	var seek []*seekRun
	for _, s := range f.Sources {
		h := heads[int64(s.Stream)]
		r := &feedRun{stream: int64(s.Stream), floor: max(int64(s.Floor), h.floor), chunk: feedFirst} //nolint:gosec // came from a BIGINT, or MaxInt64
		if h.head > r.floor {
			r.next = feedKey{h.at, r.stream, h.head}
			f.runs = append(f.runs, r)
			if r.next.compare(after) >= 0 {
				seek = append(seek, &seekRun{run: r, low: r.floor, lowAt: micros(s.Since), high: h.head, highAt: h.at})
			}
		}
		if c := heads[int64(s.Comments)]; f.Order == social.ByComment && c.head > 0 && h.head > r.floor {
			top := feedKey{c.at, r.stream, h.head + 1}
			if top.compare(after) > 0 {
				top = after.in(r.stream)
			}
			f.runs = append(f.runs, &feedRun{stream: r.stream, commented: true, floor: r.floor, chunk: feedFirst, next: top, rough: true})
		}
	}
	if err := f.seek(ctx, after, seek); err != nil {
		return err
	}
	f.runs = slices.DeleteFunc(f.runs, func(r *feedRun) bool { return r.done() })
	return nil
}

// place is the key behind which the page begins: nothing is greater than it where
// that is the beginning.
func (f *feed) place(ctx context.Context) (feedKey, error) {
	const most = 1<<63 - 1
	if f.After.IsZero() {
		return feedKey{most, most, most}, nil
	}
	key := feedKey{at: micros(f.After.At), stream: most, seq: most}
	// By posts_id. A post that retention gave up is no longer there: what was
	// posted in the same microsecond may come again then.
	err := one(ctx, f, into(&key.stream, &key.seq), `SELECT stream, seq FROM posts WHERE id = $1`, f.After.Post[:])
	if errors.Is(err, errNoRow) {
		err = nil
	}
	return key, err
}

// streamHead is what tells how new a stream is.
type streamHead struct{ head, at, floor int64 }

// heads is how far the streams have got, but for those that are empty.
func (f *feed) heads(ctx context.Context) (map[int64]streamHead, error) {
	out := make(map[int64]streamHead, len(f.Sources))
	var ask []int64
	for _, stream := range f.Streams() {
		switch h, known := f.Heads[stream]; {
		case !known:
			ask = append(ask, int64(stream))
		case h.Head > h.Floor:
			out[int64(stream)] = streamHead{int64(h.Head), micros(h.At), int64(h.Floor)} //nolint:gosec // came from BIGINTs
		}
	}
	if len(ask) == 0 {
		return out, nil
	}
	// By primary key.
	err := each(ctx, f, func(rs rows) error {
		var (
			key int64
			h   streamHead
		)
		err := rs.Scan(&key, &h.head, &h.at, &h.floor)
		out[key] = h
		return err
	}, `SELECT id, head, head_at, floor FROM streams WHERE id = ANY($1) AND head > floor`, ask)
	for _, key := range ask {
		h := out[key]
		f.asked = append(f.asked, social.FeedHead{Stream: social.StreamKey(key), Head: uint64(h.head), At: moment(h.at), Floor: uint64(h.floor)}) //nolint:gosec // BIGINTs that are not negative
	}
	return out, err
}

// turn picks the runs to read from next: those that may hold something newer than
// the last of as many posts as are wanted, the newest first, and all of which no
// more is known. None: all is found.
func (f *feed) turn(want int) []*feedRun {
	least := feedKey{}
	if f.seen >= want {
		least = f.visible()[want-1].feedKey
	}
	var out []*feedRun
	for _, r := range f.runs {
		if !r.done() && r.next.compare(least) > 0 {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *feedRun) int { return b.next.compare(a.next) })
	n, most := 0, min(feedWidth, max(want-f.seen, 4))
	return slices.DeleteFunc(out, func(r *feedRun) bool {
		if !r.rough {
			n++
		}
		return !r.rough && n > most
	})
}

// visible are the posts found so far, the newest first.
func (f *feed) visible() []feedEntry {
	out := make([]feedEntry, 0, f.seen)
	for _, e := range f.entries {
		if e.visible {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b feedEntry) int { return b.compare(a.feedKey) })
	return out
}

// read looks at the next entries of runs.
func (f *feed) read(ctx context.Context, eng engine, runs []*feedRun) error {
	var plain, commented []*feedRun
	for _, r := range runs {
		if r.commented {
			commented = append(commented, r)
		} else {
			plain = append(plain, r)
		}
	}
	if err := f.readPlain(ctx, plain); err != nil {
		return err
	}
	if err := f.readCommented(ctx, eng, commented); err != nil {
		return err
	}
	for _, r := range runs {
		r.chunk = min(4*r.chunk, feedMost)
	}
	return nil
}

func (f *feed) add(e feedEntry) {
	e.visible = e.visible && (e.asSpace || !slices.Contains(f.Ignored, e.author))
	f.entries = append(f.entries, e)
	if e.visible {
		f.seen++
	}
}

// cut is the page: of the posts found those that nothing unread can come before,
// and where the next page begins.
func (f *feed) cut() (found []feedEntry, next social.FeedPlace) {
	var left feedKey // the greatest that was not looked at
	for _, r := range f.runs {
		if !r.done() && r.next.compare(left) > 0 {
			left = r.next
		}
	}
	found = f.visible()
	whole := 0
	for whole < len(found) && found[whole].compare(left) > 0 {
		whole++
	}
	if whole > f.Limit {
		last := found[f.Limit-1]
		return found[:f.Limit], social.FeedPlace{At: moment(last.at), Post: last.id}
	}
	if left.at == 0 {
		return found, social.FeedPlace{}
	}
	// The budget is spent. Go on behind the last entry before what was not looked at.
	last := feedEntry{}
	for _, e := range f.entries {
		if e.compare(left) > 0 && (last.at == 0 || e.compare(last.feedKey) < 0) {
			last = e
		}
	}
	return found[:whole], social.FeedPlace{At: moment(last.at), Post: last.id}
}

// readPostsAt reads whole posts, in the order of the entries.
func readPostsAt(ctx context.Context, c conn, entries []feedEntry) ([]social.Post, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	place := make(map[feedKey]int, len(entries))
	streams, seqs := make([]int64, len(entries)), make([]int64, len(entries))
	for i, e := range entries {
		streams[i], seqs[i] = e.stream, e.seq
		place[feedKey{0, e.stream, e.seq}] = i
	}
	out := make([]social.Post, len(entries))
	err := each(ctx, c, func(rs rows) error {
		p, err := scanPost(rs)
		out[place[feedKey{0, int64(p.Stream), int64(p.Seq)}]] = p //nolint:gosec // came from a BIGINT
		return err
	}, postsAt, streams, seqs)
	// What was removed or given up since is left out.
	out = slices.DeleteFunc(out, func(p social.Post) bool { return p.Seq == 0 || !p.Removed.IsZero() })
	for i := range out {
		if err == nil && out[i].Private {
			err = addReaders(ctx, c, out[i].Stream, out[i:i+1])
		}
	}
	return out, err
}
