package storage_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rambla/social"
	"rambla/storage"
	"rambla/storage/storagetest"
)

// BenchmarkFeed reads pages of 20 for people with 500 memberships in a store of
// RAMBLA_BENCH_POSTS posts (100,000 where it is not set) in 1,000 streams, of
// which a few get most of the posts and every tenth fell silent early. One
// operation is one page: the newest, the same where others asked for the heads a
// moment ago, one from anywhere in the past, the newest of
// silent streams, of all streams, and by comments.
func BenchmarkFeed(b *testing.B) {
	posts := 100_000
	if n, err := strconv.Atoi(os.Getenv("RAMBLA_BENCH_POSTS")); err == nil {
		posts = n
	}
	for _, engine := range storagetest.Engines() {
		b.Run(string(engine), func(b *testing.B) {
			f := newFeedBench(b, storagetest.Open(b, engine), posts)
			mine := func(n int) social.FeedQuery {
				var out []social.FeedSource
				for _, i := range f.rand.Perm(len(f.sources))[:n] {
					out = append(out, f.sources[i])
				}
				return social.FeedQuery{Sources: out, Reader: f.reader, Limit: 20}
			}
			some, all, silent := mine(500), mine(len(f.sources)), mine(500)
			silent.Sources = f.silent
			talk := some
			talk.Order = social.ByComment
			b.Run("newest", func(b *testing.B) { f.run(b, func() social.FeedQuery { return some }) })
			b.Run("known", func(b *testing.B) { f.run(b, func() social.FeedQuery { return f.known(b, some) }) })
			b.Run("deep", func(b *testing.B) { f.run(b, func() social.FeedQuery { return f.deep(some) }) })
			b.Run("silent", func(b *testing.B) { f.run(b, func() social.FeedQuery { return silent }) })
			b.Run("all", func(b *testing.B) { f.run(b, func() social.FeedQuery { return all }) })
			b.Run("all-deep", func(b *testing.B) { f.run(b, func() social.FeedQuery { return f.deep(all) }) })
			b.Run("comments", func(b *testing.B) { f.run(b, func() social.FeedQuery { return talk }) })
			b.Run("one", func(b *testing.B) {
				f.run(b, func() social.FeedQuery {
					return f.deep(social.FeedQuery{Sources: f.sources[:1], Reader: f.reader, Limit: 20})
				})
			})
			b.Run("progress", func(b *testing.B) { f.progress(b, some.Sources) })
			b.Run("progress-page", func(b *testing.B) { f.progress(b, some.Sources[:20]) })
			b.Run("marks", func(b *testing.B) { f.marks(b) })
		})
	}
}

type feedBench struct {
	db      *storage.DB
	rand    *rand.Rand
	reader  social.PersonKey
	sources []social.FeedSource
	spaces  []*social.Space
	silent  []social.FeedSource
	heads   map[social.StreamKey]social.FeedHead
	from    time.Time
	to      time.Time
}

func newFeedBench(b *testing.B, db *storage.DB, posts int) *feedBench {
	b.Helper()
	ctx := b.Context()
	f := &feedBench{db: db, rand: rand.New(rand.NewPCG(1, 2)), from: storagetest.Epoch()} //nolint:gosec // no secret, and the same again
	author, err := db.CreatePerson(ctx, social.NewPerson{Name: "alice"}, f.from)
	if err != nil {
		b.Fatal(err)
	}
	if f.reader, err = db.CreatePerson(ctx, social.NewPerson{Name: "bob"}, f.from); err != nil {
		b.Fatal(err)
	}
	const streams = 1000
	for i := range streams {
		key, err := db.CreateSpace(ctx, social.Space{ID: fmt.Sprintf("space-%d", i), Owner: author}, f.from)
		if err != nil {
			b.Fatal(err)
		}
		err = db.Spaces(ctx, []social.SpaceKey{key}, func(s social.Space) {
			f.spaces = append(f.spaces, &s)
			f.sources = append(f.sources, social.FeedSource{
				Stream: s.Stream(social.ChannelMessages), Comments: s.Stream(social.ChannelComments), Since: f.from,
			})
		})
		if err != nil {
			b.Fatal(err)
		}
		if i%10 == 3 {
			f.silent = append(f.silent, f.sources[i])
		}
	}
	f.fill(b, author, posts)
	return f
}

