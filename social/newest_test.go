package social

import (
	"context"
	"testing"
	"time"
)

// shownLog is a stream of three posts, and counts how often it is read.
type shownLog struct {
	Log
	FactStore
	head, reads uint64
	likes       int
}

func (l *shownLog) State(context.Context, StreamKey) (StreamState, error) {
	return StreamState{Head: l.head}, nil
}

func (l *shownLog) Posts(context.Context, PostQuery) ([]Post, error) {
	l.reads++
	return []Post{{Stream: 1, Seq: 3, Author: 1}, {Stream: 1, Seq: 2, Author: 2, Private: true, To: []PersonKey{3}}, {Stream: 1, Seq: 1, Author: 1}}, nil
}

func (l *shownLog) Facts(_ context.Context, person PersonKey, posts []PostRef) ([]Facts, error) {
	out := make([]Facts, len(posts))
	for i := range out {
		out[i] = Facts{Likes: uint64(l.likes), Liked: person != 0} //nolint:gosec // small
	}
	return out, nil
}

func (l *shownLog) Reactions(_ context.Context, posts []PostRef, limit int) (out []Reaction, err error) {
	for i := range min(l.likes, limit) {
		out = append(out, Reaction{Post: posts[0], Person: PersonKey(100 + i)})
	}
	return out, nil
}

func (l *shownLog) Head(StreamKey) (head, told uint64) { return l.head, l.head }

func TestTheStoreIsReadAgainOnlyAfterSomethingWasSaid(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	log := &shownLog{head: 3}
	n := NewNewest(log, log, log, func() time.Time { return now })
	space := &Space{Kind: KindContext}
	space.Streams[ChannelMessages] = 1
	read := func(reader PersonKey, floor uint64) (posts []Post, facts []Facts) {
		t.Helper()
		_, posts, facts, err := n.read(t.Context(), newestFor{space: space, floor: floor, reader: reader, person: reader, limit: 20})
		if err != nil {
			t.Fatal(err)
		}
		return posts, facts
	}
	if posts, _ := read(1, 0); posts != nil || log.reads != 0 {
		t.Errorf("for who reads a space once %d posts were loaded", len(posts))
	}
	for _, c := range []struct {
		reader PersonKey
		floor  uint64
		posts  int
	}{{1, 0, 2}, {2, 0, 3}, {3, 0, 3}, {3, 2, 1}, {3, 3, 0}} {
		if posts, facts := read(c.reader, c.floor); posts == nil || len(posts) != c.posts || len(facts) != c.posts {
			t.Errorf("%d is shown %d posts beyond %d, wanted %d", c.reader, len(posts), c.floor, c.posts)
		}
	}
	if log.reads != 1 {
		t.Errorf("the store was read %d times", log.reads)
	}
	for why, change := range map[string]func(){
		"an entry":   func() { log.head++ },
		"time":       func() { now = now.Add(newestLife) },
		"a favorite": func() { n.Forget(1); read(1, 0) },
	} {
		change()
		before := log.reads
		if posts, _ := read(1, 0); len(posts) != 2 || log.reads != before+1 {
			t.Errorf("after %s %d posts came from %d readings", why, len(posts), log.reads-before)
		}
	}
	log.head, log.likes = log.head+1, 5
	if _, facts := read(104, 0); !facts[0].Liked || facts[1].Liked || facts[0].Likes != 5 {
		t.Errorf("who liked one is told %+v", facts)
	}
	log.head, log.likes = log.head+1, newestReactions+1
	if _, facts := read(7, 0); !facts[1].Liked { // as the store says
		t.Errorf("of many likes one is told %+v", facts)
	}
}
