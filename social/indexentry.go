package social

import (
	"cmp"
	"context"
	"slices"
)

// index reads what is new in these streams, a fair part of each, and writes it.
func (w *indexing) index(ctx context.Context, streams []StreamKey) (int, error) {
	if len(streams) == 0 {
		return 0, nil
	}
	lags, err := w.store.SearchLags(ctx, streams)
	if err != nil || len(lags) == 0 {
		return 0, err
	}
	put := SearchPut{Read: map[StreamKey]uint64{}}
	var ranges []SearchRange
	var more []StreamKey
	slices.SortFunc(lags, func(a, b SearchLag) int { return cmp.Compare(a.Head-a.At, b.Head-b.At) })
	room := uint64(max(w.Batch, 1)) //nolint:gosec // positive
	for i, l := range lags {
		if _, _, known := w.dir.spaceOfStream(l.Stream); !known {
			continue // too new for this directory; it is found again
		}
		if _, searched := w.searched(l.Stream); !searched {
			put.Read[l.Stream] = l.Head
			continue
		}
		part := max(room/uint64(len(lags)-i), 1) //nolint:gosec // positive
		to := min(l.Head, l.At+part)
		if to < l.Head {
			more = append(more, l.Stream)
		}
		room -= min(room, to-l.At)
		ranges = append(ranges, SearchRange{l.Stream, l.At, to})
		put.Read[l.Stream] = to
	}
	posts, err := w.store.SearchLog(ctx, ranges)
	if err != nil {
		return 0, err
	}
	if err := w.derive(ctx, posts, &put); err != nil {
		return 0, err
	}
	if err := w.store.PutSearch(ctx, put); err != nil {
		return 0, err
	}
	w.again(more)
	w.indexed.Add(uint64(len(put.Entries)))
	return len(posts), nil
}

// searched tells whether there is anything to find in a stream, and what.
func (x *Indexer) searched(stream StreamKey) (Sort, bool) {
	key, channel, ok := x.dir.spaceOfStream(stream)
	if !ok {
		return SortNone, false
	}
	space := x.dir.SpaceByKey(key)
	switch {
	case space.Deleted:
		return SortNone, false
	case channel == ChannelComments:
		return SortComment, true
	case channel != ChannelMessages:
		return SortNone, false
	case space.Kind == KindConversation:
		return SortMessage, true
	}
	return SortActivity, true
}

// derive works out what follows from entries of the log. What an edit or a removal is
// about is read as it is now.
func (w *indexing) derive(ctx context.Context, posts []Post, put *SearchPut) error {
	latest := make(map[PostRef]*Post, len(posts))
	var ids []ID
	for i := range posts {
		p := &posts[i]
		switch {
		case p.Counts():
			latest[p.Ref()] = p
		case (p.Type == TypeUpdate || p.Type == TypeDelete) && !p.Object.IsZero() && !slices.Contains(ids, p.Object):
			ids = append(ids, p.Object)
		}
	}
	if len(ids) > 0 {
		objects, err := w.store.SearchObjects(ctx, ids)
		if err != nil {
			return err
		}
		for i := range objects {
			latest[objects[i].Ref()] = &objects[i]
		}
	}
	for ref, p := range latest {
		sort, searched := w.searched(p.Stream)
		if !searched || !p.Removed.IsZero() {
			put.Gone = append(put.Gone, ref)
			continue
		}
		put.Entries = append(put.Entries, w.entry(p, sort))
	}
	return nil
}

func (x *Indexer) entry(p *Post, sort Sort) SearchEntry {
	e := SearchEntry{PostRef: p.Ref(), At: p.Published, Author: p.Author, Sort: sort, Private: p.Private, Words: x.words.Words(p.searchText())}
	if p.AsSpace {
		e.Author = 0
	}
	for _, tag := range p.Hashtags() {
		if tag = x.words.Tag(tag); tag != "" {
			e.Tags = append(e.Tags, tag)
		}
	}
	return e
}