// fill spreads posts over streams and a year.
func (f *feedBench) fill(b *testing.B, author social.PersonKey, posts int) {
	b.Helper()
	var ids social.IDs
	content := strings.Repeat("x", 256)
	const batch = 1000
	step := 365 * 24 * time.Hour / time.Duration(max(posts/batch, 1))
	f.to = f.from
	for done := 0; done < posts; done += batch {
		f.to = f.to.Add(step)
		entries := make([]social.Entry, batch)
		for i := range entries {
			at := int(float64(len(f.sources)) * f.rand.Float64() * f.rand.Float64())
			if at%10 == 3 && done > posts/20 {
				at++
			}
			entries[i].Post = &social.Post{
				Stream: f.sources[at].Stream, ID: ids.New(f.to), Type: social.TypeCreate, Author: author, Content: content, Generator: "mqtt",
			}
		}
		if _, err := f.db.Append(b.Context(), entries, f.to); err != nil {
			b.Fatal(err)
		}
	}
}

// known asks for the heads beforehand, once.
func (f *feedBench) known(b *testing.B, q social.FeedQuery) social.FeedQuery {
	b.Helper()
	if f.heads == nil {
		page, err := f.db.Feed(b.Context(), q)
		if err != nil {
			b.Fatal(err)
		}
		f.heads = map[social.StreamKey]social.FeedHead{}
		for _, h := range page.Heads {
			f.heads[h.Stream] = h
		}
	}
	q.Heads = f.heads
	return q
}

// deep begins anywhere.
func (f *feedBench) deep(q social.FeedQuery) social.FeedQuery {
	span := f.to.Sub(f.from)
	q.After = social.FeedPlace{At: f.from.Add(time.Duration(f.rand.Int64N(int64(span))))}
	return q
}

func (f *feedBench) run(b *testing.B, q func() social.FeedQuery) {
	var took []time.Duration
	for b.Loop() {
		ask, began := q(), time.Now()
		if _, err := f.db.Feed(b.Context(), ask); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	quantiles(b, took)
}

// progress is what an overview of memberships asks.
func (f *feedBench) progress(b *testing.B, sources []social.FeedSource) {
	var took []time.Duration
	var ask []social.ProgressQuery
	for _, s := range sources {
		ask = append(ask, social.ProgressQuery{Stream: s.Stream, Person: f.reader})
	}
	if err := f.readMost(b, ask); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		began := time.Now()
		if _, err := f.db.Progress(b.Context(), ask); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	quantiles(b, took)
}

// marks is what the token of such an overview asks.
func (f *feedBench) marks(b *testing.B) {
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		if _, err := f.db.SpaceMarks(b.Context(), f.reader, f.spaces[:500], time.Now()); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	quantiles(b, took)
}

// readMost leaves some posts unread in every fifth stream.
func (f *feedBench) readMost(b *testing.B, ask []social.ProgressQuery) error {
	is, err := f.db.Progress(b.Context(), ask)
	if err != nil {
		return err
	}
	moves := make([]social.MarkerMove, len(ask))
	for i := range ask {
		moves[i] = social.MarkerMove{ProgressQuery: ask[i], Receipt: social.Receipt{Read: is[i].Head}}
		if i%5 == 0 && is[i].Head > 7 {
			moves[i].Read -= 7
		}
	}
	_, err = f.db.MoveMarkers(b.Context(), moves, f.to)
	return err
}

func quantiles(b *testing.B, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	ms := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1))].Microseconds()) / 1000 }
	b.ReportMetric(ms(0.5), "p50-ms")
	b.ReportMetric(ms(0.99), "p99-ms")
}
